--- What the adapters to event loops have in common: luassl.ngx, luassl.luv,
-- luassl.cqueues and luassl.copas.
-- @module luassl.host
-- @local

local core = require "luassl.core"
local ssl = require "luassl"

local clock = core.clock
local context_get, decides_name = core.context.methods.get, core.context.decides_name

local host = {}

local TIMEOUT = 30  -- seconds to connect in, TCP and TLS

local default  -- the context of who names none

local function default_context()
  if default then return default end
  local context, err = ssl.create_default_context { session_cache = true }
  default = context
  return context, err
end

local function copy(options)
  local result = {}
  for name, value in next, options or {} do result[name] = value end
  return result
end

-- What C finds wrong with options, without the place in this file.
local function misuse(message, level)
  if type(message) == "string" then message = message:gsub("^[^\n]-:%d+: ", "") end
  error(message, level + 1)
end

--- Wraps a transport and shakes hands, within `handshake_timeout`, unless the
-- options say not to. Misuse is raised at the caller of who calls this. A stream
-- that fails is closed; with a deadline, which is a connect's, its transport is
-- whatever fails.
function host.start(context, transport, options, deadline)
  local given = copy(options)
  given.do_handshake_on_connect = false
  local fine, stream, err = pcall(core.context.methods.wrap_stream, context, transport, given)
  if deadline and not (fine and stream) then transport.close() end
  if not fine then misuse(stream, 3) end
  if not stream then return nil, err end
  if options and options.do_handshake_on_connect == false then return stream end
  if deadline then stream:settimeout(math.max(deadline - clock(), 0.001)) end
  local done
  done, err = stream:do_handshake()
  if not done then
    stream:close()
    return nil, err
  end
  stream:settimeout(nil)
  return stream
end

--- Makes what serves a client: it wraps the socket, has the handler called with
-- the stream, and closes that; `on_error` of the options is told why there is no
-- stream, and where the client is.
function host.server(wrap, context, handler, options)
  local given = copy(options)
  local on_error = given.on_error
  given.on_error = nil
  return function(sock, from)
    local stream, err = wrap(context, sock, given)
    if stream then
      handler(stream)
      stream:close()
    elseif on_error then
      on_error(err, from)
    end
  end
end

local function check_arguments(operation, name, port, options)
  if type(name) ~= "string" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(operation, type(name)), 4)
  end
  local number = tonumber(port)
  if not number or number < 0 or number > 65535 or number % 1 ~= 0 then
    error(("bad argument #2 to '%s' (integer from 0 to 65535 expected)"):format(operation), 4)
  end
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #3 to '%s' (table expected, got %s)"):format(operation, type(options)), 4)
  end
  local timeout = options and options.timeout
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout or timeout <= 0) then
    error(operation .. ": option 'timeout' must be a number of seconds above 0", 4)
  end
end

--- What a client connects with, as `ssl.connect` has it: the name is checked
-- unless the context, or `check_hostname`, says not.
-- @treturn[1] SSLContext
-- @treturn[1] table options of the connection
-- @treturn[1] number seconds for all of it
-- @treturn[1] number when they are over
-- @treturn[2] nil
-- @treturn[2] SSLError
function host.prepare(operation, name, port, options)
  check_arguments(operation, name, port, options)
  local given = copy(options)
  local context, err = given.context, nil
  if context == nil then context, err = default_context() end
  if not context then return nil, err end
  local fine, is_server = pcall(context_get, context, "server_side")
  if not fine then error(operation .. ": option 'context' must be an SSLContext", 3) end
  if is_server then error(operation .. ": option 'context' is for the server side", 3) end
  local seconds = given.timeout or TIMEOUT
  given.context, given.timeout = nil, nil
  local named = given.server_hostname ~= nil or given.server_hostnames ~= nil
  local decided = not named and decides_name(context)
  if not named then given.server_hostname = name end
  if not decided and given.check_hostname == nil and context_get(context, "cert_reqs") ~= ssl.CERT_NONE then
    given.check_hostname = true
  end
  return context, given, seconds, clock() + seconds
end

return host
