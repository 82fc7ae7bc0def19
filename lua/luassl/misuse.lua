--- Misuse: errors that name the line of the program, whichever of our
-- functions finds it.
-- Levels are as in Lua's `error`; nothing of ours on the way may be left by a
-- tail call, after which Luas differ in what they know.
-- @module luassl.misuse
-- @local

local misuse = {}

-- What a C function that pcall ran says of itself: it has no name there, or
-- one that is no program's.
local ARGUMENT = "^bad argument #(%d+) to '[^']*' "

-- Want of memory is no misuse, nor is what a Lua function raised that was
-- called from there: it has told its place.
local function is_misuse(message)
  return type(message) == "string" and message ~= "not enough memory"
    and (message:find(ARGUMENT) or not message:find "^[^\n]-:%d+: ") and true
end

-- The message as the function `name` would give it, of a method (":send")
-- without its object among the arguments.
local function rename(message, name)
  local method = name:match "^:(.*)$"
  local index = tonumber(message:match(ARGUMENT))
  local text = message:gsub(ARGUMENT, "")
  if not index then return (method or name) .. ": " .. message end
  if method then index = index - 1 end
  if index == 0 then return ("calling '%s' on bad self %s"):format(method, text) end
  return ("bad argument #%d to '%s' %s"):format(index, method or name, text)
end

--- Passes the results of `pcall` on, or raises as misuse what a C function
-- raised.
-- @function relay
-- @tparam integer level 2: at the caller of who calls this
-- @tparam string name of the public function, of a method with a colon before
-- @tparam boolean done
-- @param ... what else `pcall` returned
function misuse.relay(level, name, done, ...)
  if done then return ... end
  local message = ...
  if not is_misuse(message) then error(message, 0) end
  error(rename(message, name), level + 1)
end

--- Its arguments: `return pass(f())` is no tail call of `f`.
-- @function pass
function misuse.pass(...)
  return ...
end

return misuse
