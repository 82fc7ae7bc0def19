--- LuaSSL in nginx and OpenResty: TLS over cosockets.
--
-- It does what a cosocket's own `sslhandshake` cannot: client certificates,
-- trust of one's own, pins, hooks that decide about a certificate and may wait,
-- TLS in TLS, ALPN, sessions, exported keys. A stream is for one request, as its
-- cosocket is; contexts are best made in `init_by_lua` and are for all workers.
-- @module luassl.ngx
-- @local

local errors = require "luassl.errors"
local hosts = require "luassl.host"

local ngx = ngx  -- luacheck: ignore 113

local M = {}

local MOST = 65536       -- bytes that one read takes
local FOR_EVER = 1e9     -- milliseconds; nginx has no "none"
local SEND_SECONDS = 60  -- for what is sent along: a cosocket does not survive a send that was too late

local function milliseconds(seconds)
  if not seconds then return FOR_EVER end
  local count = math.ceil(seconds * 1000)
  return count > 0 and (count < FOR_EVER and count or FOR_EVER) or 1
end

-- A coroutine waits at its own semaphore for others.
local function waiting()
  local semaphore = require "ngx.semaphore"
  local waiters = setmetatable({}, { __mode = "k" })
  local function pause(seconds)
    local me = coroutine.running()
    local one = semaphore.new(0)
    waiters[me] = one
    one:wait(seconds)
    waiters[me] = nil
  end
  local function resume(thread)
    local one = waiters[thread]
    if one then one:post(1) end
  end
  return pause, resume
end

--- Makes a transport of a connected cosocket, for `SSLContext:wrap_stream`.
-- @tparam table sock cosocket
-- @treturn table
function M.transport(sock)
  local self = {}
  local send_limit, reading, closing = milliseconds(SEND_SECONDS), false, false
  local read_limit = FOR_EVER
  self.pause, self.resume = waiting()

  function self.read(seconds)
    read_limit = milliseconds(seconds)
    sock:settimeouts(FOR_EVER, send_limit, read_limit)
    reading = true
    local bytes, err = sock:receiveany(MOST)
    reading = false
    if closing then sock:close() end
    return bytes, err
  end

  function self.write(bytes, seconds)
    send_limit = milliseconds(seconds ~= 0 and seconds or SEND_SECONDS)
    sock:settimeouts(FOR_EVER, send_limit, read_limit)
    local sent, err = sock:send(bytes)
    if sent then return true end
    if err ~= "timeout" then return nil, err end
    return nil, errors.new("SSLError", {
      kind = "transport", operation = "send", cause = err, text = "send: the peer takes no more, and the cosocket is"
        .. " closed now, as nginx does it after a send that was too late",
    })
  end

  function self.close()
    closing = reading  -- nginx closes none that somebody reads
    if not closing then sock:close() end
  end

  return self
end

--- Speaks TLS over a connected cosocket. The handshake runs at once, unless
-- `do_handshake_on_connect` is false, within `handshake_timeout`.
-- @tparam SSLContext context
-- @tparam table sock cosocket, which is the stream's from now on
-- @tparam[opt] table options those of a connection
-- @treturn[1] SSLStream
-- @treturn[2] nil
-- @treturn[2] string|SSLError
function M.wrap(context, sock, options)
  local stream, err = hosts.start(context, M.transport(sock), options)
  return stream, err
end

--- Connects to a TLS server and verifies it, as `ssl.connect` does.
-- @tparam string host name, which nginx's `resolver` looks up, or address
-- @tparam integer port
-- @tparam[opt] table options those of a connection; `context`, an SSLContext,
-- without which the system's trust anchors count; `timeout`, seconds for all of
-- it, 30 without
-- @treturn[1] SSLStream without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, nginx's text, or a failure
function M.connect(host, port, options)
  local context, given, seconds, deadline = hosts.prepare("connect", host, port, options)
  if not context then return nil, given end
  local sock = ngx.socket.tcp()
  sock:settimeouts(milliseconds(seconds), milliseconds(SEND_SECONDS), milliseconds(seconds))
  local done, err = sock:connect(host, port)
  if not done then return nil, err end
  local stream
  stream, err = hosts.start(context, M.transport(sock), given, deadline)
  return stream, err
end

return M
