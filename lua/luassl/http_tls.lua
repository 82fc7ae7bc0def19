--- TLS over what the program's `connect` gave, or over TLS to a proxy: an
-- SSLObject and the transport that moves its bytes.
-- @module luassl.http_tls
-- @local

local clock = require "luassl.core".clock

local Tls = {}
Tls.__index = Tls

local function left(self)
  return self.deadline and math.max(self.deadline - clock(), 0)
end

-- Sends what the object has for the peer; true, or nil and an error.
local function flush(self)
  local bytes = self.object:drain()
  while bytes do
    local seconds = left(self)
    if seconds == 0 then return nil, "timeout" end
    local done, err = self.transport.write(bytes, seconds)
    if not done then return nil, err or "closed" end
    bytes = self.object:drain()
  end
  return true
end

-- Gives the object what came from the peer, or the end.
local function fill(self)
  local bytes = self.rest
  if not bytes then
    local seconds = left(self)
    if seconds == 0 then return nil, "timeout" end
    local err
    bytes, err = self.transport.read(seconds)
    if not bytes then
      if err == "timeout" then return nil, err end
      self.object:feed(nil, err ~= "closed" and err or nil)
      return true
    end
  end
  local taken = self.object:feed(bytes)
  self.rest = taken < #bytes and bytes:sub(taken + 1) or nil
  return true
end

-- Calls a method of the object until it needs nothing more of the transport.
local function run(self, method, ...)
  while true do
    local result, err, part = self.object[method](self.object, ...)
    local done, failure = flush(self)
    if not done and (result or err == "wantread") then return nil, failure end
    if err ~= "wantread" then return result, err, part end
    done, failure = fill(self)
    if not done then return nil, failure end
  end
end

function Tls:settimeout(seconds)
  self.deadline = seconds and clock() + seconds
end

function Tls:read(most)
  return run(self, "read", most)
end

function Tls:send(bytes)
  local first = 1
  while first <= #bytes do
    local last, err, sent = run(self, "send", bytes, first)
    if not last and err ~= "wantwrite" then return nil, err end
    first = (last or sent) + 1
  end
  return true
end

function Tls:close()
  self.object:close()
  flush(self)
  if self.transport.close then self.transport.close() end
end

--- TLS to a peer, whose handshake is done.
-- @tparam SSLContext context
-- @tparam table transport `read(seconds)`, `write(bytes, seconds)`, `close()`
-- @tparam table options of the connection
-- @tparam number|nil seconds
-- @treturn[1] table with `read`, `send`, `settimeout`, `close`
-- @treturn[2] nil
-- @treturn[2] any
local function new(context, transport, options, seconds)
  local object, err = context:wrap_object(options)
  if not object then return nil, err end
  local self = setmetatable({ object = object, transport = transport }, Tls)
  self:settimeout(seconds)
  local done
  done, err = run(self, "do_handshake")
  if done then return self end
  object:close()
  return nil, err
end

return new
