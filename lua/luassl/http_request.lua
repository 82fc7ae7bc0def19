--- Requests of HTTP/1.1. LuaSocket's socket.http writes their heads and reads
-- the fields of answers, here from and into memory: so it does no I/O, and
-- whatever waits may yield, which in Lua 5.1 and LuaJIT nothing can below its
-- `socket.protect`.
-- @module luassl.http_request
-- @local

local http_message = require "luassl.http_message"

local failure = http_message.failure

local http_request = {}

-- What LuaSocket takes for a socket: gives lines, keeps what is sent.
local function done() return 1 end

local Memory = { settimeout = done, connect = done, close = done }
Memory.__index = Memory

function Memory:send(text)
  self.sent[#self.sent + 1] = text
  return #text
end

function Memory:receive()
  self.given = self.given + 1
  return self.lines[self.given] or ""
end

local function open(lines)
  local memory = setmetatable({ sent = {}, lines = lines, given = 0 }, Memory)
  return require "socket.http".open("memory", 0, function() return memory end), memory
end

--- The head of a request.
-- @function head
-- @tparam string method
-- @tparam string target
-- @tparam table headers by lower-case names
-- @treturn string
function http_request.head(method, target, headers)
  local handle, memory = open()
  handle:sendrequestline(method, target)
  handle:sendheaders(headers)
  return table.concat(memory.sent)
end

--- Headers of an answer: values by lower-case names, several of one joined by
-- commas.
-- @function parse_headers
-- @tparam {string,...} lines without malformed ones
-- @treturn table
function http_request.parse_headers(lines)
  return (open(lines):receiveheaders())
end

-- ---- bodies

-- As a chunk; an empty one would be taken for the last.
local function chunk(piece)
  return piece == "" and "" or ("%X\r\n%s\r\n"):format(#piece, piece)
end

local function length_error(what, length)
  return nil, failure("http", ("the source gave %s bytes than the request's Content-Length, %.0f"):format(what, length))
end

-- Takes pieces and sends them, the first one behind `head`. What does not fit
-- the length that was announced is not sent: the server would take it for
-- another request.
local function sink_of(wire, head, length, state)
  local sent = 0
  local function send(bytes)
    bytes, head = head .. bytes, ""
    if bytes == "" then return 1 end
    return wire:send(bytes)
  end
  return function(piece, err)
    if piece then
      if sent > 0 and wire:has_answer() then
        state.answered = true
        return nil
      end
      sent = sent + #piece
      if not length then return send(chunk(piece)) end
      if sent > length then return length_error("more", length) end
      return send(piece)
    end
    if err then return nil, err end
    if length and sent < length then return length_error("fewer", length) end
    state.complete = true
    return send(length and "" or "0\r\n\r\n")
  end
end

--- Sends a head and the body that a source gives.
-- @function send_body
-- @tparam table wire
-- @tparam string head
-- @tparam function source ltn12
-- @tparam function|nil step ltn12
-- @tparam number|nil length that the head announces; nil: chunked
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] any the error, of the source or the connection; nil: the server
-- has answered before all was sent
-- @treturn[2] boolean|nil true: the answer may still be read
function http_request.send_body(wire, head, source, step, length)
  local state = {}
  local sent, err = require "ltn12".pump.all(source, sink_of(wire, head, length, state), step)
  if state.answered then return nil, nil, true end
  if sent and not state.complete then
    sent, err = nil, failure("http", "the step ended before the source did")
  end
  if sent then return true end
  return nil, err, wire.failed
end

return http_request
