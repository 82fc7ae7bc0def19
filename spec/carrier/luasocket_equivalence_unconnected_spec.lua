-- Objects that are not connected yet and objects that listen: the same cases
-- run over a LuaSocket tcp object and over an SSLSocket.
local socket = require "socket"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"

helpers.audit()

local results, check_elapsed = kinds.results, kinds.check_elapsed

for _, kind in ipairs(kinds) do
  describe("an unconnected " .. kind.name, function()
    local opened

    local function keep(object)
      opened[#opened + 1] = object
      return object
    end

    before_each(function() opened = {} end)

    after_each(function()
      for _, object in ipairs(opened) do object:close() end
      opened = nil
    end)

    teardown(kinds.forget)

    it("has no descriptor before it needs one", function()
      local conn = keep(kind.client(socket.tcp()))
      for name, expected in pairs {getfd = results(-1), dirty = results(false),
          getpeername = results(nil, "Bad file descriptor"),
          getsockname = results(nil, "Bad file descriptor"),
          getfamily = results "inet4", gettimeout = results(-1, -1)} do
        assert.same(expected, results(conn[name](conn)), name)
      end
      kinds.check_raises(conn, {{"accept"}, {"connect"}, {"connect", {}, 1},
        {"connect", "127.0.0.1"}, {"connect", "127.0.0.1", {}}, {"bind"},
        {"bind", "127.0.0.1"}, {"bind", {}, 0}, {"setpeername"}})
      local server = keep(kind.server(socket.tcp()))
      kinds.check_raises(server, {{"listen", "x"}, {"accept"}})
      assert.same(results(nil, "Bad file descriptor"), results(server:listen()))
      assert.same(results(1), results(conn:close()))
      assert.same(results(1), results(conn:close()))
      assert.equal(-1, conn:getfd())
    end)

    it("has the family and the options of what it wraps", function()
      for create, family in pairs {tcp4 = "inet4", tcp6 = "inet6"} do
        local plain = keep(assert(socket[create]()))
        local conn = keep(kind.client(assert(socket[create]())))
        assert.is_true(conn:getfd() >= 0)
        assert.same(results(family), results(conn:getfamily()))
        assert.same(results(plain:getsockname()), results(conn:getsockname()))
        assert.same(results(plain:getpeername()), results(conn:getpeername()))
        kinds.compare_options(plain, conn)
      end
    end)

    it("is bound, and says why not", function()
      local listener, address, port = kind.listener()
      keep(listener)
      local conn = keep(kind.server(socket.tcp()))
      assert.same(results(nil, "address already in use"),
        results(conn:bind(address, port)))
      assert.same(results(1), results(conn:setsockname("*", 0)))
      local host, number, family = conn:getsockname()
      assert.same({"0.0.0.0", "inet"}, {host, family})
      assert.is_true(tonumber(number) > 0)
      assert.same(results(nil, "Transport endpoint is not connected"),
        results(conn:getpeername()))
      assert.same(results(1), results(conn:listen(5)))
      assert.is_true(conn:getfd() >= 0)
      assert.is_false(conn:dirty())
      kinds.check_raises(conn, {{"bind", "127.0.0.1", 0}, {"listen"}})
      local client = keep(kind.client(assert(socket.tcp6())))
      assert.same(results(nil, "Address family for hostname not supported"),
        results(client:bind("127.0.0.1", 0)))
      assert.equal(1, client:bind("::1", 0))
    end)

    it("accepts in time", function()
      local listener = keep((kind.listener()))
      assert.same(results(nil, "Transport endpoint is not connected"),
        results(listener:getpeername()))
      for _, limits in ipairs {{0}, {0.04}, {nil, 0.04}, {0.04, 9}, {9, 0}} do
        listener:settimeout(limits[1])
        listener:settimeout(limits[2], "t")
        assert.same({{}, {}, "timeout"}, {socket.select({listener}, nil, 0)})
        local start = socket.gettime()
        assert.same(results(nil, "timeout"), results(listener:accept()))
        check_elapsed(math.min(limits[1] or 9, limits[2] or 9), start)
      end
      assert.same(results(1), results(listener:close()))
      assert.same(results(nil, "closed"), results(listener:accept()))
      assert.same(results(nil, "Bad file descriptor"),
        results(listener:getsockname()))
      assert.is_false(listener:dirty())
      assert.equal(-1, listener:getfd())
    end)

    it("says why it does not connect, and tries again", function()
      local conn = keep(kind.client(socket.tcp()))
      local nobody = helpers.free_port()
      for _, limit in ipairs {-1, 5} do
        conn:settimeout(limit)
        assert.same(results(nil, "connection refused"),
          results(conn:setpeername("127.0.0.1", nobody)))
      end
      local listener, address, port = kind.listener()
      keep(listener)
      conn:settimeout(0)
      -- LuaSocket's idiom: call it, wait until it can write, call it again.
      local done, err, server
      local deadline = socket.gettime() + helpers.patience
      repeat
        done, err = conn:connect(address, port)
        if not done and err ~= "already connected" then
          assert.truthy(err == "timeout"
            or err == "Operation already in progress", err)
          socket.select(nil, {conn}, helpers.patience)
        end
        if not server then
          server = keep(kind.accept(listener))
          server:settimeout(0)
        end
        server:receive(0)  -- answers a handshake
        assert(socket.gettime() < deadline)
      until done or err == "already connected"
      assert.same(results(nil, "already connected"),
        results(conn:connect(address, port)))
      assert.same(results(nil, "already connected"),
        results(listener:connect("127.0.0.1", nobody)))
      assert.same({server:getsockname()}, {address, tostring(port), "inet"})
      assert.equal(5, conn:send "hello")
      server:settimeout(5)
      assert.equal("hello", server:receive(5))
    end)

    it("accepts what has the listener's name and no limits", function()
      local listener, address, port = kind.listener()
      keep(listener)
      listener:settimeout(7)
      listener:settimeout(8, "t")
      local near = keep(assert(socket.connect(address, port)))
      local server = keep(kind.accept(listener))
      assert.same(results(-1, -1), results(server:gettimeout()))
      assert.same(results(near:getpeername()), results(address, port, "inet"))
      assert.equal(tostring(port), (select(2, server:getsockname())))
      assert.equal(tonumber((select(2, near:getsockname()))),
        (select(2, server:getpeername())))
      assert.same({0, 0}, {server:getstats(), (select(2, server:getstats()))})
      assert.is_true((select(3, server:getstats())) < 5)
    end)

    it("closes its descriptor when it is collected", function()
      local before = helpers.snapshot()
      kind.listener()
      kind.pair()
      kind.client(assert(socket.tcp4()))
      local grown = helpers.growth(before)
      for _, line in ipairs(grown) do
        assert.falsy(line:find("descriptor", 1, true), line)
      end
    end)
  end)
end
