--- The command `luassl` in a process of the same Lua.
local helpers = require "spec.support.helpers"

local cli = {}

--- Whether its modules are here; else why not.
cli.found = pcall(require, "argparse") and pcall(require, "dkjson")
cli.missing = "there is no argparse or no dkjson for this Lua"

--- Starts it.
function cli.start(...)
  local argv = {helpers.interpreter, "bin/luassl"}
  for _, word in ipairs {...} do argv[#argv + 1] = tostring(word) end
  return helpers.spawn(argv)
end

--- Runs it to its end: what it printed, on both streams, and its exit status.
function cli.run(...)
  local process = cli.start(...)
  local status = process:wait(50)
  return helpers.without_sanitizer(process:output()), status
end

--- Runs it with `--json`: the value, and the exit status.
function cli.json(command, ...)
  local output, status = cli.run(command, "--json", ...)
  local value, _, err = require "dkjson".decode(output)
  assert(value, tostring(err) .. ": " .. output)
  return value, status
end

--- Whether a list of problems has one with that code.
function cli.has(problems, code)
  for _, problem in ipairs(problems) do
    if problem.code == code then return problem.text end
  end
  return false
end

return cli
