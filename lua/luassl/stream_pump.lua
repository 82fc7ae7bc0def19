--- How a stream moves ciphertext between its SSLObject and its transport, and
-- how its coroutines wait for each other.
--
-- One coroutine reads the transport at a time and one writes it. Each lock is
-- held by a coroutine; one that has been ended holds none. Whoever finds a lock
-- held waits as the host does it (`pause` and `resume` of the transport), or
-- answers "timeout" where the host has no such thing.
-- @module luassl.stream_pump
-- @local

local core = require "luassl.core"
local errors = require "luassl.errors"

local clock = core.clock
local gather, handshake_left = core.connection.gather, core.connection.handshake_left
local min = math.min

local pump = {}

local SLICE = 1    -- seconds that a pause lasts at most: nobody wakes those who wait for a coroutine that was ended
local NUDGE = 0.1  -- and a read, while bytes wait to be written
local EARLY = 0.1  -- by which a host's timers may be early: their clocks stand still within a turn

local WAITS = { timeout = true, wantread = true, wantwrite = true }
pump.WAITS = WAITS

local MAIN = {}  -- stands for the main thread, which not every Lua names

local function running()
  local thread, is_main = coroutine.running()
  if not thread or is_main then return MAIN end
  return thread
end
pump.running = running

local function is_dead(thread)
  return thread ~= MAIN and coroutine.status(thread) == "dead"
end
pump.is_dead = is_dead

--- Time: a deadline is nil for ever, 0 for what may not wait, else a time ----

--- Seconds until the deadline; nil: for ever.
function pump.remaining(deadline)
  if not deadline or deadline == 0 then return deadline end
  local left = deadline - clock()
  return left > 0 and left or 0
end

local remaining = pump.remaining

--- Whether time is up for what may wait.
function pump.is_expired(deadline)
  return deadline ~= nil and deadline > 0 and clock() >= deadline
end

--- Coroutines that wait for each other ---------------------------------------

-- Who has the lock, if it is somebody else.
local function other(self, name)
  local holder = self.held[name]
  if holder == nil or holder == running() then return nil end
  if is_dead(holder) then
    self.held[name] = nil
    return nil
  end
  return holder
end

-- Until another coroutine has come further; false where time is up or nothing
-- can wait.
local function pause(self, deadline)
  local wait = self.transport.pause
  local me = running()
  if not wait or me == MAIN then return false end
  local left = remaining(deadline)
  if left == 0 then return false end
  self.waiters[me] = true
  wait(left and min(left, SLICE) or SLICE)
  self.waiters[me] = nil
  return true
end

local function new_waiters()
  return setmetatable({}, { __mode = "k" })
end

-- They go on when the host lets them.
local function wake(self)
  local waiters = self.waiters
  if next(waiters) == nil then return end
  self.waiters = new_waiters()
  for thread in pairs(waiters) do
    if not is_dead(thread) then self.transport.resume(thread) end
  end
end
pump.wake = wake

--- Takes a lock: true; "mine" where this coroutine had it; nil, "timeout".
function pump.acquire(self, name, deadline)
  while other(self, name) do
    if not pause(self, deadline) then return nil, "timeout" end
  end
  local me = running()
  if self.held[name] == me then return "mine" end
  self.held[name] = me
  return true
end

--- Gives a lock back that `acquire` answered `got` for.
function pump.release(self, name, got)
  if got ~= true then return end
  self.held[name] = nil
  wake(self)
end

local acquire, release = pump.acquire, pump.release

-- Passes results on.
local function leave(self, got, ...)
  release(self, "inside", got)
  return ...
end

--- Calls a method of the object, in which a hook may be suspended: no other
-- coroutine is in one meanwhile.
function pump.inside(self, deadline, method, ...)
  local got, err = acquire(self, "inside", deadline)
  if not got then return nil, err end
  return leave(self, got, method(self.object, ...))
end

local inside = pump.inside

--- The transport --------------------------------------------------------------

-- Lua 5.1 cannot yield through pcall: there what a transport raises passes
-- through, and the marks it leaves count for nothing in the same coroutine.
local can_yield_through_pcall = _VERSION ~= "Lua 5.1" or jit ~= nil

local function transport_error(operation, text, cause)
  return errors.new("SSLError", {
    kind = "transport", operation = operation, text = ("%s: %s"):format(operation, text), cause = cause,
  })
end

-- nil and what the transport raised.
local function relay_call(fine, ...)
  if fine then return ... end
  local raised = ...
  if raised == nil or WAITS[raised] or raised == "closed" then
    raised = transport_error("stream", "the transport raised " .. tostring(raised), raised)
  end
  return nil, raised
end

local function call(self, name, ...)
  local transport = self.transport
  if can_yield_through_pcall or running() == MAIN then return relay_call(pcall(transport[name], ...)) end
  return transport[name](...)
end

local function limit(self, seconds)
  local settimeout = self.transport.settimeout
  if settimeout then settimeout(seconds) end
end

--- Writing --------------------------------------------------------------------

--- How much ciphertext there has been, and how much the transport has taken.
function pump.produced(self)
  local _, out = self.object:buffered()
  return self.drained + out
end

local produced = pump.produced

function pump.taken(self)
  return self.drained - self.lost - (self.unwritten and #self.unwritten or 0)
end

local taken = pump.taken

local function fail_writing(self, err)
  if self.unwritten then self.lost = self.lost + #self.unwritten end
  self.unwritten = nil
  self.write_error = err
end

-- What becomes of `bytes`, of which the transport took `count`.
local function note_written(self, bytes, done, err, count)
  if done then
    self.unwritten = nil
    return true
  end
  if not WAITS[err] then
    if err == nil then err = "closed" end
    fail_writing(self, err)
    return nil, err
  end
  count = type(count) == "number" and count > 0 and count or 0
  self.unwritten = count < #bytes and bytes:sub(count + 1) or nil
  return nil, "timeout"
end

-- Gives the transport what waits; nobody else writes. True, or nil and
-- "timeout" or an error.
local function write_some(self, seconds)
  if self.writing then  -- and has been ended meanwhile
    self.writing = false
    fail_writing(self, transport_error("stream", "a coroutine was ended in the middle of a write"))
  end
  if self.write_error ~= nil then return nil, self.write_error end
  local bytes = self.unwritten
  if not bytes then
    bytes = self.object:drain()
    if not bytes then return true end
    self.drained, self.unwritten = self.drained + #bytes, bytes
  end
  self.held.write, self.writing = running(), true
  limit(self, seconds)
  local done, err, count = call(self, "write", bytes, seconds)
  self.held.write, self.writing = nil, false
  done, err = note_written(self, bytes, done, err, count)
  wake(self)
  return done, err
end

-- What others left to whoever writes.
local function write_orphans(self, deadline)
  while self.orphans > taken(self) and self.write_error == nil and not other(self, "write") do
    if not write_some(self, remaining(deadline)) then return end
  end
end

--- Waits until the transport has taken ciphertext up to that count: true, or
-- nil and "timeout" or what the transport failed with.
function pump.flush(self, upto, deadline)
  while taken(self) < upto do
    if other(self, "write") then
      if not pause(self, deadline) then return nil, "timeout" end
    else
      local done, err = write_some(self, remaining(deadline))
      if not done then return nil, err end
    end
    if self.write_error ~= nil then return nil, self.write_error end
  end
  write_orphans(self, deadline)
  return true
end

local flush = pump.flush

--- Writes what waits, as far as that goes without waiting.
function pump.push(self)
  local upto = produced(self)
  if upto == taken(self) then return end
  if self.write_error ~= nil then
    local bytes = self.object:drain()  -- nobody reads it
    if bytes then self.drained, self.lost = self.drained + #bytes, self.lost + #bytes end
  elseif other(self, "write") then
    self.orphans = upto
  else
    write_some(self, 0)
  end
end

local push = pump.push

--- Reading --------------------------------------------------------------------

local FED_MAX = 131072

-- Gives the object what was read, as much as it takes: "full" where that is none.
local function feed_rest(self)
  local from = self.rest_from
  local count, err = self.object:feed(self.rest:sub(from, from + FED_MAX - 1))
  if not count then
    self.rest = nil
    if err == "closed" then return true end
    return nil, err
  end
  self.rest_from = from + count
  if self.rest_from > #self.rest then self.rest = nil end
  return count > 0 or "full"
end

-- The transport has ended. Behind a reset that a write was told of some say
-- that it was a clean end.
local function feed_end(self, err)
  if err == "closed" then err = nil end
  if err == nil and self.write_error ~= "closed" then err = self.write_error end
  self.ended = true
  self.object:feed(nil, err)
  return true
end

local function note_read(self, bytes, err, sliced)
  if type(bytes) == "string" then
    self.rest, self.rest_from = bytes, 1
    return feed_rest(self)
  end
  if WAITS[err] then
    if sliced then return true end
    return nil, "timeout"
  end
  if bytes then err = transport_error("stream", "the transport's read answered a " .. type(bytes)) end
  return feed_end(self, err)
end

-- Nobody else reads.
local function read_some(self, deadline)
  local seconds, sliced = remaining(deadline), false
  if taken(self) < produced(self) and not other(self, "write") and (not seconds or seconds > NUDGE) then
    seconds, sliced = NUDGE, true
  end
  self.held.read = running()
  limit(self, seconds)
  local bytes, err = call(self, "read", seconds)
  self.held.read = nil
  local done
  local left = deadline and deadline > 0 and deadline - clock() or 0
  done, err = note_read(self, bytes, err, sliced or (left > 0 and left < EARLY and seconds > left))
  wake(self)
  return done, err
end

--- Brings in what the transport has: true when something came, its end too, or
-- another coroutine has come further; nil and "timeout" or an error.
function pump.fill(self, deadline)
  if self.rest then
    local done, err = feed_rest(self)
    if done == "full" and not pause(self, deadline) then return nil, "timeout" end
    return done, err
  end
  if self.ended or self.closed then return nil, "timeout" end
  push(self)
  if other(self, "read") then
    if pause(self, deadline) then return true end
    return nil, "timeout"
  end
  return read_some(self, deadline)
end

local fill = pump.fill

--- What is behind the object's end of the clear text: it has not been fed.
function pump.leftover(self)
  return self.rest and self.rest:sub(self.rest_from) or ""
end

--- What an operation answers that could not write: one read finds out whether
-- the peer has closed or said why in an alert.
function pump.write_failure(self, operation)
  if not self.looked and not other(self, "read") then
    self.looked = true
    fill(self, 0)
  end
  local ready, how = gather(self.object, "*a")
  if ready and how == "closed" then return "closed" end
  local err = self.write_error
  if ready and how == "failed" then
    local _, failure = self.object:send("")
    if failure ~= nil and not WAITS[failure] then return failure end
  end
  if err ~= "closed" then return err end
  return errors.new("SSLEOFError", {
    kind = "eof", operation = operation, text = operation .. ": the transport was closed without close_notify",
  })
end

--- The handshake --------------------------------------------------------------

-- That of an operation, or the handshake's if it is earlier.
local function handshake_deadline(self, deadline)
  if deadline == 0 then return 0 end
  local left = handshake_left(self.object)
  local own = clock() + left  -- read in this order: never before the object's own limit
  return deadline and min(deadline, own) or own
end

-- It cannot go on: the object is told, and what it answers next says why.
local function give_up(self)
  if not self.looked then
    self.looked = true
    if fill(self, 0) then return end
  end
  if not self.ended then feed_end(self) end
end

-- One step; nil and nil: another one.
local function handshake_step(self, deadline)
  local by = handshake_deadline(self, deadline)
  local done, err = inside(self, by, self.object.do_handshake)
  if err == "timeout" and handshake_left(self.object) <= 0 then done, err = self.object:do_handshake() end
  by = handshake_deadline(self, deadline)  -- the first step begins its time
  local ended = done or not WAITS[err]
  local sent, why = flush(self, produced(self), by)
  if ended and not done then return nil, err end
  if sent and done then return true end
  if sent then sent, why = fill(self, by) end
  if sent then return nil, nil end
  if why ~= "timeout" then
    if done then return nil, pump.write_failure(self, "handshake") end
    give_up(self)
    return nil, nil
  end
  if not done and self.ended then return nil, nil end
  if not done and handshake_left(self.object) <= 0 then return nil, nil end
  return nil, "timeout"
end

--- Runs the handshake, or waits for who does: true, or nil and why not.
function pump.handshake(self, deadline)
  if self.established then return true end
  local got, err = acquire(self, "handshake", handshake_deadline(self, deadline))
  if not got and handshake_left(self.object) > 0 then return nil, err end  -- else whoever drives it is too late
  local done = self.established
  while not done do
    done, err = handshake_step(self, deadline)
    if err ~= nil then break end
  end
  if done then self.established = true end
  release(self, "handshake", got)
  if done then return true end
  return nil, err
end

--- What a stream begins with.
function pump.prepare(self, object, transport)
  self.object, self.transport = object, transport
  self.held = setmetatable({}, { __mode = "v" })
  self.waiters = new_waiters()
  self.drained, self.lost, self.orphans = 0, 0, 0
end

return pump
