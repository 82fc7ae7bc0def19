--- LuaSSL on cqueues: TLS over its sockets, in the coroutines of a controller.
-- @module luassl.cqueues
-- @local

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local cqueues_socket = require "cqueues.socket"
local core = require "luassl.core"
local errno = require "cqueues.errno"
local hosts = require "luassl.host"

local clock = core.clock

local M = {}

local MOST = 65536  -- bytes that one read takes
local READ = 1      -- what core.wait waits for

local function error_of(code)
  if code == nil then return nil end
  if code == errno.EPIPE then return "closed" end
  return type(code) == "number" and errno.strerror(code) or code
end

-- Waits until the descriptor can be read, or written; false: time was up.
local function wait(fd, events, seconds)
  if seconds == 0 then return false end
  local object = { pollfd = fd, events = events }
  local deadline = seconds and clock() + seconds
  while true do
    local left = deadline and deadline - clock()
    if left and left <= 0 then return false end
    for _, ready in ipairs { cqueues.poll(object, left) } do
      if ready == object then return true end
    end
  end
end

-- A coroutine waits at its own condition for others.
local function waiting()
  local waiters = setmetatable({}, { __mode = "k" })
  local function pause(seconds)
    local me = coroutine.running()
    waiters[me] = condition.new()
    waiters[me]:wait(seconds)
    waiters[me] = nil
  end
  local function resume(thread)
    if waiters[thread] then waiters[thread]:signal() end
  end
  return pause, resume
end

local FAMILIES = { [cqueues_socket.AF_INET] = "inet", [cqueues_socket.AF_INET6] = "inet6" }

local function address(family, name, port)
  if not FAMILIES[family] then return nil, "no address" end
  return name, port, FAMILIES[family]
end

--- Makes a transport of a connected socket of cqueues, for
-- `SSLContext:wrap_stream`.
-- @tparam userdata sock
-- @treturn table
function M.transport(sock)
  local self, closed = {}, false
  self.pause, self.resume = waiting()
  sock:setmode("bn", "bn")
  sock:onerror(function(_, _, code) return code end)

  function self.read(seconds)
    local deadline = seconds and seconds > 0 and clock() + seconds
    while not closed do
      local bytes, code = sock:recv(-MOST)
      if bytes then return bytes end
      if code ~= errno.EAGAIN then return nil, error_of(code) end
      local left = deadline and math.max(deadline - clock(), 0) or seconds
      if not wait(sock:pollfd(), "r", left) then return nil, "timeout" end
    end
    return nil, "closed"
  end

  function self.dirty()
    local events = not closed and core.wait({ sock:pollfd() }, { READ }, 0)
    return events and events[1] ~= 0 or false
  end

  -- What the system does not take stays in the socket, which sends it with the
  -- next bytes, and is not told as taken: it is given again.
  function self.write(bytes, seconds)
    local deadline = seconds and seconds > 0 and clock() + seconds
    local _, waits = sock:pending()
    local given = waits
    while not closed do
      local count, code = sock:send(bytes, given + 1, #bytes)
      given = given + (count or 0)
      _, waits = sock:pending()
      if code and code ~= errno.EAGAIN then return nil, error_of(code) end
      if given - waits >= #bytes then return true end
      local left = deadline and math.max(deadline - clock(), 0) or seconds
      if not wait(sock:pollfd(), "w", left) then return nil, "timeout", given - waits end
    end
    return nil, "closed"
  end

  function self.close()
    closed = true
    cqueues.cancel(sock:pollfd())  -- who waits for it goes on
    sock:close()
  end

  function self.getpeername() return address(sock:peername()) end
  function self.getsockname()
    local name, port, family = address(sock:localname())
    return name, name and ("%d"):format(port) or port, family
  end
  return self
end

--- Speaks TLS over a connected socket. The handshake runs at once, unless
-- `do_handshake_on_connect` is false, within `handshake_timeout`.
-- @tparam SSLContext context
-- @tparam userdata sock which is the stream's from now on
-- @tparam[opt] table options those of a connection
-- @treturn[1] SSLStream
-- @treturn[2] nil
-- @treturn[2] string|SSLError
function M.wrap(context, sock, options)
  local stream, err = hosts.start(context, M.transport(sock), options)
  return stream, err
end

--- Connects to a TLS server and verifies it, as `ssl.connect` does.
-- @tparam string host name or address
-- @tparam integer port
-- @tparam[opt] table options those of a connection; `context`, an SSLContext,
-- without which the system's trust anchors count; `timeout`, seconds for all of
-- it, 30 without
-- @treturn[1] SSLStream without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, the system's text, or a failure
function M.connect(host, port, options)
  local context, given, seconds, deadline = hosts.prepare("connect", host, port, options)
  if not context then return nil, given end
  local sock, code = cqueues_socket.connect { host = host, port = tonumber(port), nodelay = true }
  if not sock then return nil, error_of(code) end
  sock:onerror(function(_, _, failure) return failure end)
  local connected
  connected, code = sock:connect(seconds)
  if not connected then
    sock:close()
    if code == errno.ETIMEDOUT then return nil, "timeout" end
    return nil, error_of(code)
  end
  local stream, err = hosts.start(context, M.transport(sock), given, deadline)
  return stream, err
end

return M
