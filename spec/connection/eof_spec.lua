-- The ends of a connection told apart, and which direction a failure ends.
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local wire = require "spec.support.wire"

helpers.audit()

local BAD_RECORD = "\23\3\3\0\24" .. ("x"):rep(24)

-- The end in one word: a condition, a class of errors, or a foreign value.
local function name_of(err)
  if type(err) == "string" then return err end
  for _, class in ipairs {"SSLEOFError", "SSLSyscallError",
      "SSLCertVerificationError", "SSLError"} do
    if err:is(ssl[class]) then return class end
  end
end

-- How the peer can go, and what that is called, suppressed or not.
local ends = {
  {"a clean end", function(pair)
    assert(pair.peer:shutdown "send")
    repeat pair:carry_out() until pair.unsent == ""
    pair:cut()
  end, "closed", "closed"},
  {"a truncated end", function(pair) pair:cut() end, "SSLEOFError", "closed"},
  {"an end amid a record", function(pair)
    assert(pair.peer:send "never whole")
    pair:inject(pair.peer:drain():sub(1, -2))
    pair:cut()
  end, "SSLEOFError", "closed"},
  {"a reset", function(pair) pair:reset() end,
    "SSLSyscallError", "SSLSyscallError"},
  {"a reset that a write has met", function(pair)
    pair:reset()
    local done, err = pair.conn:send "x"
    assert.is_nil(done)
    assert.equal("SSLSyscallError", name_of(err))
    assert.is_nil((pair.conn:write "x"))
  end, "SSLSyscallError", "SSLSyscallError"},
}

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  for _, suppress in ipairs {true, false} do
    for _, case in ipairs(ends) do
      local what, happen = case[1], case[2]
      local expected = suppress and case[4] or case[3]
      describe(("%s, %s, suppress_ragged_eofs=%s, is %s to"):format(what,
          version, tostring(suppress), expected), function()
        local pair, conn

        before_each(function()
          pair = wire.opened {client = {maximum_version = version},
            conn = {suppress_ragged_eofs = suppress}}
          conn = pair.conn
          pair:say "line\n"
          pair:say "part"
          happen(pair)
        end)

        after_each(function()
          pair:close()
          pair, conn = nil, nil
        end)

        local function check(data, err)
          assert.is_nil(data)
          assert.equal(expected, name_of(err))
          if expected == "SSLSyscallError" then
            assert.truthy(err:find "reset by peer")
          end
        end

        -- It is the same from then on, whatever asks.
        local function check_stays()
          check(conn:read())
          check(conn:receive())
          check(conn:receive "*a")
          check(conn:receive(5))
        end

        it("read", function()
          local data = ""
          repeat
            local more, err = pair:drive(function() return conn:read(3) end)
            data = data .. (more or "")
          until err
          assert.equal("line\npart", data)
          check_stays()
        end)

        it("receive(n)", function()
          assert.equal("line\n", (pair:hear(5)))
          local data, err, partial = pair:hear(100)
          check(data, err)
          assert.equal("part", partial)
          check_stays()
        end)

        it('receive("*l")', function()
          assert.equal("line", (pair:hear "*l"))
          local data, err, partial = pair:hear "*l"
          check(data, err)
          assert.equal("part", partial)
          check_stays()
        end)

        it('receive("*a")', function()
          local data, err, partial = pair:hear "*a"
          if expected == "closed" then
            assert.equal("line\npart", data)
          else
            check(data, err)
            assert.equal("line\npart", partial)
          end
          check_stays()
        end)
      end)
    end
  end
end

describe("suppress_ragged_eofs", function()
  local function end_of(wrap, options)
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0)
    local conn = assert(wrap(near, options))
    local peer = assert(wire.context "server":wrap_socket(far))
    for _, result in ipairs(wire.together {
        function() return conn:do_handshake() end,
        function() return peer:do_handshake() end}) do
      assert(result[1], result[2])
    end
    helpers.raw(peer, function(sock) sock:shutdown "send" end)
    local result = wire.together {function() return conn:receive() end}
    conn:close()
    peer:close()
    return name_of(result[1][2])
  end

  it("is the default of ssl.wrap_socket alone", function()
    local context = wire.context("client", {check_hostname = false})
    local function method(sock, options)
      return context:wrap_socket(sock, options)
    end
    assert.equal("closed", end_of(ssl.wrap_socket))
    assert.equal("closed", end_of(ssl.wrap_socket, {context = context}))
    assert.equal("SSLEOFError", end_of(method))
    assert.equal("SSLEOFError", end_of(ssl.wrap_socket,
      {suppress_ragged_eofs = false}))
    assert.equal("SSLEOFError", end_of(ssl.wrap_socket,
      {context = context, suppress_ragged_eofs = false}))
    assert.equal("closed", end_of(method, {suppress_ragged_eofs = true}))
    context = wire.context("client", {check_hostname = false,
      suppress_ragged_eofs = true})
    assert.equal("closed", end_of(method))
    assert.equal("SSLEOFError", end_of(method, {suppress_ragged_eofs = false}))
  end)

  it("is off in ssl.connect", function()
    local peer = helpers.python_server "truncate"
    local conn = assert(ssl.connect("localhost", peer.port))
    conn:settimeout(helpers.patience)
    assert.equal("hello", conn:receive())
    assert.equal("SSLEOFError", name_of(select(2, conn:receive())))
    conn:close()
    peer:stop()
  end)
end)

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("a failure, " .. version .. ",", function()
    local pair, conn

    local function open(options)
      options = options or {}
      options.client = options.client or {}
      options.client.maximum_version = version
      pair = wire.opened(options)
      conn = pair.conn
    end

    after_each(function()
      pair:close()
      pair, conn = nil, nil
    end)

    -- Both directions, and everything else that needs TLS.
    local function check_ended(err)
      for _, call in ipairs {{"receive"}, {"receive", "*a"}, {"receive", 1},
          {"read"}, {"send", "x"}, {"send", ""}, {"write", "x"}, {"write", ""},
          {"do_handshake"}, {"unwrap"}, {"shutdown", "send"}} do
        local result, again = conn[call[1]](conn, call[2])
        assert.is_nil(result, call[1])
        assert.is_true(rawequal(err, again), call[1])
      end
    end

    it("of TLS that we see ends both directions, with one error", function()
      open()
      pair:inject(BAD_RECORD)
      local data, err = pair:hear()
      assert.is_nil(data)
      assert.equal("SSLError", name_of(err))
      assert.equal("bad_record_mac", err.alert)
      assert.equal("sent", err.alert_direction)
      check_ended(err)
      -- The peer is told.
      local _, reason = pair:receive()
      assert.equal("bad_record_mac", reason.alert)
      assert.equal("received", reason.alert_direction)
    end)

    it("of TLS that the peer sees does the same", function()
      open()
      pair.peer:feed(BAD_RECORD)
      assert.is_nil((pair.peer:read()))
      local data, err = pair:hear()
      assert.is_nil(data)
      assert.equal("SSLError", name_of(err))
      assert.equal("bad_record_mac", err.alert)
      assert.equal("received", err.alert_direction)
      check_ended(err)
    end)

    it("of TLS lets through what came before it", function()
      open()
      pair:say "before\npart"
      pair:inject(BAD_RECORD)
      assert.equal("before", (pair:hear()))
      local data, err, partial = pair:hear()
      assert.is_nil(data)
      assert.equal("bad_record_mac", err.alert)
      assert.equal("part", partial)
      check_ended(err)
    end)

    it("leaves the facts readable until close", function()
      open()
      pair:inject(BAD_RECORD)
      pair:hear()
      assert.truthy(tostring(conn):find("SSLSocket (failed)", 1, true))
      assert.equal(version, conn:version())
      assert.is_string(conn:cipher())
      assert.equal(0, (conn:verify_result()))
      assert.is_not_nil(conn:peer_certificate())
      assert.is_table(conn:getpeercert().subject)
      assert.equal("localhost", conn:server_hostname())
      assert.equal("127.0.0.1", (conn:getpeername()))
      assert.is_true(conn:getfd() >= 0)
      assert.equal(1, conn:close())
      assert.same({nil, "closed"}, {conn:version()})
      assert.same({nil, "closed"}, {conn:peer_certificate()})
    end)

    it("of writing ends writing only", function()
      open()
      pair:say "first\n"
      pair:say "second\n"
      pair:reset()
      local sent, err, last = conn:send "x"
      assert.is_nil(sent)
      assert.equal("SSLSyscallError", name_of(err))
      assert.equal("send", err.operation)
      assert.is_number(last)
      for _ = 1, 2 do
        assert.equal("SSLSyscallError", name_of(select(2, conn:send "x")))
        assert.equal("SSLSyscallError", name_of(select(2, conn:write "x")))
      end
      assert.equal("first", (pair:hear()))
      assert.equal("second", (pair:hear()))
      local data, reason, partial = pair:hear()
      assert.is_nil(data)
      assert.equal("SSLSyscallError", name_of(reason))
      assert.equal("", partial)
    end)

    it("of writing finds the alert that explains it", function()
      open()
      pair.peer:feed(BAD_RECORD)
      assert.is_nil((pair.peer:read()))
      pair:carry_out()
      pair:reset()
      local sent, err = conn:send "x"
      assert.is_nil(sent)
      assert.equal("SSLError", name_of(err))
      assert.equal("bad_record_mac", err.alert)
      assert.equal("received", err.alert_direction)
      check_ended(err)
    end)

    it("of writing keeps data before the alert that explains it", function()
      open()
      pair:say "kept\n"
      pair.peer:feed(BAD_RECORD)
      assert.is_nil((pair.peer:read()))
      pair:carry_out()
      pair:reset()
      assert.is_nil((conn:send "x"))
      assert.equal("kept", (pair:hear()))
      local data, err = pair:hear()
      assert.is_nil(data)
      assert.equal("bad_record_mac", err.alert)
      check_ended(err)
    end)

    it("of writing leaves a clean end of reading clean", function()
      open()
      pair:say "last\n"
      assert(pair.peer:shutdown "send")
      pair:carry_out()
      pair:leave()
      local deadline = os.time() + 5
      local sent, err
      repeat  -- the answer is a reset, and then a look at what came
        sent, err = conn:send "into the void"
        assert(os.time() < deadline)
        if not sent and err ~= "closed" then
          assert.equal("SSLSyscallError", name_of(err))
        end
      until err == "closed"
      assert.equal("last", (pair:hear()))
      assert.same({nil, "closed", ""}, {pair:hear()})
    end)

    for _, method in ipairs {"read", "receive", "send", "write"} do
      it(("of a client without the certificate surfaces on its first %s")
          :format(method), function()
        pair = wire.open {client = {maximum_version = version},
          server = {cert_reqs = ssl.CERT_REQUIRED,
            ca_certs = helpers.file "root.crt"}}
        conn = pair.conn
        local results = pair:handshake()
        assert.is_nil(results[2][1])  -- the server refuses
        local alert = version == "TLSv1.3" and "certificate_required"
          or "handshake_failure"
        local err = results[1][2]
        if version == "TLSv1.3" then
          assert.is_true(results[1][1])  -- the client is done by then
          pair:carry_out()
          pair:reset()
          local result
          result, err = conn[method](conn, method ~= "read" and "l" or nil)
          assert.is_nil(result)
        end
        assert.equal("SSLError", name_of(err))
        assert.equal(alert, err.alert)
        assert.equal("received", err.alert_direction)
        check_ended(err)
      end)
    end
  end)
end

describe("a handshake", function()
  it("tells a reset, a truncation and silence apart", function()
    for _, case in ipairs {
        {function(pair) pair:reset() end, "SSLSyscallError"},
        {function(pair) pair:cut() end, "SSLEOFError"},
        {function(pair) pair:inject "\22\3\3\0"; pair:cut() end,
          "SSLEOFError"}} do
      for _, suppress in ipairs {true, false} do
        local pair = wire.open {conn = {suppress_ragged_eofs = suppress}}
        local conn = pair.conn
        assert.same({nil, "wantread"}, {conn:do_handshake()})
        pair:carry_in()
        case[1](pair)
        local done, err = pair:drive(function() return conn:do_handshake() end)
        assert.is_nil(done)
        assert.equal(case[2], name_of(err))
        for _, name in ipairs {"receive", "read", "do_handshake"} do
          assert.is_true(rawequal(err, select(2, conn[name](conn))))
        end
        assert.is_true(rawequal(err, select(2, conn:send "x")))
        assert.equal(1, conn:close())
        pair:close()
      end
    end
  end)

  it("finds the alert when its own flight cannot leave", function()
    local pair = wire.open()
    pair.conn:do_handshake()
    pair:carry_in()
    pair.heard = {}
    pair:inject "\21\3\3\0\2\2\40"
    pair:reset()
    local done, err = pair.conn:do_handshake()
    assert.is_nil(done)
    assert.equal("handshake_failure", err.alert)
    pair:close()
  end)
end)

describe("a connection that has failed", function()
  after_each(hooking.close_all)

  it("says no close_notify behind the alert", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local pair = hooking.succeed(hooking.open("object",
        {maximum_version = version}, {}))
      local client, server = pair.client, pair.server
      pair.pump()
      assert(server:write "x")
      local record = server:drain()
      client:feed(record:sub(1, -2)
        .. string.char((record:byte(-1) + 1) % 256))
      assert.equal("bad_record_mac", select(2, client:read()).alert)
      server:feed(assert(client:drain()))
      assert.equal("bad_record_mac", select(2, server:read()).alert)
      for _, conn in ipairs {client, server} do
        conn:close()
        assert.is_nil(conn:drain())
      end
    end
  end)
end)
