-- Certificates as facts: what was sent, verified, shown and found wrong, on
-- both sides and both kinds of connection; after a resumption what is known.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file, read_file = helpers.file, helpers.read_file
local client, server = resuming.client, resuming.server

-- The DER of the certificates in PEM files.
local function ders(...)
  local list = {}
  for _, name in ipairs {...} do
    list[#list + 1] = ssl.PEM_cert_to_DER_cert(read_file(file(name)))
  end
  return list
end

local function of(chain)
  if chain == nil then return nil end
  local list = {}
  for i, certificate in ipairs(chain) do list[i] = certificate:der() end
  return list
end

local function asking(options)
  local all = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", certfile = file "chained.pem"}
  for name, value in pairs(options or {}) do all[name] = value end
  return server(all)
end

-- The first error of a handshake that has to fail: the client's, the server's.
local function failing(near_context, far_context)
  local near = assert(near_context:wrap_object {server_hostname = "localhost"})
  local far = assert(far_context:wrap_object())
  local done, near_error, far_error = helpers.handshake(near, far)
  assert.is_nil(done)
  return near, far, near_error, far_error
end

local function close(near, far)
  near:close()
  far:close()
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("chains in " .. version, function()
    local function near_context(options)
      local all = {maximum_version = version}
      for name, value in pairs(options or {}) do all[name] = value end
      return client(all)
    end

    it("are those that were sent, verified and shown", function()
      local near, far = assert(resuming.meet(near_context {certfile = file "client.pem"}, asking()))
      assert.same(ders("chained.crt", "intermediate.crt"), of(near:peer_chain()))
      assert.same(ders("chained.crt", "intermediate.crt", "root.crt"), of(near:verified_chain()))
      assert.equal(ders("client.crt")[1], near:local_certificate():der())
      assert.same({}, near:verify_errors())
      assert.same(ders "client.crt", of(far:peer_chain()))
      assert.same(ders("client.crt", "root.crt"), of(far:verified_chain()))
      assert.equal(ders("chained.crt")[1], far:local_certificate():der())
      assert.same({}, far:verify_errors())
      resuming.part(near, far)
      for _, name in ipairs {"peer_chain", "verified_chain", "local_certificate", "verify_errors"} do
        assert.same({n = 2, nil, "closed"}, {n = select("#", near[name](near)), near[name](near)})
      end
    end)

    it("of a client hold what it sent, its own first", function()
      local near, far = assert(resuming.meet(near_context {certfile = file "chained.pem"},
        asking {on_verify = function() return ssl.ACCEPT_UNVERIFIED end}))
      assert.same(ders("chained.crt", "intermediate.crt"), of(far:peer_chain()))
      assert.is_nil(far:verified_chain())  -- it is for servers
      local faults = far:verify_errors()
      assert.equal("invalid_purpose", faults[1].name)
      assert.equal(26, faults[1].code)
      assert.equal(0, faults[1].depth)
      assert.is_string(faults[1].message)
      resuming.part(near, far)
    end)

    it("are nil where nobody has a certificate, or is asked for it", function()
      local near, far = assert(resuming.meet(near_context {certfile = file "client.pem"}, server()))
      assert.is_nil(near:local_certificate())
      assert.is_nil(far:peer_chain())
      assert.is_nil(far:verified_chain())
      assert.is_nil(far:verify_errors())
      resuming.part(near, far)
      near, far = assert(resuming.meet(near_context(), asking {cert_reqs = ssl.CERT_OPTIONAL}))
      assert.is_nil(near:local_certificate())
      assert.is_nil(far:peer_chain())
      resuming.part(near, far)
    end)

    it("are nil before the handshake", function()
      local near = assert(near_context {certfile = file "client.pem"}:wrap_object {server_hostname = "localhost"})
      for _, name in ipairs {"peer_chain", "verified_chain", "local_certificate", "verify_errors"} do
        assert.same({n = 1}, {n = select("#", near[name](near)), near[name](near)})
      end
      near:close()
    end)

    it("after a resumption are those of the session, nil where that has none", function()
      local context = near_context {certfile = file "client.pem"}
      local far_context = asking()
      local near, far = assert(resuming.meet(context, far_context,
        {session = resuming.session(context, far_context)}))
      assert.is_true(near:session_reused())
      assert.same(ders("chained.crt", "intermediate.crt"), of(near:peer_chain()))
      assert.same(ders("chained.crt", "intermediate.crt", "root.crt"), of(near:verified_chain()))
      assert.is_nil(near:local_certificate())
      assert.same({}, near:verify_errors())
      assert.is_nil(far:peer_chain())
      assert.is_nil(far:verified_chain())
      assert.is_nil(far:local_certificate())
      assert.equal(ders("client.crt")[1], far:peer_certificate():der())
      assert.same({}, far:verify_errors())
      resuming.part(near, far)
    end)

    it("after a resumption are not verified where they were not", function()
      local context = near_context {cert_reqs = ssl.CERT_NONE, check_hostname = false}
      local far_context = server {certfile = file "untrusted.pem"}
      local near, far = assert(resuming.meet(context, far_context,
        {session = resuming.session(context, far_context)}))
      assert.is_true(near:session_reused())
      assert.same(ders "untrusted.crt", of(near:peer_chain()))
      assert.is_nil(near:verified_chain())
      assert.equal(1, #near:verify_errors())
      resuming.part(near, far)
    end)

    it("tell all that is wrong though the handshake went on", function()
      local context = near_context {cert_reqs = ssl.CERT_NONE, check_hostname = false, ca_certs = file "other-root.crt"}
      local near, far = assert(resuming.meet(context, server {certfile = file "expired.pem"}))
      local names = {}
      for i, fault in ipairs(near:verify_errors()) do names[i] = fault.depth .. " " .. fault.name end
      assert.equal("0 unable_to_get_issuer_cert_locally", names[1])
      assert.truthy(table.concat(names, ", ", 2):find("0 cert_has_expired", 1, true))
      assert.equal(near:verify_errors()[1].code, (near:verify_result()))
      assert.is_nil(near:verified_chain())
      resuming.part(near, far)
    end)

    it("that are refused are in the error, also when the connection is closed", function()
      local near, far, err = failing(near_context {ca_certs = file "other-root.crt"},
        server {certfile = file "chained.pem"})
      assert.same(ders("chained.crt", "intermediate.crt"), of(near:peer_chain()))
      assert.is_nil(near:verified_chain())
      assert.is_nil(near:local_certificate())
      assert.is_true(#near:verify_errors() >= 1)
      assert.equal(err.verify_code, near:verify_errors()[1].code)
      close(near, far)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      assert.equal(ders("chained.crt")[1], err.certificate:der())
      assert.same(ders("chained.crt", "intermediate.crt"), of(err.chain))
      assert.equal(err.chain[err.verify_depth + 1]:der(), ders("intermediate.crt")[1])
    end)

    it("that a server refuses are in its error", function()
      local near, far, _, err = failing(near_context {certfile = file "untrusted.pem"}, asking())
      assert.same(ders "untrusted.crt", of(far:peer_chain()))
      assert.equal(1, #far:verify_errors())  -- the first: anybody can send them
      close(near, far)
      assert.equal(ders("untrusted.crt")[1], err.certificate:der())
      assert.same(ders "untrusted.crt", of(err.chain))
    end)

    it("are in the error of a pin, and not of what is no certificate's fault", function()
      local near, far, err = failing(near_context {pins = {"sha256//" .. ("A"):rep(43) .. "="}}, server())
      close(near, far)
      assert.equal("pin", err.kind)
      assert.equal(ders("rsa.crt")[1], err.certificate:der())
      local far_error
      near, far, err, far_error = failing(near_context(), asking())
      if not err then err = select(2, near:read(1)) end
      close(near, far)
      assert.is_nil(err.certificate or err.chain)
      assert.is_nil(far_error.certificate or far_error.chain)
    end)
  end)
end

describe("chains over sockets", function()
  it("are in the error of ssl.connect, and those that openssl sent", function()
    local peer = helpers.s_server {cert = "chained"}
    local conn, err = ssl.connect("localhost", peer.port, {ca_certs = file "other-root.crt"})
    assert.is_nil(conn)
    assert.equal(ders("chained.crt")[1], err.certificate:der())
    assert.same(ders("chained.crt", "intermediate.crt"), of(err.chain))
    conn = assert(ssl.connect("localhost", peer.port, {ca_certs = file "root.crt"}))
    assert.same(ders("chained.crt", "intermediate.crt"), of(conn:peer_chain()))
    assert.same(ders("chained.crt", "intermediate.crt", "root.crt"), of(conn:verified_chain()))
    conn:close()
    peer:stop()
  end)

  it("are what openssl's client sent, and it what was shown to it", function()
    local listener = assert(ssl.wrap_socket(socket.bind("127.0.0.1", 0), {server_side = true,
      certfile = file "chained.pem", cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}))
    local peer = helpers.s_client(select(2, listener:getsockname()), {arguments = {"-showcerts",
      "-cert", file "client.crt", "-key", file "client.key", "-cert_chain", file "intermediate.crt"}})
    listener:settimeout(helpers.patience)
    local conn = assert(listener:accept())
    assert.same(ders("client.crt", "intermediate.crt"), of(conn:peer_chain()))
    assert.same(ders("client.crt", "root.crt"), of(conn:verified_chain()))
    local shown = conn:local_certificate():pem()
    peer:expect "(Verify return code: 0)"
    assert.truthy(peer:output():find(shown, 1, true))
    conn:close()
    peer:stop()
    listener:close()
  end)
end)
