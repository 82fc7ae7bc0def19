-- luassl.copas on the real copas: Debian's on Lua 5.1 and LuaJIT.
local found, copas = pcall(require, "copas")
local socket = require "socket"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"
local cases = require "spec.support.connected_cases"

helpers.audit()

describe("luassl.copas", function()
  if not found then
    it("needs copas, which is not here", function() assert.is_false(found) end)
    return
  end

  local tls = require "luassl.copas"
  local servers = {}  -- copas before 2 keeps its for ever
  local raised

  -- Runs these as coroutines until all have ended.
  local function run(...)
    local left, deadline = select("#", ...), socket.gettime() + 6 * helpers.patience
    raised = nil
    for _, f in ipairs {...} do
      copas.addthread(function()
        if copas.setErrorHandler then copas.setErrorHandler(function(err) raised = raised or err end) end
        f()
        left = left - 1
      end)
    end
    while left > 0 and not raised do
      copas.step(0.05)
      assert(socket.gettime() < deadline, "it does not end")
    end
    assert(not raised, tostring(raised))
  end

  local function serve(handler, options, server)
    local listener = assert(socket.bind("127.0.0.1", 0, 128))
    local held = {handler = tls.handler(wire.context("server", server), handler, options)}
    copas.addserver(listener, function(sock) held.handler(sock) end)
    servers[#servers + 1] = {listener = listener, held = held}
    return (select(2, listener:getsockname()))
  end

  local function echo(conn)
    local line = conn:receive()
    while line and conn:send(line .. "\n") do line = conn:receive() end
  end

  local function connect(port, options)
    options = options or {}
    options.context = options.context or wire.context "client"
    options.server_hostname = options.server_hostname or "localhost"
    return tls.connect("127.0.0.1", port, options)
  end

  teardown(function()
    for _, server in ipairs(servers) do
      server.held.handler = nil
      if copas.removeserver then copas.removeserver(server.listener) end
      server.listener:close()
    end
    servers = {}
    package.loaded.copas, package.loaded["luassl.copas"] = nil, nil
    helpers.stop_all()
  end)

  it("serves twenty at once, and each speaks", function()
    local port, heard, clients = serve(echo), 0, {}
    local context = wire.context "client"
    for i = 1, 20 do
      clients[i] = function()
        local conn = assert(connect(port, {context = context}))
        assert(conn:send(("x"):rep(i * 3000) .. "\n"))
        assert.equal(i * 3000, #assert(conn:receive()))
        conn:close()
        heard = heard + 1
      end
    end
    run((table.unpack or unpack)(clients))
    assert.equal(20, heard)
  end)

  it("tells why it does not connect, on both sides", function()
    local failures = {}
    local port = serve(echo, {on_error = function(err, from) failures[from] = err end})
    run(function()
      local conn, err = connect(port, {server_hostname = "other.example"})
      assert.is_nil(conn)
      assert.matches("other.example", tostring(err))
      conn = connect(helpers.free_port())
      assert.is_nil(conn)
      local good = assert(connect(port))
      assert(good:send "x\n")
      assert.equal("x", good:receive())
      good:close()
    end)
    assert.equal("received", failures["127.0.0.1"].alert_direction)
  end)

  -- `copas.connect` over an SSLSocket waits for room to write, and there is
  -- always some: it spins.
  it("sleeps while it waits for a server's handshake", function()
    local silent = assert(socket.bind("127.0.0.1", 0))
    local conn
    local used = os.clock()
    run(function()
      copas.addthread(function() conn = connect((select(2, silent:getsockname())), {handshake_timeout = 5}) end)
      local start = socket.gettime()
      while socket.gettime() - start < 1 do copas.step(0.05) end
    end)
    assert.is_true(os.clock() - used < 0.5, ("%.2f s of CPU in a second"):format(os.clock() - used))
    assert.is_nil(conn)
    local client = silent:accept()
    client:close()  -- the handshake ends
    for _ = 1, 10 do copas.step(0.01) end
    silent:close()
  end)

  it("receives and sends at once, more than fits", function()
    local text = ("0123456789abcdef"):rep(60000)
    local received = {}
    local function both(name, conn)
      copas.addthread(function() conn:send(text .. "\n") end)
      received[name] = conn:receive()
    end
    local port = serve(function(conn)
      both("server", conn)
      conn:receive()  -- comes when the client has all
    end)
    run(function()
      local conn = assert(connect(port))
      both("client", conn)
      assert(conn:send "bye\n")
      assert.same({nil, "closed", ""}, {conn:receive()})
      conn:close()
    end)
    assert.is_true(received.client == text and received.server == text)
  end)

  if copas.sleep and copas.settimeout then
    it("has limits, and hooks that wait", function()
      local port = serve(echo, nil, {on_client_hello = function() copas.sleep(0.02) end})
      local silent = assert(socket.bind("127.0.0.1", 0))
      run(function()
        local conn = assert(connect(port))
        conn:settimeout(0.05)
        assert.same({nil, "timeout", ""}, {conn:receive()})
        assert(conn:send "x\n")
        assert.equal("x", conn:receive())
        conn:close()
        local none, err = connect((select(2, silent:getsockname())), {handshake_timeout = 0.1})
        assert.is_nil(none)
        assert.equal("handshake_timeout", err.kind)
      end)
      silent:close()
    end)
  end

  describe("does what a socket does: it", function()
    local kind = cases.in_host {sleep = copas.sleep or socket.sleep, timeless = not copas.settimeout}

    function kind.transports()
      local near, far = helpers.sockets()
      return tls.transport(near), tls.transport(far)
    end

    setup(function() kind.client, kind.server = wire.context "client", wire.context "server" end)
    teardown(function() kind.client, kind.server = nil, nil end)

    cases.add(kind, function(name, case)
      it(name, function()
        run(function() kind.try(case) end)
      end)
    end)
  end)

  it("speaks with others: its example with s_client", function()
    local server = helpers.spawn {helpers.interpreter, "examples/copas_server.lua", "0", helpers.file "rsa.crt",
      helpers.file "rsa.key"}
    local port = server:expect "port (%d+)"
    local idle = assert(socket.connect("127.0.0.1", port))
    local client = helpers.spawn({"openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
      helpers.file "root.crt", "-connect", "127.0.0.1:" .. port, "-verify_hostname", "localhost"}, {input = true})
    client:write "hello\n"
    client:expect "(you said: hello)"
    client:write "quit\n"
    client:wait()
    idle:close()
    server:stop()
  end)
end)
