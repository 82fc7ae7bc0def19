--- Lines of a connection, as `io.lines` gives those of a file.
-- @module luassl.lines
-- @local

local relay = require "luassl.misuse".relay

local lines = {}

-- A pattern of `receive`, which is checked before the loop begins. A number
-- of 0 would be answered for ever.
local function check_pattern(pattern)
  if pattern == nil then return "*l" end
  local number = tonumber(pattern)
  if type(pattern) == "string" and not number then
    local name = pattern:match "^%*?([la])"
    if name then return "*" .. name end
  end
  if number and number >= 1 then return number end
  error("bad argument #1 to 'lines' (invalid receive pattern)", 3)
end

--- Adds `lines` to the methods of SSLSocket or SSLStream, whose `receive` runs the
-- handshake.
-- @tparam table methods
function lines.install(methods)
  if methods.lines then return end  -- this file was loaded again
  local receive, gettimeout = methods.receive, methods.gettimeout

  --- Iterates over what comes, line by line, as `io.lines` does over a file.
  -- The loop ends at the peer's close_notify; a last line without a line end is
  -- a line. Anything else raises the error, a cut off connection and a timeout
  -- among them: a loop that ends has read all there was. After a timeout the
  -- iterator may be called again, and goes on with the part of the line that
  -- has come.
  -- @function lines
  -- @page SSLSocket SSLStream
  -- @group Reading and writing
  -- @tparam[opt="*l"] string|integer pattern as of `receive`: `"*l"`, `"*a"`,
  -- or how many bytes at a time (at least 1; the last part may be shorter)
  -- @treturn function the iterator: a string each time, nil at the end
  -- @raise when `pattern` is none of these; the iterator: `"timeout"`, or an
  -- SSLError as a value
  -- @source Lua manual, io.lines; RFC 8446, 6.1
  -- @usage for line in conn:lines() do print(line) end
  -- local done, err = pcall(function()
  --   for part in conn:lines(4096) do io.write(part) end
  -- end)
  function methods.lines(self, pattern)
    relay(2, ":lines", pcall(gettimeout, self))  -- raises for what is not of this type
    pattern = check_pattern(pattern)
    local begun = ""  -- what came of a line until a timeout
    return function()
      local data, err, partial
      if begun == "" then data, err, partial = receive(self, pattern)
      else data, err, partial = receive(self, pattern, begun)
      end
      begun = ""
      if data then return data end
      if err ~= "closed" then
        begun = partial
        error(err, 0)
      end
      if partial ~= "" then return partial end
      return nil
    end
  end
end

return lines
