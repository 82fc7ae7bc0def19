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

-- How misuse begins that C finds. Anything else was raised by who was called
-- from there, a debug hook or a function of the program's, and is theirs.
local BEGINNINGS = {
  ARGUMENT, "^option '", "^options ", "^unknown option ", "^check_hostname needs ",
  "^malformed pattern", "^missing '%[", "^invalid ",  -- string's
}

local function is_misuse(message)
  if type(message) ~= "string" then return false end
  for _, beginning in ipairs(BEGINNINGS) do
    if message:find(beginning) then return true end
  end
  return false
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
