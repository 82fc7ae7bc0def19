-- The reference's server example: accepts connections on a LuaSocket object,
-- makes TLS of each, talks to the client, goes back to listening.
--
-- usage: lua server.lua HOST PORT CERT_FILE KEY_FILE [CLIENTS]
-- Ends after that many served clients; for ever without a number. Port 0:
-- any free one.
local socket = require "socket"
local ssl = require "luassl"

local host, port, certfile, keyfile = arg[1], tonumber(arg[2]), arg[3], arg[4]
local clients = tonumber(arg[5]) or math.huge
if not keyfile then
  io.stderr:write "usage: lua server.lua HOST PORT CERT KEY [CLIENTS]\n"
  os.exit(2)
end

--- Answers a request when all of it is there; false: finished with client.
local function do_something(connstream, request)
  if not request:find("\r\n\r\n", 1, true) then return true end
  local body = "Hello from LuaSSL: " .. request:match "^[^\r]*" .. "\n"
  connstream:write("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n"
    .. "Content-Length: " .. #body .. "\r\n\r\n" .. body)
  return false
end

local function deal_with_client(connstream)
  local request = ""
  local data, err = connstream:read()
  -- No data means the client is finished with us.
  while data do
    request = request .. data
    if #request > 65536 or not do_something(connstream, request) then break end
    data, err = connstream:read()
  end
  if not data and err ~= "closed" then
    io.stderr:write("client lost: ", tostring(err), "\n")
  end
  -- Finished with client.
  connstream:close()
end

local bindsocket = assert(socket.bind(host, port))
print("listening on " .. table.concat({bindsocket:getsockname()}, ":", 1, 2))
io.stdout:flush()

local served = 0
while served < clients do
  local newsocket = assert(bindsocket:accept())
  newsocket:settimeout(10)
  local from = table.concat({newsocket:getpeername()}, ":", 1, 2)
  local connstream, err = ssl.wrap_socket(newsocket, {
    server_side = true,
    certfile = certfile,
    keyfile = keyfile,
    ssl_version = ssl.PROTOCOL_TLS,
  })
  if connstream then
    print("client " .. from .. " speaks " .. connstream:cipher())
    deal_with_client(connstream)
    served = served + 1
  else
    -- One bad client is no reason to stop.
    io.stderr:write("no TLS with ", from, ": ", tostring(err), "\n")
    newsocket:close()
  end
  io.stdout:flush()
end
bindsocket:close()
