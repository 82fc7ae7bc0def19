-- Option tables: what is unknown, of a wrong type or out of range raises, and
-- says so in a way that helps.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

-- What an option table makes SSLContext say.
local function complaint(options)
  local done, message = pcall(ssl.SSLContext, options)
  assert.is_false(done)
  assert.is_string(message)
  return message
end

local function unknown(name, meant)
  local expected = ("unknown option '%s'"):format(name)
  if meant then expected = expected .. (" (did you mean '%s'?)"):format(meant) end
  local message = complaint {[name] = 1}
  assert.equal(expected, message:sub(-#expected))
end

describe("the table of options", function()
  it("is sorted, as it is searched", function()
    local rows = require "luassl.core".options
    for i = 2, #rows do assert.is_true(rows[i - 1].name < rows[i].name, rows[i].name) end
  end)
end)

describe("an unknown option", function()
  it("raises and names the nearest known one", function()
    unknown("cerfile", "certfile")
    unknown("certifle", "certfile")  -- neighbours that changed places
    unknown("keyfil", "keyfile")
    unknown("kye", "key")
    unknown("cipher", "ciphers")
    unknown("ciphersuite", "ciphersuites")
    unknown("minimum_versoin", "minimum_version")
    unknown("alpn_protocol", "alpn_protocols")
  end)

  it("is recognized in other spellings", function()
    unknown("CERTFILE", "certfile")
    unknown("Certfile", "certfile")
    unknown("ca-certs", "ca_certs")
    unknown("no_delay", "nodelay")
    unknown("checkhostname", "check_hostname")
  end)

  it("raises without a guess when nothing is near", function()
    unknown "mood"
    unknown "colour"
    unknown "zzz"
    unknown "c"
    unknown ""
    unknown(("x"):rep(32))
  end)

  it("is known as what others call it", function()
    for meant, names in pairs {
      ca_certs = {"cafile", "CAfile", "ca-file", "ca_cert", "RootCAs", "cacert", "ssl_trusted_certificate", "ca"},
      ca_path = {"capath", "CApath", "ca_cert_dir"},
      ca_data = {"cadata"},
      certfile = {"certificate", "cert_file", "ssl_certificate", "sslcert", "client_cert", "local_cert"},
      keyfile = {"key_file", "privateKey", "ssl_certificate_key", "sslkey", "local_pk"},
      password = {"passphrase", "key_password", "keypasswd", "pass"},
      cert_reqs = {"verify", "verify_mode", "ssl_verify", "rejectUnauthorized", "InsecureSkipVerify", "insecure",
        "verify_peer", "requestCert", "ClientAuth", "verifyext", "ssl_verifypeer", "skip_verify"},
      check_hostname = {"verify_hostname", "ssl_verifyhost", "verify_peer_name"},
      alpn_protocols = {"alpn", "ALPNProtocols", "NextProtos"},
      minimum_version = {"protocol", "min_version", "minVersion", "ssl_protocols", "secureProtocol", "tls_version"},
      maximum_version = {"max_version", "tls-max"},
      ssl_version = {"ssl_protocol"},
      ciphersuites = {"tls13-ciphers", "CipherSuites", "tls13_ciphers"},
      groups = {"curve", "curveslist", "ecdhCurve", "CurvePreferences"},
      pins = {"pinnedpubkey"}, psk = {"pskCallback", "psk_identity"},
      server_side = {"mode"},
      on_client_hello = {"SNICallback", "GetConfigForClient", "servername_cb"},
      on_verify = {"VerifyPeerCertificate", "checkServerIdentity"},
    } do
      for _, name in ipairs(names) do
        local message = complaint {[name] = 1}
        local said = ("unknown option '%s' (did you mean '%s'?"):format(name, meant)
        assert.truthy(message:find(said, 1, true), message)
        assert.is_nil((message:find("CERT_NONE", 1, true)))
        assert.is_nil((message:find("false", 1, true)))
      end
    end
    for _, name in ipairs {"servername", "server_name", "hostname", "host", "sni", "peer_name", "ServerName"} do
      assert.error_matches(function() ssl.connect("127.0.0.1", 1, {[name] = "a"}) end,
        "unknown option '" .. name .. "' %(did you mean 'server_hostname'%?")
      assert.matches("did you mean 'server_hostname'%? It belongs to the connection", complaint {[name] = "a"})
    end
  end)

  it("of others leads to one that there is", function()
    local known, last, count = {}, "", 0
    for _, option in ipairs(require "luassl.core".options) do known[option.name] = true end
    local source = helpers.read_file "src/context/foreign_names.c"
    for name, option in source:gmatch '\n  {"([^"]+)", "([^"]+)", ' do
      assert.is_true(known[option], option)
      assert.is_nil(known[name], name)
      assert.matches("^[a-z0-9]+$", name)
      assert.is_true(last < name, name)
      last, count = name, count + 1
    end
    assert.is_true(count > 100)
    assert.is_nil((source:find("CERT_NONE", 1, true)))
  end)

  it("that there is elsewhere says where", function()
    local context = assert(ssl.SSLContext())
    assert.matches("unknown option 'server_hostname' here %(it belongs to the connection: wrap_socket, ",
      complaint {server_hostname = "a"})
    assert.matches("unknown option 'timeout' here %(it is for connect and get_server_certificate%)",
      complaint {timeout = 1})
    assert.matches("unknown option 'context' here %(it is for wrap_socket and connect%)",
      complaint {context = context})
    for name, value in pairs {ca_certs = "x", ciphers = "x", cert_reqs = 0} do
      assert.error_matches(function() context:wrap_object {[name] = value} end,
        "unknown option '" .. name .. "' here %(it belongs to the context%)")
    end
    assert.error_matches(function() context:wrap_object {verify = 1} end,
      "did you mean 'cert_reqs'%? It belongs to the context")
  end)

  it("raises however long its name is", function()
    assert.matches("unknown option with a name of 33 bytes", complaint {[("x"):rep(33)] = 1})
    assert.matches("name of 1000000 bytes", complaint {[("x"):rep(1e6)] = 1})
  end)

  it("is not taken for a known one that ends at a NUL", function()
    assert.matches("unknown option 'certfile' ?", complaint {["certfile\0"] = "x"})
  end)

  it("raises in each function that takes options", function()
    local context = assert(ssl.SSLContext())
    assert.error_matches(function() context:wrap_object {server_hostnam = "a"} end,
      "did you mean 'server_hostname'")
    assert.error_matches(function() ssl.create_default_context {cafile = "a"} end, "unknown option 'cafile'")
    assert.error_matches(function() ssl.connect("127.0.0.1", 1, {cerfile = "a"}) end, "did you mean 'certfile'")
  end)
end)

describe("an option table", function()
  it("may be absent", function()
    assert(ssl.SSLContext())
    assert(ssl.SSLContext(nil))
    assert(ssl.SSLContext {})
  end)

  it("is nothing but a table", function()
    for _, options in ipairs {1, "certfile", true, print, io.stdout} do
      assert.matches("table expected", complaint(options))
    end
  end)

  it("has names as keys", function()
    assert.matches("options have names, this key is a number", complaint {"certfile"})
    assert.matches("options have names, this key is a boolean", complaint {[true] = 1})
    assert.matches("options have names, this key is a function", complaint {[print] = 1})
  end)

  it("must not inherit what would be overlooked", function()
    local safe = {__index = {cert_reqs = ssl.CERT_REQUIRED}}
    assert.matches("not inherited", complaint(setmetatable({}, safe)))
    assert.matches("not inherited", complaint(setmetatable({}, {__index = function() end})))
    assert(ssl.SSLContext(setmetatable({}, {})))
  end)
end)

describe("an option", function()
  it("that is a boolean takes nothing else", function()
    for _, value in ipairs {1, "true", {}} do
      assert.matches("option 'nodelay' must be a boolean, not a " .. type(value), complaint {nodelay = value})
    end
    assert(ssl.SSLContext {nodelay = false})
  end)

  it("that is a number takes finite ones from 0 on", function()
    for _, value in ipairs {-1, math.huge, -math.huge, 0 / 0} do
      assert.matches("option 'handshake_timeout' must be a finite number", complaint {handshake_timeout = value})
    end
    for _, value in ipairs {"1", true, {}} do
      assert.matches("option 'handshake_timeout' must be a number, not a " .. type(value),
        complaint {handshake_timeout = value})
    end
    assert(ssl.SSLContext {handshake_timeout = 0.5})
  end)

  it("that is one of a few integers takes no other", function()
    for _, value in ipairs {-1, 3, 1.5, 2 ^ 53, math.huge, 0 / 0} do
      assert.matches("option 'cert_reqs' must be an integer from 0 to 2", complaint {cert_reqs = value})
    end
    for _, value in ipairs {"1", true} do
      assert.matches("option 'cert_reqs' must be a number, not a " .. type(value), complaint {cert_reqs = value})
    end
  end)

  it("that is a string takes nothing else, and no NUL in a file's name", function()
    for _, value in ipairs {1, true, {}} do
      assert.matches("option 'ca_certs' must be a string, not a " .. type(value), complaint {ca_certs = value})
    end
    assert.matches("option 'ca_certs' must not hold a NUL byte", complaint {ca_certs = "a\0b"})
  end)

  it("complains where the caller is", function()
    local done, message = pcall(function() ssl.SSLContext {nodelay = 1} end)
    assert.is_false(done)
    assert.matches("%.lua:%d+: option 'nodelay'", message)
  end)
end)

describe("the table of options", function()
  local rows = require "luassl.core".options

  it("is in order, so that each is found", function()
    for i = 2, #rows do assert.is_true(rows[i - 1].name < rows[i].name, rows[i].name) end
  end)

  it("says of each what sessions are bound to", function()
    for _, row in ipairs(rows) do assert.is_boolean(row.bound, row.name) end
  end)

  it("is the documented one", function()
    local printer = helpers.spawn {helpers.interpreter, "doc/options.lua"}
    assert.equal(0, printer:wait())
    assert.equal(printer:output(), helpers.read_file "doc/options.md")
  end)
end)
