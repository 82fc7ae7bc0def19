-- A client that is wrapped first and connected later: TCP and TLS in one
-- `connect`, and LuaSocket's methods before and after it.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"

helpers.audit()

local unpack = table.unpack or unpack

local function verifying(more)
  local options = {ca_certs = helpers.file "root.crt",
    cert_reqs = ssl.CERT_REQUIRED}
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

-- An address where connects neither succeed nor fail: the queue of a listener
-- that accepts nobody is full. What holds it open comes last.
local function nowhere()
  local listener = socket.tcp()
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(0))
  local address, port = listener:getsockname()
  local waiting = {listener}
  repeat
    local sock = socket.tcp()
    waiting[#waiting + 1] = sock
    sock:settimeout(0.05)
  until not sock:connect(address, port)
  return address, port, function()
    for _, sock in ipairs(waiting) do sock:close() end
  end
end

describe("a client wrapped before it connects", function()
  local peer, conn

  setup(function()
    peer = helpers.python_server("echo")
  end)

  teardown(function()
    peer:stop()
    peer = nil
  end)

  after_each(function()
    if conn then conn:close() end
    conn = nil
  end)

  local function check_echo()
    conn:settimeout(helpers.patience)
    assert.equal(6, conn:send "hello\n")
    assert.equal("hello", conn:receive())
  end

  it("talks TLS once connected, and verifies nothing unasked", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
    assert.is_string(conn:version())
    assert.same({}, conn:getpeercert())
    check_echo()
  end)

  it("sends the name it connects to", function()
    local server = helpers.python_server("echo", {arguments = {"--clients", 2}})
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert(conn:connect("localhost", server.port))
    assert.equal("localhost", conn:server_hostname())
    server:expect "sni=localhost "
    conn:close()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert(conn:connect("127.0.0.1", server.port))
    server:expect "sni=None "  -- RFC 6066, 3: no addresses
    conn:close()
    assert.equal(0, server:wait())
  end)

  it("sends server_hostname rather than where it connects to", function()
    local server = helpers.python_server("echo", {arguments = {"--clients", 1}})
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      server_hostname = "virtual.example"}))
    assert(conn:connect("localhost", server.port))
    server:expect "sni=virtual.example "
    assert.equal("virtual.example", conn:server_hostname())
  end)

  it("checks the name it connects to with check_hostname", function()
    for _, host in ipairs {"localhost", "127.0.0.1"} do
      conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
        check_hostname = true}))
      assert(conn:connect(host, peer.port))
      assert.equal(0, (conn:verify_result()))
      check_echo()
      conn:close()
    end
    local other = helpers.python_server("echo", {cert = "other"})
    for _, host in ipairs {"localhost", "127.0.0.1"} do
      conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
        check_hostname = true}))
      local done, err = conn:connect(host, other.port)
      assert.is_nil(done)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      assert.truthy(err:find(host, 1, true))
      assert.truthy(err:find("other.example", 1, true))
      conn:close()
    end
    -- Not asked to: the chain alone counts.
    conn = assert(ssl.wrap_socket(socket.tcp(), verifying()))
    assert(conn:connect("localhost", other.port))
    other:stop()
  end)

  it("checks server_hostname rather than where it connects to", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
      server_hostname = "localhost"}))
    assert(conn:connect("127.0.0.1", peer.port))
    assert.equal(0, (conn:verify_result()))
    conn:close()
    conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
      server_hostname = "wrong.example"}))
    local done, err = conn:connect("localhost", peer.port)
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.truthy(err:find("wrong.example", 1, true))
    assert.truthy(tostring(conn):find("SSLSocket (failed)", 1, true))
    -- And it stays refused.
    assert.equal(err, select(2, conn:connect("localhost", peer.port)))
    assert.equal(err, select(2, conn:send "secret"))
  end)

  it("leaves the handshake for later where told so", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      do_handshake_on_connect = false}))
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
    assert.is_nil(conn:version())
    assert.is_nil(conn:cipher())
    assert.is_true(conn:do_handshake())
    assert.is_string(conn:version())
    check_echo()
    conn:close()
    -- Or for whatever comes first.
    conn = assert(ssl.wrap_socket(socket.tcp(), {
      do_handshake_on_connect = false}))
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
    check_echo()
  end)

  it("connects step by step at timeout 0, with select and want", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
      check_hostname = true}))
    assert.equal(1, conn:settimeout(0))
    local calls = 0
    local done
    local deadline = socket.gettime() + helpers.patience
    repeat
      local err
      done, err = conn:connect("127.0.0.1", peer.port)
      calls = calls + 1
      if not done then
        assert.equal("timeout", err)
        local read, write = conn:want()
        assert.is_true(read or write)
        local readable, writable = socket.select(read and {conn} or nil,
          write and {conn} or nil, helpers.patience)
        assert.truthy(readable[conn] or writable[conn])
      end
      assert(socket.gettime() < deadline)
    until done
    assert.equal(1, done)
    assert.is_true(calls > 2)
    assert.is_true(calls < 20)  -- it waited in select, not in this loop
    assert.equal(0, (conn:verify_result()))
    check_echo()
  end)

  it("says when the way is closed", function()
    local port = helpers.free_port()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    local luasocket = socket.tcp()
    local _, expected = luasocket:connect("127.0.0.1", port)
    luasocket:close()
    assert.same({nil, expected}, {conn:connect("127.0.0.1", port)})
    conn:close()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    conn:settimeout(0)
    local done, err
    repeat
      done, err = conn:connect("127.0.0.1", port)
      if err == "timeout" then
        assert.is_true(select(2, conn:want()))
        socket.select(nil, {conn}, helpers.patience)
      end
    until err ~= "timeout"
    assert.is_nil(done)
    assert.equal(expected, err)
  end)

  it("may try again elsewhere", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert.is_nil((conn:connect("127.0.0.1", helpers.free_port())))
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
    check_echo()
  end)

  it("keeps the time limit set before connect", function()
    local address, port, give_up = nowhere()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert.equal(1, conn:settimeout(0.2))
    local start = socket.gettime()
    assert.same({nil, "timeout"}, {conn:connect(address, port)})
    local elapsed = socket.gettime() - start
    assert.is_true(elapsed >= 0.19 and elapsed < 0.9, elapsed)
    give_up()
    conn:close()
    -- It holds for reading afterwards, too.
    conn = assert(ssl.wrap_socket(socket.tcp()))
    conn:settimeout(0.2)
    assert(conn:connect("127.0.0.1", peer.port))
    assert.same({0.2, -1}, {conn:gettimeout()})
    start = socket.gettime()
    assert.same({nil, "timeout", ""}, {conn:receive(1)})
    elapsed = socket.gettime() - start
    assert.is_true(elapsed >= 0.19 and elapsed < 0.9, elapsed)
  end)

  it("takes the time limits of the object it wraps", function()
    local sock = socket.tcp()
    sock:settimeout(3)
    sock:settimeout(4, "t")
    conn = assert(ssl.wrap_socket(sock))
    assert.same({3, 4}, {conn:gettimeout()})
    assert(conn:connect("127.0.0.1", peer.port))
    assert.same({3, 4}, {conn:gettimeout()})
  end)

  it("answers already connected when it is", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert(conn:connect("127.0.0.1", peer.port))
    local fd = conn:getfd()
    assert.same({nil, "already connected"},
      {conn:connect("127.0.0.1", peer.port)})
    assert.equal(fd, conn:getfd())
    check_echo()
    conn:close()
    assert.same({nil, "closed"}, {conn:connect("127.0.0.1", peer.port)})
  end)

  it("raises for what is no address", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    for _, arguments in ipairs {{}, {"127.0.0.1"}, {{}, 1}, {print, 1},
        {"127.0.0.1", {}}} do
      assert.has_error(function() conn:connect(unpack(arguments)) end)
    end
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
  end)

  it("works over IPv6", function()
    local server = helpers.python_server("echo", {arguments = {"--host", "::1"}})
    conn = assert(ssl.wrap_socket(socket.tcp(), verifying {
      check_hostname = true}))
    assert.equal(1, conn:connect("::1", server.port))
    assert.equal("inet6", conn:getfamily())
    local address, port, family = conn:getpeername()
    assert.same({"::1", server.port, "inet6"}, {address, port, family})
    check_echo()
    server:stop()
  end)

  it("has LuaSocket's methods before and after", function()
    local sock = socket.tcp()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    for _, call in ipairs {{"getfd"}, {"getpeername"}, {"getsockname"},
        {"getfamily"}, {"dirty"}, {"gettimeout"}, {"settimeout"},
        {"getoption", "keepalive"}} do
      local name = call[1]
      assert.same({sock[name](sock, call[2])}, {conn[name](conn, call[2])},
        name)
    end
    local received, sent = conn:getstats()
    assert.same({0, 0}, {received, sent})
    assert.equal(1, conn:bind("127.0.0.1", 0))
    sock:close()
    assert.equal(1, conn:setoption("keepalive", true))
    assert.is_true(conn:getoption "keepalive")
    local fd = conn:getfd()
    assert.is_true(fd >= 0)
    local address, port = conn:getsockname()
    assert.equal("127.0.0.1", address)
    assert.is_true(tonumber(port) > 0)
    assert(conn:connect("127.0.0.1", peer.port))
    -- The same socket: bound, with its options.
    assert.equal(fd, conn:getfd())
    assert.same({address, port, "inet"}, {conn:getsockname()})
    assert.same({"127.0.0.1", peer.port, "inet"}, {conn:getpeername()})
    assert.equal("inet4", conn:getfamily())
    assert.is_true(conn:getoption "keepalive")
    assert.is_true(conn:getoption "tcp-nodelay")  -- ours
    assert.equal(1, conn:setoption("keepalive", false))
    assert.is_false(conn:getoption "keepalive")
    assert.has_error(function() conn:getoption "no-such-option" end)
    assert.has_error(function() conn:setoption("keepalive", "x") end)
    assert.equal(fd, conn:getfd())
    check_echo()
    local age
    received, sent, age = conn:getstats()
    assert.same({6, 6}, {received, sent})
    assert.is_true(age > 0 and age < 60)
    assert.equal(1, conn:setstats(100, 200, 30))
    check_echo()
    received, sent, age = conn:getstats()
    assert.same({106, 206}, {received, sent})
    assert.is_true(age >= 30 and age < 60)
    for name, arguments in pairs {bind = {"127.0.0.1", 0}, listen = {1},
        accept = {}} do
      assert.has_error(function() conn[name](conn, unpack(arguments)) end,
        name .. " works only on a socket that is not connected")
    end
    check_echo()
  end)

  it("leaves Nagle's algorithm on where told so", function()
    conn = assert(ssl.wrap_socket(socket.tcp(), {nodelay = false}))
    assert(conn:connect("127.0.0.1", peer.port))
    assert.is_false(conn:getoption "tcp-nodelay")
  end)

  it("answers as long as it is not connected, and takes no harm", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert.truthy(tostring(conn):find("SSLSocket (no connection)", 1, true))
    for _, call in ipairs {{"receive"}, {"read"}, {"send", "x"}, {"write", "x"},
        {"do_handshake"}, {"unwrap"}, {"shutdown"}, {"shutdown", "send"}} do
      local result, err = conn[call[1]](conn, call[2])
      assert.is_nil(result, call[1])
      assert.is_true(err:is(ssl.SSLError), call[1])
    end
    assert.has_error(function() conn:accept() end)
    assert(conn:connect("127.0.0.1", peer.port))
    check_echo()
  end)

  it("refuses to listen", function()
    conn = assert(ssl.wrap_socket(socket.tcp()))
    assert(conn:bind("127.0.0.1", 0))
    local done, err = pcall(conn.listen, conn)
    assert.is_false(done)
    assert.truthy(err:find("server_side", 1, true))
  end)
end)
