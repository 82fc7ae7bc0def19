-- A peer that says the same for ever and never reads cannot keep us: each call
-- ends within its deadline, memory stays, and the connection ends in time.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

local FLOOD = os.getenv "LUASSL_BUILD" .. "/flood"
local TIMEOUT = 0.5
local LATE = 1       -- seconds behind its deadline, on a slow machine
local END = 20       -- seconds, when it has been enough
local MOST = 1024    -- KiB
local OTHER = {client = "server", server = "client"}
-- Sanitizers keep what was freed.
local MEASURED = not helpers.preloaded

-- Starts a flood and one of our connections in processes of their own, each
-- with the role that the other has not: our process.
local function start(what, side, options)
  local function ours(where)
    return helpers.spawn {helpers.interpreter, "spec/support/flooded_connection.lua",
      options.kind or "socket", side, where, options.timeout or TIMEOUT,
      options.calls or "do_handshake,receive", options.limit or END}
  end
  local function theirs(where)
    return helpers.spawn({FLOOD, what, OTHER[side], options.version or "1.3",
      where, options.count or 0, options.join or 1}, {input = true})
  end
  if side == "server" then
    local victim = ours "-"
    return victim, theirs(victim:expect "ready (%d+)\n")
  end
  local flood = theirs(helpers.file "rsa.pem")
  return ours(flood:expect "ready (%d+)\n"), flood
end

-- The same; what our connection's last call answered, when all is over.
local function answer(what, side, options)
  local victim, flood = start(what, side, options)
  local grown = tonumber((victim:expect("grown (%d+)\n", END + 5)))
  assert.equal(0, victim:wait(), victim:output())
  flood:stop()
  local slowest = tonumber((victim:output():match "slowest (%S+)\n"))
  local limit = (options.timeout or TIMEOUT) + LATE
  assert.is_true(slowest < limit, ("%.2f s, then:\n%s"):format(slowest,
    victim:output()))
  if MEASURED then
    assert.is_true(grown < MOST, ("%d KiB, then:\n%s"):format(grown,
      victim:output()))
  end
  return victim:output():match ".*answer ([^\n]+)\n"
end

-- Ours, or what OpenSSL calls its own limits: never a condition.
local CONDITIONS = {timeout = true, wantread = true, wantwrite = true,
  closed = true, eof = true, syscall = true}

local function refused(...)
  local kind = answer(...)
  assert.is_nil(CONDITIONS[kind], kind)
  assert.truthy(kind:find "^[%l_]+$", kind)
end

local function is_flood(...)
  assert.equal("flood", (answer(...)))
end

describe("a flood", function()
  for _, side in ipairs {"client", "server"} do
    for _, kind in ipairs {"socket", "object"} do
      for _, timeout in ipairs {TIMEOUT, 0} do
        if kind == "socket" or timeout == 0 then
          it(("of KeyUpdates ends it: %s, %s, timeout %s"):format(kind, side,
              timeout), function()
            is_flood("updates", side, {kind = kind, timeout = timeout})
          end)
        end
      end
      it(("of a few KeyUpdates is none: %s, %s"):format(kind, side),
        function()
          assert.equal("a", (answer("updates", side, {kind = kind,
            count = 200})))
        end)
    end

    it("of KeyUpdates does not hold up unwrap: " .. side, function()
      is_flood("updates", side, {calls = "do_handshake,unwrap"})
    end)

    it("of KeyUpdates does not hold up close: " .. side, function()
      assert.equal("1", (answer("updates", side, {
        calls = "do_handshake,close"})))
    end)

    for _, version in ipairs {"1.2", "1.3"} do
      for _, what in ipairs {"warnings", "empty"} do
        it(("of %s ends it: %s, TLS %s"):format(what, side, version),
          function()
            refused(what, side, {version = version})
          end)
      end
    end

    for _, what in ipairs {"warnings", "changes"} do
      it(("of %s in clear text ends the handshake: %s"):format(what, side),
        function()
          refused(what, side, {version = "0", calls = "do_handshake"})
        end)
    end
  end

  for _, kind in ipairs {"socket", "object"} do
    for _, join in ipairs {1, 300} do
      it(("of tickets ends a client's connection: %s, %d in a record"):format(
          kind, join), function()
        is_flood("tickets", "client", {kind = kind, join = join,
          timeout = join > 1 and 0 or TIMEOUT})
      end)

      it(("of HelloRequests ends it: %s, %d in a record"):format(kind, join),
        function()
          is_flood("requests", "client", {kind = kind, join = join,
            version = "1.2"})
        end)
    end

    it("of ClientHellos ends a server's connection: " .. kind, function()
      for _, timeout in ipairs(kind == "socket" and {TIMEOUT, 0} or {0}) do
        is_flood("hellos", "server", {kind = kind, version = "1.2",
          timeout = timeout})
      end
    end)

    for _, join in ipairs {1, 4000} do
      it(("of HelloRequests ends the handshake: %s, %d in a record"):format(
          kind, join), function()
        is_flood("requests", "client", {kind = kind, join = join,
          version = "0", calls = "do_handshake"})
      end)
    end
  end

  it("of few tickets is none", function()
    assert.equal("a", (answer("tickets", "client", {count = 200})))
  end)

  it("of few HelloRequests and ClientHellos is none", function()
    assert.equal("a", (answer("requests", "client", {count = 200,
      version = "1.2"})))
    assert.equal("a", (answer("hellos", "server", {count = 200,
      version = "1.2"})))
  end)

  it("does not hold up a send to a peer that never reads", function()
    answer("updates", "server", {calls = "do_handshake,send", timeout = 0.3, limit = 1})
  end)

  it("is told on every later call, and facts stay", function()
    local server = helpers.spawn({FLOOD, "tickets", "server", "1.3",
      helpers.file "rsa.pem"})
    local sock = assert(socket.connect("127.0.0.1",
      (server:expect "ready (%d+)\n")))
    local conn = assert(ssl.wrap_socket(sock))
    conn:settimeout(helpers.patience)
    local _, err = conn:receive(1)
    assert.equal("flood", type(err) == "table" and err.kind or err)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("receive", err.operation)
    assert.is_true(rawequal(err, select(2, conn:receive(1))))
    assert.is_true(rawequal(err, select(2, conn:send "x")))
    assert.equal("TLSv1.3", conn:version())
    conn:close()
    server:stop()
  end)
end)

-- A handshake message in records of 16 KiB, as clear text.
local function in_records(message)
  local records = {}
  for at = 1, #message, 16384 do
    local part = message:sub(at, at + 16383)
    records[#records + 1] = "\22\3\1"
      .. string.char(math.floor(#part / 256), #part % 256) .. part
  end
  return table.concat(records)
end

local function two(n)
  return string.char(math.floor(n / 256), n % 256)
end

local function message(kind, body)
  return string.char(kind, math.floor(#body / 65536)) .. two(#body % 65536)
    .. body
end

-- A good ClientHello of TLS 1.2, larger by suites and an extension that nobody
-- knows. It has secp256r1, rsa_pkcs1_sha256 and ecdsa_secp256r1_sha256.
local function large_hello(suites, extension)
  suites = "\192\47\192\43" .. ("\250\250"):rep(suites)
  local extensions = "\0\10\0\4\0\2\0\23\0\13\0\6\0\4\4\1\4\3\64\0"
    .. two(extension) .. ("x"):rep(extension)
  return message(1, "\3\3" .. ("r"):rep(32) .. "\0" .. two(#suites) .. suites
    .. "\1\0" .. two(#extensions) .. extensions)
end

local function memory()
  collectgarbage()
  collectgarbage()
  return tonumber(helpers.read_file "/proc/self/statm":match "^%d+ (%d+)") * 4
end

describe("a large handshake", function()
  local pair

  after_each(function()
    if pair then pair:close() end
    pair = nil
  end)

  -- The server gets these bytes until it answers: what its handshake said
  -- last, the beginning of its answer, and the growth.
  local function server_hears(bytes)
    pair = wire.open {side = "server"}
    local before, answer_begins = memory(), ""
    local sent, done, err = 0, nil, nil
    wire.together {function()
      local last, _, partial = pair.raw:send(bytes, sent + 1)
      sent = last or partial or sent
      done, err = pair.conn:do_handshake()
      answer_begins = pair.raw:receive(3)
      return answer_begins or type(err) == "table" or nil, "timeout"
    end}
    return done, err, answer_begins, memory() - before
  end

  it("is answered up to the size that OpenSSL allows", function()
    local hello = in_records(large_hello(32000, 65000))
    local done, err, answer_begins, grown = server_hears(hello)
    assert.same({nil, "wantread"}, {done, err})
    assert.equal("\22\3\3", answer_begins)  -- ServerHello
    assert.is_true(grown < MOST or not MEASURED, grown)
  end)

  for _, size in ipairs {131396, 131397, 200000, 16777215} do
    it(("ends in time: a ClientHello of %d bytes"):format(size), function()
      local first = message(1, ("x"):rep(math.min(size, 300000)))
      first = "\1" .. string.char(math.floor(size / 65536))
        .. two(size % 65536) .. first:sub(5)
      local done, err, _, grown = server_hears(in_records(first))
      assert.is_nil(done)
      assert.is_true(type(err) == "table", err)
      assert.is_nil(CONDITIONS[err.kind], err.kind)
      assert.is_true(grown < MOST or not MEASURED, grown)
    end)
  end

  -- The certificate of rsa.crt, over and over.
  local function thousands()
    return helpers.temp_file(helpers.read_file(helpers.file "rsa.crt")
      :rep(2000))
  end

  local function check(err, before)
    assert.equal("table", type(err), err)
    assert.is_true(err:is(ssl.SSLError))
    assert.is_nil(CONDITIONS[err.kind], err.kind)
    local grown = memory() - before
    assert.is_true(grown < MOST or not MEASURED, grown)
  end

  for _, version in ipairs {"-tls1_2", "-tls1_3"} do
    it("ends in time: a server's thousand certificates, " .. version,
      function()
        local peer = helpers.s_server {arguments = {version,
          "-cert_chain", thousands()}}
        local sock = assert(socket.connect("127.0.0.1", peer.port))
        sock:settimeout(helpers.patience)
        local before = memory()
        local conn, err = wire.context("client"):wrap_socket(sock,
          {server_hostname = "localhost"})
        assert.is_nil(conn)
        check(err, before)
        peer:stop()
      end)

    it("ends in time: a client's thousand certificates, " .. version,
      function()
        local listener = assert(socket.bind("127.0.0.1", 0))
        local _, port = listener:getsockname()
        local peer = helpers.s_client(port, {arguments = {version,
          "-cert", helpers.file "client.crt",
          "-key", helpers.file "client.key", "-cert_chain", thousands()}})
        local sock = assert(listener:accept())
        listener:close()
        sock:settimeout(helpers.patience)
        local before = memory()
        local conn, err = wire.context("server", {ca_certs =
          helpers.file "root.crt", cert_reqs = ssl.CERT_REQUIRED})
          :wrap_socket(sock, {server_side = true})
        assert.is_nil(conn)
        check(err, before)
        peer:stop()
      end)
  end

  it("ends when all its messages together are too large", function()
    local client = helpers.pair()
    assert.same({nil, "wantread"}, {client:do_handshake()})
    local record = "\22\3\3\64\0" .. ("\0"):rep(16384)  -- HelloRequests
    local done, err
    for _ = 1, 40 do
      client:feed(record)
      done, err = client:do_handshake()
      if err ~= "wantread" then break end
    end
    assert.is_nil(done)
    assert.equal("flood", type(err) == "table" and err.kind or err)
    client:close()
  end)
end)

describe("a handshake byte by byte", function()
  it("is ended by handshake_timeout: server", function()
    local context = wire.context("server", {handshake_timeout = 0.3})
    local listener = assert(context:wrap_socket(socket.bind("127.0.0.1", 0)))
    local _, port = listener:getsockname()
    local peer = helpers.spawn {"python3", "spec/peers/slow.py", "--connect",
      port, "--pause", 0.1}
    listener:settimeout(helpers.patience)
    peer:expect "connected"
    local start_time = socket.gettime()
    local conn, err = listener:accept()
    local elapsed = socket.gettime() - start_time
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    assert.is_true(elapsed < 0.3 + LATE, elapsed)
    listener:close()
    peer:stop()
  end)

  it("is ended by handshake_timeout: client", function()
    local peer = helpers.spawn {"python3", "spec/peers/slow.py", "--cert",
      helpers.file "ecdsa.pem", "--pause", 0.1}
    local port = peer:expect "handshake=(%d+)"
    local sock = assert(socket.connect("127.0.0.1", tonumber(port)))
    local start_time = socket.gettime()
    local conn, err = ssl.wrap_socket(sock, {handshake_timeout = 0.3})
    local elapsed = socket.gettime() - start_time
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    assert.is_true(elapsed < 0.3 + LATE, elapsed)
    peer:stop()
  end)
end)
