-- Certificates and private keys: what is accepted, and what a user reads when
-- something is wrong with a file.

local ssl = require "luassl"
local helpers = require "spec.support.helpers"

helpers.audit()

local file = helpers.file

local function read(name)
  return helpers.read_file(file(name))
end

-- A new file made of files of the PKI.
local function joined(...)
  local parts = {}
  for i, name in ipairs {...} do parts[i] = read(name) end
  return helpers.temp_file(table.concat(parts))
end

local function openssl(...)
  local peer = helpers.spawn {"openssl", ...}
  assert.are.equal(0, peer:wait(), peer:output())
end

-- The path of a key made by `openssl genpkey`, and of a certificate for it.
local function make(...)
  local key, cert = helpers.temp_name(), helpers.temp_name()
  openssl("genpkey", "-out", key, ...)
  openssl("req", "-x509", "-new", "-key", key, "-days", "2", "-subj",
    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", cert)
  return key, cert
end

-- Does a server with these options convince a client with those? If not: the
-- client's verify_code.
local function convinces(options, client_options)
  options.server_side = true
  local server = assert(ssl.SSLContext(options)):wrap_object()
  client_options.cert_reqs = ssl.CERT_REQUIRED
  local client = assert(ssl.SSLContext(client_options))
    :wrap_object {server_hostname = "localhost", check_hostname = true}
  local ok, err = helpers.handshake(client, server)
  client:close()
  server:close()
  return ok or err.verify_code
end

local function serve(options, ca)
  assert.is_true(convinces(options, {ca_certs = ca or file "root.crt"}))
end

local function refused(options)
  local context, err = ssl.SSLContext(options)
  assert.is_nil(context)
  assert.is_true(err:is(ssl.SSLError))
  return err
end

local function complains(options, kind, name, text)
  local err = refused(options)
  assert.are.equal(kind, err.kind)
  assert.are.equal(name, err.file)
  assert.are.equal(text, tostring(err))
end

describe("a certificate and its key", function()
  it("may be in one file, in any order", function()
    serve {certfile = joined("rsa.key", "rsa.crt")}
    serve {certfile = joined("rsa.crt", "rsa.key")}
    serve {certfile = joined("chained.crt", "chained.key", "intermediate.crt")}
    serve {certfile = joined("text.pem", "rsa.crt", "text.pem", "rsa.key")}
  end)

  it("may be in two files, or in two strings", function()
    serve {certfile = file "rsa.crt", keyfile = file "rsa.key"}
    serve {certfile = file "rsa.pem", keyfile = file "rsa.key"}
    serve {cert = read "rsa.crt", key = read "rsa.key"}
    serve {cert = read "rsa.pem"}
    serve {certfile = file "rsa.crt", key = read "rsa.key"}
    serve {cert = read "rsa.crt", keyfile = file "rsa.key"}
  end)

  it("may have other blocks and text around them, and any line ends", function()
    local pem = "Bag\n" .. read "rsa.pem" .. "\0trailing"
    serve {cert = pem}
    serve {cert = pem:gsub("\n", "\r\n") .. ""}
  end)

  it("may be of any type", function()
    for _, name in ipairs {"rsa", "ecdsa", "ed25519"} do
      serve {certfile = file(name .. ".pem")}
    end
    for _, arguments in ipairs {
      {"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"},
      {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"},
      {"-algorithm", "ED448"},
    } do
      local key, cert = make((table.unpack or unpack)(arguments))
      serve({certfile = cert, keyfile = key}, cert)
    end
  end)

  it("may be in the older formats of keys", function()
    local key = helpers.temp_name()
    openssl("rsa", "-in", file "rsa.key", "-traditional", "-out", key)
    assert.is_truthy(helpers.read_file(key):find("BEGIN RSA PRIVATE", 1, true))
    serve {certfile = file "rsa.crt", keyfile = key}
    local parameters = helpers.temp_name()
    openssl("ecparam", "-name", "prime256v1", "-out", parameters)
    openssl("ec", "-in", file "ecdsa.key", "-out", key)
    serve {certfile = file "ecdsa.crt", keyfile = helpers.temp_file(
      helpers.read_file(parameters) .. helpers.read_file(key))}
  end)

  it("may come through a pipe", function()
    local name = helpers.temp_name()
    assert.are.equal(0, helpers.spawn {"mkfifo", name}:wait())
    local writer = helpers.spawn {"sh", "-c",
      ('cat "%s" > "%s"'):format(file "rsa.pem", name)}
    serve {certfile = name}
    writer:wait()
  end)

  it("must belong together", function()
    complains({certfile = file "rsa.crt", keyfile = file "ecdsa.key"},
      "key_mismatch", file "ecdsa.key", ("keyfile: the private key in %s "
        .. "does not belong to the certificate in %s")
        :format(file "ecdsa.key", file "rsa.crt"))
    complains({cert = read "rsa.crt", key = read "other.key"}, "key_mismatch",
      nil, "key: the private key in it does not belong to the certificate in "
        .. "option cert")
    local name = joined("ecdsa.key", "rsa.crt")
    complains({certfile = name}, "key_mismatch", name, ("certfile: the "
      .. "private key and the certificate in %s do not belong together")
      :format(name))
  end)

  it("are refused when too weak for the security level", function()
    local key, cert = make("-algorithm", "RSA", "-pkeyopt",
      "rsa_keygen_bits:1024")
    local err = refused {certfile = cert, keyfile = key}
    assert.are.equal("weak", err.kind)
    assert.are.equal(cert, err.file)
    assert.is_userdata(ssl.SSLContext {certfile = cert, keyfile = key,
      ciphers = "DEFAULT:@SECLEVEL=0"})
  end)
end)

describe("a chain", function()
  it("is sent as the file has it", function()
    serve {certfile = file "chained.pem"}
    serve {certfile = joined("chained.pem", "root.crt")}
    assert.are.equal(20, convinces({certfile = joined("chained.crt",
      "chained.key")}, {ca_certs = file "root.crt"}))  -- no local issuer
  end)

  it("of a lone certificate is completed from ca_certs", function()
    serve {certfile = file "chained.crt", keyfile = file "chained.key",
      ca_certs = file "roots.crt"}
  end)
end)

describe("an encrypted key", function()
  local keys = {"rsa-pkcs8.key", "rsa-traditional.key"}

  it("is opened by a passphrase", function()
    for _, name in ipairs(keys) do
      serve {certfile = file "rsa.crt", keyfile = file(name),
        password = "secret"}
      serve {cert = read "rsa.crt", key = read(name), password = "secret"}
    end
    serve {certfile = file "rsa-encrypted.pem", password = "secret"}
    serve {certfile = joined("rsa.crt", "rsa-traditional.key"),
      password = "secret"}
  end)

  it("is opened by a function, called once with the key's name", function()
    local called = {}
    local function password(...)
      called[#called + 1] = {...}
      return "secret"
    end
    for _, name in ipairs(keys) do
      serve {certfile = file "rsa.crt", keyfile = file(name),
        password = password}
    end
    serve {cert = read "rsa.crt", key = read(keys[1]), password = password}
    serve {certfile = file "rsa-encrypted.pem", password = password}
    assert.are.same({{file(keys[1])}, {file(keys[2])}, {"key"},
      {file "rsa-encrypted.pem"}}, called)
  end)

  it("may have an empty passphrase, a long one, any bytes", function()
    for _, passphrase in ipairs {"", ("long"):rep(255) .. "123", "\1\255\n"} do
      local name = helpers.temp_name()
      openssl("pkcs8", "-topk8", "-in", file "rsa.key", "-out", name,
        "-passout", "file:" .. helpers.temp_file(passphrase .. "\n"))
      if not passphrase:find "\n" then
        serve {certfile = file "rsa.crt", keyfile = name,
          password = passphrase}
      end
    end
  end)

  it("is refused without a passphrase, and nothing is asked", function()
    for _, name in ipairs(keys) do
      complains({certfile = file "rsa.crt", keyfile = file(name)},
        "passphrase", file(name), ("keyfile: the private key in %s is "
          .. "encrypted: its passphrase goes in option password")
          :format(file(name)))
    end
  end)

  it("is refused with a wrong passphrase, which is not told", function()
    for _, name in ipairs(keys) do
      for _, wrong in ipairs {"hunter2", "", "secre", ("x"):rep(1023)} do
        local err = refused {certfile = file "rsa.crt", keyfile = file(name),
          password = wrong}
        assert.are.equal("passphrase", err.kind)
        assert.are.equal(("keyfile: wrong passphrase for %s"):format(file(name)),
          tostring(err))
        for _, entry in ipairs(err.stack) do
          assert.is_nil(entry:find("hunter2", 1, true))
        end
      end
    end
    complains({cert = read "rsa.crt", key = read(keys[1]), password = "x"},
      "passphrase", nil, "key: wrong passphrase for it")
  end)

  it("is refused with a passphrase beyond measure", function()
    complains({certfile = file "rsa.crt", keyfile = file(keys[1]),
      password = ("x"):rep(1024)}, "passphrase", file(keys[1]),
      ("keyfile: the passphrase for %s has more than 1023 bytes")
        :format(file(keys[1])))
  end)

  it("is refused with what the function raised", function()
    local values = {{}, "a string", true, 42}
    for _, value in ipairs(values) do
      local context, err = ssl.SSLContext {certfile = file "rsa.crt",
        keyfile = file(keys[1]), password = function() error(value, 0) end}
      assert.is_nil(context)
      assert.are.equal(value, err)
    end
    complains({cert = read "rsa.crt", key = read(keys[1]),
      password = function() error() end}, "passphrase", nil,
      "key: the password function for it raised nil")
    complains({cert = read "rsa.crt", key = read(keys[1]),
      password = function() end}, "passphrase", nil,
      "key: the password function gave no passphrase for it")
  end)

  it("raises when the function returns no string", function()
    for _, value in ipairs {{}, 42, true} do
      assert.has_error(function()
        ssl.SSLContext {cert = read "rsa.crt", key = read(keys[1]),
          password = function() return value end}
      end, ("option 'password' is a function that returned a %s, not a string")
        :format(type(value)))
    end
  end)

  it("may have a function that makes contexts itself", function()
    serve {certfile = file "rsa.crt", keyfile = file(keys[1]),
      password = function()
        assert.is_nil(ssl.SSLContext {certfile = "/nowhere"})
        serve {certfile = file "rsa.crt", keyfile = file(keys[2]),
          password = "secret"}
        return "secret"
      end}
  end)

  it("that is none needs no password", function()
    serve {certfile = file "rsa.pem", password = "not needed"}
    serve {certfile = file "rsa.pem", password = function() error "called" end}
  end)

  it("in a way that OpenSSL lacks says so", function()
    local key, name = read "rsa-traditional.key", helpers.temp_name()
    helpers.temp_file(key)
    local made = helpers.spawn {"openssl", "rsa", "-in", file "rsa.key",
      "-traditional", "-des", "-passout", "pass:secret", "-provider",
      "legacy", "-provider", "default", "-out", name}
    if made:wait() ~= 0 then return end  -- this OpenSSL cannot make one either
    complains({certfile = file "rsa.crt", keyfile = name,
      password = "secret"}, "unsupported", name, ("keyfile: the private "
        .. "key in %s is encrypted in a way that this OpenSSL does not support")
        :format(name))
  end)
end)

describe("a bad file", function()
  local function each(name, text, kind)
    for _, option in ipairs {"certfile", "ca_certs"} do
      complains({[option] = name}, kind or "pem", name,
        ("%s: %s"):format(option, text:gsub("%%s", {["%s"] = name})))
    end
  end

  it("that does not exist", function()
    each("/nowhere/server.pem", "%s does not exist", "file")
    complains({certfile = file "rsa.crt", keyfile = "nowhere.key"}, "file",
      "nowhere.key", "keyfile: nowhere.key does not exist")
    complains({ca_path = "/nowhere"}, "file", "/nowhere",
      "ca_path: /nowhere does not exist")
  end)

  it("that is a directory, or no directory", function()
    local name = file "empty"
    complains({certfile = name}, "file", name, ("certfile: %s is a "
      .. "directory, not a PEM file"):format(name))
    complains({ca_certs = name}, "file", name, ("ca_certs: %s is a "
      .. "directory, not a PEM file; one with hashed names goes in option "
      .. "ca_path"):format(name))
    name = file "root.crt"
    complains({ca_path = name}, "file", name, ("ca_path: %s is not a "
      .. "directory: a file goes in option ca_certs"):format(name))
  end)

  it("that cannot be read", function()
    each("/proc/self/mem", "cannot read %s: Input/output error", "file")
    each(file "rsa.crt" .. "/below", "cannot read %s: Not a directory",
      "file")
  end)

  it("that never ends", function()
    each("/dev/zero", "%s has more than 16 MiB", "file")
  end)

  it("that is empty", function()
    each(file "empty.pem", "%s is empty")
    each("/dev/null", "%s is empty")
  end)

  it("that is not PEM", function()
    each(file "text.pem", "no certificate in %s: it is neither DER nor PEM, "
      .. "which has lines that begin with -----BEGIN")
    local indented = helpers.temp_file((read "rsa.crt":gsub("%-%-%-%-%-BEGIN",
      " %0")))
    each(indented, "no certificate in %s: it is neither DER nor PEM, which has "
      .. "lines that begin with -----BEGIN")
    complains({certfile = file "rsa.crt", keyfile = file "text.pem"}, "pem",
      file "text.pem", ("keyfile: no private key in %s: it is neither "
        .. "DER nor PEM, which has lines that begin with -----BEGIN")
        :format(file "text.pem"))
  end)

  it("that is DER of something else", function()
    local key, pkcs12, pkcs7 = helpers.temp_name(), helpers.temp_name(), helpers.temp_name()
    openssl("pkey", "-in", file "rsa.key", "-outform", "DER", "-out", key)
    each(key, "no certificate in %s, but a private key in DER")
    openssl("pkcs8", "-topk8", "-in", file "rsa.key", "-outform", "DER", "-passout", "pass:x", "-out", key)
    each(key, "no certificate in %s, but a private key in DER")
    openssl("pkcs12", "-export", "-in", file "rsa.pem", "-passout", "pass:x", "-out", pkcs12)
    each(pkcs12, "no certificate in %s, but PKCS#12, which a context takes as pkcs12_file or pkcs12")
    openssl("crl2pkcs7", "-nocrl", "-certfile", file "rsa.crt", "-outform", "DER", "-out", pkcs7)
    each(pkcs7, ('%%s is PKCS#7, whose certificates have to be taken out: "openssl pkcs7 -inform DER -print_certs -in '
      .. '%s -out %s.pem" converts it'):format(pkcs7, pkcs7))
    complains({certfile = file "rsa.crt", keyfile = file "rsa.der"}, "pem", file "rsa.der",
      ("keyfile: no private key in %s, but a certificate in DER"):format(file "rsa.der"))
    complains({cert = read "rsa.der"}, "pem", nil, "cert: no private key in it, but a certificate in DER")
    local damaged = helpers.temp_file(read "rsa.der" .. read "rsa.der":sub(1, -2))
    local err = refused {ca_certs = damaged}
    assert.is_truthy(err:find("certificate 2 in " .. damaged .. " is damaged (", 1, true))
  end)

  it("that has something else", function()
    each(file "rsa.key", "no certificate in %s, but a PRIVATE KEY")
    complains({certfile = file "rsa.crt", keyfile = file "ecdsa.crt"}, "pem",
      file "ecdsa.crt", ("keyfile: no private key in %s, but a "
        .. "CERTIFICATE"):format(file "ecdsa.crt"))
    complains({certfile = file "rsa.crt"}, "pem", file "rsa.crt",
      ("certfile: no private key in %s, nor an option keyfile")
        :format(file "rsa.crt"))
    complains({cert = read "rsa.crt"}, "pem", nil,
      "cert: no private key in it, but a CERTIFICATE")
  end)

  it("that is damaged", function()
    for _, option in ipairs {"certfile", "ca_certs"} do
      local err = refused {[option] = file "garbage.pem"}
      assert.are.equal("pem", err.kind)
      assert.is_truthy(err:find("certificate 1 in " .. file "garbage.pem"
        .. " is damaged (", 1, true))
    end
    local cut = helpers.temp_file(read "root.crt" .. read "rsa.crt":sub(1, -40))
    local err = refused {ca_certs = cut}
    assert.is_truthy(err:find "certificate 2 in .* is damaged")
    -- OpenSSL itself says nothing of these.
    for _, body in ipairs {"", "\n", "MIIB\n\n"} do
      local path = helpers.temp_file("-----BEGIN CERTIFICATE-----\n" .. body
        .. "-----END CERTIFICATE-----\n")
      complains({ca_certs = path}, "pem", path, ("ca_certs: certificate 1 in %s "
        .. "is damaged (there is nothing in it, or an empty line at its end)")
        :format(path))
    end
    local key = helpers.temp_file(read "rsa.key":sub(1, 400)
      .. "\n-----END PRIVATE KEY-----\n")
    complains({certfile = file "rsa.crt", keyfile = key}, "pem", key,
      ("keyfile: the private key in %s is damaged, or of a type that this "
        .. "OpenSSL does not know"):format(key))
  end)

  it("is a bad string likewise", function()
    complains({cert = ""}, "pem", nil, "cert: it is empty")
    complains({ca_data = ""}, "pem", nil, "ca_data: it is empty")
    complains({ca_data = "\0\0"}, "pem", nil, "ca_data: no certificate in it: "
      .. "it is neither DER nor PEM, which has lines that begin with -----BEGIN")
    complains({cert = ("x"):rep(16 * 2 ^ 20 + 1)}, "pem", nil,
      "cert: it has more than 16 MiB")
    for _, text in ipairs {"-----BEGIN ", "-----BEGIN", "-", "0", "0\130\255",
      "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n",
      "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n"} do
      refused {ca_data = text}
      refused {cert = text}
      refused {cert = read "rsa.crt", key = text}
    end
  end)
end)

describe("trust", function()
  local function trusts(options, cert)
    return convinces({certfile = file((cert or "rsa") .. ".pem")}, options)
  end

  it("comes from files of several chains", function()
    for _, name in ipairs {"rsa", "chained", "untrusted"} do
      assert.is_true(trusts({ca_certs = file "roots.crt"}, name))
    end
    assert.are.equal(20, trusts({ca_certs = file "root.crt"}, "untrusted"))
  end)

  it("comes from strings, from both, twice", function()
    assert.is_true(trusts {ca_data = read "root.crt"})
    assert.is_true(trusts({ca_data = read "root.crt",
      ca_certs = file "other-root.crt"}, "untrusted"))
    assert.is_true(trusts {ca_data = read "root.crt" .. read "root.crt",
      ca_certs = file "root.crt"})
  end)

  it("comes from hashed directories", function()
    local directory = helpers.temp_name()
    openssl("version")
    assert.are.equal(0, helpers.spawn {"mkdir", directory}:wait())
    assert.are.equal(20, trusts {ca_path = directory})
    assert.are.equal(0, helpers.spawn {"cp", file "root.crt",
      directory .. "/root.pem"}:wait())
    openssl("rehash", directory)
    assert.is_true(trusts {ca_path = directory})
    assert.are.equal(20, trusts({ca_path = directory}, "untrusted"))
    assert.is_true(trusts({ca_path = directory,
      ca_data = read "other-root.crt"}, "untrusted"))
    local colon = directory .. ":x"
    assert.are.equal(0, helpers.spawn {"mkdir", colon}:wait())
    complains({ca_path = colon}, "file", colon, ("ca_path: the real path of %s has a "
      .. "colon, where OpenSSL would take it apart"):format(colon))
    local alias = helpers.temp_name()
    assert.are.equal(0, helpers.spawn {"ln", "-s", colon, alias}:wait())
    complains({ca_path = alias}, "file", alias, ("ca_path: the real path of %s has a "
      .. "colon, where OpenSSL would take it apart"):format(alias))
  end)

  it("can be in an intermediate, or in the certificate itself", function()
    assert.is_true(trusts({ca_certs = file "intermediate.crt"}, "chained"))
    assert.is_true(trusts({ca_certs = file "rsa.crt"}, "rsa"))
    assert.is_true(trusts({ca_certs = file "selfsigned.crt"}, "selfsigned"))
  end)

  it("obeys trusted certificates", function()
    local function trusted(...)
      local name = helpers.temp_name()
      openssl("x509", "-in", file "root.crt", "-trustout", "-out", name, ...)
      return name
    end
    assert.is_true(trusts {ca_certs = trusted("-addtrust", "serverAuth")})
    assert.are.equal(28, trusts {  -- rejected
      ca_certs = trusted("-addreject", "serverAuth")})
  end)
end)
