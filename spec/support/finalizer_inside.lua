--- Finalizers at a chosen moment: inside of a call, wherever it makes Lua
-- allocate.
local collector = require "spec.support.collector"

local inside = {}

local newproxy = rawget(_G, "newproxy")  -- before Lua 5.2

--- Something that nobody holds; `call` is its finalizer.
function inside.on_collection(call)
  if not newproxy then return setmetatable({}, {__gc = call}) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = call
  return proxy
end

--- From now on each allocation may be the one that collects all there is.
function inside.collect_at_once()
  collector.collect_at_once(100)
end

-- Lua's stack grows now, and not within the call that comes: Lua 5.3 and 5.4
-- collect where it does, before a C function has begun.
local function grow_stack(depth)
  if depth > 0 then return 1 + grow_stack(depth - 1) end
  return 0
end

-- Lua 5.1 collects whenever C has called something: at the end of pcall, which
-- the methods' Lua parts use, no call into C is under way.
local function is_behind_pcall()
  local running = debug.getinfo(3, "f")
  return running ~= nil and running.func == pcall
end

--- Calls `call`, whose first allocation has `finalizer` run. Answers what the
-- call does, or raises it, and before that whether the finalizer has run.
function inside.run(call, finalizer)
  inside.collect_at_once()
  collectgarbage()
  collectgarbage "stop"
  grow_stack(100)
  local within, came = false, false
  local function collected()
    if not within then return end
    if is_behind_pcall() then return inside.on_collection(collected) end
    within, came = false, true
    finalizer()
  end
  inside.on_collection(collected)
  local function finish(...)
    within = false
    collectgarbage "restart"
    return came, ...
  end
  within = true
  collectgarbage "restart"
  return finish(call())
end

return inside
