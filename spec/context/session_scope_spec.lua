-- What a session is bound to: it is offered only where all that was asked of
-- the peer, and shown to it, is the same. One case for each part.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"
local revocation = require "spec.support.revocation"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file, read_file = helpers.file, helpers.read_file
local client, server = resuming.client, resuming.server
local offers = resuming.offers

local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local revoking = revocation.make()

local function run(...)
  local peer = helpers.spawn {...}
  assert(peer:wait() == 0, peer:output())
end

local function with(options, version)
  local copy = {maximum_version = version}
  for name, value in pairs(options or {}) do copy[name] = value end
  return client(copy)
end

-- A directory with hashed names that holds this file.
local function hashed(name)
  local directory = helpers.temp_name()
  run("mkdir", directory)
  run("cp", file(name), directory .. "/root.pem")
  run("openssl", "rehash", directory)
  return directory
end

local function accept() return true end
local function accept_too() return true end
local function no_certificate() end
local function no_certificate_either() end

-- name; the context's options that make the session; others, under which it
-- is not offered. Each time an equal context, made anew, offers it.
local function verification()
  local both = read_file(file "root.crt") .. read_file(file "other-root.crt")
  local directory, twin = hashed "root.crt", hashed "root.crt"
  local none = {cert_reqs = ssl.CERT_NONE, check_hostname = false}
  local optional = {cert_reqs = ssl.CERT_OPTIONAL}
  local unchecked = {check_hostname = false}
  return {
    {"verifies though the session's did not", none, nil},
    {"does not verify though the session's did", nil, none},
    {"verifies, the name aside, though the session's did not", none, unchecked},
    {"requires what was optional", optional, nil},
    {"checks the name though the session's did not", unchecked, nil},
    {"does not check the name though the session's did", nil, unchecked},
    {"trusts others", nil, {ca_certs = file "roots.crt"}},
    {"trusts fewer", {ca_certs = file "roots.crt"}, nil},
    {"trusts others by ca_data", {ca_data = read_file(file "root.crt")},
      {ca_data = both}},
    {"trusts another directory", {ca_path = directory}, {ca_path = twin}},
    {"trusts a directory, too", nil, {ca_path = directory}},
    {"trusts the system, too", nil, {system_trust = true}},
    {"no longer trusts the system", {system_trust = true}, nil},
  }
end

-- How strictly: the same authorities, and more asked of the chain.
local function strictness()
  local root = {subject = revoking.root.subject, key = revoking.root.key}
  local one = authority.crl {issuer = root}.pem
  local file_of_one, another = helpers.temp_file(one), authority.crl {issuer = root}.pem
  local function trusting(options)
    options.ca_certs = revoking.ca_certs
    return options
  end
  return {
    {"asks CRLs", trusting {}, trusting {crl_data = one}, true},
    {"asks CRLs of a file", trusting {}, trusting {crl_file = file_of_one}, true},
    {"asks other CRLs", trusting {crl_data = one}, trusting {crl_data = one .. another}, true},
    {"asks CRLs no more", trusting {crl_data = one}, trusting {}, true},
    {"has flags", nil, {verify_flags = {"x509_strict"}}},
    {"has other flags", {verify_flags = {"trusted_first"}}, {verify_flags = {"check_ss_signature"}}},
    {"has no flags any more", {verify_flags = {"no_check_time"}}, nil},
    {"has a limit of depth", nil, {verify_depth = 3}},
    {"has another limit of depth", {verify_depth = 9}, {verify_depth = 3}},
    {"asks for another purpose", {purpose = "any"}, {purpose = "sslserver"}},
    {"asks for no purpose of its own any more", {purpose = "any"}, nil},
    {"judges by another time", {verify_time = os.time()}, {verify_time = os.time() - 60}},
    {"judges by the clock", {verify_time = os.time()}, nil},
    {"has another security level", {security_level = 1}, {security_level = 2}},
  }
end

local function identity()
  local leaf, other = resuming.pin "rsa.crt", resuming.pin "other.crt"
  return {
    {"has a certificate of its own", nil, {certfile = file "client.pem"}},
    {"has another certificate of its own", {certfile = file "client.pem"},
      {certfile = file "ecdsa.pem"}},
    {"has no certificate of its own any more",
      {certfile = file "client.pem"}, nil},
    {"has pins", nil, {pins = {leaf}}},
    {"has other pins", {pins = {leaf}}, {pins = {leaf, other}}},
    {"has no pins any more", {pins = {leaf}}, nil},
    {"has a hook on_verify", nil, {on_verify = accept}},
    {"has another hook on_verify", {on_verify = accept},
      {on_verify = accept_too}},
    {"has no hook on_verify any more", {on_verify = accept}, nil},
    {"has a hook on_certificate", nil, {on_certificate = no_certificate}},
    {"has another hook on_certificate", {on_certificate = no_certificate},
      {on_certificate = no_certificate_either}},
    {"shows its certificate behind the handshake, too", {certfile = file "client.pem"},
      {certfile = file "client.pem", post_handshake_auth = true}},
    {"says what it shows", nil, {certificate_types = {"x509"}}},
    {"says what it takes", nil, {peer_certificate_types = {"x509"}}},
    {"has another hooks_id", {on_verify = accept, hooks_id = "1"}, {on_verify = accept, hooks_id = "2"}},
    {"has a hooks_id without the hook", {on_verify = accept, hooks_id = "1"}, {hooks_id = "1"}},
    {"has hooks_id and hook for others", {on_verify = accept, hooks_id = "1"},
      {on_certificate = accept, hooks_id = "1"}},
    {"has one hook in another's place", {on_verify = accept},
      {on_certificate = accept}},
  }
end

local function protocol()
  return {
    {"speaks by ALPN", nil, {alpn_protocols = {"h2"}}},
    {"speaks something else by ALPN", {alpn_protocols = {"h2"}},
      {alpn_protocols = {"http/1.1"}}},
    {"prefers something else by ALPN", {alpn_protocols = {"h2", "http/1.1"}},
      {alpn_protocols = {"http/1.1", "h2"}}},
    {"splits its ALPN names elsewhere", {alpn_protocols = {"a", "b"}},
      {alpn_protocols = {"aalpn_protocols\0b"}}},  -- as the digest would have it
    {"does not speak by ALPN any more", {alpn_protocols = {"h2"}}, nil},
    {"has a higher security level", {ciphers = "DEFAULT:@SECLEVEL=0"},
      {ciphers = "DEFAULT:@SECLEVEL=2"}},
    {"takes other signatures", nil,
      {sigalgs = "RSA-PSS+SHA256:ECDSA+SHA256"}},
    {"takes other groups", nil, {groups = "P-384"}},
    {"asks for shorter records", nil, {max_fragment_length = 512}},
    {"asks for records of another length", {max_fragment_length = 4096}, {max_fragment_length = 2048}},
    {"asks for an OCSP response, too", nil, {ocsp = "request"}},
    {"needs an OCSP response, too", nil, {ocsp = "require"}},
    {"needs the OCSP response that it asked for", {ocsp = "request"}, {ocsp = "require"}},
    {"asks for no OCSP response any more", {ocsp = "request"}, {ocsp = "off"}},
    {"has another option", {options = {"no_middlebox_compat"}},
      {options = {"no_middlebox_compat", "legacy_server_connect"}}},
    {"has a profile", nil, {profile = "intermediate"}},
    {"takes other ciphers", nil, {ciphers = "ECDHE+AESGCM",
      ciphersuites = "TLS_AES_128_GCM_SHA256"}},
    {"takes others up to TLS 1.2", {ciphers = "ECDHE+AESGCM"},
      {ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"}},
    {"takes others of TLS 1.3", {ciphersuites = "TLS_AES_128_GCM_SHA256"},
      {ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"}},
  }
end

describe("a session is not offered by a context that", function()
  local list = {}
  for _, parts in ipairs {verification, strictness, identity, protocol} do
    for _, case in ipairs(parts()) do list[#list + 1] = case end
  end
  local usual = server {alpn_strict = false, alpn_protocols = {"http/1.1"}}
  local revocable = server {certfile = revoking.direct.file}

  teardown(function() list, usual, revocable = nil, nil, nil end)

  for i = 1, #list do
    it(list[i][1], function()
      local made_with, offered_with = list[i][2], list[i][3]
      local far_context = list[i][4] and revocable or usual
      for _, version in ipairs(VERSIONS) do
        local session = resuming.session(with(made_with, version), far_context)
        local option = {session = session}
        assert.is_true(offers(with(made_with, version), option),
          "an equal context does not offer it either")
        assert.is_false(offers(with(offered_with, version), option))
        local near, far = resuming.meet(with(offered_with, version),
          far_context, option)
        if near then
          assert.is_false(near:session_reused())
          resuming.part(near, far)
        end
      end
    end)
  end
end)

-- A new option that sessions are bound to needs a case above, or another spec.
describe("each option that a session is bound to", function()
  local elsewhere = {
    on_client_hello = true, session_id_context = true,  -- a server's: session_id_context_spec
    server_hostname = true, server_hostnames = true,  -- of each connection: below
    tlsa = true, tlsa_check_hostname = true,  -- too: dane_spec
    peer_public_keys = true,  -- needs a newer OpenSSL: raw_public_keys_spec
    -- What certfile leads to counts.
    cert = true, certificates = true, key = true, key_uri = true, keyfile = true, pkcs12 = true, pkcs12_file = true,
    server_side = true,  -- a session of one side is none of the other's
  }
  for _, part in ipairs {verification, strictness, identity, protocol} do
    for _, case in ipairs(part()) do
      for i = 2, 3 do
        for name in pairs(case[i] or {}) do elsewhere[name] = true end
      end
    end
  end

  for _, option in ipairs(require "luassl.core".options) do
    if option.bound then
      it("has a case: " .. option.name, function() assert.is_true(elsewhere[option.name]) end)
    end
  end

  it("and is a connection's own is bound with its peer, in resumption.c", function()
    local own = {}
    for _, option in ipairs(require "luassl.core".options) do
      if option.bound and option.connection then own[#own + 1] = option.name end
    end
    assert.same({"check_hostname", "server_hostname", "server_hostnames", "tlsa", "tlsa_check_hostname"}, own)
  end)
end)

describe("a session is offered by a context that differs in", function()
  -- Nothing of this is asked of the peer anew after a resumption.
  for name, value in pairs {nodelay = false, suppress_ragged_eofs = true,
    handshake_timeout = 5, session_cache = true} do
    it(name, function()
      local session = resuming.session(client(), server())
      assert.is_true(offers(client {[name] = value}, {session = session}))
    end)
  end
end)

describe("a session is not offered", function()
  it("to another name", function()
    for _, version in ipairs(VERSIONS) do
      local near_context = client {maximum_version = version}
      local far_context = server {certfile = file "wildcard.pem"}
      local function asks(name)
        return offers(near_context, {server_hostname = name,
          session = resuming.session(near_context, far_context, {server_hostname = "a.wildcard.example"})})
      end
      assert.is_true(asks "a.wildcard.example")
      assert.is_true(asks "a.wildcard.example.")  -- the same, in full
      assert.is_false(asks "b.wildcard.example")
      assert.is_false(asks "wildcard.example")
      assert.is_false(asks "a.wildcard.exampl")
      assert.is_false(asks "127.0.0.1")
    end
  end)

  it("to other names", function()
    for _, version in ipairs(VERSIONS) do
      local near_context, far_context = client {maximum_version = version}, server()
      local names = {"localhost", "b.example"}
      local session = resuming.session(near_context, far_context, {server_hostnames = names})
      local function asks(others)
        return offers(near_context, {server_hostnames = others, session = session})
      end
      assert.is_true(asks(names))
      assert.is_false(asks {"localhost"})
      assert.is_false(asks {"localhost", "c.example"})
      assert.is_false(asks {"localhost", "b.example", "c.example"})
      assert.is_false(asks(nil))
    end
  end)

  it("to a name when it was made without one, and the reverse", function()
    local near_context = client {check_hostname = false}
    local far_context = server()
    local near = assert(near_context:wrap_object())
    local far = assert(far_context:wrap_object())
    assert(helpers.handshake(near, far))
    assert(far:write ".")
    helpers.pump(near, far)
    assert.equal(".", near:read(1))
    local nameless = near:session()
    resuming.part(near, far)
    assert.is_false(offers(near_context, {session = nameless}))
    near = assert(near_context:wrap_object {
      session = resuming.session(near_context, far_context)})
    near:do_handshake()
    assert.is_false(resuming.is_offer(near:drain()))
    near = assert(near_context:wrap_object {session = nameless})
    near:do_handshake()
    assert.is_true(resuming.is_offer(near:drain()))
  end)

  it("where the connection checks the name and the session's did not",
    function()
      local near_context = client {check_hostname = false}
      local session = resuming.session(near_context, server())
      assert.is_true(offers(near_context, {session = session}))
      assert.is_false(offers(near_context,
        {session = session, check_hostname = true}))
      session = resuming.session(near_context, server(),
        {check_hostname = true})
      assert.is_false(offers(near_context, {session = session}))
    end)

  it("when the system's trust has changed", function()
    local output = resuming.elsewhere([[
      local root = helpers.read_file(file "root.crt")
      local function trust(pem)
        local bundle = assert(io.open(os.getenv "SSL_CERT_FILE", "w"))
        bundle:write(pem)
        bundle:close()
      end
      trust(root)
      local function context() return assert(ssl.create_default_context()) end
      local session = resuming.session(context(), resuming.server())
      print(resuming.offers(context(), {session = session}))
      trust(root .. helpers.read_file(file "other-root.crt"))
      print(resuming.offers(context(), {session = session}))
    ]], {SSL_CERT_FILE = helpers.temp_name()})
    assert.equal("true\nfalse\n", output)
  end)
end)

-- Connections of one server's context, at addresses and ports of our choice.
describe("a session of a socket is not offered", function()
  local function connect(near_context, far_context, address, port, options)
    local listener = assert(socket.bind(address, port))
    port = select(2, listener:getsockname())
    local sock = assert(socket.connect(address, port))
    local accepted = assert(listener:accept())
    listener:close()
    sock:settimeout(0)
    accepted:settimeout(0)
    local near = assert(near_context:wrap_socket(sock, options))
    local far = assert(far_context:wrap_socket(accepted))
    assert(helpers.handshake(near, far))
    near:settimeout(helpers.patience)
    assert(far:send "ready\n")
    assert.equal("ready", (near:receive()))
    local session, reused = near:session(), near:session_reused()
    near:close()
    far:close()
    return port, session, reused
  end

  local function check(options, other_address, other_port)
    local context, far_context = client {check_hostname = false}, server()
    -- To listen on it again, nobody else may come upon it meanwhile.
    local port, session, reused = connect(context, far_context, "127.0.0.1",
      helpers.free_port(), options)
    assert.is_false(reused)
    options.session = session
    port, session, reused = connect(context, far_context, "127.0.0.1", port,
      options)
    assert.is_true(reused, "not even to the same")
    options.session = session
    reused = select(3, connect(context, far_context, other_address,
      other_port or port, options))
    assert.is_false(reused)
  end

  it("to another port", function()
    check({server_hostname = "localhost"}, "127.0.0.1", 0)
  end)

  it("to another address, where there is no name", function()
    check({}, "127.0.0.2")
  end)
end)

describe("a session", function()
  -- The context's options are the same: the level comes from elsewhere.
  it("is for the security level of the system's configuration", function()
    local function id(level)
      local log = helpers.temp_name()
      local configuration = helpers.temp_file(("openssl_conf = a\n[a]\n"
        .. "ssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        .. "CipherString = DEFAULT:@SECLEVEL=%d\n"):format(level))
      resuming.elsewhere([[
        local near = assert(resuming.client():wrap_object {
          server_hostname = "localhost"})
        local far = assert(resuming.server():wrap_object())
        assert(helpers.handshake(near, far))
        near:close()
        far:close()
      ]], {LUASSL_IDS = log, OPENSSL_CONF = configuration})
      return helpers.read_file(log)
    end
    local lower, higher = id(1), id(2)
    assert.matches("^%x+\n$", lower)
    assert.equal(lower, id(1))
    assert.is_not_equal(lower, higher)
  end)

  it("is for what its anchors are trusted for", function()
    local function trusting(purpose)
      local name = helpers.temp_name()
      run("openssl", "x509", "-in", file "root.crt", "-trustout", "-out", name,
        "-addtrust", purpose)
      return resuming.client {ca_certs = name}
    end
    local context = trusting "serverAuth"
    local function serves(by) return resuming.offers(by, {session = resuming.session(context, resuming.server())}) end
    assert.is_true(serves(context))
    assert.is_true(serves(trusting "serverAuth"))
    assert.is_false(serves(trusting "clientAuth"))
  end)
end)
