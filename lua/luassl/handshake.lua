--- The one loop that runs a handshake, and the methods that run it first.
-- The handshake itself is C and returns here whenever Lua has to decide
-- something; so what decides may yield, in the coroutine of the caller.
-- @module luassl.handshake

local connection = require "luassl.core".connection

local begin, step = connection.begin, connection.step
local PENDING = connection.PENDING

local handshake = {}

--- Goes on with a handshake until it ends or the operation's time is up.
-- @tparam SSLSocket|SSLObject self whose operation has begun
-- @tparam boolean native answer `"wantread"` and `"wantwrite"` at timeout 0
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string|SSLError
function handshake.run(self, native)
  -- Hooks run here, between two steps; `step` says which one OpenSSL awaits.
  return step(self, native)
end

local run = handshake.run

--- Adds the methods that run a handshake to a method table of C functions.
-- PENDING as the last argument says that the operation goes on: one deadline.
-- @tparam table methods SSLSocket's or SSLObject's
function handshake.install(methods)
  if methods.do_handshake then return end  -- this file was loaded again
  local read, receive = methods.read, methods.receive
  local send, write = methods.send, methods.write
  local want = methods.want

  --- Runs the handshake, or goes on with it.
  -- @function do_handshake
  -- @treturn[1] boolean true
  -- @treturn[2] nil
  -- @treturn[2] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
  -- `"wantwrite"` (call again when `want` is met), `"closed"`, or a failure
  -- @source SSL_do_handshake(3)
  function methods.do_handshake(self)
    want(self)  -- raises for what is not of this type: `begin` takes both
    begin(self)
    return run(self, true)
  end
  methods.dohandshake = methods.do_handshake

  function methods.read(self, nbytes)
    local data, err = read(self, nbytes)
    if err == PENDING then
      local done
      done, err = run(self, true)
      if not done then return nil, err end
      data, err = read(self, nbytes, PENDING)
    end
    return data, err
  end

  function methods.receive(self, pattern, prefix)
    local data, err, partial = receive(self, pattern, prefix)
    if err == PENDING then
      local done
      done, err = run(self, false)
      if not done then return nil, err, partial end
      data, err, partial = receive(self, pattern, prefix, PENDING)
    end
    return data, err, partial
  end

  function methods.send(self, data, first, last)
    local sent, err, partial = send(self, data, first, last)
    if err == PENDING then
      local done
      done, err = run(self, false)
      if not done then return nil, err, partial end
      sent, err, partial = send(self, data, first, last, PENDING)
    end
    return sent, err, partial
  end

  function methods.write(self, data)
    local written, err, partial = write(self, data)
    if err == PENDING then
      local done
      done, err = run(self, true)
      if not done then return nil, err, partial end
      written, err, partial = write(self, data, PENDING)
    end
    return written, err, partial
  end
end

return handshake
