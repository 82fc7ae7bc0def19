-- Publishes to an MQTT broker over TLS, or prints what others publish (MQTT 3.1.1).
--
--   lua mqtt.lua HOST PORT CA-FILE TOPIC MESSAGE      publishes, once it is acknowledged
--   lua mqtt.lua HOST PORT CA-FILE TOPIC [-n COUNT]   subscribes; for ever, or COUNT messages
--
-- CA-FILE has the certificates that the broker is verified with, "-" for the
-- system's. MQTT_USER and MQTT_PASSWORD in the environment log in.
local ssl = require "luassl"

local host, port, ca, topic = arg[1], tonumber(arg[2]), arg[3], arg[4]
local message = arg[5] ~= "-n" and arg[5] or nil
local count = arg[5] == "-n" and tonumber(arg[6]) or math.huge
if not port or not topic then
  io.stderr:write "usage: mqtt.lua HOST PORT CA-FILE TOPIC [MESSAGE | -n COUNT]\n"
  os.exit(2)
end

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("mqtt: ", tostring(err), "\n")
  os.exit(1, true)
end

local KEEP_ALIVE = 30  -- seconds: the broker hears of us at least as often
local CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
local SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14

local conn = try(ssl.connect(host, port, { ca_certs = ca ~= "-" and ca or nil, timeout = 30 }))
print("over " .. conn:version() .. " with " .. conn:cipher())

--- Packets --------------------------------------------------------------------

local function int16(n)
  return string.char(math.floor(n / 256), n % 256)
end

local function text(s)
  return int16(#s) .. s
end

local function send(kind, flags, body)
  local size, length = #body, ""
  repeat
    local rest = math.floor(size / 128)
    length = length .. string.char(size % 128 + (rest > 0 and 128 or 0))
    size = rest
  until size == 0
  try(conn:send(string.char(kind * 16 + flags) .. length .. body))
end

-- The next packet: kind, flags, body. While none comes it tells the broker that
-- we are there; `unanswered`: it has been told, and nothing has come since.
local function receive()
  local first, err, unanswered
  repeat
    conn:settimeout(KEEP_ALIVE / 2)
    first, err = conn:receive(1)
    if err == "timeout" then
      try(not unanswered, "the broker is silent")
      send(PINGREQ, 0, "")
      unanswered = true
    end
  until err ~= "timeout"
  try(first, err)
  local size, factor = 0, 1
  local byte
  repeat
    byte = try(conn:receive(1)):byte()
    size, factor = size + byte % 128 * factor, factor * 128
    try(factor <= 128 ^ 4, "no packet of MQTT")
  until byte < 128
  try(size <= 1048576, "the broker sends too much")
  return math.floor(first:byte() / 16), first:byte() % 16, size > 0 and try(conn:receive(size)) or ""
end

-- The body of the next packet of a kind. Others mean nothing to us here.
local function expect(kind)
  local got, _, body
  repeat got, _, body = receive() until got == kind
  return body
end

--- The session ----------------------------------------------------------------

local user, password = os.getenv "MQTT_USER", os.getenv "MQTT_PASSWORD"
local flags = 2 + (user and 128 or 0) + (user and password and 64 or 0)  -- 2: nothing is kept
-- A name of our own: a broker ends the session of a client that has the same.
local id = "luassl-" .. ssl.RAND_bytes(8):gsub(".", function(char) return ("%02x"):format(char:byte()) end)
send(CONNECT, 0, text "MQTT" .. string.char(4, flags) .. int16(KEEP_ALIVE) .. text(id)
  .. (user and text(user) or "") .. (user and password and text(password) or ""))
local code = expect(CONNACK):byte(2)
try(code == 0, "the broker refuses us, with code " .. tostring(code))

if message then
  send(PUBLISH, 2, text(topic) .. int16(1) .. message)  -- 2: it answers PUBACK
  expect(PUBACK)
  print("published to " .. topic)
else
  send(SUBSCRIBE, 2, int16(1) .. text(topic) .. "\0")  -- 0: nobody waits for us
  code = expect(SUBACK):byte(3)
  try(code == 0, "the broker refuses the topic")
  print("subscribed to " .. topic)
  io.stdout:flush()
  while count > 0 do
    local kind, _, body = receive()
    if kind == PUBLISH then
      local size = body:byte(1) * 256 + body:byte(2)
      print(body:sub(3, 2 + size) .. ": " .. body:sub(3 + size))
      io.stdout:flush()
      count = count - 1
    else try(kind == PINGRESP, "an unexpected packet") end
  end
end
send(DISCONNECT, 0, "")
conn:close()
