-- Where a record or a message is cut, and what arrives together, is the
-- peer's and the network's choice: nothing of ours may depend on it.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local relay = require "spec.support.relay"
local wire = require "spec.support.wire"

helpers.audit()

local FLOOD = os.getenv "LUASSL_BUILD" .. "/flood"
local POLICIES = {"bytes", "joined", "records", "in_header", "behind_header",
  "before_last"}

-- A connection of ours and a relay to `outer`, a LuaSocket object.
local function relayed(outer, side, options, own)
  local near, inner = helpers.sockets()
  near:settimeout(0)
  local other = side == "client" and "server" or "client"
  local ends = {[side] = inner, [other] = outer}
  own = own or {}
  if side == "client" then own.server_hostname = "localhost" end
  local context = wire.context(side, options)
  return assert(context:wrap_socket(near, own)),
    relay.new(ends.client, ends.server)
end

-- Repeats an operation, a round of the relay in between, until it has an
-- answer other than "not now".
local function drive(between, policy, ...)
  return wire.together({...}, function() between:round(policy) end)
end

local function receiving(conn, pattern)
  local partial = ""
  return function()
    local data, err, rest = conn:receive(pattern, partial)
    partial = rest or partial
    return data, err, rest
  end
end

local function all(_, _, n)
  return n
end

describe("two of ours, with TCP's pieces", function()
  local one, other, between

  after_each(function()
    for _, thing in ipairs {one, other, between} do thing:close() end
    one, other, between = nil, nil, nil
  end)

  local function open(version)
    local near, far = helpers.sockets()
    one, between = relayed(near, "client", {maximum_version = version,
      certfile = helpers.file "client.pem"})
    far:settimeout(0)
    other = assert(wire.context("server", {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = helpers.file "root.crt"}):wrap_socket(far))
  end

  local function handshake(policy)
    local results = drive(between, policy,
      function() return one:do_handshake() end,
      function() return other:do_handshake() end)
    for _, result in ipairs(results) do assert(result[1], result[2]) end
  end

  -- Sends one way and hears it on the other.
  local function carry(policy, from, to, data, pattern, expected)
    local sent = 0
    local result = drive(between, policy, receiving(to, pattern), function()
      local last, err, partial = from:send(data, sent + 1)
      sent = last or partial
      return last, err
    end)[1]
    assert(result[1], result[2])
    assert.is_true(result[1] == expected)
  end

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    for _, name in ipairs(POLICIES) do
      local policy = relay[name]

      it(("speak and say goodbye: %s, %s"):format(name, version), function()
        open(version)
        handshake(policy)
        assert.equal(version, one:version())
        assert.is_table(other:getpeercert().subject)
        local large = wire.filling(name == "bytes" and 2000 or 40000)
        for _, way in ipairs {{one, other}, {other, one}} do
          local from, to = way[1], way[2]
          carry(policy, from, to, "a line\r\n", "*l", "a line")
          carry(policy, from, to, "12345", 5, "12345")
          carry(policy, from, to, large, #large, large)
        end
        assert.equal(1, other:shutdown "send")
        carry(policy, one, other, "still", 5, "still")
        assert.same({nil, "closed", "", n = 3}, drive(between, policy,
          receiving(one, "*a"))[1])
        assert.equal(1, one:close())
        assert.same({nil, "closed", "", n = 3}, drive(between, policy,
          receiving(other, "*a"))[1])
      end)

      it(("go back to clear text: %s, %s"):format(name, version), function()
        open(version)
        handshake(policy)
        local results = drive(between, policy,
          function() return one:unwrap() end,
          function() return other:unwrap() end)
        one, other = assert(results[1][1], results[1][2]),
          assert(results[2][1], results[2][2])
        one:settimeout(0)
        other:settimeout(0)
        assert(one:send "clear\n")
        assert.equal("clear", drive(between, all,
          receiving(other, "*l"))[1][1])
      end)
    end
  end
end)

describe("another's, with TCP's pieces", function()
  local conn, between, server

  setup(function()
    server = helpers.python_server "notify"
  end)

  teardown(function()
    server:stop()
    server = nil
  end)

  after_each(function()
    conn:close()
    between:close()
    conn, between = nil, nil
  end)

  for _, name in ipairs(POLICIES) do
    local policy = relay[name]

    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      it(("are heard: a server of Python's, %s, %s"):format(name, version),
        function()
          conn, between = relayed(assert(socket.connect("127.0.0.1",
            server.port)), "client", {maximum_version = version})
          assert.equal("hello", drive(between, policy,
            receiving(conn, "*l"))[1][1])
          assert.equal(version, conn:version())
          assert.same({nil, "closed", "", n = 3}, drive(between, policy,
            receiving(conn, "*a"))[1])
        end)
    end

    it("are heard: a client of Python's, " .. name, function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local client = helpers.python_client(select(2, listener:getsockname()),
        "talk")
      conn, between = relayed(assert(listener:accept()), "server")
      listener:close()
      assert.equal("hello", drive(between, policy,
        receiving(conn, "*l"))[1][1])
      assert.equal(4, conn:send "back")
      assert.same({nil, "closed", "", n = 3}, drive(between, policy,
        receiving(conn, "*a"))[1])
      assert.equal(1, conn:close())
      drive(between, policy, function()
        return client:status() or nil, "timeout"
      end)
      client:expect "received b'back'"
      assert.equal(0, client:wait())
    end)
  end
end)

-- Our client behind the first record of a ticket that has several: openssl
-- s_server puts the client's certificate into its tickets.
describe("a message that has come in part", function()
  local conn, between, peer

  local function s_server()
    peer = helpers.s_server {arguments = {"-Verify", "1", "-CAfile",
      helpers.file "root.crt", "-max_send_frag", "512", "-tls1_3",
      "-num_tickets", "1"}}
    return assert(socket.connect("127.0.0.1", peer.port))
  end

  local function half()
    conn, between = relayed(s_server(), "client", {
      certfile = helpers.file "client.pem"})
    assert(drive(between, all, function() return conn:do_handshake() end)
      [1][1])
    between:give "client"
    between:take()
    between:give "client"
    between:give("server", between:await "server")
    socket.select({conn}, nil, helpers.patience)
    assert.same({nil, "timeout", ""}, {conn:receive(1)})
    assert.same({true, false}, {conn:want()})
    assert.is_true(between:await "server" > 0)  -- and there is more of it
  end

  -- The rest comes.
  local function whole()
    between:round(all)
  end

  after_each(function()
    if conn then conn:close() end
    if between then between:close() end
    if peer then peer:stop() end
    conn, between, peer = nil, nil, nil
  end)

  local function is_usable()
    assert.truthy(tostring(conn):find("(connected)", 1, true))
    whole()
    assert.equal(6, drive(between, all, function()
      return conn:send "hello\n"
    end)[1][1])
    between:round(all)
    drive(between, all, function()
      return peer:output():find("hello", 1, true), "timeout"
    end)
    peer:write "back\n"
    assert.equal("back", drive(between, all, receiving(conn, "*l"))[1][1])
    assert.is_true(conn:session() ~= nil)  -- the ticket was a good one
  end

  it("lets a send at timeout 0 say what to wait for", function()
    half()
    for _ = 1, 3 do
      assert.same({nil, "timeout", 0}, {conn:send "hello"})
      assert.same({true, false}, {conn:want()})
      assert.same({nil, "timeout", 2}, {conn:send("hello", 3)})
      assert.same({nil, "wantread", 0}, {conn:write "hello"})
      assert.same({true, false}, {conn:want()})
    end
    is_usable()
  end)

  it("lets a send wait for its deadline", function()
    half()
    for _, name in ipairs {"send", "write"} do
      conn:settimeout(0.1)
      local start = socket.gettime()
      assert.same({nil, "timeout", 0}, {conn[name](conn, "hello")})
      local elapsed = socket.gettime() - start
      assert.is_true(elapsed > 0.09 and elapsed < 1.1, elapsed)
    end
    conn:settimeout(0)
    is_usable()
  end)

  it("lets a large send wait, too", function()
    half()
    local large = ("0123456789abcde\n"):rep(5000)
    assert.same({nil, "timeout", 0}, {conn:send(large)})
    whole()
    local sent = 0
    drive(between, all, function()
      local last, err, partial = conn:send(large, sent + 1)
      sent = last or partial
      return last, err
    end)
    drive(between, all, function()
      return select(2, peer:output():gsub("0123456789abcde\n", "")) == 5000
        or nil, "timeout"
    end)
  end)

  it("lets receive go on", function()
    half()
    peer:write "back\n"
    assert.equal("back", drive(between, all, receiving(conn, "*l"))[1][1])
  end)

  it("lets shutdown wait, and then say its word", function()
    half()
    for _ = 1, 2 do
      assert.same({nil, "timeout"}, {conn:shutdown "send"})
      assert.same({true, false}, {conn:want()})
    end
    assert.truthy(tostring(conn):find("(connected)", 1, true))
    conn:settimeout(0.1)
    local start = socket.gettime()
    assert.same({nil, "timeout"}, {conn:shutdown "send"})
    assert.is_true(socket.gettime() - start > 0.09)
    conn:settimeout(0)
    whole()
    assert.equal(1, drive(between, all, function()
      return conn:shutdown "send"
    end)[1][1])
    -- s_server answers a clean end with its own.
    assert.same({nil, "closed", "", n = 3}, drive(between, all,
      receiving(conn, "*a"))[1])
  end)

  it("lets unwrap wait, and then do its work", function()
    half()
    assert.same({nil, "wantread"}, {conn:unwrap()})
    assert.same({true, false}, {conn:want()})
    assert.truthy(tostring(conn):find("(connected)", 1, true))
    whole()
    local result = drive(between, all, function() return conn:unwrap() end)[1]
    assert.truthy(result[1], result[2])
    assert.equal("", result[2])
    result[1]:close()
  end)

  it("lets close leave close_notify out, and only then", function()
    half()
    between:take()
    between.waiting.client = ""
    assert.equal(1, conn:close())
    drive(between, function() return 0 end, function()
      return between.ended.client or nil, "timeout"
    end)
    assert.equal("", between.waiting.client)
    between:close()
    peer:stop()
    half()
    whole()
    socket.select({conn}, nil, helpers.patience)
    between:take()
    between.waiting.client = ""
    assert.equal(1, conn:close())
    between:await "client"
  end)

  it("lets a send without a limit wait for the rest", function()
    for _, call in ipairs {'send "hello\\n"', 'write "hello\\n"',
        'shutdown "send"'} do
      local listener = assert(socket.bind("127.0.0.1", 0))
      local ours = helpers.lua([[
        local socket, ssl = require "socket", require "luassl"
        local port, certificate = ...
        local conn = assert(ssl.wrap_socket(assert(
          socket.connect("127.0.0.1", port)), {certfile = certificate}))
        print "connected"
        io.stdout:flush()
        conn:settimeout(0)
        socket.select({conn}, nil, 10)
        assert(select(2, conn:receive(1)) == "timeout")
        conn:settimeout(nil)
        print "calling"
        io.stdout:flush()
        print("answer", conn:]] .. call .. ")", (select(2,
          listener:getsockname())), helpers.file "client.pem")
      between = relay.new(assert(listener:accept()), s_server())
      listener:close()
      -- The client's ClientHello goes on, its last words do not yet: the
      -- ticket follows them.
      between:await "client"
      between:give "client"
      drive(between, function(_, side, n)
        return side == "server" and n or 0
      end, function()
        return ours:output():find "connected", "timeout"
      end)
      between:take()
      between:give "client"
      between:give("server", between:await "server")
      between:await "server"
      ours:expect "(calling)"
      assert.is_nil(ours:status(0.1))  -- it does wait
      between:round(all)
      local answer
      drive(between, all, function()
        answer = ours:output():match "answer\t([^\n]*)\n"
        return answer, "timeout"
      end)
      assert.equal(call:find "send %p" and "6\tnil\tnil"
        or call:find "write" and "6\tnil\tnil" or "1", answer)
      assert.equal(0, ours:wait())
      between:close()
      peer:stop()
    end
  end)

  it("lets an SSLObject say what it needs", function()
    local outer = s_server()
    local object = assert(wire.context("client", {
      certfile = helpers.file "client.pem"}):wrap_object {
      server_hostname = "localhost"})
    local _, spare = helpers.sockets()
    between = relay.new(spare, outer)  -- its server's side is what counts
    local function carry(policy)
      outer:send(object:drain() or "")
      between:take(0.001)
      local n = policy(between, "server", #between.waiting.server)
      object:feed(between.waiting.server:sub(1, n))
      between.waiting.server = between.waiting.server:sub(n + 1)
    end
    wire.together({function() return object:do_handshake() end},
      function() carry(all) end)
    carry(function() return 0 end)
    local first = between:await "server"
    carry(function() return first end)
    between:await "server"
    assert.same({nil, "wantread", ""}, {object:receive(1)})
    for _ = 1, 2 do
      assert.same({nil, "wantread", 0}, {object:send "hello"})
      assert.same({true, false}, {object:want()})
      assert.same({nil, "wantread", 0}, {object:write "hello"})
      assert.same({true, false}, {object:want()})
    end
    assert.is_nil(object:drain())
    carry(all)
    assert.equal(6, wire.together({function()
      return object:send "hello\n"
    end}, function() carry(all) end)[1][1])
    wire.together({function()
      return peer:output():find("hello", 1, true), "timeout"
    end}, function() carry(all) end)
    assert.equal(1, (object:shutdown "send"))
    wire.together({function()
      return select(2, object:receive(1)) == "closed" or nil, "timeout"
    end}, function() carry(all) end)
    object:close()
    spare:close()
  end)
end)

-- A peer that speaks of its keys; `side` is ours.
local function key_updater(what, side, count)
  if side == "client" then
    local peer = helpers.spawn({FLOOD, what, "server", "1.3",
      helpers.file "rsa.pem", count}, {input = true})
    return peer, assert(socket.connect("127.0.0.1",
      (peer:expect "ready (%d+)\n")))
  end
  local listener = assert(socket.bind("127.0.0.1", 0))
  local peer = helpers.spawn({FLOOD, what, "client", "1.3",
    select(2, listener:getsockname()), count}, {input = true})
  local sock = assert(listener:accept())
  listener:close()
  return peer, sock
end

for _, side in ipairs {"client", "server"} do
  describe("KeyUpdates to a " .. side, function()
    local conn, peer, sock

    after_each(function()
      conn:close()
      assert.equal(0, peer:wait())
      conn, peer, sock = nil, nil, nil
    end)

    it("come in pieces of every size", function()
      for i, name in ipairs(POLICIES) do
        local between
        peer, sock = key_updater("updates", side, 5)
        conn, between = relayed(sock, side)
        assert.equal("alive", drive(between, relay[name],
          receiving(conn, 5))[1][1])
        assert.equal(4, (conn:send "ours"))
        between:round(all)
        between:close()
        if i < #POLICIES then conn:close() end
      end
    end)

    it("hold back what is sent until they have come whole", function()
      peer, sock = key_updater("parts", side, 1)
      sock:settimeout(helpers.patience)
      conn = assert(wire.context(side):wrap_socket(sock,
        side == "client" and {server_hostname = "localhost"} or nil))
      peer:expect "(half)"
      conn:settimeout(0.01)
      assert.same({nil, "timeout", ""}, {conn:receive(1)})
      conn:settimeout(0)
      assert.same({nil, "timeout", 0}, {conn:send "x"})
      assert.same({true, false}, {conn:want()})
      assert.same({nil, "timeout"}, {conn:shutdown "send"})
      assert.same({true, false}, {conn:want()})
      peer:write "\n"
      conn:settimeout(helpers.patience)
      assert.equal("alive", (conn:receive(5)))
      assert.equal(1, conn:shutdown "send")
    end)
  end)
end
