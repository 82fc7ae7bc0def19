-- One deadline for each operation, however often its peer keeps it busy; and
-- timeout 0, where nothing waits.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local stopwatch = require "spec.support.stopwatch"
local wire = require "spec.support.wire"

helpers.audit()

local unpack = table.unpack or unpack

local LIMIT = 0.12   -- seconds, given to the operations
local LATEST = 1.5   -- when they must have ended; slow.py goes on for 6

local function is_bounded(watch, limit)
  local elapsed, own = watch()
  limit = limit or LIMIT
  assert.is_true(elapsed >= limit - 0.01, ("only %.3f s"):format(elapsed))
  assert.is_true(own < LATEST, ("%.3f s"):format(own))
end

-- Calls a method, and answers a watch before the results.
local function timed(self, name, ...)
  local watch = stopwatch.start()
  local result, err, partial = self[name](self, ...)
  local elapsed, own = watch()
  return function() return elapsed, own end, result, err, partial
end

describe("a peer that is slow", function()
  local peer, ports, conn

  setup(function()
    peer = helpers.spawn({"python3", "spec/peers/slow.py", "--cert",
      helpers.file "ecdsa.pem"})
    ports = {}
    for name, port in peer:expect("ready ([^\n]+)\n"):gmatch "(%a+)=(%d+)" do
      ports[name] = tonumber(port)
    end
  end)

  teardown(function()
    peer:stop()
    peer = nil
  end)

  after_each(function()
    if conn then conn:close() end
    conn = nil
  end)

  local function connect(name)
    conn = assert(ssl.wrap_socket(socket.tcp()))
    conn:settimeout(helpers.patience)
    assert(conn:connect("127.0.0.1", ports[name]))
    conn:settimeout(nil)
    return conn
  end

  for _, mode in ipairs {"b", "t"} do
    for _, pattern in ipairs {5000, "*l", "*a"} do
      it(("is read a record at a time: receive(%q), mode %s"):format(pattern,
          mode), function()
        connect "records"
        conn:settimeout(LIMIT, mode)
        local elapsed, data, err, partial = timed(conn, "receive", pattern)
        is_bounded(elapsed)
        assert.is_nil(data)
        assert.equal("timeout", err)
        assert.truthy(partial:find "^x+$")  -- it did trickle
        assert.is_true(#partial > 1)
      end)
    end
  end

  for _, pattern in ipairs {5000, "*l", "*a"} do
    it(("is read a byte at a time: receive(%q)"):format(pattern), function()
      connect "bytes"
      conn:settimeout(LIMIT)
      local elapsed, data, err, partial = timed(conn, "receive", pattern)
      is_bounded(elapsed)
      assert.is_nil(data)
      assert.equal("timeout", err)
      assert.equal("", partial)  -- no record is whole
    end)
  end

  it("is read a byte at a time: read()", function()
    connect "bytes"
    conn:settimeout(LIMIT, "t")
    local elapsed, data, err = timed(conn, "read")
    is_bounded(elapsed)
    assert.same({nil, "timeout"}, {data, err})
  end)

  it("is a flood: receive ends in time, though there always is more", function()
    connect "flood"
    conn:settimeout(LIMIT)
    local elapsed, data, err, partial = timed(conn, "receive", "*a")
    is_bounded(elapsed)
    assert.is_nil(data)
    assert.equal("timeout", err)
    assert.is_true(#partial > 0)
  end)

  it("bounds each operation anew", function()
    connect "records"
    conn:settimeout(LIMIT)
    for _ = 1, 2 do
      local elapsed, data, err = timed(conn, "receive", "*l")
      is_bounded(elapsed)
      assert.same({nil, "timeout"}, {data, err})
    end
    assert.equal("x", conn:receive(1))
  end)

  it("is bounded by the earlier of the two limits", function()
    connect "records"
    for _, limits in ipairs {{LIMIT, 60}, {60, LIMIT}, {LIMIT, LIMIT}} do
      conn:settimeout(limits[1], "b")
      conn:settimeout(limits[2], "t")
      assert.same(limits, {conn:gettimeout()})
      is_bounded((timed(conn, "receive", "*a")))
    end
  end)

  it("shakes hands: connect", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    conn:settimeout(LIMIT)
    local elapsed, done, err = timed(conn, "connect", "127.0.0.1",
      ports.handshake)
    is_bounded(elapsed)
    assert.same({nil, "timeout"}, {done, err})
    -- And it can be gone on with.
    elapsed, done, err = timed(conn, "connect", "127.0.0.1", ports.handshake)
    is_bounded(elapsed)
    assert.same({nil, "timeout"}, {done, err})
  end)

  it("shakes hands: do_handshake, receive, send, read, write", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      do_handshake_on_connect = false}))
    assert(conn:connect("127.0.0.1", ports.handshake))
    conn:settimeout(LIMIT)
    for _, call in ipairs {{"do_handshake"}, {"receive", "*a"}, {"send", "x"},
        {"read"}, {"write", "x"}} do
      local elapsed, done, err = timed(conn, call[1], call[2])
      is_bounded(elapsed)
      assert.same({nil, "timeout"}, {done, err})
    end
  end)

  it("shakes hands: wrap_socket, which closes then", function()
    local sock = assert(socket.connect("127.0.0.1", ports.handshake))
    sock:settimeout(LIMIT)
    local watch = stopwatch.start()
    local result, err = ssl.wrap_socket(sock)
    is_bounded(watch)
    assert.same({nil, "timeout"}, {result, err})
    assert.equal(-1, sock:getfd())
  end)

  it("shakes hands: handshake_timeout bounds what waits for ever", function()
    local sock = assert(socket.connect("127.0.0.1", ports.handshake))
    local watch = stopwatch.start()
    local result, err = ssl.wrap_socket(sock, {handshake_timeout = LIMIT})
    is_bounded(watch)
    assert.is_nil(result)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("handshake_timeout", err.kind)
  end)

  it("shakes hands: handshake_timeout counts all attempts", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      do_handshake_on_connect = false, handshake_timeout = 0.25}))
    assert(conn:connect("127.0.0.1", ports.handshake))
    conn:settimeout(0.1)
    local watch = stopwatch.start()
    local done, err
    repeat done, err = conn:do_handshake() until err ~= "timeout"
    is_bounded(watch, 0.25)
    assert.is_nil(done)
    assert.equal("handshake_timeout", err.kind)
    assert.equal(err, select(2, conn:send "x"))
  end)

  it("shakes hands: ssl.connect", function()
    local watch = stopwatch.start()
    local result, err = ssl.connect("127.0.0.1", ports.handshake, {
      timeout = LIMIT})
    is_bounded(watch)
    assert.is_nil(result)
    assert.equal("timeout", err)
  end)

  it("has the handshake and the first read in one limit", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      do_handshake_on_connect = false}))
    assert(conn:connect("127.0.0.1", ports.records))
    conn:settimeout(0.4)
    local elapsed, data, err, partial = timed(conn, "receive", "*a")
    is_bounded(elapsed, 0.4)
    assert.same({nil, "timeout"}, {data, err})
    assert.truthy(partial:find "^x+$")
  end)

  it("reads slowly: send and write", function()
    for name, mode in pairs {send = "b", write = "t"} do
      local sock = assert(socket.connect("127.0.0.1", ports.reader))
      sock:setoption("send-buffer-size", 32768)  -- more than a record
      conn = assert(ssl.wrap_socket(sock))
      conn:settimeout(LIMIT, mode)
      local elapsed, done, err, partial = timed(conn, name, ("x"):rep(4000000))
      is_bounded(elapsed)
      assert.same({nil, "timeout"}, {done, err})
      assert.is_true(partial > 0 and partial < 4000000)
      conn:close()
    end
  end)

  it("has not said goodbye: unwrap, shutdown", function()
    connect "reader"
    conn:settimeout(LIMIT)
    local elapsed, result, err = timed(conn, "unwrap")
    is_bounded(elapsed)
    assert.same({nil, "timeout"}, {result, err})
    assert.equal(1, conn:shutdown "send")  -- it has been said already
    elapsed, result, err = timed(conn, "unwrap")
    is_bounded(elapsed)
    assert.same({nil, "timeout"}, {result, err})
  end)
end)

describe("a limit that has passed", function()
  local SOON = 1e-6  -- over before the second record
  local pair

  before_each(function()
    pair = wire.opened()
    pair.conn:settimeout(SOON)
  end)

  after_each(function()
    pair:close()
    pair = nil
  end)

  it("ends reading, even if there is more to read", function()
    local data = wire.filling(1000000)
    pair:say(data)
    for _, pattern in ipairs {"*a", "*l", #data} do
      local got, err, partial = pair.conn:receive(pattern)
      assert.is_nil(got)
      assert.equal("timeout", err)
      assert.is_true(#partial > 0 and #partial < 100000, #partial)
    end
  end)

  it("ends writing, even if there is room for more", function()
    local data = wire.filling(1000000)
    local sent, err, partial = pair.conn:send(data)
    assert.is_nil(sent)
    assert.equal("timeout", err)
    assert.is_true(partial > 0 and partial < 500000, partial)
    pair.conn:settimeout(0)
    pair:drive(function() return pair.conn:send "" end)
    assert.is_true(pair:receive(partial) == data:sub(1, partial))
  end)
end)

describe("settimeout", function()
  local near, far, conn

  before_each(function()
    near, far = helpers.sockets()
    conn = assert(ssl.wrap_socket(near, {do_handshake_on_connect = false}))
  end)

  after_each(function()
    conn:close()
    far:close()
    near, far, conn = nil, nil, nil
  end)

  it("takes what LuaSocket's takes, and tells it", function()
    for _, arguments in ipairs {{1.5}, {2, "b"}, {0.25, "t"}, {3, "r"}, {0},
        {-5}, {nil, "t"}, {}, {0, "t"}, {"7"}} do
      assert.equal(1, conn:settimeout(unpack(arguments, 1, 2)))
      assert.equal(1, far:settimeout(unpack(arguments, 1, 2)))
      local block, total = conn:gettimeout()
      local other_block, other_total = far:gettimeout()
      -- No limit is -1, whatever negative it was.
      assert.equal(math.max(other_block, -1), math.max(block, -1))
      assert.equal(math.max(other_total, -1), math.max(total, -1))
    end
  end)

  it("refuses what LuaSocket's refuses", function()
    for _, arguments in ipairs {{"x"}, {{}}, {true}, {print}, {1, "x"}, {1, 5},
        {1, {}}, {1, ""}, {0 / 0}} do
      local done, err = pcall(conn.settimeout, conn, unpack(arguments, 1, 2))
      assert.is_false(done)
      if arguments[1] == arguments[1] then
        local _, expected = pcall(far.settimeout, far, unpack(arguments, 1, 2))
        expected = expected:match "%((.*)%)"
        assert.truthy(err:find(expected, 1, true), err)
      end
    end
    assert.same({-1, -1}, {conn:gettimeout()})
  end)

  it("has no limit too long", function()
    for _, seconds in ipairs {1e9, 1e10, 1e300, math.huge, 2 ^ 31, 2 ^ 53} do
      assert.equal(1, conn:settimeout(seconds))
      local before = socket.gettime()
      far:send "no TLS"
      local done, err = conn:do_handshake()
      assert.is_nil(done)
      assert.is_table(err)
      assert.is_true(socket.gettime() - before < 5)
    end
  end)
end)

describe("at timeout 0", function()
  local pair

  after_each(function()
    pair:close()
    pair = nil
  end)

  it("LuaSocket's methods answer timeout, the others what to poll", function()
    pair = wire.open()
    assert.same({nil, "wantread"}, {pair.conn:do_handshake()})
    assert.same({true, false}, {pair.conn:want()})
    assert.same({nil, "wantread"}, {pair.conn:read()})
    assert.same({nil, "wantread", 0}, {pair.conn:write "x"})
    assert.same({nil, "timeout", ""}, {pair.conn:receive()})
    assert.same({nil, "timeout", "p"}, {pair.conn:receive(5, "p")})
    assert.same({nil, "timeout", 0}, {pair.conn:send "x"})
    assert.same({nil, "timeout", 1}, {pair.conn:send("xyz", 2)})
    pair:handshake()
    for _ = 1, 2 do
      assert.same({nil, "wantread"}, {pair.conn:read()})
      assert.same({true, false}, {pair.conn:want()})
      assert.same({nil, "timeout", ""}, {pair.conn:receive()})
      assert.same({nil, "timeout", ""}, {pair.conn:receive "*a"})
      assert.same({nil, "timeout", "p"}, {pair.conn:receive(2, "p")})
      assert.same({true, false}, {pair.conn:want()})
    end
    assert.same({nil, "wantread"}, {pair.conn:unwrap()})
    assert.same({true, false}, {pair.conn:want()})
  end)

  it("want follows what happened last", function()
    pair = wire.opened()
    assert.same({nil, "wantread"}, {pair.conn:read()})
    pair:say "data"
    assert.equal("data", pair:hear(4))
    assert.same({false, false}, {pair.conn:want()})
  end)

  it("takes what is there, however much", function()
    pair = wire.opened()
    local data = wire.filling(50000)
    pair:say(data)
    assert.equal("", pair:hear(0))  -- it has arrived, at least its beginning
    assert.equal(data, pair:hear(#data))
  end)

  for _, mode in ipairs {"b", "t"} do
    it(("a send that does not fit is gone on with, mode %s"):format(mode),
      function()
        pair = wire.opened {buffer = 32768}
        pair.conn:settimeout(nil)
        pair.conn:settimeout(0, mode)
        local data = wire.filling(3000000)
        local sent, err, partial = pair.conn:send(data)
        assert.is_nil(sent)
        assert.equal("timeout", err)
        assert.is_true(partial > 0 and partial < #data)
        assert.is_true(select(2, pair.conn:want()))
        -- Nothing more is taken until something is read, once the kernel has
        -- moved what it has to the other end.
        local taken = partial
        repeat
          partial = taken
          sent, err, taken = pair.conn:send(data, partial + 1)
          assert.same({nil, "timeout"}, {sent, err})
        until taken == partial
        assert.same({nil, "wantwrite", 0}, {pair.conn:write "x"})
        -- A blocked read waits to write as well.
        assert.same({nil, "timeout", ""}, {pair.conn:receive()})
        assert.same({true, true}, {pair.conn:want()})
        assert.same({nil, "wantwrite"}, {pair.conn:unwrap()})
      end)
  end

  it("everything arrives in order, once, whatever was refused", function()
    pair = wire.opened {buffer = 32768}
    local data = wire.filling(3000000)
    local sent, got, refused = 0, {}, 0
    pair:drive(function()
      if sent < #data then
        local last, err, partial = pair.conn:send(data, sent + 1)
        if err == "timeout" then refused = refused + 1 end
        sent = last or partial
      else
        pair.conn:receive()  -- flushes
      end
      local piece, err, partial = pair.peer:receive(100000)
      got[#got + 1] = piece or partial
      if sent == #data and #table.concat(got) == #data then return true end
      return nil, err or "timeout"
    end)
    assert.is_true(refused > 1)
    assert.is_true(table.concat(got) == data)
    -- And behind it what comes next.
    pair:drive(function() return pair.conn:send "end" end)
    assert.equal("end", pair:receive(3))
  end)

  it("write tells how much it took, and goes on", function()
    pair = wire.opened {buffer = 32768}
    local data = wire.filling(1000000)
    local sent, got = 0, ""
    pair:drive(function()
      local written, err, taken = pair.conn:write(data:sub(sent + 1))
      if not written then
        assert.equal("wantwrite", err)
        assert.equal(0, taken)
      end
      sent = sent + (written or 0)
      local whole, _, partial = pair.peer:receive(#data, got)
      got = whole or partial
      return #got == #data or nil, "timeout"
    end)
    assert.is_true(got == data)
  end)

  it("a positive timeout loses nothing either", function()
    pair = wire.opened {buffer = 32768}
    pair.conn:settimeout(0.005)
    local data = wire.filling(700000)
    local sent, got = 0, ""
    local refused = 0
    while sent < #data do
      local last, err, partial = pair.conn:send(data, sent + 1)
      if not last then
        assert.equal("timeout", err)
        refused = refused + 1
      end
      sent = last or partial
      for _ = 1, 50 do pair:carry() end
      local all, _, more = pair.peer:receive(#data, got)
      got = all or more
    end
    pair.conn:settimeout(0)
    assert.is_true(refused > 1)
    local deadline = socket.gettime() + helpers.patience
    while #got < #data and socket.gettime() < deadline do
      pair.conn:receive()  -- flushes
      pair:carry()
      local all, _, more = pair.peer:receive(#data, got)
      got = all or more
    end
    assert.is_true(got == data)
  end)
end)
