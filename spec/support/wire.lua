--- Connections whose bytes a spec holds in its hands: one end is the SSLSocket
-- under test, at timeout 0; the other an SSLObject, which never does I/O, and
-- a raw LuaSocket object that the spec lets its bytes go through, or not.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"

local unpack = table.unpack or unpack

local wire = {}

local WAITS = {timeout = true, wantread = true, wantwrite = true}

--- Whether these results say "not now".
function wire.waits(result, err)
  return result == nil and WAITS[err] == true
end

local function pack(...)
  return {n = select("#", ...), ...}
end

--- Calls every function again until all have answered something else than
-- "not now"; `between`, if any, before each round. A list of their results.
function wire.together(operations, between)
  local deadline = socket.gettime() + helpers.patience
  local results = {}
  while true do
    local left = 0
    for i, operation in ipairs(operations) do
      if not results[i] then
        local result = pack(operation())
        if wire.waits(result[1], result[2]) then left = left + 1
        else results[i] = result end
      end
    end
    if left == 0 then return results end
    assert(socket.gettime() < deadline, "does not end")
    if between then between() else socket.select(nil, nil, 0.001) end
  end
end

--- A LuaSocket object's descriptor closes with a reset.
function wire.reset(sock)
  assert(sock:setoption("linger", {on = true, timeout = 0}))
  sock:close()
end

--- Two LuaSocket objects speak with each other in clear text.
function wire.check_clear(near, far)
  for _, pair in ipairs {{near, far}, {far, near}} do
    local from, to = pair[1], pair[2]
    to:settimeout(helpers.patience)
    assert(from:send "ping\n")
    local line, err = to:receive()
    assert(line == "ping", err or line)
  end
end

--- A context for a client that verifies, or for a server, of the test PKI.
function wire.context(side, options)
  local all = {}
  if side == "client" then
    all.cert_reqs, all.check_hostname = ssl.CERT_REQUIRED, true
    all.ca_certs = helpers.file "root.crt"
  else
    all.server_side, all.certfile = true, helpers.file "ecdsa.pem"
  end
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(ssl.SSLContext(all))
end

local OTHER = {client = "server", server = "client"}
local Wire = {}
Wire.__index = Wire

--- Both ends, before their handshake.
-- @tparam[opt] table options `side`: what the SSLSocket is, "client" (the
--   default) or "server"; `client`, `server`: options of the contexts;
--   `conn`: options of the SSLSocket; `buffer`: the size of its kernel buffer
--   for sending, and of the raw end's for receiving
function wire.open(options)
  options = options or {}
  local side = options.side or "client"
  local far = OTHER[side]
  local near, raw = helpers.sockets()
  if options.buffer then
    near:setoption("send-buffer-size", options.buffer)
    raw:setoption("recv-buffer-size", options.buffer)
  end
  near:settimeout(0)
  raw:settimeout(0)
  raw:setoption("tcp-nodelay", true)
  local own = {}
  for name, value in pairs(options.conn or {}) do own[name] = value end
  local peer = {server_side = far == "server"}
  local client = side == "client" and own or peer
  client.server_hostname = client.server_hostname or "localhost"
  local self = setmetatable({raw = raw, unsent = "", heard = {}}, Wire)
  self.conn = assert(wire.context(side, options[side]):wrap_socket(near, own))
  self.peer = assert(wire.context(far, options[far]):wrap_object(peer))
  return self
end

--- The same after its handshake.
function wire.opened(options)
  local self = wire.open(options)
  for _, result in ipairs(self:handshake()) do
    assert(result[1], result[2])
  end
  return self
end

--- What the peer has to say goes to the SSLSocket, as much as there is room
-- for.
function Wire:carry_out()
  self.unsent = self.unsent .. (self.peer:drain() or "")
  if self.unsent == "" or self.ended then return end
  local last, _, partial = self.raw:send(self.unsent)
  self.unsent = self.unsent:sub((last or partial) + 1)
end

--- What the SSLSocket has said goes to the peer.
function Wire:carry_in()
  while not self.ended and self.peer:buffered() < helpers.FED_MAX do
    local data, err, partial = self.raw:receive(helpers.FED_MAX - self.peer:buffered())
    data = data or partial
    if #data > 0 then
      self.heard[#self.heard + 1] = data
      self.peer:feed(data)
    end
    if err == "closed" then
      self.ended = true
      self.peer:feed(nil)
    elseif err then
      return
    end
  end
end

--- Both ways, then a moment for the kernel.
function Wire:carry()
  self:carry_out()
  self:carry_in()
  if not self.ended then
    socket.select({self.raw}, nil, 0.001)
  end
end

--- Repeats an operation, carrying bytes, until it has an answer.
function Wire:drive(operation)
  local result = wire.together({operation}, function() self:carry() end)[1]
  return unpack(result, 1, result.n)
end

--- Runs both handshakes to their ends: a list of the SSLSocket's and the
-- peer's results.
function Wire:handshake()
  return wire.together({
    function() return self.conn:do_handshake() end,
    function()
      local done, err = self.peer:do_handshake()
      self:carry()
      return done, err
    end}, function() self:carry() end)
end

--- The peer speaks and its bytes leave for the SSLSocket.
function Wire:say(data)
  local sent, deadline = 0, socket.gettime() + helpers.patience
  repeat
    local last, _, partial = self.peer:send(data, sent + 1)
    sent = last or partial
    self:carry_out()
    assert(socket.gettime() < deadline, "nobody takes it")
  until sent == #data and self.unsent == ""
end

--- Raw bytes instead of the peer's.
function Wire:inject(bytes)
  assert(self.raw:send(bytes))
end

--- The peer receives: what came, why no more did, and what came of it.
function Wire:receive(pattern)
  local partial = ""
  return self:drive(function()
    local data, err, rest = self.peer:receive(pattern, partial)
    partial = rest or partial
    return data, err, rest
  end)
end

--- The SSLSocket receives.
function Wire:hear(pattern)
  local partial = ""
  return self:drive(function()
    local data, err, rest = self.conn:receive(pattern, partial)
    partial = rest or partial
    return data, err, rest
  end)
end

--- The peer ends TCP without a word.
function Wire:cut()
  self.raw:shutdown "send"
end

--- The peer closes without a reset: what comes later is answered with one.
function Wire:leave()
  self:carry_in()
  self.raw:close()
  self.ended = true
end

--- The peer resets.
function Wire:reset()
  wire.reset(self.raw)
  self.ended = true
end

--- The types of the TLS records that the SSLSocket has sent: a string of
-- "change" "alert" "handshake" "data", with blanks between them.
function Wire:records()
  local names = {[20] = "change", [21] = "alert", [22] = "handshake", [23] = "data"}
  local bytes, found, at = table.concat(self.heard), {}, 1
  while at + 4 <= #bytes do
    local kind, _, _, high, low = bytes:byte(at, at + 4)
    found[#found + 1] = assert(names[kind], "no TLS record")
    at = at + 5 + high * 256 + low
  end
  assert(at == #bytes + 1, "half a TLS record")
  return table.concat(found, " ")
end

--- Sends as the SSLSocket until its peer, which reads nothing, is full up:
-- the number of bytes encrypted. It was told of fewer.
function Wire:fill()
  local block = ("0123456789abcdef"):rep(16384)
  local told = 0
  while true do
    local last, err, partial = self.conn:send(block)
    told = told + (last or partial)
    if not last then
      assert(err == "timeout", err)
      local _, encrypted = self.conn:getstats()
      assert(told < encrypted)
      return encrypted
    end
  end
end

--- What `fill` sent, the first `n` bytes of it.
function wire.filling(n)
  return ("0123456789abcdef"):rep(math.ceil(n / 16)):sub(1, n)
end

function Wire:close()
  self.conn:close()
  self.peer:close()
  self.raw:close()
end

return wire
