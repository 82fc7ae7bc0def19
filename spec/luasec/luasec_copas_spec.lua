-- copas 4 with our modules in LuaSec's place. No Debian before forky has it.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local preference = require "spec.support.luasec_preference"
local socket = require "socket"

helpers.audit()

local file = helpers.file

-- Counts how often copas asks the system what is ready; before it is loaded.
local select_calls = 0
local socket_select = socket.select
local function counting(...)
  select_calls = select_calls + 1
  return socket_select(...)
end

local NAMES = {"ssl", "ssl.config", "ssl.context", "ssl.core", "ssl.https", "ssl.x509", "copas", "copas.http"}
local before = {}
for _, name in ipairs(NAMES) do before[name] = package.loaded[name] end
local luasec = preference.is_reference() and require "ssl" or require("luassl.luasec").install()
socket.select = counting
local found, copas = pcall(require, "copas")
local major = found and tonumber(tostring(copas._VERSION):match "(%d+)%.") or 0

local function forget()
  socket.select = socket_select
  for _, name in ipairs(NAMES) do package.loaded[name] = before[name] end
end

describe("copas", function()
  if major < 4 then
    forget()
    it("serves and asks", function() pending "copas 4 is not installed" end)
    return
  end

  local SERVER = {mode = "server", protocol = "any", certificate = file "rsa.crt", key = file "rsa.key"}
  local CLIENT = {mode = "client", protocol = "any", verify = "peer", cafile = file "root.crt"}
  local listeners = {}
  local raised

  -- Runs these as coroutines until all have ended.
  local function run(...)
    local functions = {...}
    local left, deadline = #functions, socket.gettime() + 6 * helpers.patience
    raised = nil
    for _, f in ipairs(functions) do
      copas.addthread(function()
        local done, err = pcall(f)
        if not done then raised = raised or err end
        left = left - 1
      end)
    end
    while left > 0 and not raised do
      copas.step(0.05)
      assert(socket.gettime() < deadline, "it does not end")
    end
    assert(not raised, tostring(raised))
  end

  local function serve(handler, parameters)
    local listener = assert(socket.bind("127.0.0.1", 0, 256))
    listeners[#listeners + 1] = listener
    copas.addserver(listener, copas.handler(function(sock)
      local done, err = pcall(handler, sock)
      if not done then raised = raised or err end
      sock:close()
    end, parameters or {wrap = SERVER}))
    local _, port = listener:getsockname()
    return port
  end

  local function connect(port, parameters, name)
    local sock = copas.wrap(socket.tcp(), {wrap = parameters or CLIENT, sni = {names = name or "localhost"}})
    sock:settimeouts(30, 30, 30)
    local done, err = sock:connect("127.0.0.1", port)
    if not done then
      sock:close()
      return nil, err
    end
    return sock
  end

  local function echo(sock)
    local line = sock:receive()
    while line and sock:send(line .. "\n") do line = sock:receive() end
  end

  teardown(function()
    for _, listener in ipairs(listeners) do copas.removeserver(listener) end
    for _ = 1, 5 do copas.step(0) end
    forget()
    copas, listeners, raised = nil, nil, nil
    helpers.stop_all()
  end)

  it("takes our connections for TLS", function()
    local port = serve(echo)
    run(function()
      local sock = assert(connect(port))
      assert.equal("SSL", tostring(sock.socket):sub(1, 3))
      assert.is_true((sock.socket:getpeerverification()))
      sock:close()
    end)
  end)

  it("serves 200 at once", function()
    local port, heard, clients = serve(echo), 0, {}
    for i = 1, 200 do
      clients[i] = function()
        local sock = assert(connect(port))
        assert(sock:send(("x"):rep(i * 100) .. "\n"))
        assert.equal(i * 100, #assert(sock:receive()))
        sock:close()
        heard = heard + 1
      end
    end
    run((table.unpack or unpack)(clients))
    assert.equal(200, heard)
  end)

  it("moves a megabyte each way", function()
    local port = serve(function(sock)
      assert(sock:send((assert(sock:receive(1048576)))))
    end)
    run(function()
      local sock = assert(connect(port))
      local text = ("0123456789abcdef"):rep(65536)
      assert(sock:send(text))
      assert.equal(text, sock:receive "*a")
      sock:close()
    end)
  end)

  it("chooses the certificate by the client's name", function()
    local function context(name)
      return assert(luasec.newcontext {mode = "server", protocol = "any", certificate = file(name .. ".crt"),
        key = file(name .. ".key")})
    end
    local port = serve(echo, {wrap = context "rsa", sni = {strict = true,
      names = {localhost = context "ecdsa", ["other.example"] = context "ed25519"}}})
    run(function()
      for name, certificate in pairs {localhost = "ecdsa", ["other.example"] = "ed25519"} do
        local sock = assert(connect(port, nil, name))
        assert.equal(helpers.read_file(file(certificate .. ".crt")), sock.socket:getpeercertificate():pem())
        sock:close()
      end
      local done, err = pcall(connect, port, nil, "unknown.example")
      assert.is_false(done)
      assert.truthy(tostring(err):find "unrecognized name")
    end)
  end)

  it("gives up in time, and goes on", function()
    local silent = assert(socket.bind("127.0.0.1", 0))
    local port = serve(function(sock)
      assert(sock:send "part")
      sock:receive()
    end)
    run(function()
      local sock = copas.wrap(socket.tcp(), {wrap = CLIENT, sni = {names = "localhost"}})
      sock:settimeouts(0.2, 0.2, 0.2)
      local done, err = sock:connect(silent:getsockname())
      assert.is_nil(done)
      assert.equal("timeout", err)
      sock:close()
    end, function()
      local sock = assert(connect(port))
      sock:settimeouts(30, 30, 0.2)
      local line, err, part = sock:receive()
      assert.is_nil(line)
      assert.equal("timeout", err)
      assert.equal("part", part)
      assert(sock:send "end\n")
      sock:close()
    end)
    silent:close()
  end)

  it("loses nothing but a coroutine that is ended", function()
    local port = serve(echo)
    local sock, ended
    run(function()
      sock = assert(connect(port))
      ended = copas.addthread(function()
        sock:receive()
        ended = nil
      end)
      copas.pause(0.05)
      copas.removethread(ended)
      copas.pause(0.05)
      local other = assert(connect(port))
      assert(other:send "still here\n")
      assert.equal("still here", other:receive())
      other:close()
      sock:close()
    end)
    assert.equal("thread", type(ended))
  end)

  it("sleeps while all wait", function()
    local port, waiting, calls = serve(echo), 0, nil
    local clients = {}
    for i = 1, 20 do
      clients[i] = function()
        local sock = assert(connect(port))
        waiting = waiting + 1
        sock:settimeouts(30, 30, 30)
        if i == 1 then
          while waiting < 20 do copas.pause(0.01) end
          copas.pause(0.1)
          local first = select_calls
          copas.pause(0.5)
          calls = select_calls - first
        else
          while not calls do copas.pause(0.6) end
        end
        sock:close()
      end
    end
    run((table.unpack or unpack)(clients))
    assert.is_true(calls < 60, ("%d looks in half a second"):format(calls))
  end)

  it("asks by copas.http", function()
    local peer = http_peers.python(http_peers.directory {
      ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"})
    run(function()
      local body, code = require "copas.http".request(("https://localhost:%d/ok"):format(peer.port))
      assert.equal("hello", body)
      assert.equal(200, code)
    end)
    peer:stop()
  end)
end)
