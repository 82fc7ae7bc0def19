-- From clear text to TLS and back on one connection, as client and server;
-- what arrives in one segment with the beginning or the end of TLS; and what
-- must not.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

local CLIENT = {server_hostname = "localhost"}
local SERVER = {server_side = true}

-- One line of clear text, the first bytes of which may be there already.
local function clear_line(sock, leftover)
  if leftover:find "\n" then return leftover:match "^(.-)\n$" end
  return sock:receive("*l", leftover)
end

describe("STARTTLS and back", function()
  local contexts = {}

  setup(function()
    contexts = {client = wire.context "client", server = wire.context "server"}
  end)

  teardown(function() contexts = {} end)

  for _, version in ipairs {"TLSv1_2", "TLSv1_3"} do
    for _, merge in ipairs {"apart", "merged"} do
      local function arguments(...)
        local list = {"python3", "spec/peers/starttls.py", "--max", version, ...}
        if merge == "merged" then list[#list + 1] = "--merge" end
        return list
      end

      it(("as a client of Python, %s, segments %s"):format(version, merge),
        function()
          local peer = helpers.spawn(arguments("--cert", helpers.file "rsa.pem"))
          local sock = assert(socket.connect("127.0.0.1",
            peer:expect "ready (%d+)"))
          sock:settimeout(helpers.patience)
          local fd = sock:getfd()
          for round = 1, 3 do
            sock:send "STARTTLS\n"
            assert.equal("go", sock:receive())
            local conn = assert(contexts.client:wrap_socket(sock, CLIENT))
            conn:send "secret\n"
            assert.equal("echo secret", conn:receive())
            local leftover
            sock, leftover = assert(conn:unwrap())
            assert.equal(merge == "merged" and "server clear\n" or "", leftover)
            assert.equal("server clear", clear_line(sock, leftover))
            assert.equal(fd, sock:getfd())
            sock:send "client clear\n"
            peer:expect(("(round %d TLS)"):format(round))
          end
          assert.equal(0, peer:wait())
          sock:close()
        end)

      it(("as a server of Python, %s, segments %s"):format(version, merge),
        function()
          local listener = assert(socket.bind("127.0.0.1", 0))
          local peer = helpers.spawn(arguments((select(2,
            listener:getsockname())), "--ca", helpers.file "root.crt"))
          local sock = assert(listener:accept())
          listener:close()
          sock:settimeout(helpers.patience)
          for round = 1, 3 do
            assert.equal("STARTTLS", sock:receive())
            assert.equal(merge == "merged", sock:dirty())
            if merge == "apart" then sock:send "go\n" end
            local conn = assert(contexts.server:wrap_socket(sock, SERVER))
            assert.equal("secret", conn:receive())
            conn:send "echo secret\n"
            assert.same({nil, "closed", ""}, {conn:receive()})
            local leftover
            sock, leftover = assert(conn:unwrap())
            assert.equal(merge == "merged" and "client clear\n" or "", leftover)
            assert.equal("client clear", clear_line(sock, leftover))
            sock:send "server clear\n"
            peer:expect(("(round %d TLS)"):format(round))
          end
          assert.equal(0, peer:wait())
          sock:close()
        end)
    end
  end

  for _, who in ipairs {"client", "server"} do
    it(("as a mail server of openssl s_client, the %s ends"):format(who),
      function()
        local listener = assert(socket.bind("127.0.0.1", 0))
        local peer = helpers.s_client((select(2, listener:getsockname())),
          {arguments = {"-starttls", "smtp"}})
        local sock = assert(listener:accept())
        listener:close()
        sock:settimeout(helpers.patience)
        sock:send "220 localhost ready\r\n"
        assert.truthy(sock:receive():find "^EHLO ")
        sock:send "250-localhost\r\n250 STARTTLS\r\n"
        assert.equal("STARTTLS", sock:receive())
        sock:send "220 go\r\n"
        local conn = assert(contexts.server:wrap_socket(sock, SERVER))
        peer:write "hello\n"
        assert.equal("hello", conn:receive())
        conn:send "welcome\n"
        peer:expect "(welcome)"
        if who == "client" then
          peer:close_input()
          assert.same({nil, "closed", ""}, {conn:receive()})
        end
        local leftover
        sock, leftover = assert(conn:unwrap())
        assert.equal("", leftover)
        assert.same({nil, "closed", ""}, {sock:receive()})
        sock:close()
        assert.equal(0, peer:wait())
      end)
  end

  it("as a client of openssl s_server", function()
    local peer = helpers.s_server()
    local sock = assert(socket.connect("127.0.0.1", peer.port))
    sock:settimeout(helpers.patience)
    local conn = assert(contexts.client:wrap_socket(sock, CLIENT))
    conn:send "hello\n"
    peer:expect "(hello)"
    local leftover
    sock, leftover = assert(conn:unwrap())
    assert.equal("", leftover)
    assert.same({nil, "closed", ""}, {sock:receive()})
    sock:close()
    peer:stop()
  end)

  it("keeps what the connection is, round by round", function()
    local near, far = helpers.sockets()
    local names = {near:getpeername()}
    local fds = {near:getfd(), far:getfd()}
    near:settimeout(0)
    near:settimeout(5, "t")
    far:settimeout(0)
    local previous
    for round = 1, 3 do
      local line = "clear " .. round
      near:send(line .. "\n")
      assert.equal(line, wire.together {
        function() return far:receive() end}[1][1])
      local client = assert(contexts.client:wrap_socket(near, CLIENT))
      local server = assert(contexts.server:wrap_socket(far, SERVER))
      for _, result in ipairs(wire.together {
          function() return client:do_handshake() end,
          function() return server:do_handshake() end}) do
        assert(result[1], result[2])
      end
      client:send "secret"
      assert.equal("secret", wire.together {
        function() return server:receive(6) end}[1][1])
      local ends = wire.together {function() return client:unwrap() end,
        function() return server:unwrap() end}
      for _, result in ipairs(ends) do assert.equal("", result[2]) end
      near, far = ends[1][1], ends[2][1]
      assert.truthy(tostring(near):find "^tcp{client}")
      assert.same(fds, {near:getfd(), far:getfd()})
      assert.same(names, {near:getpeername()})
      assert.same({0, 5}, {near:gettimeout()})
      assert.equal(-1, client:getfd())
      assert.same({nil, "closed", ""}, {client:receive()})
      assert.same({nil, "closed"}, {client:unwrap()})
      client:close()  -- is no longer its descriptor's
      server:close()
      previous = client
      helpers.snapshot()
    end
    assert.equal(1, previous:close())
    near:send "end\n"
    assert.equal("end", wire.together {function() return far:receive() end}[1][1])
    near:close()
    far:close()
  end)
end)

describe("before TLS", function()
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

  it("curl's PROXY line is clear text, and TLS follows", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local curl = helpers.spawn {"curl", "-sS", "--haproxy-protocol",
      "--noproxy", "*", "--cacert", helpers.file "root.crt",
      ("https://localhost:%s/"):format(port), "--resolve",
      ("localhost:%s:127.0.0.1"):format(port)}
    local sock = assert(listener:accept())
    sock:settimeout(helpers.patience)
    assert.truthy(sock:receive():find "^PROXY TCP4 127.0.0.1 127.0.0.1 %d+ %d+")
    local conn = assert(wire.context "server":wrap_socket(sock, SERVER))
    assert.truthy(conn:receive():find "^GET / HTTP/")
    repeat local line = conn:receive() until line == ""
    conn:send "HTTP/1.0 200 OK\r\n\r\nbehind the line"
    conn:close()
    curl:expect "(behind the line)"
    assert.equal(0, curl:wait())
    listener:close()
  end)

  it("commands behind STARTTLS are no ClientHello, nor obeyed later", function()
    local client = assert(wire.context "client":wrap_object(CLIENT))
    client:do_handshake()
    for _, behind in ipairs {"RSET\r\n", "RSET\r\n" .. client:drain()} do
      near:send("STARTTLS\r\n" .. behind)
      assert.equal("STARTTLS", far:receive())
      assert.is_true(far:dirty())
      local conn, err = wire.context "server":wrap_socket(far, SERVER)
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal(-1, far:getfd())
      near:close()
      near, far = helpers.sockets()
    end
    client:close()
  end)

  it("an answer that the kernel holds does not reach the client", function()
    far:send "220 go\r\n"
    assert.equal("220 go", near:receive())
    far:send "250 injected\r\n"
    socket.select({near}, nil, helpers.patience)
    assert.is_false(near:dirty())
    local conn, err = wire.context "client":wrap_socket(near, CLIENT)
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("plaintext", err.kind)
    assert.equal(-1, near:getfd())
  end)
end)
