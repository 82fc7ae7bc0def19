-- luassl.luv on the real luv: a client and a server, back-pressure, timers.
local found, uv = pcall(require, "luv")
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"
local cases = require "spec.support.connected_cases"

if found then  -- what a loop opens for itself, when it listens first
  local handle = uv.new_tcp()
  assert(handle:bind("127.0.0.1", 0))
  assert(handle:listen(1, print))
  handle:close()
  uv.run()
end

helpers.audit()

describe("luassl.luv", function()
  if not found then
    it("needs luv, which is not here", function() assert.is_false(found) end)
    return
  end

  local tls = require "luassl.luv"
  local listener, port, failures

  -- Runs f in a coroutine until it has ended, and the loop with it.
  local function run(f)
    local done, late = false, false
    local timer = uv.new_timer()
    timer:start(6000 * helpers.patience, 0, function()
      late = true
      uv.stop()
    end)
    tls.spawn(function()
      f()
      done = true
      timer:close()
      if listener then listener:close() end
      listener = nil
    end)
    uv.run()
    assert(done and not late, "it does not end")
    uv.run "nowait"
  end

  local function listen(handler, options, server)
    options = options or {}
    failures = {}
    options.on_error = function(err) failures[#failures + 1] = err end
    listener = assert(tls.listen(wire.context("server", server), "127.0.0.1", 0, handler, options))
    port = listener:getsockname().port
  end

  local function connect(options)
    options = options or {}
    options.context = options.context or wire.context "client"
    options.server_hostname = options.server_hostname or "localhost"
    return tls.connect("127.0.0.1", port, options)
  end

  local function echo(conn)
    local line = conn:receive()
    while line and conn:send(line .. "\n") do line = conn:receive() end
  end

  after_each(function()
    helpers.stop_all()
    for _ = 1, 3 do collectgarbage() end
  end)

  it("connects, speaks and closes", function()
    run(function()
      listen(echo)
      local conn = assert(connect())
      assert(conn:send "hello\n")
      assert.equal("hello", conn:receive())
      assert.equal("127.0.0.1", (conn:getpeername()))
      assert.equal(port, select(2, conn:getpeername()))
      assert.equal("string", type(select(2, conn:getsockname())))
      assert.equal(1, conn:close())
    end)
    assert.same({}, failures)
  end)

  it("tells why it does not connect", function()
    run(function()
      listen(echo)
      local conn, err = connect {server_hostname = "other.example"}
      assert.is_nil(conn)
      assert.matches("other.example", tostring(err))
      port = helpers.free_port()
      conn, err = connect()
      assert.same({nil, "ECONNREFUSED"}, {conn, err})
      conn, err = tls.connect("no-such-host.invalid", port, {context = wire.context "client", timeout = 5})
      assert.is_nil(conn)
      assert.is_string(err)
    end)
  end)

  -- None goes on before all are there: they take as long as the slowest, not the sum.
  it("serves a hundred at once, whose certificates are fetched in hooks that wait", function()
    local waiting = 0
    run(function()
      local certificate = wire.context "server"
      listen(echo, nil, {on_client_hello = function()
        waiting = waiting + 1
        while waiting < 100 do tls.sleep(0.005) end
        return {certificate = certificate}
      end})
      local context, ended = wire.context "client", 0
      for i = 1, 100 do
        tls.spawn(function()
          local conn = assert(connect {context = context})
          assert(conn:send(i .. "\n"))
          assert.equal(tostring(i), conn:receive())
          conn:close()
          ended = ended + 1
        end)
      end
      while ended < 100 do tls.sleep(0.01) end
    end)
    assert.equal(100, waiting)
    assert.same({}, failures)
  end)

  it("receives and sends at once, and holds little of what a slow peer does not take", function()
    local text, most = ("0123456789abcdef"):rep(4096) .. "\n", 0
    run(function()
      local heard = 0
      listen(function(conn)
        tls.sleep(0.1)
        while heard < 40 do
          assert(conn:receive())
          heard = heard + 1
        end
        assert(conn:send "all of it\n")
      end)
      local conn = assert(connect())
      local answer
      tls.spawn(function() answer = conn:receive() end)
      local handle = uv.new_timer()
      handle:start(1, 1, function()
        local _, out = conn.object:buffered()
        most = math.max(most, out + #(conn.unwritten or ""))
      end)
      for _ = 1, 40 do assert(conn:send(text)) end
      handle:close()
      while not answer do tls.sleep(0.01) end
      assert.equal("all of it", answer)
      conn:close()
    end)
    assert.is_true(most <= 400000, tostring(most))
  end)

  it("ends a handshake that takes too long, on either side", function()
    run(function()
      listen(echo, {handshake_timeout = 0.1})
      local mute = assert(socket.connect("127.0.0.1", port))
      local silent = assert(socket.bind("127.0.0.1", 0))
      local listening = port
      port = select(2, silent:getsockname())
      local conn, err = connect {timeout = 0.1}
      assert.same({nil, "timeout"}, {conn, err})
      conn, err = connect {handshake_timeout = 0.1}
      assert.is_nil(conn)
      assert.equal("handshake_timeout", err.kind)
      port = listening
      while #failures == 0 do tls.sleep(0.01) end
      assert.equal("handshake_timeout", failures[1].kind)
      mute:close()
      silent:close()
    end)
  end)

  it("times out and goes on", function()
    run(function()
      listen(echo)
      local conn = assert(connect())
      conn:settimeout(0.02)
      assert.same({nil, "timeout", ""}, {conn:receive()})
      conn:settimeout(0)
      assert.same({nil, "wantread"}, {conn:read()})
      conn:settimeout(nil)
      assert(conn:send "x\n")
      assert.equal("x", conn:receive())
      conn:close()
      assert.same({nil, "closed", ""}, {conn:receive()})
    end)
  end)

  describe("does what a socket does: it", function()
    local kind = cases.in_host {sleep = tls.sleep}

    function kind.transports()
      local far
      local near = uv.new_tcp()
      local waiting = uv.new_tcp()
      assert(waiting:bind("127.0.0.1", 0))
      assert(waiting:listen(1, function()
        far = uv.new_tcp()
        assert(waiting:accept(far))
      end))
      assert(near:connect("127.0.0.1", waiting:getsockname().port, function(err) assert(not err, err) end))
      while not (far and near:is_writable()) do tls.sleep(0.001) end
      waiting:close()
      return tls.transport(near), tls.transport(far)
    end

    setup(function() kind.client, kind.server = wire.context "client", wire.context "server" end)
    teardown(function() kind.client, kind.server = nil, nil end)

    cases.add(kind, function(name, case)
      it(name, function()
        run(function() kind.try(case) end)
      end)
    end)
  end)

  it("speaks with others: its example with curl and s_client", function()
    local server = helpers.spawn {helpers.interpreter, "examples/luv_server.lua", "0", helpers.file "rsa.crt",
      helpers.file "rsa.key"}
    local its = server:expect "port (%d+)"
    local base = "https://localhost:" .. its
    local slow = helpers.spawn {"curl", "-sS", "--cacert", helpers.file "root.crt", base .. "/slow"}
    local quick = helpers.spawn {"curl", "-sS", "--cacert", helpers.file "root.crt", base .. "/a", base .. "/b"}
    assert.equal(0, quick:wait(), quick:output())
    assert.equal("Hello over TLSv1.3: /a\nHello over TLSv1.3: /b\n", quick:output())
    assert.equal(0, slow:wait(), slow:output())
    local old = helpers.spawn {"curl", "-sS", "--tls-max", "1.2", "--cacert", helpers.file "root.crt", base .. "/old"}
    assert.equal(0, old:wait(), old:output())
    assert.equal("Hello over TLSv1.2: /old\n", old:output())
    local distrusting = helpers.spawn {"curl", "-sS", "--cacert", helpers.file "other-root.crt", base .. "/"}
    assert.equal(60, distrusting:wait())
    server:expect "127.0.0.1: (handshake: [^\n]*unknown_ca)"
    server:stop()
  end)

  it("says what is misused, at the program's line", function()
    for words, call in pairs {
        ["#1 to 'connect' (string"] = function() tls.connect(1, 1) end,
        ["#2 to 'connect' (integer"] = function() tls.connect("x", 70000) end,
        ["option 'timeout' must"] = function() tls.connect("x", 1, {timeout = 0}) end,
        ["option 'context' must"] = function() tls.connect("x", 1, {context = 1}) end} do
      local _, message = pcall(call)
      assert.matches("^spec/peers/luv_spec.lua:%d+: ", message)
      assert.truthy(message:find(words, 1, true), message)
    end
    assert.is_table(ssl)
  end)
end)
