-- The option server_hostnames: of several names any may be the certificate's.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function client(version)
  return resuming.client {maximum_version = version}
end

-- The connection's two ends, or nil and the client's error; without the name
-- that resuming.meet would give.
local function meet(context, options, certfile, far_options)
  local all = {server_side = true, certfile = certfile or file "rsa.pem"}
  for name, value in pairs(far_options or {}) do all[name] = value end
  local near = assert(context:wrap_object(options))
  local far = assert(assert(ssl.SSLContext(all)):wrap_object())
  local done, err = helpers.handshake(near, far)
  if done then return near, far end
  near:close()
  far:close()
  return nil, err
end

local function accepts(context, names, certfile)
  local near, far = meet(context, {server_hostnames = names}, certfile)
  assert(near, far)
  assert.equal("certificate", near:authenticated_by())
  resuming.part(near, far)
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("several names in " .. version .. ":", function()
    it("any of them will do", function()
      local context = client(version)
      accepts(context, {"localhost"})
      accepts(context, {"localhost", "b.example"})
      accepts(context, {"a.example", "localhost"})
      accepts(context, {"a.example", "10.0.0.1", "127.0.0.1"})
      accepts(context, {"10.0.0.1", "localhost"})
      accepts(context, {"10.0.0.1", "::1"})
      accepts(context, {"a.example", "a_b.wildcard.example"}, file "wildcard.pem")
    end)

    it("none of them is an error that names them all", function()
      local near, err = meet(client(version), {server_hostnames = {"a.example", "b.example", "10.0.0.1"}})
      assert.is_nil(near)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      assert.equal(62, err.verify_code)
      assert.truthy(err:find("the names asked for are a.example, b.example and 10.0.0.1, the certificate is valid for "
        .. "localhost", 1, true), tostring(err))
      near, err = meet(client(version), {server_hostnames = {"10.0.0.1", "a.example"}})
      assert.is_nil(near)
      assert.equal(64, err.verify_code)
      local many = {}
      for i = 1, 20 do many[i] = ("host%d.example"):format(i) end
      near, err = meet(client(version), {server_hostnames = many})
      assert.is_nil(near)
      assert.truthy(err:find("host8.example and 12 more", 1, true), tostring(err))
    end)

    it("what else is wrong stays wrong", function()
      local near, err = meet(client(version), {server_hostnames = {"a.example", "localhost"}}, file "expired.pem")
      assert.is_nil(near)
      assert.equal(10, err.verify_code)
    end)

    it("the first is sent, unless there is a server_hostname, which only is sent", function()
      local asked
      local hook = {on_client_hello = function(_, hello) asked = hello.server_name end}
      local near, far = assert(meet(client(version), {server_hostnames = {"a.example", "localhost"}}, nil, hook))
      assert.equal("a.example", asked)
      assert.equal("a.example", near:server_hostname())
      resuming.part(near, far)
      near, far = assert(meet(client(version), {server_hostname = "front.example", server_hostnames = {"localhost"}},
        nil, hook))
      assert.equal("front.example", asked)
      resuming.part(near, far)
      local err
      near, err = meet(client(version), {server_hostname = "localhost", server_hostnames = {"a.example"}}, nil, hook)
      assert.is_nil(near)
      assert.equal(62, err.verify_code)
      near, far = assert(meet(client(version), {server_hostnames = {"127.0.0.1"}}, nil, hook))
      assert.is_nil(asked)
      resuming.part(near, far)
    end)

    it("hold after a resumption", function()
      local context, far_context = client(version), resuming.server()
      local names = {server_hostnames = {"a.example", "localhost"}, server_hostname = "localhost"}
      names.session = resuming.session(context, far_context, names)
      assert.is_true(resuming.reuses(context, far_context, names))
    end)
  end)
end

describe("several names", function()
  it("are for ssl.connect and wrap_socket too, and checked there", function()
    local peer = helpers.s_server()
    local conn = assert(ssl.connect("127.0.0.1", peer.port,
      {ca_certs = file "root.crt", server_hostnames = {"a.example", "localhost"}}))
    assert.equal("a.example", conn:server_hostname())
    conn:close()
    for _, context in ipairs {false, assert(ssl.SSLContext {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "root.crt"})} do
      local err
      conn, err = ssl.connect("localhost", peer.port, {ca_certs = not context and file "root.crt" or nil,
        context = context or nil, server_hostnames = {"a.example"}})
      assert.is_nil(conn)
      assert.equal(62, err.verify_code)
    end
    local sock = assert(require "socket".connect("127.0.0.1", peer.port))
    local done, err = ssl.wrap_socket(sock, {ca_certs = file "root.crt", server_hostnames = {"a.example"}})
    assert.is_nil(done)
    assert.equal(62, err.verify_code)
    peer:stop()
  end)

  it("that are none are an error, and an empty list misuse", function()
    local context = client()
    local conn, err = context:wrap_object {server_hostnames = {"localhost", "a b"}}
    assert.is_nil(conn)
    assert.equal("name", err.kind)
    assert.truthy(err:find("server_hostnames: number 2: ", 1, true), tostring(err))
    assert.error_matches(function() context:wrap_object {server_hostnames = {}} end, "'server_hostnames' is empty")
  end)
end)
