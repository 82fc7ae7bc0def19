-- A listening socket: its clients, the good and the bad, and how long each of
-- them may take.
local audit = require "luassl_audit"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local wire = require "spec.support.wire"

helpers.audit()

local function server_options(more)
  local options = {server_side = true, certfile = helpers.file "ecdsa.pem"}
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local function is_between(low, high, elapsed)
  assert.is_true(elapsed >= low and elapsed < high,
    ("%.3f s are not between %.3f and %.3f"):format(elapsed, low, high))
end

-- Calls, and answers the seconds it took before the results.
local function timed(call, ...)
  local start = socket.gettime()
  local result, err = call(...)
  return socket.gettime() - start, result, err
end

describe("a listening socket", function()
  local listener, port, opened

  local function listen(options)
    listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)),
      server_options(options)))
    listener:settimeout(helpers.patience)
    port = tonumber((select(2, listener:getsockname())))
  end

  -- A client in clear text.
  local function raw_client(text)
    local sock = assert(socket.connect("127.0.0.1", port))
    sock:settimeout(helpers.patience)
    if text then assert(sock:send(text)) end
    opened[#opened + 1] = sock
    return sock
  end

  local function accept()
    local conn, err = listener:accept()
    if conn then
      opened[#opened + 1] = conn
      conn:settimeout(helpers.patience)
    end
    return conn, err
  end

  before_each(function() opened = {} end)

  after_each(function()
    for _, sock in ipairs(opened) do sock:close() end
    if listener then listener:close() end
    listener, opened = nil, nil
  end)

  it("accepts handshaken connections without a time limit", function()
    listen()
    local client = helpers.python_client(port, "exchange")
    local conn = assert(accept())
    assert.is_string(conn:version())
    assert.is_string(conn:cipher())
    assert.equal("localhost", conn:server_hostname())
    assert.equal("hello", conn:receive())
    assert.equal("127.0.0.1", (conn:getpeername()))
    assert.equal(port, tonumber((select(2, conn:getsockname()))))
    conn:send "welcome"
    conn:close()
    client:expect "received b'welcome'"
    assert.equal(0, client:wait())
  end)

  it("gives its own options to its connections, not its limits", function()
    listen {do_handshake_on_connect = false, nodelay = false}
    listener:settimeout(5, "t")
    raw_client()
    local conn = assert(listener:accept())
    assert.same({-1, -1}, {conn:gettimeout()})
    assert.is_false(conn:getoption "tcp-nodelay")
    local received, sent, age = conn:getstats()
    assert.same({0, 0}, {received, sent})
    assert.is_true(age < 5)
    conn:close()
    assert.same({helpers.patience, 5}, {listener:gettimeout()})
  end)

  it("goes on after every sort of bad client", function()
    listen()
    local before = helpers.snapshot()
    local bad = {
      plaintext = function() raw_client "GET / HTTP/1.0\r\n\r\n" end,
      garbage = function() raw_client(("\255\0garbage"):rep(100)) end,
      record = function() raw_client "\22\3\1\0\5\1\0\0\1\0" end,
      gone = function() raw_client():close() end,
      half = function()
        raw_client("\22\3\1\2\0\1\0\1"):close()
      end,
      reset = function() wire.reset(raw_client()) end,
      alert = function() raw_client "\21\3\1\0\2\2\40" end,
    }
    for name, come in pairs(bad) do
      come()
      local elapsed, conn, err = timed(accept)
      assert.is_nil(conn, name)
      assert.is_true(err:is(ssl.SSLError), name)
      assert.is_true(err.accepted, name)
      assert.is_true(elapsed < 5, name)
      if name == "plaintext" then assert.equal("plaintext", err.kind) end
      if name == "gone" or name == "half" then
        assert.is_true(err:is(ssl.SSLEOFError), name)
      elseif name == "reset" then
        assert.is_true(err:is(ssl.SSLSyscallError), name)
      end
    end
    -- One that does not trust us, and says so in an alert.
    local client = helpers.python_client(port, "exchange", {arguments = {
      "--name", "wrong.example"}})
    local conn, err = accept()
    assert.equal(1, client:wait())
    if conn then  -- in TLS 1.3 the alert may come after our part is done
      conn, err = conn:receive()
    else
      assert.is_true(err.accepted)
    end
    assert.is_nil(conn)
    assert.equal("bad_certificate", err.alert)
    for _, sock in ipairs(opened) do sock:close() end
    local after = audit.descriptors()
    for fd in pairs(after) do assert.is_not_nil(before.descriptors[fd]) end
    -- And a good one.
    client = helpers.python_client(port, "exchange")
    conn = assert(accept())
    assert.equal("hello", conn:receive())
    conn:close()
    assert.equal(0, client:wait())
  end)

  it("goes on after a client that lacks the certificate", function()
    listen {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt"}
    local client = helpers.python_client(port)
    local conn, err = accept()
    assert.is_nil(conn)
    assert.is_true(err.accepted)
    assert.equal("sent", err.alert_direction)
    client:wait()
    client = helpers.python_client(port, "exchange", {arguments = {
      "--cert", helpers.file "client.pem"}})
    conn = assert(accept())
    assert.is_table(conn:getpeercert().subject)
    conn:close()
    client:wait()
  end)

  it("answers timeout when nobody came", function()
    listen {handshake_timeout = 0.05}
    listener:settimeout(0.2)
    local elapsed, conn, err = timed(accept)
    assert.is_nil(conn)
    assert.equal("timeout", err)
    is_between(0.19, 1, elapsed)
    listener:settimeout(nil)
    listener:settimeout(0.1, "t")
    elapsed, conn, err = timed(accept)
    assert.same({nil, "timeout"}, {conn, err})
    is_between(0.09, 1, elapsed)
  end)

  it("gives a silent client handshake_timeout seconds", function()
    listen {handshake_timeout = 0.2}
    local client = raw_client()
    for _, limit in ipairs {-1, 20} do
      listener:settimeout(limit)
      local elapsed, conn, err = timed(accept)
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("handshake_timeout", err.kind)
      assert.is_true(err.accepted)
      is_between(0.19, 1, elapsed)
      assert.same({nil, "closed", ""}, {client:receive(1)})
      client = raw_client()
    end
  end)

  it("waits for client and handshake together, if told how long", function()
    listen()
    listener:settimeout(0.2)
    local client = raw_client()
    local elapsed, conn, err = timed(accept)
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    assert.is_true(err.accepted)
    is_between(0.19, 1, elapsed)
    assert.same({nil, "closed", ""}, {client:receive(1)})
  end)

  it("lets no client trickle", function()
    listen {handshake_timeout = 0.3}
    local slow = helpers.spawn {"python3", "spec/peers/slow.py",
      "--connect", port}
    slow:expect "connected"
    local elapsed, conn, err = timed(accept)
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    assert.is_true(err.accepted)
    is_between(0.29, 1.5, elapsed)
    slow:stop()
  end)

  it("leaves the handshake for later where told so", function()
    listen {do_handshake_on_connect = false}
    local silent = raw_client()
    local elapsed, first = timed(accept)
    assert.is_not_nil(first)
    assert.is_true(elapsed < 1)
    assert.is_nil(first:version())
    assert.truthy(tostring(first):find("SSLSocket (handshake)", 1, true))
    local client = helpers.python_client(port)
    local second = assert(accept())
    assert.is_true(second:do_handshake())
    assert.equal("hello", second:receive())
    second:close()
    assert.equal(0, client:wait())
    -- A client's failure is its connection's then.
    silent:close()
    local done, err = first:do_handshake()
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLEOFError))
    assert.is_nil(err.accepted)
  end)

  it("bounds a handshake that was left for later", function()
    listen {do_handshake_on_connect = false, handshake_timeout = 0.2}
    raw_client()
    local conn = assert(accept())
    conn:settimeout(nil)
    local elapsed, done, err = timed(conn.receive, conn)
    assert.is_nil(done)
    assert.equal("handshake_timeout", err.kind)
    is_between(0.19, 1, elapsed)
  end)

  it("neither waits nor shakes hands at timeout 0", function()
    listen()
    listener:settimeout(0)
    assert.same({nil, "timeout"}, {listener:accept()})
    raw_client()
    assert.equal(listener, socket.select({listener}, nil, 5)[1])
    local elapsed, conn = timed(accept)
    assert.is_not_nil(conn)
    assert.is_true(elapsed < 1)
    assert.is_nil(conn:version())
    assert.same({nil, "timeout"}, {listener:accept()})
    conn:settimeout(0)
    assert.same({nil, "wantread"}, {conn:do_handshake()})
    assert.same({nil, "timeout", ""}, {conn:receive()})
  end)

  it("is made of a wrapped socket by bind and listen", function()
    listener = assert(ssl.wrap_socket(socket.tcp(), server_options()))
    assert.equal(1, listener:bind("127.0.0.1", 0))
    assert.has_error(function() listener:accept() end)
    assert.equal(1, listener:listen())
    port = tonumber((select(2, listener:getsockname())))
    listener:settimeout(helpers.patience)
    local client = helpers.python_client(port)
    local conn = assert(accept())
    assert.equal("hello", conn:receive())
    conn:close()
    assert.equal(0, client:wait())
  end)

  it("says what its own system call says", function()
    listen()
    assert.has_error(function() listener:bind("127.0.0.1", {}) end)
    local other = assert(ssl.wrap_socket(socket.tcp(), server_options()))
    local done, err = other:bind("127.0.0.1", port)
    assert.is_nil(done)
    assert.is_string(err)
    other:close()
  end)

  it("ends with close, and its connections go on", function()
    listen()
    local client = helpers.python_client(port, "talk")
    local conn = assert(accept())
    assert.equal(1, listener:close())
    assert.equal(-1, listener:getfd())
    assert.truthy(tostring(listener):find("SSLSocket (closed)", 1, true))
    for _, name in ipairs {"accept", "listen", "bind", "connect"} do
      assert.same({nil, "closed"},
        {listener[name](listener, "127.0.0.1", port)}, name)
    end
    assert.equal(1, listener:close())
    assert.is_nil((socket.connect("127.0.0.1", port)))
    assert.equal("hello", conn:receive())
    conn:send "bye"
    client:expect "received b'bye'"
    conn:close()
    assert.equal(0, client:wait())
  end)

  it("is misuse where nothing listens", function()
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0)
    for _, conn in ipairs {
        assert(ssl.wrap_socket(socket.tcp(), server_options())),
        assert(ssl.wrap_socket(socket.tcp())),
        assert(ssl.wrap_socket(far, server_options())),
        assert(ssl.wrap_socket(near))} do
      local done, err = pcall(conn.accept, conn)
      assert.is_false(done)
      assert.truthy(err:find("accept", 1, true))
      conn:close()
    end
  end)

  it("needs server_side", function()
    local sock = assert(socket.bind("127.0.0.1", 0))
    local done, err = pcall(ssl.wrap_socket, sock)
    assert.is_false(done)
    assert.truthy(err:find("server_side", 1, true))
    assert.is_true(sock:getfd() >= 0)
    sock:close()
  end)

  it("has only what a listening socket has", function()
    listen()
    raw_client()
    for _, call in ipairs {{"receive"}, {"read"}, {"send", "x"}, {"write", "x"},
        {"do_handshake"}, {"unwrap"}} do
      local result, err = listener[call[1]](listener, call[2])
      assert.is_nil(result, call[1])
      assert.is_true(err:is(ssl.SSLError), call[1])
    end
    assert.is_nil((listener:getpeername()))
    assert.is_nil(listener:version())
  end)
end)

describe("accept, when a hook refuses", function()
  after_each(hooking.close_all)

  it("says that it was one client, and lets go of it", function()
    local listener = hooking.keep(assert(hooking.context("server", {
      on_client_hello = function() return nil, "no" end})
      :wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
    local _, port = listener:getsockname()
    listener:settimeout(0.01)
    assert.same({n = 2, nil, "timeout"}, {n = select("#", listener:accept()),
      listener:accept()})
    listener:settimeout(helpers.patience)
    local object = hooking.keep(assert(hooking.context "client"
      :wrap_object {server_hostname = "localhost"}))
    object:do_handshake()
    local sock = hooking.keep(assert(socket.connect("127.0.0.1", port)))
    sock:settimeout(helpers.patience)
    assert(sock:send(object:drain()))
    collectgarbage "stop"  -- which would let go of it, some day
    local results = {listener:accept()}
    local alert, err = sock:receive "*a"
    collectgarbage "restart"
    assert.same({nil, "no", true}, results)
    object:feed(assert(alert, err))
    assert.equal("handshake_failure", select(2, object:do_handshake()).alert)
  end)
end)
