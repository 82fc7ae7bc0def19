--- How long something takes, on a machine that does other things as well.
local socket = require "socket"

local stopwatch = {}

-- Seconds for which this process could have run and had no processor.
local function waited()
  local file = io.open "/proc/self/schedstat"
  if not file then return 0 end  -- a kernel that does not count
  local text = file:read "*l"
  file:close()
  return (tonumber(text:match "^%d+ (%d+)") or 0) / 1e9
end

--- Starts one: a function that tells the seconds since then, and those of them
-- in which this process ran, or waited for what was to come. A lower limit is
-- for the first of the two, an upper one for the second: no other program makes
-- that longer.
function stopwatch.start()
  local start, lost = socket.gettime(), waited()
  return function()
    local seconds = socket.gettime() - start
    return seconds, seconds - (waited() - lost)
  end
end

return stopwatch
