-- Clients as they are written for LuaSec's API, on our modules: MQTT, PostgreSQL
-- with a channel binding, Redis.
local helpers = require "spec.support.helpers"
local postgresql = require "spec.support.postgresql"
local preference = require "spec.support.luasec_preference"
local socket = require "socket"
local ssl = preference.is_reference() and require "ssl" or require "luassl.luasec"

helpers.audit()

local file = helpers.file

local function program(name)
  local argv = {"sh", "-c", ("PATH=$PATH:/usr/sbin command -v %s"):format(name)}
  local peer = helpers.spawn(argv)
  return peer:wait() == 0 and peer:output():match "%S+" or nil
end

-- TLS over a connected socket, as LuaSec's programs do it.
local function secure(sock, more)
  local parameters = {
    mode = "client", protocol = "any", verify = {"peer", "fail_if_no_peer_cert"}, cafile = file "root.crt",
    options = {"all", "no_sslv2", "no_sslv3", "no_tlsv1"},
  }
  for name, value in pairs(more or {}) do parameters[name] = value end
  local conn = assert(ssl.wrap(sock, parameters))
  conn:sni "localhost"
  assert(conn:dohandshake())
  conn:settimeout(helpers.patience)
  return conn
end

local function dial(port)
  local sock = assert(socket.connect("127.0.0.1", port))
  sock:settimeout(helpers.patience)
  return sock
end

local mosquitto, redis = program "mosquitto", program "redis-server"

describe("a client that was written for LuaSec", function()
  local function field(text) return string.char(0, #text) .. text end

  -- One packet: its first byte, and what is in it.
  local function packet(conn)
    local kind = assert(conn:receive(1)):byte()
    local size = assert(conn:receive(1)):byte()
    return kind, size > 0 and assert(conn:receive(size)) or ""
  end

  it("publishes and is told by mosquitto", function()
    if not mosquitto then return pending "mosquitto is not installed" end
    local port = helpers.free_port()
    local conf = helpers.temp_file(("listener %d 127.0.0.1\nallow_anonymous true\ncertfile %s\nkeyfile %s\n"
      .. "cafile %s\nrequire_certificate true\nuse_identity_as_username true\nuser root\n")
      :format(port, file "rsa.crt", file "rsa.key", file "root.crt"))
    local server = helpers.spawn {mosquitto, "-c", conf}
    helpers.wait_for_port(port)
    local conn = secure(dial(port), {certificate = file "client.crt", key = file "client.key"})
    assert(conn:send("\16\15" .. field "MQTT" .. "\4\2\0\60" .. field "lua"))
    assert.same({32, "\0\0"}, {packet(conn)})
    assert(conn:send("\130\9\0\1" .. field "news" .. "\0"))
    assert.same({144, "\0\1\0"}, {packet(conn)})
    assert(conn:send("\48\11" .. field "news" .. "hello"))
    assert.same({48, field "news" .. "hello"}, {packet(conn)})
    conn:settimeout(0)
    local data, err = conn:receive(1)
    assert.is_nil(data)
    assert.equal("wantread", err)
    conn:settimeout(helpers.patience)
    assert(conn:send "\224\0")
    conn:close()
    server:stop()
  end)

  it("logs in to PostgreSQL, bound to the server's certificate", function()
    if not postgresql.found then return pending "PostgreSQL is not installed" end
    local server = postgresql.start "rsa"
    local sock = dial(server.port)
    postgresql.ask_for_tls(sock)
    local conn = secure(sock)
    local certificate = conn:getpeercertificate()
    assert.truthy(certificate:pem():find "^%-+BEGIN CERTIFICATE")
    local hash = certificate:getsignaturename():lower():match "sha%d+"
    local binding = certificate:digest(hash):gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
    assert.is_true(postgresql.log_in(conn, server, "p=tls-server-end-point,,", binding))
    conn:close()
    server:stop()
  end)

  it("speaks to Redis", function()
    if not redis then return pending "Redis is not installed" end
    local port = helpers.free_port()
    local server = helpers.spawn {redis, "--port", 0, "--tls-port", port, "--bind", "127.0.0.1", "--save", "",
      "--tls-cert-file", file "rsa.crt", "--tls-key-file", file "rsa.key", "--tls-ca-cert-file", file "root.crt"}
    server:expect "(Ready to accept connections)"
    local conn = secure(dial(port), {certificate = file "client.crt", key = file "client.key"})
    local long = ("x"):rep(300000)
    assert.equal("+PONG", (conn:send "PING\r\n" and conn:receive()))
    assert(conn:send(("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n%s\r\n"):format(#long, long)))
    assert.equal("+OK", conn:receive())
    assert(conn:send "GET a\r\n")
    assert.equal("$300000", conn:receive "*l")
    assert.equal(long, conn:receive(#long))
    assert.equal("", conn:receive "*l")
    conn:close()
    server:stop()
  end)
end)
