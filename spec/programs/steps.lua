--- A program: its steps, drawn one after another, and how it is brought to a
-- good end when nothing disturbed it.
local socket = require "socket"
local ssl = require "luassl"
local calls = require "spec.programs.calls"
local finalizers = require "spec.programs.finalizers"
local hooks = require "spec.programs.hooks"
local traffic = require "spec.programs.traffic"

local steps = {}

local WAITS = calls.WAITS

-- ---- actors: coroutines that persist in one operation ---------------------------------------

local operations = {}

function operations.do_handshake(world, side)
  local done, err = calls.perform(world, side, "do_handshake")
  return done ~= nil, err
end

function operations.send(world, side)
  if side.goodbye then return true end
  return traffic.send(world, side)
end

function operations.receive(world, side)
  local data, err = traffic.receive(world, side, "*l")
  return data ~= nil, err
end

function operations.read(world, side)
  local data, err = traffic.read(world, side, 1000)
  return data ~= nil, err
end

local function new_actor(world, side, name)
  local actor = {side = side, name = name}
  actor.thread = coroutine.create(function()
    repeat
      local done, err = operations[name](world, side)
      if not done then
        if not WAITS[err] then return end
        coroutine.yield "waits"
      end
    until done
  end)
  world.actors[#world.actors + 1] = actor
end

local function remove(world, actor)
  for i, other in ipairs(world.actors) do
    if other == actor then return table.remove(world.actors, i) end
  end
end

-- What passes through a method in Lua 5.1 is what a hook raised.
local function resume(world, actor)
  world.actor, actor.resumed = actor, true
  world:log("%s's %s goes on", actor.side.name, actor.name)
  local fine, err = coroutine.resume(actor.thread)
  world:stop_collector()
  world.actor, world.hook_side = nil, nil
  if not fine and not world.disturbed then world:fail("raise", "%s: %s", actor.name, tostring(err)) end
  if coroutine.status(actor.thread) == "dead" then remove(world, actor) end
end

-- Drops or closes one; where a hook of it has not answered, that is felt.
local function kill(world, actor)
  if actor.in_hook then
    if not world.plan.rough then return end
    world:disturb "a coroutine is killed while a hook is suspended"
    actor.in_hook.suspended = actor.in_hook.suspended - 1
    actor.in_hook.lost = true
  end
  local close = coroutine.close and world.random:chance(50)
  world:log("%s's %s is %s", actor.side.name, actor.name, close and "closed" or "dropped")
  if close then coroutine.close(actor.thread) end
  remove(world, actor)
end

-- ---- the steps -------------------------------------------------------------------------------

local acts = {}

function acts.carry(world, side) traffic.carry(world, side) end

function acts.carry_all(world)
  for _ = 1, 3 do traffic.carry_all(world) end
end

function acts.do_handshake(world, side) operations.do_handshake(world, side) end

function acts.send(world, side)
  if not side.goodbye then traffic.send(world, side) end
end

function acts.flush(world, side) traffic.flush(world, side) end
function acts.receive(world, side) traffic.receive(world, side) end
function acts.read(world, side) traffic.read(world, side) end

function acts.facts(world, side)
  for _ = 1, 3 do calls.fact(world, side, world.random:pick(calls.facts[world.plan.kind])) end
end

function acts.settings(world, side)
  if not side.conn.settimeout then return end
  calls.perform(world, side, "settimeout", world.random:pick {0, 0, 0, 0.001, 0.003}, world.random:pick {"b", "t"})
  if not side.conn.setoption then return end
  calls.perform(world, side, "setoption", "tcp-nodelay", true)
  calls.perform(world, side, "getoption", "keepalive")
end

function acts.actor(world, side)
  if #world.actors > 5 then return end
  new_actor(world, side, world.random:pick {"do_handshake", "do_handshake", "send", "receive", "read"})
end

function acts.resume(world)
  if world.actors[1] then resume(world, world.random:pick(world.actors)) end
end

function acts.kill(world)
  if world.actors[1] then kill(world, world.random:pick(world.actors)) end
end

function acts.collect(world)
  world:start_collector()
  collectgarbage()
  world:stop_collector()
end

function acts.step(world)
  world:start_collector()
  collectgarbage("step", 10)
  world:stop_collector()
end

function acts.close(world, side) calls.close(world, side) end
function acts.cut(world, side) traffic.cut(world, side) end
function acts.damage(world, side) traffic.damage(world, side) end

function acts.key_update(world, side)
  if calls.state(side) ~= "connected" or world.plan.version ~= "TLSv1.3" or side.shut_receive then return end
  calls.perform(world, side, "key_update", world.random:pick {true, false})
end

-- The server asks: the client answers in a read, which may stop for a hook,
-- and so does the server's.
function acts.ask(world)
  local side = world.server
  if calls.state(side) ~= "connected" or world.plan.version ~= "TLSv1.3" then return end
  local demand = world.plan.asks == "CERT_NONE" and "CERT_NONE" or "CERT_OPTIONAL"
  world.asked = true
  local asked, err = calls.perform(world, side, "verify_client_post_handshake", {cert_reqs = ssl[demand]})
  if asked and #world.actors < 5 then
    new_actor(world, side, world.random:pick {"receive", "read", "send"})
    new_actor(world, side.peer, world.random:pick {"receive", "read"})
  end
  if asked or WAITS[err] or err == "closed" or world.disturbed then return end
  if type(err) ~= "table" or err.kind ~= "state" then world:fail("refused", "the request answers %s", tostring(err)) end
end

function acts.shutdown(world, side)
  if world.random:chance(80) and calls.state(side) ~= "connected" then return end
  traffic.shutdown(world, side, world.random:pick {"send", "send", "both", "receive"})
end

function acts.goodbye(world, side)
  if calls.state(side) == "connected" and world.step > world.plan.steps / 2 then
    traffic.shutdown(world, side, "send")
  end
end

local CALM = {
  {30, "carry"}, {10, "carry_all"}, {12, "do_handshake"}, {16, "send"}, {2, "flush"}, {10, "receive"}, {8, "read"},
  {6, "facts"}, {4, "settings"}, {10, "actor"}, {30, "resume"}, {2, "kill"}, {2, "collect"}, {3, "step"},
  {1, "goodbye"}, {8, "ask"}, {2, "key_update"},
}
local ROUGH = {{1, "close"}, {1, "cut"}, {1, "damage"}, {2, "shutdown"}, {3, "kill"}}
for _, entry in ipairs(CALM) do ROUGH[#ROUGH + 1] = entry end

-- ---- to a good end ---------------------------------------------------------------------------

local SETTLED = 8  -- seconds until it is clear that nothing comes any more

-- Until one of two SSLSockets, or streams, may go on.
local function wait(world)
  local conns, writers = {}, {}
  for i, side in ipairs(world.sides) do
    if side.conn.feed or side.closed then return end
    conns[i] = world.plan.kind == "stream" and side.below or side.conn
    if select(2, side.conn:want()) then writers[#writers + 1] = conns[i] end
  end
  socket.select(conns, writers, 0.002)
end

-- Repeats `attempt` for both sides until both say true in one round; nil if
-- that takes too long.
local function settle(world, attempt)
  local deadline = socket.gettime() + (world.off.all and 0.1 or SETTLED)
  repeat
    local done = 0
    for _, side in ipairs(world.sides) do
      if attempt(side) then done = done + 1 end
    end
    local moved = traffic.carry_all(world)
    if world.disturbed or done == 2 and not moved then return true end
    if done < 2 then wait(world) end
  until socket.gettime() > deadline
end

-- Has hooks answer that are suspended.
local function wake(world, side)
  for _, actor in ipairs(world.actors) do
    if actor.in_hook == side then resume(world, actor) end
  end
end

local function finish_handshakes(world)
  local fine = settle(world, function(side)
    wake(world, side)
    return side.suspended == 0 and calls.perform(world, side, "do_handshake") == true
  end)
  if not fine then world:fail("handshake", "it does not come to its end: %s", tostring(world.client.conn)) end
end

-- Sends a last message: true when it is sent.
local function finish_message(world, side)
  if side.sent or side.goodbye then return true end
  local unfinished = side.stream:unfinished()
  if unfinished and unfinished.habit == "giveup" then unfinished.habit = "index" end
  local done = traffic.send(world, side)
  side.sent = done and not unfinished
  return side.sent
end

local function finish_messages(world)
  local fine = settle(world, function(side)
    wake(world, side)
    local sent = finish_message(world, side)
    -- What is told as sent comes without the sender's help.
    if world.off.taken or not side.peer.stream:is_whole() then traffic.read(world, side, 65536) end
    return sent and side.peer.stream:is_whole()
  end)
  if not fine then
    world:fail("handshake", "data does not flow: client %s, server %s", world.client.stream:describe(),
      world.server.stream:describe())
  end
end

local function say_goodbye(world)
  local fine = settle(world, function(side)
    wake(world, side)
    if not side.said then side.said = traffic.shutdown(world, side, "send") ~= nil end
    local _, err = traffic.read(world, side, 65536)
    return side.said and err == "closed"
  end)
  if not fine then world:fail("end", "nobody hears the goodbye") end
end

-- Both give the clear connection back, and it works.
local function unwrap(world)
  local clear = {}
  local fine = settle(world, function(side)
    wake(world, side)
    if clear[side] then return true end
    side.goodbye = true
    local sock, leftover = calls.perform(world, side, "unwrap")
    if sock == nil then
      if leftover ~= "closed" and not WAITS[leftover] then traffic.read(world, side, 65536) end
      return false
    end
    if side.conn.feed then leftover = sock end  -- there is no socket to give back
    clear[side], side.closed = sock, true
    if leftover ~= "" then world:fail("stream", "unwrap gives %d bytes of leftover", #leftover) end
    return true
  end)
  if not fine then world:fail("end", "unwrap does not come to its end") end
  if world.client.conn.feed then return end
  local near, far = clear[world.client], clear[world.server]
  if near and far then
    near:settimeout(5)
    far:settimeout(5)
    near:send "clear\n"
    if far:receive() ~= "clear" then world:fail("stream", "the clear connection does not work") end
  end
  for _, sock in pairs(clear) do sock:close() end
end

local function finish(world)
  if not world.client.conn.feed then
    for _, side in ipairs(world.sides) do
      calls.perform(world, side, "settimeout", 0, "b")
      calls.perform(world, side, "settimeout", -1, "t")
    end
  end
  local said = world.client.goodbye or world.server.goodbye
  for _, stage in ipairs {finish_handshakes, finish_messages} do
    if not world.disturbed then stage(world) end
  end
  if world.disturbed then return end
  if world.client.conn.unwrap and not said and world.random:chance(40) then return unwrap(world) end
  say_goodbye(world)
end

-- ---- all of it -------------------------------------------------------------------------------

--- Runs the program of a new world.
function steps.run(world)
  world.run_hook = hooks.run
  world:open()
  world:set_collector()
  world:stop_collector()
  for step = 1, world.plan.steps do
    world.step = step
    if world.finalizer_random:chance(world.plan.finalizers) then finalizers.add(world) end
    local act = world.random:weighted(world.plan.rough and ROUGH or CALM)
    local side = world.random:pick(world.sides)
    acts[act](world, side)
    if world.violations[1] or world:is_late() then break end
  end
  world.settling = true
  world:log("the end begins")
  if not world.disturbed then finish(world) end
  world.sink = world.violations[1] and function() end or world.sink
  for _, side in ipairs(world.sides) do
    calls.close(world, side)
    for _, name in ipairs(calls.facts[world.plan.kind]) do calls.fact(world, side, name) end
  end
  world.over = true
end

return steps
