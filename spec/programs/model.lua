--- What one direction of a connection must deliver.
--
-- A sender's messages follow one another. Of each, the bytes that a call told
-- as sent must arrive; what was offered behind them may have been encrypted,
-- and then arrives too; what was not offered cannot. A message begins with
-- "<" and its number, and has no other "<": so it is always clear which
-- message a byte belongs to.
local Stream = {}
Stream.__index = Stream

-- Its length is a prime: no two records of a message are alike.
local PERIOD = 7919

local function filler(random)
  local letters = {}
  for i = 1, PERIOD do
    local letter = random:between(0, 60)
    if letter == 0 then letters[i] = "\n"
    elseif letter <= 25 then letters[i] = string.char(96 + letter)
    else letters[i] = string.char(30 + letter) end
  end
  local text = table.concat(letters):gsub("<", ";"):gsub("(.)\n", function(letter)
    return random:chance(30) and "\r\n" or letter .. "\n"
  end)
  return text
end

--- A direction; `random` makes its bytes.
local function new(random)
  return setmetatable({
    filler = filler(random),
    messages = {},        -- as `message` makes them, in the order of their calls
    states = {{message = 1, taken = 0}},  -- where the reader may be
    received = 0,
  }, Stream)
end

--- A message of about that many bytes, which nobody has sent yet.
function Stream:message(size)
  self.made = (self.made or 0) + 1
  local head = "<" .. self.made .. ">"
  local body = self.filler:rep(math.floor(size / PERIOD) + 1):sub(1, size)
  return {text = head .. body, told = 0, number = self.made}
end

--- A call is about to offer it. The one before gets nothing more.
function Stream:offer(message)
  local messages = self.messages
  local last = messages[#messages]
  if last == message then return end
  if last then last.final = true end
  messages[#messages + 1] = message
end

--- A call told that the message is sent up to a byte.
function Stream.tell(_, message, index)
  if index > message.told then message.told = index end
  if message.told == #message.text then message.final = true end
end

--- The message that calls have offered and not finished, nil if there is none.
function Stream:unfinished()
  local last = self.messages[#self.messages]
  return last and not last.final and last or nil
end

--- The sender says no more: what was offered last gets nothing more either.
function Stream:finish()
  local last = self.messages[#self.messages]
  if last then last.final = true end
end

-- ---- reading ----------------------------------------------------------------

local function add(found, message, taken)
  for _, state in ipairs(found) do
    if state.message == message and state.taken == taken then return end
  end
  found[#found + 1] = {message = message, taken = taken}
end

local function common(one, other)
  if one == other then return #one end
  local low, high = 0, math.min(#one, #other)
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if one:sub(1, middle) == other:sub(1, middle) then low = middle else high = middle - 1 end
  end
  return low
end

-- Follows `bytes` from `position` on, with `taken` bytes of a message read;
-- adds each place where that may end. `loose`: carriage returns were left out.
local function follow(self, found, place, taken, bytes, position, loose)
  local message = self.messages[place]
  if position > #bytes then
    if message and loose and message.text:sub(taken + 1, taken + 1) == "\r" then add(found, place, taken + 1) end
    return add(found, place, taken)
  end
  if not message then return end
  local text = message.text
  local stop = loose and text:find("\r", taken + 1, true) or #text + 1
  local size = math.min(stop - 1 - taken, #bytes - position + 1)
  local equal = common(text:sub(taken + 1, taken + size), bytes:sub(position, position + size - 1))
  -- The next message may begin anywhere in what is equal, and right behind it.
  local head = self.messages[place + 1] and bytes:find("<", position, true)
  while head and head <= position + equal do
    if taken + head - position >= message.told then follow(self, found, place + 1, 0, bytes, head, loose) end
    head = bytes:find("<", head + 1, true)
  end
  if equal < size then return end
  -- A carriage return behind the last byte may have been left out, or not.
  if stop == taken + size + 1 and stop <= #text and position + size <= #bytes then
    follow(self, found, place, stop, bytes, position + size, loose)
  elseif size > 0 then
    follow(self, found, place, taken + size, bytes, position + size, loose)
  end
end

local function advance(self, bytes, loose)
  local found = {}
  for _, state in ipairs(self.states) do
    follow(self, found, state.message, state.taken, bytes, 1, loose)
  end
  self.states = found
  return found[1] ~= nil
end

--- The reader got bytes; `form` is "raw", "line" (without its line end and
-- carriage returns) or "part" of a line. False: never sent, lost or twice.
function Stream:receive(bytes, form)
  if not self.states[1] then return true end  -- it was told
  self.received = self.received + #bytes
  local fine = advance(self, bytes, form ~= "raw")
  if fine and form == "line" then fine = advance(self, "\n", true) end
  return fine
end

--- Whether all that was told has come.
function Stream:is_whole()
  local messages = self.messages
  for _, state in ipairs(self.states) do
    local place, whole = state.message, true
    for i = place, #messages do
      if (i == place and state.taken or 0) < messages[i].told then whole = false end
    end
    if whole then return true end
  end
  return false
end

--- Where reader and sender are, for a report.
function Stream:describe()
  local list = {}
  for i, message in ipairs(self.messages) do
    list[i] = ("%d (%s): %d of %d"):format(message.number, message.habit or "once", message.told, #message.text)
  end
  local state = self.states[1]
  local reader = state and ("behind byte %d of message %d"):format(state.taken, state.message) or "lost"
  return ("told as sent: %s; the reader is %s"):format(table.concat(list, ", "), reader)
end

return {new = new}
