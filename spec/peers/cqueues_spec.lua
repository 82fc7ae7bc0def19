-- luassl.cqueues on the real cqueues.
local found, cqueues = pcall(require, "cqueues")
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"
local cases = require "spec.support.connected_cases"

helpers.audit()

describe("luassl.cqueues", function()
  if not found then
    it("needs cqueues, which is not here", function() assert.is_false(found) end)
    return
  end

  local tls = require "luassl.cqueues"
  local cqueues_socket = require "cqueues.socket"
  local loop, listener, port

  -- Runs these to their ends, in coroutines of one controller.
  local function run(...)
    for _, f in ipairs {...} do loop:wrap(f) end
    local fine, err = loop:loop(6 * helpers.patience)
    assert(fine, err)
    assert(loop:empty(), "it does not end")
  end

  before_each(function()
    loop = cqueues.new()
    listener = cqueues_socket.listen {host = "127.0.0.1", port = 0}
    assert(listener:listen())
    port = select(3, listener:localname())
  end)

  after_each(function()
    listener:close()
    loop:close()
    loop, listener = nil, nil
    helpers.stop_all()
  end)

  local function connect(options)
    options = options or {}
    options.context = options.context or wire.context "client"
    options.server_hostname = options.server_hostname or "localhost"
    return tls.connect("127.0.0.1", port, options)
  end

  -- Serves so many clients, each in a coroutine.
  local function serve(count, handler, options)
    local context = wire.context("server", options)
    return function()
      for _ = 1, count do
        local sock = assert(listener:accept())
        loop:wrap(function()
          local conn, err = tls.wrap(context, sock)
          handler(conn, err)
          if conn then conn:close() end
        end)
      end
    end
  end

  local function echo(conn)
    local line = conn:receive()
    while line and conn:send(line .. "\n") do line = conn:receive() end
  end

  it("connects, speaks and closes", function()
    run(serve(1, echo), function()
      local conn = assert(connect())
      assert(conn:send "hello\n")
      assert.equal("hello", conn:receive())
      assert.same({"127.0.0.1", port}, {conn:getpeername(), (select(2, conn:getpeername()))})
      conn:settimeout(0.02)
      assert.same({nil, "timeout", ""}, {conn:receive()})
      conn:settimeout(0)
      assert.same({nil, "wantread"}, {conn:read()})
      conn:settimeout(nil)
      assert(conn:send "again\n")
      assert.equal("again", conn:receive())
      assert.equal(1, conn:close())
    end)
  end)

  it("tells why it does not connect", function()
    local told
    run(serve(1, function(_, err) told = err end), function()
      local conn, err = connect {server_hostname = "other.example"}
      assert.is_nil(conn)
      assert.matches("other.example", tostring(err))
      port = helpers.free_port()
      conn, err = connect()
      assert.same({nil, "Connection refused"}, {conn, err})
    end)
    assert.equal("received", told.alert_direction)
  end)

  it("serves twenty at once, whose hooks wait", function()
    local ended, now, most = 0, 0, 0
    local clients = {serve(20, echo, {on_client_hello = function()
      now = now + 1
      most = math.max(most, now)
      cqueues.sleep(0.1)
      now = now - 1
    end})}
    local context = wire.context "client"
    for i = 1, 20 do
      clients[#clients + 1] = function()
        local conn = assert(connect {context = context})
        assert(conn:send(i .. "\n"))
        assert.equal(tostring(i), conn:receive())
        conn:close()
        ended = ended + 1
      end
    end
    run((table.unpack or unpack)(clients))
    assert.equal(20, ended)
    assert.is_true(most > 5, tostring(most))
  end)

  it("receives and sends at once, more than fits", function()
    local text = ("0123456789abcdef"):rep(60000)
    local received = {}
    local function both(conn, name)
      local waits = cqueues.running():wrap(function() assert(conn:send(text .. "\n")) end)
      assert(waits)
      received[name] = conn:receive()
      while received.client == nil or received.server == nil do cqueues.sleep(0.01) end
    end
    run(serve(1, function(conn) both(conn, "server") end), function()
      local conn = assert(connect())
      both(conn, "client")
      conn:close()
    end)
    assert.is_true(received.client == text and received.server == text)
  end)

  it("closes a stream that another coroutine reads", function()
    run(serve(1, echo), function()
      local conn, answer = assert(connect()), nil
      cqueues.running():wrap(function() answer = {conn:receive()} end)
      cqueues.sleep(0.01)
      conn:close()
      while not answer do cqueues.sleep(0.01) end
      assert.same({nil, "closed", ""}, answer)
    end)
  end)

  it("ends a handshake that takes too long", function()
    local mute = cqueues_socket.listen {host = "127.0.0.1", port = 0}
    assert(mute:listen())
    port = select(3, mute:localname())
    run(function()
      local conn, err = connect {timeout = 0.1}
      assert.same({nil, "timeout"}, {conn, err})
      conn, err = connect {handshake_timeout = 0.1}
      assert.is_nil(conn)
      assert.equal("handshake_timeout", err.kind)
      mute:close()
    end)
  end)

  describe("does what a socket does: it", function()
    local kind = cases.in_host {sleep = cqueues.sleep}

    function kind.transports()
      local near = cqueues_socket.connect {host = "127.0.0.1", port = port, nodelay = true}
      assert(near:connect())
      return tls.transport(near), tls.transport(assert(listener:accept {nodelay = true}))
    end

    it("counts what has left, not what waits in cqueues' own buffer", function()
      run(function()
        local near, far = kind.transports()
        local block, told, heard = ("x"):rep(99991), 0, 0
        local done, _, taken
        repeat
          done, _, taken = near.write(block, 0)
          told = told + (done and #block or taken)
        until not done
        while heard < told do heard = heard + #assert(far.read(helpers.patience)) end
        assert.equal(told, heard)
        assert.is_true(near.write(block:sub(taken + 1)))  -- the rest, once
        while heard < told + #block - taken do heard = heard + #assert(far.read(helpers.patience)) end
        assert.same({nil, "timeout"}, {far.read(0)})
        near.close()
        far.close()
      end)
    end)

    setup(function() kind.client, kind.server = wire.context "client", wire.context "server" end)
    teardown(function() kind.client, kind.server = nil, nil end)

    cases.add(kind, function(name, case)
      it(name, function()
        run(function() kind.try(case) end)
      end)
    end)
  end)
end)
