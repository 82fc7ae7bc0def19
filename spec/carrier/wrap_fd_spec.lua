-- context:wrap_fd: TLS over descriptors that are numbers, connected and
-- listening, owned from then on; and with no LuaSocket in the process.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

-- The descriptor of a LuaSocket object, which owns it no more.
local function bare(sock)
  local fd = sock:getfd()
  sock:setfd(-1)
  return fd
end

describe("context:wrap_fd", function()
  local client_context, server_context, opened

  before_each(function()
    client_context = assert(ssl.create_default_context {ca_certs = helpers.file "root.crt"})
    server_context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
    opened = {}
  end)

  after_each(function()
    for _, conn in ipairs(opened) do conn:close() end
    client_context, server_context, opened = nil, nil, nil
  end)

  local function keep(conn)
    opened[#opened + 1] = conn
    conn:settimeout(helpers.patience)
    return conn
  end

  local LAZY = {do_handshake_on_connect = false}

  local function pair()
    local near, far = helpers.sockets()
    local client = keep(assert(client_context:wrap_fd(bare(near),
      {server_hostname = "localhost", do_handshake_on_connect = false})))
    local server = keep(assert(server_context:wrap_fd(bare(far), LAZY)))
    client:settimeout(0)
    server:settimeout(0)
    local one, other
    repeat one, other = client:do_handshake(), server:do_handshake() until one and other
    client:settimeout(helpers.patience)
    server:settimeout(helpers.patience)
    return client, server
  end

  it("carries a connection, and closes the descriptor", function()
    local client, server = pair()
    local fd = client:getfd()
    assert.is_true(fd >= 0)
    assert(client:send "hello\n")
    assert.equal("hello", server:receive())
    assert.equal("inet4", client:getfamily())
    assert.equal("127.0.0.1", (client:getpeername()))
    assert.equal("localhost", server:server_hostname())
    assert.equal(1, client:close())
    assert.equal(-1, client:getfd())
    assert.error_matches(function() client_context:wrap_fd(fd) end, "no open descriptor")
  end)

  it("handshakes at once with a real peer, and verifies it", function()
    local peer = helpers.python_server "echo"
    for _, name in ipairs {"localhost", "other.example"} do
      local sock = assert(socket.connect("127.0.0.1", peer.port))
      local conn, err = client_context:wrap_fd(bare(sock), {server_hostname = name})
      if name == "localhost" then
        keep(assert(conn, err))
        assert.equal("TLSv1.3", conn:version())
        assert(conn:send "hello\n")
        assert.equal("hello", conn:receive())
      else
        assert.is_nil(conn)
        assert.equal(62, err.verify_code)
      end
    end
    peer:stop()
  end)

  it("gives the descriptor back", function()
    local client, server = pair()
    server:settimeout(0)
    assert.same({nil, "wantread"}, {server:unwrap()})
    local fd, leftover = assert(client:unwrap())
    assert.same({"number", ""}, {type(fd), leftover})
    local plain = assert(server:unwrap())
    assert.same({"closed", -1}, {select(2, client:unwrap()), client:getfd()})
    opened = {}
    local again = keep(assert(client_context:wrap_fd(fd, {server_hostname = "localhost",
      do_handshake_on_connect = false})))
    local other = keep(assert(server_context:wrap_fd(plain, LAZY)))
    again:settimeout(0)
    other:settimeout(0)
    local one, two
    repeat one, two = again:do_handshake(), other:do_handshake() until one and two
  end)

  local function listen(options)
    local sock = assert(socket.bind("127.0.0.1", 0))
    local _, port = sock:getsockname()
    return keep(assert(server_context:wrap_fd(bare(sock), options))), tonumber(port)
  end

  it("accepts from a listening one", function()
    local listener, port = listen()
    assert.equal(tostring(port), tostring((select(2, listener:getsockname()))))
    listener:settimeout(0)
    assert.same({nil, "timeout"}, {listener:accept()})
    assert.same({true, false}, {listener:want()})
    listener:settimeout(0.1)
    local start = socket.gettime()
    assert.same({nil, "timeout"}, {listener:accept()})
    assert.is_true(socket.gettime() - start >= 0.09)
    listener:settimeout(helpers.patience)
    local peer = helpers.python_client(port, "exchange")
    local conn = keep(assert(listener:accept()))
    assert.equal("hello", conn:receive())
    assert(conn:send "welcome")
    conn:close()
    peer:expect "received b'welcome'"
    assert.equal(0, peer:wait())
    assert.same({nil, "already connected"}, {listener:connect("127.0.0.1", port)})
    listener:close()
    assert.same({nil, "closed"}, {listener:accept()})
  end)

  it("tells a client's failure from the listener's", function()
    local listener, port = listen {handshake_timeout = 0.2}
    local sock = assert(socket.connect("127.0.0.1", port))
    local conn, err, theirs = listener:accept()
    assert.same({nil, "handshake_timeout", true, true}, {conn, err.kind, err.accepted, theirs})
    sock:close()
    sock = assert(socket.connect("127.0.0.1", port))
    sock:send "GET / HTTP/1.0\r\n\r\n"
    conn, err, theirs = listener:accept()
    assert.same({nil, "plaintext", true}, {conn, err.kind, theirs})
    sock:close()
  end)

  it("leaves the handshake to who asks for it", function()
    local listener, port = listen(LAZY)
    local sock = assert(socket.connect("127.0.0.1", port))
    local conn = keep(assert(listener:accept()))
    assert.is_nil(conn:version())
    sock:close()
  end)

  it("is waited for by ssl.poll and socket.select", function()
    local listener, port = listen(LAZY)
    assert.equal("timeout", (select(3, ssl.poll({listener}, nil, 0))))
    local sock = assert(socket.connect("127.0.0.1", port))
    assert.equal(1, ssl.poll({listener}, nil, helpers.patience)[listener])
    assert.equal(1, socket.select({listener}, nil, helpers.patience)[listener])
    keep(assert(listener:accept()))
    sock:close()
  end)

  it("reads and sets LuaSocket's options", function()
    local client = pair()
    assert.is_false(client:getoption "keepalive")
    assert.equal(1, client:setoption("keepalive", true))
    assert.is_true(client:getoption "keepalive")
  end)

  it("leaves what it refuses with the caller", function()
    local near, far = helpers.sockets()
    local fd = near:getfd()
    assert.error_matches(function() client_context:wrap_fd(fd) end, "check_hostname needs a server_hostname")
    local conn, err = client_context:wrap_fd(fd, {server_hostname = "no name"})
    assert.same({nil, "name"}, {conn, err.kind})
    assert(near:send "x")
    assert.equal("x", far:receive(1))
    local listener = assert(socket.bind("127.0.0.1", 0))
    assert.error_matches(function() client_context:wrap_fd(listener:getfd(), {server_hostname = "x"}) end,
      "option 'server_side' must be true for a listening socket")
    listener:settimeout(0)
    assert.same({nil, "timeout"}, {listener:accept()})
    for _, sock in ipairs {near, far, listener} do sock:close() end
  end)

  it("answers what a peer can bring about, and raises nothing", function()
    local near, far = helpers.sockets()
    far:setoption("linger", {on = true, timeout = 0})
    far:close()
    ssl.poll({near}, nil, helpers.patience)
    local conn, err = server_context:wrap_fd(near:getfd())
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLSyscallError), tostring(err))
    if err.operation ~= "wrap_fd" then near:setfd(-1) end  -- it was closed
    near:close()
  end)

  it("refuses what is no stream socket", function()
    local udp, tcp = socket.udp(), socket.tcp4()
    udp:setsockname("127.0.0.1", 0)
    for fd, words in pairs {[udp:getfd()] = "no stream socket", [987654] = "no open descriptor",
      [1] = "descriptor of no socket"} do
      assert.error_matches(function() server_context:wrap_fd(fd) end, "bad argument #1 to 'wrap_fd' %(" .. words)
    end
    local conn, err = server_context:wrap_fd(tcp:getfd())
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLSyscallError))
    udp:close()
    tcp:close()
  end)

  it("serves openssl by socket activation, without LuaSocket", function()
    local program = helpers.temp_file [[
      for _, name in ipairs {"socket", "socket.core"} do
        package.preload[name] = function() error "not here" end
      end
      local ssl = require "luassl"
      local context = assert(ssl.SSLContext {server_side = true, certfile = arg[1]})
      local listener = assert(context:wrap_fd(3))
      local conn = assert(listener:accept())
      conn:settimeout(20)
      assert(conn:send(assert(conn:receive()):upper() .. "\n"))
      assert(conn:close())
      assert(listener:close())
    ]]
    local server = helpers.spawn {"python3", "-c", [[if True:
      import os, socket, sys
      listener = socket.socket()
      listener.bind(("127.0.0.1", 0))
      listener.listen()
      print("ready", listener.getsockname()[1], flush=True)
      os.dup2(listener.fileno(), 3)
      os.set_inheritable(3, True)
      os.execvp(sys.argv[1], sys.argv[1:])
    ]], "env", "LD_PRELOAD=" .. (helpers.preloaded or ""), helpers.interpreter, program, helpers.file "rsa.pem"}
    local port = server:expect "ready (%d+)\n"
    local client = helpers.s_client(port, {arguments = {"-quiet"}})
    client:write "hello openssl\n"
    client:expect "HELLO OPENSSL"
    assert.equal(0, server:wait())
    client:stop()
    os.remove(program)
  end)
end)
