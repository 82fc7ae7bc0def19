-- Whole lives of everything the module makes, for a leak checker to watch:
-- happy ones, failed ones, and ones cut short. `make leaks` runs it.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

local file = helpers.file
local lives = {}

local function ignore() end

local function close(...)
  for _, thing in ipairs {...} do thing:close() end
end

local function talk(client, server)
  assert(helpers.handshake(client, server))
  assert(client:write(("x"):rep(40000)))
  helpers.pump(client, server)
  local count = 0
  while count < 40000 do count = count + #assert(server:read(65536)) end
  for _, side in ipairs {client, server} do
    side:getpeercert()
    side:getpeercert(true)
    ignore(side:cipher(), side:version(), side:pending())
  end
  assert(client:peer_certificate():pem())
end

function lives.objects()
  for _, cert in ipairs {"rsa", "ecdsa", "ed25519", "chained"} do
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local client, server = helpers.pair {
        client = {minimum_version = version, maximum_version = version,
          alpn_protocols = {"h2", "http/1.1"}},
        server = {certfile = file(cert .. ".pem"),
          alpn_protocols = {"http/1.1"}},
      }
      talk(client, server)
      client:shutdown "send"
      helpers.pump(client, server)
      assert(not server:read())
      close(server, client)
    end
  end
end

function lives.mutual()
  local client, server = helpers.pair {
    client = {certfile = file "client.pem"},
    server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"},
  }
  talk(client, server)
  ignore(server:getpeercert().subject[1][1][1])
end

function lives.cut_short()
  for steps = 0, 3 do
    local client, server = helpers.pair()
    for _ = 1, steps do
      client:do_handshake()
      server:do_handshake()
      helpers.pump(client, server)
    end
  end
  collectgarbage()
end

function lives.refusals()
  for _, options in ipairs {
    {host = "other.example"},
    {server = {certfile = file "untrusted.pem"}},
    {server = {certfile = file "expired.pem"}},
    {server = {certfile = file "selfsigned.pem"}},
    {server = {minimum_version = "TLSv1.3"},
      client = {maximum_version = "TLSv1.2"}},
    {server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}},
  } do
    local client, server = helpers.pair(options)
    helpers.handshake(client, server)
    ignore(tostring(select(2, client:read())))
    client:close()
  end
end

-- OCSP responses that are shown, judged, replaced and refused.
function lives.responses()
  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    for _, name in ipairs {"good.ocsp", "revoked.ocsp"} do
      local client, server = helpers.pair {client = {ocsp = "require", maximum_version = version},
        server = {ocsp_response = {file "good.ocsp", file(name)}}}
      helpers.handshake(client, server)
      client:ocsp_response()
      server:ocsp_response(true)
      close(client, server)
    end
  end
  for _, value in ipairs {file "rsa.crt", "x", function() error "no" end, function() return "no" end} do
    assert(not ssl.SSLContext {server_side = true, certfile = file "rsa.pem", ocsp_response = value})
  end
  local bytes = helpers.read_file(file "good.ocsp")
  local list = assert(ssl.load_certificates(helpers.read_file(file "rsa.crt") .. helpers.read_file(file "root.crt")))
  assert(ssl.verify({list[1]}, {roots = list[2], staple = bytes}))
  assert(not ssl.verify({list[1]}, {roots = list[2], staple = bytes:sub(1, -2)}))
  assert(list[1]:ocsp_request(list[2]))
end

function lives.bad_options()
  for _, options in ipairs {
    {certfile = file "missing.pem"}, {certfile = file "empty.pem"},
    {certfile = file "text.pem"}, {certfile = file "garbage.pem"},
    {certfile = file "rsa.crt", keyfile = file "ecdsa.key"},
    {certfile = file "rsa-encrypted.pem", password = "wrong"},
    {certfile = file "rsa-encrypted.pem", password = error},
    {certfile = file "rsa-encrypted.pem", password = "secret"},
    {ca_certs = file "text.pem"}, {ca_data = "nothing"},
    {ciphers = "no such cipher"}, {keyfile = file "rsa.key"},
    {certfile = file "rsa.pem", unknown = 1}, {ciphers = 5},
    {minimum_version = "TLSv1.3", maximum_version = "TLSv1.2"},
  } do
    pcall(ssl.SSLContext, options)
    pcall(ssl.create_default_context, options)
  end
end

function lives.sockets()
  local client, server = helpers.pair {over = "socket"}
  assert(helpers.handshake(client, server))
  client:settimeout(5)
  server:settimeout(5)
  assert(client:send "line\nrest")
  assert(server:receive() == "line")
  assert(server:receive(4) == "rest")
  close(client)
  assert(not server:receive "*l")
  close(server)
end

function lives.abandoned_sockets()
  helpers.handshake(helpers.pair {over = "socket"})
  ignore(helpers.pair {over = "socket"})
  ignore(ssl.wrap_socket(socket.tcp()))
end

function lives.lazy_client()
  local peer = helpers.python_server("notify")
  local conn = assert(ssl.wrap_socket(socket.tcp(), {
    ca_certs = file "roots.crt", cert_reqs = ssl.CERT_REQUIRED}))
  assert(conn:connect("127.0.0.1", peer.port))
  assert(conn:receive "*a" == "hello\n")
  conn:close()
  assert(ssl.get_server_certificate {"127.0.0.1", peer.port})
  conn = assert(ssl.connect("127.0.0.1", peer.port))
  conn:close()
  assert(not ssl.connect("127.0.0.1", peer.port,
    {ca_certs = file "other-root.crt"}))
  peer:stop()
end

function lives.server()
  local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)),
    {server_side = true, certfile = file "rsa.pem"}))
  listener:settimeout(20)
  local _, port = listener:getsockname()
  local peer = helpers.python_client(port, "plain")
  assert(not listener:accept())
  peer:stop()
  peer = helpers.python_client(port, "talk")
  local conn = assert(listener:accept())
  assert(conn:receive() == "hello")
  assert(conn:send "hello\n")
  close(conn, listener)
  peer:wait(20)
end

function lives.functions()
  local pem = helpers.read_file(file "rsa.crt")
  local der = assert(ssl.PEM_cert_to_DER_cert(pem))
  assert(ssl.DER_cert_to_PEM_cert(der))
  ssl.RAND_add("bytes", 0)
  assert(ssl.RAND_status())
  assert(not ssl.RAND_egd(file "no-such-socket"))
end

local names = {}
for name in pairs(lives) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  for _ = 1, 2 do lives[name]() end
  helpers.stop_all()
end
print(("leaks: %d lives, lived twice"):format(#names))
