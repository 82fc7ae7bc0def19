--- Reading what HTTP is made of, lines and counted bytes, from what gives
-- bytes. Never more is held than one line or one read.
-- @module luassl.http_reader
-- @local

local http_message = require "luassl.http_message"

local failure, quote = http_message.failure, http_message.quote

local PIECE = 16384      -- bytes of a read: a TLS record's
local LINE_MAX = 16384   -- bytes

local Reader = {}
Reader.__index = Reader

--- A reader of what `wire:read(most)` gives: bytes, or nil and an error.
-- @tparam table wire
-- @treturn table
local function new(wire)
  return setmetatable({ wire = wire, buffer = "", first = 1, received = 0 }, Reader)
end

--- How many bytes were read and not taken.
function Reader:buffered()
  return #self.buffer - self.first + 1
end

--- Adds bytes that were read already.
function Reader:put(data)
  self.received = self.received + #data
  self.buffer = self.buffer:sub(self.first) .. data
  self.first = 1
end

-- Reads more; true, or nil and an error.
local function fill(self)
  local data, err = self.wire:read(PIECE)
  if not data then return nil, err end
  self:put(data)
  return true
end

--- The first bytes, which stay; fewer when the end comes before.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] any the error, where none have come
function Reader:peek(count)
  while self:buffered() < count do
    local done, err = fill(self)
    if not done then
      if self:buffered() == 0 or err == "timeout" then return nil, err end
      break
    end
  end
  return self.buffer:sub(self.first, self.first + count - 1)
end

--- A line, without its end. A CR within, and a NUL, are refused.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] any
-- @source RFC 9112, 2.2
function Reader:line()
  local searched = self.first
  while true do
    local stop = self.buffer:find("\n", searched, true)
    if (stop or #self.buffer) - self.first >= LINE_MAX then
      return nil, failure("limit", ("a line of the answer has more than %d bytes"):format(LINE_MAX))
    end
    if stop then
      local line = self.buffer:sub(self.first, stop - 1):gsub("\r$", "")
      self.first = stop + 1
      if line:find("\r", 1, true) or line:find("\0", 1, true) then
        return nil, failure("http", "a line of the answer has a NUL or a CR within: " .. quote(line))
      end
      return line
    end
    local waiting = self:buffered()
    local done, err = fill(self)
    if not done then return nil, err end
    searched = waiting + 1
  end
end

--- At least one byte and at most `most`.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] any
function Reader:take(most)
  if self:buffered() == 0 then
    local data, err = self.wire:read(math.min(most, PIECE))
    if not data then return nil, err end
    self.received = self.received + #data
    if #data <= most then return data end
    self.buffer, self.first = data, 1
  end
  local piece = self.buffer:sub(self.first, self.first + most - 1)
  self.first = self.first + #piece
  return piece
end

return { new = new, PIECE = PIECE }
