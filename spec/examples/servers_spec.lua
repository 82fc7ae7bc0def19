-- The examples that are servers, and the monitor that looks at many: against
-- clients and servers that are not ours.
local examples = require "spec.support.examples"
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file, holds = helpers.file, examples.holds
local here = examples.needs {}

describe("examples/tls_proxy.lua", function()
  local backend, server, port

  setup(function()
    if helpers.preloaded then return end
    backend = helpers.spawn({"python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"}, {timeout = 60,
      directory = http_peers.directory {page = "the page\n", big = ("0123456789abcdef"):rep(200000)}})
    server = examples.start("tls_proxy", {0, file "rsa.crt", file "rsa.key", "127.0.0.1",
      backend:expect "port (%d+)"})
    port = server:expect "port (%d+)"
  end)

  teardown(function()
    if server then server:stop() end
    if backend then backend:stop() end
    backend, server = nil, nil
  end)

  local function curl(path)
    local program = helpers.spawn {"curl", "-sS", "-m", "15", "--noproxy", "*", "--cacert", file "root.crt",
      ("https://localhost:%s/%s"):format(port, path)}
    assert.equal(0, program:wait(20), program:output())
    return program:output()
  end

  here("carries curl's requests to a server without TLS", function()
    assert.equal("the page\n", curl "page")
    assert.is_true(curl "big" == ("0123456789abcdef"):rep(200000))
  end)

  here("serves others while one is silent, one speaks no TLS and one reads nothing", function()
    local silent = assert(socket.connect("127.0.0.1", port))
    local plain = assert(socket.connect("127.0.0.1", port))
    plain:send "GET / HTTP/1.0\r\n\r\n"
    local lazy = assert(ssl.connect("localhost", tonumber(port), {ca_certs = file "root.crt"}))
    assert(lazy:send "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert.equal("the page\n", curl "page")
    server:expect "no connection: [^\n]*(plain HTTP)"
    lazy:settimeout(helpers.patience)
    assert(lazy:receive(3000000))
    lazy:close()
    plain:close()
    silent:close()
  end)

  here("says that the server behind it is gone", function()
    local lonely = examples.start("tls_proxy", {0, file "rsa.crt", file "rsa.key", "127.0.0.1", helpers.free_port()})
    local conn = assert(ssl.connect("localhost", tonumber(lonely:expect "port (%d+)"), {ca_certs = file "root.crt"}))
    conn:settimeout(helpers.patience)
    assert.same({nil, "closed", ""}, {conn:receive "*l"})
    lonely:expect "(no connection: connection refused)"
    conn:close()
    lonely:stop()
  end)
end)

describe("examples/mutual_tls.lua", function()
  here("lets in whom its authority has certified and its list names", function()
    local server = examples.start("mutual_tls", {"serve", 0, file "rsa.crt", file "rsa.key", file "root.crt",
      "client@luassl.example"})
    local port = server:expect "port (%d+)"
    local function call(cert)
      return examples.run("mutual_tls", {"call", "localhost", port, file "root.crt", file(cert .. ".crt"),
        file(cert .. ".key")})
    end
    local status, text = call "client"
    assert.same({0, "welcome, client@luassl.example\n"}, {status, text})
    status, text = call "stranger"  -- by another authority
    assert.equal(1, status)
    holds(text, "mutual_tls: ")
    server:expect "refused: [^\n]*(certificate)"
    status, text = call "rsa"  -- the server's own, which is for servers
    assert.equal(1, status, text)
    local anonymous = helpers.spawn {"curl", "-sS", "-m", "10", "--noproxy", "*", "--cacert", file "root.crt",
      "https://localhost:" .. port}
    assert.is_true(anonymous:wait() ~= 0)
    local openssl = helpers.s_client(port, {arguments = {"-cert", file "client.crt", "-key", file "client.key"}})
    openssl:expect "(welcome, client@luassl.example)"
    openssl:stop()
    server:stop()
    server = examples.start("mutual_tls", {"serve", 0, file "rsa.crt", file "rsa.key", file "root.crt"})
    port = server:expect "port (%d+)"
    assert.same({0, "you may not in, client@luassl.example\n"}, {call "client"})
    server:stop()
  end)
end)

describe("examples/certificate_monitor.lua", function()
  here("prints a table, the most urgent first", function()
    local names, servers, ports = {"rsa", "brief", "expired", "untrusted", "other"}, {}, {}
    local arguments = {"-c", file "root.crt", "-w", 15}
    for i, name in ipairs(names) do
      servers[i] = helpers.s_server {cert = name, arguments = name == "brief"
        and {"-cert_chain", file "brief-intermediate.crt"} or nil}
      ports[name] = "localhost:" .. servers[i].port
      arguments[#arguments + 1] = ports[name]
    end
    local silent = "localhost:" .. helpers.free_port()
    arguments[#arguments + 1] = silent
    local status, text = examples.run("certificate_monitor", arguments)
    assert.equal(1, status)
    local order, rows = {}, {}
    for line in text:gmatch "[^\n]+" do
      local server = line:match "localhost:%d+"
      if server then order[#order + 1], rows[server] = server, line end
    end
    assert.equal(silent, order[1])
    assert.equal(ports.expired, order[2])
    assert.equal(ports.brief, order[3])
    holds(rows[silent], "?", "connection refused")
    holds(rows[ports.expired], "2021-01-01", "expired")
    holds(rows[ports.brief], "LuaSSL brief intermediate", "ends soon")
    assert.truthy(rows[ports.brief]:find "^ *9 " or rows[ports.brief]:find "^ *10 ", rows[ports.brief])
    holds(rows[ports.rsa], "localhost", "ok")
    holds(rows[ports.untrusted], "certificate is refused")
    holds(rows[ports.other], "other.example")
    status, text = examples.run("certificate_monitor", {"-c", file "root.crt", "-w", 15, ports.rsa})
    assert.equal(0, status, text)
    for i = 1, #servers do servers[i]:stop() end
  end)
end)

it("they say what is wrong with their arguments", function()
  for _, name in ipairs {"tls_proxy", "mutual_tls", "certificate_monitor"} do
    local status, text = examples.run(name, {})
    assert.equal(2, status)
    holds(text, "usage")
  end
end)
