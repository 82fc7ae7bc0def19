--- Application data of a stream: receiving and sending, each within a deadline
-- of its own.
-- @module luassl.stream_transfer
-- @local

local core = require "luassl.core"
local hooks = require "luassl.hooks"
local pump = require "luassl.stream_pump"

local gather, PENDING = core.connection.gather, core.connection.PENDING
local go_on = hooks.go_on
local acquire, release, inside = pump.acquire, pump.release, pump.inside
local fill, flush, push = pump.fill, pump.flush, pump.push
local is_expired, produced, taken = pump.is_expired, pump.produced, pump.taken
local min = math.min

local transfer = {}

local RECORD = 16384
local BATCH = 7 * RECORD  -- encrypted in one go
local KEPT = 4            -- sends that were not told to have left

--- Receiving ------------------------------------------------------------------

-- Gets what the object lacks: true: look again, or nil and an error.
local function bring(self, deadline, wish)
  if is_expired(deadline) then return nil, "timeout" end
  if wish == PENDING then
    local done, err = inside(self, deadline, go_on, false)
    if done or not pump.WAITS[err] then return done, err end
  elseif wish == "wantwrite" then
    return flush(self, produced(self), deadline)
  end
  return fill(self, deadline)
end

-- Until `receive` has what it asks for, or the end: true, or nil and why not.
local function collect(self, deadline, pattern, prefix)
  local scanned = 0
  while true do
    local ready, wish, known = inside(self, deadline, gather, pattern, prefix, scanned)
    push(self)
    if ready then return true end
    if wish == "timeout" then return nil, wish end
    scanned = known or scanned
    local done, err = bring(self, deadline, wish)
    if not done then return nil, err end
  end
end

--- Waits for what `pattern` asks for; nothing is taken out of the object.
-- @treturn[1] boolean|string true, to be given to `done_receiving`
-- @treturn[2] nil
-- @treturn[2] any why not; `"busy"`: another coroutine receives
function transfer.await(self, deadline, pattern, prefix)
  local done, err = pump.handshake(self, deadline)
  if not done then return nil, err end
  local got = acquire(self, "receive", deadline)
  if not got then return nil, "busy" end
  done, err = collect(self, deadline, pattern, prefix)
  return got, not done and err or nil
end

function transfer.done_receiving(self, got)
  release(self, "receive", got)
end

--- What was encrypted before its sender was told that it has left ------------
-- The rule is that of src/connection/unsent.c. An entry is about the bytes of
-- `text` from `start` to `stop`; up to `told` its sender knows that they have
-- left. Several coroutines may have one each.

local function shifted(position, shift, start, stop)
  position = position + shift
  if position < start then return start end
  return min(position, stop)
end

-- Up to where whole records have left.
local function update_told(self, entry)
  local done = taken(self)
  for _, mark in ipairs(entry.marks) do
    if mark.produced > done then break end
    if mark.position > entry.told then entry.told = mark.position end
  end
  return entry.told
end

local function same_bytes(entry, from, text, start, stop)
  local size = min(entry.stop - from, stop - start)
  return entry.text:sub(from + 1, from + size) == text:sub(start + 1, start + size)
end

-- Where in the entry's text the new one begins, or nil. Where all of it is told,
-- its own coroutine goes on behind that with whatever it sends.
local function place(entry, text, start, stop)
  if entry.text == text and (start == entry.told or start == entry.start) then return start end
  if entry.told == entry.stop then return entry.owner[1] == pump.running() and entry.told or nil end
  if same_bytes(entry, entry.told, text, start, stop) then return entry.told end
  if same_bytes(entry, entry.start, text, start, stop) then return entry.start end
  return nil
end

-- Those of this coroutine, and of none, have been given up.
local function drop_own(self)
  local kept = {}
  for _, entry in ipairs(self.unsent) do
    local owner = entry.owner[1]
    if owner ~= nil and owner ~= pump.running() and not pump.is_dead(owner) then kept[#kept + 1] = entry end
  end
  self.unsent = kept
end

-- The entry of which these bytes are a part, taken out of the list, and what
-- its positions differ by.
local function recall(self, text, start, stop)
  for i, entry in ipairs(self.unsent) do
    local at = place(entry, text, start, stop)
    if at then
      table.remove(self.unsent, i)
      return entry, start - at
    end
  end
  drop_own(self)
  return nil
end

local function remember(self, entry)
  table.insert(self.unsent, 1, entry)
  self.unsent[KEPT + 1] = nil
end

--- Sending ---------------------------------------------------------------------

-- Sees to it that what was encrypted earlier leaves: up to where these bytes
-- are encrypted, up to where they have left, and why no more.
local function finish_earlier(self, deadline, text, start, stop)
  local entry, shift = recall(self, text, start, stop)
  if not entry then return start, start end
  local marks = entry.marks
  local done, err = flush(self, marks[#marks] and marks[#marks].produced or 0, deadline)
  local known = shifted(entry.stop, shift, start, stop)
  if done then entry.told = known - shift
  else update_told(self, entry)
  end
  entry.owner = setmetatable({ pump.running() }, { __mode = "v" })
  if entry.told < entry.stop then remember(self, entry) end
  return known, shifted(entry.told, shift, start, stop), err
end

-- Encrypts up to BATCH bytes, record by record: where each ends is noted.
local function encrypt(self, deadline, entry, stop)
  local most = min(stop, entry.stop + BATCH)
  while entry.stop < most do
    local object = self.object
    local index, err, partial = inside(self, deadline, object.send, entry.text, entry.stop + 1,
      min(most, entry.stop + RECORD))
    local position = index or partial or entry.stop
    if position > entry.stop then
      entry.stop = position
      entry.marks[#entry.marks + 1] = { position = position, produced = produced(self) }
    end
    if not index then return nil, err end
  end
  return true
end

-- Gets out of the way what keeps the object from encrypting.
local function make_way(self, deadline, err)
  if err == "wantwrite" then return flush(self, produced(self), deadline) end
  if err == "wantread" then
    push(self)
    return fill(self, deadline)
  end
  push(self)  -- an alert, if the connection has failed
  return nil, err
end

-- Encrypts all, batch by batch, each when the last has left. Others may encrypt
-- theirs when all of this is, and whoever writes takes both along.
local function send_new(self, deadline, entry, stop, got)
  while true do
    local done, err = encrypt(self, deadline, entry, stop)
    if not done then
      done, err = make_way(self, deadline, err)
      if not done then return nil, err end
    elseif entry.stop == stop then
      release(self, "send", got)
    end
    local marks = entry.marks
    if #marks > 0 then
      done, err = flush(self, marks[#marks].produced, deadline)
      if not done then return nil, err end
      entry.told, entry.marks = entry.stop, {}
    end
    if entry.stop == stop then return true end
    if is_expired(deadline) then return nil, "timeout" end
  end
end

local function send_rest(self, deadline, text, start, position, stop, got)
  local entry = {
    text = text, start = start, stop = position, told = position, marks = {},
    owner = setmetatable({ pump.running() }, { __mode = "v" }),
  }
  local done, err = send_new(self, deadline, entry, stop, got)
  if not done then
    update_told(self, entry)
    if pump.WAITS[err] and entry.told < stop then remember(self, entry) end
  end
  return entry.told, err
end

-- With the lock.
local function send_part(self, deadline, text, start, stop, got)
  if start == stop then
    local _, err = flush(self, produced(self), deadline)
    return start, err
  end
  local known, told, err = finish_earlier(self, deadline, text, start, stop)
  if err ~= nil or known == stop then return told, err end
  return send_rest(self, deadline, text, start, known, stop, got)
end

--- Sends a part of a text.
-- @tparam table self
-- @tparam[opt] number deadline
-- @tparam string text
-- @tparam integer start how many bytes stand before it
-- @tparam integer stop where it ends
-- @treturn integer up to where it has left
-- @treturn[opt] any why no more
function transfer.send(self, deadline, text, start, stop)
  local done, err = pump.handshake(self, deadline)
  if not done then return start, err end
  local got
  got, err = acquire(self, "send", deadline)
  if not got then return start, err end
  local told
  told, err = send_part(self, deadline, text, start, stop, got)
  if self.held.send == pump.running() then release(self, "send", got) end
  if pump.WAITS[err] and told == stop and told > start then err = nil end  -- what waits is a message behind it
  if err ~= nil and err == self.write_error then err = pump.write_failure(self, "send") end
  return told, err
end

return transfer
