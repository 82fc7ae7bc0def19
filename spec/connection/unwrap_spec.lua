-- The end of TLS, and the clear connection behind it.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  for _, side in ipairs {"client", "server"} do
    describe(("unwrap of a %s, %s,"):format(side, version), function()
      local pair, conn, tcp

      local function open(options)
        options = options or {}
        options.side = side
        options.client = {maximum_version = version}
        pair = wire.opened(options)
        conn = pair.conn
      end

      before_each(function() open() end)

      after_each(function()
        if tcp then tcp:close() end
        pair:close()
        pair, conn, tcp = nil, nil, nil
      end)

      -- The peer says goodbye, and `clear` behind it in the same segment.
      local function answer(clear)
        assert(pair.peer:shutdown "send")
        pair:inject(pair.peer:drain() .. (clear or ""))
      end

      -- Both descriptors speak in clear text.
      local function check_clear()
        pair.raw:settimeout(0)
        pair:carry_in()  -- our goodbye
        wire.check_clear(tcp, pair.raw)
      end

      it("says goodbye, waits for the peer's, and gives back TCP", function()
        local fd = conn:getfd()
        assert.same({nil, "wantread"}, {conn:unwrap()})
        assert.same({true, false}, {conn:want()})
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        assert.is_nil(pair.ended)
        assert.same({nil, "wantread"}, {conn:unwrap()})
        answer()
        local leftover
        tcp, leftover = pair:drive(function() return conn:unwrap() end)
        assert.equal("", leftover)
        assert.equal(fd, tcp:getfd())
        assert.truthy(tostring(tcp):find "^tcp{client}")
        check_clear()
      end)

      it("gives the clear text that came with the goodbye", function()
        conn:unwrap()
        answer "clear\0text\n"
        local leftover
        tcp, leftover = pair:drive(function() return conn:unwrap() end)
        assert.equal("clear\0text\n", leftover)
        check_clear()
      end)

      it("needs one call when the peer said goodbye first", function()
        answer "and more"
        assert.same({nil, "closed", ""}, {pair:hear()})
        local leftover
        pair.heard = {}
        tcp, leftover = conn:unwrap()
        assert.equal("and more", leftover)
        assert.same({nil, "closed", ""}, {pair:receive "*a"})
        check_clear()
      end)

      it("gives back an object with the socket's own limits and names",
        function()
          answer()
          conn:settimeout(0.05)
          conn:settimeout(8, "t")
          tcp = assert(conn:unwrap())
          assert.same({0.05, 8}, {tcp:gettimeout()})
          local address, port = pair.raw:getsockname()
          local peer_address, peer_port = tcp:getpeername()
          assert.same({address, tonumber(port)}, {peer_address, peer_port})
          assert.same({nil, "timeout", ""}, {tcp:receive(1)})
        end)

      it("leaves behind a closed object that touches nothing", function()
        answer()
        tcp = assert(pair:drive(function() return conn:unwrap() end))
        assert.truthy(tostring(conn):find("SSLSocket (closed)", 1, true))
        assert.equal(-1, conn:getfd())
        assert.same({nil, "closed"}, {conn:unwrap()})
        assert.same({nil, "closed", ""}, {conn:receive()})
        assert.same({nil, "closed", 0}, {conn:send "x"})
        for _ = 1, 2 do assert.equal(1, conn:close()) end
        check_clear()
        conn, pair.conn = nil, {close = function() end}
        assert.is_nil(conn)
        helpers.snapshot()  -- collects it
        check_clear()
      end)

      it("never drains unread data away", function()
        pair:say "unread"
        assert.equal("", pair:hear(0))
        local result, err = conn:unwrap()
        assert.is_nil(result)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("unread_data", err.kind)
        assert.equal("unwrap", err.operation)
        assert.equal(3, conn:send "yes")  -- no goodbye has been said
        assert.equal("yes", pair:receive(3))
        assert.equal("unr", conn:receive(3))
        assert.equal("unread_data", select(2, conn:unwrap()).kind)
        assert.equal("ead", conn:receive(3))
        answer()
        tcp = assert(pair:drive(function() return conn:unwrap() end))
        check_clear()
      end)

      it("never drains away data that comes meanwhile", function()
        assert.same({nil, "wantread"}, {conn:unwrap()})
        pair:say "late"
        answer "clear"
        local result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.equal("unread_data", err.kind)
        assert.equal("late", conn:receive(4))
        local leftover
        tcp, leftover = conn:unwrap()
        assert.equal("clear", leftover)
        check_clear()
      end)

      it("takes no record for clear text after shutdown", function()
        for _, mode in ipairs {"receive", "both"} do
          assert.equal(1, conn:shutdown(mode))
        end
        pair:say "unheard"
        answer()
        socket.select({pair.raw}, nil, 0)
        local result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.equal("unread_data", err.kind)
        assert.equal("unheard", conn:receive(7))
        local leftover
        tcp, leftover = conn:unwrap()
        assert.equal("", leftover)
        check_clear()
      end)

      it("waits for the peer after shutdown, too", function()
        assert.equal(1, conn:shutdown "both")
        assert.same({nil, "wantread"}, {conn:unwrap()})
        answer "clear"
        local leftover
        tcp, leftover = pair:drive(function() return conn:unwrap() end)
        assert.equal("clear", leftover)
        check_clear()
      end)

      it("gives no connection back that broke or was cut", function()
        conn:unwrap()
        pair:cut()
        local result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.is_true(err:is(ssl.SSLEOFError))
        conn:close()
        pair:close()
        open()
        pair:reset()
        result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.is_true(err:is(ssl.SSLSyscallError))
        pair:close()
        open()
        pair:inject("\23\3\3\0\24" .. ("x"):rep(24))
        result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.is_true(err:is(ssl.SSLError))
        assert.is_true(conn:getfd() >= 0)  -- ours to close
      end)

      it("takes no end of TCP for a goodbye, suppressed or not", function()
        pair:close()
        open {conn = {suppress_ragged_eofs = true}}
        pair:cut()
        local result, err = pair:drive(function() return conn:unwrap() end)
        assert.is_nil(result)
        assert.equal("closed", err)
      end)

      it("lets what is queued leave first", function()
        pair:close()
        open {buffer = 32768}
        local taken = pair:fill()
        assert.same({nil, "wantwrite"}, {conn:unwrap()})
        assert.is_true(select(2, conn:want()))
        local got = {}
        local result, err
        pair:drive(function()
          result, err = conn:unwrap()
          got[#got + 1] = select(3, pair.peer:receive(taken + 1))
          return err ~= "wantwrite" or nil, "timeout"
        end)
        assert.is_nil(result)
        assert.equal("wantread", err)
        got[#got + 1] = pair:receive "*a"
        assert.is_true(table.concat(got) == wire.filling(taken))
        answer()
        tcp = assert(pair:drive(function() return conn:unwrap() end))
        check_clear()
      end)
    end)
  end
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe(("unwrap of an SSLObject, %s,"):format(version), function()
    local client, server

    before_each(function()
      client, server = helpers.pair {client = {maximum_version = version}}
      assert(helpers.handshake(client, server))
    end)

    after_each(function()
      client:close()
      server:close()
      client, server = nil, nil
    end)

    local function goodbye(conn)
      assert(conn:shutdown "send")
      return conn:drain()
    end

    it("says goodbye, waits for the peer's, and closes", function()
      assert.same({nil, "wantread"}, {client:unwrap()})
      assert.same({true, true}, {client:want()})
      assert.same({nil, "wantread"}, {client:unwrap()})
      server:feed(client:drain())
      assert.is_nil(client:drain())
      assert.same({nil, "closed"}, {server:read()})
      assert.same({""}, {server:unwrap()})
      assert.truthy(tostring(server):find("(closed)", 1, true))
      client:feed(server:drain())  -- of one that is closed
      assert.same({""}, {client:unwrap()})
      for _, conn in ipairs {client, server} do
        assert.same({nil, "closed"}, {conn:unwrap()})
        assert.same({nil, "closed"}, {conn:feed "x"})
        assert.same({nil, "closed"}, {conn:read()})
        assert.same({nil, "closed", 0}, {conn:send "x"})
        assert.is_nil(conn:drain())
      end
    end)

    it("gives the clear text behind the peer's goodbye", function()
      for _, clear in ipairs {"\23\3\3\0\5hello", "clear\0\n", ("x"):rep(100000)} do
        client, server = helpers.pair {client = {maximum_version = version}}
        assert(helpers.handshake(client, server))
        local bytes = goodbye(server) .. clear
        assert.equal(#bytes, client:feed(bytes))
        assert.is_true(clear == client:unwrap())
        assert.is_true(#client:drain() > 0)  -- its own goodbye
      end
    end)

    it("gives what was fed of it, no more", function()
      local bytes = goodbye(server) .. ("x"):rep(200000)
      local taken = client:feed(bytes)
      local leftover = client:unwrap()
      assert.equal(200000, #leftover + #bytes - taken)
    end)

    it("never drains unread data away", function()
      assert(server:send "unread")
      client:feed(server:drain())
      local result, err = client:unwrap()
      assert.is_nil(result)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("unread_data", err.kind)
      assert.equal("unread_data", select(2, client:unwrap()).kind)
      client:feed(goodbye(server) .. "clear")
      assert.equal("unread", client:receive(6))
      assert.same({"clear"}, {client:unwrap()})
    end)

    it("sends what is queued first", function()
      local sent = 0
      repeat
        local last, err, part = client:send(("x"):rep(50000))
        sent = sent + (last or part)
      until err
      assert.same({nil, "wantwrite"}, {client:unwrap()})
      local got = 0
      repeat
        helpers.carry(client, server)
        local _, _, part = server:receive "*a"
        got = got + #part
        local _, err = client:unwrap()
      until err == "wantread"
      helpers.carry(client, server)
      repeat
        local data, err = server:read(65536)
        got = got + #(data or "")
      until err == "closed"
      assert.equal(sent, got)
      client:feed(goodbye(server))
      assert.same({""}, {client:unwrap()})
    end)

    it("takes no other end for a goodbye", function()
      for _, reason in ipairs {"broken pipe", false} do
        client, server = helpers.pair()
        assert(helpers.handshake(client, server))
        client:unwrap()
        client:feed(nil, reason or nil)
        local result, err = client:unwrap()
        assert.is_nil(result)
        if reason then assert.equal(reason, err) else assert.is_true(err:is(ssl.SSLEOFError)) end
        assert.falsy(tostring(client):find "closed")
      end
    end)

    it("is refused before the handshake", function()
      local early = helpers.pair()
      local result, err = early:unwrap()
      assert.is_nil(result)
      assert.equal("state", err.kind)
      early:close()
      assert.same({nil, "closed"}, {early:unwrap()})
    end)
  end)
end

describe("unwrap", function()
  it("is refused before the handshake, and after close", function()
    local pair = wire.open()
    local result, err = pair.conn:unwrap()
    assert.is_nil(result)
    assert.equal("state", err.kind)
    for _, done in ipairs(pair:handshake()) do assert.is_true(done[1]) end
    pair.conn:close()
    assert.same({nil, "closed"}, {pair.conn:unwrap()})
    pair:close()
    local conn = assert(ssl.wrap_socket(socket.tcp()))
    assert.equal("state", select(2, conn:unwrap()).kind)
    conn:close()
  end)

  it("keeps no descriptor", function()
    local before = helpers.snapshot()
    for i = 1, 50 do
      local pair = wire.opened()
      pair.peer:shutdown "send"
      pair:carry_out()
      local tcp = assert(pair:drive(function() return pair.conn:unwrap() end))
      if i % 2 == 0 then tcp:close() end
      pair:close()
    end
    assert.same({}, helpers.growth(before))
  end)

  it("and wrap_socket again is TLS once more", function()
    local pair = wire.opened()
    pair.peer:shutdown "send"
    pair:carry_out()
    local tcp = assert(pair:drive(function() return pair.conn:unwrap() end))
    pair:receive "*a"
    tcp:settimeout(0)
    pair.peer:close()
    pair.conn = assert(wire.context "client":wrap_socket(tcp, {
      server_hostname = "localhost"}))
    pair.peer = assert(wire.context "server":wrap_object {server_side = true})
    for _, done in ipairs(pair:handshake()) do assert.is_true(done[1]) end
    pair.conn:send "again"
    assert.equal("again", pair:receive(5))
    pair:close()
  end)

  for _, first in ipairs {false, true} do
    local who = first and "Python first" or "us first"

    local function peer_argv(...)
      local argv = {"python3", "spec/peers/unwrap.py", ...}
      if first then argv[#argv + 1] = "--first" end
      return argv
    end

    local function check(conn, peer)
      conn:settimeout(helpers.patience)
      assert(conn:send "go\n")
      if first then assert.same({nil, "closed", ""}, {conn:receive()}) end
      local tcp, leftover = conn:unwrap()
      assert.is_not_nil(tcp, leftover)
      if not leftover:find "\n" then
        leftover = leftover .. tcp:receive "*l"
      end
      assert.truthy(leftover:find "^clear")
      tcp:send "goodbye\n"
      peer:expect "received b'goodbye"
      assert.equal(0, peer:wait())
      tcp:close()
    end

    it("agrees with Python's as a client, " .. who, function()
      local peer = helpers.spawn(peer_argv("--cert",
        helpers.file "ecdsa.pem"))
      local port = tonumber(peer:expect "ready (%d+)\n")
      check(assert(ssl.connect("localhost", port)), peer)
    end)

    it("agrees with Python's as a server, " .. who, function()
      local listener = assert(ssl.wrap_socket(
        assert(socket.bind("127.0.0.1", 0)),
        {server_side = true, certfile = helpers.file "ecdsa.pem"}))
      listener:settimeout(helpers.patience)
      local peer = helpers.spawn(peer_argv("--ca", helpers.file "root.crt",
        "--connect", (select(2, listener:getsockname()))))
      check(assert(listener:accept()), peer)
      listener:close()
    end)
  end

  it("is answered by openssl s_server", function()
    local peer = helpers.s_server()
    local conn = assert(ssl.connect("localhost", peer.port))
    conn:settimeout(helpers.patience)
    local tcp, leftover = conn:unwrap()
    assert.is_not_nil(tcp, leftover)
    assert.equal("", leftover)
    tcp:close()
    peer:stop()
  end)
end)
