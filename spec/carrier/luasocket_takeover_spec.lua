-- Taking a LuaSocket object over: what becomes of the object and of its
-- descriptor, what it had read before, and what cannot be taken.
local audit = require "luassl_audit"
local socket = require "socket"
local ssl = require "luassl"
local unix = require "socket.unix"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

local LAZY = {do_handshake_on_connect = false}
local SENDS = {send = true, write = true}

local function server_options(more)
  local options = {server_side = true, certfile = helpers.file "ecdsa.pem"}
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

-- What a descriptor refers to.
local function target(fd)
  return audit.descriptors()[math.floor(fd)]
end

describe("the object taken over", function()
  local near, far, conn

  before_each(function()
    near, far = helpers.sockets()
  end)

  after_each(function()
    for _, sock in pairs {near, far, conn} do sock:close() end
    near, far, conn = nil, nil, nil
  end)

  it("gives its descriptor away and behaves as closed", function()
    local fd = near:getfd()
    conn = assert(ssl.wrap_socket(near, LAZY))
    assert.equal(fd, conn:getfd())
    local closed = helpers.sockets()
    closed:close()
    assert.equal(-1, near:getfd())
    for _, call in ipairs {{"receive", "*l"}, {"receive", 5}, {"send", "x"},
        {"getpeername"}, {"getsockname"}, {"getoption", "keepalive"},
        {"settimeout", 1}, {"shutdown", "both"}, {"dirty"}, {"close"}} do
      local name, argument = call[1], call[2]
      assert.same({closed[name](closed, argument)},
        {near[name](near, argument)}, name)
    end
  end)

  it("leaves alone whatever gets its number later", function()
    local fd = near:getfd()
    conn = assert(ssl.wrap_socket(near, LAZY))
    conn:close()
    local path = helpers.temp_file "innocent"
    local file, spare = nil, {}
    repeat  -- files get the lowest free numbers
      if file then spare[#spare + 1] = file end
      file = assert(io.open(path, "rb"))
    until target(fd)
    assert.equal(path, target(fd))
    near:close()
    near = nil
    helpers.snapshot()  -- collects it
    assert.equal(path, target(fd))
    conn:close()
    conn = nil
    helpers.snapshot()
    assert.equal(path, target(fd))
    assert.equal("innocent", file:read "*a")
    file:close()
    for _, other in ipairs(spare) do other:close() end
  end)

  it("can be closed and collected while TLS goes on", function()
    near:settimeout(0)
    far:settimeout(0)
    conn = assert(wire.context "client":wrap_socket(near, {
      server_hostname = "localhost"}))
    local server = assert(ssl.wrap_socket(far, server_options()))
    near:close()
    near = nil
    helpers.snapshot()
    for _, result in ipairs(wire.together {
        function() return conn:do_handshake() end,
        function() return server:do_handshake() end}) do
      assert.is_true(result[1])
    end
    assert.equal(4, conn:send "ping")
    assert.equal("ping", wire.together {
      function() return server:receive(4) end}[1][1])
    server:close()
  end)

  it("hands its time limits on", function()
    near:settimeout(0.25)
    near:settimeout(7, "t")
    conn = assert(ssl.wrap_socket(near, LAZY))
    assert.same({0.25, 7}, {conn:gettimeout()})
  end)

  it("is dead after a handshake that failed", function()
    far:send "HTTP/1.0 400 Bad Request\r\n\r\n"
    near:settimeout(5)
    local err
    conn, err = ssl.wrap_socket(near)
    assert.is_nil(conn)
    assert.equal("plaintext", err.kind)
    assert.equal(-1, near:getfd())
    far:settimeout(5)
    far:receive "*a"  -- an alert
    assert.same({nil, "closed", ""}, {far:receive(1)})
  end)

  it("is as it was when wrapping fails", function()
    local fd = near:getfd()
    for _, options in ipairs {
        {ca_certs = "/nonexistent/ca.pem"}, {certfile = helpers.file "text.pem"},
        {certfile = helpers.file "rsa.crt", keyfile = helpers.file "ecdsa.key"},
        {ciphers = "NO-SUCH-CIPHER"}, {server_hostname = ""},
        {server_hostname = "local\0host"}, {server_hostname = ".localhost"},
        {cert_reqs = ssl.CERT_REQUIRED},
        {ssl_version = ssl.PROTOCOL_SSLv2}} do
      local result, err = ssl.wrap_socket(near, options)
      assert.is_nil(result)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal(fd, near:getfd())
    end
    for _, options in ipairs {{cerfile = "x"}, {certfile = 1}, {[1] = 1},
        {keyfile = helpers.file "rsa.key"}, {check_hostname = true},
        {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt",
          check_hostname = true},
        {handshake_timeout = 0}, {handshake_timeout = "x"}, {nodelay = 1},
        {server_side = true}, server_options {server_hostname = "localhost"},
        {context = wire.context "client", ciphers = "DEFAULT"},
        {context = wire.context "server", server_side = false},
        {context = {}}} do
      assert.has_error(function() ssl.wrap_socket(near, options) end)
      assert.equal(fd, near:getfd())
    end
    wire.check_clear(near, far)
    -- And it can still be wrapped.
    near:settimeout(0)
    conn = assert(ssl.wrap_socket(near))
    assert.equal(fd, conn:getfd())
  end)

  it("answers closed when wrapped again", function()
    conn = assert(ssl.wrap_socket(near, LAZY))
    assert.same({nil, "closed"}, {ssl.wrap_socket(near)})
    assert.same({nil, "closed"}, {ssl.wrap_socket(near, LAZY)})
  end)
end)

describe("wrap_socket", function()
  it("keeps no descriptor over 1,000 connections", function()
    local client, server = wire.context "client", wire.context "server"
    local listener = assert(socket.bind("127.0.0.1", 0))
    local address, port = listener:getsockname()
    local before = helpers.snapshot()
    collectgarbage "stop"  -- close alone has to do it
    for i = 1, 1000 do
      local near = assert(socket.connect(address, port))
      local far = assert(listener:accept())
      if i % 4 == 0 then
        far:send "no TLS\n"
        assert.equal("n", near:receive(1))
        assert.is_nil((client:wrap_socket(near, {server_hostname = "x"})))
        near:close()
      else
        near:settimeout(0)
        local conn = assert(client:wrap_socket(near, {
          server_hostname = "localhost"}))
        if i % 2 == 0 then conn:do_handshake() end
        assert.equal(1, conn:close())
      end
      local conn = assert(server:wrap_socket(far, LAZY))
      assert.equal(1, conn:close())
      conn = assert(client:wrap_socket(socket.tcp()))
      if i % 2 == 0 then
        assert(conn:bind("127.0.0.1", 0))
        conn:setoption("keepalive", true)
      end
      assert.equal(1, conn:close())
    end
    local after = audit.descriptors()
    collectgarbage "restart"
    listener:close()
    for fd in pairs(after) do assert.is_not_nil(before.descriptors[fd]) end
  end)

  it("closes the descriptor of what is collected", function()
    local before = helpers.snapshot()
    for _ = 1, 20 do
      local near, far = helpers.sockets()
      near:settimeout(0)
      assert(ssl.wrap_socket(near)):do_handshake()
      assert(ssl.wrap_socket(far, server_options(LAZY)))
      assert(ssl.wrap_socket(assert(socket.tcp4())))
    end
    assert.same({}, helpers.growth(before))
  end)

  it("answers closed for a closed socket", function()
    local near, far = helpers.sockets()
    near:close()
    far:close()
    for _, options in ipairs {{}, LAZY} do
      assert.same({nil, "closed"}, {ssl.wrap_socket(near, options)})
    end
    assert.same({nil, "closed"}, {ssl.wrap_socket(far, server_options())})
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:close()
    assert.same({nil, "closed"}, {ssl.wrap_socket(listener, server_options())})
  end)

  it("raises for what is no stream socket, and leaves it alone", function()
    local udp, datagram = socket.udp(), unix.dgram()
    local tls = assert(ssl.wrap_socket(socket.tcp()))
    for _, value in pairs {udp, datagram, tls, io.stdout, "tcp{client}: 0x1",
        12, true, {}, setmetatable({}, {__tostring = function()
          return "tcp{client}: 0x1" end}), print,
        coroutine.create(function() end), wire.context "client"} do
      for _, wrap in pairs {ssl.wrap_socket, function(sock)
          return wire.context "client":wrap_socket(sock) end} do
        local done, err = pcall(wrap, value)
        assert.is_false(done)
        assert.truthy(tostring(err):find(
          "bad argument #1 to 'wrap_socket' (LuaSocket TCP", 1, true))
      end
    end
    local done, err = pcall(ssl.wrap_socket)
    assert.is_false(done)
    assert.truthy(err:find("got nil", 1, true))
    assert.truthy(select(2, pcall(ssl.wrap_socket, udp)):find("udp{", 1, true))
    -- The datagram socket still is one.
    assert.equal(1, udp:setsockname("127.0.0.1", 0))
    assert.equal(1, (udp:setpeername(udp:getsockname())))
    assert.equal(1, udp:send "x")
    udp:settimeout(5)
    assert.equal("x", udp:receive())
    udp:close()
    datagram:close()
    tls:close()
  end)

  it("raises for options that are no table", function()
    local near, far = helpers.sockets()
    for _, value in pairs {1, "certfile", true, print, io.stdout} do
      local done, err = pcall(ssl.wrap_socket, near, value)
      assert.is_false(done)
      assert.truthy(err:find("bad argument #2 to 'wrap_socket'", 1, true))
      done, err = pcall(function()
        return wire.context "client":wrap_socket(near, value)
      end)
      assert.is_false(done)
      assert.truthy(err:find("bad argument #2 to 'wrap_socket'", 1, true))
    end
    wire.check_clear(near, far)
    near:close()
    far:close()
  end)

  it("takes a socket over whose connect is under way", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local sock = socket.tcp()
    sock:settimeout(0)
    sock:connect(listener:getsockname())
    local conn = assert(wire.context "client":wrap_socket(sock, {
      server_hostname = "localhost"}))
    local far = assert(listener:accept())
    listener:close()
    far:settimeout(0)
    local server = assert(ssl.wrap_socket(far, server_options()))
    local results = wire.together {
      function() return conn:do_handshake() end,
      function() return server:do_handshake() end}
    assert.is_true(results[1][1])
    assert.is_true(results[2][1])
    conn:close()
    server:close()
  end)

  it("fails for good where the descriptor is gone", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local address, port = listener:getsockname()
    local near = assert(socket.connect(address, port))
    local class = getmetatable(near).__index
    local getfd = class.getfd
    local conn = assert(ssl.wrap_socket(socket.tcp(), LAZY))
    class.getfd = function() return -1 end
    local done, err = conn:connect(address, port)
    class.getfd = getfd
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLSyscallError))
    local start = socket.gettime()
    for _, method in ipairs {"do_handshake", "receive", "read", "send", "write"} do
      done, err = conn[method](conn, SENDS[method] and "x" or nil)
      assert.is_nil(done)
      assert.is_true(err:is(ssl.SSLSyscallError), method)
      assert.truthy(err:find "not connected")
    end
    assert.is_true(socket.gettime() - start < 5)  -- it waited for nothing
    conn:close()
    near:close()
    listener:close()
  end)

  it("fails for a socket that is not connected after all", function()
    local sock = socket.tcp()
    assert.is_nil((sock:connect("127.0.0.1", helpers.free_port())))
    sock:settimeout(5)
    local conn, err = ssl.wrap_socket(sock)
    assert.is_nil(conn)
    assert.is_true(err == "closed" or err:is(ssl.SSLError))
    sock:close()
  end)
end)

describe("bytes that LuaSocket had read", function()
  local near, far

  before_each(function()
    near, far = helpers.sockets()
    near:settimeout(5)
    far:settimeout(5)
  end)

  after_each(function()
    near:close()
    far:close()
    near, far = nil, nil
  end)

  -- A client in bytes behind a line in one segment, for the server `far`.
  local function greet(line)
    local client = assert(wire.context "client":wrap_object {
      server_hostname = "localhost"})
    client:do_handshake()
    assert(near:send(line .. client:drain()))
    near:settimeout(0)
    return client
  end

  -- Goes on with a handshake between an SSLObject and an SSLSocket.
  local function finish(client, conn)
    local results = wire.together({
      function() return client:do_handshake() end,
      function() return conn:do_handshake() end,
    }, function()
      local bytes = client:drain()
      if bytes then near:send(bytes) end
      local _, _, partial = near:receive(65536)
      if partial ~= "" then client:feed(partial) end
    end)
    assert(results[1][1], results[1][2])
    assert(results[2][1], results[2][2])
  end

  it("are the start of a client's handshake on a server", function()
    local client = greet "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n"
    assert.equal("PROXY TCP4 192.0.2.1 192.0.2.2 1234 443", far:receive())
    assert.is_true(far:dirty())  -- or this proves nothing
    far:settimeout(0)
    local conn = assert(ssl.wrap_socket(far, server_options()))
    finish(client, conn)
    assert.equal("localhost", conn:server_hostname())
    conn:send "through"
    wire.together {function()
      local _, _, partial = near:receive(65536)
      client:feed(partial)
      return client:receive(7)
    end}
    conn:close()
    client:close()
  end)

  it("may be a part of it, and more follows", function()
    local client = assert(wire.context "client":wrap_object {
      server_hostname = "localhost"})
    client:do_handshake()
    local hello = client:drain()
    near:send("x\n" .. hello:sub(1, 30))
    assert.equal("x", far:receive())
    assert.is_true(far:dirty())
    far:settimeout(0)
    local conn = assert(ssl.wrap_socket(far, server_options()))
    assert.same({nil, "wantread"}, {conn:do_handshake()})
    near:settimeout(0)
    near:send(hello:sub(31))
    finish(client, conn)
    conn:close()
    client:close()
  end)

  it("lose nothing when wrapping a server fails", function()
    greet "line\nnext\n":close()
    assert.equal("line", far:receive())
    assert.is_true(far:dirty())
    assert.is_nil((ssl.wrap_socket(far, server_options {ciphers = "NONE"})))
    assert.has_error(function()
      ssl.wrap_socket(far, server_options {server_hostname = "x"})
    end)
    assert.equal("next", far:receive())
  end)

  it("are refused on a client, which stays as it was", function()
    far:send "220 ready\r\nINJECTED\r\n"
    assert.equal("220 ready", near:receive())
    assert.is_true(near:dirty())
    local fd = near:getfd()
    for _, options in ipairs {{}, LAZY, {server_hostname = "localhost"}} do
      local conn, err = ssl.wrap_socket(near, options)
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("injection", err.kind)
      assert.truthy(err:find "clear text")
    end
    assert.equal(fd, near:getfd())
    assert.equal("INJECTED", near:receive())
    wire.check_clear(near, far)
    near:settimeout(0)
    local conn = assert(ssl.wrap_socket(near))  -- nothing is left of them
    assert.same({nil, "wantread"}, {conn:do_handshake()})
    conn:close()
  end)
end)
