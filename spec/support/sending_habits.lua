--- The habits of callers whose sends do not get through at once: functions
-- of a connection, a message and `wait`, which is called before each new
-- attempt. Each answers how many bytes of the message it was told to be sent,
-- and the error that ended it, if any; "timeout" and its like end none, but
-- for "gives up".
local sending = {}

local WAITS = {timeout = true, wantread = true, wantwrite = true}

-- Park and Miller's generator: the same numbers in every Lua.
function sending.generator(seed)
  local state = seed * 7919 % 2147483647
  return function(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end
end

--- A size from 1 byte to 256 KiB, small ones as likely as large ones.
function sending.size(draw)
  return draw(2 ^ draw(18))
end

local function check(index, least, most)
  assert(index >= least, ("the index falls: %d after %d"):format(index, least))
  assert(index <= most, ("told %d of %d"):format(index, most))
  return index
end

-- Calls `send`, which is told how far it has come and answers as `conn:send`
-- does, until the message is through.
local function persist(message, wait, send)
  local told = 0
  repeat
    local last, err, partial = send(told)
    told = check(last or partial, told, #message)
    if not last and not WAITS[err] then return told, err end
    if not last then wait() end
  until last
  return told
end

sending.habits = {
  ["goes on behind the index"] = function(conn, message, wait)
    return persist(message, wait, function(told) return conn:send(message, told + 1) end)
  end,

  ["cuts off what was told"] = function(conn, message, wait)
    local rest = message
    repeat
      local last, err, partial = conn:send(rest)
      rest = rest:sub(check(last or partial, 0, #rest) + 1)
      if not last and not WAITS[err] then return #message - #rest, err end
      if not last then wait() end
    until last
    return #message
  end,

  ["repeats the whole"] = function(conn, message, wait)
    return persist(message, wait, function() return conn:send(message) end)
  end,

  ["repeats an equal string"] = function(conn, message, wait)
    local half = math.floor(#message / 2)
    return persist(message, wait, function()
      return conn:send(message:sub(1, half) .. message:sub(half + 1))
    end)
  end,

  ["writes the rest"] = function(conn, message, wait)
    local told = 0
    repeat
      local written, err, partial = conn:write(message:sub(told + 1))
      told = check(told + (written or partial), told, #message)
      if not written and not WAITS[err] then return told, err end
      if told < #message then wait() end
    until told == #message
    return told
  end,

  ["gives up"] = function(conn, message, wait)
    local last, err, partial = conn:send(message)
    if last then return last end
    if WAITS[err] then
      wait()
      err = nil
    end
    return partial, err
  end,
}

return sending
