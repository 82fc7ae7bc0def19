--- The connections of luassl.https: TCP, or what the program's `connect` gives,
-- through a proxy or not, and TLS over it; each step within the request's
-- deadline.
-- @module luassl.http_wire
-- @local

local context_cache = require "luassl.context_cache"
local core = require "luassl.core"
local dual_stack = require "luassl.dual_stack"
local errors = require "luassl.errors"
local http_message = require "luassl.http_message"
local http_reader = require "luassl.http_reader"
local http_request = require "luassl.http_request"
local http_response = require "luassl.http_response"
local poll = require "luassl.poll"
local ssl_socket = require "luassl.socket"

local clock = core.clock
local failure, quote = http_message.failure, http_message.quote

local CLOSE_TIMEOUT = 1   -- seconds for what was sent to leave
local REFUSAL_TIMEOUT = 2 -- seconds for a proxy's page that says why
local REFUSAL_MAX = 4096  -- bytes of it

local http_wire = {}

-- A field of what `connect` gives, set by our own drop-in for LuaSec alone: it
-- speaks TLS already, verified or not as that program's options say.
local SPEAKS_TLS = {}
http_wire.SPEAKS_TLS = SPEAKS_TLS

-- A LuaSocket object with the methods that the others have.
local Plain = {}
Plain.__index = Plain

function Plain:settimeout(seconds)
  self.timeout = seconds
end

-- What is there, as soon as anything is.
function Plain:read(most)
  self.sock:settimeout(0)
  while true do
    local data, err, part = self.sock:receive(most)
    if not data and part ~= "" then data = part end
    if data then return data end
    if err ~= "timeout" then return nil, err end
    local _, _, late = poll({ self.sock }, nil, self.timeout)
    if late then return nil, late end
  end
end

function Plain:send(bytes)
  self.sock:settimeout(self.timeout)
  return self.sock:send(bytes)
end

function Plain:close()
  return self.sock:close()
end

-- What the program's `connect` gave.
local Carried = {}
Carried.__index = Carried

function Carried:settimeout(seconds)
  self.timeout = seconds
end

function Carried:read()
  local bytes, err = self.transport.read(self.timeout)
  if bytes then return bytes end
  return nil, err or "closed"
end

function Carried:send(bytes)
  local done, err = self.transport.write(bytes, self.timeout)
  if done then return true end
  return nil, err or "closed"
end

function Carried:close()
  if self.transport.close then self.transport.close() end
end

-- ---- the wire: what carries requests and answers

local Wire = {}
Wire.__index = Wire

--- Seconds until the deadline; nil and "timeout" when it has passed.
function Wire:left()
  local left = self.deadline - clock()
  if left > 0 then return left end
  return nil, "timeout"
end

-- Gives the carrier what time is left.
local function begin(self)
  local left, err = self:left()
  if not left then return nil, err end
  self.carrier:settimeout(left)
  return true
end

local function condition(err)
  if err == "wantread" or err == "wantwrite" then return "timeout" end
  return err
end

--- Bytes as soon as there are any, at most `most` where TLS carries them.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] any
function Wire:read(most)
  local begun, late = begin(self)
  if not begun then return nil, late end
  local data, err = self.carrier:read(most)
  if data then return data end
  return nil, condition(err)
end

--- Sends all of it.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] any
function Wire:send(bytes)
  local begun, err = begin(self)
  if begun then
    begun, err = self.carrier:send(bytes)
    if begun then return true end
  end
  self.failed = true
  return nil, condition(err)
end

-- Whether a read at timeout 0 would not wait: a stream's transport may not know
-- how not to, but then has no `dirty`.
local function is_askable(carrier)
  return carrier.getfd ~= nil or carrier.dirty ~= nil and carrier:dirty()
end

--- Whether an answer has begun, or the connection has ended; false where that
-- cannot be asked without waiting.
function Wire:has_answer()
  local carrier = self.carrier
  if not self.reader or not is_askable(carrier) then return false end
  carrier:settimeout(0)
  local data, err = carrier:read(http_reader.PIECE)
  if data then self.reader:put(data) end
  return data ~= nil or condition(err) ~= "timeout"
end

--- Whether a kept connection may still be used: nothing has come on it. Where
-- that cannot be asked without waiting, it is taken to be.
function Wire:is_alive()
  local carrier = self.carrier
  if getmetatable(carrier) == Plain then
    local readable = poll({ carrier.sock }, nil, 0)
    return readable[1] == nil
  end
  if not is_askable(carrier) then return true end
  carrier:settimeout(0)
  local data, err = carrier:read(1)
  return data == nil and condition(err) == "timeout"
end

function Wire:close()
  self.carrier:settimeout(math.max(math.min(self.deadline - clock(), CLOSE_TIMEOUT), 0))
  self.carrier:close()
end

-- ---- making one

-- What the program gives in the place of TCP.
local function ask_program(plan, host, port)
  local left = plan.deadline - clock()
  if left <= 0 then return nil, "timeout" end
  local transport, err = plan.connect(host, port, left)
  if transport == nil or transport == false then return nil, err or "closed" end
  if type(transport) ~= "table" or not transport.read or not transport.write then
    error("https: 'connect' returned no table with read and write, but a " .. type(transport), 0)
  end
  return setmetatable({ transport = transport }, Carried)
end

-- TCP to the next hop.
local function dial(plan, luasocket, host, port)
  if plan.connect then return ask_program(plan, host, port) end
  local addresses, err = dual_stack.addresses(luasocket, host)
  if not addresses then return nil, err end
  local function left()
    return math.max(plan.deadline - clock(), 0)
  end
  if left() == 0 then return nil, "timeout" end
  local sock
  sock, err = dual_stack.connect(luasocket, addresses, ("%d"):format(port), left)
  if not sock then return nil, err end
  return setmetatable({ sock = sock }, Plain)
end

-- TLS over the program's transport, or over TLS to a proxy.
local function wrap_stream(wire, context, options, seconds)
  local carrier = wire.carrier
  if getmetatable(carrier) == Carried then carrier = carrier.transport end
  options.do_handshake_on_connect = false  -- within the time that is left
  local stream, err = context:wrap_stream(carrier, options)
  if not stream then return nil, err end
  wire.carrier = stream
  stream:settimeout(seconds)
  return stream:do_handshake()
end

-- TLS over what there is; with its own context and name.
local function secure(wire, host, tls)
  local left, err = wire:left()
  if not left then return nil, err end
  local context, options = context_cache.client_policy(host, tls)
  if not context then return nil, options end
  if options.server_hostname == nil and options.server_hostnames == nil then options.server_hostname = host end
  if getmetatable(wire.carrier) ~= Plain then
    local done
    done, err = wrap_stream(wire, context, options, left)
    return done, condition(err)
  end
  local sock = wire.carrier.sock
  sock:settimeout(left)
  local conn
  conn, err = ssl_socket.wrap(3, "connect", context, sock, options)
  if not conn then return nil, condition(err) end
  wire.carrier = conn
  return true
end

local function proxy_failure(proxy, what, fields)
  return nil, failure("proxy", ("the proxy %s %s"):format(proxy.address, what), fields)
end

-- An error that quotes what the proxy answered.
local function refusal(wire, reader, head, proxy)
  local parts = { quote(head.status) }
  local challenge = head.headers["proxy-authenticate"]
  if challenge then parts[#parts + 1] = quote(challenge) end
  wire.deadline = math.min(wire.deadline, clock() + REFUSAL_TIMEOUT)
  local body = http_response.body(reader, "GET", head, REFUSAL_MAX)
  local page = body and body.source()
  if page then parts[#parts + 1] = quote(page) end
  return proxy_failure(proxy, "answered " .. table.concat(parts, ", "), { code = head.code })
end

-- CONNECT: RFC 9110, 9.3.6.
local function tunnel(wire, url, proxy, headers)
  local done, err = wire:send(http_request.head("CONNECT", url.address, headers))
  if not done then return nil, err end
  local reader = http_reader.new(wire)
  local head
  head, err = http_response.read_final_head(reader, http_request.parse_headers)
  if not head then
    if not errors.is_error(err) then return nil, err end
    return proxy_failure(proxy, "gave no answer to CONNECT: " .. err, { cause = err })
  end
  if head.code >= 300 then return refusal(wire, reader, head, proxy) end
  if reader:buffered() == 0 then return true end
  return nil, failure("injection", ("the proxy %s sent more than its answer before TLS began"):format(proxy.address))
end

local function connect_headers(plan)
  local proxy = plan.proxy
  local headers = { host = plan.url.address, ["user-agent"] = plan.user_agent }
  if plan.proxy_authorization then headers["proxy-authorization"] = plan.proxy_authorization
  elseif proxy.user then headers["proxy-authorization"] = http_message.basic(proxy.user, proxy.password)
  end
  return headers
end

-- All that comes before the request, in its order.
local function establish(wire, plan)
  local url, proxy = plan.url, plan.proxy
  local done, err = true, nil
  if proxy and proxy.scheme == "https" then
    done, err = secure(wire, proxy.host, plan.proxy_tls)
    if not done and err ~= "timeout" then
      return proxy_failure(proxy, "could not be verified: " .. tostring(err), { cause = err })
    end
  end
  if done and proxy and url.scheme == "https" then done, err = tunnel(wire, url, proxy, connect_headers(plan)) end
  local carries = wire.carrier.transport
  if carries and carries[SPEAKS_TLS] then return done, err end
  if done and url.scheme == "https" then done, err = secure(wire, url.host, plan.tls) end
  return done, err
end

--- Connects.
-- @function open
-- @tparam table luasocket
-- @tparam table plan `url`, `proxy` (or nil), `tls`, `proxy_tls`, `deadline`,
-- `user_agent`, `proxy_authorization`, `connect` (or nil)
-- @treturn[1] table a wire
-- @treturn[2] nil
-- @treturn[2] any
function http_wire.open(luasocket, plan)
  local hop = plan.proxy or plan.url
  local carrier, err = dial(plan, luasocket, hop.host, hop.port)
  if not carrier then
    if not plan.proxy or err == "timeout" then return nil, err end
    return proxy_failure(plan.proxy, "cannot be reached: " .. tostring(err), { cause = err })
  end
  local wire = setmetatable({ carrier = carrier, deadline = plan.deadline }, Wire)
  local done
  done, err = establish(wire, plan)
  if done then return wire end
  wire:close()
  return nil, err
end

return http_wire
