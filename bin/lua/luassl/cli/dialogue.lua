--- A conversation in clear text, before TLS: what may be read is bounded in
-- bytes and in time. The first failure stays, in `err`; from then on nothing is
-- read or sent any more, so that one look at the end is enough.
-- @module luassl.cli.dialogue
-- @local
local wait = require "luassl.cli.loop".wait

local dialogue = {}

local LINE_MAX = 4096  -- bytes
local TOTAL_MAX = 65536  -- bytes of a whole conversation

local Dialogue = {}
Dialogue.__index = Dialogue

--- @tparam userdata sock LuaSocket object, its timeout 0
-- @tparam number deadline of `socket.gettime`
function dialogue.new(sock, deadline)
  return setmetatable({ sock = sock, deadline = deadline, count = 0 }, Dialogue)
end

--- Notes a failure, unless there was one; `slow` is whether time was up.
function Dialogue:fail(text, slow)
  if not self.err then self.err, self.slow = text, slow end
end

local function wait_for(self, mode)
  if not wait(self.sock, mode, self.deadline) then self:fail("the server does not answer in time", true) end
end

--- Sends all of the bytes.
function Dialogue:send(bytes)
  local sent = 0
  while not self.err and sent < #bytes do
    local last, err, part = self.sock:send(bytes, sent + 1)
    sent = last or part or sent
    if err == "timeout" then wait_for(self, "w")
    elseif err then self:fail("the connection ends before TLS begins (" .. err .. ")", true)
    end
  end
end

--- Reads so many bytes; "" after a failure.
function Dialogue:read(count)
  self.count = self.count + count
  if self.count > TOTAL_MAX then self:fail "the server says too much before TLS begins" end
  local got = {}
  while not self.err and #got < count do
    local byte, err = self.sock:receive(1)  -- of LuaSocket's buffer
    got[#got + 1] = byte
    if err == "timeout" then wait_for(self, "r")
    elseif err then self:fail("the connection ends before TLS begins (" .. err .. ")", true)
    end
  end
  return self.err and "" or table.concat(got)
end

--- Reads up to the next byte after which `stop(text)` holds; "" after a failure.
function Dialogue:read_until(max, last, stop)
  local got = {}
  while not self.err do
    local byte = self:read(1)
    got[#got + 1] = byte
    if byte == last then
      local text = table.concat(got)
      if stop(text) then return text end
    end
    if #got > max then self:fail "the server's answer has no end" end
  end
  return ""
end

--- Reads a line, without its end; "" after a failure.
function Dialogue:line()
  return (self:read_until(LINE_MAX, "\n", function() return true end):gsub("\r?\n$", ""))
end

return dialogue
