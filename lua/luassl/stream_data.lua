-- The handshake of a stream, and its application data.

--- @page SSLStream
-- @group Reading and writing

local core = require "luassl.core"
local misuse = require "luassl.misuse"
local operation = require "luassl.stream_operation"
local pump = require "luassl.stream_pump"
local transfer = require "luassl.stream_transfer"

local begin, check, condition = operation.begin, operation.check, operation.condition
local gather = core.connection.gather
local handshake, push, WAITS = pump.handshake, pump.push, pump.WAITS
local relay = misuse.relay

local methods = {}

--- Runs the handshake, or goes on with it. A coroutine that finds another one
-- at it waits for that.
-- @function do_handshake
-- @also dohandshake
-- @group Handshake
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
-- `"wantwrite"`, `"closed"`, or a failure; what the transport failed with, as
-- it is
-- @source SSL_do_handshake(3)
-- @usage local done, err = stream:do_handshake()
function methods.do_handshake(self)
  check(self, "do_handshake")
  local deadline = begin(self)
  local done, err = handshake(self, deadline)
  if done then return true end
  return nil, condition(self, deadline, err, true)
end
methods.dohandshake = methods.do_handshake

--- Receiving -------------------------------------------------------------------

local function check_prefix(prefix)
  if prefix == nil or type(prefix) == "string" or type(prefix) == "number" then return end
  error(("bad argument #2 to 'receive' (string expected, got %s)"):format(type(prefix)), 3)
end

local function partial_of(prefix)
  return prefix == nil and "" or tostring(prefix)
end

--- Reads as LuaSocket's `receive`. Of several coroutines one receives at a
-- time.
-- @function receive
-- @tparam[opt="*l"] string|integer pattern `"*l"` a line, without its line end
-- and carriage returns; `"*a"` all until the end; or a number of bytes (0 waits
-- until something has come). The star may be left out.
-- @tparam[opt=""] string prefix put in front of the result; counts for a number
-- @treturn[1] string data
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, `"closed"`, or a failure; what the
-- transport failed with, as it is
-- @treturn[2] string what came until then, behind the prefix
-- @raise when `pattern` is none of these
-- @source LuaSocket, tcp; SSL_read_ex(3)
-- @usage local line, err, partial = stream:receive("*l")
-- local body = stream:receive(1024)
function methods.receive(self, pattern, prefix)
  check(self, "receive")
  check_prefix(prefix)
  local ready, ended = relay(2, ":receive", pcall(gather, self.object, pattern, prefix))
  local deadline = begin(self)
  if ready and not ended and self.held.receive == nil then
    push(self)
    return misuse.pass(self.object:receive(pattern, prefix))
  end
  local got, why = transfer.await(self, deadline, pattern, prefix)
  if not got then
    return nil, condition(self, deadline, why == "busy" and "timeout" or why, false, true), partial_of(prefix)
  end
  local data, err, partial = self.object:receive(pattern, prefix)
  transfer.done_receiving(self, got)
  if data then return data, nil, nil end
  if why ~= nil then err = why end
  return nil, condition(self, deadline, err, false, true), partial
end

--- Reads up to `nbytes` bytes, at least one, as Python's `read`.
-- @function read
-- @tparam[opt=1024] integer nbytes most bytes to return; 0 returns `""`
-- @treturn[1] string data
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"closed"` at the end, `"timeout"`, at timeout 0
-- `"wantread"` or `"wantwrite"`, or a failure
-- @raise when `nbytes` is no integer or below 0
-- @source SSL_read_ex(3)
-- @usage local data, err = stream:read(4096)
function methods.read(self, nbytes)
  check(self, "read")
  nbytes = nbytes == nil and 1024 or nbytes
  if type(nbytes) ~= "number" then
    error(("bad argument #1 to 'read' (number expected, got %s)"):format(type(nbytes)), 2)
  end
  if nbytes < 0 then error("bad argument #1 to 'read' (must not be negative)", 2) end
  if nbytes % 1 ~= 0 then error("bad argument #1 to 'read' (number has no integer representation)", 2) end
  local deadline = begin(self)
  if nbytes == 0 then
    local done, why = handshake(self, deadline)
    if done then return "" end
    return nil, condition(self, deadline, why, true)
  end
  local got, why = transfer.await(self, deadline, 1)
  if not got then return nil, condition(self, deadline, why == "busy" and "timeout" or why, true, true) end
  local data, err
  if why == nil then data, err = self.object:read(nbytes) else err = why end
  transfer.done_receiving(self, got)
  if data then return data end
  return nil, condition(self, deadline, err, true, true)
end

--- Sending ---------------------------------------------------------------------

local function check_data(data, name)
  local kind = type(data)
  if kind == "string" then return data end
  if kind == "number" then return tostring(data) end
  error(("bad argument #1 to '%s' (string expected, got %s)"):format(name, kind == "nil" and "no value" or kind), 3)
end

-- LuaSocket's string positions: 1-based, negative from the end.
local function check_position(value, index, size, absent)
  local number = value == nil and absent or tonumber(value)
  if not number then
    error(("bad argument #%d to 'send' (number expected, got %s)"):format(index, type(value)), 3)
  end
  return math.floor(number < 0 and number + size + 1 or number)
end

--- Sends a string or part of it, as LuaSocket's `send`. At a timeout and after
-- a failure the index counts the records that the transport took whole. Go on
-- behind it, or send the same again: what was encrypted already is not sent
-- twice. Send something else, and what was encrypted goes out before it.
--
-- Of several coroutines one encrypts at a time, so that none comes in the middle
-- of another's string.
-- @function send
-- @tparam string data of any bytes
-- @tparam[opt=1] integer first index of the first byte to send; negative counts
-- from the end
-- @tparam[opt=-1] integer last index of the last byte to send
-- @treturn[1] integer index of the last byte sent
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, `"closed"`, or a failure; what the
-- transport failed with, as it is
-- @treturn[2] integer index of the last byte sent
-- @raise when `data` is not a string
-- @source LuaSocket, tcp; SSL_write_ex(3)
-- @usage local last, err, sent = stream:send("hello\n")
function methods.send(self, data, first, last)
  check(self, "send")
  data = check_data(data, "send")
  local size = #data
  first, last = check_position(first, 2, size, 1), check_position(last, 3, size, -1)
  local start = first >= 1 and first - 1 or 0
  local stop = last < size and last or size
  if stop < start then stop = start end
  if start >= size then stop = start end
  local deadline = begin(self)
  local index, err = transfer.send(self, deadline, data, start, stop)
  if err == nil then return index, nil, nil end
  return nil, condition(self, deadline, err), index
end

--- Sends all of a string, as Python's `write`.
-- @function write
-- @tparam string data of any bytes
-- @treturn[1] integer bytes written: all, at timeout 0 as many as have left
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"closed"`, `"timeout"`, at timeout 0 `"wantread"`
-- or `"wantwrite"` when none has, or a failure
-- @treturn[2] integer bytes written until then
-- @raise when `data` is not a string
-- @source SSL_write_ex(3)
-- @usage assert(stream:write("hello\n"))
function methods.write(self, data)
  check(self, "write")
  data = check_data(data, "write")
  local deadline = begin(self)
  local written, err = transfer.send(self, deadline, data, 0, #data)
  if err == nil or (deadline == 0 and written > 0 and WAITS[err]) then return written, nil, nil end
  return nil, condition(self, deadline, err, true), written
end

return methods
