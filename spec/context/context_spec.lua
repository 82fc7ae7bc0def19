-- SSLContext: its options, and what they do to connections.

local ssl = require "luassl"
local helpers = require "spec.support.helpers"

helpers.audit()

local file = helpers.file

local function pair_of(client, server)
  return assert(client:wrap_object {server_hostname = "localhost"}),
    assert(server:wrap_object())
end

local function close(...)
  for i = 1, select("#", ...) do select(i, ...):close() end
end

-- The handshake of a verifying client and a server, with options added.
local function meet(client_options, server_options, inspect)
  local client, server = helpers.pair {
    client = client_options, server = server_options}
  local ok, client_error, server_error = helpers.handshake(client, server)
  local found = inspect and ok and inspect(client, server)
  close(client, server)
  return ok, client_error, server_error, found
end

local function raises(options, text)
  local ok, err = pcall(ssl.SSLContext, options)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
end

local function refused(options, kind, text)
  local context, err = ssl.SSLContext(options)
  assert.is_nil(context)
  assert.are.equal(kind, err.kind)
  assert.are.equal(text, tostring(err))
end

describe("SSLContext", function()
  it("needs no options", function()
    assert.are.equal("SSLContext (client)", tostring(ssl.SSLContext()))
    assert.are.equal("SSLContext (client)", tostring(ssl.SSLContext {}))
    assert.are.equal("SSLContext (server)",
      tostring(ssl.SSLContext {server_side = true}))
  end)

  it("shows others a copy of its methods", function()
    local shown = getmetatable(ssl.SSLContext())
    assert.is_function(shown.__index.get)
    assert.is_nil(shown.__gc)
    local get = shown.__index.get
    shown.__index.get = nil
    assert.are.equal(0, ssl.SSLContext():get "cert_reqs")
    shown.__index.get = get
  end)

  it("refuses any other self", function()
    local context = ssl.SSLContext()
    for _, name in ipairs {"get", "set"} do
      for _, other in ipairs {false, {}, 1, "x", io.stdout} do
        assert.has_error(function() context[name](other, "cert_reqs") end)
      end
      assert.has_error(function() context[name]() end)
    end
  end)

  it("raises on unknown names and wrong types", function()
    raises({cerfile = "x"}, "unknown option 'cerfile' (did you mean 'certfile'?)")
    raises({1}, "this key is a number")
    for _, wrong in ipairs {"x", 1, true, io.stdout, print} do
      raises(wrong, "table expected")
    end
    for name, wrong in pairs {
      alpn_protocols = "h2", ca_certs = 1, ca_data = true, ca_path = {},
      cert = 1, cert_reqs = "x", certfile = {}, check_hostname = 1,
      ciphers = 1, ciphersuites = {}, handshake_timeout = "1", key = true,
      keyfile = print, maximum_version = 1.2, minimum_version = {},
      nodelay = "no", password = 1, server_side = 0, ssl_version = "TLSv1",
      suppress_ragged_eofs = {}, system_trust = "yes",
    } do
      raises({[name] = wrong}, "option '" .. name .. "' must be")
    end
    raises({certfile = "a\0b"}, "option 'certfile' must not hold a NUL byte")
  end)

  it("raises on values that cannot be", function()
    for _, value in ipairs {3, -1, 0.5, 0 / 0} do
      raises({cert_reqs = value}, "option 'cert_reqs' must be an integer")
    end
    raises({ssl_version = 7}, "option 'ssl_version' must be an integer")
    for _, value in ipairs {0, -1, math.huge, 0 / 0} do
      raises({handshake_timeout = value}, "option 'handshake_timeout' must be")
    end
    for _, value in ipairs {"", "TLS1.2", "tlsv1.2", "SSLv3", "TLSv1.4"} do
      raises({minimum_version = value}, "option 'minimum_version' must be")
      raises({maximum_version = value}, "option 'maximum_version' must be")
    end
    for _, list in ipairs {{""}, {"h2", 1}, {("x"):rep(256)}, {{}}, {true}} do
      raises({alpn_protocols = list}, "option 'alpn_protocols' must hold")
    end
    raises({alpn_protocols = {h2 = true}}, "'alpn_protocols' must be a list")
    raises({alpn_protocols = {"h2", [3] = "x"}}, "option 'alpn_protocols' must")
    local many = {}
    for i = 1, 257 do many[i] = ("x"):rep(255) end
    raises({alpn_protocols = many}, "has more than 65535 bytes")
  end)

  it("raises on contradictions", function()
    raises({keyfile = "x"}, "option 'keyfile' needs option 'certfile'")
    raises({key = "x"}, "option 'key' needs option 'cert'")
    raises({password = "x"}, "option 'password' needs option")
    raises({certfile = "x", cert = "x"}, "exclude each other")
    raises({certfile = "x", keyfile = "x", key = "x"}, "exclude each other")
    raises({minimum_version = "TLSv1.3", maximum_version = "TLSv1.2"},
      "option 'minimum_version' is above option 'maximum_version'")
    raises({maximum_version = "TLSv1.1"}, "option 'maximum_version' is below")
    raises({ssl_version = ssl.PROTOCOL_TLS, minimum_version = "TLSv1"},
      "exclude each other")
    raises({check_hostname = true}, "option 'check_hostname' needs a cert_reqs")
    raises({check_hostname = true, cert_reqs = ssl.CERT_REQUIRED,
      server_side = true}, "option 'check_hostname' is for clients")
  end)

  it("wants something to verify with", function()
    local text = "cert_reqs: there is nothing to verify certificates with: "
      .. "give ca_certs, ca_path, ca_data or system_trust"
    for _, cert_reqs in ipairs {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
      refused({cert_reqs = cert_reqs}, "no_trust", text)
      refused({cert_reqs = cert_reqs, server_side = true}, "no_trust", text)
      assert.is_userdata(ssl.SSLContext {cert_reqs = cert_reqs,
        system_trust = true})
    end
  end)

  it("names ciphers that it does not know", function()
    refused({ciphers = "nonsense"}, "cipher", "ciphers: OpenSSL has no cipher "
      .. 'up to TLS 1.2 for "nonsense" (those of TLS 1.3 go in option '
      .. "ciphersuites)")
    refused({ciphers = "TLS_AES_128_GCM_SHA256"}, "cipher", "ciphers: OpenSSL "
      .. 'has no cipher up to TLS 1.2 for "TLS_AES_128_GCM_SHA256" (those of '
      .. "TLS 1.3 go in option ciphersuites)")
    refused({ciphersuites = "nonsense"}, "cipher", "ciphersuites: OpenSSL has "
      .. 'no TLS 1.3 cipher suite for "nonsense"')
  end)

  it("is collected with all it has", function()
    local before = helpers.snapshot()
    for _ = 1, 20 do
      ssl.SSLContext {server_side = true, certfile = file "chained.pem",
        ca_certs = file "roots.crt", cert_reqs = ssl.CERT_REQUIRED,
        alpn_protocols = {"h2"}, system_trust = true}
      ssl.SSLContext {certfile = file "chained.pem", ca_certs = "/nowhere"}
      pcall(ssl.SSLContext, {certfile = file "rsa.crt",
        keyfile = file "rsa-pkcs8.key", password = function() return 1 end})
    end
    assert.are.same({}, helpers.growth(before))
  end)
end)

describe("get", function()
  it("reads what was given, and defaults", function()
    local context = ssl.SSLContext()
    for name, value in pairs {
      cert_reqs = ssl.CERT_NONE, check_hostname = false, handshake_timeout = 30,
      minimum_version = "TLSv1.2", nodelay = true, server_side = false,
      suppress_ragged_eofs = false, system_trust = false,
    } do
      assert.are.equal(value, context:get(name))
    end
    for _, name in ipairs {"alpn_protocols", "ca_certs", "ca_data", "ca_path",
      "cert", "certfile", "ciphers", "ciphersuites", "keyfile",
      "maximum_version", "ssl_version"} do
      assert.is_nil(context:get(name))
    end
    local options = {
      ca_certs = file "roots.crt", cert_reqs = ssl.CERT_OPTIONAL,
      certfile = file "rsa.pem", ciphers = "HIGH", handshake_timeout = 0.5,
      maximum_version = "TLSv1.3", minimum_version = "TLSv1",
      nodelay = false, server_side = true, suppress_ragged_eofs = true,
    }
    context = ssl.SSLContext(options)
    for name, value in pairs(options) do
      assert.are.equal(value, context:get(name))
    end
  end)

  it("gives lists as copies", function()
    local list = {"h2", "http/1.1"}
    local context = ssl.SSLContext {alpn_protocols = list}
    list[1] = "changed"
    assert.are.same({"h2", "http/1.1"}, context:get "alpn_protocols")
    context:get("alpn_protocols")[1] = "changed"
    assert.are.same({"h2", "http/1.1"}, context:get "alpn_protocols")
  end)

  it("gives the versions that hold", function()
    local context = ssl.SSLContext {ssl_version = ssl.PROTOCOL_SSLv23}
    assert.are.equal("TLSv1", context:get "minimum_version")
    assert.is_nil(context:get "maximum_version")
    context = ssl.SSLContext {ssl_version = ssl.PROTOCOL_TLSv1_2}
    assert.are.equal("TLSv1.2", context:get "minimum_version")
    assert.are.equal("TLSv1.2", context:get "maximum_version")
  end)

  it("tells no secrets", function()
    local context = ssl.SSLContext {cert = helpers.read_file(file "rsa.crt"),
      key = helpers.read_file(file "rsa-pkcs8.key"), password = "secret"}
    for _, name in ipairs {"key", "password"} do
      assert.has_error(function() context:get(name) end,
        ("option '%s' is secret and cannot be read"):format(name))
    end
    assert.are.equal(helpers.read_file(file "rsa.crt"), context:get "cert")
  end)

  it("raises on unknown names", function()
    local context = ssl.SSLContext()
    assert.has_error(function() context:get "cerfile" end,
      "unknown option 'cerfile' (did you mean 'certfile'?)")
    assert.has_error(function() context:get() end)
    assert.has_error(function() context:get {} end)
  end)
end)

describe("set", function()
  it("changes options, the rest stays", function()
    local context = ssl.SSLContext {ca_certs = file "other-root.crt",
      handshake_timeout = 5}
    assert.is_true(context:set {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "root.crt"})
    assert.are.equal(5, context:get "handshake_timeout")
    assert.are.equal(file "root.crt", context:get "ca_certs")
    local client, server = pair_of(context, assert(ssl.SSLContext {
      server_side = true, certfile = file "rsa.pem"}))
    assert.is_true(helpers.handshake(client, server))
    close(client, server)
  end)

  it("changes all or nothing", function()
    local context = ssl.SSLContext {ca_certs = file "root.crt",
      cert_reqs = ssl.CERT_REQUIRED}
    local ok, err = context:set {ca_certs = "/nowhere", nodelay = false}
    assert.is_nil(ok)
    assert.are.equal("/nowhere", err.file)
    assert.has_error(function() context:set {nodelay = 1} end)
    assert.has_error(function() context:set {cert_req = 0} end)
    assert.has_error(function() context:set() end)
    assert.is_true(context:get "nodelay")
    assert.are.equal(file "root.crt", context:get "ca_certs")
    local client, server = pair_of(context, assert(ssl.SSLContext {
      server_side = true, certfile = file "rsa.pem"}))
    assert.is_true(helpers.handshake(client, server))
    close(client, server)
  end)

  it("replaces what excludes each other", function()
    local context = ssl.SSLContext {certfile = file "rsa.crt",
      keyfile = file "rsa-pkcs8.key", password = "secret"}
    assert.is_true(context:set {cert = helpers.read_file(file "ecdsa.pem")})
    assert.is_nil(context:get "certfile")
    assert.is_true(context:set {certfile = file "rsa.pem"})
    assert.is_true(context:set {ssl_version = ssl.PROTOCOL_TLSv1_2})
    assert.is_true(context:set {minimum_version = "TLSv1.3"})
    assert.is_nil(context:get "maximum_version")
    assert.is_true(context:set {server_side = false})
    assert.are.equal("SSLContext (client)", tostring(context))
  end)

  it("a passphrase alone, for the key that is there", function()
    local key = helpers.temp_file(helpers.read_file(file "rsa.key"))
    local context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.crt", keyfile = key})
    local out = assert(io.open(key, "w"))
    assert(out:write(helpers.read_file(file "rsa-pkcs8.key")))
    out:close()
    local _, err = context:set {nodelay = false}
    assert.equal("passphrase", err.kind)
    _, err = context:set {password = "wrong"}
    assert.equal("passphrase", err.kind)
    assert.is_true(context:set {password = "secret"})
    assert.equal(key, context:get "keyfile")
    assert.is_true(context:set {nodelay = false})  -- it is kept
    assert.is_true(context:set {certfile = file "rsa.pem"})
    _, err = context:set {certfile = file "rsa-encrypted.pem"}  -- it was the other key's
    assert.equal("passphrase", err.kind)
  end)

  it("cannot make a client's context a server's, or the reverse", function()
    for _, server_side in ipairs {true, false} do
      local context = ssl.SSLContext {server_side = server_side}
      assert.error_matches(function() context:set {server_side = not server_side} end,
        "option 'server_side' cannot be changed")
      assert.equal(server_side, context:get "server_side")
    end
  end)

  it("changes nothing where another came between", function()
    local context = ssl.SSLContext()
    local done, err = context:set {certfile = file "rsa-encrypted.pem", password = function()
      assert.is_true(context:set {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"})
      return "secret"
    end}
    assert.is_nil(done)
    assert.equal("state", err.kind)
    assert.equal(ssl.CERT_REQUIRED, context:get "cert_reqs")
    assert.is_nil(context:get "certfile")
  end)

  it("is not led astray by a finalizer that changes the table", function()
    local function finalizer(call)
      local proxy = rawget(_G, "newproxy")  -- Lua 5.1 and LuaJIT
      if not proxy then return setmetatable({}, {__gc = call}) end
      getmetatable(proxy(true)).__gc = call
    end
    local options
    local function spoil()
      options.alpn_protocols, options.server_names = ("x"):rep(50), "oops"
      finalizer(spoil)
    end
    options = {}
    finalizer(spoil)
    for _ = 1, 300 do
      options.server_side, options.alpn_protocols, options.server_names = true, {"h2"}, {}
      local done, context = pcall(ssl.SSLContext, options)
      if done then assert.is_table(context:get "alpn_protocols") end
      if done then assert.is_table(context:get "server_names") end
      collectgarbage "step"
    end
    spoil = function() end
    collectgarbage()
  end)

  it("concerns what is wrapped from then on", function()
    local context = ssl.SSLContext {server_side = true, certfile = file "rsa.pem", maximum_version = "TLSv1.2"}
    local client = ssl.SSLContext {minimum_version = "TLSv1.2"}
    local waiting = assert(context:wrap_object())
    local near = assert(client:wrap_object())
    assert.is_true(context:set {minimum_version = "TLSv1.3", maximum_version = "TLSv1.3"})
    assert(helpers.handshake(near, waiting))
    assert.equal("TLSv1.2", near:version())
    local later, far = assert(client:wrap_object()), assert(context:wrap_object())
    assert(helpers.handshake(later, far))
    assert.equal("TLSv1.3", later:version())
    assert.equal("TLSv1.2", waiting:version())
    assert(near:write "still here")
    helpers.pump(near, waiting)
    assert.equal("still here", waiting:read(20))
    for _, object in ipairs {near, waiting, later, far} do object:close() end
  end)

  it("leaves the hooks of what was wrapped before", function()
    local asked = {}
    local function hook(name)
      return function() asked[#asked + 1] = name end
    end
    local context = ssl.SSLContext {server_side = true, certfile = file "rsa.pem", on_client_hello = hook "old"}
    local waiting = assert(context:wrap_object())
    assert.is_true(context:set {on_client_hello = hook "new"})
    local far = assert(context:wrap_object())
    for _, server in ipairs {waiting, far} do
      local near = assert(ssl.SSLContext():wrap_object())
      assert(helpers.handshake(near, server))
      near:close()
      server:close()
    end
    assert.same({"old", "new"}, asked)
  end)

  it("may come from the context's own password function", function()
    local context = ssl.SSLContext {alpn_protocols = {"h2"}}
    local object
    assert.is_true(context:set {certfile = file "rsa-encrypted.pem", password = function()
      object = context:wrap_object()
      return "secret"
    end})
    assert.equal("SSLObject (handshake)", tostring(object):match "^[^:]+")
    object:close()
  end)

  it("keeps the keys of a server's tickets", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local server = ssl.SSLContext {server_side = true, certfile = file "rsa.pem"}
      local client = ssl.SSLContext {session_cache = true, maximum_version = version}
      local reused = {}
      for i = 1, 3 do
        local near = assert(client:wrap_object {server_hostname = "localhost"})
        local far = assert(server:wrap_object())
        assert(helpers.handshake(near, far))
        reused[i] = near:session_reused()
        assert(far:write "x")
        helpers.pump(near, far)
        assert.equal("x", near:read(1))
        near:close()
        far:close()
        if i == 1 then assert.is_true(server:set {nodelay = false}) end
        if i == 2 then assert.is_true(server:set {ciphers = "DEFAULT:!AES128"}) end  -- what sessions are bound to
      end
      assert.same({false, true, false}, reused, version)
    end
  end)

  it("keeps the sessions of a client", function()
    local server = ssl.SSLContext {server_side = true, certfile = file "rsa.pem"}
    local client = ssl.SSLContext {session_cache = true}
    for i = 1, 3 do
      local near = assert(client:wrap_object {server_hostname = "localhost"})
      local far = assert(server:wrap_object())
      assert(helpers.handshake(near, far))
      assert.equal(i == 2, near:session_reused())
      assert(far:write "x")
      helpers.pump(near, far)
      assert.equal("x", near:read(1))
      near:close()
      far:close()
      assert.is_true(client:set(i == 1 and {linger = 1} or {ciphers = "DEFAULT:!AES128"}))
    end
  end)

  it("changes server_names for all", function()
    local names = {}
    local other = ssl.SSLContext {server_side = true, certfile = file "other.pem"}
    local context = ssl.SSLContext {server_side = true, certfile = file "rsa.pem", server_names = names}
    local waiting = assert(context:wrap_object())
    assert.is_true(context:set {server_names = {localhost = other}})
    local near = assert(ssl.SSLContext():wrap_object {server_hostname = "localhost"})
    assert(helpers.handshake(near, waiting))
    assert.equal(ssl.PEM_cert_to_DER_cert(helpers.read_file(file "other.crt")), near:getpeercert(true))
    near:close()
    waiting:close()
  end)
end)

describe("versions", function()
  local function agreed(client, server)
    local ok, client_error, _, version = meet(client, server,
      function(connection) return connection:version() end)
    return ok and version or client_error.kind
  end

  local legacy = "DEFAULT:@SECLEVEL=0"

  it("are TLS 1.2 and later", function()
    assert.are.equal("TLSv1.3", agreed())
    assert.are.equal("TLSv1.2", agreed {maximum_version = "TLSv1.2"})
    assert.are.equal("version", agreed({maximum_version = "TLSv1.1",
      minimum_version = "TLSv1", ciphers = legacy}, {ciphers = legacy}))
    assert.are.equal("version", agreed({minimum_version = "TLSv1.3"},
      {maximum_version = "TLSv1.2"}))
  end)

  it("may be exactly one", function()
    for _, side in ipairs {"client", "server"} do
      for name, version in pairs {TLSv1 = "TLSv1", TLSv1_1 = "TLSv1.1",
        TLSv1_2 = "TLSv1.2", TLSv1_3 = "TLSv1.3"} do
        local one = {ssl_version = ssl["PROTOCOL_" .. name], ciphers = legacy}
        local any = {ssl_version = ssl.PROTOCOL_SSLv23, ciphers = legacy}
        assert.are.equal(version, agreed(side == "client" and one or any,
          side == "client" and any or one))
      end
    end
  end)

  it("that are impossible say how to make them possible", function()
    for name, version in pairs {TLSv1 = "TLSv1", TLSv1_1 = "TLSv1.1"} do
      local text = ("SSLContext: %s is impossible at security level 2: "
        .. 'ciphers="DEFAULT:@SECLEVEL=0" makes it possible'):format(version)
      refused({ssl_version = ssl["PROTOCOL_" .. name]}, "unsupported", text)
      refused({minimum_version = "TLSv1", maximum_version = version},
        "unsupported", text)
    end
    for _, name in ipairs {"SSLv2", "SSLv3"} do
      refused({ssl_version = ssl["PROTOCOL_" .. name], ciphers = legacy},
        "unsupported", ("ssl_version: %s is not supported by this OpenSSL")
          :format(name))
    end
  end)
end)

describe("ciphers", function()
  local function agreed(client, server)
    local _, client_error, _, name = meet(client, server,
      function(connection) return (connection:cipher()) end)
    return name or client_error.kind
  end

  it("are those of both sides", function()
    assert.are.equal("TLS_AES_128_GCM_SHA256", agreed {
      ciphersuites = "TLS_AES_128_GCM_SHA256"})
    assert.are.equal("ECDHE-RSA-AES128-GCM-SHA256", agreed({
      maximum_version = "TLSv1.2", ciphers = "ECDHE-RSA-AES128-GCM-SHA256"}))
    assert.are.equal("DHE-RSA-AES128-GCM-SHA256", agreed({
      maximum_version = "TLSv1.2", ciphers = "DHE-RSA-AES128-GCM-SHA256"}))
  end)
end)

describe("alpn_protocols", function()
  local function chosen(client, server)
    local ok, client_error, server_error, name = meet(
      {alpn_protocols = client}, {alpn_protocols = server},
      function(one, other)
        assert.are.equal(one:selected_alpn_protocol(),
          other:selected_alpn_protocol())
        return one:selected_alpn_protocol() or "none"
      end)
    return ok and name, client_error, server_error
  end

  it("are chosen in the server's order", function()
    assert.are.equal("b", chosen({"a", "b"}, {"b", "a"}))
    assert.are.equal("a", chosen({"a", "b"}, {"c", "a"}))
    local long = ("x"):rep(255)
    assert.are.equal(long, chosen({"x", long}, {long}))
    assert.are.equal("\0\255", chosen({"\0", "\0\255"}, {"\0\255"}))
  end)

  it("without overlap are refused", function()
    local ok, client_error, server_error = chosen({"a", "b"}, {"c"})
    assert.is_nil(ok)
    assert.are.equal("no_application_protocol", client_error.alert)
    assert.are.equal("alpn", server_error.kind)
  end)

  it("on one side only do nothing", function()
    assert.are.equal("none", chosen(nil, {"a"}))
    assert.are.equal("none", chosen({"a"}, nil))
    assert.are.equal("none", chosen({}, {"a"}))
    assert.are.equal("none", chosen({"a"}, {}))
  end)
end)

describe("cert_reqs", function()
  local function asked(cert_reqs, cert)
    return meet({certfile = cert and file(cert .. ".pem")}, {
      cert_reqs = cert_reqs, ca_certs = file "root.crt"},
      function(client, server)
        -- In TLS 1.3 a server's refusal comes with the first read.
        assert(server:write "hello")
        helpers.pump(client, server)
        assert.are.equal("hello", client:read())
        return server:getpeercert(true) and "certificate" or "none"
      end)
  end

  it("of a server asks for certificates", function()
    assert.are.equal("none", select(4, asked(ssl.CERT_NONE, "client")))
    assert.are.equal("none", select(4, asked(ssl.CERT_OPTIONAL)))
    for _, cert_reqs in ipairs {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
      assert.are.equal("certificate", select(4, asked(cert_reqs, "client")))
    end
  end)

  it("of a server refuses clients", function()
    local function refuses(kind, ...)
      local client, server = helpers.pair {client = {
        certfile = ... and file(... .. ".pem")}, server = {
        cert_reqs = select(2, ...), ca_certs = file "root.crt"}}
      local _, _, err = helpers.handshake(client, server)
      assert.are.equal(kind, err.kind)
      close(client, server)
    end
    refuses("no_certificate", nil, ssl.CERT_REQUIRED)
    refuses("verification", "selfsigned", ssl.CERT_REQUIRED)
    refuses("verification", "selfsigned", ssl.CERT_OPTIONAL)
  end)

  it("of a server tells clients whom it trusts", function()
    local socket = require "socket"
    local listener = assert(socket.bind("127.0.0.1", 0))
    local context = assert(ssl.SSLContext {server_side = true,
      certfile = file "rsa.pem", cert_reqs = ssl.CERT_OPTIONAL,
      ca_certs = file "roots.crt",
      ca_data = helpers.read_file(file "selfsigned.crt")})
    local peer = helpers.s_client(select(2, listener:getsockname()))
    local server = assert(context:wrap_socket(listener:accept()))
    local names = peer:expect
      "Acceptable client certificate CA names\n(.-)\nRequested"
    server:close()
    listener:close()
    peer:stop()
    local found = {}
    for name in names:gmatch "CN = ([^\n]+)" do found[#found + 1] = name end
    table.sort(found)
    assert.are.same({"LuaSSL other root", "LuaSSL test intermediate",
      "LuaSSL test root", "localhost"}, found)
  end)

  it("of a client verifies, or not", function()
    local function result(cert_reqs)
      return (meet({cert_reqs = cert_reqs, check_hostname = false},
        {certfile = file "selfsigned.pem"}))
    end
    assert.is_true(result(ssl.CERT_NONE))
    assert.is_nil(result(ssl.CERT_OPTIONAL))
    assert.is_nil(result(ssl.CERT_REQUIRED))
  end)
end)

describe("openssl.cnf", function()
  local code = [[
    local ssl = require "luassl"
    local helpers = require "spec.support.helpers"
    print(ssl.SSLContext():get "minimum_version",
      ssl.SSLContext {minimum_version = "TLSv1.2"}:get "minimum_version")
    local client, server = helpers.pair()
    assert(helpers.handshake(client, server))
    client:feed(nil)
    print(select(2, client:read()))
    print(select(2, ssl.SSLContext {maximum_version = "TLSv1.2"}))
  ]]

  local function run(...)
    local name = helpers.temp_file(table.concat({"openssl_conf = init",
      "[init]", "ssl_conf = ssl", "[ssl]", "system_default = defaults",
      "[defaults]", ...}, "\n") .. "\n")
    local peer = helpers.spawn({helpers.interpreter, helpers.temp_file(code)},
      {env = {OPENSSL_CONF = name}})
    assert.are.equal(0, peer:wait(), peer:output())
    return peer:output()
  end

  it("may be stricter than the defaults, not laxer", function()
    assert.is_truthy(run "MinProtocol = TLSv1.3":find "^TLSv1.3\tTLSv1.2\n")
    assert.is_truthy(run "MinProtocol = TLSv1":find "^TLSv1.2\tTLSv1.2\n")
  end)

  it("hides no truncation", function()
    local plain = run "MinProtocol = TLSv1.2"
    assert.is_truthy(plain:find("close_notify", 1, true), plain)
    assert.are.equal(plain, run("MinProtocol = TLSv1.2",
      "Options = IgnoreUnexpectedEOF"))
  end)
end)
