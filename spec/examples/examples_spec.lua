-- The examples: the reference's two as programs (examples/*.lua) and as it
-- prints them, word for word where Lua allows; and the one with Redis.
local dynamic = require "spec.support.dynamic_certificates"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local PAGE = "<h1>the page</h1>\n"

-- A directory with a file "page".
local function make_site()
  local directory = helpers.temp_name()
  assert.equal(0, helpers.spawn({"mkdir", directory}):wait())
  local handle = assert(io.open(directory .. "/page", "wb"))
  handle:write(PAGE)
  handle:close()
  return directory
end

local function example(name, ...)
  return helpers.spawn {helpers.interpreter, "examples/" .. name, ...}
end

local function holds(text, ...)
  for _, part in ipairs {...} do
    assert.truthy(text:find(part, 1, true), ("no %q in: %s"):format(part, text))
  end
end

describe("examples/client.lua", function()
  local peer

  setup(function()
    peer = helpers.s_server {www = make_site()}
  end)

  teardown(function()
    peer:stop()
    peer = nil
  end)

  local function run(...)
    local client = example("client.lua", "127.0.0.1", peer.port, ...)
    local status = client:wait()
    return status, client:output()
  end

  it("prints address, cipher, certificate and page", function()
    local status, printed = run(file "root.crt", "localhost", "/page")
    assert.equal(0, status, printed)
    holds(printed, "peer\t127.0.0.1\t" .. peer.port, "cipher\tTLS_", "TLSv1.3",
      '{"commonName", "localhost"}', '{"organizationName", "LuaSSL"}',
      "notAfter = ", '{"DNS", "localhost"}', "HTTP/1.0 200", PAGE)
  end)

  it("refuses a wrong name and an unknown CA, and ends with status 1",
    function()
      local status, printed = run(file "root.crt", "other.example", "/page")
      assert.equal(1, status, printed)
      holds(printed, "client: handshake: ", "other.example", "localhost")
      status, printed = run(file "other-root.crt", "localhost", "/page")
      assert.equal(1, status, printed)
      holds(printed, "client: handshake: ", "certificate is refused")
      assert.is_nil(printed:find(PAGE, 1, true))
    end)

  it("says what is wrong with its arguments and files", function()
    local client = example "client.lua"
    assert.equal(2, client:wait())
    holds(client:output(), "usage")
    local status, printed = run(file "no-such.pem", "localhost")
    assert.equal(1, status, printed)
    holds(printed, file "no-such.pem", "does not exist")
  end)
end)

describe("examples/server.lua", function()
  it("serves clients that are not ours, and outlives a bad one", function()
    local server = example("server.lua", "127.0.0.1", 0, file "ecdsa.crt",
      file "ecdsa.key", 3)
    local port = server:expect "listening on 127%.0%.0%.1:(%d+)"

    local bad = helpers.python_client(port, "plain")
    server:expect "no TLS with 127%.0%.0%.1:%d+: .*(plain HTTP)"
    bad:wait()

    local curl = helpers.spawn {"curl", "-sS", "-m", "10", "--noproxy", "*",
      "--cacert", file "root.crt", "--resolve",
      "localhost:" .. port .. ":127.0.0.1",
      "https://localhost:" .. port .. "/from/curl"}
    assert.equal(0, curl:wait(), curl:output())
    assert.equal("Hello from LuaSSL: GET /from/curl HTTP/1.1\n", curl:output())

    local openssl = helpers.s_client(port,
      {input = "GET /from/openssl HTTP/1.0\r\n\r\n", arguments = {"-quiet"}})
    assert.equal(0, openssl:wait())
    holds(openssl:output(), "Hello from LuaSSL: GET /from/openssl HTTP/1.0\n")

    local python = helpers.python_client(port, "exchange",
      {arguments = {"--data", "GET /from/python HTTP/1.0\r\n\r\n"}})
    assert.equal(0, python:wait(), python:output())
    holds(python:output(), "Hello from LuaSSL: GET /from/python HTTP/1.0")

    assert.equal(0, server:wait(), server:output())
    local _, served = server:output():gsub("speaks TLS_", "")
    assert.equal(3, served)
  end)

  it("says what is wrong with its arguments", function()
    local server = example "server.lua"
    assert.equal(2, server:wait())
    holds(server:output(), "usage")
  end)
end)

-- luaposix, which Debian has for Lua 5.1 to 5.3 and LuaJIT.
local forks = pcall(require, "posix") and it or pending

describe("examples/forking_server.lua", function()
  local function serve(clients)
    local server = example("forking_server.lua", 0, file "ecdsa.crt", file "ecdsa.key", clients)
    return server, server:expect "listening on 127%.0%.0%.1:(%d+)"
  end

  local function talk(context, port, ...)
    local conn = assert(ssl.connect("127.0.0.1", port, {context = context, server_hostname = "localhost"}))
    conn:settimeout(helpers.patience)
    local answers = {}
    for i, line in ipairs {...} do
      assert(conn:send(line .. "\n"))
      answers[i] = assert(conn:receive())
    end
    local rest = {conn:receive()}
    conn:close()
    return answers, rest
  end

  forks("serves each client in a process of its own, which resume each other's sessions", function()
    local server, port = serve(3)
    local context = assert(ssl.create_default_context {ca_certs = file "root.crt", session_cache = true})
    local children = {}
    for i, state in ipairs {"new", "resumed", "resumed"} do
      local answers, rest = talk(context, port, "hello", "bye")
      local child, how, line = answers[1]:match "^(%d+), (%a+): (.*)$"
      assert.equal("hello", line)
      assert.equal(state, how)
      assert.same({nil, "closed", ""}, rest)  -- close_notify, once
      assert.is_nil(children[child])
      children[child] = i
    end
    assert.equal(0, server:wait(), server:output())
    holds(server:output(), "3 served, 0 failed\n")
  end)

  forks("lets no silent client keep others waiting, and outlives a bad one", function()
    local server, port = serve(3)
    local silent = assert(socket.connect("127.0.0.1", port))
    local bad = helpers.python_client(port, "plain")
    server:expect "client: .*plain HTTP"
    bad:wait()
    local peer = helpers.s_client(port, {input = "good\nbye\n", arguments = {"-quiet"}})
    peer:expect "%d+, new: good\n%d+, new: bye\n"
    silent:close()
    assert.equal(0, server:wait(), server:output())
    holds(server:output(), "1 served, 2 failed\n")
  end)

  forks("says what is wrong with its arguments", function()
    local server = example "forking_server.lua"
    assert.equal(2, server:wait())
    holds(server:output(), "usage")
  end)
end)

describe("examples/dynamic_certificates.lua", function()
  local certificates, redis, server

  setup(function()
    certificates = dynamic.certificates(1, 10)
    redis = dynamic.redis()
    dynamic.put(redis, certificates)
  end)

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  teardown(function()
    redis:stop()
    certificates, redis = nil, nil
  end)

  -- What openssl prints that asks for a name (nil: for none) and says "hello".
  local function ask(name)
    local argv = {"openssl", "s_client", "-connect", "127.0.0.1:" .. server.port, "-ign_eof",
      "-CAfile", file "root.crt", "-verify_return_error", "-nameopt", "oneline"}
    for _, word in ipairs(name and {"-servername", name, "-verify_hostname", name} or {"-noservername"}) do
      argv[#argv + 1] = word
    end
    local client = helpers.spawn(argv, {input = "hello\n"})
    client:wait()
    return client:output()
  end

  it("serves each name its certificate, in any case", function()
    server = dynamic.server(redis)
    holds(ask "site1.example", "CN = site1.example", "Verify return code: 0 (ok)", "site1.example: hello\n")
    holds(ask "SITE7.example", "CN = site7.example", "Verify return code: 0 (ok)", "hello\n")
  end)

  it("serves a certificate that was changed from the next handshake on", function()
    local key = "certificate:changed.example"
    server = dynamic.server(redis)
    dynamic.put(redis, {[key] = certificates["certificate:site1.example"]})
    assert.truthy(ask("changed.example"):find("CN = site1.example", 1, true))
    dynamic.put(redis, {[key] = certificates["certificate:site2.example"]})
    local printed = ask "changed.example"
    holds(printed, "CN = site2.example")
    assert.is_nil(printed:find("CN = site1.example", 1, true))
  end)

  it("refuses what it has no certificate for, and goes on", function()
    server = dynamic.server(redis, 4)
    holds(ask "unknown.example", "alert number 112")
    holds(ask(nil), "alert number 112")
    dynamic.put(redis, {["certificate:broken.example"] = "no PEM"})
    holds(ask "broken.example", "alert number 40\n")
    holds(ask "site1.example", "site1.example: hello\n")
    assert.equal(0, server:wait(), server:output())
    holds(server:output(), "client: unrecognized_name\n", "1 served, 3 refused; 3 look-ups, 1 contexts;")
  end)

  it("refuses while Redis is down, and goes on with it", function()
    server = dynamic.server(redis)
    holds(ask "site1.example", "site1.example: hello\n")
    redis:stop()
    holds(ask "site1.example", "alert number 80\n")
    holds(server:output(), "Redis: connection refused")
    redis = dynamic.redis(redis.port)
    dynamic.put(redis, certificates)
    holds(ask "site1.example", "site1.example: hello\n")
  end)

  -- In turn the look-ups take 20 s; and there, whoever waits for one, waits alone.
  it("lets nobody wait for another's look-up", function()
    local run = dynamic.measure {redis = redis, clients = 100, names = 10, delay = 0.2}
    assert.is_true(run.seconds >= 0.2)
    assert.is_true(run.seconds < 10, run.seconds .. " s")
    assert.is_true(run.median > 10, run.median .. " in flight")
  end)

  it("has one look-up after the other when it is told to", function()
    local run = dynamic.measure {redis = redis, clients = 10, names = 10, delay = 0.05, in_turn = true}
    assert.is_true(run.seconds >= 10 * 0.05, run.seconds .. " s")
  end)

  it("says what is wrong with its arguments", function()
    for _, name in ipairs {"dynamic_certificates.lua", "dynamic_certificates/clients.lua"} do
      local program = example(name)
      assert.equal(2, program:wait())
      holds(program:output(), "usage")
    end
  end)
end)

describe("the reference's client example", function()
  it("runs", function()
    local peer = helpers.s_server {www = make_site()}
    local s = socket.tcp()

    -- require a certificate from the server
    local ssl_sock = ssl.wrap_socket(s, {
      ca_certs = file "root.crt",
      cert_reqs = ssl.CERT_REQUIRED})

    ssl_sock:connect("127.0.0.1", peer.port)

    local address, port = ssl_sock:getpeername()
    assert.equal("127.0.0.1", address)
    assert.equal(peer.port, tonumber(port))
    assert.is_string((ssl_sock:cipher()))
    assert.is_table(ssl_sock:getpeercert().subject)

    -- Set a simple HTTP request
    local request = "GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n"
    assert.equal(#request, ssl_sock:write(request))

    -- Read a chunk of data. Will not necessarily read all the data
    -- returned by the server.
    local data = ssl_sock:read()
    assert.equal("HTTP/1.0 200", data:sub(1, 12))

    -- note that closing the SSLSocket will also close the underlying socket
    ssl_sock:close()
    assert.equal(-1, s:getfd())
    peer:stop()
  end)
end)

describe("the reference's server example", function()
  -- It never ends; this one does after `count` clients.
  local function serve(bindsocket, ssl_version, count, do_something)
    local function deal_with_client(connstream)
      local data = connstream:read()
      -- null data means the client is finished with us
      while data do
        if not do_something(connstream, data) then
          -- we'll assume do_something returns False
          -- when we're finished with client
          break
        end
        data = connstream:read()
      end
      -- finished with client
      connstream:close()
    end

    for _ = 1, count do
      local newsocket = bindsocket:accept()
      local connstream = assert(ssl.wrap_socket(newsocket, {
        server_side = true,
        certfile = file "rsa.crt",
        keyfile = file "rsa.key",
        ssl_version = ssl_version}))
      deal_with_client(connstream)
    end
  end

  local function serve_python(ssl_version, client_options)
    local bindsocket = socket.tcp()
    assert(bindsocket:bind("127.0.0.1", 0))
    assert(bindsocket:listen(5))
    bindsocket:settimeout(helpers.patience)
    local _, port = bindsocket:getsockname()
    local peers = {}
    for i = 1, 2 do
      peers[i] = helpers.python_client(port, "talk",
        {arguments = client_options})
    end
    local heard = {}
    serve(bindsocket, ssl_version, 2, function(connstream, data)
      heard[#heard + 1] = data
      return connstream:write("you said " .. data) > 1000
    end)
    for _, peer in ipairs(peers) do
      assert.equal(0, peer:wait(), peer:output())
      holds(peer:output(), "received b'you said hello\\n'")
    end
    assert.same({"hello\n", "hello\n"}, heard)
    bindsocket:close()
    return peers[1]:output()
  end

  it("runs with the version of today", function()
    holds(serve_python(ssl.PROTOCOL_TLSv1_2), "handshake TLSv1.2")
  end)

  it("runs with whatever both sides speak", function()
    holds(serve_python(ssl.PROTOCOL_SSLv23), "handshake TLSv1.3")
    holds(serve_python(nil, {"--max", "TLSv1_2"}), "handshake TLSv1.2")
  end)

  it("has a misprint, which raises", function()
    local sock = socket.tcp()
    local done, err = pcall(ssl.wrap_socket, sock, {server_side = true,
      certfile = file "rsa.pem", ssl_protocol = ssl.PROTOCOL_TLSv1})
    assert.is_false(done)
    holds(err, "unknown option 'ssl_protocol'")
    sock:close()
  end)
end)

describe("examples/poll_scheduler.lua", function()
  it("serves many at once, and an idle client holds up nobody", function()
    local server = example("poll_scheduler.lua", "0", file "rsa.crt", file "rsa.key")
    local port = server:expect "port (%d+)"
    local idle = assert(socket.connect("127.0.0.1", port))
    local context = assert(ssl.create_default_context {ca_certs = file "root.crt"})
    local conns = {}
    for i = 1, 10 do
      conns[i] = assert(ssl.connect("127.0.0.1", port, {context = context, server_hostname = "localhost"}))
      conns[i]:settimeout(helpers.patience)
    end
    local long = ("x"):rep(200000)
    for i, conn in ipairs(conns) do assert(conn:send(i .. long .. "\n")) end
    for i, conn in ipairs(conns) do
      assert.equal("you said: " .. i .. long, conn:receive())
      conn:close()
    end
    idle:close()
    server:stop()
  end)
end)
