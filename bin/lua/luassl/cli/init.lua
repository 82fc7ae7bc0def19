--- The command `luassl`: reads the command line, runs a command, and answers
-- the exit status.
-- @module luassl.cli
-- @local
local arguments = require "luassl.cli.arguments"
local file = require "luassl.cli.file"
local terminal = require "luassl.cli.terminal"

local cli = {}

local MISUSE, CANNOT_WRITE, INTERRUPTED = 64, 74, 130  -- sysexits(3); 128 + SIGINT

local function read_option(name)
  local content, err = file.read(name)
  if not content then error({ usage = err }, 0) end
  return content
end

-- Settings of a command, of what the parser gave: files are read here. The command
-- `ca` is there as a true `ca`.
local function settings_of(given)
  local settings = {}
  for name, value in pairs(given) do settings[name] = value end
  if type(given.ca) == "string" then settings.ca_data = read_option(given.ca) end
  if given.password_file then settings.password = read_option(given.password_file):match "^[^\r\n]*" end
  return settings
end

-- What needs no command: what is to be written, or nil.
local function told(argv, parser)
  if argv[1] == "--version" then
    local ssl = require "luassl"
    return ssl._VERSION .. ", " .. ssl.OPENSSL_VERSION .. "\n"
  end
  local shell = argv[1] == "--completion" and argv[2] or (argv[1] or ""):match "^%-%-completion=(.*)$"
  for _, name in ipairs(arguments.SHELLS) do
    if shell == name then return parser["get_" .. shell .. "_complete"](parser) end
  end
end

local function run(argv)
  local parser = arguments.parser()
  local text = told(argv, parser)
  if text then
    terminal.new(io.stdout, 1, "never"):raw(text)
    return 0
  end
  local given
  local ok, problem = parser:pparse(argv)
  if ok then given = problem
  else error({ usage = problem, help = parser:get_usage() }, 0)
  end
  local out = terminal.new(io.stdout, 1, given.color)
  local settings = settings_of(given)
  return require("luassl.cli." .. given.command).run(out, settings)
end

-- What the parser's actions and the commands raise on purpose.
local function ended_by(reason)
  if reason.usage then
    io.stderr:write((reason.help and reason.help .. "\n" or "") .. "luassl: ", terminal.escape(reason.usage), "\n")
    return MISUSE
  elseif reason.failed then
    io.stderr:write("luassl: ", terminal.escape(reason.failed), "\n")
    return 1
  elseif reason.broken then
    -- The reader of a pipe that has gone has read what it wanted.
    if not reason.broken:find "Broken pipe" then io.stderr:write("luassl: cannot write: ", reason.broken, "\n") end
    return CANNOT_WRITE
  end
end

-- A bug has a traceback; what is raised on purpose is a table.
local function trace(err)
  if type(err) ~= "string" or err:find "interrupted!$" then return err end
  return debug.traceback(err, 2)
end

--- Runs the command.
-- @tparam {string,...} argv
-- @treturn integer exit status
function cli.main(argv)
  local ok, status = xpcall(function() return run(argv) end, trace)
  if ok then return status end
  if type(status) == "table" then
    local again, code = pcall(ended_by, status)
    if again and code then return code end
    if type(code) == "table" and code.broken then return CANNOT_WRITE end
  end
  if type(status) == "string" and status:find "interrupted!$" then return INTERRUPTED end
  io.stderr:write("luassl: ", tostring(status), "\n")
  return 70
end

return cli
