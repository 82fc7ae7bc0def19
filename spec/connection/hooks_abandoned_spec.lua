-- Hooks that never answer, answer late, close their own connection or call
-- its methods: nothing leaks, nothing hangs, nothing is accepted.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

helpers.audit()

local OTHER = {client = "server", server = "client"}

-- Brings a pair to where its hook has yielded "hook", in a new coroutine that
-- runs `run(conn)`; answers the coroutine.
local function suspend(pair, side, run)
  local conn, other = pair[side], pair[OTHER[side]]
  local deadline = socket.gettime() + helpers.patience
  local thread = coroutine.create(run or function()
    while true do
      local done, err = conn:do_handshake()
      if done or not hooking.WAITS[err] then return done, err end
      coroutine.yield "wait"
    end
  end)
  repeat
    other:do_handshake()
    pair.pump()
    local fine, what = coroutine.resume(thread, conn)
    assert(fine, what)
    assert(coroutine.status(thread) == "suspended", "the hook did not yield")
    assert(socket.gettime() < deadline)
  until what == "hook"
  return thread
end

local function yielding()
  coroutine.yield "hook"
end

-- What an abandoned handshake leaves must be gone after a full collection.
local function check_nothing_left(make)
  make()
  local before = helpers.snapshot()
  for _ = 1, 20 do make() end
  assert.same({}, helpers.growth(before))
end

-- Connections whose hook has yielded and whose time is up, for each place and
-- each way to answer late: those of a case wait together.
local parked = {}

local function answers_late(place)
  return {
    accept = function()
      if place.hook == "on_verify" then return ssl.ACCEPT_UNVERIFIED end
      return true
    end,
    refuse = function() return nil, "late" end,
    raise = function() error("late", 0) end,
    context = function() return hooking.context "server" end,
    unasked = function() return true end,
  }
end

local function late(case)
  if parked[case] then return parked[case] end
  local limit, places = 0.3, {}
  for _, place in ipairs(hooking.places) do
    places[place.name] = {}
    for name, answer in pairs(answers_late(place)) do
      local client, server = place.options(function()
        coroutine.yield "hook"
        return answer()
      end)
      local own = place.side == "client" and client or server
      own.handshake_timeout = limit
      local pair = case.open(client, server)
      places[place.name][name] = {conn = pair[place.side], other = pair[OTHER[place.side]],
        thread = suspend(pair, place.side)}
    end
  end
  hooking.forget()  -- after_each closes them for the others
  parked[case] = places
  socket.sleep(limit + 0.01)
  return places
end

hooking.each("an abandoned hook", function(case)
  teardown(function()
    for _, answers in pairs(parked[case] or {}) do
      for _, case_of in pairs(answers) do
        case_of.conn:close()
        case_of.other:close()
      end
    end
    parked[case] = nil
  end)

  for _, place in ipairs(hooking.places) do
    local side, other_side = place.side, OTHER[place.side]

    -- A test's pairs with a hook that yields share their contexts, whose keys
    -- take most of the time to load. What keeps one alive keeps it to the end of
    -- this file: helpers.audit counts them.
    local shared

    after_each(function() shared = nil end)

    local function opened(hook)
      if hook then return case.open(place.options(hook)) end
      if not shared then
        local client, server = place.options(yielding)
        client.maximum_version = case.version
        shared = {hooking.context("client", client), hooking.context("server", server)}
      end
      return hooking.open(case.kind, shared[1], shared[2])
    end

    it("is collected with its coroutine and connection: " .. place.name, function()
      check_nothing_left(function()
        local pair = opened()
        suspend(pair, side)
        if case.kind == "socket" then pair[other_side]:close() end
        pair = nil  -- luacheck: ignore
        hooking.forget()
      end)
    end)

    it("can be closed, and its coroutine then tells: " .. place.name, function()
      check_nothing_left(function()
        local pair = opened()
        local thread = suspend(pair, side)
        assert.equal(1, (pair[side]:close()))
        assert.equal(1, (pair[side]:close()))
        assert.same({true, nil, "closed"}, {coroutine.resume(thread)})
        for _, method in ipairs {"do_handshake", "read", "receive", "peer_certificate", "verify_result"} do
          assert.equal("closed", select(2, pair[side][method](pair[side])), method)
        end
        hooking.close_all()
      end)
    end)

    it("can be closed without its coroutine ever ending: " .. place.name, function()
      check_nothing_left(function()
        local pair = opened()
        suspend(pair, side)
        hooking.close_all()
      end)
    end)

    if coroutine.close then
      it("fails the handshake once its coroutine is closed: " .. place.name, function()
        check_nothing_left(function()
          local pair = opened()
          local thread = suspend(pair, side)
          assert.is_true(coroutine.close(thread))
          local done, err = pair[side]:do_handshake()
          assert.is_nil(done)
          assert.is_true(err:is(ssl.SSLError))
          assert.equal("hook", err.kind)
          assert.is_truthy(err:find(place.hook, 1, true))
          local heard = hooking.outcome(pair)[other_side]
          assert.is_nil(heard[1])
          assert.equal("internal_error", heard[2].alert)
          assert.is_true(rawequal(err, select(2, pair[side]:read())))
          hooking.close_all()
        end)
      end)
    end

    it("fails the handshake once its coroutine has died half way: " .. place.name, function()
      local pair = opened()
      local conn = pair[side]
      -- The hook's answer never comes: an error from outside ends it.
      local thread = suspend(pair, side)
      debug.sethook(thread, function()
        if coroutine.running() == thread then error("killed", 0) end  -- LuaJIT's hooks are global
      end, "", 1)
      local fine, err = coroutine.resume(thread)
      debug.sethook(thread)
      assert.is_true(coroutine.status(thread) == "dead")
      assert.is_true(not fine and err == "killed")
      local done, again = conn:do_handshake()
      assert.is_nil(done)
      assert.is_true(again ~= nil and not hooking.WAITS[again])
      assert.is_true(rawequal(again, select(2, conn:do_handshake())))
      assert.equal(1, (conn:close()))
    end)

    it("is cut off by handshake_timeout, and its late answer ignored: " .. place.name, function()
      for name, case_of in pairs(late(case)[place.name]) do
        local conn, err = case_of.conn, nil
        if name ~= "unasked" then
          err = select(2, conn:do_handshake())
        end
        local fine, result, value = coroutine.resume(case_of.thread)
        if hooking.yields_through_pcall or name ~= "raise" then
          assert.is_true(fine)
          assert.is_nil(result)
          assert.is_true(name == "unasked" or rawequal(err, value))
          err = value
        else assert.equal("late", result) end
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("handshake_timeout", err.kind)
        assert.is_truthy(err:find("hook", 1, true))
        assert.is_true(rawequal(err, select(2, conn:do_handshake())))
        assert.is_nil(conn:version())
      end
    end)

    it("may close its own connection, then return anything: " .. place.name, function()
      for _, answer in ipairs {"nothing", "true", "refuse", "raise", "accept", "context", "nonsense"} do
        local closed
        local pair = opened(function(conn)
          closed = conn:close()
          if answer == "true" then return true end
          if answer == "refuse" then return nil, "bad_certificate" end
          if answer == "raise" then error "raised" end
          if answer == "accept" then return ssl.ACCEPT_UNVERIFIED end
          if answer == "context" then return hooking.context "server" end
          if answer == "nonsense" then return 5 end
        end)
        local conn = pair[side]
        local result, err
        local deadline = socket.gettime() + helpers.patience
        repeat
          result, err = conn:do_handshake()
          pair[other_side]:do_handshake()
          pair.pump()
          assert(socket.gettime() < deadline)
        until result or not hooking.WAITS[err]
        assert.is_nil(result)
        assert.equal("closed", err, answer)
        assert.equal(1, closed)
        assert.is_truthy(tostring(conn):find "closed")
        assert.equal("closed", select(2, conn:read()))
        hooking.close_all()
      end
    end)

    it("may close its own connection, then yield: " .. place.name, function()
      local pair = opened(function(conn)
        conn:close()
        coroutine.yield "hook"
        return true
      end)
      local thread = suspend(pair, side)
      assert.equal("closed", select(2, pair[side]:do_handshake()))
      assert.same({true, nil, "closed"}, {coroutine.resume(thread)})
    end)

    it("may be closed by a finalizer while it is collected: " .. place.name, function()
      check_nothing_left(function()
        local pair = opened()
        suspend(pair, side)
        local conn = pair[side]
        hooking.forget()
        local proxy = newproxy and newproxy(true)  -- luacheck: ignore
        local metatable = proxy and getmetatable(proxy) or {}
        metatable.__gc = function()
          conn:do_handshake()
          conn:read()
          conn:close()
        end
        if not proxy then setmetatable({}, metatable) end
        if case.kind == "socket" then pair[other_side]:close() end
      end)
    end)

    -- Whatever a hook calls: an answer, no harm, and the handshake goes on.
    it("may call its own connection's methods: " .. place.name, function()
      local answers
      local pair = opened(function(conn)
        answers = {}
        for _, call in ipairs {{"do_handshake"}, {"dohandshake"}, {"read"}, {"read", 5}, {"receive"}, {"receive", "*a"},
          {"send", "x"}, {"write", "x"}} do
          local result, err = conn[call[1]](conn, call[2])
          answers[#answers + 1] = {call[1], result, err}
        end
        answers[#answers + 1] = {"unwrap", conn:unwrap()}
        if conn.settimeout then assert(conn:settimeout(0)) end
        for _, method in ipairs {"cipher", "version", "dirty", "pending", "want", "getpeercert", "peer_certificate",
          "verify_result", "server_hostname", "session", "session_reused", "selected_alpn_protocol"} do
          conn[method](conn)
        end
        assert(tostring(conn):find "handshake")
      end)
      hooking.talk(hooking.succeed(pair))
      assert.equal(9, #answers)
      for _, answer in ipairs(answers) do
        assert.is_nil(answer[2], answer[1])
        assert.equal("state", answer[3].kind, answer[1])
      end
    end)

    it("may shut its own connection down: " .. place.name, function()
      for _, how in ipairs {"send", "receive", "both"} do
        local pair = opened(function(conn) assert(conn:shutdown(how)) end)
        local results = hooking.outcome(pair)
        for _, result in pairs(results) do assert.is_true(result[1] or result[2] ~= nil) end
        hooking.close_all()
      end
    end)

    it("may make handshakes on the same context, and others: " .. place.name, function()
      local depth, most = 0, 0
      local client, server
      client, server = place.options(function()
        depth = depth + 1
        most = math.max(most, depth)
        if depth < 4 then
          local kind = depth % 2 == 0 and "object" or "socket"
          hooking.succeed(hooking.open(kind, client, server))
          hooking.succeed(hooking.open "object")
        end
        depth = depth - 1
      end)
      client.maximum_version = case.version
      client, server = hooking.context("client", client), hooking.context("server", server)
      local pair = hooking.open(case.kind, client, server)
      hooking.talk(hooking.succeed(pair))
      assert.equal(4, most)
    end)

    it("does not keep its coroutine once it has answered: " .. place.name, function()
      local pair = opened(function() end)
      local weak = setmetatable({}, {__mode = "v"})
      local function run()
        local threads = {}
        for _, conn in ipairs {pair.client, pair.server} do
          threads[#threads + 1] = coroutine.create(function()
            while not conn:do_handshake() do coroutine.yield() end
            return true
          end)
        end
        weak[1], weak[2] = threads[1], threads[2]
        local deadline = socket.gettime() + helpers.patience
        repeat
          for _, thread in ipairs(threads) do coroutine.resume(thread) end
          pair.pump()
          assert(socket.gettime() < deadline)
        until coroutine.status(threads[1]) == "dead" and coroutine.status(threads[2]) == "dead"
      end
      run()
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      assert.is_nil(weak[2])
      assert.is_string(pair.client:version())
    end)
  end
end)

describe("what waits for a hook", function()
  after_each(hooking.close_all)

  local LIMIT = 128 * 1024

  -- A server that has the ClientHello and asks its hook.
  local function waiting(options)
    local pair = hooking.open("object", nil, options or {on_client_hello = yielding})
    return pair, suspend(pair, "server")
  end

  it("is held up to 128 KiB by an SSLObject", function()
    local pair, thread = waiting()
    local server = pair.server
    assert.equal(100000, server:feed(("x"):rep(100000)))
    assert.equal(LIMIT - 100000, server:feed(("x"):rep(100000)))
    assert.equal(0, server:feed "x")
    assert.equal(0, server:feed "")
    server:close()
    assert.same({true, nil, "closed"}, {coroutine.resume(thread)})
  end)

  it("arrives in order, a part at a time", function()
    for _, name in ipairs {"on_client_hello", "on_certificate"} do
      local pair, thread = waiting {[name] = yielding, maximum_version = "TLSv1.3"}
      -- A client may send these at any time behind its ClientHello, RFC 8446, 5.
      local taken = pair.server:feed(("\20\3\3\0\1\1"):rep(20))
      assert.equal(120, taken)
      repeat
        local fine, what = coroutine.resume(thread)
        assert.is_true(fine)
        pair.pump()
        pair.client:do_handshake()
        pair.pump()
      until what ~= "wait" and coroutine.status(thread) == "dead"
      hooking.talk(pair)
    end
  end)
end)

describe("a handshake that is abandoned while a server's on_verify decides", function()
  after_each(hooking.close_all)

  -- A paused job that is freed as it is leaves its stack behind, 38 KiB.
  it("leaves no stack behind", function()
    if helpers.preloaded then  -- a sanitizer keeps what was freed
      return pending "memory tells nothing there"
    end
    local peer = helpers.lua [[
      local hooking = require "spec.support.hooking_pairs"
      local helpers = require "spec.support.helpers"
      local near_context = hooking.context("client", hooking.certified())
      local far_context = hooking.context("server", hooking.asking {
        on_verify = function() coroutine.yield "hook" end})
      local function abandon()
        local pair = hooking.open("object", near_context, far_context)
        local thread = coroutine.wrap(function()
          return hooking.drive(pair, function()
            pair.client:do_handshake()
            return pair.server:do_handshake()
          end)
        end)
        assert(thread() == "hook")
        hooking.close_all()
      end
      local function memory()
        collectgarbage()
        collectgarbage()
        return helpers.read_file "/proc/self/statm":match "^%d+ (%d+)" * 4
      end
      for _ = 1, 250 do abandon() end  -- Lua's own heap has grown then
      local before = memory()
      for _ = 1, 200 do abandon() end
      print(memory() - before)
    ]]
    assert.equal(0, peer:wait(60), peer:output())
    local grown = tonumber(peer:output())
    assert.is_true(grown < 200 * 38 / 4, grown .. " KiB")
  end)

  for _, kind in ipairs {"socket", "object"} do
    it("does not succeed, over an SSL" .. kind, function()
      local pair = hooking.open(kind,
        hooking.certified {maximum_version = "TLSv1.2"},
        hooking.asking {on_verify = function() coroutine.yield "hook" end})
      local client, server = pair.client, pair.server
      local thread = coroutine.wrap(function()
        return hooking.drive(pair, function()
          client:do_handshake()
          return server:do_handshake()
        end)
      end)
      assert.equal("hook", thread())
      server:close()
      pair.pump()
      if kind == "object" then client:feed(nil) end
      local done, err = hooking.drive(pair,
        function() return client:do_handshake() end)
      assert.is_nil(done)
      assert.is_true(err:is(ssl.SSLError), tostring(err))
    end)
  end
end)
