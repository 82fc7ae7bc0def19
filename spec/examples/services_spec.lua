-- The examples that speak to services, each against the real one: Redis,
-- PostgreSQL, mosquitto, and a server of WebSockets.
local examples = require "spec.support.examples"
local helpers = require "spec.support.helpers"
local postgresql = require "spec.support.postgresql"
local socket = require "socket"

helpers.audit()

local file, holds = helpers.file, examples.holds
local luaossl = pcall(require, "openssl.kdf")

describe("examples/redis_commands.lua", function()
  local with_redis = examples.needs {["redis-server"] = examples.program "redis-server"}

  with_redis("sends commands to Redis, which asks it for a certificate", function()
    local port = helpers.free_port()
    local server = helpers.spawn {"redis-server", "--port", 0, "--tls-port", port, "--bind", "127.0.0.1", "--save", "",
      "--tls-cert-file", file "rsa.crt", "--tls-key-file", file "rsa.key", "--tls-ca-cert-file", file "root.crt",
      "--requirepass", "a-secret"}
    server:expect "(Ready to accept connections)"
    local function run(commands, ...)
      return examples.run("redis_commands", {"localhost", port, file "root.crt", ...}, {input = commands,
        env = {REDIS_PASSWORD = "a-secret"}})
    end
    local status, text = run("SET name value\nGET name\nGET none\n\nRPUSH list one two\nLRANGE list 0 -1\nNONSENSE\n"
      .. ("INCR counter\n"):rep(250), file "client.crt", file "client.key")
    assert.equal(0, status, text)
    holds(text, "AUTH\n  OK\nSET name value\n  OK\nGET name\n  value\nGET none\n  nothing\n",
      "LRANGE list 0 -1\n    one\n    two\nNONSENSE\n  error: ERR unknown command", "INCR counter\n  250\n")
    status, text = run("GET name\n", file "client.pem")
    assert.equal(0, status, text)
    status, text = run "GET name\n"
    assert.equal(1, status)
    holds(text, "redis_commands: ")
    assert.is_nil(text:find("value", 1, true))
    server:stop()
  end)
end)

describe("examples/postgresql_scram.lua", function()
  local with_postgresql = examples.needs {PostgreSQL = postgresql.found, luaossl = luaossl}

  with_postgresql("logs in bound to the certificate, and runs SQL", function()
    local server = postgresql.start "rsa"
    local function run(password, sql)
      return examples.run("postgresql_scram", {"localhost", server.port, file "root.crt", server.user, "postgres", sql},
        {env = {PGPASSWORD = password}})
    end
    local status, text = run(server.password, "SELECT n, n * n, NULL FROM generate_series(1, 3) n")
    assert.equal(0, status, text)
    holds(text, "over TLSv1.3 with TLS_", "logged in, bound to the server's certificate\n1\t1\t\n2\t4\t\n3\t9\t\n")
    status, text = run(server.password, "SELECT nonsense")
    assert.equal(1, status)
    holds(text, 'column "nonsense" does not exist')
    status, text = run("wrong", "SELECT 1")
    assert.equal(1, status)
    holds(text, "password authentication failed")
    server.stop()
  end)

  -- What a server in clear says to the request for TLS.
  local function answered(bytes)
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(helpers.patience)
    local program = examples.start("postgresql_scram", {"localhost", select(2, listener:getsockname()),
      file "root.crt", "me", "postgres", "SELECT 1"}, {env = {PGPASSWORD = "a-secret"}})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert(conn:send(bytes))
    assert.equal("\0\0\0\8\4\210\22\47", conn:receive(8))
    assert.equal(1, program:wait())
    conn:close()
    listener:close()
    return program:output()
  end

  local with_luaossl = examples.needs {luaossl = luaossl}
  with_luaossl("refuses a server without TLS, and what comes in clear before it", function()
    holds(answered "N", "the server has no TLS")
    local text = answered "SR\0\0\0\8\0\0\0\0Z\0\0\0\5I"  -- "you are logged in"
    holds(text, "postgresql_scram: ")
    assert.is_nil(text:find("over TLS", 1, true))
  end)
end)

describe("examples/mqtt.lua", function()
  local with_mosquitto = examples.needs {mosquitto = examples.program "mosquitto"}

  with_mosquitto("publishes and subscribes by mosquitto", function()
    local port = helpers.free_port()
    local conf = helpers.temp_file(("listener %d 127.0.0.1\nallow_anonymous true\ncertfile %s\nkeyfile %s\nuser root\n")
      :format(port, file "rsa.crt", file "rsa.key"))
    local server = helpers.spawn({"mosquitto", "-c", conf}, {env = {PATH = os.getenv "PATH" .. ":/usr/sbin"}})
    helpers.wait_for_port(port)
    local address = {"localhost", port, file "root.crt", "news/#", "-n", 2}
    local reader = examples.start("mqtt", address)
    reader:expect "(subscribed to news/#)"
    local long = ("x"):rep(20000)
    for _, message in ipairs {"it works", long} do
      local status, text = examples.run("mqtt", {"localhost", port, file "root.crt", "news/today", message})
      assert.equal(0, status, text)
      holds(text, "over TLSv1.3 with TLS_", "published to news/today")
    end
    assert.equal(0, reader:wait(), reader:output())
    holds(reader:output(), "news/today: it works\n", "news/today: " .. long .. "\n")
    local status, text = examples.run("mqtt", {"localhost", port, file "other-root.crt", "news/today", "x"})
    assert.equal(1, status)
    holds(text, "certificate is refused")
    server:stop()
  end)
end)

describe("examples/websocket.lua", function()
  -- Debian's package is for its own Python, which another may hide.
  local python = "/usr/bin/python3"
  local with_websockets = examples.needs {luaossl = luaossl,
    websockets = helpers.spawn({python, "-c", "import websockets"}):wait() == 0}

  with_websockets("talks to Python's websockets", function()
    local server = helpers.spawn {python, "spec/peers/websocket.py", file "rsa.pem"}
    local port = server:expect "ready (%d+)\n"
    local function run(lines, path)
      return examples.run("websocket", {("wss://localhost:%s%s"):format(port, path or "/"), file "root.crt"},
        {input = lines})
    end
    local long = ("long "):rep(20000)
    local status, text = run(("hello\nping\n%s\n%s\n"):format(("y"):rep(200), long), "/path?query")
    assert.equal(0, status, text)
    holds(text, "over TLSv1.3 with TLS_", "\nHELLO\npong came\n" .. ("Y"):rep(200) .. "\n" .. long:upper() .. "\n")
    status, text = run "bye\n"
    assert.equal(1, status)
    holds(text, "the server closes")
    server:stop()
  end)

  local with_openssl = examples.needs {luaossl = luaossl}
  with_openssl("refuses a server that is none", function()
    local server = helpers.s_server {arguments = {"-www"}}
    local url = "wss://localhost:" .. server.port
    local status, text = examples.run("websocket", {url, file "root.crt"}, {input = "x\n"})
    assert.equal(1, status)
    holds(text, "the server answers: HTTP/1.0 200")
    server:stop()
  end)
end)

it("they say what is wrong with their arguments", function()
  for name, there in pairs {redis_commands = true, postgresql_scram = luaossl, mqtt = true, websocket = luaossl} do
    if there then
      local status, text = examples.run(name, {"localhost"}, {input = ""})
      assert.equal(2, status)
      holds(text, "usage")
    end
  end
end)
