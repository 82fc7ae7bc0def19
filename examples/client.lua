-- The reference's client example: connects to an SSL server, prints the
-- server's address and certificate, sends some bytes, reads the response.
--
-- usage: lua client.lua HOST PORT CA_FILE [SERVER_NAME] [PATH]
local socket = require "socket"
local ssl = require "luassl"

local host, port, ca_certs = arg[1], tonumber(arg[2]), arg[3]
local server_name, path = arg[4] or host, arg[5] or "/"
if not ca_certs then
  io.stderr:write "usage: lua client.lua HOST PORT CA_FILE [NAME] [PATH]\n"
  os.exit(2)
end

--- A table the way one would write it down: lists in order, then keys.
local function format(value, indent)
  if type(value) ~= "table" then return ("%q"):format(tostring(value)) end
  local inner = indent .. "  "
  local keys, lines, flat = {}, {}, true
  for key, item in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
    flat = flat and type(item) ~= "table"
  end
  table.sort(keys)
  for _, item in ipairs(value) do lines[#lines + 1] = format(item, inner) end
  for _, key in ipairs(keys) do
    lines[#lines + 1] = key .. " = " .. format(value[key], inner)
  end
  if flat then return "{" .. table.concat(lines, ", ") .. "}" end
  return "{\n" .. inner .. table.concat(lines, ",\n" .. inner)
    .. "\n" .. indent .. "}"
end

--- The value, or the end of this program with the error on stderr.
local function try(value, ...)
  if value ~= nil then return value, ... end
  io.stderr:write("client: ", tostring((...)), "\n")
  os.exit(1, true)
end

local s = socket.tcp()
s:settimeout(10)

-- Require a certificate from the server, for the name we mean to talk to.
local ssl_sock = try(ssl.wrap_socket(s, {
  ca_certs = ca_certs,
  cert_reqs = ssl.CERT_REQUIRED,
  server_hostname = server_name,
}))

try(ssl_sock:connect(host, port))

print("peer", ssl_sock:getpeername())
print("cipher", ssl_sock:cipher())
print("certificate", format(ssl_sock:getpeercert(), ""))

try(ssl_sock:write("GET " .. path .. " HTTP/1.0\r\nHost: " .. server_name
  .. "\r\n\r\n"))

print "response"
local data, err = ssl_sock:read()
while data do
  io.write(data)
  data, err = ssl_sock:read()
end
if err ~= "closed" then try(nil, err) end

-- Closing the SSLSocket also closes the underlying socket.
ssl_sock:close()
