-- Calls in the middle of other calls: by finalizers, by hooks, and by others
-- while a hook is suspended. Each case in a process of its own: see
-- spec/support/reentrancy_cases.lua.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

helpers.audit()

local function run(...)
  local peer = helpers.spawn {helpers.interpreter, "spec/support/reentrancy_cases.lua", ...}
  local status = peer:wait(30)
  assert.equal("", peer:output())
  assert.equal(0, status)
end

local MOVES = {"do_handshake", "send", "write", "receive", "read", "shutdown"}
local KINDS = {"object", "socket"}

local OUTER = {"line", "count", "part", "prefix", "read"}

describe("a finalizer inside a call of the same connection", function()
  if _VERSION == "Lua 5.2" then
    pending "cannot be had at will: Lua 5.2 collects before a C function begins"
    return
  end

  for _, kind in ipairs(KINDS) do
    it("can close before a hook is asked, over " .. kind, function() run("closes_before_hook", kind) end)
  end

  for _, kind in ipairs(KINDS) do
    for _, outer in ipairs(OUTER) do
      it(("can do nothing, %s, %s"):format(outer, kind), function()
        for _, inner in ipairs(MOVES) do run("moves", outer, inner, kind) end
      end)

      it(("can close, which takes effect behind the call, %s, %s"):format(outer, kind), function()
        run("close", outer, "", kind)
      end)

      it(("gets facts and makes settings, %s, %s"):format(outer, kind), function()
        run("facts", outer, "", kind)
      end)
    end
  end

  it("can neither feed nor drain", function()
    for _, outer in ipairs {"line", "read", "drain"} do
      run("moves", outer, "drain", "object")
      run("moves", outer, "feed", "object")
    end
  end)

  it("can do nothing, close and get facts in drain", function()
    for _, inner in ipairs(MOVES) do run("moves", "drain", inner, "object") end
    run("close", "drain", "", "object")
    run("facts", "drain", "", "object")
  end)

  it("closes while the error of its failure is made", function()
    run "owner"
  end)

  for _, outer in ipairs {"do_handshake", "receive"} do
    it("leaves alone what " .. outer .. " tells a failure from", function()
      for _, inner in ipairs(MOVES) do run("failing", outer, inner) end
      run("failing", outer, "close")
    end)
  end

  it("does I/O while server_names is looked up", function()
    for _, inner in ipairs(MOVES) do run("server_names", inner) end
  end)
end)

describe("while a hook is suspended", function()
  for _, kind in ipairs(KINDS) do
    for _, name in ipairs {"do_handshake", "send", "write", "receive", "read"} do
      it(("%s of others answers a condition, %s"):format(name, kind), function()
        run("suspended", name, "0", kind)
        if kind == "socket" then run("suspended", name, "0.01", kind) end
      end)
    end
  end
end)

describe("a hook's own call on its connection", function()
  for _, kind in ipairs(KINDS) do
    for _, name in ipairs {"do_handshake", "send", "write", "receive", "read"} do
      it(("is an error that does not last: %s, %s"):format(name, kind), function()
        run("own", name, "", kind)
      end)
    end
  end
end)

-- Lua runs finalizers wherever it allocates: also while it makes the facts
-- that a hook is to be told.
-- Lua runs finalizers wherever it allocates: also while it makes the facts
-- that a hook is to be told.
describe("a finalizer that goes on with a handshake which is about to ask", function()
  local SCRIPT = [[
    local hooking = require "spec.support.hooking_pairs"

    local function finalizer(call)
      if not newproxy then return setmetatable({}, {__gc = call}) end
      getmetatable(newproxy(true)).__gc = call
    end

    -- Each step of the collector is a whole cycle.
    local function harsh()
      require "spec.support.collector".collect_at_once(0)
      collectgarbage()  -- from here on
    end

    for _, place in ipairs(hooking.places) do
      local asked, came, inside = 0, 0, false
      local client, server = place.options(function()
        asked, inside = asked + 1, false
      end)
      local pair = hooking.open("object", client, server)
      local conn = pair[place.side]
      local other = pair[place.side == "client" and "server" or "client"]
      local function again()
        if inside then
          inside, came = false, came + 1
          conn:do_handshake()
          inside = true
        end
        if pair then finalizer(again) end
      end
      harsh()
      finalizer(again)
      local results = hooking.together({
        function() return other:do_handshake() end,
        function()
          inside = true
          local done, err = conn:do_handshake()
          inside = false
          if err and err.kind == "state" then err = "wantread" end
          return done, err
        end}, pair.pump)
      hooking.close_all()
      pair = nil
      print(place.name, results[1][1], results[2][1], asked, came > 0)
    end
  ]]

  it("leaves it one question", function()
    local peer = helpers.lua(SCRIPT)
    assert.equal(0, peer:wait(60), peer:output())
    for _, place in ipairs(hooking.places) do
      assert.is_truthy(peer:output():find(place.name
        .. "\ttrue\ttrue\t1\ttrue\n", 1, true), peer:output())
    end
  end)
end)
