--- What the examples of the docstrings run in: the names that they use, made when
-- they are first used, each a real thing. Files, hosts and ports of an example
-- become those of the specs.
local helpers = require "spec.support.helpers"
local https = require "luassl.https"
local socket = require "socket"
local ssl = require "luassl"

local usages = {}

local PATIENCE = 10

-- ---- the example's text

local FILES = {
  ["ca.crl"] = "root.crl", ["all.crl"] = "root.crl", ["ca.pem"] = "root.crt", ["client.key"] = "client.key",
  ["client.pem"] = "client.pem", ["clients.pem"] = "root.crt", ["default.pem"] = "rsa.pem", ["ecdsa.key"] = "ecdsa.key",
  ["ecdsa.pem"] = "ecdsa.crt", ["key.pem"] = "rsa.key", ["new.key"] = "rsa.key", ["new.pem"] = "rsa.crt",
  ["rsa.key"] = "rsa.key", ["rsa.pem"] = "rsa.crt", ["server.ocsp"] = "good.ocsp", ["server.p12"] = "ecdsa.p12",
  ["server.pem"] = "rsa.pem",
}

local big, port_to_come

--- The code with names that exist here. `ports` has `web`, `proxy`, `tls_proxy`
-- as functions.
function usages.localize(code, ports)
  code = code:gsub('"proxy%.example", 3128', function() return ('"localhost", %d'):format(ports.proxy()) end)
  code = code:gsub('"proxy%.example", 443', function() return ('"localhost", %d'):format(ports.tls_proxy()) end)
  code = code:gsub('"example%.com", 443', function() return ('"localhost", %d'):format(ports.web()) end)
  code = code:gsub('"https://example%.com/', function() return ('"https://localhost:%d/'):format(ports.web()) end)
  code = code:gsub('"%*", 8443', function() return ('"127.0.0.1", %d'):format(port_to_come()) end)
  code = code:gsub('"example%.com"', '"localhost"'):gsub('"www%.example%.com"', '"localhost"')
  code = code:gsub('"192%.0%.2%.1"', '"127.0.0.1"')
  return (code:gsub('"([%w_/]+%.[%w]+)"', function(name)
    if FILES[name] then return ("%q"):format(helpers.file(FILES[name])) end
    if name == "big.iso" then
      big = big or helpers.temp_file(("x"):rep(100000))
      return ("%q"):format(big)
    end
    if name == "/home/me/keys.log" then return ("%q"):format(helpers.temp_name()) end
  end))
end

-- ---- peers

local FAR = [[
local what, port, file, ca = ...
local socket = require "socket"
local ssl = require "luassl"
local deadline = socket.gettime() + 20
local options = {ca_certs = ca, certfile = file, post_handshake_auth = true, timeout = 5}
local conn
repeat
  conn = ssl.connect("localhost", tonumber(port), options)
until conn or socket.gettime() > deadline
conn:settimeout(10)
conn:send("GET /private/ HTTP/1.0\r\nHost: localhost\r\n\r\n" .. ("x"):rep(2000) .. "\r\nend\r\n")
if what == "reads" then
  conn:read(1)
  conn:send "again\r\n"
end
conn:receive "*a"
conn:close()]]

-- Another process that is a client of `port` as soon as something listens.
local function far_client(port, what)
  return helpers.lua(FAR, what or "waits", port, helpers.file "client.pem", helpers.file "root.crt")
end

local WEB = [[
local socket = require "socket"
local ssl = require "luassl"
local context = assert(ssl.create_default_context {server_side = true, certfile = (...)})
local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)), {server_side = true}))
print("port", (select(2, listener:getsockname())))
io.stdout:flush()
while true do
  local conn = listener:accept()
  local length, line = 0, nil
  repeat
    line = conn and conn:receive "*l" or ""
    length = tonumber(line:lower():match "^content%-length: (%d+)") or length
  until line == ""
  if conn then
    if length > 0 then conn:receive(length) end
    conn:send "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
    conn:close()
  end
end]]

--- An HTTPS server that answers everything with "ok": its port.
function usages.web_server()
  return tonumber(helpers.lua(WEB, helpers.file "rsa.pem"):expect "port%s(%d+)\n")
end

port_to_come = function()
  local port = helpers.free_port()
  far_client(port)
  return port
end

-- ---- things

local makers = {}

-- A client's end of a connection, and what it is told: some lines, then the end.
local function connect(env, settings)
  settings = settings or {}
  local client, server = helpers.pair {over = "socket", client = settings.client, server = settings.server}
  assert(helpers.handshake(client, server))
  client:settimeout(PATIENCE)
  server:settimeout(PATIENCE)
  for i = 1, settings.lines or 100 do assert(server:send(("line %d of what a server says\r\n"):format(i))) end
  assert(server:shutdown "send")
  env.hold(client, server)
  return client, server
end

-- Its tickets have come with the first line.
function makers.conn(env)
  local conn = connect(env)
  assert(conn:receive "*l")
  return conn
end

function makers.context(env)
  if env.wants_server then
    return assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
  end
  return assert(ssl.create_default_context {ca_certs = helpers.file "root.crt", crl_file = helpers.file "root.crl"})
end

-- A listening socket with a client that has not begun yet.
function makers.listener(env)
  local context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem", max_early_data = 1000})
  local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)),
    {server_side = true, do_handshake_on_connect = false}))
  local _, port = listener:getsockname()
  env.hold(listener)
  far_client(port)
  return listener
end

function makers.client(env) return env.conn end

function makers.server(env)
  local context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
  local server = assert(context:wrap_socket(socket.tcp(), {server_side = true}))
  assert(server:bind("127.0.0.1", 0))
  env.hold(server)
  return server
end

-- What TLS can begin on: LuaSocket's, connected to a server.
function makers.sock(env)
  local sock = assert(socket.connect("127.0.0.1", env.ports.web()))
  sock:settimeout(PATIENCE)
  env.hold(sock)
  return sock
end

local function objects(env)
  local object, peer = helpers.pair()
  env.hold(object, peer)
  assert(helpers.handshake(object, peer))
  assert(peer:write(("x"):rep(3000)))
  env.transport = {
    send = function(_, bytes) return peer:feed(bytes) end,
    receive = function() return peer:drain() end,
  }
  return object
end

function makers.object(env) return objects(env) end

function makers.transport(env)
  objects(env)
  return env.transport
end

-- A stream over a LuaSocket object: a server's, whose client is another process.
function makers.stream(env)
  local context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem",
    ca_certs = helpers.file "root.crt"})
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  far_client(port, env.is_exchange and "reads")
  listener:settimeout(PATIENCE)
  local sock = assert(listener:accept())
  listener:close()
  env.hold(sock)
  local stream = assert(context:wrap_stream(sock, {server_side = true}))
  stream:settimeout(PATIENCE)
  env.hold(stream)
  if env.is_exchange then
    assert(stream:receive "*l")
    assert(stream:send "x")
  end
  return stream
end

local function certificates(name)
  return assert(ssl.load_certificates(helpers.read_file(helpers.file(name))))
end

function makers.certificate() return certificates "rsa.crt"[1] end
function makers.leaf() return certificates "rsa.crt"[1] end
function makers.root() return certificates "root.crt"[1] end
makers.ca, makers.issuer = makers.root, makers.root
function makers.pem() return helpers.read_file(helpers.file "rsa.crt") end
makers.text = makers.pem
function makers.known(env) return env.pem end
function makers.digest() return ("00"):rep(32) end

function makers.session(env) return assert(env.conn:session()) end
makers.earlier = makers.session

function makers.key() return (ssl.RAND_bytes(32)) end
function makers.keys(env) return {hub = {identity = "sensor-17", key = env.key}} end
function makers.bytes(env) return assert(env.session:save(env.key)) end
function makers.new() return assert(ssl.new_ticket_key()) end
makers.last, makers.last_key, makers.one_before = makers.new, makers.new, makers.new

-- An error of each kind that the examples tell apart.
function makers.err()
  local _, server = helpers.pair {server = {certfile = helpers.file "expired.pem"}}
  local client = assert(ssl.SSLContext {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt"})
  client = assert(client:wrap_object {server_hostname = "localhost"})
  local _, err = helpers.handshake(client, server)
  client:close()
  server:close()
  return assert(err)
end

function makers.done() return nil end

function makers.sites(env)
  return {localhost = {context = assert(env.real.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})}}
end
function makers.a() return assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"}) end
makers.b = makers.a

function makers.sessions() return {} end
function makers.revoked() return {} end
function makers.passphrases() return {} end
function makers.host() return "localhost" end
function makers.request() return "GET / HTTP/1.0\r\n\r\n" end
function makers.https() return https end
function makers.socket() return socket end
function makers.posix() return {fork = function() return 1 end} end
function makers.redis()
  return {get = function() end, setex = function() end, del = function() end}
end
function makers.read_file() return helpers.read_file end

for _, name in ipairs {"check", "forbid", "keep", "log", "prepare", "read_pin", "renew", "serve", "serve_http2"} do
  makers[name] = function() return function() return true end end
end

-- ---- the environment

local function nothing() end

--- A table of globals for one example. `env.hold(things...)` has `env.release()`
-- close them; `settings` go into it as they are.
function usages.environment(settings)
  local held, env = {}, {}
  local globals = {
    print = nothing, io = {write = nothing}, real = ssl, ssl = ssl, assert = assert, ipairs = ipairs, pairs = pairs,
    pcall = pcall, type = type, tostring = tostring, require = require, error = error, math = math, os = os,
    string = string, table = table, select = select,
  }
  for name, value in pairs(settings or {}) do globals[name] = value end
  function env.hold(...)
    for _, thing in ipairs {...} do held[#held + 1] = thing end
  end
  function env.release()
    for i = #held, 1, -1 do held[i]:close() end
    held = {}
    for name in pairs(env) do env[name] = nil end
  end
  return setmetatable(env, {__index = function(self, name)
    if globals[name] ~= nil then return globals[name] end
    local make = makers[name] or error("an example uses what spec/support/usages.lua does not have: " .. name, 2)
    local thing = make(self)
    rawset(self, name, thing)
    return thing
  end})
end

usages.connect, usages.far_client, usages.makers = connect, far_client, makers

return usages
