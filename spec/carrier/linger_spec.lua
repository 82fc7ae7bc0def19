-- `close` behind bytes that the peer has not taken yet: what comes from it
-- meanwhile must not make the kernel drop them. And when close does not wait.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local stopwatch = require "spec.support.stopwatch"
local wire = require "spec.support.wire"

helpers.audit()

local RUNS = tonumber(os.getenv "LUASSL_RUNS") or 4
local MIB = 1048576
local SHORT = 0.3  -- seconds
local LATE = 1     -- what a slow machine adds

local never, late
local heard = 0  -- ends that `late` has told of

local function server(...)
  local peer = helpers.spawn({"python3", "spec/peers/late.py", "--cert",
    helpers.file "ecdsa.pem", ...})
  peer.port = tonumber(peer:expect "ready (%d+)\n")
  return peer
end

-- What `late` tells of the next connection.
local function next_end()
  local told = late:expect(("received [^\n]+\n"):rep(heard)
    .. "received (%d+ %a+)\n")
  heard = heard + 1
  return told
end

-- A connection to it, after the handshake.
local function connect(peer, options, context)
  local sock = assert(socket.connect("127.0.0.1", peer.port))
  if context then
    return assert(ssl.SSLContext(context):wrap_socket(sock, options))
  end
  return assert(ssl.wrap_socket(sock, options))
end

local function seconds_of(call, ...)
  local watch = stopwatch.start()
  call(...)
  return watch()
end

local function closing(conn)
  local sent, err = conn:send(("x"):rep(MIB))
  assert.equal(MIB, sent, err)
  return seconds_of(conn.close, conn)
end

local function at_once(_, own)
  assert.is_true(own < LATE, ("%.3f s"):format(own))
end

local function waits(elapsed, own)
  assert.is_true(elapsed > SHORT - 0.05 and own < SHORT + LATE,
    ("%.3f s, %.3f s"):format(elapsed, own))
end

describe("close", function()
  local patient

  -- Their five seconds pass beside the other cases.
  setup(function()
    never, late = server "--never", server("--pause", 0.1)
    patient = {}
    for name, arguments in pairs {
        ["without limits"] = "nil, nil", ["with a long timeout"] = "60, nil",
        ["with a long linger"] = "nil, 60"} do
      patient[name] = helpers.lua([[
        local socket, ssl = require "socket", require "luassl"
        local timeout, linger = ]] .. arguments .. [[

        local conn = assert(ssl.wrap_socket(
          assert(socket.connect("127.0.0.1", ...)), {linger = linger}))
        conn:settimeout(timeout)
        assert(conn:send(("x"):rep(1048576)))
        local watch = require "spec.support.stopwatch".start()
        conn:close()
        print("closed", watch())]], never.port)
    end
  end)

  teardown(function()
    never:stop()
    late:stop()
    never, late = nil, nil
  end)

  for _, method in ipairs {"write", "send"} do
    it("lets a MiB reach a peer that reads late: " .. method, function()
      for run = 1, RUNS do
        local conn = connect(late)
        if run % 2 == 0 then conn:settimeout(helpers.patience) end
        assert.equal(MIB, (conn[method](conn, ("x"):rep(MIB))))
        assert.same({1, nil}, {conn:close()})
        assert.equal(-1, conn:getfd())
        assert.equal(MIB .. " cleanly", next_end(), run)
      end
    end)
  end

  it("does so with contexts and ssl.connect too", function()
    local conn = assert(ssl.connect("localhost", late.port))
    conn:settimeout(helpers.patience)
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    assert.equal(1, conn:close())
    assert.equal(MIB .. " cleanly", next_end())
  end)

  it("reads on while it waits: the peer may speak before it reads", function()
    local peer = server("--pause", 0.05, "--say", 100000)
    local sock = assert(socket.connect("127.0.0.1", peer.port))
    sock:setoption("recv-buffer-size", 16384)
    local conn = assert(ssl.wrap_socket(sock))
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    assert.equal(1, conn:close())
    assert.equal(MIB .. " cleanly", peer:expect "received (%d+ %a+)\n")
    peer:stop()
  end)

  it("waits no longer than its timeout", function()
    local conn = connect(never)
    conn:settimeout(SHORT)
    waits(closing(conn))
    conn = connect(never)
    conn:settimeout(SHORT, "t")
    waits(closing(conn))
  end)

  it("waits no longer than linger", function()
    waits(closing(connect(never, {linger = SHORT})))
    waits(closing(connect(never, nil, {linger = SHORT})))
    waits(closing(connect(never, {linger = SHORT}, {linger = 4})))
    local conn = connect(never, {linger = SHORT})
    conn:settimeout(60)
    waits(closing(conn))
  end)

  it("never waits with linger 0", function()
    at_once(closing(connect(never, {linger = 0})))
    at_once(closing(connect(never, nil, {linger = 0})))
  end)

  it("takes no other linger than seconds", function()
    for _, linger in ipairs {-1, 0 / 0, "soon", true} do
      for _, make in ipairs {ssl.SSLContext, function(options)
          return ssl.wrap_socket(socket.tcp(), options)
        end} do
        local done, err = pcall(make, {linger = linger})
        assert.is_false(done)
        assert.truthy(tostring(err):find("linger", 1, true), err)
        assert.is_nil(tostring(err):find("unknown option", 1, true), err)
      end
    end
  end)

  it("never waits at timeout 0", function()
    local conn = connect(never)
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    conn:settimeout(0)
    at_once(seconds_of(conn.close, conn))
  end)

  it("never waits after a timeout", function()
    for _, timeout in ipairs {0, 0.05} do
      local conn = connect(never)
      conn:settimeout(timeout)
      local _, err
      repeat _, err = conn:send(("x"):rep(MIB)) until err
      assert.equal("timeout", err)
      conn:settimeout(nil)
      at_once(seconds_of(conn.close, conn))
    end
  end)

  it("never waits after a timeout of another method", function()
    local conn = connect(never)
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    conn:settimeout(0.05)
    assert.equal("timeout", (select(2, conn:receive())))
    conn:settimeout(nil)
    at_once(seconds_of(conn.close, conn))
  end)

  -- What a send that ended early left behind goes with what follows; but its
  -- caller has not been told so.
  it("never waits behind a send that was not ended", function()
    local pair = wire.opened {buffer = 65536}
    pair:fill()
    repeat
      pair.raw:receive(100000)
      pair:say "."
      local said, err = pair.conn:receive(1)
      assert(said == "." or err == "timeout", err)
    until said == "." and not select(2, pair.conn:want())
    pair.conn:settimeout(nil)
    at_once(seconds_of(pair.conn.close, pair.conn))
    pair:close()
  end)

  it("never waits when all has arrived", function()
    local pair = wire.opened()
    pair.conn:settimeout(nil)
    assert.equal(10, pair.conn:send "last words")
    at_once(seconds_of(pair.conn.close, pair.conn))
    assert.equal("last words", (pair:receive "*a"))
    pair:close()
  end)

  it("never waits after a failure", function()
    local pair = wire.opened()
    pair.conn:settimeout(nil)
    pair.conn:send(("x"):rep(50000))
    pair:inject "\23\3\3\0\5hello"  -- no record of ours
    assert.is_nil((pair.conn:receive()))
    at_once(seconds_of(pair.conn.close, pair.conn))
    pair:close()
  end)

  it("never waits in a finalizer", function()
    local conn = connect(never)
    local fd = conn:getfd()
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    conn = nil
    at_once(seconds_of(function()
      collectgarbage()
      collectgarbage()
    end))
    assert.is_nil(conn)
    local sock = socket.tcp4()
    assert.equal(fd, sock:getfd())  -- its number is free
    sock:close()
  end)

  it("never waits while an error unwinds, since Lua 5.4", function()
    if not coroutine.close then return end  -- no such variables
    local fails = assert(load [[
      local conn <close> = ...
      error "on the way"]])
    local conn = connect(never)
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    at_once(seconds_of(function()
      local done, err = pcall(fails, conn)
      assert.is_false(done)
      assert.truthy(tostring(err):find "on the way")
    end))
    assert.equal(-1, conn:getfd())
  end)

  it("waits at a variable's end, since Lua 5.4", function()
    if not coroutine.close then return end
    local ends = assert(load "local conn <close> = ...")
    local conn = connect(never, {linger = SHORT})
    assert.equal(MIB, conn:send(("x"):rep(MIB)))
    waits(seconds_of(ends, conn))
    assert.equal(-1, conn:getfd())
  end)

  it("is not held by a peer that speaks on and never reads", function()
    local peer = helpers.spawn {"python3", "spec/peers/slow.py", "--cert",
      helpers.file "ecdsa.pem"}
    peer.port = tonumber(peer:expect "flood=(%d+)")
    local conn = connect(peer, {linger = SHORT})
    conn:settimeout(SHORT)
    conn:send(("x"):rep(20 * MIB))
    conn:settimeout(nil)
    at_once(seconds_of(conn.close, conn))
    conn = connect(peer, {linger = SHORT})
    conn:send(("x"):rep(100000))
    local _, own = seconds_of(conn.close, conn)
    assert.is_true(own < SHORT + LATE, own)
    peer:stop()
  end)

  for _, name in ipairs {"without limits", "with a long timeout",
      "with a long linger"} do
    it("waits for five seconds, " .. name, function()
      local elapsed, own = patient[name]:expect "closed\t(%S+)\t(%S+)\n"
      assert.equal(0, patient[name]:wait())
      assert.is_true(tonumber(elapsed) > 4.5 and tonumber(own) < 5 + LATE, own)
    end)
  end
end)
