--- Objects that nobody holds, whose finalizers call any method of either
-- connection: what they do is drawn when they are made.
local inside = require "spec.support.finalizer_inside"
local calls = require "spec.programs.calls"
local traffic = require "spec.programs.traffic"

local finalizers = {}

local acts = {}

function acts.send(world, side) traffic.send_short(world, side) end
function acts.write(world, side)
  if side.on_stack > 0 then calls.perform(world, side, "write", "never") else traffic.flush(world, side) end
end
function acts.receive(world, side) traffic.receive(world, side) end
function acts.read(world, side) traffic.read(world, side) end
function acts.do_handshake(world, side) calls.perform(world, side, "do_handshake") end
function acts.close(world, side) calls.close(world, side) end
function acts.fact(world, side, fact) calls.fact(world, side, fact) end
function acts.tostring(_, side) tostring(side.conn) end

function acts.shutdown(world, side)
  if side.on_stack > 0 then calls.perform(world, side, "shutdown", "send")
  else traffic.shutdown(world, side, "send") end
end

function acts.drain(world, side)
  if not side.conn.drain then return end
  if side.on_stack > 0 then calls.perform(world, side, "drain") else traffic.drain(world, side) end
end

function acts.feed(world, side)
  if not side.conn.feed then return end
  if side.on_stack > 0 then calls.perform(world, side, "feed", "never") else traffic.feed(world, side, 1000) end
end

function acts.settimeout(world, side)
  if side.conn.settimeout then calls.perform(world, side, "settimeout", 0) end
end

function acts.setoption(world, side)
  if side.conn.setoption then calls.perform(world, side, "setoption", "keepalive", true) end
end

-- Lua 5.4 and later warn of it; before, it would be raised where the collector ran.
local MAY_RAISE = rawget(_G, "warn") ~= nil

function acts.raise()
  if MAY_RAISE then error "raised by a finalizer" end
end

function acts.yield()
  if MAY_RAISE then coroutine.yield() else pcall(coroutine.yield) end
end

local PLAIN = {
  {8, "send"}, {4, "write"}, {10, "receive"}, {8, "read"}, {8, "do_handshake"}, {20, "fact"}, {8, "drain"},
  {6, "feed"}, {4, "settimeout"}, {4, "setoption"}, {4, "tostring"}, {3, "raise"}, {3, "yield"},
}
local ROUGH = {{3, "close"}, {2, "shutdown"}}
for _, entry in ipairs(PLAIN) do ROUGH[#ROUGH + 1] = entry end

-- The pcall of Lua 5.1 collects once more when the method has returned.
local LATE = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

local function is_on_stack(method)
  local level, info = 2, debug.getinfo(2, "f")
  while info and info.func ~= method do
    level = level + 1
    info = debug.getinfo(level, "f")
  end
  return info ~= nil
end

-- Calls what a finalizer does, where no method is under way that has ended.
local function protected(world, act, side, fact)
  local counts = {}
  for i, one in ipairs(world.sides) do
    counts[i] = one.on_stack
    if LATE and one.on_stack > 0 and not is_on_stack(one.running) then one.on_stack = 0 end
  end
  local fine, err = pcall(acts[act], world, side, fact)
  for i, one in ipairs(world.sides) do one.on_stack = counts[i] end
  return fine, err
end

-- Its numbers are its own: when it runs is no business of the program's.
local function run(world, act, side, fact, random)
  if world.over or world.settling then return end
  if world.off.nested and side.calls > 0 and act ~= "fact" then return end
  local main, carry, hook = world.random, world.carry_random, world.hook_random
  world.random, world.carry_random, world.hook_random = random, random, random
  world.finalizing = world.finalizing + 1
  world:log("a finalizer: %s of %s, %s", act, side.name, side.on_stack > 0 and "inside a call of it" or "outside")
  local fine, err = protected(world, act, side, fact)
  world.finalizing = world.finalizing - 1
  world.random, world.carry_random, world.hook_random = main, carry, hook
  if fine then return end
  if act ~= "raise" and act ~= "yield" then world:fail("raise", "finalizer, %s: %s", act, tostring(err)) end
  if MAY_RAISE then error(err, 0) end
end

--- Makes a finalizer.
function finalizers.add(world)
  local random = world.finalizer_random
  local act = random:weighted(world.plan.rough and ROUGH or PLAIN)
  local side = random:pick(world.sides)
  local fact = random:pick(calls.facts[world.plan.kind])
  local own = random:fork()
  inside.on_collection(function() run(world, act, side, fact, own) end)
end

return finalizers
