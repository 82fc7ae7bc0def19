-- Hooks that yield: whoever runs the handshake's coroutine decides when it
-- goes on, and may do anything else meanwhile.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file
local unpack = table.unpack or unpack

helpers.audit()

-- A hook that yields some values `n` times, then answers.
local function yielding(n, ...)
  local answer = {n = select("#", ...), ...}
  local seen = {}
  return function(connection, facts)
    seen.connection, seen.facts = connection, facts
    for i = 1, n do seen[i] = {coroutine.yield("hook", i)} end
    return unpack(answer, 1, answer.n)
  end, seen
end

-- Drives a method of a connection in a coroutine, like a scheduler: yields
-- when the connection waits.
local function task(conn, method, ...)
  local arguments = {n = select("#", ...), ...}
  return coroutine.create(function()
    while true do
      local result = {conn[method](conn, unpack(arguments, 1, arguments.n))}
      if result[1] ~= nil or not hooking.WAITS[result[2]] then return unpack(result, 1, 3) end
      coroutine.yield "wait"
    end
  end)
end

-- Resumes tasks in turn until all have ended: {done, results} each, and how
-- often each has yielded for a hook.
local function round_robin(tasks, between)
  local results, hooked, left = {}, {}, #tasks
  local deadline = socket.gettime() + helpers.patience
  while left > 0 do
    for i, thread in ipairs(tasks) do
      if not results[i] then
        local result = {coroutine.resume(thread, "resumed")}
        if coroutine.status(thread) == "dead" then
          results[i], left = result, left - 1
        elseif result[2] == "hook" then hooked[i] = (hooked[i] or 0) + 1 end
      end
    end
    assert(socket.gettime() < deadline, "it does not end")
    between()
  end
  return results, hooked
end

-- Runs both sides' handshakes as tasks.
local function handshakes(pair)
  local results, hooked = round_robin({task(pair.client, "do_handshake"), task(pair.server, "do_handshake")}, pair.pump)
  return results[1], results[2], hooked
end

hooking.each("a hook that yields", function(case)
  for i, place in ipairs(hooking.places) do
    it("is resumed and its handshake goes on: " .. place.name, function()
      local hook, seen = yielding(3)
      local pair = case.open(place.options(hook))
      local client, server, hooked = handshakes(pair)
      assert.same({true, true}, client)
      assert.same({true, true}, server)
      assert.equal(3, hooked[place.side == "client" and 1 or 2])
      assert.same({"resumed"}, seen[1])
      assert.is_true(rawequal(pair[place.side], seen.connection))
      hooking.talk(pair)
    end)

    it("may refuse after it: " .. place.name, function()
      local reason = {}
      local pair = case.open(place.options((yielding(2, nil, reason))))
      local thread = task(pair[place.side], "do_handshake")
      local other = pair[place.side == "client" and "server" or "client"]
      local results = round_robin({thread, task(other, "do_handshake")}, pair.pump)
      assert.is_true(results[1][1])
      assert.is_nil(results[1][2])
      assert.is_true(rawequal(reason, results[1][3]))
      local err = results[2][3] or select(2, hooking.drive(pair, function() return other:read() end))
      assert.is_string(err.alert)
    end)

    it("may raise after it: " .. place.name, function()
      local reason = {}
      local pair = case.open(place.options(function()
        coroutine.yield "hook"
        error(reason)
      end))
      local conn, other = pair[place.side], pair[place.side == "client" and "server" or "client"]
      local thread = task(conn, "do_handshake")
      local result = round_robin({thread}, function()
        other:do_handshake()
        pair.pump()
      end)[1]
      if hooking.yields_through_pcall then
        assert.is_true(result[1])
        assert.is_nil(result[2])
        assert.is_true(rawequal(reason, result[3]))
      else  -- it passed through, and the next call refuses
        assert.is_false(result[1])
        assert.is_true(rawequal(reason, result[2]))
        local done, err = conn:do_handshake()
        assert.is_nil(done)
        assert.equal("hook", err.kind)
        assert.is_true(rawequal(err, select(2, conn:read())))
      end
      local data, err = hooking.drive(pair, function() return other:read() end)
      assert.is_nil(data)
      assert.equal("internal_error", err.alert)
    end)

    it("leaves the connection as it is meanwhile: " .. place.name, function()
      local pair = case.open(place.options((yielding(1))))
      local conn, other = pair[place.side], pair[place.side == "client" and "server" or "client"]
      local thread = task(conn, "do_handshake")
      repeat
        other:do_handshake()
        pair.pump()
        local _, what = coroutine.resume(thread)
      until what == "hook"
      for _, call in ipairs {{"do_handshake"}, {"read"}, {"receive"}, {"send", "x"}, {"write", "x"}} do
        local result, err = conn[call[1]](conn, call[2])
        assert.is_nil(result)
        local told = {receive = true, send = true}
        local expected = case.kind == "socket" and told[call[1]] and "timeout" or "wantread"
        assert.equal(expected, err, call[1])
        assert.is_true(conn:want())
      end
      for _, fact in ipairs {"version", "cipher", "selected_alpn_protocol", "session", "session_reused"} do
        assert.is_nil((conn[fact](conn)), fact)
      end
      assert.is_truthy(tostring(conn):find "handshake")
      local results = round_robin({thread, task(other, "do_handshake")}, pair.pump)
      assert.same({true, true}, results[1])
      assert.same({true, true}, results[2])
      hooking.talk(pair)
    end)

    it("may be resumed by the first I/O's coroutine: " .. place.name, function()
      for _, call in ipairs {{"send", "hello"}, {"write", "hello"}} do
        local pair = case.open(place.options((yielding(2))))
        local other = pair[place.side == "client" and "server" or "client"]
        local results = round_robin({task(pair[place.side], call[1], call[2]), task(other, "read")}, pair.pump)
        assert.same({true, 5}, results[1])
        assert.same({true, "hello"}, results[2])
        pair.client:close()
        pair.server:close()
      end
      for _, method in ipairs {"receive", "read"} do
        local pair = case.open(place.options((yielding(2))))
        local other = pair[place.side == "client" and "server" or "client"]
        local results = round_robin({task(pair[place.side], method), task(other, "send", "line\n")}, pair.pump)
        assert.same({true, method == "read" and "line\n" or "line"}, results[1])
        assert.same({true, 5}, results[2])
      end
    end)

    it("may run in a coroutine inside coroutines: " .. place.name, function()
      local pair = case.open(place.options((yielding(2))))
      local function nested(conn, depth)
        if depth == 0 then return task(conn, "do_handshake") end
        return coroutine.create(function()
          local inner = nested(conn, depth - 1)
          while true do
            local result = {coroutine.resume(inner)}
            if coroutine.status(inner) == "dead" then return unpack(result, 2, 3) end
            coroutine.yield(unpack(result, 2, 3))
          end
        end)
      end
      local results = round_robin({nested(pair.client, 3), nested(pair.server, 3)}, pair.pump)
      assert.same({true, true}, results[1])
      assert.same({true, true}, results[2])
    end)

    it("may use coroutines of its own: " .. place.name, function()
      local sum = 0
      local pair = case.open(place.options(function()
        for value in coroutine.wrap(function()
          for n = 1, 10 do coroutine.yield(n) end
        end) do sum = sum + value end
      end))
      hooking.succeed(pair)  -- in the main coroutine
      assert.equal(55, sum)
    end)

    it("passes through pcall around the method, where Lua can: " .. place.name, function()
      if not hooking.yields_through_pcall then return end
      local pair = case.open(place.options((yielding(2))))
      local conn = pair[place.side]
      local other = pair[place.side == "client" and "server" or "client"]
      local thread = coroutine.create(function()
        while true do
          local fine, done, err = pcall(conn.do_handshake, conn)
          if not fine or done or not hooking.WAITS[err] then return fine, done, err end
          coroutine.yield "wait"
        end
      end)
      local results = round_robin({thread, task(other, "do_handshake")}, pair.pump)
      assert.same({true, true, true}, results[1])
      assert.same({true, true}, results[2])
    end)

    it("cannot do so where there is no coroutine, and says so: " .. place.name, function()
      local pair = case.open(place.options((yielding(1))))
      local results
      local function run() results = hooking.outcome(pair) end
      -- busted may run in a coroutine; this has to be the main one or what
      -- cannot be yielded across.
      local blocked = pcall(string.gsub, "x", "x", function()
        run()
      end)
      assert.is_true(blocked)
      local err = results[place.side][2]
      assert.is_nil(results[place.side][1])
      assert.is_true(err:is(ssl.SSLError), tostring(err))
      assert.equal("hook", err.kind)
      assert.is_truthy(err:find("coroutine", 1, true))
      local other = results[place.side == "client" and "server" or "client"][2]
      assert.equal("internal_error", other.alert)
    end)

    if i == 1 then
      it("may be resumed by other coroutines than those that began it", function()
        local pair = case.open(place.options((yielding(2))))
        local thread = task(pair.server, "do_handshake")
        local resumed = 0
        repeat
          pair.client:do_handshake()
          pair.pump()
          local fine, what = coroutine.wrap(function() return coroutine.resume(thread) end)()
          if what == "hook" then resumed = resumed + 1 end
          assert.is_true(fine)
        until coroutine.status(thread) == "dead"
        assert.equal(2, resumed)
        pair.pump()
        assert.is_true(pair.client:do_handshake())
      end)
    end
  end

  it("does not stop the others: many connections in flight under a round-robin", function()
    local inside, most = 0, 0
    local function slow()
      inside = inside + 1
      most = math.max(most, inside)
      for _ = 1, 20 do coroutine.yield "hook" end
      inside = inside - 1
    end
    local client = hooking.context("client", hooking.certified {maximum_version = case.version, on_verify = slow,
      on_certificate = slow})
    local server = hooking.context("server", hooking.asking {on_client_hello = slow, on_certificate = slow,
      on_verify = slow})
    local tasks, pairs_ = {}, {}
    for i = 1, 12 do
      pairs_[i] = hooking.open(case.kind, client, server)
      tasks[#tasks + 1] = task(pairs_[i].client, "do_handshake")
      tasks[#tasks + 1] = task(pairs_[i].server, "do_handshake")
    end
    local results, hooked = round_robin(tasks, function()
      for _, pair in ipairs(pairs_) do pair.pump() end
    end)
    for i, result in ipairs(results) do
      assert.same({true, true}, result)
      assert.equal(i % 2 == 1 and 40 or 60, hooked[i])
    end
    assert.is_true(most >= 12, most)
    for _, pair in ipairs(pairs_) do hooking.talk(pair) end
  end)

  it("may wait for another connection's handshake on the same context", function()
    local first = true
    local server
    local made = {}
    local function hook()
      if not first then return end
      first = false
      local inner = hooking.open("object", hooking.context("client"), server)
      for _ = 1, 3 do coroutine.yield "hook" end
      made[1], made[2] = handshakes(inner)
      hooking.talk(inner)
    end
    server = hooking.context("server", hooking.asking {on_client_hello = hook, on_verify = hook,
      on_certificate = hook, cert_reqs = ssl.CERT_OPTIONAL})
    local pair = hooking.open(case.kind, {maximum_version = case.version}, server)
    local one, other = handshakes(pair)
    assert.same({true, true}, one)
    assert.same({true, true}, other)
    assert.same({{true, true}, {true, true}}, made)
  end)
end)

describe("a hook that yields, in a blocking method,", function()
  after_each(hooking.close_all)
  after_each(helpers.stop_all)

  -- Resumes until the coroutine ends: how often it yielded, what it returned.
  local function run(thread)
    local count = 0
    while true do
      local result = {coroutine.resume(thread)}
      assert(result[1], tostring(result[2]))
      if coroutine.status(thread) == "dead" then return count, unpack(result, 2, 4) end
      assert.equal("hook", result[2])
      count = count + 1
    end
  end

  it("is resumed inside ssl.connect", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local peer = helpers.python_server "echo"
      local count, conn = run(coroutine.create(function()
        return ssl.connect("127.0.0.1", peer.port, {ca_certs = file "root.crt", server_hostname = "localhost",
          maximum_version = version, on_verify = (yielding(4))})
      end))
      assert.equal(4, count)
      hooking.keep(conn)
      assert.equal(3, conn:send "abc")
      assert.equal("abc", (conn:receive(3)))
    end
  end)

  it("is resumed inside wrap_socket, connect and the first I/O of a client", function()
    local peer = helpers.python_server "echo"
    local context = hooking.context("client", {on_verify = (yielding(2))})
    local options = {server_hostname = "localhost"}
    local count, conn = run(coroutine.create(function()
      return context:wrap_socket(assert(socket.connect("127.0.0.1", peer.port)), options)
    end))
    assert.equal(2, count)
    assert.equal(2, hooking.keep(conn):send "ab")
    conn = hooking.keep(assert(context:wrap_socket(socket.tcp(), options)))
    local done
    count, done = run(coroutine.create(function() return conn:connect("127.0.0.1", peer.port) end))
    assert.same({2, 1}, {count, done})
    for _, call in ipairs {{"do_handshake", result = true}, {"send", "abc", result = 3},
      {"write", "abc", result = 3}} do
      conn = hooking.keep(assert(context:wrap_socket(assert(socket.connect("127.0.0.1", peer.port)),
        {server_hostname = "localhost", do_handshake_on_connect = false})))
      count, done = run(coroutine.create(function() return conn[call[1]](conn, call[2]) end))
      assert.same({2, call.result}, {count, done})
    end
  end)

  it("is resumed inside accept", function()
    for _, version in ipairs {"-tls1_2", "-tls1_3"} do
      local context = hooking.context("server", hooking.asking {on_client_hello = (yielding(2)),
        on_certificate = (yielding(3)), on_verify = (yielding(4))})
      local listener = hooking.keep(assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)))))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local peer = helpers.s_client(port, {arguments = {version, "-cert", file "client.crt", "-key",
        file "client.key"}})
      local count, conn = run(coroutine.create(function() return listener:accept() end))
      assert.equal(9, count)
      hooking.keep(conn)
      conn:settimeout(helpers.patience)
      assert.is_true(peer:write "line\n")
      assert.equal("line", (conn:receive()))
      assert.is_table(conn:getpeercert().subject)
      conn:close()
      listener:close()
      peer:stop()
    end
  end)

  it("takes its time from the operation's, and from the handshake's", function()
    local context = hooking.context("server", {on_client_hello = function() coroutine.yield "hook" end})
    local near, far = helpers.sockets()
    near:settimeout(0)
    local client = hooking.keep(assert(hooking.context("client"):wrap_socket(near, {server_hostname = "localhost"})))
    client:do_handshake()
    far:settimeout(0.2)
    local server = hooking.keep(assert(context:wrap_socket(far, {do_handshake_on_connect = false})))
    local thread = coroutine.create(function() return server:receive() end)
    assert.same({true, "hook"}, {coroutine.resume(thread)})
    socket.sleep(0.25)  -- the operation's time, not the handshake's
    local start = socket.gettime()
    assert.same({true, nil, "timeout", ""}, {coroutine.resume(thread)})
    assert.is_true(socket.gettime() - start < 0.1)
    client:do_handshake()
    server:settimeout(helpers.patience)
    client:do_handshake()
    local results = hooking.together({function() return client:do_handshake() end,
      function()
        server:settimeout(0)
        return server:do_handshake()
      end}, function() end)
    assert.same({true, true}, {results[1][1], results[2][1]})
  end)
end)

describe("an operation that a hook has stopped", function()
  after_each(hooking.close_all)

  it("keeps its own deadline, whatever was called meanwhile", function()
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0.2)
    local client = hooking.keep(assert(hooking.context("client")
      :wrap_socket(near, {server_hostname = "localhost"})))
    client:do_handshake()
    local server = hooking.keep(assert(hooking.context("server", {
      on_client_hello = function() coroutine.yield "hook" end})
      :wrap_socket(far, {do_handshake_on_connect = false})))
    local thread = coroutine.create(function() return server:receive() end)
    assert.same({true, "hook"}, {coroutine.resume(thread)})
    server:settimeout(5)
    assert.equal("timeout", select(2, server:do_handshake()))
    local start = socket.gettime()
    assert.same({true, nil, "timeout", ""}, {coroutine.resume(thread)})
    assert.is_true(socket.gettime() - start < 2)
  end)
end)
