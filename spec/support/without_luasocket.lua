-- without_luasocket.lua [hidden] -- a program without LuaSocket: it is not
-- where Lua looks (hidden), or to load it raises. Prints "done" once all has
-- worked that has to.
local hidden = ...

if hidden then
  package.path = os.getenv "LUA_PATH":match "^(.-);;"
  package.cpath = os.getenv "LUASSL_BUILD" .. "/?.so"
else
  for _, name in ipairs { "socket", "socket.core", "mime", "mime.core" } do
    package.preload[name] = function() error(name .. " is not for this program\nnor any other") end
  end
end
assert(not pcall(require, "socket") and not pcall(require, "mime"))

local ssl = require "luassl"

local function path(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

local function read(name)
  local file = assert(io.open(path(name), "rb"))
  local content = file:read "*a"
  file:close()
  return content
end

local client = assert(assert(ssl.create_default_context { ca_certs = path "root.crt" })
  :wrap_object { server_hostname = "localhost" })
local server = assert(assert(ssl.SSLContext { server_side = true, certfile = path "rsa.pem" })
  :wrap_object {})

local function carry()
  for from, to in pairs { [client] = server, [server] = client } do
    local bytes = from:drain()
    if bytes then assert(to:feed(bytes) == #bytes) end
  end
end

local client_done, server_done
for _ = 1, 20 do
  client_done = client:do_handshake()
  carry()
  server_done = server:do_handshake()
  carry()
end
assert(client_done and server_done)
assert(client:write "there" == 5)
carry()
assert(server:read() == "there")
assert(server:write "and back" == 8)
carry()
assert(client:read() == "and back")

local der = read "rsa.der"
local pem = assert(ssl.DER_cert_to_PEM_cert(der))
assert(pem == client:peer_certificate():pem())
assert(ssl.PEM_cert_to_DER_cert(pem) == der)
assert(ssl.cert_time_to_seconds "May  9 00:00:00 2007 GMT" == 1178668800)
assert(client:getpeercert().subject)
assert(ssl.RAND_status() == true and #ssl.RAND_bytes(8) == 8)
local _, err = ssl.PEM_cert_to_DER_cert "nothing"
assert(err:is(ssl.SSLError))
local _, writable = ssl.poll(nil, nil, 0)
assert(#writable == 0)

-- What needs LuaSocket says so, at the line that asked for it, each time.
local function refused(operation, call)
  for _ = 1, 2 do
    local done, message = pcall(call)
    assert(not done)
    local line, text = message:match "without_luasocket%.lua:(%d+): (.*)$"
    assert(line == tostring(debug.getinfo(call, "S").linedefined), message)
    assert(text:find(operation .. " needs LuaSocket: luarocks install luasocket (", 1, true) == 1, message)
    assert(text:find "[sS]ocket.*%)$" and not text:find "\n", message)
  end
end

local context = assert(ssl.SSLContext())
refused("wrap_socket", function() ssl.wrap_socket({}, { server_hostname = "localhost" }) end)
refused("wrap_socket", function() context:wrap_socket {} end)
refused("connect", function() ssl.connect("localhost", 1) end)
refused("get_server_certificate", function() ssl.get_server_certificate { "localhost", 1 } end)

local https = require "luassl.https"
refused("https.request", function() https.request "https://localhost:1/" end)
refused("https.client", function() https.client() end)

client:close()
server:close()
print "done"
