--- One request and the head of its answer, on a kept connection or a new one.
-- @module luassl.https_exchange
-- @local

local errors = require "luassl.errors"
local http_message = require "luassl.http_message"
local http_reader = require "luassl.http_reader"
local http_request = require "luassl.http_request"
local http_response = require "luassl.http_response"
local http_wire = require "luassl.http_wire"
local clock = require "luassl.core".clock

local CONTINUE_TIMEOUT = 1  -- seconds that a body waits for 100 (RFC 9110, 10.1.1)

-- Methods that may be sent again: RFC 9110, 9.2.2.
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, PUT = true, DELETE = true }
local WITH_LENGTH = { POST = true, PUT = true, PATCH = true }  -- 0, without a body: RFC 9110, 8.6

local https_exchange = {}

-- Calls what calls the program's functions; the connection ends when they
-- raise. Lua 5.1 cannot yield through pcall: in a coroutine there it is left to
-- the collector.
local yields_through_pcall = _VERSION ~= "Lua 5.1" or jit ~= nil

local function finish(wire, done, ...)
  if done then return ... end
  wire:close()
  error((...), 0)
end

--- Calls `call(...)`, and closes the connection where that raises.
-- @function guard
function https_exchange.guard(wire, call, ...)
  if not yields_through_pcall and coroutine.running() then return call(...) end
  return finish(wire, pcall(call, ...))
end

-- ---- the request

-- Headers as they go to one host. Those of the program that tell who it is go
-- to its own URL's origin alone.
local function headers_for(exchange)
  local url, request = exchange.url, exchange.request
  local headers = {
    host = url.authority, ["user-agent"] = exchange.user_agent, connection = not exchange.keeps and "close" or nil,
  }
  if url.user then headers.authorization = http_message.basic(url.user, url.password) end
  for name, value in pairs(request.headers) do headers[name] = value end
  if exchange.strayed then
    headers.host, headers.authorization, headers.cookie = url.authority, nil, nil
  end
  headers["proxy-authorization"] = nil
  if exchange.proxy and url.scheme == "http" then
    headers["proxy-authorization"] = request.headers["proxy-authorization"]
      or exchange.proxy.user and http_message.basic(exchange.proxy.user, exchange.proxy.password) or nil
  end
  if request.body then headers["content-length"] = ("%.0f"):format(#request.body)
  elseif request.source then
    if not headers["content-length"] and not headers["transfer-encoding"] then
      headers["transfer-encoding"] = "chunked"
    end
  elseif WITH_LENGTH[exchange.method] then headers["content-length"] = "0"
  end
  return headers
end

local function once(text)
  local given
  return function()
    if given or text == "" then return nil end
    given = true
    return text
  end
end

-- Whether the server takes the body: true; false and the final head if not;
-- nil and an error.
local function ask_first(wire, reader)
  local deadline = wire.deadline
  wire.deadline = math.min(deadline, clock() + CONTINUE_TIMEOUT)
  local begun, err = reader:peek(1)
  wire.deadline = deadline
  if not begun then
    if err == "timeout" then return true end
    return nil, err
  end
  local head
  head, err = http_response.read_head(reader, http_request.parse_headers)
  if not head then return nil, err end
  if head.code < 200 then return true end
  return false, head
end

-- Sends the request. The second result is an error, or a head that came before
-- the body was sent.
local function send(exchange, wire, reader, text, headers)
  local request = exchange.request
  local source, length = request.source, tonumber(headers["content-length"])
  if request.body then source = once(request.body) end
  if not source then return wire:send(text) end
  if headers.expect and headers.expect:lower() == "100-continue" then
    local done, err = wire:send(text)
    if not done then return nil, err, true end
    local wanted, head = ask_first(wire, reader)
    if not wanted then return wanted, head end
    text = ""
  end
  exchange.consumed = request.source ~= nil
  return http_request.send_body(wire, text, source, request.step, length)
end

-- The head of the answer. A server may answer before it has the whole body, and
-- read no more: what it says counts for more than that the body did not leave.
local function ask(exchange, wire)
  local reader = http_reader.new(wire)
  wire.reader = reader
  local headers = headers_for(exchange)
  local target = exchange.url.target
  if exchange.proxy and exchange.url.scheme == "http" then target = exchange.url.origin .. target end
  local text = http_request.head(exchange.method, target, headers)
  local done, err, broken = send(exchange, wire, reader, text, headers)
  local head = done == false and err or nil
  if done == nil and (err == "timeout" or not (broken or wire.failed)) then return nil, err end
  local answer, failure = http_response.read_final_head(reader, http_request.parse_headers, head)
  if not answer then return nil, done == nil and err or failure end
  exchange.unsent = not done
  return answer
end

-- ---- the connection

-- Everything that a connection is for. One that was made behind a redirect to
-- another origin has shown no certificate of ours, and others have no business
-- behind one.
local function key_of(exchange)
  local proxy, parts = exchange.proxy, { exchange.url.origin, exchange.strayed and "strayed" or "own" }
  if proxy then
    for i, part in ipairs { proxy.origin, proxy.user or "", proxy.password or "" } do parts[2 + i] = part end
    parts[6] = exchange.request.headers["proxy-authorization"]
  end
  return table.concat(parts, "\n")
end

local function connect(exchange)
  local wire, err = http_wire.open(exchange.luasocket, {
    url = exchange.url, proxy = exchange.proxy, tls = exchange.tls, proxy_tls = exchange.request.proxy_tls or {},
    deadline = exchange.deadline, connect = exchange.request.connect, user_agent = exchange.user_agent,
    proxy_authorization = exchange.request.headers["proxy-authorization"],
  })
  if not wire then return nil, err end
  wire.born = clock()
  return wire
end

local function ask_or_close(exchange, wire)
  local head, err = https_exchange.guard(wire, ask, exchange, wire)
  if head then return head end
  wire:close()
  return nil, err
end

-- A kept connection that the server had closed meanwhile: nothing has come,
-- and it may be asked again.
local function may_repeat(exchange, wire, err)
  if not IDEMPOTENT[exchange.method] or exchange.consumed or wire.reader.received > 0 then return false end
  local kind = errors.is_error(err) and err.kind
  return err == "closed" or kind == "incomplete" or kind == "eof" or kind == "syscall"
end

--- Asks one server.
-- @function run
-- @tparam table exchange `luasocket`, `url`, `proxy`, `method`, `request`,
-- `tls`, `deadline`, `user_agent`, `strayed`, `keeps`, `pool`
-- @treturn[1] table a wire, whose `reader` goes on behind the head
-- @treturn[1] table the head
-- @treturn[2] nil
-- @treturn[2] any
function https_exchange.run(exchange)
  local key = key_of(exchange)
  local wire = exchange.pool and exchange.pool:take(key)
  exchange.unsent = nil
  local head, err
  if wire then
    wire.deadline, wire.failed = exchange.deadline, nil
    head, err = ask_or_close(exchange, wire)
    if not head and not may_repeat(exchange, wire, err) then return nil, err end
  end
  if not head then
    wire, err = connect(exchange)
    if not wire then return nil, err end
    head, err = ask_or_close(exchange, wire)
    if not head then return nil, err end
  end
  wire.key = key
  return wire, head
end

local function has_token(value, token)
  for part in (value or ""):lower():gmatch "[^,]+" do
    if part:match "^%s*(.-)%s*$" == token then return true end
  end
  return false
end

--- Keeps the connection for the next request, or closes it.
-- @function release
-- @tparam table exchange
-- @tparam table wire
-- @tparam table head
-- @tparam table body
function https_exchange.release(exchange, wire, head, body)
  local connection = head.headers.connection
  local persistent = has_token(connection, "keep-alive") or head.persistent and not has_token(connection, "close")
  if exchange.keeps and persistent and body.complete and not body.to_close and not exchange.unsent
    and wire.reader:buffered() == 0 and not has_token(exchange.request.headers.connection, "close") then
    exchange.pool:put(wire.key, wire)
  else
    wire:close()
  end
end

return https_exchange
