--- A small host for coroutines, and transports in memory: what a stream needs
-- of an event loop, and no more. All in one thread; time is the real one.
local clock = require "luassl.core".clock

local scheduler = {}
local Scheduler = {}
Scheduler.__index = Scheduler

local PATIENCE = 60  -- seconds for all of a run, on a slow machine

function scheduler.new()
  return setmetatable({ready = {}, waiting = {}, errors = {}}, Scheduler)
end

--- A coroutine that runs in `run`; it is the scheduler's until it has ended.
function Scheduler:spawn(f, ...)
  local arguments, count = {...}, select("#", ...)
  local thread = coroutine.create(function()
    f((table.unpack or unpack)(arguments, 1, count))
  end)
  self.ready[#self.ready + 1] = thread
  return thread
end

--- Ends a coroutine where it waits. Where a Lua cannot, nobody will go on with
-- it, and it is collected: the caller must not hold it any more.
function Scheduler:kill(thread)
  self.waiting[thread] = nil
  for i = #self.ready, 1, -1 do
    if self.ready[i] == thread then table.remove(self.ready, i) end
  end
  if coroutine.close then coroutine.close(thread) end
end

--- Collects what was killed, in Luas that cannot end a coroutine.
function scheduler.bury()
  collectgarbage()
  collectgarbage()
end

--- Suspends the running coroutine until `event` is signalled; false: time was up.
function Scheduler:wait(event, seconds)
  local me = coroutine.running()
  self.waiting[me] = {event = event, deadline = seconds and clock() + seconds}
  return coroutine.yield()
end

--- Who waits for the event goes on, when the scheduler comes to it.
function Scheduler:signal(event)
  for thread, waits in pairs(self.waiting) do
    if waits.event == event and not waits.woken then
      waits.woken = true
      self.ready[#self.ready + 1] = thread
    end
  end
end

function Scheduler:sleep(seconds)
  self:wait({}, seconds)
end

local function wake_late(self)
  local now = clock()
  for thread, waits in pairs(self.waiting) do
    if not waits.woken and waits.deadline and now >= waits.deadline then
      waits.woken, waits.late = true, true
      self.ready[#self.ready + 1] = thread
    end
  end
end

local function step(self)
  local thread = table.remove(self.ready, 1)
  local waits = self.waiting[thread]
  self.waiting[thread] = nil
  local fine, err = coroutine.resume(thread, not (waits and waits.late))
  if not fine then error(type(err) == "string" and debug.traceback(thread, err) or err, 0) end
end

--- Runs until nothing is left to do, or `finished` answers true. Raises what a
-- coroutine raises, and when they wait for each other.
function Scheduler:run(finished)
  local deadline = clock() + PATIENCE
  while not (finished and finished()) do
    if self.ready[1] then step(self)
    else
      if next(self.waiting) == nil then return end
      wake_late(self)
    end
    assert(clock() < deadline, "the coroutines do not end")
  end
end

--- Transports -----------------------------------------------------------------

-- One direction: bytes on their way, `capacity` at most.
local function new_pipe(capacity)
  return {bytes = "", capacity = capacity}
end

--- A transport of this scheduler that reads one pipe and writes the other. It
-- fails if two coroutines read, or write, at once.
function Scheduler:transport(from, to)
  local own = {reads = 0, writes = 0, closed = false}

  function own.read(seconds)
    assert(own.reads == 0, "two read")
    own.reads = 1
    while from.bytes == "" and not from.ended do
      if seconds == 0 or not self:wait(from, seconds) then
        own.reads = 0
        return nil, "timeout"
      end
    end
    own.reads = 0
    if from.bytes == "" then return nil, from.err end
    local size = own.chunk or #from.bytes
    local bytes = from.bytes:sub(1, size)
    from.bytes = from.bytes:sub(size + 1)
    self:signal(from)
    return bytes
  end

  function own.write(bytes, seconds)
    assert(own.writes == 0, "two write")
    own.writes = 1
    local deadline, taken = seconds and clock() + seconds, 0
    while taken < #bytes do
      if to.broken ~= nil then
        own.writes = 0
        return nil, to.broken
      end
      local room = to.capacity - #to.bytes
      if room > 0 then
        local part = bytes:sub(taken + 1, taken + room)
        to.bytes, taken = to.bytes .. part, taken + #part
        self:signal(to)
      elseif seconds == 0 or not self:wait(to, deadline and math.max(deadline - clock(), 0)) then
        own.writes = 0
        return nil, "timeout", taken
      end
    end
    own.writes = 0
    return true
  end

  function own.close()
    own.closed, to.ended, from.broken = true, true, from.broken or "closed"
    self:signal(to)
    self:signal(from)
  end

  function own.pause(seconds)
    self:wait(coroutine.running(), seconds)
  end

  function own.resume(thread)
    self:signal(thread)
  end

  own.from, own.to = from, to
  return own
end

--- Two transports that are connected, and the pipes between them.
function Scheduler:pair(capacity)
  local there, back = new_pipe(capacity or 65536), new_pipe(capacity or 65536)
  return self:transport(back, there), self:transport(there, back), there, back
end

return scheduler
