-- Certificate, chain and key in one PKCS#12 file or string.
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

-- The path of a PKCS#12 file of rsa.pem, made with these arguments.
local function export(...)
  local path = helpers.temp_name()
  serving.openssl("pkcs12", "-export", "-in", file "rsa.pem", "-out", path, ...)
  return path
end

local function refused(options)
  options.server_side = true
  local context, err = ssl.SSLContext(options)
  assert.is_nil(context)
  assert.is_true(err:is(ssl.SSLError))
  return err
end

local function complains(options, kind, text)
  local err = refused(options)
  assert.equal(kind, err.kind)
  assert.equal(options.pkcs12_file, err.file)
  assert.equal((options.pkcs12_file and "pkcs12_file: " or "pkcs12: ") .. text, tostring(err))
end

describe("PKCS#12", function()
  it("has certificate, chain and key, in a file or a string", function()
    local path = helpers.temp_name()
    serving.openssl("pkcs12", "-export", "-in", file "chained.crt", "-inkey", file "chained.key", "-certfile",
      file "intermediate.crt", "-passout", "pass:secret", "-out", path)
    for _, options in ipairs {{pkcs12_file = path}, {pkcs12 = helpers.read_file(path)}} do
      options.password = "secret"
      local context = serving.context(options)
      assert.same({}, context:warnings())
      local chain = serving.chain(context)
      assert.equal(helpers.read_file(file "chained.crt"), chain[1])
      assert.equal(helpers.read_file(file "intermediate.crt"), chain[2])
    end
  end)

  it("is put in order", function()
    local path = helpers.temp_name()
    serving.openssl("pkcs12", "-export", "-in", file "chained.crt", "-inkey", file "chained.key", "-certfile",
      helpers.temp_file(helpers.read_file(file "root.crt") .. helpers.read_file(file "intermediate.crt")),
      "-passout", "pass:", "-out", path)
    local context = serving.context {pkcs12_file = path}
    assert.equal("order", context:warnings()[1].kind)
    assert.equal(helpers.read_file(file "intermediate.crt"), serving.chain(context)[2])
  end)

  it("may have no passphrase, an empty one, one that is no ASCII, one without a MAC", function()
    serving.context {pkcs12_file = export("-passout", "pass:")}
    serving.context {pkcs12_file = export("-passout", "pass:"), password = ""}
    serving.context {pkcs12_file = export("-passout", "pass:"), password = function() error "called" end}
    serving.context {pkcs12_file = export("-passout", "pass:", "-keypbe", "NONE", "-certpbe", "NONE", "-nomac")}
    serving.context {pkcs12_file = export("-passout", "pass:Gr\195\182\195\159e"), password = "Gr\195\182\195\159e"}
    serving.context {pkcs12_file = export("-passout", "pass:x", "-nomac"), password = "x"}
    serving.context {pkcs12_file = export("-passout", "pass:x", "-keypbe", "PBE-SHA1-3DES", "-certpbe",
      "PBE-SHA1-3DES"), password = "x"}
  end)

  it("is opened by a function, called with the file's name", function()
    local path, called = export("-passout", "pass:secret"), {}
    local function password(...)
      called[#called + 1] = {...}
      return "secret"
    end
    serving.context {pkcs12_file = path, password = password}
    serving.context {pkcs12 = helpers.read_file(path), password = password}
    assert.same({{path}, {"pkcs12"}}, called)
    local _, err = ssl.SSLContext {pkcs12_file = path, password = function() error("mine", 0) end}
    assert.equal("mine", err)
  end)

  it("is refused with a wrong passphrase, and without one", function()
    for _, path in ipairs {export("-passout", "pass:secret"), export("-passout", "pass:secret", "-nomac")} do
      complains({pkcs12_file = path, password = "hunter2"}, "passphrase", "wrong passphrase for " .. path)
      complains({pkcs12_file = path}, "passphrase", path .. " is encrypted: its passphrase goes in option password")
    end
    local text = helpers.read_file(export("-passout", "pass:secret"))
    complains({pkcs12 = text, password = "hunter2"}, "passphrase", "wrong passphrase for it")
    complains({pkcs12 = text, password = "secret\0"}, "passphrase", "the passphrase for it has a NUL byte")
    complains({pkcs12 = text, password = function() end}, "passphrase",
      "the password function gave no passphrase for it")
  end)

  -- RC2 is in OpenSSL's legacy provider alone.
  it("of old says with which command it is converted, and so it is", function()
    local path = export("-passout", "pass:secret", "-legacy")
    local err = refused {pkcs12_file = path, password = "secret"}
    assert.equal("unsupported", err.kind)
    assert.equal(path, err.file)
    assert.truthy(err:find("encrypted in an old way (pbeWithSHA1And40BitRC2-CBC)", 1, true), tostring(err))
    local command = err:match '"(openssl [^"]+)"'
    local converted = helpers.temp_name()
    command = command:gsub("new%.pem", converted) .. " -passin pass:secret -passout pass:other"
    local peer = helpers.spawn {"sh", "-c", command}
    assert.equal(0, peer:wait(), peer:output())
    serving.context {certfile = converted, password = "other"}
    err = refused {pkcs12 = helpers.read_file(path), password = "secret"}
    assert.truthy(err:find('"openssl pkcs12 -legacy -in old.p12 -out new.pem"', 1, true))
  end)

  it("without a key says so", function()
    local path = helpers.temp_name()
    serving.openssl("pkcs12", "-export", "-nokeys", "-in", file "rsa.crt", "-passout", "pass:", "-out", path)
    complains({pkcs12_file = path}, "pem", "no private key in " .. path)
  end)

  it("that is something else says what goes where", function()
    for _, name in ipairs {"rsa.pem", "rsa.der", "text.pem"} do
      complains({pkcs12_file = file(name)}, "pem", file(name) .. " is not PKCS#12: PEM and DER go in options "
        .. "certfile and keyfile")
    end
    complains({pkcs12 = "server.p12"}, "pem", "it is not PKCS#12: PEM and DER go in options cert and key, a file's "
      .. "name in option pkcs12_file")
    complains({pkcs12 = ""}, "pem", "it is empty")
    complains({pkcs12_file = "/nowhere"}, "file", "/nowhere does not exist")
    complains({pkcs12_file = file "empty.pem"}, "pem", file "empty.pem" .. " is empty")
  end)

  it("that is damaged is refused, wherever", function()
    local text = helpers.read_file(export("-passout", "pass:secret"))
    for i = 1, #text, 37 do
      local damaged = text:sub(1, i - 1) .. string.char((text:byte(i) + 1) % 256) .. text:sub(i + 1)
      local context, err = ssl.SSLContext {pkcs12 = damaged, password = "secret"}
      assert.is_true(context ~= nil or err:is(ssl.SSLError))
      assert.is_nil(ssl.SSLContext {pkcs12 = text:sub(1, i - 1), password = "secret"})
    end
  end)
end)
