--- LuaSSL on luv: TLS over libuv's TCP handles, in coroutines.
-- @module luassl.luv
-- @local

local core = require "luassl.core"
local hosts = require "luassl.host"
local uv = require "luv"

local clock = core.clock

local M = {}

local BACKLOG = 128
local UNREAD_MAX = 131072  -- bytes that are read ahead

--- Coroutines -----------------------------------------------------------------

-- What a coroutine waits for: whoever wakes it has to name that.
local waiting = setmetatable({}, { __mode = "k" })

-- An error that nobody catches ends the program, as luv has it in callbacks.
local function go_on(thread, ...)
  local fine, err = coroutine.resume(thread, ...)
  if not fine then error(type(err) == "string" and debug.traceback(thread, err) or tostring(err), 0) end
end

local function close_handle(handle)
  if not handle:is_closing() then handle:close() end
end

-- Goes on with a coroutine that waits for `token`; false: it does not any more.
local function wake(thread, token, ...)
  if waiting[thread] ~= token then return false end
  waiting[thread] = nil
  if coroutine.status(thread) ~= "suspended" then return false end  -- it was ended
  go_on(thread, ...)
  return true
end

-- Suspends the running coroutine until `wake` names the token, or time is up:
-- then nil.
local function wait(token, seconds)
  local me, timer = coroutine.running(), nil
  waiting[me] = token
  if seconds then
    timer = uv.new_timer()
    uv.update_time()
    timer:start(math.ceil(seconds * 1000), 0, function() wake(me, token, nil) end)
  end
  local result = coroutine.yield()
  if timer then close_handle(timer) end
  return result
end

--- Runs a function in a coroutine; what is in it may wait.
-- @tparam function f
-- @param ... its arguments
-- @treturn thread
function M.spawn(f, ...)
  local thread = coroutine.create(f)
  go_on(thread, ...)
  return thread
end

--- Suspends the running coroutine.
-- @tparam number seconds
function M.sleep(seconds)
  wait({}, seconds)
end

-- Lets the loop run it, at its next turn.
local function later(f)
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    close_handle(timer)
    f()
  end)
end

--- Handles --------------------------------------------------------------------

-- libuv's name of an error, which callbacks get as it is: "ECONNREFUSED".
local function error_of(err)
  return err and (err:match "^(E[A-Z0-9_]+):" or err)
end

-- Reading: the handle reads while there is room.
local function add_reader(self, handle)
  local parts, size, ended, failure, reader, reads = {}, 0, false, nil, nil, false

  local function on_read(err, bytes)
    if bytes then parts[#parts + 1], size = bytes, size + #bytes
    else ended, failure = true, error_of(err)
    end
    if reads and (ended or size >= UNREAD_MAX) then
      handle:read_stop()
      reads = false
    end
    local thread = reader
    if thread then wake(thread, parts, true) end
  end

  function self.read(seconds)
    if size == 0 and not ended and not handle:is_closing() then
      if not reads then
        local fine, err = handle:read_start(on_read)
        if not fine then return nil, error_of(err) end
        reads = true
      end
      if seconds ~= 0 then
        reader = coroutine.running()
        wait(parts, seconds)
        reader = nil
      end
    end
    if size > 0 then
      local bytes = table.concat(parts)
      for i = #parts, 1, -1 do parts[i] = nil end
      size = 0
      return bytes
    end
    if ended then return nil, failure end
    if handle:is_closing() then return nil, "closed" end
    return nil, "timeout"
  end

  function self.dirty() return size > 0 end

  function self.stop_reading()
    ended = true
    if reader then
      local thread = reader
      later(function() wake(thread, parts, true) end)
    end
  end
end

-- Writing: at most one write waits in libuv.
local function add_writer(self, handle)
  local pending, failure, writer = false, nil, nil

  local function on_written(err)
    pending, failure = false, failure or error_of(err)
    local thread = writer
    if thread then wake(thread, on_written, true) end
  end

  -- Until what waits has left: false where time is up.
  local function drained(seconds)
    if not pending then return true end
    if seconds == 0 then return false end
    writer = coroutine.running()
    wait(on_written, seconds)
    writer = nil
    return not pending
  end

  function self.write(bytes, seconds)
    local deadline = seconds and seconds > 0 and clock() + seconds
    if not drained(seconds) then return nil, "timeout", 0 end
    if failure then return nil, failure end
    if handle:is_closing() then return nil, "closed" end
    local count = handle:try_write(bytes) or 0
    if count >= #bytes then return true end
    local fine, err = handle:write(bytes:sub(count + 1), on_written)
    if not fine then return nil, error_of(err) end
    pending = true  -- libuv has all of it, and sends it
    local done = drained(deadline and math.max(deadline - clock(), 0) or seconds)
    if failure then return nil, failure end
    if not done and seconds ~= 0 then return nil, "timeout", #bytes end
    return true
  end

  -- What waits may take so long before the handle is closed.
  function self.finish(seconds)
    return drained(seconds)
  end
end

local function address(handle, method)
  local name, err = handle[method](handle)
  if not name then return nil, error_of(err) end
  return name.ip, method == "getsockname" and ("%d"):format(name.port) or name.port, name.family
end

--- Makes a transport of a connected handle (TCP or pipe), for
-- `SSLContext:wrap_stream`.
-- @tparam userdata handle `uv_tcp_t` or `uv_pipe_t`
-- @treturn table
function M.transport(handle)
  local self = {}
  add_reader(self, handle)
  add_writer(self, handle)

  function self.close()
    self.stop_reading()
    close_handle(handle)
  end

  function self.pause(seconds)
    wait(self, seconds)
  end

  function self.resume(thread)
    later(function() wake(thread, self) end)
  end

  function self.getpeername() return address(handle, "getpeername") end
  function self.getsockname() return address(handle, "getsockname") end
  if handle.nodelay then handle:nodelay(true) end
  return self
end

--- Speaks TLS over a connected handle. The handshake runs at once, in the
-- running coroutine, unless `do_handshake_on_connect` is false, within
-- `handshake_timeout`.
-- @tparam SSLContext context
-- @tparam userdata handle which is the stream's from now on
-- @tparam[opt] table options those of a connection
-- @treturn[1] SSLStream
-- @treturn[2] nil
-- @treturn[2] string|SSLError
function M.wrap(context, handle, options)
  local stream, err = hosts.start(context, M.transport(handle), options)
  return stream, err
end

--- Connecting -------------------------------------------------------------------

-- Calls a function of libuv's with a callback: the callback's arguments.
local function await(seconds, f, ...)
  local token, results = {}, nil
  local me = coroutine.running()
  local arguments, count = { ... }, select("#", ...)
  arguments[count + 1] = function(err, value)
    results = { err, value }
    wake(me, token, true)
  end
  local started, err = f((table.unpack or unpack)(arguments, 1, count + 1))
  if not started then return err end
  if not results then wait(token, seconds) end
  if not results then return "timeout" end
  return results[1], results[2]
end

local function connect_one(ip, port, seconds)
  local handle = uv.new_tcp()
  local err = await(seconds, handle.connect, handle, ip, port)
  if not err then return handle end
  close_handle(handle)
  return nil, error_of(err)
end

-- TCP to the first address that answers.
local function connect_any(host, port, deadline)
  local err, found = await(math.max(deadline - clock(), 0), uv.getaddrinfo, host, nil, { socktype = "stream" })
  if err then return nil, error_of(err) end
  local failure = "EAI_NONAME"
  for _, entry in ipairs(found) do
    if clock() >= deadline then return nil, "timeout" end
    local handle
    handle, failure = connect_one(entry.addr, port, deadline - clock())
    if handle then return handle end
  end
  return nil, failure
end

--- Connects to a TLS server and verifies it, as `ssl.connect` does, in the
-- running coroutine.
-- @tparam string host name or address
-- @tparam integer port
-- @tparam[opt] table options those of a connection; `context`, an SSLContext,
-- without which the system's trust anchors count; `timeout`, seconds for all of
-- it, 30 without
-- @treturn[1] SSLStream without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, libuv's name of what went wrong
-- (`"ECONNREFUSED"`), or a failure
function M.connect(host, port, options)
  local context, given, _, deadline = hosts.prepare("connect", host, port, options)
  if not context then return nil, given end
  local handle, err = connect_any(host, tonumber(port), deadline)
  if not handle then return nil, err end
  local stream
  stream, err = hosts.start(context, M.transport(handle), given, deadline)
  return stream, err
end

--- Serves TLS: each client that has shaken hands gets a coroutine of its own.
-- @tparam SSLContext context of a server
-- @tparam string host address to listen at
-- @tparam integer port 0: the system chooses
-- @tparam function handler is called with the stream, which is closed when it
-- returns
-- @tparam[opt] table options those of a connection; `backlog`, 128 without;
-- `on_error`, a function that is told of clients that failed in the handshake:
-- the error, and their address
-- @treturn[1] userdata the handle: `close` ends it, `getsockname` tells its port
-- @treturn[2] nil
-- @treturn[2] string libuv's name of what went wrong
function M.listen(context, host, port, handler, options)
  local given = {}
  for key, value in next, options or {} do given[key] = value end
  local backlog = given.backlog or BACKLOG
  given.backlog = nil
  local serve = hosts.server(M.wrap, context, handler, given)

  local listener = uv.new_tcp()
  local fine, err = listener:bind(host, port)
  if fine then
    fine, err = listener:listen(backlog, function(failure)
      local client = uv.new_tcp()
      if failure or not listener:accept(client) then return close_handle(client) end
      M.spawn(function()
        serve(client, (address(client, "getpeername")))
        close_handle(client)
      end)
    end)
  end
  if fine then return listener end
  close_handle(listener)
  return nil, error_of(err)
end

return M
