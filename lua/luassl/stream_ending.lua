-- The ends of a stream, and what else it has to say behind the handshake.

--- @page SSLStream
-- @group Ending

local core = require "luassl.core"
local misuse = require "luassl.misuse"
local operation = require "luassl.stream_operation"
local pump = require "luassl.stream_pump"

local begin, check, condition = operation.begin, operation.check, operation.condition
local flush, handshake, produced, WAITS = pump.flush, pump.handshake, pump.produced, pump.WAITS
local clock, relay = core.clock, misuse.relay

local methods = {}

-- Calls a method of the object until it needs nothing more, and sends what it
-- has to say.
local function drive(self, deadline, name, ...)
  while true do
    local done, err = pump.inside(self, deadline, self.object[name], ...)
    local sent, why = flush(self, produced(self), deadline)
    if done == nil and (err == "timeout" or not WAITS[err]) then return nil, err end  -- a hook is suspended: its turn
    if not sent then
      if why == self.write_error then why = pump.write_failure(self, name) end
      return nil, why, done
    end
    if done ~= nil then return done end
    sent, why = pump.fill(self, deadline)
    if not sent then return nil, why end
  end
end

local SHUTDOWN_MODES = { send = true, receive = true, both = true }

--- Ends one direction of the connection or both. `"send"` says close_notify, so
-- that the peer sees a clean end; reading goes on. `"receive"` stops reading.
-- @function shutdown
-- @tparam[opt="both"] string mode `"send"`, `"receive"` or `"both"`
-- @treturn[1] integer 1
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"` (call again), or a failure
-- @raise when `mode` is none of these
-- @source LuaSocket, tcp; RFC 8446, 6.1
-- @usage stream:shutdown("send")
-- local rest = stream:receive("*a")
function methods.shutdown(self, mode)
  check(self, "shutdown")
  if mode ~= nil and not SHUTDOWN_MODES[mode] then
    error(("bad argument #1 to 'shutdown' (%s)"):format(type(mode) == "string" and "invalid mode"
      or "string expected, got " .. type(mode)), 2)
  end
  local deadline = begin(self)
  local done, err = drive(self, deadline, "shutdown", mode)
  pump.wake(self)
  if done then return 1 end
  return nil, condition(self, deadline, err)
end

-- What is sent behind the handshake leaves at once, or with what comes next.
local function send_message(self, name, argument)
  local deadline = begin(self)
  local done, err = handshake(self, deadline)
  local sent
  if done then done, err, sent = drive(self, deadline, name, argument) end
  if done or (sent and WAITS[err]) then return true end
  return nil, condition(self, deadline, err)
end

--- Changes the key that this side encrypts with (TLS 1.3): as
-- `SSLSocket:key_update`.
-- @function key_update
-- @group Handshake
-- @tparam[opt=false] boolean request_peer asks the peer to change its key too
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"` (call again), `"closed"`, or a
-- failure; of kind `unsupported` before TLS 1.3
-- @raise when `request_peer` is no boolean
-- @source RFC 8446, 4.6.3; SSL_key_update(3)
-- @usage assert(stream:key_update())
function methods.key_update(self, request_peer)
  check(self, "key_update")
  if request_peer ~= nil and type(request_peer) ~= "boolean" then
    error(("bad argument #1 to 'key_update' (boolean expected, got %s)"):format(type(request_peer)), 2)
  end
  local done, err = send_message(self, "key_update", request_peer)
  return done, err
end

--- Asks the client for a certificate behind the handshake (TLS 1.3): as
-- `SSLSocket:verify_client_post_handshake`.
-- @function verify_client_post_handshake
-- @group Handshake
-- @tparam[opt] table options what is asked of the certificate
-- @tparam ?integer options.cert_reqs as of SSLSocket's
-- @treturn[1] boolean true: the request is on its way
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"` (call again), `"closed"`, or a failure
-- @raise on a client, and on wrong options
-- @source RFC 8446, 4.6.2; SSL_verify_client_post_handshake(3)
-- @usage assert(stream:verify_client_post_handshake())
function methods.verify_client_post_handshake(self, options)
  check(self, "verify_client_post_handshake")
  local name = "verify_client_post_handshake"
  if not self.server_side and not self.closed then
    error("calling '" .. name .. "' on bad self (a server's connection expected)", 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)"):format(name, type(options)), 2)
  end
  relay(2, ":" .. name, pcall(core.check_options, options or {}, name))
  local done, err = send_message(self, name, options)
  return done, err
end

-- The transport is the program's again, with its own times.
local function give_back(self)
  local given = self.given
  self.closed = true
  if given ~= self.transport and given.gettimeout then
    given:settimeout(self.block)
    given:settimeout(self.total, "t")
  end
  pump.wake(self)
  return given, self.unwrapped .. pump.leftover(self)
end

--- Ends TLS in both directions and gives the transport back.
-- @function unwrap
-- @treturn[1] any what was given to `SSLContext:wrap_stream`
-- @treturn[1] string clear text that arrived behind the peer's end of TLS
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
-- `"wantwrite"` (call again), `"closed"`, or a failure; with kind
-- `"unread_data"` receive first, then call again
-- @source RFC 8446, 6.1
-- @usage local transport, leftover = assert(stream:unwrap())
function methods.unwrap(self)
  check(self, "unwrap")
  if self.closed then return nil, "closed" end
  local deadline = begin(self)
  local err
  if not self.unwrapped then
    local leftover, why, done = drive(self, deadline, "unwrap")
    self.unwrapped, err = leftover or done, why
  else
    local _, why = flush(self, produced(self), deadline)
    err = why
  end
  if err ~= nil then return nil, condition(self, deadline, err, true, true) end
  local given, leftover = give_back(self)
  return given, leftover
end

-- Within how many seconds `close` says so: none where the stream did not end
-- well.
local function closing_time(self)
  if self.late or self.unwritten or self.write_error ~= nil then return 0 end
  local most = self.linger
  if self.block >= 0 and self.block < most then most = self.block end
  if self.total >= 0 and self.total < most then most = self.total end
  return most
end

-- Ends the stream, within so many seconds.
local function close(self, seconds)
  if self.closed then return 1 end
  self.closed = true
  self.object:close()
  flush(self, produced(self), seconds > 0 and clock() + seconds or 0)
  if self.transport.close then self.transport.close() end
  pump.wake(self)
  return 1
end

--- Ends TLS with close_notify and closes the transport, if that has a `close`.
-- Writing close_notify takes at most the option `linger`, and never longer than
-- `settimeout` says; behind a timeout it is not waited for.
-- @function close
-- @treturn integer 1, also when closed before
-- @source RFC 8446, 6.1
-- @usage stream:close()
function methods.close(self)
  check(self, "close")
  return close(self, self.closed and 0 or closing_time(self))
end

return { methods = methods, close = close, closing_time = closing_time }
