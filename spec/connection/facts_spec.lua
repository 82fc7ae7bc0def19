-- What a connection tells of its handshake, before, in and after it, after a
-- resumption, a failure and its end; and what both ends tell alike.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local BINDINGS = {"tls-exporter", "tls-server-end-point", "tls-unique"}

-- name = a call of the fact
local FACTS = {
  compression = function(conn) return conn:compression() end,
  export_keying_material = function(conn) return conn:export_keying_material("EXPERIMENTAL", 8) end,
  finished = function(conn) return conn:finished "own" end,
  group = function(conn) return conn:group() end,
  shared_ciphers = function(conn) return conn:shared_ciphers() end,
  signature_algorithm = function(conn) return conn:signature_algorithm "peer" end,
}
for _, kind in ipairs(BINDINGS) do
  FACTS[kind] = function(conn) return conn:get_channel_binding(kind) end
end

local function version_of(version, more)
  local options = {minimum_version = version, maximum_version = version}
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local function pair(version, client, server)
  local near, far = helpers.pair {client = version_of(version, client), server = server}
  assert(helpers.handshake(near, far))
  return near, far
end

local function digest_of(name, algorithm)
  local pem = helpers.read_file(helpers.file(name .. ".crt"))
  return (ssl.load_certificates(pem)[1]:digest(algorithm or "sha256"):gsub(":", ""):lower())
end

local function hex(bytes)
  return bytes and (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- The bindings of a connection in hex, "none" where there is none.
local function bindings(conn)
  local found = {}
  for _, kind in ipairs(BINDINGS) do found[kind] = hex(conn:get_channel_binding(kind)) or "none" end
  return found
end

describe("the facts of a connection", function()
  it("are nil before and in the handshake, and nil, \"closed\" at the end", function()
    local inside = {}
    local near, far = helpers.pair {client = {on_verify = function(conn)
      for name, fact in pairs(FACTS) do inside[name] = select("#", fact(conn)) == 1 and fact(conn) == nil end
      inside.info = conn:info().state
    end}}
    for name, fact in pairs(FACTS) do assert.same({n = 1}, {n = select("#", fact(near)), fact(near)}, name) end
    assert.same({state = "handshake", server_side = false, server_hostname = "localhost"}, near:info())
    assert.same({state = "handshake", server_side = true}, far:info())
    assert(helpers.handshake(near, far))
    for name in pairs(FACTS) do assert.is_true(inside[name], name) end
    assert.equal("handshake", inside.info)
    near:close()
    far:close()
    for name, fact in pairs(FACTS) do assert.same({nil, "closed"}, {fact(near)}, name) end
    assert.same({nil, "closed"}, {far:info()})
  end)

  it("are nil after a handshake that failed; info tells what is known", function()
    local near, far = helpers.pair {server = {certfile = helpers.file "untrusted.pem"}}
    assert.is_nil((helpers.handshake(near, far)))
    for name, fact in pairs(FACTS) do
      assert.same({n = 1}, {n = select("#", fact(near)), fact(near)}, name)
    end
    local info = near:info()
    assert.equal("failed", info.state)
    assert.equal("unable to get local issuer certificate", info.verify_message)
    assert.is_userdata(info.peer_certificate)
    assert.is_nil(info.version)
    near:close()
    far:close()
  end)

  for _, version in ipairs(VERSIONS) do
    it("stay when the connection fails behind the handshake, " .. version, function()
      local near, far = pair(version)
      local before = {}
      for name, fact in pairs(FACTS) do before[name] = fact(near) end
      near:feed "this is no record of TLS"
      assert.is_nil((near:read(1)))
      assert.equal("failed", near:info().state)
      for name, fact in pairs(FACTS) do assert.same(before[name], fact(near), name) end
      near:close()
      far:close()
    end)

    it("name group and signatures, " .. version, function()
      for _, case in ipairs {
        {"X25519", "rsa", "x25519", "rsa_pss_rsae_sha256"},
        {"P-384", "rsa", "secp384r1", "rsa_pss_rsae_sha256"},
        {"P-256", "ecdsa", "secp256r1", "ecdsa_secp256r1_sha256"},
        {"P-256", "ed25519", "secp256r1", "ed25519"},
      } do
        local near, far = pair(version, {groups = case[1]}, {certfile = helpers.file(case[2] .. ".pem")})
        for _, conn in ipairs {near, far} do assert.equal(case[3], conn:group():lower()) end
        assert.equal(case[4], near:signature_algorithm "peer")
        assert.equal(case[4], far:signature_algorithm "own")
        assert.is_nil(near:signature_algorithm "own")
        assert.is_nil(far:signature_algorithm "peer")
        near:close()
        far:close()
      end
    end)

    it("name the client's signature, " .. version, function()
      local near, far = pair(version, {certfile = helpers.file "client.pem"},
        {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt"})
      local name = near:signature_algorithm "own"
      assert.matches("^%l+_%w+", name)
      assert.equal(name, far:signature_algorithm "peer")
      near:close()
      far:close()
    end)

    it("list the ciphers that both have, on the server, " .. version, function()
      local near, far = pair(version, {ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
        ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"},
        {ciphers = "ECDHE-RSA-AES128-GCM-SHA256", ciphersuites = "TLS_AES_128_GCM_SHA256"})
      local name = version == "TLSv1.3" and "TLS_AES_128_GCM_SHA256" or "ECDHE-RSA-AES128-GCM-SHA256"
      assert.same({{name = name, version = version, bits = 128}}, far:shared_ciphers())
      assert.is_nil(near:shared_ciphers())
      near:close()
      far:close()
    end)

    it("are in one table, " .. version, function()
      local near, far = pair(version)
      local info, name, of, bits = near:info(), near:cipher()
      assert.same({name, of, bits}, {info.cipher, info.cipher_version, info.cipher_bits})
      for _, fact in ipairs {"version", "group", "authenticated_by", "session_reused", "server_hostname"} do
        assert.is_not_nil(info[fact], fact)
        assert.equal(near[fact](near), info[fact], fact)
      end
      assert.same({0, "ok", 0}, {info.verify_code, info.verify_message, info.verify_depth})
      assert.equal("rsa_pss_rsae_sha256", info.peer_signature_algorithm)
      assert.equal("rsa_pss_rsae_sha256", far:info().own_signature_algorithm)
      assert.same(far:shared_ciphers(), far:info().shared_ciphers)
      assert.is_nil(info.compression)
      assert.is_true(far:info().server_side)
      near:close()
      far:close()
    end)

    it("bind both ends to one connection, " .. version, function()
      local near, far = pair(version)
      local found = bindings(near)
      assert.same(found, bindings(far))
      assert.equal(digest_of "rsa", found["tls-server-end-point"])
      assert.matches("^" .. ("%x"):rep(64) .. "$", found["tls-exporter"])
      assert.equal(version == "TLSv1.3" and 4 or 24, #found["tls-unique"])
      local other, another = pair(version)
      assert.not_equal(found["tls-exporter"], bindings(other)["tls-exporter"])
      for _, conn in ipairs {near, far, other, another} do conn:close() end
    end)

    it("give keys to other protocols, " .. version, function()
      local near, far = pair(version)
      local function key(...)
        local bytes = near:export_keying_material(...)
        assert.equal(bytes, far:export_keying_material(...))
        return bytes
      end
      local found = {}
      for _, arguments in ipairs {{"EXPERIMENTAL", 32}, {"EXPERIMENTAL", 32, "x"}, {"EXPERIMENTAL", 32, "y\0"},
        {"EXPERIMENTAL\0", 32}} do
        local bytes = key((table.unpack or unpack)(arguments))
        assert.equal(32, #bytes)
        assert.is_nil(found[bytes])
        found[bytes] = true
      end
      assert.equal(4096, #key("EXPERIMENTAL", 4096))
      assert.equal(1, #key("EXPERIMENTAL", 1))
      -- RFC 5705, 4; RFC 8446, 7.5
      assert.equal(version == "TLSv1.3", key("EXPERIMENTAL", 32) == key("EXPERIMENTAL", 32, ""))
      near:close()
      far:close()
    end)

    it("tell of a resumed session what both ends share, " .. version, function()
      local client, server = resuming.client(version_of(version)), resuming.server()
      local session = resuming.session(client, server)
      local near, far = assert(resuming.meet(client, server, {session = session}))
      assert.is_true(near:session_reused())
      local found = bindings(near)
      assert.same(found, bindings(far))
      assert.equal(digest_of "rsa", found["tls-server-end-point"])
      for _, conn in ipairs {near, far} do
        assert.is_nil(conn:signature_algorithm "own")
        assert.is_nil(conn:signature_algorithm "peer")
        assert.is_true(conn:info().session_reused)
      end
      assert.equal(near:group(), far:group())
      assert.equal("session", near:info().authenticated_by)
      if version == "TLSv1.2" then
        assert.equal(hex(far:finished "own"), found["tls-unique"])
        assert.equal(far:finished "own", near:finished "peer")
        assert.not_equal(far:finished "own", near:finished "own")
      end
      local again = assert(near:session())
      resuming.part(near, far)
      -- and of one that was renewed
      near, far = assert(resuming.meet(client, server, {session = again}))
      assert.same(bindings(near), bindings(far))
      assert.equal(digest_of "rsa", hex(far:get_channel_binding "tls-server-end-point"))
      resuming.part(near, far)
    end)
  end

  it("know by whose certificate a session was made, when the server has another", function()
    for _, version in ipairs(VERSIONS) do
      local client, server = resuming.client(version_of(version)), resuming.server {session_id_context = "x"}
      local session = resuming.session(client, server)
      assert(server:set {certfile = helpers.file "ecdsa.pem"})
      local near, far = assert(resuming.meet(client, server, {session = session}))
      assert.is_true(near:session_reused())
      assert.equal(digest_of "rsa", hex(near:get_channel_binding "tls-server-end-point"))
      assert.equal(digest_of "rsa", hex(far:get_channel_binding "tls-server-end-point"))
      resuming.part(near, far)
    end
  end)

  it("are none where nothing makes them", function()
    local near, far = pair("TLSv1.2", nil, {ciphers = "AES128-GCM-SHA256"})
    assert.is_nil(near:group())
    assert.is_nil(near:signature_algorithm "peer")
    assert.is_nil(far:signature_algorithm "own")
    near:close()
    far:close()
    near, far = pair("TLSv1.3", nil, {certfile = helpers.file "ed25519.pem"})
    assert.equal("ed25519", near:signature_algorithm "peer")
    assert.equal(digest_of "ed25519", hex(near:get_channel_binding "tls-server-end-point"))  -- an authority's signature
    for _, side in ipairs {"own", "peer"} do assert.is_nil(near:finished(side)) end
    near:close()
    far:close()
  end)

  it("have no binding by a certificate that no hash has signed", function()
    local path = helpers.temp_name()
    assert(helpers.spawn({"openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", path .. ".key",
      "-out", path .. ".crt", "-subj", "/CN=localhost"}):wait() == 0)
    local near, far = pair("TLSv1.3", {cert_reqs = ssl.CERT_NONE, check_hostname = false},
      {certfile = path .. ".crt", keyfile = path .. ".key"})
    assert.is_nil(near:get_channel_binding "tls-server-end-point")
    assert.is_nil(far:get_channel_binding "tls-server-end-point")
    near:close()
    far:close()
  end)

  it("hash as the certificate's signature does", function()
    local path = helpers.temp_name()
    for digest, by in pairs {sha384 = "sha384", sha512 = "sha512", sha1 = "sha256"} do
      assert(helpers.spawn({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path .. ".key",
        "-out", path .. ".crt", "-subj", "/CN=localhost", "-" .. digest}):wait() == 0)
      local near, far = pair("TLSv1.2", {cert_reqs = ssl.CERT_NONE, check_hostname = false,
        ciphers = "DEFAULT:@SECLEVEL=0"},
        {certfile = path .. ".crt", keyfile = path .. ".key", ciphers = "DEFAULT:@SECLEVEL=0"})
      local wanted = near:peer_certificate():digest(by):gsub(":", ""):lower()
      assert.equal(wanted, hex(near:get_channel_binding "tls-server-end-point"))
      assert.equal(wanted, hex(far:get_channel_binding "tls-server-end-point"))
      near:close()
      far:close()
    end
  end)

  it("have errors that name what was wrong", function()
    local near, far = pair "TLSv1.2"
    local key, err = near:export_keying_material("client finished", 32)
    assert.is_nil(key)
    assert.matches("export_keying_material: tls illegal exporter label", tostring(err))
    near:close()
    far:close()
  end)
end)
