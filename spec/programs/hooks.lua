--- What hooks do: answer, wait, look around, or, in rough programs, refuse,
-- raise and close.
local ssl = require "luassl"
local calls = require "spec.programs.calls"
local traffic = require "spec.programs.traffic"

local hooks = {}

local PLAIN = {
  {30, "nothing"}, {35, "yield"}, {10, "facts"}, {8, "own_io"}, {8, "other"}, {6, "collect"}, {6, "settings"},
}
local ROUGH = {
  {5, "raise"}, {5, "refuse"}, {3, "nonsense"}, {4, "close_own"}, {4, "close_other"},
}
for _, entry in ipairs(PLAIN) do ROUGH[#ROUGH + 1] = entry end

local acts = {}

function acts.nothing() end

-- Only a coroutine of the program's can be suspended, and no finalizer in it.
function acts.yield(world, side)
  local actor = world.actor
  if not actor or world.finalizing > 0 then return end
  for _ = 1, world.hook_random:between(1, 3) do
    local outer = world.hook_side
    world.hook_side = nil
    side.suspended = side.suspended + 1
    actor.in_hook = side
    coroutine.yield "hook"
    actor.in_hook = nil
    side.suspended = side.suspended - 1
    world.hook_side = outer
  end
end

function acts.facts(world, side)
  for _, name in ipairs(calls.facts[world.plan.kind]) do calls.fact(world, side, name) end
end

-- Behind the handshake a read gives what is there.
function acts.own_io(world, side)
  local name = world.hook_random:pick {"do_handshake", "receive", "read", "send", "write"}
  if calls.state(side) == "connected" and (name == "receive" or name == "read") then return end
  local writes = name == "send" or name == "write"
  calls.perform(world, side, name, writes and "never" or nil)
end

function acts.other(world, side)
  local peer = side.peer
  world.hook_random:pick {
    function() traffic.receive(world, peer) end,
    function() traffic.carry(world, peer) end,
    function() traffic.send_short(world, peer) end,
    function() calls.fact(world, peer, "version") end,
  }()
end

function acts.collect(world)
  world:start_collector()
  if world.finalizing == 0 then collectgarbage() end
  world:stop_collector()
end

function acts.settings(world, side)
  if not side.conn.settimeout then return end
  calls.perform(world, side, "settimeout", world.hook_random:pick {0, 0.001})
  if side.conn.setoption then calls.perform(world, side, "setoption", "keepalive", true) end
  calls.perform(world, side, "getpeername")
end

local RAISED = {"a string", "timeout", 42, false, {}}

function acts.raise(world)
  world:disturb "a hook raises"
  local value = world.hook_random:pick(RAISED)
  return function() error(value, 0) end
end

function acts.refuse(world)
  world:disturb "a hook refuses"
  local reason = world.hook_random:pick {"a reason", "handshake_failure", "closed", {}}
  return function() return nil, reason end
end

function acts.nonsense(world)
  world:disturb "a hook answers nonsense"
  local value = world.hook_random:pick {7, "yes", {unknown = true}}
  return function() return value end
end

function acts.close_own(world, side)
  world:disturb "a hook closes its connection"
  calls.close(world, side)
end

function acts.close_other(world, side)
  world:disturb "a hook closes the other connection"
  calls.close(world, side.peer)
end

-- What a hook that agrees may return.
local function agreement(world, name)
  local contexts, random = world.contexts, world.hook_random
  if name == "on_client_hello" and contexts.chosen and world.plan.choice == "on_client_hello" then
    return random:chance(70) and contexts.chosen or {context = contexts.chosen}
  elseif name == "on_client_hello" and random:chance(20) then
    return {certificate = contexts.server}
  elseif name == "on_verify" and random:chance(20) then
    return ssl.ACCEPT_UNVERIFIED
  end
  return random:chance(50) or nil
end

local function is_own(world, side, conn)
  return not side or rawequal(conn, side.conn) or world.fail(world, "facts", "a hook gets another connection")
end

--- A hook of a context is called; the collector runs.
function hooks.run(world, side_name, name, conn)
  if world.quiet or world.over then return end
  local side, outer = world[side_name], world.hook_side
  world:stop_collector()
  is_own(world, side, conn)
  local act = world.settling and "nothing" or world.hook_random:weighted(world.plan.rough and ROUGH or PLAIN)
  world:log("%s's %s: %s", side_name, name, act)
  side.in_hook = side.in_hook + 1
  world.hook_side = side
  -- Behind the handshake it is called by a method in C, which has let go.
  local on_stack, running = side.on_stack, side.running
  side.on_stack, side.running = 0, nil
  local leave = acts[act](world, side)
  side.on_stack, side.running = on_stack, running
  local value = leave == nil and agreement(world, name) or nil
  world.hook_side = outer
  side.in_hook = side.in_hook - 1
  world:start_collector()
  if leave then return leave() end
  return value
end

return hooks
