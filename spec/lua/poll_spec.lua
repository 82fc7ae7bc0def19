-- ssl.poll is socket.select, with poll(2): the same cases run over both, on
-- both kinds of socket. What it has more: descriptors above 1023.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"
local poll = require "luassl.poll"  -- ssl.poll itself: the audit wraps that

helpers.audit()

local check_elapsed = kinds.check_elapsed

for name, wait in pairs {["socket.select"] = socket.select,
    ["ssl.poll"] = ssl.poll} do
  for _, kind in ipairs(kinds) do
    describe(("%s over a %s"):format(name, kind.name), function()
      local client, server

      before_each(function()
        client, server = kind.pair()
      end)

      after_each(function()
        client:close()
        server:close()
        client, server = nil, nil
      end)

      teardown(kinds.forget)

      it("answers timeout when none is ready, in time", function()
        for _, limit in ipairs {0, 0.05} do
          for _, lists in ipairs {{{server}}, {{server, client}, {}}, {}} do
            local start = socket.gettime()
            assert.same({{}, {}, "timeout"},
              {wait(lists[1], lists[2], limit)})
            check_elapsed(limit, start)
          end
        end
      end)

      it("finds what can be read and what can be written", function()
        client:send "abc"
        assert.same({{server, [server] = 1}, {}},
          {wait({client, server}, nil, helpers.patience)})
        assert.same({{}, {client, [client] = 1}}, {wait(nil, {client}, 0)})
        local readable, writable = wait({server, client}, {client, server})
        assert.same({server, [server] = 1}, readable)
        assert.equal(2, #writable)
        for i, conn in ipairs(writable) do
          assert.equal(i, writable[conn])
        end
      end)

      it("waits for ever without a limit, or one below 0", function()
        for _, limit in ipairs {-1, 1e6} do
          client:send "x"
          assert.equal(server, wait({server}, nil, limit)[1])
          server:receive(1)
        end
        client:send "x"
        assert.equal(server, wait({server})[1])
      end)

      it("does not wait for what is buffered", function()
        client:send "abc"
        server:receive(1)
        assert.is_true(server:dirty())
        local start = socket.gettime()
        assert.same({{server, [server] = 1}, {}},
          {wait({server, client}, {}, helpers.patience)})
        check_elapsed(0, start)
        assert.same({{}, {}, "timeout"}, {wait({client}, nil, 0)})
        server:receive(2)
        assert.same({{}, {}, "timeout"}, {wait({server}, nil, 0)})
      end)

      it("tells the end, and room that is there again", function()
        client:settimeout(0)
        local block = ("x"):rep(100000)
        repeat until not client:send(block)
        assert.same({{}, {}, "timeout"}, {wait(nil, {client}, 0)})
        server:settimeout(0)
        local deadline = socket.gettime() + helpers.patience
        repeat
          server:receive(1000000)
          assert(socket.gettime() < deadline)
        until select(2, wait(nil, {client}, 0.01))[1] == client
        client:close()
        repeat
          assert.equal(server, wait({server}, nil, helpers.patience)[1])
          local _, err = server:receive(1000000)
          assert(socket.gettime() < deadline)
        until err and err ~= "timeout"
      end)

      it("passes over closed objects, and what has no descriptor", function()
        client:send "x"
        client:close()
        assert.same({{}, {}, "timeout"}, {wait({client}, {client}, 0)})
        assert.same({{server, [server] = 1}, {}},
          {wait({client, kind.client(socket.tcp()), server}, {client}, 5)})
      end)

      it("calls ready what will never be connected", function()
        local conn = kind.client(assert(socket.tcp4()))
        assert.equal(conn, wait({conn}, nil, 0)[1])
        conn:close()
      end)

      it("takes an object twice for one", function()
        client:send "x"
        assert.same({{server, [server] = 1}, {server, [server] = 1}},
          {wait({server, server}, {server}, helpers.patience)})
      end)

      it("takes listening objects and whatever has getfd", function()
        local listener, address, port = kind.listener()
        local near = assert(socket.connect(address, port))
        local other = {getfd = function() return listener:getfd() end}
        assert.equal(listener, wait({listener}, nil, helpers.patience)[1])
        assert.equal(other, wait({other}, nil, 0)[1])
        near:close()
        listener:close()
        assert.same({{}, {}, "timeout"},
          {wait({{getfd = function() return nil end}}, nil, 0)})
        local dirty = {getfd = function() return server:getfd() end,
          dirty = function() return true end}
        assert.equal(dirty, wait({dirty}, nil, 5)[1])
      end)

      it("raises for what it cannot mean", function()
        for _, arguments in ipairs {{5}, {"x"}, {client}, {{5}}, {{false}},
            {{client, 1}}, {nil, true}, {nil, {2}}, {nil, nil, "soon"},
            {nil, nil, {}}} do
          assert.is_false(pcall(wait, arguments[1], arguments[2],
            arguments[3]))
        end
      end)
    end)
  end
end

describe("ssl.poll", function()
  it("says what it expects, where it is called", function()
    for expected, arguments in pairs {
        ["list of sockets expected, got number"] = {5},
        ["socket expected, got string"] = {{"x"}},
        ["socket expected, got userdata"] = {nil, {io.stdout}},
        ["timeout must be a number of seconds, not string"] = {nil, nil, "x"},
        ["list of sockets expected, got userdata"] = {nil, io.stdout}} do
      local done, err = pcall(function()
        poll(arguments[1], arguments[2], arguments[3])
      end)
      assert.is_false(done)
      assert.truthy(err:find("poll_spec.lua:%d+: poll: "))
      assert.truthy(err:find(expected, 1, true), err)
    end
    assert.is_false(pcall(ssl.poll, nil, nil, 0 / 0))
  end)

  it("and every method see descriptors above 1023", function()
    local child = helpers.spawn({"sh", "-c", 'ulimit -n 3000 && exec "$@"',
      "sh", helpers.interpreter, helpers.temp_file [[
        local socket = require "socket"
        local ssl = require "luassl"
        local kinds = require "spec.support.socket_kinds"
        local files = {}
        for i = 1, 1100 do files[i] = assert(io.open("/dev/null")) end
        local listener, address, port = kinds.tls.listener()
        assert(listener:getfd() > 1023)
        local client = kinds.tls.client(socket.tcp())
        client:settimeout(0)
        client:connect(address, port)
        assert(select(2, ssl.poll({listener}, {client}, 5))[client])
        assert(ssl.poll({listener}, nil, 5)[listener])
        assert(select(2, client:connect(address, port)) == "timeout")  -- TLS
        listener:settimeout(0)
        local server = assert(listener:accept())
        kinds.tls.settle(client, server)
        client:settimeout(0.05)
        assert(client:getfd() > 1023 and server:getfd() > 1023)
        assert(not pcall(socket.select, {server}, nil, 0))
        assert(select(3, ssl.poll({server, client}, nil, 0.01)) == "timeout")
        assert(select(2, client:receive()) == "timeout")  -- waits
        client:send "over and above\n"
        local readable, writable = ssl.poll({server, client}, {client}, 5)
        assert(readable[1] == server and not readable[2])
        assert(writable[1] == client)
        assert(server:receive() == "over and above")
        assert(client:setoption("keepalive", true))
        client:close()
        assert(ssl.poll({server}, nil, 5)[1] == server)
        assert(select(2, server:receive()) == "closed")
        local sock, leftover = server:unwrap()
        assert(sock:getfd() > 1023 and leftover == "")
        print "all well"
      ]]}, {env = {LD_PRELOAD = helpers.preloaded}})
    child:expect "(all well)"
    assert.equal(0, child:wait())
  end)

  it("waits for many", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local address, port = listener:getsockname()
    local conns = {}
    for i = 1, 300, 2 do
      conns[i] = assert(socket.connect(address, port))
      conns[i + 1] = assert(listener:accept())
    end
    assert.same({{}, {}, "timeout"}, {ssl.poll(conns, nil, 0)})
    conns[299]:send "x"
    conns[2]:send "x"
    local readable, writable
    repeat readable = ssl.poll(conns, nil, 5) until #readable == 2
    assert.same({conns[1], conns[300], [conns[1]] = 1, [conns[300]] = 2},
      readable)
    readable, writable = ssl.poll(nil, conns, 5)
    assert.same({0, 300}, {#readable, #writable})
    for _, conn in ipairs(conns) do conn:close() end
    listener:close()
  end)
end)
