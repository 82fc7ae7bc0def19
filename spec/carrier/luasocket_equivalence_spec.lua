-- Whatever a LuaSocket tcp object does, an SSLSocket does, and a stream: the
-- same cases run over all. Here they are connected; what comes before that is in
-- luasocket_equivalence_unconnected_spec.lua, where they differ in
-- luasocket_differences_spec.lua.
local socket = require "socket"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"

helpers.audit()

local unpack = table.unpack or unpack
local results, check_elapsed = kinds.results, kinds.check_elapsed

-- Sends until it fails; what it answers then.
local function send_in_vain(conn)
  local deadline = socket.gettime() + helpers.patience
  while true do
    local answer = results(conn:send "x")
    if not answer[1] then return answer end
    assert(socket.gettime() < deadline, "somebody takes it")
    socket.select(nil, nil, 0.001)
  end
end

for _, kind in ipairs(kinds.connected) do
  describe("a connected " .. kind.name, function()
    local client, server

    before_each(function()
      client, server = kind.pair()
    end)

    after_each(function()
      client:close()
      server:close()
      client, server = nil, nil
    end)

    teardown(kinds.forget)

    for _, case in ipairs {
        {"line\nrest", nil, nil, "line", "rest"},
        {"line\nrest", "*l", nil, "line", "rest"},
        {"line\r\n", "*l", nil, "line", ""},
        {"\ra\r\rb\r\r\n\n", "*l", nil, "ab", "\n"},
        {"\n", "*l", nil, "", ""},
        {"a\0b\255\n", "*l", nil, "a\0b\255", ""},
        {"line\nrest", "*l", "pre\r", "pre\rline", "rest"},
        {"line\n", "*line", nil, "line", ""},
        {"line\n", "*l", 12, "12line", ""},
        {"abcdef", 3, nil, "abc", "def"},
        {"abcdef", "3", nil, "abc", "def"},
        {"abcdef", 3.9, nil, "abc", "def"},
        {"a\r\n\0b", 5, nil, "a\r\n\0b", ""},
        {"abcdef", 5, "xyz", "xyzab", "cdef"},
        {"abcdef", 3, "xyz", "xyz", "abcdef"},
        {"abcdef", 2, "xyz", "xyz", "abcdef"},
        {"abcdef", 0, "xyz", "xyz", "abcdef"},
        {"abcdef", 0, nil, "", "abcdef"},
        {"abcdef", 6, "", "abcdef", ""}} do
      local sent, pattern, prefix, expected, rest = unpack(case, 1, 5)
      it(("receives %s of %q behind %q"):format(tostring(pattern), sent,
          tostring(prefix)), function()
        client:send(sent)
        assert.same(results(expected, nil, nil),
          results(server:receive(pattern, prefix)))
        client:send "!"
        assert.equal(rest .. "!", server:receive(#rest + 1))
      end)
    end

    for _, case in ipairs {
        {"abcdef", nil, nil, 6, "abcdef"}, {"abcdef", 3, nil, 6, "cdef"},
        {"abcdef", 2, 4, 4, "bcd"}, {"abcdef", -2, nil, 6, "ef"},
        {"abcdef", -4, -3, 4, "cd"}, {"abcdef", 0, 99, 6, "abcdef"},
        {"abcdef", -99, 2, 2, "ab"}, {"abcdef", 3, 2, 2, ""},
        {"abcdef", 7, nil, 6, ""}, {"abcdef", 10, nil, 9, ""},
        {"abcdef", 2, -7, 1, ""}, {"abcdef", 2.7, 4.2, 4, "bcd"},
        {"abcdef", "2", "3", 3, "bc"}, {"", nil, nil, 0, ""},
        {"", 3, nil, 2, ""}, {120, nil, nil, 3, "120"}} do
      local data, first, last, index, expected = unpack(case, 1, 5)
      it(("sends %q from %s to %s"):format(data, tostring(first),
          tostring(last)), function()
        assert.same(results(index, nil, nil),
          results(client:send(data, first, last)))
        client:send "!"
        assert.equal(expected .. "!", server:receive(#expected + 1))
      end)
    end

    it("answers timeout with what came, in both modes", function()
      for _, limits in ipairs {{b = 0}, {t = 0}, {b = 0.04}, {t = 0.04},
          {b = 0.04, t = 9}, {b = 9, t = 0.04}} do
        server:settimeout(limits.b)
        server:settimeout(limits.t, "t")
        for _, pattern in ipairs {"*l", "*a", 10} do
          client:send "part"
          assert(socket.select(kinds.descriptors {server}, nil, helpers.patience)[1])
          local start = socket.gettime()
          assert.same(results(nil, "timeout", "<part"),
            results(server:receive(pattern, "<")))
          check_elapsed(math.min(limits.b or 9, limits.t or 9), start)
          assert.same(results(nil, "timeout", ""),
            results(server:receive(pattern)))
          assert.same(results(nil, "timeout", "<"),
            results(server:receive(pattern, "<")))
        end
      end
    end)

    it("goes on where a timeout ended it", function()
      server:settimeout(0)
      local line
      for _, part in ipairs {"one ", "two ", "three\nfour"} do
        client:send(part)
        assert(socket.select(kinds.descriptors {server}, nil, helpers.patience)[1])
        local data, err, partial = server:receive("*l", line)
        line = data or partial
        assert.equal(data == nil and "timeout" or nil, err)
      end
      assert.equal("one two three", line)
      assert.equal("four", server:receive(4))
    end)

    it("takes its limits as they come, and tells them", function()
      assert.same(results(-1, -1), results(client:gettimeout()))
      for _, case in ipairs {{{1.5}, 1.5, -1}, {{2, "b"}, 2, -1},
          {{3, "t"}, 2, 3}, {{4, "r"}, 2, 4}, {{"0.5"}, 0.5, 4},
          {{0, "total"}, 0.5, 0}, {{0, "block"}, 0, 0}, {{-5}, -5, 0},
          {{nil, "t"}, -5, -1}, {{}, -1, -1}, {{1e9}, 1e9, -1}} do
        assert.same(results(1),
          results(client:settimeout(case[1][1], case[1][2])))
        assert.same(results(case[2], case[3]), results(client:gettimeout()))
      end
    end)

    for _, limit in ipairs {0, 0.03} do
      it(("fills up and sends the rest later, timeout %s"):format(limit),
        function()
          local block = ("0123456789abcdef"):rep(16384)
          local total, heard = 40 * #block, {}
          client:settimeout(limit)
          server:settimeout(0)
          local sent, received, timeouts = 0, 0, 0
          local deadline = socket.gettime() + helpers.patience
          while received < total do
            if sent < total then
              local at = sent % #block
              local last, err, partial = client:send(block, at + 1)
              if not last then
                assert.equal("timeout", err)
                assert.is_true(partial >= at and partial <= #block)
                timeouts, last = timeouts + 1, partial
              end
              sent = sent + last - at
            else
              client:send ""
            end
            if timeouts > 0 then
              local data, _, partial = server:receive(1000000)
              heard[#heard + 1] = data or partial
              received = received + #heard[#heard]
            end
            assert(socket.gettime() < deadline)
          end
          assert.equal(total, sent)
          assert.is_true(table.concat(heard) == block:rep(40))
        end)
    end

    for _, case in ipairs {{"tail", "*l", nil, nil, "closed", "tail"},
        {"tail", "*a", nil, "tail"}, {"tail", "*a", "<", "<tail"},
        {"tail", 10, "<", nil, "closed", "<tail"}, {"tail", 4, nil, "tail"},
        {"tail\n", "*l", nil, "tail"}, {"", "*a", "<", nil, "closed", "<"},
        {"", "*l", nil, nil, "closed", ""}, {"", 0, nil, nil, "closed", ""},
        {"", 1, "<<", "<<"}} do
      local sent, pattern, prefix, data, err, partial = unpack(case, 1, 6)
      it(("receives %s of %q and the end"):format(pattern, sent), function()
        client:send(sent)
        client:close()
        assert.same(results(data, err, partial),
          results(server:receive(pattern, prefix)))
        assert.same(results(nil, "closed", ""), results(server:receive "*a"))
        assert.same(results(nil, "closed", ""), results(server:receive()))
        assert.equal(1, server:close())
      end)
    end

    it("answers closed when it sends to nobody", function()
      client:close()
      assert.same(results(nil, "closed", 0), send_in_vain(server))
      assert.same(results(nil, "closed", 2), results(server:send("abc", 3)))
      assert.same(results(nil, "closed", ""), results(server:receive(1)))
    end)

    it("ends a direction with shutdown", function()
      assert.same(results(1), results(client:shutdown "send"))
      assert.same(results(nil, "closed", 0), results(client:send "x"))
      assert.same(results(nil, "closed", 1), results(client:send("abc", 2)))
      assert.same(results(nil, "closed", ""), results(server:receive "*a"))
      assert.equal(4, server:send "back")
      assert.equal("back", client:receive(4))
      assert.same(results(1), results(client:shutdown "send"))
      assert.same(results(1), results(server:shutdown "receive"))
      assert.same(results(1), results(server:shutdown()))
      assert.same(results(nil, "closed", ""), results(client:receive()))
      assert.same(results(nil, "closed", ""), results(server:receive()))
      assert.same(results(nil, "closed", 0), results(server:send "x"))
    end)

    it("counts what is sent and received", function()
      local start = socket.gettime()
      client:send("abcdefgh\nrest", 3)
      local received, sent, age = client:getstats()
      assert.same({0, 11}, {received, sent})
      assert.is_true(age >= 0 and age <= socket.gettime() - start + 10)
      server:receive(2)
      assert.equal(2, (server:getstats()))
      server:receive()
      assert.equal(7, (server:getstats()))
      server:settimeout(0)
      server:receive(9)
      assert.equal(11, (server:getstats()))
      server:receive(0)
      assert.equal(11, (server:getstats()))
    end)

    it("counts from what setstats tells", function()
      assert.same(results(1), results(client:setstats(100, 200, 300)))
      client:send "four"
      local received, sent, age = client:getstats()
      assert.same({100, 204}, {received, sent})
      assert.is_true(age >= 300 and age < 310)
      assert.equal(1, client:setstats(nil, 5))
      received, sent, age = client:getstats()
      assert.same({100, 5}, {received, sent})
      assert.is_true(age >= 300 and age < 310)
      assert.equal(1, client:setstats())
    end)

    it("has the names of its socket", function()
      local names = {results(client:getsockname()),
        results(client:getpeername()), results(server:getsockname()),
        results(server:getpeername())}
      for i, name in ipairs(names) do
        assert.equal("127.0.0.1", name[1])
        assert.equal(i % 2 == 1 and "string" or "number", type(name[2]))
        assert.equal("inet", name[3])
        assert.equal(3, name.n)
      end
      assert.equal(tonumber(names[1][2]), names[4][2])
      assert.equal(tonumber(names[3][2]), names[2][2])
      if not kind.is_stream then assert.same(results "inet4", results(client:getfamily())) end
    end)

    if not kind.is_stream then it("has the options of its socket", function()
      local near, far = helpers.sockets()
      client:setoption("tcp-nodelay", false)  -- on in ours
      kinds.compare_options(near, client)
      near:close()
      far:close()
      client:send "still here\n"
      assert.equal("still here", server:receive())
    end) end

    if kind.is_stream then it("is dirty as long as there is data", function()
      assert.is_false(server:dirty())
      client:send "abc\ndef"
      assert.equal("a", server:receive(1))
      assert.is_true(server:dirty())
      server:receive()
      assert.is_true(server:dirty())
      server:receive(3)
      assert.is_false(server:dirty())
    end)
    else it("works in select, and is dirty, as long as there is data", function()
      assert.is_false(server:dirty())
      assert.same({{}, {}, "timeout"}, {socket.select({server}, nil, 0)})
      client:send "abc\ndef"
      local readable, writable, err =
        socket.select({client, server}, {client, server}, helpers.patience)
      assert.is_nil(err)
      assert.equal(2, #writable)
      if not readable[server] then  -- not arrived yet
        readable = socket.select({client, server}, nil, helpers.patience)
      end
      assert.same({server, [server] = 1}, readable)
      server:receive(1)
      assert.is_true(server:dirty())
      assert.equal(server, socket.select({server}, nil, 0)[1])
      server:receive()
      assert.is_true(server:dirty())
      server:receive(3)
      assert.is_false(server:dirty())
      assert.same({{}, {}, "timeout"}, {socket.select({server}, nil, 0)})
      client:close()
      assert.equal(server,
        socket.select({client, server}, nil, helpers.patience)[1])
    end) end

    it("raises for what it cannot mean, and takes no harm", function()
      client:send "abc"
      kinds.check_raises(server, {{"receive", -1}, {"receive", "x"}, {"receive", ""},
        {"receive", "*"}, {"receive", "*x"}, {"receive", {}}, {"receive", true},
        {"receive", 0 / 0}, {"receive", "*l", {}}, {"receive", 1, print},
        {"send"}, {"send", nil, n = 2}, {"send", {}}, {"send", true},
        {"send", "x", {}}, {"send", "x", 1, "y"}, {"settimeout", "x"},
        {"settimeout", {}}, {"settimeout", 1, "x"}, {"settimeout", 1, ""},
        {"settimeout", 1, {}}, {"shutdown", "x"},
        {"setstats", "x"}, {"setstats", 1, {}}})
      if not kind.is_stream then
        kinds.check_raises(server, {{"accept"}, {"listen"}, {"listen", 5}, {"bind", "127.0.0.1", 0}})
      end
      assert.equal("abc", server:receive(3))
      server:send "def"
      assert.equal("def", client:receive(3))
    end)

    it("raises for another self", function()
      for name in pairs {accept = 1, bind = 1, close = 1, connect = 1,
          dirty = 1, getfamily = 1, getfd = 1, getoption = 1, getpeername = 1,
          getsockname = 1, getstats = 1, gettimeout = 1, listen = 1,
          receive = 1, send = 1, setoption = 1, setpeername = 1, setsockname = 1,
          setstats = 1, settimeout = 1, shutdown = 1} do
        for _, other in ipairs {false, 1, "tcp", {}, io.stdout,
            socket.newtry()} do
          assert.is_false(pcall(client[name], other, "x", 1), name)
        end
        assert.is_false(pcall(client[name]), name)
      end
    end)

    it("answers as closed when it is", function()
      client:settimeout(3)
      client:settimeout(4, "t")
      assert.same(results(1), results(client:close()))
      assert.same(results(1), results(client:close()))
      for _, case in ipairs {{{"receive"}, nil, "closed", ""},
          {{"receive", "*a", "<"}, nil, "closed", "<"},
          {{"receive", 3, "abc"}, "abc", nil, nil},
          {{"send", "abc"}, nil, "closed", 0},
          {{"send", "abc", 2}, nil, "closed", 1},
          {{"getoption", "keepalive"}, nil, "getsockopt failed"},
          {{"setoption", "keepalive", true}, nil, "setsockopt failed"},
          {{"getpeername"}, nil, "Bad file descriptor"},
          {{"getsockname"}, nil, "Bad file descriptor"},
          {{"getfamily"}, "inet4"}, {{"getfd"}, -1}, {{"gettimeout"}, 3, 4},
          {{"settimeout", 1}, 1}, {{"shutdown"}, 1}, {{"shutdown", "send"}, 1},
          {{"setstats", 7, 8}, 1}, {{"close"}, 1}} do
        local name, last = case[1][1], 4
        if kind.is_stream and name:find "name$" then case[3] = "closed" end
        while case[last] == nil do last = last - 1 end  -- `#` may stop at a nil
        local expected = {n = math.max(last - 1, name == "send" and 3 or 1,
          name == "receive" and 3 or 1), unpack(case, 2, 4)}
        if client[name] or not kind.is_stream then
          assert.same(expected, results(client[name](client, unpack(case[1], 2))), name)
        end
      end
      local received, sent = client:getstats()
      assert.same({7, 8}, {received, sent})
      kinds.check_raises(client, {{"receive", "x"}, {"send"}, {"settimeout", "x"},
        {"shutdown", "x"}})
      if not kind.is_stream then kinds.check_raises(client, {{"getoption", "no-such-option"}}) end
    end)
  end)
end

-- A program as one writes it for LuaSocket: clients that send `data` and an
-- echo server, all in one select loop at timeout 0. What the clients heard.
local function run_echo(kind, count, data)
  local listener, address, port = kind.listener()
  local jobs, heard = {}, {}

  local function add(conn, output, is_server)
    conn:settimeout(0)
    jobs[conn] = {output = output, input = "", is_server = is_server}
  end

  local function read(conn, job)
    local chunk, err, partial = conn:receive(8192)
    chunk = chunk or partial
    if job.is_server then job.output = job.output .. chunk
    else job.input = job.input .. chunk end
    if err == "closed" then
      job.ended = true
    elseif err ~= "timeout" then
      assert(not err, err)
    end
  end

  local function write(conn, job)
    local last, err, partial = conn:send(job.output)
    assert(last or err == "timeout", err)
    job.output = job.output:sub((last or partial) + 1)
    if job.output == "" and not job.is_server then conn:shutdown "send" end
  end

  local function finish(conn, job)
    if not job.is_server then heard[#heard + 1] = job.input end
    conn:close()
    jobs[conn] = nil
  end

  listener:settimeout(0)
  for _ = 1, count do
    add(kind.client(assert(socket.connect(address, port))), data)
  end
  local deadline = socket.gettime() + helpers.patience
  while next(jobs) do
    local readers, writers = {listener}, {}
    for conn, job in pairs(jobs) do
      if not job.ended then readers[#readers + 1] = conn end
      if job.output ~= "" then writers[#writers + 1] = conn end
    end
    local readable, writable = socket.select(readers, writers, 1)
    for _, conn in ipairs(readable) do
      if conn == listener then add(assert(listener:accept()), "", true)
      else read(conn, jobs[conn]) end
    end
    for _, conn in ipairs(writable) do write(conn, jobs[conn]) end
    for conn, job in pairs(jobs) do
      if job.ended and job.output == "" then finish(conn, job) end
    end
    assert(socket.gettime() < deadline)
  end
  listener:close()
  return heard
end

for _, kind in ipairs(kinds) do
  it(("a %s serves many in one select loop"):format(kind.name), function()
    local data = ("0123456789abcdef"):rep(15000)
    local heard = run_echo(kind, 5, data)
    assert.equal(5, #heard)
    for _, whole in ipairs(heard) do assert.is_true(whole == data) end
    kinds.forget()
  end)

  it(("a %s has one limit for what trickles in"):format(kind.name), function()
    local listener, _, port = kind.listener()
    local peer = helpers.lua([[
      local socket = require "socket"
      local number, port = ...
      local kind = require "spec.support.socket_kinds"[tonumber(number)]
      local conn = kind.client(assert(socket.connect("127.0.0.1", port)))
      for _ = 1, 200 do
        conn:send "x"
        socket.sleep(0.01)
      end
      conn:receive(1)
    ]], kind == kinds.tcp and 1 or 2, port)
    local conn = kind.accept(listener)
    assert.equal("x", conn:receive(1))
    for _, mode in ipairs {"b", "t"} do
      conn:settimeout()
      conn:settimeout(0.2, mode)
      local start = socket.gettime()
      local data, err, partial = conn:receive(1000)
      check_elapsed(0.2, start)
      assert.same({nil, "timeout"}, {data, err})
      assert.truthy(partial:find "^xx+$")
    end
    conn:close()
    listener:close()
    peer:stop()
    kinds.forget()
  end)
end
