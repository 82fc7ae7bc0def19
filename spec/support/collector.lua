--- Lua's collector at another pace, by the names that this Lua has for it.
local collector = {}

local HAS_PARAMETERS = pcall(collectgarbage, "param", "pause")  -- since Lua 5.5

--- Both in per cent, as Lua's manual has them.
function collector.set(pause, stepmul)
  if HAS_PARAMETERS then
    collectgarbage "incremental"  -- the interpreter begins with the other
    collectgarbage("param", "pause", pause)
    collectgarbage("param", "stepmul", stepmul)
  else
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", stepmul)
  end
end

--- From now on each step is a whole cycle.
function collector.collect_at_once(pause)
  if HAS_PARAMETERS then return collector.set(pause, 0) end
  if _VERSION ~= "Lua 5.4" then return collector.set(pause, 1000000) end
  collectgarbage("incremental", 100, 1000, 40)
  collectgarbage("setpause", pause)
end

--- The pace of a program that says nothing, or near it.
function collector.reset()
  pcall(collectgarbage, "incremental")
  collector.set(200, 200)
end

return collector
