--- Sending and receiving, with the model of the stream kept; carrying the
-- bytes of SSLObjects.
local helpers = require "spec.support.helpers"
local calls = require "spec.programs.calls"

local traffic = {}

local perform = calls.perform

-- ---- sending ------------------------------------------------------------------------------
--
-- Habits of callers whose send was not done: "index" goes on behind the index,
-- "cut" gives the rest of the string, "repeat" the whole again, "giveup"
-- sends something else after a while.

local SIZES = {
  {30, {1, 60}}, {20, {100, 3000}}, {15, {16000, 17000}}, {25, {20000, 70000}}, {10, {150000, 400000}},
}

local HABITS = {{35, "index"}, {20, "cut"}, {30, "repeat"}, {15, "giveup"}}

local function new_message(world, side)
  local range = world.random:weighted(SIZES)
  local message = side.stream:message(world.random:between(range[1], range[2]))
  message.habit = world.random:weighted(HABITS)
  if world.off[message.habit] then message.habit = "index" end
  message.limit = #message.text
  message.patience = world.random:between(1, 6)
  return message
end

-- Up to where the next call offers; never less than one that was not done.
local function choose_limit(world, message)
  if message.habit ~= "index" or message.told < message.limit then return end
  local rest = #message.text - message.told
  message.limit = world.random:chance(20) and message.told + world.random:between(1, rest) or #message.text
end

-- A call was not done, and says that all is sent.
local function check_taken(world, name, index, all)
  if world.plan.kind ~= "object" and all > 0 and index == all then
    world:fail("taken", "%s of %d bytes is not done, and tells all of them as sent", name, all)
  end
end

-- Notes an index that send or write answered, as one of the whole message.
local function note_index(world, side, message, name, index)
  if type(index) ~= "number" or index < 0 or index > #message.text then
    world:fail("index", "%s answers the index %s for %d bytes", name, tostring(index), #message.text)
  elseif index < message.told then
    world:fail("index", "%s answers the index %s behind %d", name, tostring(index), message.told)
  else
    side.stream:tell(message, index)
  end
end

local function send_rest(world, side, message, before)
  local last = message.limit
  local index, err, partial = perform(world, side, "send", message.text, before + 1, last)
  if index ~= nil and index ~= last then
    world:fail("index", "send answers the index %s instead of %d", tostring(index), last)
  end
  if index == nil and type(partial) ~= "number" then return err end  -- from inside another call
  if index == nil then check_taken(world, "send", partial - before, last - before) end
  note_index(world, side, message, "send", index or partial)
  return err
end

local function send_cut(world, side, message, before)
  local name = message.habit == "index" and "write" or world.random:pick {"send", "write"}
  local rest = message.text:sub(before + 1, message.limit)
  local count, err, partial = perform(world, side, name, rest)
  if name == "send" and count and count ~= #rest then
    world:fail("index", "send answers the index %s of %d bytes", tostring(count), #rest)
  end
  if count == nil and type(partial) ~= "number" then return err end
  if count == nil then check_taken(world, name, partial, #rest) end
  note_index(world, side, message, name, before + (count or partial))
  return err
end

local function send_whole(world, side, message)
  local index, err, partial = perform(world, side, "send", message.text)
  if index and index ~= #message.text then
    world:fail("index", "send answers the index %s for %d bytes", tostring(index), #message.text)
  end
  if index == nil and type(partial) ~= "number" then return err end
  if index == nil then check_taken(world, "send", partial, #message.text) end
  note_index(world, side, message, "send", index or partial)
  return err
end

-- Offers what is not told yet of a message, as its habit is.
local function offer(world, side, message)
  local before = message.told
  side.stream:offer(message)
  -- Of an SSLObject what the index tells is taken for good.
  if message.habit == "repeat" and (before == 0 or world.plan.kind ~= "object") then
    return send_whole(world, side, message)
  end
  choose_limit(world, message)
  if message.habit == "cut" or world.random:chance(25) then return send_cut(world, side, message, before) end
  return send_rest(world, side, message, before)
end

--- Goes on with the message that is under way, or begins one. Answers whether
-- it is done with it, and why not.
function traffic.send(world, side)
  local message = side.stream:unfinished()
  if message and message.habit == "giveup" then
    message.patience = message.patience - 1
    if message.patience < 0 then message = nil end
  end
  if not message then message = new_message(world, side) end
  local err = offer(world, side, message)
  return message.final or false, err
end

--- Sends nothing: a flush, which gives up nothing.
function traffic.flush(world, side)
  local index, err, partial = perform(world, side, "send", "")
  if index and index ~= 0 or not index and partial and partial ~= 0 then
    world:fail("index", "send of nothing answers %s, %s", calls.show(index), calls.show(partial))
  end
  return index ~= nil, err
end

--- A short message, whatever is under way: for finalizers and hooks. Where it
-- could come before or behind another call's bytes it is empty.
function traffic.send_short(world, side)
  if side.on_stack > 0 then return perform(world, side, "send", "never") end
  local established = calls.state(side) == "connected"
  if not established or side.calls > 0 or side.goodbye then return traffic.flush(world, side) end
  local message = new_message(world, side)
  message.text = message.text:sub(1, 20)
  message.limit, message.habit = #message.text, "index"
  return offer(world, side, message)
end

-- ---- receiving ----------------------------------------------------------------------------

local PREFIXES = {"", "p", "a prefix\r\n", ("long "):rep(2000)}

local function note_received(world, side, name, bytes, form)
  local stream = side.peer.stream
  if type(bytes) ~= "string" then
    world:fail("stream", "%s gives %s", name, calls.show(bytes))
  elseif not stream:receive(bytes, form) then
    world:fail("stream", "%s gives %d bytes that do not follow: %s", name, #bytes, stream:describe())
  end
end

-- Behind what was told as sent, a clean end comes.
local function check_end(world, side, name, err)
  if side.ended_by == "broken pipe" and type(err) == "table" and err.kind == "eof" then
    world:fail("end", "%s answers %s for the transport's error", name, calls.show(err))
  end
  if err ~= "closed" or side.closed or side.shut_receive or not side.peer.goodbye then return end
  local stream = side.peer.stream
  if not stream:is_whole() then
    world:fail("whole", "%s answers \"closed\" too early: %s", name, stream:describe())
  end
end

-- What receive gave behind its prefix.
local function behind(world, data, prefix)
  if data:sub(1, #prefix) == prefix then return data:sub(#prefix + 1) end
  world:fail("stream", "receive forgets its prefix")
  return data
end

--- One receive: a pattern and a prefix are drawn. Answers data and error.
function traffic.receive(world, side, pattern)
  local random = world.random
  pattern = pattern or random:weighted {
    {3, "*l"}, {2, "l"}, {1, "*a"}, {4, random:between(1, 50)}, {4, random:between(1000, 40000)}, {1, 0}}
  local prefix = random:chance(70) and "" or random:pick(PREFIXES)
  local data, err, partial = perform(world, side, "receive", pattern, prefix ~= "" and prefix or nil)
  local is_line = type(pattern) == "string" and pattern:find "l" ~= nil
  if data ~= nil then
    note_received(world, side, "receive", behind(world, data, prefix), is_line and "line" or "raw")
    if type(pattern) == "number" and #data ~= math.max(pattern, #prefix) then
      world:fail("stream", "receive(%d) gives %d bytes behind %d", pattern, #data, #prefix)
    end
  elseif partial ~= nil then
    note_received(world, side, "receive", behind(world, partial, prefix), is_line and "part" or "raw")
    check_end(world, side, "receive", err)
  end
  return data, err
end

--- One read.
function traffic.read(world, side, nbytes)
  nbytes = nbytes or world.random:pick {0, 1, 17, 1024, 1024, 65536}
  local data, err = perform(world, side, "read", nbytes)
  if data == nil then
    check_end(world, side, "read", err)
    return nil, err
  end
  note_received(world, side, "read", data, "raw")
  if #data > nbytes or nbytes > 0 and data == "" then
    world:fail("stream", "read(%d) gives %d bytes", nbytes, #data)
  end
  return data
end

-- ---- carrying -----------------------------------------------------------------------------

--- Drains an SSLObject: what it has is on the wire then.
function traffic.drain(world, side, max)
  local bytes = perform(world, side, "drain", max)
  if bytes == nil then return false end
  if bytes == "" or max and #bytes > max then
    world:fail("stream", "drain(%s) gives %d bytes", tostring(max), #bytes)
  end
  local peer = side.peer
  if not peer.cut then peer.wire = peer.wire .. bytes end
  return true
end

--- Feeds an SSLObject some of what is on the wire; it may take a part.
function traffic.feed(world, side, size)
  local piece = side.wire:sub(1, size)
  if piece == "" then return false end
  local taken = perform(world, side, "feed", piece)
  if taken == nil then return false end
  if type(taken) ~= "number" or taken < 0 or taken > #piece then
    world:fail("stream", "feed answers %s for %d bytes", calls.show(taken), #piece)
    return false
  end
  local waits = side.conn:buffered()
  local full = waits == helpers.FED_MAX or world.plan.finalizers > 0  -- which may have read
  if waits > helpers.FED_MAX or taken < #piece and not full then
    world:fail("stream", "feed takes %d of %d bytes, and %d wait", taken, #piece, waits)
  end
  side.wire = side.wire:sub(taken + 1)
  return taken > 0
end

--- Carries something one way.
function traffic.carry(world, side)
  if not side.conn.feed then return end
  local random = world.carry_random
  if not random:chance(world.plan.held) then
    traffic.drain(world, side, random:pick {false, 1, 7, 1000, 20000} or nil)
  end
  if not random:chance(world.plan.held) then
    local size = random:pick {1, 5, 50, 1400, 16384, 1000000, 1000000}
    if world.seed % 5 == 0 and size < 100 then size = size * 40 end
    traffic.feed(world, side.peer, size)
  end
end

--- Carries all that there is, both ways; false when nothing moved.
function traffic.carry_all(world)
  local moved = false
  for _, side in ipairs(world.sides) do
    if side.conn.feed then
      while traffic.drain(world, side) do moved = true end
      moved = traffic.feed(world, side.peer, #side.peer.wire) or moved
    end
  end
  return moved
end

-- ---- ends ---------------------------------------------------------------------------------

--- Ends one direction of a connection that is on, or both.
function traffic.shutdown(world, side, mode)
  if calls.state(side) ~= "connected" then world:disturb(side.name .. " is shut down in its handshake") end
  if mode ~= "receive" then
    side.goodbye = true
    side.stream:finish()
  end
  if mode ~= "send" then
    side.shut_receive = true
    world:disturb(side.name .. " stops reading")
  end
  return perform(world, side, "shutdown", mode)
end

--- The transport ends without a goodbye: nothing more comes to `side`.
function traffic.cut(world, side)
  if side.cut or side.closed or side.peer.closed then return end
  world:disturb("nothing more comes to the " .. side.name)
  side.cut = true
  if not side.conn.feed then
    if world.plan.kind == "stream" then side.peer.below:shutdown "send"
    else helpers.raw(side.peer.conn, function(sock) sock:shutdown "send" end) end
    return
  end
  side.wire = ""
  -- "closed" is an end; what else is told is what methods answer from then on.
  side.ended_by = world.random:pick {false, "closed", "broken pipe"} or nil
  perform(world, side, "feed", nil, side.ended_by)
end

--- Damages a byte on the wire.
function traffic.damage(world, side)
  if #side.wire == 0 then return end
  world:disturb("a byte on the way to the " .. side.name .. " is damaged")
  local at = world.random:between(1, #side.wire)
  local byte = side.wire:byte(at)
  side.wire = side.wire:sub(1, at - 1) .. string.char((byte + 1) % 256) .. side.wire:sub(at + 1)
end

return traffic
