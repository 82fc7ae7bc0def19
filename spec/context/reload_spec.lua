-- reload: certificates, keys and trust for the connections to come, while those
-- that are there live on; sessions go on if who this side is and whom it
-- believes stays the same.
local helpers = require "spec.support.helpers"
local renewed = require "spec.support.renewed_certificates"
local resuming = require "spec.support.resuming_handshakes"
local serving = require "spec.support.serving"
local ssl = require "luassl"

helpers.audit()

local file, read, write = helpers.file, helpers.read_file, helpers.write_file
local VERSIONS = {"TLSv1.2", "TLSv1.3"}

local function server(options)
  options.server_side = true
  return assert(ssl.SSLContext(options))
end

local function client(version, options)
  local own = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", check_hostname = true, session_cache = true,
    maximum_version = version}
  for name, value in pairs(options or {}) do own[name] = value end
  return assert(ssl.SSLContext(own))
end

-- Whether the session that a client made before `change` is resumed after it.
local function survives(near, far, change)
  assert.is_false(resuming.reuses(near, far))
  assert.is_true(resuming.reuses(near, far), "nothing is resumed anyway")
  assert.is_true(change())
  return resuming.reuses(near, far)
end

describe("reload", function()
  it("reads the same files again", function()
    local first, first_key = renewed.make()
    local second, second_key = renewed.make()
    local cert, key = helpers.temp_file(read(first)), helpers.temp_file(read(first_key))
    local context = server {certfile = cert, keyfile = key}
    assert.equal(read(first), (serving.seen(context)))
    write(cert, read(second))
    write(key, read(second_key))
    assert.equal(read(first), (serving.seen(context)))
    assert.is_true(context:reload())
    assert.equal(read(second), (serving.seen(context)))
    assert.is_true(context:reload(nil))
    assert.is_true(context:reload {})
    assert.equal(read(second), (serving.seen(context)))
  end)

  it("takes others", function()
    local context = server {certfile = file "rsa.pem", num_tickets = 1, alpn_protocols = {"h2"}}
    assert.is_true(context:reload {certfile = file "ecdsa.pem"})
    assert.equal(read(file "ecdsa.crt"), (serving.seen(context)))
    assert.equal(file "ecdsa.pem", context:get "certfile")
    assert.is_true(context:reload {cert = read(file "rsa.crt"), key = read(file "rsa.key")})
    assert.is_nil(context:get "certfile")
    assert.is_true(context:reload())
    assert.equal(read(file "rsa.crt"), (serving.seen(context)))
    assert.is_true(context:reload {certificates = {{certfile = file "ecdsa.pem"}, {certfile = file "rsa.pem"}}})
    assert.equal(1, context:get "num_tickets")
    assert.same({"h2"}, context:get "alpn_protocols")
  end)

  it("takes trust, and a passphrase alone", function()
    local near = client(nil, {ca_certs = file "other-root.crt"})
    assert.is_nil((serving.seen(server {certfile = file "rsa.pem"}, {ca_certs = file "other-root.crt"})))
    local far = server {certfile = file "rsa.pem"}
    assert.is_true(near:reload {ca_certs = file "root.crt"})
    assert.is_false(resuming.reuses(near, far))
    local key = helpers.temp_file(read(file "rsa.key"))
    local context = server {certfile = file "rsa.crt", keyfile = key, password = "old"}
    write(key, read(file "rsa-pkcs8.key"))
    assert.equal("passphrase", select(2, context:reload()).kind)
    assert.is_true(context:reload {password = "secret"})
    assert.is_true(context:reload())
  end)

  it("calls the password function again", function()
    local called = 0
    local context = server {certfile = file "rsa.crt", keyfile = file "rsa-pkcs8.key", password = function()
      called = called + 1
      return "secret"
    end}
    assert.is_true(context:reload())
    assert.equal(2, called)
  end)

  it("changes nothing if anything is bad, and says what", function()
    local cert, key, ca = helpers.temp_file(read(file "rsa.crt")), helpers.temp_file(read(file "rsa.key")),
      helpers.temp_file(read(file "root.crt"))
    local context = server {certfile = cert, keyfile = key, ca_certs = ca}
    local function stays(kind, name, options)
      local done, err = context:reload(options)
      assert.is_nil(done)
      assert.equal(kind, err.kind)
      assert.equal(name, err.file)
      assert.truthy(err:find(name, 1, true))
      assert.equal(read(file "rsa.crt"), (serving.seen(context)))
      assert.equal(cert, context:get "certfile")
      assert.equal(ca, context:get "ca_certs")
    end
    write(cert, read(file "ecdsa.crt"))  -- the key comes a moment later
    stays("key_mismatch", key)
    write(cert, read(file "rsa.crt"):sub(1, -40))
    stays("pem", cert)
    write(cert, "")
    stays("pem", cert)
    write(cert, read(file "rsa.crt"))
    write(key, read(file "rsa-pkcs8.key"))
    stays("passphrase", key)
    write(key, read(file "rsa.key"))
    write(ca, "nothing")
    stays("pem", ca)
    write(ca, read(file "root.crt"))
    stays("file", "/nowhere", {ca_certs = "/nowhere"})
    stays("file", "/nowhere", {certfile = file "ecdsa.pem", ca_certs = "/nowhere"})
    assert.is_true(os.remove(key))
    stays("file", key)
    write(key, read(file "rsa.key"))
    assert.is_true(context:reload())
  end)

  it("raises for all that is no certificate, key or trust, and changes nothing", function()
    local context = server {certfile = file "rsa.pem"}
    for name, value in pairs {nodelay = false, cert_reqs = ssl.CERT_REQUIRED, ciphers = "DEFAULT", pins = {"x"},
      server_side = true, on_verify = print, session_id_context = "x"} do
      assert.error_matches(function() context:reload {[name] = value} end, "option '" .. name
        .. "' is not for reload")
      assert.error_matches(function() context:reload {certfile = "/nowhere", [name] = value} end, "is not for reload")
    end
    assert.error_matches(function() context:reload {cerfile = "x"} end, "did you mean 'certfile'")
    assert.error_matches(function() context:reload {certfile = 1} end, "option 'certfile' must be a string")
    assert.error_matches(function() context:reload {keyfile = "x", key = "x"} end, "exclude each other")
    assert.error_matches(function() context:reload(1) end, "table expected")
    assert.equal(true, context:get "nodelay")
    assert.is_true(context:reload())
  end)

  it("is refused from the password function of another", function()
    local context
    context = server {certfile = file "rsa.crt", keyfile = file "rsa-pkcs8.key", password = function()
      if context then assert.is_true(context:set {certfile = file "ecdsa.pem"}) end
      return "secret"
    end}
    local done, err = context:reload()
    assert.is_nil(done)
    assert.equal("state", err.kind)
    assert.equal(file "ecdsa.pem", context:get "certfile")
  end)

  it("leaves the connections that are there, and those that were wrapped", function()
    local cert = helpers.temp_file(read(file "rsa.pem"))
    local context = server {certfile = cert}
    local near, far = resuming.meet(client(), context)
    local waiting = assert(context:wrap_object())
    write(cert, read(file "ecdsa.pem"))
    assert.is_true(context:reload())
    assert(far:write "still here")
    helpers.pump(near, far)
    assert.equal("still here", near:read(100))
    assert(near:write "and back")
    helpers.pump(near, far)
    assert.equal("and back", far:read(100))
    resuming.part(near, far)
    near = client():wrap_object {server_hostname = "localhost"}
    assert(helpers.handshake(near, waiting))
    assert.equal(read(file "rsa.crt"), ssl.DER_cert_to_PEM_cert(near:getpeercert(true)))
    resuming.part(near, waiting)
    assert.equal(read(file "ecdsa.crt"), (serving.seen(context)))
  end)

  it("holds for who accepts next on a socket", function()
    local socket = require "socket"
    local cert = helpers.temp_file(read(file "rsa.pem"))
    local context = server {certfile = cert}
    local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0))))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    for _, name in ipairs {"rsa", "ecdsa"} do
      write(cert, read(file(name .. ".pem")))
      assert.is_true(context:reload())
      local peer = helpers.s_client(port, {input = ""})
      local conn = assert(listener:accept())
      conn:close()
      peer:wait()
      assert.truthy(peer:output():find(read(file(name .. ".crt")), 1, true))
    end
    listener:close()
  end)
end)

describe("a renewal", function()
  local function renews(options, more)
    local cert, _, both = renewed.make(options)
    more = more or {}
    more.certfile = both
    return more, cert
  end

  it("for the same names and type of key ends no session", function()
    for _, version in ipairs(VERSIONS) do
      local far = server(renews())
      assert.is_true(survives(client(version), far, function() return far:reload(renews()) end), version)
      far = server(renews {names = "DNS:localhost,DNS:a.example,IP:127.0.0.1", algorithm = "RSA"})
      assert.is_true(survives(client(version), far, function()
        return far:reload(renews {names = "IP:127.0.0.1,DNS:localhost,DNS:a.example", algorithm = "RSA"})
      end), version)
      local both = client(version, {ca_certs = file "roots.crt"})
      far = server(renews())
      assert.is_true(survives(both, far, function() return far:reload(renews {issuer = "other-root"}) end))
    end
  end)

  it("that changes nothing ends no session, with every hook and option", function()
    for _, version in ipairs(VERSIONS) do
      local far = server(renews(nil, {on_certificate = function() end, on_client_hello = function() end,
        server_names = {}, session_id_context = "x", alpn_protocols = {"h2"}, alpn_strict = false}))
      assert.is_true(survives(client(version), far, function() return far:reload() end))
    end
  end)

  it("for other names, another type of key, one more or one less ends them", function()
    local function several(...)
      local list = {}
      for i, name in ipairs {...} do list[i] = {certfile = file(name .. ".pem")} end
      return {certificates = list}
    end
    for _, version in ipairs(VERSIONS) do
      for _, case in ipairs {
        {renews(), renews {names = "DNS:localhost,DNS:other.example"}},
        {renews(), renews {subject = "/CN=another"}},
        {renews(), renews {algorithm = "RSA"}},
        {renews {algorithm = "RSA"}, renews {algorithm = "ED25519"}},
        {several("ecdsa", "rsa"), several "ecdsa"}, {several "ecdsa", several("ecdsa", "rsa")},
      } do
        local far = server(case[1])
        assert.is_false(survives(client(version), far, function() return far:reload(case[2]) end))
      end
    end
  end)

  it("of several certificates ends no session, in whatever order they stand", function()
    for _, version in ipairs(VERSIONS) do
      local function pair(swapped)
        local _, _, ec = renewed.make()
        local _, _, rsa = renewed.make {algorithm = "RSA"}
        local list = {{certfile = ec}, {certfile = rsa}}
        if swapped then list[1], list[2] = list[2], list[1] end
        return {certificates = list}
      end
      local far = server(pair())
      assert.is_true(survives(client(version), far, function() return far:reload(pair(true)) end))
    end
  end)

  it("of a client's own certificate ends none of its sessions, unless another vouches for it", function()
    for _, version in ipairs(VERSIONS) do
      local far = server {certfile = file "rsa.pem", cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "roots.crt"}
      local near = client(version, renews())
      assert.is_true(survives(near, far, function() return near:reload(renews()) end))
      near = client(version, renews())
      assert.is_false(survives(near, far, function() return near:reload(renews {issuer = "other-root"}) end))
      near = client(version, renews())
      assert.is_false(survives(near, far, function() return near:reload(renews {subject = "/CN=someone else"}) end))
    end
  end)

  it("takes the sessions of clients without tickets along", function()
    local far = server(renews())
    local session
    local function meet(...)
      local name = session or helpers.temp_name()
      local listener = assert(require "socket".bind("127.0.0.1", 0))
      listener:settimeout(helpers.patience)
      local argv = {"openssl", "s_client", "-connect", "127.0.0.1:" .. select(2, listener:getsockname()), "-tls1_2",
        "-no_ticket", ...}
      argv[#argv + 1] = name
      local peer = helpers.spawn(argv, {input = ""})
      local conn = assert(far:wrap_socket(assert(listener:accept())))
      conn:settimeout(helpers.patience)
      local reused = conn:session_reused()
      conn:receive(1)
      conn:close()
      listener:close()
      assert.equal(0, peer:wait(), peer:output())
      session = name
      return reused
    end
    assert.is_false(meet "-sess_out")
    assert.is_true(meet "-sess_in")
    assert.is_true(far:reload(renews()))
    assert.is_true(meet "-sess_in")
    assert.is_true(far:reload(renews()))
    assert.is_true(meet "-sess_in")
    assert.is_true(far:reload(renews {subject = "/CN=another"}))
    assert.is_false(meet "-sess_in")
  end)
end)

describe("another trust", function()
  it("ends every session of a server, whatever session_id_context says", function()
    local directory = helpers.temp_name()
    serving.run("mkdir", directory)
    local function hashed(name)
      write(directory .. "/" .. name, read(file(name)))
      serving.openssl("rehash", directory)
      return directory
    end
    for _, id in ipairs {false, "x"} do
      for _, version in ipairs(VERSIONS) do
        local function asking(trust)
          trust.certfile, trust.cert_reqs, trust.session_id_context = file "rsa.pem", ssl.CERT_OPTIONAL, id or nil
          return server(trust)
        end
        local roots = helpers.temp_file(read(file "root.crt"))
        local far = asking {ca_certs = roots}
        assert.is_true(survives(client(version), far, function() return far:reload() end))
        far = asking {ca_certs = file "root.crt"}
        assert.is_false(survives(client(version), far, function() return far:reload {ca_certs = file "roots.crt"} end))
        far = asking {ca_certs = roots}
        assert.is_false(survives(client(version), far, function()
          write(roots, read(file "roots.crt"))
          return far:reload()
        end))
        far = asking {ca_certs = file "root.crt"}
        assert.is_false(survives(client(version), far, function() return far:set {cert_reqs = ssl.CERT_REQUIRED} and
          far:set {cert_reqs = ssl.CERT_NONE} end))
        far = asking {ca_path = hashed "root.crt"}
        assert.is_true(survives(client(version), far, function() return far:reload() end))
        assert.is_false(survives(client(version), far, function()
          hashed "other-root.crt"
          return far:reload()
        end))
        serving.run("rm", directory .. "/other-root.crt")
        far = asking {ca_certs = file "root.crt"}
        assert.is_false(survives(client(version), far, function() return far:reload {system_trust = true} end))
      end
    end
  end)

  it("ends every session of a client", function()
    for _, version in ipairs(VERSIONS) do
      local far = server {certfile = file "rsa.pem"}
      local near = client(version)
      assert.is_true(survives(near, far, function() return near:reload() end))
      near = client(version)
      assert.is_false(survives(near, far, function() return near:reload {ca_certs = file "roots.crt"} end))
      near = client(version)
      assert.is_false(survives(near, far, function()
        return near:set {cert_reqs = ssl.CERT_NONE, check_hostname = false}
      end))
    end
  end)
end)
