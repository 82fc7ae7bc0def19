-- Streams in a host of coroutines: several of them use one, some are ended half
-- way, transports fail in every way they can. What a stream has in common with
-- an SSLSocket is in luasocket_equivalence_spec.lua.
local ssl = require "luassl"
local core = require "luassl.core"
local helpers = require "spec.support.helpers"
local scheduler = require "spec.support.scheduler"
local wire = require "spec.support.wire"

helpers.audit()

local clock = core.clock

describe("a stream", function()
  local host, near, far, there, back, client, server

  -- A pair of streams in the host; `options`: capacity, of both contexts.
  local function open(options)
    options = options or {}
    host = scheduler.new()
    near, far, there, back = host:pair(options.capacity)
    client = assert(wire.context("client", options.client):wrap_stream(options.near or near, {
      server_hostname = "localhost", do_handshake_on_connect = false,
      suppress_ragged_eofs = options.suppress_ragged_eofs,
    }))
    server = assert(wire.context("server", options.server):wrap_stream(options.far or far, {
      do_handshake_on_connect = false}))
  end

  -- Runs these as coroutines of the host, to their ends.
  local function together(...)
    for _, f in ipairs {...} do host:spawn(f) end
    host:run()
  end

  local function shake()
    together(function() assert(client:do_handshake()) end, function() assert(server:do_handshake()) end)
  end

  local function opened(options)
    open(options)
    shake()
  end

  after_each(function()
    if client then client:close() end
    if server then server:close() end
    host, near, far, there, back, client, server = nil, nil, nil, nil, nil, nil, nil
  end)

  it("carries both directions at once, however narrow the transport is", function()
    opened {capacity = 5000}
    local block, heard = ("0123456789abcdef"):rep(40000), {}
    local function sender(conn)
      return function()
        assert.equal(#block, conn:send(block))
        assert.equal(1, conn:shutdown "send")
      end
    end
    local function receiver(conn)
      return function() heard[conn] = conn:receive "*a" end
    end
    together(sender(client), receiver(client), sender(server), receiver(server))
    assert.is_true(heard[client] == block and heard[server] == block)
  end)

  it("is not held up by one that waits to receive", function()
    opened()
    local order = {}
    host:spawn(function()
      local line = client:receive()
      order[#order + 1] = line
    end)
    host:spawn(function()
      assert(client:send "first\n")
      order[#order + 1] = "sent"
    end)
    host:spawn(function()
      local line = server:receive()
      order[#order + 1] = line
      server:send "answer\n"
    end)
    host:run()
    assert.same({"sent", "first", "answer"}, order)
  end)

  it("keeps what several send in one piece each, and in the order of each", function()
    opened {capacity = 3000}
    local expected, heard = {}, {}
    for i = 1, 5 do
      host:spawn(function()
        for k = 1, 20 do assert(client:send(("%d %d "):format(i, k) .. ("x"):rep(k * 900) .. "\n")) end
        expected[i] = 0
      end)
    end
    host:spawn(function()
      for i = 1, 100 do heard[i] = assert(server:receive()) end
    end)
    host:run()
    for _, line in ipairs(heard) do
      local i, k, rest = line:match "^(%d) (%d+) (x+)$"
      i, k = tonumber(i), tonumber(k)
      assert.equal(k * 900, #rest)
      assert.equal(expected[i] + 1, k)
      expected[i] = k
    end
    assert.same({20, 20, 20, 20, 20}, expected)
  end)

  it("gives whole lines to several that receive", function()
    opened {capacity = 100}
    local heard, sent = {}, {}
    for i = 1, 60 do sent[i] = ("line %d %s"):format(i, ("y"):rep(i)) end
    for _ = 1, 3 do
      host:spawn(function()
        for _ = 1, 20 do
          local line = assert(server:receive())
          heard[#heard + 1] = line
        end
      end)
    end
    host:spawn(function() assert(client:send(table.concat(sent, "\n") .. "\n")) end)
    host:run()
    table.sort(heard)
    table.sort(sent)
    assert.same(sent, heard)
  end)

  it("lets nobody receive in the middle of what another one waits for", function()
    opened()
    local heard = {}
    together(
      function() heard[1] = server:receive() end,
      function() heard[2] = server:receive(4) end,
      function()
        assert(client:send "half")
        host:sleep(0.02)
        assert(client:send " a line\nmore")
      end)
    assert.same({"half a line", "more"}, heard)
  end)

  it("lets nobody send in the middle of what another one sends, long as it is", function()
    opened {capacity = 30000}
    local long, heard = ("l"):rep(400000), {}
    together(
      function() assert(client:send(long .. "\n")) end,
      function() assert(client:send "short\n") end,
      function() heard[1], heard[2] = server:receive(), server:receive() end)
    assert.same({400000, "short"}, {#heard[1], heard[2]})
  end)

  it("shakes hands once, whoever comes first; hooks may wait, and are given the stream", function()
    local given = {}
    open {client = {on_verify = function(conn)
      given[#given + 1] = conn
      host:sleep(0.02)
    end}}
    local heard = {}
    together(
      function() heard[1] = client:receive() end,
      function() assert(client:send "a\n") end,
      function() assert(client:send "b\n") end,
      function() assert(client:do_handshake()) end,
      function() heard[2], heard[3] = server:receive(), server:receive() end,
      function() assert(server:send "c\n") end)
    table.sort(heard)
    assert.same({"a", "b", "c"}, heard)
    assert.same({client}, given)
    assert.equal(client, given[1])
  end)

  it("answers what a hook raises or refuses with, to its driver; others get the failure", function()
    local reason = {}
    open {client = {on_verify = function()
      host:sleep(0.01)
      return nil, reason
    end}}
    local found = {}
    together(
      function() found[1] = {client:do_handshake()} end,
      function() found[2] = {client:send "x"} end,
      function() found[3] = {server:do_handshake()} end)
    assert.equal(reason, found[1][2])
    assert.equal(reason, found[2][2])
    assert.equal("received", found[3][2].alert_direction)
  end)

  it("ends a handshake that takes too long", function()
    open {client = {handshake_timeout = 0.05}}
    local start = clock()
    together(function()
      local done, err = client:do_handshake()
      assert.is_nil(done)
      assert.equal("handshake_timeout", err.kind)
    end)
    assert.is_true(clock() - start < helpers.patience)
    assert.equal("handshake_timeout", select(2, client:receive()).kind)
  end)

  it("has a deadline for each operation", function()
    opened {capacity = 2000}
    local found = {}
    together(
      function()  -- without a limit, while others have some
        found.sent = client:send(("x"):rep(50000) .. "\n")
      end,
      function()
        client:settimeout(0.03)
        found.received = {client:receive()}
        client:settimeout(0)
        found.at_once = {client:receive()}
        found.read = {client:read()}
        found.want = {client:want()}
        client:settimeout(nil)
      end,
      function()
        host:sleep(0.06)
        found.heard = #server:receive()
      end)
    assert.same({nil, "timeout", ""}, found.received)
    assert.same({nil, "timeout", ""}, found.at_once)
    assert.same({nil, "wantread"}, found.read)
    assert.is_true(found.want[1])
    assert.same({50001, 50000}, {found.sent, found.heard})
  end)

  it("has one deadline for an operation of many reads", function()
    opened()
    local trickling = true
    host:spawn(function()
      while trickling do
        assert(client:send "x")
        host:sleep(0.01)
      end
    end)
    host:spawn(function()
      server:settimeout(0.06)
      local start = clock()
      local data, err, partial = server:receive(1000000)
      trickling = false
      assert.same({nil, "timeout"}, {data, err})
      assert.matches("^x+$", partial)
      assert.is_true(clock() - start < 5)
    end)
    host:run()
  end)

  it("is as it was after its transport's own timeout", function()
    opened()
    local read = near.read
    together(function()
      near.read = function() return nil, "timeout" end
      assert.same({nil, "timeout", "pre"}, {client:receive("*l", "pre")})
      near.read = read
      assert(server:send "half")
      assert.same({nil, "closed", "prehalf"}, (function()
        server:close()
        return {client:receive("*l", "pre")}
      end)())
    end)
  end)

  it("is given what its transport fails with, as it is", function()
    opened()
    local reason = setmetatable({}, {__tostring = function() return "unplugged" end})
    together(function()
      assert(server:send "what came before\n")
      assert.equal("what came before", client:receive())
      near.read = function() return nil, reason end
      for _ = 1, 2 do
        local data, err, partial = client:receive()
        assert.same({nil, ""}, {data, partial})
        assert.equal(reason, err)
      end
      assert.equal(2, client:send "up")  -- the other direction goes on
    end)
  end)

  for name, raised in pairs {["a table"] = {}, ["a string"] = "oops"} do
    it("answers what its transport raises: " .. name, function()
      opened()
      if _VERSION == "Lua 5.1" and not jit then return end  -- it passes through
      together(function()
        near.read = function() error(raised, 0) end
        assert.equal(raised, select(2, client:receive()))
        near.write = function() error(raised, 0) end
        assert.equal(raised, select(2, client:send "x"))
      end)
    end)
  end

  it("takes nothing for the end but the peer's close_notify", function()
    opened()
    together(function()
      assert(server:send "data")
      near.read = function()
        local bytes = there and back.bytes
        back.bytes = ""
        if bytes ~= "" then return bytes end
        return nil, "closed"
      end
      local data, err, partial = client:receive "*a"
      assert.same({nil, "data"}, {data, partial})
      assert.is_true(err:is(ssl.SSLEOFError))
    end)
  end)

  it("may take the transport's end for its own, if it is told so", function()
    opened {suppress_ragged_eofs = true}
    together(function()
      near.read = function() return nil end
      assert.same({nil, "closed", ""}, {client:receive "*l"})
    end)
  end)

  it("answers closed when it is closed, by another coroutine too", function()
    opened()
    local found = {}
    together(
      function() found[1] = {client:receive()} end,
      function()
        host:sleep(0.02)
        assert.equal(1, client:close())
        back.ended = true  -- as a closed transport does
        host:signal(back)
      end,
      function() found[2] = {server:receive()} end)
    assert.same({nil, "closed", ""}, found[1])
    assert.same({nil, "closed", ""}, found[2])
    assert.same({nil, "closed", 0}, {client:send "x"})
    assert.equal(1, client:close())
    assert.is_true(near.closed)
    assert.matches("^SSLStream %(closed%): 0x%x+$", tostring(client))
  end)

  it("waits in close for close_notify to leave, but not for ever", function()
    opened {capacity = 100}
    local start = clock()
    together(function()
      client:settimeout(0.05)
      assert.equal("timeout", select(2, client:send(("x"):rep(1000))))
      assert.equal(1, client:close())
    end)
    assert.is_true(clock() - start < 4)
    assert.is_true(near.closed)
  end)

  it("ends in its scope", function()
    if not coroutine.close then return end  -- Lua 5.4
    opened()
    together(function()
      assert(load [[
        local conn = ...
        do local scoped <close> = conn; scoped:send "x" end
      ]])(client)
      assert.same({nil, "closed", "x"}, {server:receive()})
    end)
    assert.is_true(near.closed)
  end)

  describe("whose index counts what has left", function()
    local text = ("0123456789abcdef"):rep(6000)  -- 96,000 bytes, six records

    -- Sends until a timeout, with 40,000 bytes of room; what has left by then.
    local function begin()
      opened {capacity = 40000}
      client:settimeout(0)
      local last, err, partial
      together(function() last, err, partial = client:send(text) end)
      assert.same({nil, "timeout", 32768}, {last, err, partial})
      client:settimeout(nil)
    end

    local function hear(send, expected)
      local heard
      together(function()
        send()
        client:shutdown "send"
      end, function() heard = server:receive "*a" end)
      assert.equal(#expected, #heard)
      assert.is_true(expected == heard)
    end

    it("goes on behind it", function()
      begin()
      hear(function() assert.equal(#text, client:send(text, 32769)) end, text)
    end)

    it("goes on with the rest in a string of its own", function()
      begin()
      local rest = text:sub(32769)
      hear(function() assert.equal(#rest, client:send(rest)) end, text)
    end)

    it("takes the whole again", function()
      begin()
      hear(function() assert.equal(#text, client:send(text)) end, text)
    end)

    it("takes a part of the rest, then the rest", function()
      begin()
      hear(function()
        assert.equal(50000, client:send(text, 32769, 50000))
        assert.equal(#text, client:send(text, 50001))
      end, text)
    end)

    it("sends something else behind what was encrypted", function()
      begin()
      hear(function() assert(client:send "else") end, text .. "else")
    end)

    it("never falls", function()
      begin()
      client:settimeout(0)
      together(function()
        for _ = 1, 3 do assert.same({nil, "timeout", 32768}, {client:send(text, 32769)}) end
      end)
      client:settimeout(nil)
      hear(function() assert.equal(#text, client:send(text, 32769)) end, text)
    end)

    -- A timeout behind a batch that has left whole: nothing waits, and yet the
    -- whole string may come again.
    for _, case in ipairs {
        {"whole", function(whole) return whole end, 1}, {"index", function(whole) return whole end, 114689},
        {"rest", function(whole) return whole:sub(114689) end, 1}, {"else", function() return "else" end, 1}} do
      local name, choose, first = case[1], case[2], case[3]
      it("sends nothing twice and leaves nothing out when a part has left: " .. name, function()
        local whole = ("0123456789abcdef"):rep(15000)
        opened {capacity = 1e9}
        client:settimeout(1e-6)
        together(function() assert.same({nil, "timeout", 114688}, {client:send(whole)}) end)
        client:settimeout(nil)
        local more = choose(whole)
        hear(function() assert.equal(#more, client:send(more, first)) end,
          name == "else" and whole:sub(1, 114688) .. "else" or whole)
      end)
    end

    it("answers a write at timeout 0 with what has left", function()
      opened {capacity = 40000}
      client:settimeout(0)
      together(function()
        assert.equal(32768, client:write(text))
        assert.same({nil, "wantwrite", 0}, {client:write(text:sub(32769))})
        assert.same({false, true}, {client:want()})
      end)
      client:settimeout(nil)
      hear(function() assert.equal(#text - 32768, client:write(text:sub(32769))) end, text)
    end)

    it("lets each of several go on with its own", function()
      opened {capacity = 40000}
      client:settimeout(0.02)
      local lines, heard = {("a"):rep(60000) .. "\n", ("b"):rep(60000) .. "\n"}, {}
      local function sender(line, before, between)
        return function()
          host:sleep(before)
          local last, err, partial = client:send(line)
          assert.same({nil, "timeout"}, {last, err})
          host:sleep(between)  -- the other one's turn
          repeat
            last, err, partial = client:send(line, partial + 1)
            assert(last or err == "timeout", err)
          until last
        end
      end
      together(sender(lines[1], 0, 0.08), sender(lines[2], 0.04, 0.08), function()
        host:sleep(0.2)
        heard[1], heard[2] = server:receive(), server:receive()
      end)
      table.sort(heard)
      assert.same({#lines[1] - 1, #lines[2] - 1}, {#heard[1], #heard[2]})
      assert.is_nil(heard[1]:find "[^a]")
      assert.is_nil(heard[2]:find "[^b]")
    end)
  end)

  it("sends in receive what a timeout has left", function()
    opened {capacity = 1000}
    local answer
    together(
      function()
        client:settimeout(0.02)
        assert.equal("timeout", select(2, client:send(("x"):rep(20000) .. "\n")))
        client:settimeout(nil)
        answer = client:receive()  -- which comes when all of that is there
      end,
      function()
        host:sleep(0.1)
        assert(server:send(#assert(server:receive()) .. "\n"))
      end)
    assert.equal("20000", answer)
  end)

  it("holds no more in memory than it says, whatever comes and whatever waits", function()
    opened {capacity = 1000}
    local most = 0
    together(function()
      client:settimeout(0)
      for _ = 1, 100 do
        client:send(("x"):rep(100000))
        local _, out = client.object:buffered()
        most = math.max(most, out + #(client.unwritten or ""))
      end
    end)
    assert.is_true(most > 16384 and most <= 400000, tostring(most))
  end)

  it("takes what its transport gives, more than it has room for too", function()
    opened()
    local text, all = ("z"):rep(600000), {}
    together(function()
      server:settimeout(0)
      back.capacity = 1e9
      repeat
        local last, _, partial = server:send(text, (#all == 0 and 0 or all[#all]) + 1)
        all[#all + 1] = last or partial
      until last
      assert.is_true(#back.bytes > 600000)
      assert.is_true(client:receive(#text) == text)
    end)
  end)

  describe("whose coroutine is ended", function()
    it("in a read loses nothing", function()
      opened()
      local reader = host:spawn(function() client:receive() end)
      host:spawn(function()
        assert(server:send "the whole ")
        host:sleep(0.02)
        host:kill(reader)
        reader = nil
        scheduler.bury()
        near.reads = 0
        assert(server:send "line\n")
        assert.equal("the whole line", client:receive())
        assert(client:send "x")
      end)
      host:run()
    end)

    it("in a write writes no more, and reads on", function()
      opened {capacity = 1000}
      local writer = host:spawn(function() client:send(("x"):rep(50000)) end)
      host:spawn(function()
        host:sleep(0.02)
        host:kill(writer)
        writer = nil
        scheduler.bury()
        near.writes = 0
        for _ = 1, 2 do
          local sent, err, index = client:send "more"
          assert.same({nil, 0}, {sent, index})
          assert.equal("transport", err.kind)
          assert.matches("ended in the middle of a write", err.text)
        end
        assert(server:send "still here\n")
        assert.equal("still here", client:receive())
      end)
      host:run()
    end)

    it("while it waits for its turn leaves the turn to others", function()
      opened {capacity = 1000}
      local text, heard = ("x"):rep(30000), nil
      host:spawn(function() assert(client:send(text .. "\n")) end)
      local waiting = host:spawn(function() client:send "never\n" end)
      host:spawn(function()
        host:sleep(0.02)
        host:kill(waiting)
        waiting = nil
        scheduler.bury()
        assert(client:send "last\n")
      end)
      host:spawn(function()
        host:sleep(0.04)
        assert.equal(text, server:receive())
        heard = server:receive()
        if heard == "never" then heard = server:receive() end  -- it was encrypted before
      end)
      host:run()
      assert.equal("last", heard)
    end)

    it("in the handshake leaves it to the next", function()
      open()
      local driver = host:spawn(function() client:do_handshake() end)
      host:spawn(function()
        host:sleep(0.02)
        host:kill(driver)
        driver = nil
        scheduler.bury()
        near.reads = 0
        assert(client:send "done\n")
      end)
      host:spawn(function()
        host:sleep(0.05)
        assert.equal("done", server:receive())
      end)
      host:run()
    end)

    it("in a hook refuses the handshake", function()
      -- What a Lua cannot end is held by the handshake that waits for it.
      open {client = {on_verify = function() host:sleep(60) end, handshake_timeout = coroutine.close and 30 or 0.3}}
      local driver = host:spawn(function() client:do_handshake() end)
      local found
      host:spawn(function() server:do_handshake() end)
      host:spawn(function()
        host:sleep(0.05)
        host:kill(driver)
        driver = nil
        scheduler.bury()
        found = {client:do_handshake()}
        client:close()
      end)
      host:run()
      assert.is_nil(found[1])
      assert.is_table(found[2], tostring(found[2]))
      assert.equal(coroutine.close and "hook" or "handshake_timeout", found[2].kind)
    end)
  end)

  it("answers timeout to a second coroutine where the host cannot make it wait", function()
    opened()
    near.pause, near.resume = nil, nil
    local found = {}
    together(
      function() found[1] = {client:receive()} end,
      function()
        host:sleep(0.01)
        found[2] = {client:receive()}
        assert(client:send "sending goes on\n")
        assert.equal("sending goes on", server:receive())
        assert(server:send "x\n")
      end)
    assert.same({"x"}, found[1])
    assert.same({nil, "timeout", ""}, found[2])
  end)

  it("gives the transport back, with the clear text that came behind TLS", function()
    opened()
    local given, leftover
    together(
      function() given, leftover = client:unwrap() end,
      function()
        assert.equal(far, (server:unwrap()))
        assert(far.write "clear")
      end)
    assert.equal(near, given)
    local rest = leftover == "" and near.read(0) or leftover
    assert.equal("clear", rest)
    assert.is_false(near.closed)
    assert.same({nil, "closed"}, {client:unwrap()})
    assert.same({nil, "closed", ""}, {client:receive()})
  end)

  it("ends TLS while another coroutine receives", function()
    opened()
    local received, given
    together(
      function() received = {client:receive()} end,
      function()
        host:sleep(0.01)
        given = {client:unwrap()}
      end,
      function()
        assert.same({nil, "closed", ""}, {server:receive()})
        assert(server:unwrap())
      end)
    assert.same({nil, "closed", ""}, received)
    assert.equal(near, given[1])
  end)

  it("does not unwrap while there is something to receive", function()
    opened()
    together(function()
      assert(server:send "unread")
      client:settimeout(1)
      local done, err = client:unwrap()
      assert.is_nil(done)
      assert.equal("unread_data", err.kind)
      assert.equal("unread", client:receive(6))
    end)
  end)

  it("tells by an alert why the peer takes no more", function()
    open {client = {maximum_version = "TLSv1.2"}, server = {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = helpers.file "root.crt", maximum_version = "TLSv1.2"}}
    local found
    together(
      function() found = {client:do_handshake()} end,
      function() assert.is_nil((server:do_handshake())) end)
    assert.equal("received", found[2].alert_direction)

    client:close()
    server:close()
    opened()
    together(function()
      far.write "garbage, no record"  -- fails the client, which says so
      assert.equal("sent", select(2, client:receive()).alert_direction)
      there.broken = "closed"
      near.write = function() return nil, "closed" end
      server.transport.write = function() return nil, "closed" end
      local _, err = server:send "x"
      assert.equal("received", err.alert_direction)
    end)
  end)

  it("does not take a reset, of which a write was told, for an end", function()
    opened {suppress_ragged_eofs = true}
    together(function()
      near.write = function() return nil, "connection reset by peer" end
      near.read = function() return nil, "closed" end
      assert.same({nil, "connection reset by peer", 0}, {client:send "x"})
      assert.same({nil, "connection reset by peer", ""}, {client:receive()})
    end)
  end)

  it("has whoever writes take along what a reader has to say", function()
    opened {capacity = 2000, client = {post_handshake_auth = true, certfile = helpers.file "client.pem"},
      server = {ca_certs = helpers.file "root.crt"}}
    local most, reader_ended = 0, false
    local function waiting() return (select(2, client.object:buffered())) end
    together(function()
      assert(client:send(("x"):rep(50000) .. "\n"))
    end, function()
      host:sleep(0.02)
      -- The client's reader answers while its writer is in the middle of that.
      assert(server:verify_client_post_handshake {cert_reqs = ssl.CERT_OPTIONAL})
      host:sleep(0.02)
      most = waiting()
      assert(server:receive())
      host:sleep(0.05)
      assert.same({0, nil, false}, {waiting(), client.unwritten, reader_ended})
      server:settimeout(0.05)
      server:receive()
      assert.is_truthy(server:peer_certificate())
      server:close()
    end, function()
      client:receive()
      reader_ended = true
    end)
    assert.is_true(most > 0)
  end)

  it("does not spin for a hook's end while there is more to read than it has room for", function()
    local waits = false
    opened {capacity = 1e9, client = {post_handshake_auth = true, certfile = helpers.file "client.pem"},
      server = {ca_certs = helpers.file "root.crt", on_verify = function()
        while waits do host:sleep(0.01) end
      end}}
    waits = true
    together(function()
      assert(server:verify_client_post_handshake {cert_reqs = ssl.CERT_OPTIONAL})
      client:settimeout(0)
      client:read()  -- answers
      client:settimeout(nil)
      assert(client:send(("x"):rep(400000) .. "\n"))
    end, function()
      assert.equal(400000, #server:receive())
    end, function()
      host:sleep(0.05)
      local me = coroutine.running()
      debug.sethook(me, function() error "it spins" end, "", 1e7)
      server:settimeout(0.02)
      local done, err = server:key_update()
      server:settimeout(nil)
      debug.sethook(me)
      waits = false
      assert.same({nil, "timeout"}, {done, err})
    end)
    assert.is_truthy(server:peer_certificate())
  end)

  it("sends at once over a LuaSocket object", function()
    for _, nodelay in ipairs {true, false} do
      local sock, other = helpers.sockets()
      sock:setoption("tcp-nodelay", false)
      local conn = assert(wire.context "client":wrap_stream(sock, {server_hostname = "localhost",
        do_handshake_on_connect = false, nodelay = nodelay}))
      assert.equal(nodelay, sock:getoption "tcp-nodelay")
      conn:close()
      other:close()
    end
  end)

  it("renews its keys, and forwards what is known", function()
    opened()
    together(function()
      assert.is_true(client:key_update(true))
      assert(client:send "a\n")
      assert.equal("a", server:receive())
      assert(server:send "b\n")
      assert.equal("b", client:receive())
    end)
    assert.equal("TLSv1.3", client:version())
    assert.equal("TLSv1.3", client:info().version)
    assert.equal("localhost", server:server_hostname())
    assert.matches("^SSLStream %(connected%): 0x%x+$", tostring(client))
    assert.same({nil, "the transport does not tell"}, {client:getpeername()})
  end)

  it("asks for a certificate behind the handshake, and a hook may wait meanwhile", function()
    local asked = 0
    open {
      client = {post_handshake_auth = true, certfile = helpers.file "client.pem", on_certificate = function(conn)
        asked = asked + 1
        assert.equal(client, conn)
        host:sleep(0.02)
      end},
      server = {ca_certs = helpers.file "root.crt"},
    }
    local heard = {}
    together(function()
      assert(server:do_handshake())
      assert.is_true(server:verify_client_post_handshake {cert_reqs = ssl.CERT_OPTIONAL})
      assert(server:send "who are you?\n")
      heard[1], heard[2] = server:receive(), server:receive()
    end, function()
      heard[3] = client:receive()
      assert(client:send "me\n")
    end, function()
      assert(client:do_handshake())
      assert(client:send "meanwhile\n")
    end)
    table.sort(heard)
    assert.same({"me", "meanwhile", "who are you?"}, heard)
    assert.is_true(asked >= 1)
    assert.is_truthy(server:peer_certificate())
  end)

  it("has lines and sends files", function()
    opened {capacity = 3000}
    local path = helpers.temp_file(("a line of a file\n"):rep(5000))
    local count = 0
    together(function()
      assert.equal(85000, client:send_file(path))
      client:shutdown "send"
    end, function()
      if _VERSION == "Lua 5.1" and not jit then  -- its loops cannot yield
        local next_line = server:lines()
        while next_line() do count = count + 1 end
        return
      end
      for line in server:lines() do
        assert.equal("a line of a file", line)
        count = count + 1
      end
    end)
    assert.equal(5000, count)
    os.remove(path)
  end)

  it("is in another stream, and that in a third", function()
    opened {capacity = 700}
    local inner, innermost = {}, {}
    local function wrap(side, conn)
      return assert(wire.context(side):wrap_stream(conn, {
        server_hostname = side == "client" and "localhost" or nil}))
    end
    local heard
    together(function()
      inner.client = wrap("client", client)
      innermost.client = wrap("client", inner.client)
      assert(innermost.client:send(("deep "):rep(5000) .. "\n"))
      assert(innermost.client:unwrap())
      assert.equal(1, inner.client:close())
    end, function()
      inner.server = wrap("server", server)
      innermost.server = wrap("server", inner.server)
      heard = innermost.server:receive()
      local given = assert(innermost.server:unwrap())
      assert.equal(inner.server, given)
      assert.same({nil, "closed", ""}, {given:receive()})
    end)
    assert.equal(25000, #heard)
    inner.server:close()
    assert.is_true(near.closed and far.closed)
  end)

  it("is collected with its object", function()
    local gone = setmetatable({}, {__mode = "k"})
    do
      local other = scheduler.new()
      local conn = assert(wire.context "client":wrap_stream((other:pair()), {
        server_hostname = "localhost", do_handshake_on_connect = false}))
      gone[conn] = true
    end
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(next(gone))
  end)

  it("refuses what came in clear before TLS", function()
    local sock, other = helpers.sockets()
    other:send "injected\nmore"
    assert.equal("injected", sock:receive())
    local conn, err = wire.context "client":wrap_stream(sock, {server_hostname = "localhost"})
    assert.is_nil(conn)
    assert.equal("injection", err.kind)
    sock:close()
    other:close()
  end)

  it("closes the transport when the handshake fails", function()
    open()
    local other = scheduler.new()
    local one, two = other:pair()
    other:spawn(function() two.write "HTTP/1.1 400 Bad Request\r\n\r\n" end)
    other:spawn(function()
      local conn, err = wire.context "client":wrap_stream(one, {server_hostname = "localhost"})
      assert.is_nil(conn)
      assert.equal("plaintext", err.kind)
    end)
    other:run()
    assert.is_true(one.closed)
  end)

  it("begins with its transport's limits", function()
    local carrier = {read = function() return nil, "timeout" end, write = function() return true end,
      gettimeout = function() return 0, 4 end}
    local conn = assert(wire.context "client":wrap_stream(carrier, {server_hostname = "localhost"}))
    assert.same({0, 4}, {conn:gettimeout()})
    assert.same({nil, "wantread"}, {conn:do_handshake()})
    conn:settimeout(0.02)
    assert.same({nil, "timeout"}, {conn:do_handshake()})
    assert.same({nil, "timeout", ""}, {conn:receive()})
    conn:close()
  end)

  it("is told how long a transport may take", function()
    local seen, limits = {}, {}
    local carrier = {read = function(seconds)
      seen[#seen + 1] = seconds or false
      return nil, "timeout"
    end, write = function() return true end, settimeout = function(seconds) limits[#limits + 1] = seconds or false end}
    local conn = assert(wire.context "client":wrap_stream(carrier, {server_hostname = "localhost",
      do_handshake_on_connect = false, handshake_timeout = 7}))
    for _, limit in ipairs {0, 2, 100} do
      conn:settimeout(limit)
      conn:do_handshake()
    end
    assert.equal(0, seen[1])
    assert.is_true(seen[2] > 1 and seen[2] <= 2)
    assert.is_true(seen[3] > 5 and seen[3] <= 7)  -- handshake_timeout
    assert.equal(seen[1], limits[2])
    conn:close()
  end)

  it("takes what makes no sense of a transport for a failure", function()
    for _, case in ipairs {
        {read = function() return 1 end}, {read = function() return {} end},
        {write = function() return nil end}, {write = function() return nil, "timeout", "many" end}} do
      local carrier = {read = case.read or function() return nil end, write = case.write or function() return true end}
      local conn = assert(wire.context "client":wrap_stream(carrier, {server_hostname = "localhost",
        do_handshake_on_connect = false}))
      conn:settimeout(0.05)
      local done, err = conn:do_handshake()
      assert.is_nil(done)
      assert(err == "timeout" or ssl.IOError and err:is(ssl.SSLError), tostring(err))
      conn:close()
    end
  end)

  it("speaks TLS through a proxy that is spoken to by TLS", function()
    local proxy = helpers.spawn {"python3", "spec/support/connect_proxy.py", helpers.file "rsa.pem",
      "HTTP/1.1 200 OK\\r\\n\\r\\n"}
    local port = tonumber((proxy:expect "port (%d+)"))
    local behind = helpers.s_server()
    local outer = assert(ssl.connect("127.0.0.1", port, {context = wire.context "client",
      server_hostname = "localhost"}))
    outer:settimeout(helpers.patience)
    assert.equal(outer, ssl.http_connect(outer, "127.0.0.1", behind.port))
    local conn = assert(wire.context "client":wrap_stream(outer, {server_hostname = "localhost"}))
    assert.equal(helpers.patience, (conn:gettimeout()))
    assert(conn:send "deep inside\n")
    behind:expect "(deep inside)"
    behind:write "an answer\n"
    assert.equal("an answer", conn:receive())
    assert.same({outer:getpeername()}, {conn:getpeername()})
    conn:close()
    assert.equal(-1, outer:getfd())
    helpers.stop_all()
  end)
end)
