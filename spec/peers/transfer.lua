-- transfer.lua ROLE MODE CONTENT DIGEST [PORT] -- one process of ours that
-- carries bytes, as client or server; PORT is where a client connects.
--   duplex  sends CONTENT and receives at the same time, never waiting inside
--           of TLS
--   source  sends CONTENT in large pieces, then close_notify; then receives
--   sink    receives by count and as it comes, then sends CONTENT
--   lines   receives lines too: what the peer makes has no carriage returns
--   echo    sends back what comes
-- CONTENT is a file, or a number of MiB that are made on the way; "-": nothing.
-- The SHA-256 of what was sent and received goes to DIGEST.sent and
-- DIGEST.received, "ready PORT", "done" and the most memory it took to the
-- output.
local socket = require "socket"
local ssl = require "luassl"

local role, mode, content, digest, port = ...
local MIB = 1048576
local PATIENCE = 60  -- seconds for any single operation

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

-- Opened before any socket is, which they would inherit.
local function hasher(name)
  local quiet = "LD_PRELOAD= openssl dgst -sha256 -r >"  -- nothing injected
  return assert(io.popen(quiet .. digest .. name, "w"))
end
local sent, received = hasher ".sent", hasher ".received"

-- A MiB of any bytes but carriage returns.
local function base()
  local bytes, state = {}, 1
  for i = 1, MIB / 16 do
    local block = {}
    for j = 1, 16 do
      state = (state * 16807) % 2147483647  -- fits a double
      local byte = math.floor(state / 256) % 256
      block[j] = string.char(byte == 13 and 10 or byte)
    end
    bytes[i] = table.concat(block)
  end
  return table.concat(bytes)
end

-- Gives CONTENT piece by piece, then nil. No MiB is like another: none can be
-- missing, doubled or out of order unseen.
local function pieces()
  local count = tonumber(content)
  if content == "-" then return function() end end
  if not count then
    local input = assert(io.open(content, "rb"))
    return function() return input:read(300007) end
  end
  local block, i = base(), 0
  return function()
    if i == count then return nil end
    i = i + 1
    collectgarbage()
    local cut = i * 7919 % MIB
    return ("%d:"):format(i) .. block:sub(cut + 1) .. block:sub(1, cut)
  end
end

local heard = 0

-- Lua's own garbage shall not hide how much memory the connection takes.
local function keep(data)
  assert(received:write(data))
  heard = heard + #data
  if heard < MIB then return end
  heard = 0
  collectgarbage()
end

local function duplex(connection)
  local next_piece = pieces()
  local piece, last, shut = nil, 0, false
  local open = true
  connection:settimeout(0)
  local function push()
    if not piece then piece, last = next_piece(), 0 end
    if not piece then
      local ok, err = connection:shutdown "send"
      assert(ok or err == "timeout", err)
      shut = ok
      return
    end
    local index, err, partial = connection:send(piece, last + 1)
    assert(index or err == "timeout", err)
    last = index or partial
    if index then
      sent:write(piece)
      piece = nil
    end
  end
  local function pull()
    local data, err, partial = connection:receive(65536)
    keep(data or partial)
    open = data or err ~= "closed"
    assert(data or err == "timeout" or err == "closed", err)
  end
  while open or not shut do
    if not shut then push() end
    if open then pull() end
    local _, write = connection:want()
    if open or not shut then
      local _, _, err = socket.select({open and connection or nil},
        {(not shut or write) and connection or nil}, PATIENCE)
      assert(not err, err)
    end
  end
end

local function source(connection)
  for piece in pieces() do
    assert(connection:send(piece))
    sent:write(piece)
  end
  assert(connection:shutdown "send")
end

local function receive_line(connection)
  local line, err, partial = connection:receive "*l"
  return line and line .. "\n" or partial, err
end

local function receive_count(connection)
  local data, err, partial = connection:receive(100003)
  return data or partial, err
end

local function read(connection)
  return connection:read(40001)
end

local function sink(connection, ...)
  local ways = {receive_count, read, ...}
  local i = 0
  local data, err
  repeat
    i = i + 1
    data, err = ways[i % #ways + 1](connection)
    if data then keep(data) end
  until err
  assert(err == "closed", err)
end

local function echo(connection)
  while true do
    local data, err = connection:read(65536)
    if not data then return assert(err == "closed", err) end
    keep(data)
    assert(connection:write(data))
    sent:write(data)
  end
end

local function serve()
  local context = assert(ssl.SSLContext {
    server_side = true, certfile = file "rsa.pem"})
  local listener = assert(context:wrap_socket(socket.bind("127.0.0.1", 0)))
  listener:settimeout(PATIENCE)
  print("ready " .. select(2, listener:getsockname()))
  io.stdout:flush()
  return assert(listener:accept())
end

local function connect()
  return assert(ssl.connect("127.0.0.1", tonumber(port),
    {server_hostname = "localhost", timeout = PATIENCE}))
end

local connection = role == "server" and serve() or connect()
connection:settimeout(PATIENCE)
local modes = {
  duplex = duplex,
  echo = echo,
  source = function(c) source(c); sink(c) end,
  sink = function(c) sink(c); source(c) end,
  lines = function(c) sink(c, receive_line); source(c) end,
}
modes[mode](connection)
assert(connection:close())
sent:close()
received:close()
for line in io.lines "/proc/self/status" do
  if line:find "^VmHWM" then print(line) end
end
print "done"
