-- How an SSLSocket says goodbye, and what becomes of what it had sent.
local audit = require "luassl_audit"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

-- Whether the kernel has got a reset for this LuaSocket object.
local function was_reset(sock)
  return sock:getoption "error" ~= nil
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  for _, side in ipairs {"client", "server"} do
    describe(("close of a %s, %s,"):format(side, version), function()
      local pair

      local function open(options)
        options = options or {}
        options.side = side
        options.client = {maximum_version = version}
        pair = wire.opened(options)
        return pair.conn
      end

      after_each(function()
        pair:close()
        pair = nil
      end)

      it("says close_notify", function()
        local conn = open()
        conn:send "last words"
        pair:receive(10)
        pair.heard = {}
        assert.equal(1, conn:close())
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        assert.equal(version == "TLSv1.2" and "alert" or "data",
          pair:records())
        assert.is_true(pair.ended)
      end)

      it("says it once, whatever was said before", function()
        local conn = open()
        assert.equal(1, conn:shutdown "send")
        assert.equal(1, conn:shutdown "both")
        pair:carry()
        pair.heard = {}
        assert.equal(1, conn:close())
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        pair:drive(function() return pair.ended, "timeout" end)
        assert.equal("", pair:records())
      end)

      it("answers 1 once more, and for ever", function()
        local conn = open()
        local fd = conn:getfd()
        for _ = 1, 3 do assert.equal(1, conn:close()) end
        assert.equal(-1, conn:getfd())
        assert.is_nil(audit.descriptors()[math.floor(fd)])
        assert.truthy(tostring(conn):find("SSLSocket (closed)", 1, true))
      end)

      it("sends no reset over data that nobody read", function()
        local conn = open()
        pair:say(wire.filling(100000))
        socket.select({conn}, nil, helpers.patience)
        assert.equal(5, conn:send "quick")
        assert.equal(1, conn:close())
        assert.is_false(was_reset(pair.raw))
        assert.equal("quick", (pair:receive "*a"))
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        assert.is_false(was_reset(pair.raw))
      end)

      it("lets all leave that was sent", function()
        local conn = open()
        local data = wire.filling(30000)
        assert.equal(#data, conn:send(data))
        assert.equal(1, conn:close())
        assert.is_true((pair:receive "*a") == data)
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
      end)

      it("says so when bytes that counted as sent did not leave", function()
        local conn = open {buffer = 32768}
        pair:fill()
        local fd = conn:getfd()
        local done, err = conn:close()
        assert.is_nil(done)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("unsent", err.kind)
        assert.equal("close", err.operation)
        assert.is_nil(audit.descriptors()[math.floor(fd)])
        assert.equal(1, conn:close())
        -- The peer is not told that this was all.
        local _, reason = pair:receive "*a"
        assert.is_true(reason:is(ssl.SSLEOFError))
      end)

      it("says so when the connection broke below them", function()
        local conn = open {buffer = 32768}
        pair:fill()
        pair:reset()
        local done, err = conn:close()
        assert.is_nil(done)
        assert.is_true(err:is(ssl.SSLSyscallError))
        assert.equal(-1, conn:getfd())
        assert.equal(1, conn:close())
      end)

      it("says so even when a read has found that out", function()
        local conn = open {buffer = 32768}
        pair:fill()
        pair:reset()
        assert.is_nil((conn:receive()))  -- tries to get rid of them
        local done, err = conn:close()
        assert.is_nil(done)
        assert.is_true(err:is(ssl.SSLSyscallError))
        assert.equal(1, conn:close())
      end)

      it("is content when all left but close_notify", function()
        local conn = open {buffer = 32768}
        helpers.raw(conn, function(sock)  -- behind TLS's back
          sock:settimeout(0)
          repeat until not sock:send(wire.filling(1000))
          repeat until not sock:send "x"
        end)
        assert.same({1, nil}, {conn:close()})
      end)

      it("says nothing and keeps nothing when it is collected", function()
        local conn = open()
        local fd = math.floor(conn:getfd())
        conn:send "last words"
        pair:receive(10)
        pair.heard = {}
        conn, pair.conn = nil, {close = function() end}
        assert.is_nil(conn)
        helpers.snapshot()
        assert.is_nil(audit.descriptors()[fd])
        local _, err = pair:receive "*a"
        assert.is_true(err:is(ssl.SSLEOFError))
        assert.equal("", pair:records())
      end)

      it("is what a variable's end does since Lua 5.4", function()
        local conn = open()
        if not coroutine.close then return end  -- no such variables
        local use = assert(load [[
          local conn = ...
          do
            local scoped <close> = conn
            scoped:send "scoped"
          end
          return tostring(conn)]])
        assert.truthy(use(conn):find("(closed)", 1, true))
        assert.equal("scoped", (pair:receive "*a"))
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        use = load [[local scoped <close> = ...; error "on the way"]]
        local other = wire.opened {side = side}
        assert.is_false((pcall(use, other.conn)))
        assert.same({nil, "closed", ""}, {other:receive "*a"})
        other:close()
      end)
    end)
  end
end

describe("close", function()
  it("is a clean end for a peer that is not ours", function()
    for _, version in ipairs {"TLSv1_2", "TLSv1_3"} do
      local peer = helpers.python_server("hold", {arguments = {
        "--clients", 1, "--max", version}})
      local conn = assert(ssl.wrap_socket(socket.tcp()))
      assert(conn:connect("127.0.0.1", peer.port))
      conn:send "something"
      assert.equal(1, conn:close())
      assert.equal(0, peer:wait())
      assert.is_nil(peer:output():find("failed", 1, true))
    end
    -- The same peer tells a ragged end.
    local peer = helpers.python_server("hold", {arguments = {"--clients", 1}})
    local sock = assert(socket.connect("127.0.0.1", peer.port))
    local conn = assert(ssl.wrap_socket(sock))
    conn:send "something"
    helpers.raw(conn, function(raw) raw:shutdown "send" end)
    peer:expect "failed: .-EOF"
    conn:close()
  end)

  it("says nothing before or amid the handshake", function()
    local pair = wire.open()
    assert.equal(1, pair.conn:close())
    assert.same({nil, "closed", ""}, {pair.raw:receive "*a"})
    pair:close()
    pair = wire.open()
    pair.conn:do_handshake()
    pair:carry_in()
    pair.heard = {}
    assert.equal(1, pair.conn:close())
    pair:drive(function() return pair.ended, "timeout" end)
    assert.equal("", pair:records())
    pair:close()
  end)

  it("says close_notify though sending was shut before the handshake",
    function()
      local pair = wire.open()
      assert.equal(1, pair.conn:shutdown "send")
      pair:handshake()
      assert.same({nil, "closed", 0}, {pair.conn:send "x"})
      assert.equal(1, pair.conn:close())
      assert.same({nil, "closed", ""}, {pair:receive "*a"})
      pair:close()
    end)

  it("closes what was never connected, and what listens", function()
    local before = helpers.snapshot()
    for _, options in ipairs {{}, {server_side = true,
        certfile = helpers.file "ecdsa.pem"}} do
      local conn = assert(ssl.wrap_socket(socket.tcp(), options))
      assert(conn:bind("127.0.0.1", 0))
      assert.is_true(conn:getfd() >= 0)
      if options.server_side then assert(conn:listen()) end
      for _ = 1, 2 do assert.equal(1, conn:close()) end
      assert.equal(-1, conn:getfd())
    end
    local after = audit.descriptors()
    for fd in pairs(after) do assert.is_not_nil(before.descriptors[fd]) end
  end)

  it("answers 1 after a failure, the peer's and our own", function()
    local pair = wire.opened()
    pair:inject "\23\3\3\0\5hello"  -- no record of ours
    local _, err = pair:hear()
    assert.is_true(err:is(ssl.SSLError))
    assert.equal(1, pair.conn:close())
    assert.equal(1, pair.conn:close())
    pair:close()
    pair = wire.opened()
    pair:reset()
    assert.equal(1, pair.conn:close())
    pair:close()
  end)
end)

describe("shutdown", function()
  local pair, conn

  before_each(function()
    pair = wire.opened {client = {maximum_version = "TLSv1.2"}}
    pair.heard = {}
    conn = pair.conn
  end)

  after_each(function()
    pair:close()
    pair, conn = nil, nil
  end)

  it("of sending says close_notify, and no end of TCP", function()
    assert.equal(1, conn:shutdown "send")
    assert.same({nil, "closed", ""}, {pair:receive "*a"})
    assert.equal("alert", pair:records())
    assert.is_nil(pair.ended)
    assert.same({nil, "closed", 0}, {conn:send "x"})
    assert.same({nil, "closed", 0}, {conn:write "x"})
    pair:say "goes on"
    assert.equal("goes on", pair:hear(7))
    assert.equal("alert", pair:records())
  end)

  it("of both does the same and reads no more", function()
    for _, mode in ipairs {"both", "default"} do
      if mode == "default" then
        pair:close()
        pair = wire.opened()
        conn = pair.conn
      end
      assert.equal(1, conn:shutdown(mode ~= "default" and mode or nil))
      assert.same({nil, "closed", ""}, {pair:receive "*a"})
      assert.is_nil(pair.ended)
      pair:say "unheard"
      assert.same({nil, "closed", ""}, {conn:receive(7)})
      assert.same({nil, "closed"}, {conn:read()})
      assert.same({nil, "closed", 0}, {conn:send "x"})
    end
  end)

  it("of receiving says nothing, and sending goes on", function()
    pair:say "read before"
    assert.equal("read", pair:hear(4))
    assert.equal(1, conn:shutdown "receive")
    assert.equal(4, conn:send "sent")
    assert.equal("sent", pair:receive(4))
    assert.equal("data", pair:records())
    -- What was read already is there all the same.
    assert.equal(" before", conn:receive(7))
    assert.same({nil, "closed", ""}, {conn:receive(1)})
  end)

  it("refuses other modes", function()
    for _, mode in ipairs {"", "sending", "s", 1, {}, true} do
      assert.has_error(function() conn:shutdown(mode) end)
    end
    assert.equal(1, conn:send "x")
  end)

  it("waits for what is queued, call by call at timeout 0", function()
    pair:close()
    pair = wire.opened {buffer = 32768}
    conn = pair.conn
    local taken = pair:fill()
    assert.same({nil, "timeout"}, {conn:shutdown "send"})
    assert.is_true(select(2, conn:want()))
    assert.same({nil, "closed", 0}, {conn:send "x"})
    local got = {}
    assert.equal(1, pair:drive(function()
      got[#got + 1] = select(3, pair.peer:receive(taken + 1))
      return conn:shutdown "send"
    end))
    got[#got + 1] = pair:receive "*a"
    assert.is_true(table.concat(got) == wire.filling(taken))
    assert.same({nil, "closed", ""}, {pair:receive "*a"})
  end)

  it("answers 1 on a closed connection", function()
    conn:close()
    for _, mode in ipairs {"send", "receive", "both"} do
      assert.equal(1, conn:shutdown(mode))
    end
  end)
end)
