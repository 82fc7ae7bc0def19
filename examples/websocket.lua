-- Sends each line of standard input over a WebSocket (RFC 6455) and prints what
-- comes back.
--
--   lua websocket.lua wss://HOST[:PORT]/PATH CA-FILE <lines.txt
--
-- CA-FILE has the certificates that the server is verified with, "-" for the
-- system's. SHA-1, which the protocol asks for, is luaossl's (Debian:
-- lua-luaossl).
local digest = require "openssl.digest"
local mime = require "mime"
local ssl = require "luassl"

local host, port, path = (arg[1] or ""):match "^wss://([%w.-]+):?(%d*)(/?[!-~]*)$"
local ca = arg[2]
if not host or not ca then
  io.stderr:write "usage: websocket.lua wss://HOST[:PORT]/PATH CA-FILE <lines.txt\n"
  os.exit(2)
end
port = tonumber(port) or 443

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("websocket: ", tostring(err), "\n")
  os.exit(1, true)
end

local conn = try(ssl.connect(host, port, { ca_certs = ca ~= "-" and ca or nil,
  alpn_protocols = { "http/1.1" }, timeout = 30 }))
conn:settimeout(30)
print("over " .. conn:version() .. " with " .. conn:cipher())

--- The opening handshake ------------------------------------------------------

local key = mime.b64(ssl.RAND_bytes(16))
try(conn:send(table.concat({ "GET " .. (path ~= "" and path or "/") .. " HTTP/1.1",
  "Host: " .. host .. (port ~= 443 and ":" .. port or ""), "Upgrade: websocket", "Connection: Upgrade",
  "Sec-WebSocket-Key: " .. key, "Sec-WebSocket-Version: 13", "", "" }, "\r\n")))
local status = try(conn:receive "*l")
try(status:find "^HTTP/1%.1 101", "the server answers: " .. status)
local headers, lines = {}, 0
for line in function() return try(conn:receive "*l") end do
  if line == "" then break end
  lines = lines + 1
  try(lines <= 100, "too many header lines")
  local name, value = line:match "^([^:]+):%s*(.-)%s*$"
  if name then headers[name:lower()] = value end
end
local proof = mime.b64(digest.new("sha1"):final(key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
try(headers["sec-websocket-accept"] == proof, "the server has not read our key")
try(not headers["sec-websocket-extensions"], "an extension that was not asked for")

--- Frames ---------------------------------------------------------------------

local TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
local SIZE_MAX = 1048576

-- Of two numbers below 256.
local function exclusive_or(a, b)
  local result = 0
  for n = 0, 7 do result = result + (math.floor(a / 2 ^ n) + math.floor(b / 2 ^ n)) % 2 * 2 ^ n end
  return result
end

local function int(n, size)
  local bytes = {}
  for i = size, 1, -1 do bytes[i], n = string.char(n % 256), math.floor(n / 256) end
  return table.concat(bytes)
end

-- What a client sends is masked: caches in between must not take it for HTTP.
local function send(kind, data)
  local mask = ssl.RAND_bytes(4)
  local size = #data < 126 and int(128 + #data, 1) or #data < 65536 and int(254, 1) .. int(#data, 2)
    or int(255, 1) .. int(#data, 8)
  try(conn:send(string.char(128 + kind) .. size .. mask .. data:gsub("()(.)", function(i, char)
    return string.char(exclusive_or(char:byte(), mask:byte((i - 1) % 4 + 1)))
  end)))
end

local function number(size)
  local n = 0
  for _, byte in ipairs { try(conn:receive(size)):byte(1, size) } do n = n * 256 + byte end
  return n
end

-- The next message; what is no text is answered on the way.
local function receive()
  local message = ""
  while true do
    local first, size = number(1), number(1)
    try(size < 128, "the server masks its frames")
    if size > 125 then size = number(size == 126 and 2 or 8) end
    try(#message + size <= SIZE_MAX, "the server sends too much")
    local data, kind = size > 0 and try(conn:receive(size)) or "", first % 16
    if kind == PING then send(PONG, data)
    elseif kind == CLOSE then return nil
    elseif kind < 8 then
      message = message .. data
      if first >= 128 then return message end
    end
  end
end

for line in io.lines() do
  send(TEXT, line)
  print((try(receive(), "the server closes")))
end
send(CLOSE, int(1000, 2))
repeat until not receive()
conn:close()
