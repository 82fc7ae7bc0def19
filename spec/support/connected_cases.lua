--- What connected stream sockets do, whatever carries them and wherever they run:
-- the same cases for LuaSocket's tcp objects, SSLSockets, streams, and streams in
-- event loops. It needs no busted and no LuaSocket, for nginx.
--
-- A kind has `name`; `is_stream`; `await(conn)`, which returns when something
-- has come; `sleep(seconds)`; and says what its host lacks: `timeless`, it has
-- no timers; `nameless`, it tells no addresses; `unforgiving`, what it carries
-- does not survive a send that is too late.
local assert = require "luassert"
local core = require "luassl.core"

local clock = core.clock
local unpack = table.unpack or unpack

local cases = {}

local PATIENCE = 10  -- seconds for whatever must happen, on a slow machine too

--- Results with their number: the nils at their end count too.
function cases.results(...)
  return {n = select("#", ...), ...}
end

local results = cases.results

--- Checks that `expected` seconds have passed since `start`, a time of `clock`,
-- not many more.
function cases.check_elapsed(expected, start)
  local elapsed = clock() - start
  assert(elapsed >= expected - 0.01 and elapsed < expected + 1,
    ("%.3f s instead of %.3f"):format(elapsed, expected))
end

local check_elapsed = cases.check_elapsed

--- Checks that each of a list of calls {method, arguments...} raises.
function cases.check_raises(conn, calls)
  for _, call in ipairs(calls) do
    local name = call[1]
    local done, err = pcall(conn[name], conn, unpack(call, 2, call.n or #call))
    assert(not done and type(err) == "string", name .. " does not raise")
  end
end

local check_raises = cases.check_raises

-- Sends until it fails; what it answers then.
local function send_in_vain(kind, conn)
  local deadline = clock() + PATIENCE
  while true do
    local answer = results(conn:send "x")
    if not answer[1] then return answer end
    assert(clock() < deadline, "somebody takes it")
    kind.sleep(0.001)
  end
end

local function add_receiving(_, it)
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
        tostring(prefix)), function(client, server)
      client:send(sent)
      assert.same(results(expected, nil, nil),
        results(server:receive(pattern, prefix)))
      client:send "!"
      assert.equal(rest .. "!", server:receive(#rest + 1))
    end)
  end
end

local function add_sending(_, it)
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
        tostring(last)), function(client, server)
      assert.same(results(index, nil, nil),
        results(client:send(data, first, last)))
      client:send "!"
      assert.equal(expected .. "!", server:receive(#expected + 1))
    end)
  end
end

local function add_limits(kind, it)
  it("answers timeout with what came, in both modes", function(client, server)
    for _, limits in ipairs(kind.timeless and {{b = 0}, {t = 0}, {b = 9, t = 0}} or {{b = 0}, {t = 0}, {b = 0.02},
        {t = 0.02}, {b = 0.02, t = 9}, {b = 9, t = 0.02}}) do
      server:settimeout(limits.b)
      server:settimeout(limits.t, "t")
      for _, pattern in ipairs {"*l", "*a", 10} do
        client:send "part"
        kind.await(server)
        local start = clock()
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

  it("goes on where a timeout ended it", function(client, server)
    server:settimeout(0)
    local line
    for _, part in ipairs {"one ", "two ", "three\nfour"} do
      client:send(part)
      kind.await(server)
      local data, err, partial = server:receive("*l", line)
      line = data or partial
      assert.equal(data == nil and "timeout" or nil, err)
    end
    assert.equal("one two three", line)
    assert.equal("four", server:receive(4))
  end)

  it("takes its limits as they come, and tells them", function(client)
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

  if kind.unforgiving then return end
  for _, limit in ipairs(kind.timeless and {0} or {0, 0.03}) do
    it(("fills up and sends the rest later, timeout %s"):format(limit),
      function(client, server)
        local block = ("0123456789abcdef"):rep(16384)
        local total, heard = 40 * #block, {}
        client:settimeout(limit)
        server:settimeout(0)
        local sent, received, timeouts = 0, 0, 0
        local deadline = clock() + PATIENCE
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
            if heard[#heard] == "" then kind.sleep(0.001) end
          end
          assert(clock() < deadline)
        end
        assert.equal(total, sent)
        assert.is_true(table.concat(heard) == block:rep(40))
      end)
  end
end

local function add_ending(kind, it)
  for _, case in ipairs {{"tail", "*l", nil, nil, "closed", "tail"},
      {"tail", "*a", nil, "tail"}, {"tail", "*a", "<", "<tail"},
      {"tail", 10, "<", nil, "closed", "<tail"}, {"tail", 4, nil, "tail"},
      {"tail\n", "*l", nil, "tail"}, {"", "*a", "<", nil, "closed", "<"},
      {"", "*l", nil, nil, "closed", ""}, {"", 0, nil, nil, "closed", ""},
      {"", 1, "<<", "<<"}} do
    local sent, pattern, prefix, data, err, partial = unpack(case, 1, 6)
    it(("receives %s of %q and the end"):format(pattern, sent), function(client, server)
      client:send(sent)
      client:close()
      assert.same(results(data, err, partial),
        results(server:receive(pattern, prefix)))
      assert.same(results(nil, "closed", ""), results(server:receive "*a"))
      assert.same(results(nil, "closed", ""), results(server:receive()))
      assert.equal(1, server:close())
    end)
  end

  it("answers closed when it sends to nobody", function(client, server)
    client:close()
    assert.same(results(nil, "closed", 0), send_in_vain(kind, server))
    assert.same(results(nil, "closed", 2), results(server:send("abc", 3)))
    assert.same(results(nil, "closed", ""), results(server:receive(1)))
  end)

  it("ends a direction with shutdown", function(client, server)
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
end

local function add_counters(_, it)
  it("counts what is sent and received", function(client, server)
    local start = clock()
    client:send("abcdefgh\nrest", 3)
    local received, sent, age = client:getstats()
    assert.same({0, 11}, {received, sent})
    assert.is_true(age >= 0 and age <= clock() - start + 10)
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

  it("counts from what setstats tells", function(client)
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
end

local function add_facts(kind, it)
  if not kind.nameless then it("has the names of its socket", function(client, server)
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
  end) end

  if kind.is_stream then it("is dirty as long as there is data", function(client, server)
    assert.is_false(server:dirty())
    client:send "abc\ndef"
    assert.equal("a", server:receive(1))
    assert.is_true(server:dirty())
    server:receive()
    assert.is_true(server:dirty())
    server:receive(3)
    assert.is_false(server:dirty())
  end) end
end

local function add_misuse(kind, it)
  it("raises for what it cannot mean, and takes no harm", function(client, server)
    client:send "abc"
    check_raises(server, {{"receive", -1}, {"receive", "x"}, {"receive", ""},
      {"receive", "*"}, {"receive", "*x"}, {"receive", {}}, {"receive", true},
      {"receive", 0 / 0}, {"receive", "*l", {}}, {"receive", 1, print},
      {"send"}, {"send", nil, n = 2}, {"send", {}}, {"send", true},
      {"send", "x", {}}, {"send", "x", 1, "y"}, {"settimeout", "x"},
      {"settimeout", {}}, {"settimeout", 1, "x"}, {"settimeout", 1, ""},
      {"settimeout", 1, {}}, {"shutdown", "x"},
      {"setstats", "x"}, {"setstats", 1, {}}})
    if not kind.is_stream then
      check_raises(server, {{"accept"}, {"listen"}, {"listen", 5}, {"bind", "127.0.0.1", 0}})
    end
    assert.equal("abc", server:receive(3))
    server:send "def"
    assert.equal("def", client:receive(3))
  end)

  it("raises for another self", function(client)
    for name in pairs {accept = 1, bind = 1, close = 1, connect = 1,
        dirty = 1, getfamily = 1, getfd = 1, getoption = 1, getpeername = 1,
        getsockname = 1, getstats = 1, gettimeout = 1, listen = 1,
        receive = 1, send = 1, setoption = 1, setpeername = 1, setsockname = 1,
        setstats = 1, settimeout = 1, shutdown = 1} do
      for _, other in ipairs {false, 1, "tcp", {}, io.stdout, print} do
        assert.is_false(pcall(client[name], other, "x", 1), name)
      end
      assert.is_false(pcall(client[name]), name)
    end
  end)

  it("answers as closed when it is", function(client)
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
    check_raises(client, {{"receive", "x"}, {"send"}, {"settimeout", "x"},
      {"shutdown", "x"}})
    if not kind.is_stream then check_raises(client, {{"getoption", "no-such-option"}}) end
  end)
end

local ALL = {add_receiving, add_sending, add_limits, add_ending, add_counters, add_facts, add_misuse}

--- Calls `it` for each case, with its name and a function of two that are
-- connected, without a timeout: client and server.
function cases.add(kind, it)
  for _, add in ipairs(ALL) do add(kind, it) end
end

--- In event loops -----------------------------------------------------------------

-- Calls methods of both by turns, at timeout 0, until none has to wait.
local function shake(kind, conns)
  local deadline, left = clock() + PATIENCE, #conns
  local done = {}
  while left > 0 do
    for i, conn in ipairs(conns) do
      if not done[i] then
        local fine, err = conn:do_handshake()
        assert(fine or err == "timeout" or err == "wantread" or err == "wantwrite", tostring(err))
        if fine then done[i], left = true, left - 1 end
      end
    end
    assert(clock() < deadline, "the handshake does not end")
    kind.sleep(0.001)
  end
end

--- Makes a kind of streams in an event loop. Its functions are for coroutines
-- of that loop.
-- @tparam table kind `name`; `sleep`; `client` and `server`, contexts;
--   `transports`, which answers two that are connected
function cases.in_host(kind)
  kind.is_stream = true

  function kind.pair()
    local near, far = kind.transports()
    local client = assert(kind.client:wrap_stream(near, {
      server_hostname = "localhost", do_handshake_on_connect = false}))
    local server = assert(kind.server:wrap_stream(far, {do_handshake_on_connect = false}))
    client:settimeout(0)
    server:settimeout(0)
    shake(kind, {client, server})
    client:receive(0)  -- session tickets, which a receiver never sees
    client:settimeout(nil)
    server:settimeout(nil)
    return client, server
  end

  function kind.await(conn)
    local block, total = conn:gettimeout()
    conn:settimeout(PATIENCE)
    conn:settimeout(nil, "t")
    assert(conn:receive(0))
    conn:settimeout(block)
    conn:settimeout(total, "t")
  end

  --- Runs one case with a pair of its own.
  function kind.try(case)
    local client, server = kind.pair()
    case(client, server)
    client:close()
    server:close()
  end

  return kind
end

return cases
