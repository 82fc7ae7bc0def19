-- handshake.lua DIRECTORY -- a client that verifies and a server with cert.pem
-- and key.pem of that directory, in one process; a line each way. And a client
-- that means another host refuses it.
local ssl = require "luassl"
local directory = arg[1]

local function must(value, err)
  if not value then error(tostring(err), 2) end
  return value
end

local server_context = must(ssl.create_default_context { server_side = true,
  certfile = directory .. "/cert.pem", keyfile = directory .. "/key.pem" })
local client_context = must(ssl.create_default_context { ca_certs = directory .. "/cert.pem" })

local function step(conn)
  local done, err = conn:do_handshake()
  if done or err == "wantread" or err == "wantwrite" then return done end
  return nil, err
end

local function carry(from, to)
  local bytes = from:drain()
  while bytes do
    to:feed(bytes)
    bytes = from:drain()
  end
end

-- Both ends after their handshakes, or nil and the client's error.
local function connect(name)
  local client = must(client_context:wrap_object { server_hostname = name })
  local server = must(server_context:wrap_object { server_side = true })
  for _ = 1, 10 do
    local done, err = step(client)
    carry(client, server)
    local served = step(server)
    carry(server, client)
    if done and served then return client, server end
    if err then return nil, err end
  end
  error "the handshake does not end"
end

local client, server = connect "localhost"
must(client, server)
must(client:send "hello\n")
carry(client, server)
assert(server:receive() == "hello")
must(server:send "good day\n")
carry(server, client)
assert(client:receive() == "good day")

local refused, err = connect "other.example"
assert(not refused and tostring(err):find("localhost", 1, true), tostring(err))
print(("%s, %s, %s: %s"):format(_VERSION, ssl._VERSION, ssl.OPENSSL_VERSION, (client:cipher())))
