-- Unix stream sockets under TLS: taken over and given back like TCP's.
local ssl = require "luassl"
local unix = require "socket.unix"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

local LAZY = {do_handshake_on_connect = false}

describe("a unix stream socket", function()
  local near, far

  local function pair()
    local path = helpers.temp_name()
    local listener = assert(unix.stream())
    assert(listener:bind(path))
    assert(listener:listen(1))
    near = assert(unix.stream())
    assert(near:connect(path))
    far = assert(listener:accept())
    listener:close()
  end

  after_each(function()
    near:close()
    far:close()
    near, far = nil, nil
  end)

  local function handshaken(client, server)
    client:settimeout(0)
    server:settimeout(0)
    for _, result in ipairs(wire.together {
        function() return client:do_handshake() end,
        function() return server:do_handshake() end}) do
      assert(result[1], result[2])
    end
  end

  it("is wrapped like a TCP socket", function()
    pair()
    local client = assert(wire.context "client":wrap_socket(near, {
      server_hostname = "localhost", do_handshake_on_connect = false}))
    local server = assert(wire.context "server":wrap_socket(far, LAZY))
    assert.equal(-1, near:getfd())
    assert.equal(-1, far:getfd())
    handshaken(client, server)
    assert.equal(5, client:send "hello")
    assert.equal("hello", server:receive(5))
    assert.equal("unix", client:getfamily())
    assert.same({""}, {client:getsockname()})
    assert.same({server:getsockname()}, {client:getpeername()})
    assert.equal(1, server:close())
    assert.same({nil, "closed", ""}, {client:receive "*a"})
    assert.equal(1, client:close())
  end)

  it("gives what it had read to a server and refuses it on a client", function()
    pair()
    near:send "line\nmore\n"
    far:send "line\nmore\n"
    assert.equal("line", far:receive())
    assert.equal("line", near:receive())
    local conn, err = ssl.wrap_socket(near, LAZY)
    assert.is_nil(conn)
    assert.equal("injection", err.kind)
    assert.equal("more", near:receive())
    conn = assert(wire.context "server":wrap_socket(far, LAZY))
    conn:settimeout(0)
    conn, err = conn:do_handshake()
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLError))  -- "more" is no handshake
  end)

  it("connects when it has not yet", function()
    local path = helpers.temp_name()
    local listener = assert(unix.stream())
    assert(listener:bind(path))
    assert(listener:listen(1))
    near = assert(wire.context "client":wrap_socket(unix.stream(), {
      server_hostname = "localhost", do_handshake_on_connect = false}))
    near:settimeout(0)
    assert.equal(1, near:connect(path))
    local accepted = assert(listener:accept())
    listener:close()
    far = assert(wire.context "server":wrap_socket(accepted, LAZY))
    handshaken(near, far)
    assert.equal("localhost", far:server_hostname())
  end)

  it("comes back from unwrap as the object it was", function()
    pair()
    local original = near
    local client = assert(wire.context "client":wrap_socket(near, {
      server_hostname = "localhost", do_handshake_on_connect = false}))
    local server = assert(wire.context "server":wrap_socket(far, LAZY))
    handshaken(client, server)
    local results = wire.together {
      function() return client:unwrap() end,
      function() return server:unwrap() end}
    assert.equal(original, results[1][1])
    assert.equal("", results[1][2])
    wire.check_clear(results[1][1], results[2][1])
    client:close()
    server:close()
    wire.check_clear(results[1][1], results[2][1])
  end)
end)
