--- TLS over any byte stream, in Lua, so that it may yield: an SSLSocket's
-- methods over an SSLObject and functions that read and write. It is made by
-- `SSLContext:wrap_stream`.
--
-- One coroutine may receive while another sends, each within a deadline of its
-- own. Several that receive, or send, take turns; the handshake runs in one of
-- them and the others wait. A coroutine that is ended while it waits costs the
-- stream nothing. One that is ended in the middle of a write leaves it without
-- one direction: writing answers an SSLError of kind `transport`, as nobody
-- knows how much has left.
-- @classmod SSLStream
-- @group Waiting

local core = require "luassl.core"
local data = require "luassl.stream_data"
local ending = require "luassl.stream_ending"
local errors = require "luassl.errors"
local lines = require "luassl.lines"
local misuse = require "luassl.misuse"
local operation = require "luassl.stream_operation"
local pump = require "luassl.stream_pump"
local send_file = require "luassl.send_file"
local transfer = require "luassl.stream_transfer"
local transport = require "luassl.transport"

local begin, check, condition, is_stream = operation.begin, operation.check, operation.condition, operation.is_stream
local clock, context_get = core.clock, core.context.methods.get
local close, closing_time = ending.close, ending.closing_time
local count_from, counted = core.connection.count_from, core.connection.counted
local handshake = pump.handshake
local object_methods, wrap_object = core.object.methods, core.object.wrap
local relay = misuse.relay

local LINGER = 5   -- seconds that `close` may take
local NEVER = 1e9  -- seconds: as long as that is without limit

local methods = {}
for _, part in ipairs { data, ending.methods } do
  for name, method in pairs(part) do methods[name] = method end
end

--- Settings and facts --------------------------------------------------------------

local MODES = { b = "block", t = "total", r = "total" }

--- Limits the time of each operation, however many reads and writes it needs.
-- @function settimeout
-- @group Waiting
-- @tparam[opt] number seconds 0: do not wait; nil or below 0: no limit
-- @tparam[opt="b"] string mode `"b"`, or `"t"` or `"r"` for the second limit;
-- the earlier of the two counts
-- @treturn integer 1
-- @raise when `seconds` is not a number or `mode` is none of these
-- @source LuaSocket, tcp
-- @usage stream:settimeout(10)
function methods.settimeout(self, seconds, mode)
  check(self, "settimeout")
  local limit = seconds == nil and -1 or tonumber(seconds)
  if not limit then error(("bad argument #1 to 'settimeout' (number expected, got %s)"):format(type(seconds)), 2) end
  if limit ~= limit then error("bad argument #1 to 'settimeout' (not a number)", 2) end
  if mode ~= nil and type(mode) ~= "string" and type(mode) ~= "number" then
    error(("bad argument #2 to 'settimeout' (string expected, got %s)"):format(type(mode)), 2)
  end
  local which = MODES[mode == nil and "b" or tostring(mode):sub(1, 1)]
  if not which then error("bad argument #2 to 'settimeout' (invalid timeout mode)", 2) end
  self[which] = limit <= NEVER and limit or -1
  return 1
end

--- The limits of `settimeout`, in seconds; below 0: none.
-- @function gettimeout
-- @group Waiting
-- @treturn number limit of mode `"b"`
-- @treturn number limit of mode `"t"`
-- @usage local block, total = stream:gettimeout()
function methods.gettimeout(self)
  check(self, "gettimeout")
  return self.block, self.total
end

--- What the last operation that answered `"timeout"`, `"wantread"` or
-- `"wantwrite"` waits for.
-- @function want
-- @group Waiting
-- @treturn boolean something to read
-- @treturn boolean room to write
-- @usage local reading, writing = stream:want()
function methods.want(self)
  check(self, "want")
  return self.want_read, self.want_write
end

--- Whether there is something to read without waiting for the transport.
-- @function dirty
-- @group Waiting
-- @treturn boolean decrypted bytes or a whole record are buffered, or what
-- carries the stream has some
-- @source LuaSocket, tcp
-- @usage while stream:dirty() do io.write(stream:read()) end
function methods.dirty(self)
  check(self, "dirty")
  if self.object:dirty() then return true end
  return not self.closed and self.transport.dirty ~= nil and self.transport.dirty() == true
end

--- How much application data went through, and how old the stream is.
-- @function getstats
-- @group Waiting
-- @treturn integer bytes received
-- @treturn integer bytes sent
-- @treturn number seconds since the stream was made
-- @usage local received, sent, age = stream:getstats()
function methods.getstats(self)
  check(self, "getstats")
  local received, sent = counted(self.object)
  return received, sent, clock() - self.birthday
end

--- Sets what `getstats` tells.
-- @function setstats
-- @group Waiting
-- @tparam[opt] integer received bytes
-- @tparam[opt] integer sent bytes
-- @tparam[opt] number age seconds
-- @treturn integer 1
-- @raise when one is no number
-- @usage stream:setstats(0, 0, 0)
function methods.setstats(self, received, sent, age)
  check(self, "setstats")
  local given = { received, sent, age }
  for i = 1, 3 do
    local value = given[i]
    if value ~= nil and not tonumber(value) then
      error(("bad argument #%d to 'setstats' (number expected, got %s)"):format(i, type(value)), 2)
    end
    local size = math.abs(tonumber(value or 0))
    if i < 3 and (size ~= size or size >= 1e15) then
      error(("bad argument #%d to 'setstats' (out of range)"):format(i), 2)
    end
  end
  count_from(self.object, received, sent)
  if age ~= nil then self.birthday = clock() - tonumber(age) end
  return 1
end

-- What the transport tells of addresses.
local function of_transport(self, name)
  if self.closed then return nil, "closed" end
  if self.transport[name] then return misuse.pass(self.transport[name]()) end
  return nil, "the transport does not tell"
end

--- The peer's address, if the transport tells.
-- @function getpeername
-- @group What is known
-- @treturn[1] string address
-- @treturn[1] integer port
-- @treturn[1] string family
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or why there is none
-- @usage local address, port = stream:getpeername()
function methods.getpeername(self)
  check(self, "getpeername")
  return misuse.pass(of_transport(self, "getpeername"))
end

--- The own address, if the transport tells.
-- @function getsockname
-- @group What is known
-- @treturn[1] string address
-- @treturn[1] string port
-- @treturn[1] string family
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or why there is none
-- @usage local address, port = stream:getsockname()
function methods.getsockname(self)
  check(self, "getsockname")
  return misuse.pass(of_transport(self, "getsockname"))
end

-- All that neither waits nor sends is the object's. Early data is not for streams:
-- it goes before a handshake that they run by themselves.
local NOT_OURS = {
  feed = true, drain = true, buffered = true,
  early_data_accepted = true, read_early_data = true, write_early_data = true,
}

local function forward(name, method)
  return function(self, ...)
    if not is_stream[self] then
      error(("calling '%s' on bad self (SSLStream expected, got %s)"):format(name, type(self)), 2)
    end
    return misuse.pass(relay(2, ":" .. name, pcall(method, self.object, ...)))
  end
end

local function add_facts()
  for name, method in pairs(object_methods) do
    if not methods[name] and not NOT_OURS[name] and not name:find "^__" then methods[name] = forward(name, method) end
  end
end

--- Making one ------------------------------------------------------------------------

local Stream = { __name = "SSLStream" }

Stream.__index = methods

function Stream.__tostring(self)
  local state = tostring(self.object):match "%((.-)%)" or "closed"
  return ("SSLStream (%s): %s"):format(self.closed and "closed" or state, self.address)
end

function Stream.__close(self, err)
  close(self, err == nil and not self.closed and closing_time(self) or 0)
end

local function copy(options)
  local result = {}
  for key, value in next, options or {} do result[key] = value end
  return result
end

-- A client's connection on which something came before TLS began is not used:
-- anybody may have sent it.
local function refuse_injection(given, made, server_side)
  if server_side or is_stream[given] or given == made or given.read or not made.dirty or not made.dirty() then
    return true
  end
  return nil, errors.new("SSLError", {
    kind = "injection", operation = "wrap_stream",
    text = "wrap_stream: the peer sent clear text before TLS began; it could be anybody's (STARTTLS injection)",
  })
end

local function make(context, object, given, made, options)
  local self = { given = given, unsent = {}, birthday = clock(), closed = false, block = -1, total = -1 }
  self.address = tostring(self):match "0x%x+" or "0x0"
  self.late, self.want_read, self.want_write = false, false, false
  self.server_side = context_get(context, "server_side")
  self.linger = options.linger or context_get(context, "linger") or LINGER
  pump.prepare(self, object, made)
  setmetatable(self, Stream)
  is_stream[self] = true
  core.connection.face(object, self)
  if made.gettimeout then
    local block, total = made.gettimeout()
    self:settimeout(block)
    self:settimeout(total, "t")
  end
  return self
end

--- Wraps a byte stream of any kind: TLS over it, with this context. A stream
-- has the methods of an SSLSocket, but for those of descriptors, listening and
-- early data.
-- The handshake runs at once.
--
-- A transport is a table of functions, which may yield. `read(seconds)` gives
-- some bytes; nil at the end; or nil and an error. `write(bytes, seconds)`
-- gives true when all was taken; nil, `"timeout"` and how many bytes were; or
-- nil and an error. `seconds` is what the operation has left, nil for ever, 0:
-- do not wait; whoever cannot heed it may wait longer. `"timeout"` leaves the
-- stream usable; any other error is the stream's own, as it is. After an error
-- of `write` nothing more is written.
--
-- It may have more: `close()`; `settimeout(seconds)`, which is called before
-- each read and write; `getpeername()` and `getsockname()`; `gettimeout()`, for
-- the limits that the stream begins with; `dirty()`, true where a read would not
-- wait. `pause(seconds)` suspends the running coroutine until
-- `resume(coroutine)` is called for it, or that time is over; with both, several
-- coroutines may use the stream. `resume` must not run the coroutine itself, but
-- have the host do it, and passes over one that is not suspended in `pause`.
--
-- An SSLSocket, a stream or a LuaSocket object is a transport too: this is how
-- TLS goes through TLS.
-- @function wrap_stream
-- @page SSLContext
-- @group Methods
-- @tparam table|userdata transport what carries TLS
-- @tparam[opt] table options those of a connection
-- @options connection
-- @treturn[1] SSLStream with the transport's limits, where it has
-- `gettimeout`; else without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, or a failure; once the handshake has
-- begun the transport is closed
-- @raise on wrong types, unknown options and `check_hostname` without a name
-- @source RFC 8446; RFC 9110, 9.3.6
-- @usage local conn = assert(ssl.connect("proxy.example", 443))
-- assert(ssl.http_connect(conn, "example.com", 443))
-- local inner = assert(context:wrap_stream(conn, { server_hostname = "example.com" }))
function core.context.methods.wrap_stream(context, given, options)
  relay(2, ":wrap_stream", pcall(context_get, context, "server_side"))
  local made = given
  if transport.is_object(given) then
    made = transport.of(given, is_stream[given] and given.transport)
  elseif not transport.is_table(given) then
    error(("bad argument #1 to 'wrap_stream' (table with read and write, socket or stream expected, got %s)")
      :format(type(given)), 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'wrap_stream' (table expected, got %s)"):format(type(options)), 2)
  end
  options = copy(options)
  local object, err = relay(2, ":wrap_stream", pcall(wrap_object, context, options))
  if not object then return nil, err end
  local fine
  fine, err = refuse_injection(given, made, context_get(context, "server_side"))
  if not fine then return nil, err end
  local nodelay = options.nodelay
  if nodelay == nil then nodelay = context_get(context, "nodelay") end
  if made ~= given and nodelay ~= false then transport.set_nodelay(given) end
  local self = make(context, object, given, made, options)
  if options.do_handshake_on_connect == false then return self end
  local deadline = begin(self)
  if deadline == 0 then return self end
  local done
  done, err = handshake(self, deadline)
  if done then return self end
  err = condition(self, deadline, err, true)
  close(self, 0)
  return nil, err
end

-- What they have in common with an SSLSocket's; `gettimeout` raises for what is
-- no stream, as C does.
local shared = { receive = methods.receive, send = methods.send }

function shared.gettimeout(self)
  if is_stream[self] then return self.block, self.total end
  error(("bad argument #1 to 'gettimeout' (SSLStream expected, got %s)"):format(type(self)), 0)
end

send_file.install(shared, {
  begin = function(self) return begin(self) or -1 end,
  handshake = function(self, deadline)
    deadline = deadline >= 0 and deadline or nil
    local done, err = handshake(self, deadline)
    if done then return true end
    return nil, condition(self, deadline, err)
  end,
  send = function(self, piece, deadline)
    deadline = deadline >= 0 and deadline or nil
    local index, err = transfer.send(self, deadline, piece, 0, #piece)
    if err == nil then return index end
    return nil, condition(self, deadline, err), index
  end,
  remaining = function(_, deadline) return pump.remaining(deadline) end,
})
lines.install(shared)
methods.lines, methods.send_file = shared.lines, shared.send_file
add_facts()

Stream.__metatable = { __name = Stream.__name, __index = copy(methods), __tostring = Stream.__tostring }

return { methods = methods }
