--- The programs in examples/, run as users run them.
local assert = require "luassert"
local busted = require "busted"
local helpers = require "spec.support.helpers"

local examples = {}

-- Why it cannot run. Under sanitizers the specs of what it calls are enough.
local function reason(found)
  if helpers.preloaded then return "not under sanitizers" end
  for name, there in pairs(found) do
    if not there then return name .. " is missing" end
  end
end

--- `it`, or `pending` where something is missing.
-- @tparam {string=boolean} found what has to be there, and whether it is
function examples.needs(found)
  local why = reason(found)
  if not why then return busted.it end
  return function(name) busted.pending(name .. ": " .. why) end
end

--- Whether the program is in the path, or in /usr/sbin.
function examples.program(name)
  return helpers.spawn({"sh", "-c", "PATH=$PATH:/usr/sbin; command -v " .. name}):wait() == 0
end

--- Starts an example; `arguments` are a list, `options` those of helpers.spawn.
function examples.start(name, arguments, options)
  local argv = {helpers.interpreter, "examples/" .. name .. ".lua"}
  for _, argument in ipairs(arguments) do argv[#argv + 1] = tostring(argument) end
  return helpers.spawn(argv, options)
end

--- Runs it to its end: its status and what it printed.
function examples.run(name, arguments, options)
  local program = examples.start(name, arguments, options)
  local status = program:wait(20)
  return status, program:output()
end

--- Fails unless the text has all parts.
function examples.holds(text, ...)
  for _, part in ipairs {...} do
    assert.truthy(text:find(part, 1, true), ("no %q in: %s"):format(part, text))
  end
end

return examples
