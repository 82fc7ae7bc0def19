--- Many conversations at once: coroutines over `luassl.poll`.
-- @module luassl.cli.loop
-- @local
local poll = require "luassl.poll"
local socket = require "socket"

local loop = {}

local SLICE = 0.25  -- seconds in one system call: an interrupt is seen between two

local Loop = {}
Loop.__index = Loop

--- A loop that runs so many tasks at a time; the others wait for their turn.
-- @tparam[opt] integer limit
function loop.new(limit)
  return setmetatable({ limit = limit or math.huge, queue = {}, first = 1, last = 0, tasks = {} }, Loop)
end

--- Adds a task: a function, which waits by `loop.wait` alone.
function Loop:spawn(body)
  self.last = self.last + 1
  self.queue[self.last] = body
end

--- In a task: waits until a socket can be read ("r") or written ("w"); without a
-- socket, until the deadline.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string `"timeout"`, at the deadline (of `socket.gettime`)
function loop.wait(sock, mode, deadline)
  return coroutine.yield(sock, mode, deadline)
end

-- Lets a task go on until it waits again or has ended.
local function resume(task, ...)
  local ok, sock, mode, deadline = coroutine.resume(task.thread, ...)
  if not ok then
    if type(sock) == "string" and not sock:find "interrupted!$" then sock = debug.traceback(task.thread, sock) end
    error(sock, 0)
  end
  task.sock, task.mode, task.deadline = sock, mode, deadline
  return coroutine.status(task.thread) ~= "dead"
end

local function admit(self)
  while self.queue[self.first] and #self.tasks < self.limit do
    local task = { thread = coroutine.create(self.queue[self.first]) }
    self.queue[self.first] = nil
    self.first = self.first + 1
    if resume(task) then self.tasks[#self.tasks + 1] = task end
  end
end

-- What the tasks wait for, and for how long at most.
local function watched(tasks, now)
  local readers, writers, wait = {}, {}, SLICE
  for _, task in ipairs(tasks) do
    local list = task.mode == "w" and writers or readers
    list[#list + 1] = task.sock
    wait = math.min(wait, math.max(task.deadline - now, 0))
  end
  return readers, writers, wait
end

--- Runs until no task is left.
-- @raise what a task raises
function Loop:run()
  admit(self)
  while #self.tasks > 0 do
    local readers, writers, wait = watched(self.tasks, socket.gettime())
    local readable, writable = poll(readers, writers, wait)
    local now, left = socket.gettime(), {}
    for _, task in ipairs(self.tasks) do
      local ready = (task.mode == "w" and writable or readable)[task.sock]
      local lives = true
      -- Time comes first: a peer that goes on talking gets no more of it.
      if now >= task.deadline then lives = resume(task, nil, "timeout")
      elseif ready then lives = resume(task, true)
      end
      if lives then left[#left + 1] = task end
    end
    self.tasks = left
    admit(self)
  end
end

return loop
