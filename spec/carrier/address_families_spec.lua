-- Sockets of every family: unix streams, IPv6, and sockets that are bound to
-- an address before they connect.
local socket = require "socket"
local ssl = require "luassl"
local unix = require "socket.unix"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"
local wire = require "spec.support.wire"

helpers.audit()

local check_elapsed, results = kinds.check_elapsed, kinds.results

-- The two kinds over unix streams, and how both ends are made ready.
local plain = {name = "unix stream", client = function(sock) return sock end,
  settle = function() end}
plain.server = plain.client

local over_tls = {name = "SSLSocket over a unix stream"}

function over_tls.client(sock)
  return assert(ssl.wrap_socket(sock, {context = over_tls.context,
    server_hostname = "localhost", do_handshake_on_connect = false}))
end

function over_tls.server(sock)
  return assert(ssl.wrap_socket(sock, {context = over_tls.server_context,
    server_side = true, do_handshake_on_connect = false}))
end

over_tls.settle = kinds.tls.settle

for _, kind in ipairs {plain, over_tls} do
  describe(("a %s"):format(kind.name), function()
    local path, listener, client, server

    setup(function()
      over_tls.context = wire.context "client"
      over_tls.server_context = wire.context "server"
    end)

    teardown(function()
      over_tls.context, over_tls.server_context = nil, nil
    end)

    before_each(function()
      path = helpers.temp_name()
      listener = kind.server(assert(unix.stream()))
      assert.same(results(1), results(listener:bind(path)))
      assert.same(results(1), results(listener:listen()))
    end)

    after_each(function()
      for _, object in pairs {listener, client, server} do object:close() end
      listener, client, server = nil, nil, nil
    end)

    local function connect()
      client = kind.client(assert(unix.stream()))
      assert.same(results(1), results(client:connect(path)))
      assert.equal(listener,
        socket.select({listener}, nil, helpers.patience)[1])
      listener:settimeout(0)
      server = assert(listener:accept())
      kind.settle(client, server)
    end

    it("connects and says why not", function()
      for wrong, err in pairs {[path .. "x"] = "No such file or directory",
          [("x"):rep(200)] = "path too long"} do
        local other = kind.client(assert(unix.stream()))
        assert.is_true(other:getfd() >= 0)
        assert.same(results(nil, err), results(other:connect(wrong)))
        other:close()
      end
      client = kind.client(assert(unix.stream()))
      assert.same(results(1), results(client:connect(path)))
      local other = kind.server(assert(unix.stream()))
      assert.same(results(nil, "address already in use"),
        results(other:bind(path)))
      other:close()
    end)

    it("accepts in time", function()
      for _, limit in ipairs {0, 0.05} do
        listener:settimeout(limit)
        local start = socket.gettime()
        assert.same(results(nil, "timeout"), results(listener:accept()))
        check_elapsed(limit, start)
      end
      assert.equal(1, listener:close())
      assert.same(results(nil, "closed"), results(listener:accept()))
      assert.equal(-1, listener:getfd())
    end)

    it("carries data both ways, to its end", function()
      connect()
      assert.equal(9, client:send("hello\r\nhe"))
      assert.equal("hello", server:receive())
      assert.is_true(server:dirty())
      server:settimeout(0.05)
      local start = socket.gettime()
      assert.same(results(nil, "timeout", "<he"),
        results(server:receive(10, "<")))
      check_elapsed(0.05, start)
      assert.same({{}, {}, "timeout"}, {socket.select({server}, nil, 0)})
      local received, sent, age = server:getstats()
      assert.same({9, 0}, {received, sent})
      assert.is_true(age >= 0 and age < 60)
      server:send "tail"
      assert.same(results(1), results(server:shutdown "send"))
      assert.same(results(nil, "closed", 0), results(server:send "x"))
      assert.equal("tail", client:receive "*a")
      assert.same(results(nil, "closed", ""), results(client:receive "*a"))
      assert.same(results(1), results(client:close()))
      assert.same(results(nil, "closed", ""), results(server:receive()))
    end)

    it("carries more than the kernel holds", function()
      connect()
      client:settimeout(0)
      server:settimeout(0)
      local data, sent, heard, got = wire.filling(2000000), 0, {}, 0
      local deadline = socket.gettime() + helpers.patience
      while got < #data do
        local last, err, partial = client:send(data, sent + 1)
        assert(last or err == "timeout", err)
        sent = last or partial
        local piece, _, rest = server:receive(300000)
        heard[#heard + 1] = piece or rest
        got = got + #heard[#heard]
        assert(socket.gettime() < deadline)
      end
      assert.is_true(table.concat(heard) == data)
    end)

    it("has the name that it was bound to", function()
      connect()
      assert.same(results(path), results(listener:getsockname()))
      assert.same(results(path), results(server:getsockname()))
      assert.same(results "", results(client:getsockname()))
      client:close()
      assert.same(results(nil, "Bad file descriptor"),
        results(client:getsockname()))
    end)

    it("has its socket's options", function()
      connect()
      assert.same(results(1), results(client:setoption("keepalive", true)))
      assert.is_false((pcall(client.setoption, client, "no-such-option", 1)))
      client:send "x"
      assert.equal("x", server:receive(1))
    end)
  end)
end

describe("unix streams under TLS", function()
  local path, listener

  before_each(function()
    path = helpers.temp_name()
    listener = assert(unix.stream())
    assert(listener:bind(path))
    assert(listener:listen())
  end)

  after_each(function()
    listener:close()
    listener = nil
  end)

  it("are accepted with their handshake, and unwrapped to objects", function()
    listener = assert(ssl.wrap_socket(listener, {server_side = true,
      certfile = helpers.file "ecdsa.pem"}))
    listener:settimeout(helpers.patience)
    local peer = helpers.lua([[
      local path, ca = ...
      local ssl = require "luassl"
      local unix = require "socket.unix"
      local sock = unix.stream()
      assert(sock:connect(path))
      local conn = assert(ssl.create_default_context {ca_certs = ca}
        :wrap_socket(sock, {server_hostname = "localhost"}))
      conn:send "hello\n"
      local same = assert(conn:unwrap())
      assert(same == sock)
      same:send "clear\n"
      print(same:receive())
    ]], path, helpers.file "root.crt")
    local conn = assert(listener:accept())
    assert.is_string(conn:version())
    assert.equal("localhost", conn:server_hostname())
    assert.equal("unix", conn:getfamily())
    assert.same(results(path), results(conn:getsockname()))
    conn:settimeout(helpers.patience)
    assert.equal("hello", conn:receive())
    assert.same({nil, "closed", ""}, {conn:receive()})
    local sock, leftover = assert(conn:unwrap())
    assert.truthy(tostring(sock):find "^unix")
    conn = nil
    helpers.snapshot()
    local line = leftover:match "^(.*)\n$"
    assert.equal("clear", line or sock:receive("*l", leftover))
    sock:send "and back\n"
    assert.is_nil(conn)
    peer:expect "(and back)"
    assert.equal(0, peer:wait())
    sock:close()
  end)

  it("survive a client that is silent, and one that speaks no TLS", function()
    listener = assert(ssl.wrap_socket(listener, {server_side = true,
      certfile = helpers.file "ecdsa.pem", handshake_timeout = 0.1}))
    local near = assert(unix.stream())
    assert(near:connect(path))
    local start = socket.gettime()
    local conn, err = listener:accept()
    check_elapsed(0.1, start)
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    assert.is_true(err.accepted)
    near:close()
    near = assert(unix.stream())
    assert(near:connect(path))
    near:send "GET / HTTP/1.0\r\n\r\n"
    conn, err = listener:accept()
    assert.is_nil(conn)
    assert.equal("plaintext", err.kind)
    assert.is_true(err.accepted)
    near:close()
  end)

  it("check a name only if it was given", function()
    local client = assert(ssl.create_default_context {
      ca_certs = helpers.file "root.crt"}:wrap_socket(unix.stream(), {
        server_hostname = "wrong.example"}))
    client:settimeout(0)
    client:connect(path)
    local server = assert(wire.context "server":wrap_socket(
      assert(listener:accept()), {do_handshake_on_connect = false}))
    server:settimeout(0)
    local answers = wire.together {
      function() return client:do_handshake() end,
      function() return server:do_handshake() end}
    assert.is_nil(answers[1][1])
    assert.is_true(answers[1][2]:is(ssl.SSLCertVerificationError))
    client:close()
    server:close()
    -- A path is no name: who is to be checked must be said.
    client = ssl.create_default_context {ca_certs = helpers.file "root.crt"}
      :wrap_socket(unix.stream())
    local done, err = client:connect(path)
    assert.is_nil(done)
    assert.equal("name", err.kind)
    client:close()
  end)
end)

for _, kind in ipairs(kinds) do
  describe(("a %s of IPv6"):format(kind.name), function()
    teardown(kinds.forget)

    it("is connected, with its names and options", function()
      local client, server = kind.pair "::1"
      assert.same(results "inet6", results(client:getfamily()))
      local address, port, family = server:getsockname()
      assert.same({"::1", "inet6"}, {address, family})
      assert.same(results("::1", tonumber(port), "inet6"),
        results(client:getpeername()))
      local near, far = helpers.sockets "::1"
      client:setoption("tcp-nodelay", false)
      kinds.compare_options(near, client)
      near:close()
      far:close()
      client:send "six\n"
      assert.equal("six", server:receive())
      client:close()
      server:close()
    end)

    it("listens for IPv4 as well", function()
      local listener = kind.server(assert(socket.tcp6()))
      assert.equal(1, listener:setoption("ipv6-v6only", false))
      assert.equal(1, listener:bind("::", 0))
      assert.equal(1, listener:listen())
      assert.equal("inet6", listener:getfamily())
      local _, port = listener:getsockname()
      for from, seen in pairs {["127.0.0.1"] = "::ffff:127.0.0.1",
          ["::1"] = "::1"} do
        local client = kind.client(assert(socket.connect(from, port)))
        local server = kind.accept(listener)
        kind.settle(client, server)
        assert.equal(seen, (server:getpeername()))
        assert.equal("inet6", server:getfamily())
        client:send "x"
        assert.equal("x", server:receive(1))
        client:close()
        server:close()
      end
      listener:close()
    end)
  end)

  describe(("a %s bound to an address"):format(kind.name), function()
    teardown(kinds.forget)

    it("comes from there", function()
      for from, to in pairs {["127.0.0.2"] = "127.0.0.1", ["::1"] = "::1"} do
        local listener, address, port = kind.listener(to)
        local client = kind.client(socket.tcp())
        assert.same(results(1), results(client:bind(from, 0)))
        local bound, number = client:getsockname()
        assert.equal(from, bound)
        client:settimeout(0)
        client:connect(address, port)
        socket.select(nil, {client}, helpers.patience)
        client:connect(address, port)
        local server = kind.accept(listener)
        kind.settle(client, server)
        client:settimeout(nil)
        assert.same({from, tonumber(number)}, {server:getpeername(),
          (select(2, server:getpeername()))})
        assert.same({from, number}, {client:getsockname(),
          (select(2, client:getsockname()))})
        client:send "x"
        assert.equal("x", server:receive(1))
        for _, object in ipairs {client, server, listener} do object:close() end
      end
    end)

    it("was bound by socket.connect", function()
      local listener, address, port = kind.listener()
      local client = kind.client(assert(socket.connect(address, port,
        "127.0.0.3", 0)))
      local server = kind.accept(listener)
      kind.settle(client, server)
      assert.equal("127.0.0.3", (client:getsockname()))
      assert.equal("127.0.0.3", (server:getpeername()))
      for _, object in ipairs {client, server, listener} do object:close() end
    end)

    it("cannot be bound to another's address", function()
      local client = kind.client(socket.tcp())
      assert.same(results(nil, "Cannot assign requested address"),
        results(client:bind("192.0.2.1", 0)))
      client:close()
    end)

    it("listens there alone", function()
      local listener, _, port = kind.listener "127.0.0.4"
      assert.equal("127.0.0.4", (listener:getsockname()))
      assert.is_nil((socket.connect("127.0.0.1", port)))
      local near = assert(socket.connect("127.0.0.4", port))
      local server = kind.accept(listener)
      assert.equal("127.0.0.4", (server:getsockname()))
      for _, object in ipairs {near, server, listener} do object:close() end
    end)
  end)
end

it("ssl.connect reaches IPv6 by address and by name", function()
  local peer = helpers.python_server("echo", {arguments = {"--host", "::1"}})
  for _, host in ipairs {"::1", "localhost"} do
    local conn, err = ssl.connect(host, peer.port, {
      ca_certs = helpers.file "root.crt", timeout = 5})
    if not conn and host == "localhost" then
      -- Where the name has no address of IPv6.
      assert.equal("connection refused", err)
    else
      assert(conn, err)
      assert.equal("inet6", conn:getfamily())
      assert.same({"::1", peer.port}, {conn:getpeername(),
        (select(2, conn:getpeername()))})
      conn:close()
    end
  end
  peer:stop()
end)
