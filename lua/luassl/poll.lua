-- Waiting for many sockets, whatever their descriptors' numbers.

--- @page ssl
-- @group Connections

local wait = require "luassl.core".wait

local READ, WRITE = 1, 2

local function is_dirty(object)
  return object.dirty and object:dirty()
end

-- The descriptor of an object that has one, below 0 when it is closed.
local function descriptor(object)
  local kind = type(object)
  local getfd = (kind == "userdata" or kind == "table") and object.getfd
  if not getfd then error("poll: socket expected, got " .. kind, 4) end
  return tonumber(getfd(object)) or -1
end

-- Adds the objects of a list to what is waited for.
local function add(list, event, watch)
  if list ~= nil and type(list) ~= "table" then error("poll: list of sockets expected, got " .. type(list), 3) end
  for _, object in ipairs(list or {}) do
    local fd = descriptor(object)
    if fd >= 0 then
      local i = #watch.objects + 1
      watch.objects[i], watch.fds[i], watch.events[i] = object, fd, event
      if event == READ and is_dirty(object) then watch.buffered = true end
    end
  end
end

-- A list that also answers, for an object in it, its index: as LuaSocket's.
local function put(list, object)
  if list[object] then return end
  list[#list + 1] = object
  list[object] = #list
end

--- Waits for sockets, as LuaSocket's `socket.select` does, which cannot see
-- descriptors above 1023. Takes all objects with `getfd` and `dirty`.
-- @function poll
-- @tparam[opt] table readers list of objects to wait for until they can be read
-- @tparam[opt] table writers list of objects to wait for until they can be written
-- @tparam[opt] number timeout seconds; nil or below 0: for ever
-- @treturn table readers that are ready, a list; also the index of each
-- @treturn table writers that are ready
-- @treturn[opt] string `"timeout"` when none is, or the system's text
-- @raise on wrong types
-- @source poll(2); LuaSocket, socket.select
-- @usage local readable, writable, err = ssl.poll({listener, client}, {}, 5)
-- if readable[listener] then local new = listener:accept() end
local function poll(readers, writers, timeout)
  if timeout ~= timeout then error("poll: timeout must be a number of seconds, not NaN", 2) end
  if timeout ~= nil and type(timeout) ~= "number" then
    error("poll: timeout must be a number of seconds, not " .. type(timeout), 2)
  end
  local watch = { objects = {}, fds = {}, events = {} }
  add(readers, READ, watch)
  add(writers, WRITE, watch)
  local events, err = wait(watch.fds, watch.events, watch.buffered and 0 or timeout)
  local readable, writable = {}, {}
  if not events then return readable, writable, err end
  for i, object in ipairs(watch.objects) do
    if watch.events[i] == WRITE then
      if events[i] >= WRITE then put(writable, object) end
    elseif events[i] % WRITE == READ or is_dirty(object) then
      put(readable, object)
    end
  end
  if #readable + #writable == 0 then return readable, writable, "timeout" end
  return readable, writable
end

return poll
