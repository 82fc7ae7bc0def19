--- What is written for people: all text is escaped, for much of it comes from
-- servers that nobody has verified; colours come from here alone.
-- @module luassl.cli.terminal
-- @local
local terminal = {}

local COLOURS = { red = "31", green = "32", yellow = "33", bold = "1", dim = "2" }

--- Text without anything that a terminal obeys: control characters and all that
-- is no ASCII become `\xNN`.
function terminal.escape(text)
  return (tostring(text):gsub("[^ -~]", function(c) return ("\\x%02X"):format(c:byte()) end))
end

local function succeeds(command)
  local status = os.execute(command)
  return status == true or status == 0
end

--- Whether a stream of this process (0, 1, 2) is a terminal.
function terminal.is_tty(stream)
  return succeeds("[ -t " .. stream .. " ]")
end

-- https://no-color.org
local function wants_colour(stream)
  if (os.getenv "NO_COLOR" or "") ~= "" or os.getenv "TERM" == "dumb" then return false end
  return terminal.is_tty(stream)
end

local Writer = {}
Writer.__index = Writer

--- A writer to a stream. A failed write raises the writer's `broken`, a table with
-- the system's text.
-- @tparam file file
-- @tparam integer stream its descriptor
-- @tparam string colour `"auto"`, `"always"` or `"never"`
function terminal.new(file, stream, colour)
  local coloured = colour == "always" or colour ~= "never" and wants_colour(stream)
  return setmetatable({ file = file, coloured = coloured }, Writer)
end

--- Text in a colour, for `line`.
function Writer:paint(colour, text)
  text = terminal.escape(text)
  if not self.coloured then return { text } end
  return { "\27[" .. COLOURS[colour] .. "m" .. text .. "\27[0m" }
end

--- Writes bytes as they are: those of JSON, say.
function Writer:raw(bytes)
  local ok, err = self.file:write(bytes)
  if ok then ok, err = self.file:flush() end
  if not ok then error({ broken = tostring(err) }, 0) end
end

--- Writes a line: strings, escaped, and what `paint` gave.
function Writer:line(...)
  local parts = { ... }
  for i, part in ipairs(parts) do
    parts[i] = type(part) == "table" and part[1] or terminal.escape(part)
  end
  self:raw(table.concat(parts) .. "\n")
end

--- Runs a program's words as one command for the shell.
function terminal.quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

return terminal
