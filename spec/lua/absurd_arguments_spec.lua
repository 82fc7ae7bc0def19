-- What no use of any object may do to the process: wrong and absurd arguments,
-- dead objects, curious eyes.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

local unpack = table.unpack or unpack

-- The names of the methods, in order.
local function names_of(object)
  local names = {}
  for name, value in pairs(getmetatable(object).__index) do
    if type(value) == "function" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

describe("a method", function()
  local pair, objects, plain

  before_each(function()
    pair = wire.opened()
    plain = socket.tcp()
    objects = {
      SSLSocket = pair.conn, SSLObject = pair.peer,
      SSLContext = wire.context "client",
      Certificate = pair.conn:peer_certificate(),
    }
  end)

  after_each(function()
    pair:close()
    plain:close()
    pair, objects, plain = nil, nil, nil
  end)

  -- What is no `type`, with a name for it.
  local function others(type)
    local list = {
      {"nil", nil}, {"table", {}}, {"file", io.stdout}, {"number", 42},
      {"string", "self"}, {"boolean", true}, {"function", print},
      {"thread", coroutine.create(function() end)}, {"LuaSocket object", plain},
      {"table that claims to be one", setmetatable({},
        {__name = type, __index = getmetatable(objects[type]).__index})},
    }
    local newproxy = rawget(_G, "newproxy")  -- Lua 5.1's and LuaJIT's
    if newproxy then
      list[#list + 1] = {"empty userdata", newproxy(true)}
      list[#list + 1] = {"bare userdata", newproxy(false)}
    end
    for name, object in pairs(objects) do
      if name ~= type then list[#list + 1] = {name, object} end
    end
    return list
  end

  for _, type in ipairs {"SSLSocket", "SSLObject", "SSLContext",
      "Certificate"} do
    it(("of %s takes only its own kind for itself"):format(type), function()
      local methods = getmetatable(objects[type]).__index
      local names = names_of(objects[type])
      assert.is_true(#names >= 4)
      for _, name in ipairs(names) do
        for _, other in ipairs(others(type)) do
          -- Arguments that suit most methods: the first is what is wrong.
          local argument = name == "wrap_socket" and plain or "x"
          local done, err = pcall(methods[name], other[2], argument)
          local what = ("%s.%s of a %s"):format(type, name, other[1])
          assert.is_false(done, what)
          assert.is_string(err, what)
          assert.truthy(err:find(type .. " expected", 1, true),
            what .. ": " .. err)
        end
        assert.is_false((pcall(methods[name])), name)
      end
    end)

    it(("of %s's metatable is as careful"):format(type), function()
      local metatable = debug.getmetatable(objects[type])
      for name, method in pairs(metatable) do
        if name:find "^__" and _G.type(method) == "function" then
          for _, other in ipairs(others(type)) do
            assert.is_false((pcall(method, other[2])), name .. other[1])
          end
        end
      end
    end)
  end

  it("is the same through every object, and nobody can change it", function()
    for type, object in pairs(objects) do
      local shown = getmetatable(object)
      assert.is_table(shown)
      assert.is_table(shown.__index)
      assert.is_not_equal(debug.getmetatable(object), shown)
      assert.is_not_equal(debug.getmetatable(object).__index, shown.__index)
      for name, method in pairs(debug.getmetatable(object).__index) do
        assert.is_not_nil(shown.__index[name], type .. name)
        assert.equal(_G.type(method), _G.type(shown.__index[name]))
      end
      local name = names_of(object)[1]
      local method = object[name]
      local copy = shown.__index[name]
      shown.__index[name] = error
      shown.__index.no_such_method = print
      shown.__tostring = function() return "changed" end
      shown.__gc = error
      assert.equal(method, object[name])
      assert.is_nil(object.no_such_method)
      assert.truthy(tostring(object):find("^" .. type))
      shown.__index[name], shown.__index.no_such_method = copy, nil
      shown.__tostring, shown.__gc = nil, nil
      assert.has_error(function() setmetatable(object, {}) end)
      assert.has_error(function() object.field = 1 end)
    end
  end)
end)

describe("tostring", function()
  it("begins with SSL and tells the state", function()
    local pair = wire.open()
    local lazy = assert(ssl.wrap_socket(socket.tcp()))
    for _, case in ipairs {{lazy, "SSLSocket (no connection)"},
        {pair.conn, "SSLSocket (handshake)"},
        {pair.peer, "SSLObject (handshake)"}} do
      assert.equal(1, (tostring(case[1]):find(case[2], 1, true)))
    end
    pair:handshake()
    assert.truthy(tostring(pair.conn):find "^SSLSocket %(connected%)")
    assert.truthy(tostring(pair.peer):find "^SSLObject %(connected%)")
    pair:inject(("x"):rep(100))
    pair:hear()
    assert.truthy(tostring(pair.conn):find "^SSLSocket %(failed%)")
    pair:close()
    lazy:close()
    assert.truthy(tostring(pair.conn):find "^SSLSocket %(closed%)")
    assert.truthy(tostring(pair.peer):find "^SSLObject %(closed%)")
    assert.truthy(tostring(lazy):find "^SSLSocket %(closed%)")
    assert.truthy(tostring(wire.context "client"):find "^SSLContext")
  end)
end)

describe("a closed object", function()
  -- Arguments with which no method complains of its arguments.
  local arguments = {
    send = {"data"}, write = {"data"}, write_early_data = {"data"}, receive = {5}, read = {5},
    getoption = {"keepalive"}, setoption = {"keepalive", true},
    connect = {"127.0.0.1", 1}, setpeername = {"127.0.0.1", 1},
    bind = {"127.0.0.1", 0}, setsockname = {"127.0.0.1", 0}, feed = {"bytes"},
    send_file = {"/dev/null"}, export_keying_material = {"EXPORTER-label", 32},
    finished = {"own"}, get_channel_binding = {"tls-exporter"}, signature_algorithm = {"own"},
  }

  local function check_silent(object, unfit)
    for _, name in ipairs(names_of(object)) do
      if not (unfit and unfit[name]) then
        local done, err = pcall(object[name], object,
          unpack(arguments[name] or {}))
        assert.is_true(done, ("%s: %s"):format(name, tostring(err)))
      end
    end
  end

  it("raises nothing, whatever is called", function()
    local server = {server_side = true, certfile = helpers.file "ecdsa.pem"}
    local pair = wire.opened()
    local listener = assert(ssl.wrap_socket(
      assert(socket.bind("127.0.0.1", 0)), server))
    local unfinished, failed = wire.open(), wire.opened()
    failed:inject(("x"):rep(100))
    failed:hear()
    for _, object in ipairs {pair.conn, pair.peer, listener, unfinished.conn,
        unfinished.peer, failed.conn, assert(ssl.wrap_socket(socket.tcp()))} do
      for _ = 1, 2 do
        object:close()
        check_silent(object)
      end
      assert.truthy(tostring(object):find("(closed)", 1, true))
    end
    for _, each in ipairs {pair, unfinished, failed} do each:close() end
  end)

  it("answers as a closed LuaSocket object does", function()
    local pair = wire.opened()
    local closed = helpers.sockets()
    closed:close()
    pair.conn:close()
    for _, call in ipairs {{"receive", "*l"}, {"receive", "*a"}, {"receive", 5},
        {"send", "x"}, {"getpeername"}, {"getsockname"}, {"settimeout", 1},
        {"settimeout", 1, "t"}, {"gettimeout"}, {"shutdown"},
        {"shutdown", "send"}, {"dirty"}, {"close"}, {"getfd"},
        {"getoption", "keepalive"}, {"setoption", "keepalive", true},
        {"getfamily"}} do
      local name = call[1]
      assert.same({closed[name](closed, unpack(call, 2))},
        {pair.conn[name](pair.conn, unpack(call, 2))}, name)
    end
    pair:close()
  end)

  it("lives on when its context or its peer is collected", function()
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0)
    local conn = assert(wire.context "client":wrap_socket(near, {
      server_hostname = "localhost"}))
    local peer = assert(wire.context "server":wrap_socket(far))
    helpers.snapshot()  -- both contexts are garbage but for them
    for _, result in ipairs(wire.together {
        function() return conn:do_handshake() end,
        function() return peer:do_handshake() end}) do
      assert(result[1], result[2])
    end
    local certificate = conn:peer_certificate()
    peer, far = nil, nil
    assert.is_nil(peer or far)
    helpers.snapshot()
    check_silent(conn, {accept = true, bind = true, listen = true,
      setsockname = true})  -- these are not for what is connected
    conn, near = nil, nil
    assert.is_nil(conn or near)
    helpers.snapshot()
    assert.is_true(#certificate:der() > 100)
    assert.is_true(#certificate:pem() > 100)
  end)
end)

describe("absurd arguments", function()
  local pair

  before_each(function() pair = wire.opened() end)

  after_each(function()
    pair:close()
    pair = nil
  end)

  local huge = {2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 63, 2 ^ 64, 1e300, math.huge}

  it("for send and write are clamped or refused, as LuaSocket's", function()
    local near, far = helpers.sockets()
    local conn = pair.conn
    local cases = {{0}, {-1}, {-3}, {-4}, {-100}, {1, -100}, {2, 1}, {4}, {100},
      {1, 0}, {0, 0}, {1.5, 2.5}, {"2", "3"}, {nil, 2}, {-2, -2}}
    -- LuaSocket's is a C long, which may have 32 bits: it is given less.
    for _, n in ipairs {2 ^ 31, 2 ^ 32, 2 ^ 53} do
      cases[#cases + 1] = {-n, nil, -100, nil}
      cases[#cases + 1] = {1, n, 1, 100}
      cases[#cases + 1] = {1, -n, 1, -100}
      cases[#cases + 1] = {-n, n, -100, 100}
    end
    for _, case in ipairs(cases) do
      local expected = near:send("abc", case[3] or case[1], case[4] or case[2])
      local sent, err = conn:send("abc", case[1], case[2])
      local what = ("send(%s, %s)"):format(tostring(case[1]),
        tostring(case[2]))
      assert.is_number(sent, what .. tostring(err))
      assert.is_true(expected == sent, ("%s: %s, not %s"):format(what, sent,
        expected))
    end
    -- The same bytes have left.
    near:close()
    far:settimeout(helpers.patience)
    local expected = far:receive "*a"
    assert.equal(expected, pair:receive(#expected))
    conn:send "end"
    assert.equal("end", pair:receive(3))
    for _, n in ipairs(huge) do
      assert.is_number(conn:send("abc", n))  -- nothing
      assert.is_number(conn:send("abc", 1, -n))
      assert.equal(3, conn:send("abc", -n, n))
      assert.equal("abc", pair:receive(3))
    end
    assert.is_number(conn:send("abc", 0 / 0, 0 / 0))
    assert.equal("abc", pair:receive(3))
    for _, value in pairs {{}, print, io.stdout, true} do
      assert.has_error(function() conn:send(value) end)
      assert.has_error(function() conn:write(value) end)
      assert.has_error(function() conn:send("abc", value) end)
      assert.has_error(function() conn:send("abc", 1, value) end)
    end
    assert.has_error(function() conn:send() end)
    assert.has_error(function() conn:write(nil) end)
    far:close()
  end)

  it("for receive and read wait for the impossible or are refused", function()
    local conn = pair.conn
    pair:say "abc"
    for _, n in ipairs(huge) do
      local data, err, partial = pair.conn:receive(n)
      assert.is_nil(data)
      assert.equal("timeout", err)
      assert.equal("abc", partial)
      pair:say "abc"
    end
    for _, pattern in pairs {-1, -1e300, -math.huge, 0 / 0, "x", "*x", "*", "",
        "*n", {}, true, print, io.stdout, "\0", "*\0l"} do
      assert.has_error(function() conn:receive(pattern) end)
    end
    for _, prefix in pairs {{}, true, print} do
      assert.has_error(function() conn:receive(1, prefix) end)
    end
    for _, n in pairs {-1, -1e300, "x", {}, true, print} do
      assert.has_error(function() conn:read(n) end)
    end
    for _, n in pairs {2 ^ 31, 2 ^ 40} do
      assert.equal("abc", conn:read(n))
      pair:say "abc"
    end
    for _, n in pairs {2 ^ 63, 1e300, math.huge, 0 / 0, 0.5} do
      pcall(conn.read, conn, n)  -- raises or reads
      pair:say "abc"
    end
    pair:say "\nend\n"
    repeat local line = pair:hear() until line == "end"
  end)

  it("carry NULs as any other byte", function()
    pair.conn:send("\0a\0\0b\0", 2)
    pair.conn:write "\0\0"
    assert.equal("a\0\0b\0\0\0", pair:receive(7))
    pair:say "\0\0line\0\n\0"
    assert.equal("\0\0line\0", (pair:hear()))
    assert.equal("p\0\0", pair.conn:receive(3, "p\0"))
  end)

  it("for the rest are misuse, and change nothing", function()
    local conn = pair.conn
    local before = {conn:getstats()}
    for _, call in ipairs {{"setstats", 0 / 0}, {"setstats", math.huge},
        {"setstats", "x"}, {"setstats", {}}, {"setstats", 1, -1e300},
        {"shutdown", "\0"}, {"shutdown", 1},
        {"getoption", "\0"}, {"getoption", {}}, {"getoption"},
        {"setoption"}, {"setoption", "keepalive"}, {"settimeout", 1, "\0"},
        {"settimeout", 0 / 0}} do
      assert.has_error(function() conn[call[1]](conn, unpack(call, 2)) end,
        nil, call[1])
    end
    assert.same({before[1], before[2]}, {(conn:getstats()),
      (select(2, conn:getstats()))})
    assert.equal(1, conn:setstats(2 ^ 40, -5, 1e6))
    local received, sent, age = conn:getstats()
    assert.same({2 ^ 40, -5}, {received, sent})
    assert.is_true(age >= 1e6)
    assert.equal(4, conn:send "fine")
    assert.equal("fine", pair:receive(4))
  end)

  it("for SSLObject are misuse, and change nothing", function()
    local peer = pair.peer
    for _, value in pairs {{}, print, true} do
      assert.has_error(function() peer:feed(value) end)
      assert.has_error(function() peer:drain(value) end)
    end
    assert.has_error(function() peer:feed() end)
    for _, n in pairs {0, -1, -1e300, "x"} do
      assert.has_error(function() peer:drain(n) end)
    end
    assert.equal(0, peer:feed "")
    assert.is_nil(peer:drain(2 ^ 31))
    assert.equal(4, peer:send "fine")
    pair:carry_out()
    assert.equal("fine", pair:hear(4))
  end)
end)
