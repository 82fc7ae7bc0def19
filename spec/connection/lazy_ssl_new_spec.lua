-- The SSL is made at the first step of the handshake, with the policy of the
-- wrap: what is idle until then costs little, and what lies between counts.

local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

helpers.audit()

local file = helpers.file

-- An unconnected client of the context, and how it meets a server.
local function unconnected(context)
  local listener = assert(socket.bind("127.0.0.1", 0))
  local address, port = listener:getsockname()
  local client = hooking.keep(assert(context:wrap_socket(socket.tcp(), {server_hostname = "localhost"})))
  client:settimeout(0)
  local function meet(options)
    client:connect(address, tonumber(port))
    local accepted = assert(listener:accept())
    listener:close()
    accepted:settimeout(0)
    local server = hooking.keep(assert(hooking.context("server", options):wrap_socket(accepted)))
    return hooking.together({
      function() return client:connect(address, tonumber(port)) end,
      function() return server:do_handshake() end,
    }, function() socket.select({client, server}, nil, 0.01) end)
  end
  return client, meet
end

describe("before its first step a connection", function()
  after_each(hooking.close_all)

  it("has no SSL", function()
    local client_context, server_context = hooking.context "client", hooking.context "server"
    local near, far = helpers.sockets()
    near:settimeout(0)
    local before = helpers.snapshot().counts.SSL
    local conns = {
      client_context:wrap_object {server_hostname = "localhost"}, server_context:wrap_object(),
      client_context:wrap_socket(near, {server_hostname = "localhost"}),
    }
    conns[2]:feed "\22\3\1"
    assert.equal(before, helpers.snapshot().counts.SSL)
    for _, conn in ipairs(conns) do conn:do_handshake() end
    assert.equal(before + 3, helpers.snapshot().counts.SSL)
    for _, conn in ipairs(conns) do conn:close() end
    far:close()
  end)

  it("tells what it knows", function()
    local client, server = helpers.pair()
    for _, conn in ipairs {client, server} do
      assert.truthy(tostring(conn):find("(handshake)", 1, true))
      for _, name in ipairs {"version", "cipher", "selected_alpn_protocol", "peer_certificate", "verify_result",
        "session", "session_reused"} do assert.is_nil((conn[name](conn)), name) end
      assert.equal("state", select(2, conn:getpeercert()).kind)
      assert.equal("state", select(2, conn:unwrap()).kind)
      assert.equal(0, conn:pending())
      assert.is_false(conn:dirty())
      assert.same({false, false}, {conn:want()})
      assert.is_nil(conn:drain())
    end
    assert.equal("localhost", client:server_hostname())
    client:do_handshake()
    server:feed(client:drain())
    assert.is_true(server:dirty())  -- the ClientHello
    assert.equal(1, server:shutdown "send")
    server:close()
    assert.is_false(server:dirty())
    assert.same({nil, "closed"}, {server:do_handshake()})
    client:close()
  end)

  it("may be dropped or closed", function()
    local before = helpers.snapshot()
    for i = 1, 10 do
      local client = helpers.pair()
      if i % 2 == 0 then client:close() end
    end
    assert.same({}, helpers.growth(before))
  end)
end)

describe("the policy of a connection", function()
  after_each(hooking.close_all)

  it("is that of the wrap, whatever is set then", function()
    local asked = {}
    local function hook(name) return function() asked[#asked + 1] = name end end
    local context = hooking.context("client", {on_verify = hook "wrap", certfile = file "client.pem"})
    local client, meet = unconnected(context)
    assert.is_true(context:set {ca_certs = file "other-root.crt", on_verify = hook "set",
      certfile = file "brief-client.pem", maximum_version = "TLSv1.2"})
    collectgarbage()
    collectgarbage()
    local results = meet {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
    assert.equal(1, results[1][1], results[1][2])
    assert.same({"wrap"}, asked)
    assert.equal("TLSv1.3", client:version())
    client = assert(context:wrap_object {server_hostname = "localhost"})
    local server = assert(hooking.context "server":wrap_object())
    local _, err = helpers.handshake(client, server)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    client:close()
    server:close()
  end)

  it("is no looser than it was", function()
    local context = hooking.context("client", {ca_certs = file "other-root.crt"})
    local _, meet = unconnected(context)
    assert.is_true(context:set {cert_reqs = ssl.CERT_NONE, check_hostname = false})
    local results = meet()
    assert.is_nil(results[1][1])
    assert.is_true(results[1][2]:is(ssl.SSLCertVerificationError))
  end)
end)

describe("a name that is missing", function()
  it("is misuse where the wrap could have it", function()
    local context = assert(ssl.create_default_context())
    assert.has_error(function() context:wrap_object() end, "check_hostname needs a server_hostname")
    local near, far = helpers.sockets()
    assert.has_error(function() context:wrap_socket(near) end)
    assert.is_true(near:getfd() >= 0)  -- as it was
    near:close()
    far:close()
  end)

  it("is a failure where only connect can tell", function()
    local unix = require "socket.unix"
    local make = type(unix) == "table" and unix.stream or unix
    local listener, path = assert(make()), helpers.temp_name()
    assert(listener:bind(path))
    assert(listener:listen(1))
    local context = assert(ssl.create_default_context())
    local client = assert(context:wrap_socket(make()))
    assert.truthy(tostring(client):find("(no connection)", 1, true))
    local done, err = client:connect(path)
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("name", err.kind)
    client:close()
    listener:close()
    os.remove(path)
  end)
end)

describe("the options of a connection", function()
  after_each(hooking.close_all)

  it("are as they were when it was made, for the chosen context too", function()
    local options = {suppress_ragged_eofs = true}
    local pair = hooking.open("object", {}, {on_client_hello = function()
      options.suppress_ragged_eofs = false
      return hooking.context "server"
    end}, {server = options})
    hooking.succeed(pair)
    pair.cut "client"
    local data, err = pair.server:read()
    assert.is_nil(data)
    assert.equal("closed", err)
  end)
end)
