--- LuaSSL on copas: TLS over LuaSocket objects, in copas' coroutines.
--
-- A stream waits for what it needs, to read or to write; copas' own functions
-- over an SSLSocket go by the function's name, and spin where a handshake or a
-- `send` has to read first.
-- @module luassl.copas
-- @local

local copas = require "copas"
local socket = require "socket"
local core = require "luassl.core"
local hosts = require "luassl.host"
local poll = require "luassl.poll"
local transport = require "luassl.transport"

local clock = core.clock

local M = {}

local MOST = 65536  -- bytes that one read takes

--- Waiting ------------------------------------------------------------------------

-- What copas waits for in place of a socket: it says "timeout" once, and is
-- ready when copas asks again. A new one for each wait, as copas keeps what it
-- knows of a socket by the object.
local function new_probe(sock)
  local asked = false
  local function answer()
    if asked then return 1 end
    asked = true
    return nil, "timeout"
  end
  local probe = { receive = answer, send = answer }
  function probe.getfd() return sock:getfd() end
  function probe.dirty() return sock:dirty() end
  function probe.settimeout() return 1 end
  function probe.close() return 1 end  -- copas before 2 closes what a coroutine waited for last
  return probe
end

-- Waits until the socket can be read, or written: true, or nil, "timeout".
local function wait(sock, wait_for, seconds)
  if seconds == 0 then return nil, "timeout" end
  local probe = new_probe(sock)
  if copas.settimeout then copas.settimeout(probe, seconds or -1) end
  local done, err = wait_for(probe, "*l")
  if done then return true end
  return nil, err
end

--- Makes a transport of a connected LuaSocket object, for
-- `SSLContext:wrap_stream`. Before version 2 copas has no timers: limits are
-- noticed when something comes, or goes.
-- @tparam userdata sock
-- @treturn table
function M.transport(sock)
  local self, closed = {}, false
  sock:settimeout(0)
  transport.set_nodelay(sock)

  function self.read(seconds)
    local deadline = seconds and clock() + seconds
    while not closed do
      local data, err, partial = sock:receive(MOST)
      data = data or partial
      if data ~= "" then return data end
      if err ~= "timeout" then return nil, err end
      local done
      done, err = wait(sock, copas.receive, deadline and math.max(deadline - clock(), 0))
      if not done then return nil, err end
    end
    return nil, "closed"
  end

  function self.dirty() return not closed and poll({ sock }, nil, 0)[1] ~= nil end

  function self.write(bytes, seconds)
    local deadline, taken = seconds and clock() + seconds, 0
    while not closed do
      local last, err, partial = sock:send(bytes, taken + 1)
      if last then return true end
      taken = partial or taken
      if err ~= "timeout" then return nil, err end
      local done
      done, err = wait(sock, copas.send, deadline and math.max(deadline - clock(), 0))
      if not done then return nil, err, taken end
    end
    return nil, "closed"
  end

  function self.close()
    closed = true
    sock:close()
  end

  if copas.wakeup and copas.sleep then
    function self.pause(seconds) copas.sleep(seconds) end
    function self.resume(thread) copas.wakeup(thread) end
  end
  function self.getpeername() return sock:getpeername() end
  function self.getsockname() return sock:getsockname() end
  return self
end

--- Speaks TLS over a connected LuaSocket object. The handshake runs at once, in
-- the running coroutine, unless `do_handshake_on_connect` is false, within
-- `handshake_timeout`.
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

--- Makes a handler for `copas.addserver` of one that takes streams. The stream
-- is closed when it returns.
-- @tparam SSLContext context of a server
-- @tparam function handler is called with the stream
-- @tparam[opt] table options those of a connection; `on_error`, a function that
-- is told of clients that failed in the handshake: the error, and their address
-- @treturn function
function M.handler(context, handler, options)
  local serve = hosts.server(M.wrap, context, handler, options)
  return function(sock) serve(sock, (sock:getpeername())) end
end

--- Connects to a TLS server and verifies it, as `ssl.connect` does.
-- @tparam string host name or address
-- @tparam integer port
-- @tparam[opt] table options those of a connection; `context`, an SSLContext,
-- without which the system's trust anchors count; `timeout`, seconds for all of
-- it, 30 without
-- @treturn[1] SSLStream without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, LuaSocket's text, or a failure
function M.connect(host, port, options)
  local context, given, seconds, deadline = hosts.prepare("connect", host, port, options)
  if not context then return nil, given end
  local sock = socket.tcp()
  if copas.settimeout then copas.settimeout(sock, seconds) end
  local done, err = copas.connect(sock, host, port)
  if not done then
    sock:close()
    return nil, err
  end
  local stream
  stream, err = hosts.start(context, M.transport(sock), given, deadline)
  return stream, err
end

return M
