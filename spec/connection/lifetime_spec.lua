-- What is left half-way: coroutines killed, hooks that raise, objects that are
-- collected and collectors that are harsh, processes that end, fork or have
-- several Lua states.
local audit = require "luassl_audit"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local life = require "spec.support.connection_life"

-- Before the audit puts its own around it.
local setoption = require "luassl.core".socket.methods.setoption

helpers.audit()

local WAITS = {timeout = true, wantread = true, wantwrite = true}
local LARGE = ("x"):rep(300000)
local CLIENT = {server_hostname = "localhost"}
local LAZY = {do_handshake_on_connect = false}
local LAZY_CLIENT = {server_hostname = "localhost",
  do_handshake_on_connect = false}

local function contexts()
  return assert(ssl.create_default_context {ca_certs = helpers.file "root.crt"}),
    assert(ssl.create_default_context {server_side = true,
      certfile = helpers.file "ecdsa.pem"})
end

local function same(before)
  assert.same({}, helpers.growth(before))
end

-- What a descriptor refers to, nil if nothing.
local function target(fd)
  return audit.descriptors()[math.floor(fd)]
end

-- Calls on a stack of its own, so that none of its variables stays behind.
local function apart(call)
  local thread = coroutine.create(call)
  local results = {coroutine.resume(thread)}
  assert(results[1], results[2])
  return (table.unpack or unpack)(results, 2)
end

-- Echoes something both ways.
local function check_usable(client, server)
  life.transfer(client, server, "there\n", "*l", "there")
  life.transfer(server, client, "and back\n", "*l", "and back")
end

local function listening(context)
  local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0))))
  local address, port = listener:getsockname()
  listener:settimeout(0)
  return listener, address, tonumber(port)
end

---------------------------------------------------------------------------

-- Repeats an operation; while it waits, the coroutine does. Raises if told so.
local function persist(object, name, ...)
  while true do
    local result, err = object[name](object, ...)
    if result ~= nil or not WAITS[err] then return result, err end
    if coroutine.yield(err) == "raise" then error("told to raise", 0) end
  end
end

local kills = {
  dropped = function() end,
  ["that raised"] = function(thread)
    local done, err = coroutine.resume(thread, "raise")
    assert.is_false(done)
    assert.equal("told to raise", err)
  end,
  closed = coroutine.close,  -- Lua 5.4 and later
}

-- Runs `body` until it waits the third time, and kills it. False: it came to
-- its end before.
local function try_to_kill(how, body, ...)
  local thread = coroutine.create(body)
  local done, err = coroutine.resume(thread, ...)
  for _ = 1, 2 do
    assert.is_true(done, err)
    if coroutine.status(thread) == "dead" then return false end
    assert.is_true(WAITS[err], err)
    done, err = coroutine.resume(thread)
  end
  assert.is_true(done, err)
  if coroutine.status(thread) == "dead" then return false end
  kills[how](thread)
  return true
end

local function kill(...)
  assert.is_true(try_to_kill(...))
end

local function operation(name, ...)
  local arguments = {...}
  return function(object)
    return persist(object, name, (table.unpack or unpack)(arguments))
  end
end

-- Each: what comes before, where the coroutine is killed, and how the
-- connection goes on.
local function finish_handshake(client, server)
  assert(life.handshake(client, server))
  check_usable(client, server)
end

local function finish_line(client, server)
  life.transfer(server, client, "tial\n", "*l", "tial")
  check_usable(client, server)
end

local function finish_sending(client, server)
  local _, sent = client:getstats()
  assert.is_true(sent > 0)
  local expected = ("x"):rep(sent)
  local got = life.together(client, server, {
    function() return client:send "" end,
    (function()
      local data = ""
      return function()
        local all, err
        all, err, data = server:receive(sent, data)
        return all, err
      end
    end)()})[2][1]
  assert.is_true(got == expected)
  check_usable(client, server)
end

local stages = {
  {name = "a client's handshake", body = operation "do_handshake",
    finish = finish_handshake},
  {name = "a server's handshake", of = "server",
    before = function(client) client:do_handshake() end,
    body = operation "do_handshake", finish = finish_handshake},
  {name = "a receive that begins with the handshake",
    body = operation("receive", "*l"), finish = finish_handshake},
  {name = "a send that begins with the handshake",
    body = operation("send", "x"), finish = finish_handshake},
  {name = "receive", established = true,
    before = function(_, server) server:send "par" end,
    body = operation "receive", finish = finish_line},
  {name = "read", established = true, body = operation "read",
    finish = check_usable},
  {name = "send", established = true, finish = finish_sending,
    body = function(conn)
      while conn:send(LARGE) do end
      persist(conn, "send", "x")
    end},
  {name = "write", established = true, finish = finish_sending,
    body = function(conn)
      while conn:send(LARGE) do end
      persist(conn, "write", "x")
    end},
  {name = "shutdown", established = true,
    body = function(conn)
      while conn:send(LARGE) do end
      persist(conn, "shutdown", "send")
    end,
    finish = function(client, server)
      local all
      repeat
        client:shutdown "send"
        local _, err = server:receive(8192)
        all = err == "closed"
      until all or err and not WAITS[err]
      assert.is_true(all)
    end},
  {name = "unwrap", established = true, body = operation "unwrap",
    said_goodbye = true,
    finish = function(client, server)
      local results = life.together(client, server, {
        function() return client:unwrap() end,
        function() return server:unwrap() end})
      for i = 1, 2 do assert(results[i][1]):close() end
    end},
}

-- A pair in the state in which the stage begins: the one that the stage is of,
-- then client and server.
local function set_stage(stage, one, other)
  local client, server = life.pair("socket", one, other)
  if stage.established then assert(life.handshake(client, server)) end
  if stage.before then stage.before(client, server) end
  life.carry(client, server)
  return stage.of == "server" and server or client, client, server
end

-- The same, its body killed. On a loaded machine the kernel may find room that
-- it did not have, for the last bytes of what waits: such a pair is closed.
local function killed(how, stage, one, other)
  for _ = 1, 5 do
    local subject, client, server = set_stage(stage, one, other)
    if try_to_kill(how, stage.body, subject) then return subject, client, server end
    client:close()
    server:close()
  end
  error(stage.name .. " does not wait")
end

for how in pairs(kills) do
  describe("a coroutine " .. how .. " in", function()
    local one, other

    setup(function() one, other = contexts() end)
    teardown(function() one, other = nil, nil end)

    for _, stage in ipairs(stages) do
      it(stage.name .. " leaves a connection that can be closed", function()
        local subject, client, server = killed(how, stage, one, other)
        local fd = subject:getfd()
        local done, err = subject:close()
        assert.is_true(done == 1 or err.kind == "unsent")
        assert.equal(-1, subject:getfd())
        assert.is_nil(target(fd))
        client:close()
        server:close()
      end)

      it(stage.name .. " leaves a connection that goes on", function()
        local _, client, server = killed(how, stage, one, other)
        stage.finish(client, server)
        client:close()
        server:close()
      end)

      it(stage.name .. " is collected with its connection", function()
        local before = helpers.snapshot()
        local peer = apart(function()
          local _, client, server = killed(how, stage, one, other)
          return stage.of == "server" and client or server
        end)
        for _ = 1, 2 do collectgarbage() end
        peer:settimeout(helpers.patience)
        local data, err
        repeat data, err = peer:receive(65536) until not data
        if stage.said_goodbye then
          assert.equal("closed", err)
        else  -- the transport ends, TLS does not
          assert.is_true(err.kind == "eof" or err.kind == "syscall")
        end
        peer:close()
        peer = nil  -- luacheck: ignore
        same(before)
      end)
    end

    it("accept leaves a listener that goes on", function()
      local listener, address, port = listening(other)
      kill(how, operation "accept", listener)
      local client = assert(one:wrap_socket(assert(
        socket.connect(address, port)), LAZY_CLIENT))
      local server = assert(listener:accept())
      server:settimeout(0)
      client:settimeout(0)
      assert(life.handshake(client, server))
      check_usable(client, server)
      for _, side in ipairs {client, server, listener} do
        assert.equal(1, side:close())
      end
    end)

    it("accept's handshake is collected with its client", function()
      local listener, address, port = listening(other)
      local client = assert(socket.connect(address, port))
      local before = helpers.snapshot()
      kill(how, function()
        local server = assert(persist(listener, "accept"))
        server:settimeout(0)
        persist(server, "do_handshake")
      end)
      same(before)
      client:settimeout(helpers.patience)
      assert.same({nil, "closed", ""}, {client:receive "*a"})
      client:close()
      kill(how, operation "accept", listener)
      local fd = listener:getfd()
      assert.equal(1, listener:close())
      assert.is_nil(target(fd))
    end)

    -- While TCP connects: a listener whose queue is full does not answer.
    it("connect before TLS leaves a socket that can be closed", function()
      local full = assert(socket.tcp())
      assert(full:bind("127.0.0.1", 0))
      assert(full:listen(0))
      local address, port = full:getsockname()
      local before = helpers.snapshot()
      local fillers = {}
      for i = 1, 3 do
        fillers[i] = assert(socket.tcp())
        fillers[i]:settimeout(0)
        fillers[i]:connect(address, port)
      end
      local conn = assert(one:wrap_socket(socket.tcp(), CLIENT))
      conn:settimeout(0)
      kill(how, operation("connect", address, port), conn)
      assert.same({false, true}, {conn:want()})
      assert.equal(1, conn:close())
      conn = assert(one:wrap_socket(socket.tcp(), CLIENT))
      conn:settimeout(0)
      kill(how, operation("connect", address, port), conn)
      for i = 1, 3 do fillers[i]:close() end
      conn, fillers = nil, nil  -- luacheck: ignore
      same(before)
      full:close()
    end)

    it("connect's handshake leaves a connection that goes on", function()
      local listener, address, port = listening(other)
      local client = assert(one:wrap_socket(socket.tcp(), CLIENT))
      client:settimeout(0)
      kill(how, operation("connect", address, port), client)
      local server = assert(listener:accept())
      server:settimeout(0)
      local results = life.together(client, server, {
        function() return client:connect(address, port) end,
        function() return server:do_handshake() end})
      assert.same({{1}, {true}}, results)
      check_usable(client, server)
      for _, side in ipairs {client, server, listener} do side:close() end
    end)

    it("connect's handshake is collected with its connection", function()
      local listener, address, port = listening(other)
      local before = helpers.snapshot()
      apart(function()
        local client = assert(one:wrap_socket(socket.tcp(), CLIENT))
        client:settimeout(0)
        kill(how, operation("connect", address, port), client)
      end)
      same(before)
      local server = assert(listener:accept())
      server:settimeout(helpers.patience)
      local done, err = server:do_handshake()
      assert.is_nil(done)
      assert.equal("eof", err.kind)
      server:close()
      listener:close()
    end)
  end)
end

-- Variables that are closed with their coroutine, since Lua 5.4.
if coroutine.close then
  describe("a variable closed with its coroutine", function()
    local body = assert(load [[
      local conn <close>, operation, argument = ...
      while true do
        local result, err = conn[operation](conn, argument)
        assert(not result)
        coroutine.yield(err)
      end
    ]])

    it("says close_notify when TLS is on", function()
      local one, other = contexts()
      for _, operation_name in ipairs {"receive", "read", "unwrap"} do
        local client, server = life.pair("socket", one, other)
        assert(life.handshake(client, server))
        local fd = client:getfd()
        kill("closed", body, client, operation_name)
        assert.equal(-1, client:getfd())
        assert.is_nil(target(fd))
        server:settimeout(helpers.patience)
        assert.same({nil, "closed", ""}, {server:receive()})
        server:close()
      end
    end)

    it("closes what has not come so far", function()
      local one, other = contexts()
      local client, server = life.pair("socket", one, other)
      kill("closed", body, client, "do_handshake")
      server:settimeout(helpers.patience)
      local done, err = server:do_handshake()
      assert.is_nil(done)
      assert.equal("eof", err.kind)
      server:close()
      local listener = listening(other)
      kill("closed", body, listener, "accept")
      assert.equal(-1, listener:getfd())
      local object = assert(one:wrap_object(CLIENT))
      kill("closed", body, object, "do_handshake")
      assert.same({nil, "closed"}, {object:do_handshake()})
    end)
  end)
end

---------------------------------------------------------------------------

-- Calls with a hook that raises at its n-th event; whether it came so far.
local function interrupted(n, mask, call)
  local seen = 0
  local function hook()
    seen = seen + 1
    if seen < n then return end
    debug.sethook()
    error("interrupted", 0)
  end
  local done, err = pcall(function()
    debug.sethook(hook, mask, mask == "" and 1 or 0)
    call()
    debug.sethook()
  end)
  assert.is_true(done or err == "interrupted", err)
  return not done
end

local BATCH = 50  -- calls between two collections

-- Interrupts what `prepare` gives at each event in turn. The caller closes
-- what it holds, others get the numbers; then the collector comes.
local function sweep(mask, prepare, check)
  local path = helpers.temp_file "innocent"
  local before = helpers.snapshot()
  local n, raised = 0, true
  while raised do
    local innocents = {}
    for _ = 1, BATCH do
      n = n + 1
      local call, held = prepare()
      raised = interrupted(n, mask, call)
      if check then check((table.unpack or unpack)(held)) end
      for i = #held, 1, -1 do held[i]:close() end
      for _ = 1, 3 do innocents[#innocents + 1] = assert(io.open(path)) end
      if not raised then break end
    end
    for _ = 1, 2 do collectgarbage() end
    local left = 0
    for _, what in pairs(audit.descriptors()) do
      if what == path then left = left + 1 end
    end
    assert.equal(#innocents, left)
    for _, file in ipairs(innocents) do file:close() end
  end
  same(before)
  assert.is_true(n > 10)
end

local function find_upvalue(call, name)
  for i = 1, math.huge do
    local found, value = debug.getupvalue(call, i)
    if found == name or not found then return value end
  end
end

-- Two connected unix sockets.
local function unix_sockets()
  local unix = require "socket.unix"
  local path = helpers.temp_name()
  local listener = assert(unix.stream())
  assert(listener:bind(path))
  assert(listener:listen())
  local near = assert(unix.stream())
  assert(near:connect(path))
  local far = assert(listener:accept())
  listener:close()
  near:settimeout(0)
  far:settimeout(0)
  return near, far
end

-- The connections that nobody has accepted yet, as something to close.
local function queue(listener)
  return {close = function()
    local conn = listener:accept()
    while conn do
      conn:close()
      conn = listener:accept()
    end
  end}
end

for mask, what in pairs {[""] = "an instruction", cr = "a call or return"} do
  describe("a hook that raises at " .. what .. " in", function()
    local one, other, listener, address, port

    setup(function()
      if jit then jit.off() end  -- compiled code has no hooks
      one, other = contexts()
      listener, address, port = listening(other)
    end)

    teardown(function()
      if jit then jit.on() end
      listener:close()
      one, other, listener = nil, nil, nil
    end)

    it("wrap_socket leaves each descriptor one owner", function()
      sweep(mask, function()
        local near, far = life.sockets()
        return function() return one:wrap_socket(near, CLIENT) end, {near, far}
      end)
      sweep(mask, function()
        local near, far = life.sockets()
        return function() return ssl.wrap_socket(near) end, {near, far}
      end)
    end)

    it("wrap_socket with bytes read before leaves each one owner", function()
      sweep(mask, function()
        local near, far = life.sockets()
        near:send "a line\nmore"
        far:settimeout(helpers.patience)
        assert.equal("a line", far:receive())
        far:settimeout(0)
        return function() return other:wrap_socket(far) end, {near, far}
      end)
    end)

    it("wrap_socket of unix sockets leaves each one owner", function()
      sweep(mask, function()
        local near, far = unix_sockets()
        return function() return one:wrap_socket(near, LAZY_CLIENT) end,
          {near, far}
      end)
    end)

    it("connect leaves each descriptor one owner", function()
      sweep(mask, function()
        local conn = assert(one:wrap_socket(socket.tcp(), LAZY_CLIENT))
        return function() return conn:connect(address, port) end,
          {conn, queue(listener)}
      end, function(conn)
        -- It goes on where it was.
        local done, err = conn:connect(address, port)
        assert.is_true(done == 1 or err == "already connected", err)
      end)
    end)

    it("ssl.connect leaves each descriptor one owner", function()
      sweep(mask, function()
        return function()
          return assert(ssl.connect(address, port, {context = one,
            server_hostname = "localhost", do_handshake_on_connect = false}))
        end, {queue(listener)}
      end)
    end)

    it("accept leaves each descriptor one owner", function()
      local lazy = assert(other:wrap_socket(assert(
        socket.bind("127.0.0.1", 0)), LAZY))
      lazy:settimeout(0)
      local lazy_address, lazy_port = lazy:getsockname()
      sweep(mask, function()
        local client = assert(socket.connect(lazy_address, lazy_port))
        return function() return assert(lazy:accept()) end,
          {client, queue(lazy)}
      end)
      lazy:close()
    end)

    it("setoption and getoption leave it with the connection", function()
      local with_object = assert(find_upvalue(setoption, "with_object"))
      for _, operation_name in ipairs {"setoption", "getoption"} do
        sweep(mask, function()
          local near, far = life.sockets()
          local conn = assert(one:wrap_socket(near, CLIENT))
          return function() conn[operation_name](conn, "keepalive", true) end,
            {conn, far}
        end, function(conn)
          local shell = find_upvalue(with_object, "shell")
          assert.is_true(shell == nil or shell:getfd() == -1)
          assert.is_true(conn:getfd() >= 0)
          assert.equal(1, conn:setoption("tcp-nodelay", true))
        end)
      end
    end)

    it("unwrap leaves each descriptor one owner", function()
      sweep(mask, function()
        local client, server = life.pair("socket", one, other)
        assert(life.handshake(client, server))
        server:unwrap()
        life.carry(client, server)
        return function() return assert(client:unwrap()) end, {client, server}
      end)
    end)

    it("close leaves each descriptor one owner", function()
      sweep(mask, function()
        local near, far = life.sockets()
        local conn = assert(one:wrap_socket(near, CLIENT))
        return function() conn:close() end, {conn, far}
      end)
    end)

    it("receive leaves the next operation its own deadline", function()
      sweep(mask, function()
        local client, server = life.pair("socket", one, other)
        client:do_handshake()
        life.carry(client, server)
        server:do_handshake()
        life.carry(client, server)
        return function() return client:receive() end, {client, server}
      end, function(client)
        client:settimeout(0.004)
        local began = socket.gettime()
        assert.same({nil, "timeout", ""}, {client:receive()})
        assert.is_true(socket.gettime() - began >= 0.003)
      end)
    end)
  end)
end

---------------------------------------------------------------------------

describe("a connection that nobody holds any more", function()
  local one, other

  setup(function() one, other = contexts() end)
  teardown(function() one, other = nil, nil end)

  for _, side in ipairs {"client", "server"} do
    it("ends with its descriptor while the " .. side .. " waits", function()
      local before = helpers.snapshot()
      local waiting = apart(function()
        local client, server = life.pair("socket", one, other)
        client:do_handshake()
        life.carry(client, server)
        server:do_handshake()
        return side == "client" and client or server
      end)
      for _ = 1, 2 do collectgarbage() end
      waiting:settimeout(helpers.patience)
      -- A server's whole flight is there: its client gets to the end of it.
      local done, err = waiting:do_handshake()
      if done then done, err = waiting:receive() end
      assert.is_nil(done)
      assert.is_true(err.kind == "eof" or err.kind == "syscall")
      waiting:close()
      waiting = nil  -- luacheck: ignore
      same(before)
    end)
  end

  it("ends with its memory in each state of an object", function()
    local before = helpers.snapshot()
    apart(function()
      for steps = 0, 4 do
        local client, server = life.pair("object", one, other)
        for _ = 1, steps do
          client:do_handshake()
          life.carry(client, server)
          server:do_handshake()
        end
      end
    end)
    same(before)
  end)

  it("ends with its descriptor in every state", function()
    local before = helpers.snapshot()
    apart(function()
      local states = life.states()
      assert.is_true(#helpers.growth(before) > 0)
      assert.is_true(#states > 30)
    end)
    same(before)
  end)
end)

---------------------------------------------------------------------------

-- Runs Lua code in processes of their own, one for each line of arguments, at
-- the same time, and checks how they end and what they print.
local function run(code, lines, status, output)
  local children = {}
  for i, arguments in ipairs(lines) do
    children[i] = helpers.lua(code, (table.unpack or unpack)(arguments))
  end
  for i, child in ipairs(children) do
    local what = table.concat(lines[i], " ")
    local ended = child:wait(helpers.patience * 2)
    assert.equal(output or "", child:output(), what)
    assert.equal(status or 0, ended, what)
  end
end

-- A finalizer that uses the connection whose method has just allocated: it
-- must not pull the memory away from under it.
local FINALIZER = [[
local life = require "spec.support.connection_life"
local socket = require "socket"
local inner_name = ...
local LINE = ("x"):rep(3000) .. "\r" .. ("y"):rep(3000)
local PREFIX = ("p"):rep(30000)

local function finalizer(call)
  if not newproxy then return setmetatable({}, {__gc = call}) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = call
end

-- What the peer sends, what is done then, and what comes of it.
local operations = {
  line = {LINE .. "\r\n", function(c) return c:receive "*l" end,
    (LINE:gsub("\r", ""))},
  count = {LINE, function(c) return c:receive(#LINE) end, LINE},
  few = {"0123456789", function(c) return c:receive(10) end, "0123456789"},
  all = {LINE, function(c) return select(3, c:receive "*a") end, LINE},
  prefix = {LINE, function(c)
    return select(3, c:receive(40000, PREFIX))
  end, PREFIX .. LINE},
  read = {LINE, function(c) return c:read(10000) end, LINE},
  table = {"", function(c)
    return c:getpeercert().subjectAltName[1][2]
  end, "localhost"},
  der = {"", function(c) return c:getpeercert(true) end},
  pem = {"", function(c) return c:peer_certificate():pem() end},
  protocol = {"", function(c) return c:selected_alpn_protocol() end,
    "http/1.1"},
  name = {"", function(_, s) return s:server_hostname() end, "localhost"},
  drain = {"", function(c)
    c:send(LINE)
    local bytes = c:drain()
    return bytes and tostring(#bytes)
  end},
}

local inner = {
  close = function(c, s) c:close() s:close() end,
  receive = function(c, s) c:receive(1) c:read(5) s:getpeercert() end,
  use = function(c, s)
    s:send(LINE:rep(3))
    life.carry(c, s)
    c:send(LINE)
    c:receive(7000)
    c:drain()
  end,
  collect = function() collectgarbage() end,
}

-- These may come before the method has begun, which then gets what is left.
local takes = {receive = true, use = true}

local one, other = life.contexts()
for name, operation in pairs(operations) do
  local input, call, expected = operation[1], operation[2], operation[3]
  for _ = 1, 5 do
    local client, server = life.pair("object", one, other)
    assert(life.handshake(client, server))
    expected = expected or call(client, server)
    local inside, came
    collectgarbage()
    collectgarbage "stop"
    finalizer(function()
      came = true
      if inside then inner[inner_name](client, server) end
    end)
    require "spec.support.collector".set(1, 1000)
    collectgarbage "restart"
    local done, got
    for _ = 1, 2000 do
      server:send(input)
      life.carry(client, server)
      local debt = not came and socket.tcp()  -- 8 KiB for the collector
      inside = not came
      done, got = pcall(call, client, server)
      inside = false
      if came then break end
      assert(done and got == expected, name)
    end
    -- Lua 5.4 and 5.5 run no collector where nothing new is made.
    assert(came or name == "protocol" or name == "name", name)
    -- What another took away is gone, what is there is right.
    if not done then
      assert(tostring(got):find "in the middle of its own" or
        tostring(got):find "attempt to index a nil value", got)
    elseif got ~= nil and input ~= "" and takes[inner_name] then
      assert(not got:find "[^pxy\r\n0-9]", name .. ": foreign bytes")
    elseif got ~= nil and name ~= "drain" then
      assert(expected:sub(1, #got) == got, name .. ": other bytes")
    end
    client:close()
    assert(select(2, client:receive()) == "closed")
  end
end
]]

describe("a finalizer in the middle of a method", function()
  it("cannot free what the method reads", function()
    run(FINALIZER, {{"close"}, {"receive"}, {"use"}, {"collect"}})
  end)
end)

local HARSH = [[
local life = require "spec.support.connection_life"
local how, kind = ...
local ways = {
  instructions = function()
    debug.sethook(function() collectgarbage() end, "", 40)
  end,
  calls = function()
    local n = 0
    debug.sethook(function()
      n = n + 1
      if n % 25 == 0 then collectgarbage() end
    end, "cr")
  end,
  pauseless = function()
    require "spec.support.collector".set(0, 1000000)
  end,
  steps = function()
    debug.sethook(function() collectgarbage("step", 1) end, "", 3)
  end,
  generational = function()
    collectgarbage "generational"
    debug.sethook(function() collectgarbage("step", 0) end, "", 20)
  end,
  minor = function() collectgarbage("generational", 1, 1) end,
}
if warn then warn "@on" end
ways[how]()
life.whole(kind)
local states = life.states()
debug.sethook()
]]

describe("a harsh collector", function()
  local ways = {"instructions", "calls", "pauseless", "steps"}
  if coroutine.close then  -- Lua 5.4 and later
    ways[#ways + 1], ways[#ways + 2] = "generational", "minor"
  end

  for _, kind in ipairs {"socket", "object"} do
    it("takes nothing from a life over " .. kind, function()
      local lines = {}
      for i, way in ipairs(ways) do lines[i] = {way, kind} end
      run(HARSH, lines)
    end)
  end
end)

---------------------------------------------------------------------------

local EXIT = [[
local life = require "spec.support.connection_life"
local ssl = require "luassl"
if warn then warn "@on" end
local how = ...
states = life.states()
local ways = {
  ["at the end"] = function() end,
  ["os.exit"] = function() os.exit(0) end,
  ["os.exit, closing"] = function() os.exit(0, true) end,
  ["in a coroutine"] = function()
    coroutine.wrap(function()
      local client, server = life.pair("socket", life.contexts())
      assert(life.handshake(client, server))
      os.exit(0, true)
    end)()
  end,
  ["in a password function"] = function()
    ssl.SSLContext {server_side = true,
      certfile = os.getenv "LUASSL_PKI" .. "/rsa.crt",
      keyfile = os.getenv "LUASSL_PKI" .. "/rsa-traditional.key",
      password = function() os.exit(0, true) end}
    error "it came back"
  end,
  ["in a hook"] = function()
    debug.sethook(function() os.exit(0, true) end, "c")
    life.whole "socket"
    error "it came back"
  end,
  ["in a finalizer"] = function()
    local function finish() os.exit(0, true) end
    if newproxy then getmetatable(newproxy(true)).__gc = finish
    else setmetatable({}, {__gc = finish}) end
    for _ = 1, 1000 do life.whole "object" end
    error "it came back"
  end,
  ["by an error"] = function() error "on purpose" end,
  ["by an error object"] = function() error((select(2,
    states[1]:wrap_object {server_hostname = ""}))) end,
}
if how:find "after" then states, how = nil, how:gsub(" after.*", "") end
ways[how]()
]]

describe("a process that ends", function()
  it("takes objects in every state with it", function()
    run(EXIT, {{"at the end"}, {"os.exit"}, {"os.exit, closing"},
      {"in a coroutine"}, {"in a password function"}, {"in a hook"},
      {"in a finalizer"}, {"at the end after all is gone"},
      {"os.exit, closing after all is gone"}})
  end)

  it("by an uncaught error says that alone", function()
    for _, how in ipairs {"by an error", "by an error object"} do
      local child = helpers.lua(EXIT, how)
      assert.equal(1, child:wait())
      local first, rest = child:output():match "^([^\n]*)\n?(.*)$"
      if how == "by an error" then assert.matches("on purpose$", first) end
      assert.is_not.matches("__gc", first)
      for line in rest:gmatch "[^\n]+" do
        assert.is_truthy(line:find "^stack traceback:" or line:find "^\t", line)
      end
    end
  end)
end)

---------------------------------------------------------------------------

local FORK = [[
local socket = require "socket"
local posix = require "luassl_posix"
local process = require "luassl_process"
local life = require "spec.support.connection_life"
local ssl = require "luassl"
local way = ...

-- Runs `body` in a child: its pid. The child ends with it.
local function child(body)
  local pid = posix.fork()
  if pid ~= 0 then return pid end
  local done, err = xpcall(body, debug.traceback)
  if not done then io.stderr:write(tostring(err), "\n") end
  posix.leave(done and 0 or 1)
end

local function ended(pid)
  assert(process.wait(pid, 20) == 0, "the child failed")
end

local ways = {}

function ways.contexts()
  local one, other = life.contexts()
  local listener = assert(other:wrap_socket(assert(
    socket.bind("127.0.0.1", 0))))
  listener:settimeout(20)
  local address, port = listener:getsockname()
  local pid = child(function()
    life.whole("socket", one, other)
    local conn = assert(one:wrap_socket(socket.tcp(),
      {server_hostname = "localhost"}))
    conn:settimeout(20)
    assert(conn:connect(address, port))
    assert(conn:send "from the child\n")
    assert(conn:receive() == "from the parent")
    assert(conn:close())
    life.whole("object", one, other)
  end)
  life.whole("object", one, other)
  local conn = assert(listener:accept())
  conn:settimeout(20)
  assert(conn:receive() == "from the child")
  assert(conn:send "from the parent\n")
  assert(select(2, conn:receive()) == "closed")
  life.whole("socket", one, other)
  ended(pid)
end

function ways.trust()  -- the system's, shared by the process
  local one = assert(ssl.create_default_context())
  local _, other = life.contexts()
  local function use()
    local client, server = life.pair("object", one, other)
    assert(life.handshake(client, server))
    client, server = life.pair("object",
      assert(ssl.create_default_context()), other)
    assert(life.handshake(client, server))
  end
  local early = child(use)
  use()
  local late = child(use)
  use()
  ended(early)
  ended(late)
end

function ways.random()
  local function hex(bytes)
    return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
  end
  ssl.RAND_bytes(16)
  local path = os.tmpname()
  local pid = child(function()
    local file = assert(io.open(path, "w"))
    file:write(hex(ssl.RAND_bytes(32)))
    file:close()
  end)
  ended(pid)
  local file = assert(io.open(path))
  local theirs = file:read "*a"
  file:close()
  os.remove(path)
  assert(#theirs == 64 and theirs ~= hex(ssl.RAND_bytes(32)))
end

-- A child that ends or collects what it has inherited tells the peer nothing.
local function inherited(finish)
  local client, server = life.pair("socket", life.contexts())
  assert(life.handshake(client, server))
  local middle, far = life.pair("socket", life.contexts())
  middle:do_handshake()
  local listener = assert(select(2, life.contexts()):wrap_socket(
    assert(socket.bind("127.0.0.1", 0))))
  local pid = posix.fork()
  if pid == 0 then
    states = {client, server, middle, far, listener}
    client, server, middle, far, listener = nil, nil, nil, nil, nil
    return finish()
  end
  ended(pid)
  for _, side in ipairs {client, server} do
    local data, err = side:receive()
    assert(data == nil and err == "timeout", err)
  end
  life.transfer(client, server, "still\n", "*l", "still")
  life.transfer(server, client, "here\n", "*l", "here")
  assert(life.handshake(middle, far))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  local conn = assert(socket.connect("127.0.0.1", port))
  assert(listener:accept())
  conn:close()
  assert(client:close())
  assert(select(2, server:receive()) == "closed")
end

function ways.collected()
  inherited(function()
    states = nil
    collectgarbage()
    collectgarbage()
    posix.leave(0)
  end)
end

function ways.ended()  -- the child's state is closed, with them alive
  inherited(function() end)
end

function ways.exited()
  inherited(function() os.exit(0) end)
end

ways[way]()
]]

describe("a process that forks", function()
  it("shares its contexts and nothing else", function()
    run(FORK, {{"contexts"}, {"trust"}, {"random"}})
  end)

  it("keeps its connections to itself", function()
    run(FORK, {{"collected"}, {"ended"}, {"exited"}})
  end)
end)

---------------------------------------------------------------------------

local SIGPIPE = [[
local socket = require "socket"
local ssl = require "luassl"
local posix = require "luassl_posix"
local life = require "spec.support.connection_life"
posix.default_sigpipe()

-- Ends the connection under a socket with a reset.
local function reset(sock)
  sock:setoption("linger", {on = true, timeout = 0})
  sock:close()
end

local function reset_tls(conn)
  local sock = socket.tcp()
  sock:setfd(conn:getfd())
  sock:setoption("linger", {on = true, timeout = 0})
  sock:setfd(-1)
end

local one, other = life.contexts()
-- A client whose peer is gone, with a reset or without.
local function abandoned(is_reset, established)
  local client, server = life.pair("socket", one, other)
  if established then assert(life.handshake(client, server)) end
  if is_reset then reset_tls(server) end
  server = nil
  collectgarbage()
  collectgarbage()
  return client
end

if ... == "LuaSocket" then
  local near, far = life.sockets()
  reset(far)
  for _ = 1, 3 do near:send "x" end
  error "it survived"
end

local calls = {
  send = {true, "x"}, write = {true, "x"}, shutdown = {true, "send"},
  unwrap = {true}, close = {true}, do_handshake = {false},
  receive = {false, "*l"}, read = {false, 10},
}
for name, call in pairs(calls) do
  for _, is_reset in ipairs {true, false} do
    for _, more in ipairs {"", ("x"):rep(100000)} do
      local client = abandoned(is_reset, call[1])
      if call[1] then
        for _ = 1, 3 do client:send(more) end
      end
      local last, err
      for _ = 1, 3 do last, err = client[name](client, call[2]) end
      if name ~= "close" and name ~= "shutdown" then
        assert(last == nil, name)
        assert(err == "closed" or err:is(ssl.SSLError), err)
      end
      client:close()
    end
  end
end
]]

describe("SIGPIPE with its default disposition", function()
  it("ends whom LuaSocket alone writes for", function()
    run(SIGPIPE, {{"LuaSocket"}}, 128 + 13)
  end)

  it("never comes of a write to a peer that is gone", function()
    run(SIGPIPE, {{"LuaSSL"}})
  end)
end)

---------------------------------------------------------------------------

-- Runs a script in the host of several states: what it prints.
local function host(mode, script)
  local child = helpers.spawn({os.getenv "LUASSL_BUILD" .. "/states", mode,
    helpers.temp_file(script)})
  assert.equal(0, child:wait(helpers.patience * 3), child:output())
  return child:output()
end

local TURNS = [[
local number = ...
local life = require "spec.support.connection_life"
local one, other = life.contexts()
local client, server = life.pair("socket", one, other)
local turns = {
  {
    function()
      assert(life.handshake(client, server))
      states = life.states()
    end,
    function() assert(client:setoption("keepalive", true)) end,
  }, {
    function() client:do_handshake() end,
    function() server:do_handshake() end,  -- the first state is closed now
    function() assert(life.handshake(client, server)) end,
    function() assert(client:setoption("keepalive", true)) end,
    function() states = life.states() end,
    function() life.whole "socket" end,
  }
}
function step(turn)
  turns[number][turn]()
  if client:version() then
    life.transfer(client, server, "there\n", "*l", "there")
    life.transfer(server, client, "and back\n", "*l", "and back")
  end
  return turns[number][turn + 1] and 1 or 0
end
]]

local THREADS = [[
local number = ...
local socket = require "socket"
local ssl = require "luassl"

local function file(name) return os.getenv "LUASSL_PKI" .. "/" .. name end

local function server_context()
  return assert(ssl.create_default_context {server_side = true,
    certfile = file "ecdsa.pem", cert_reqs = ssl.CERT_REQUIRED,
    system_trust = true})
end

local listener

function listen()
  listener = assert(server_context():wrap_socket(assert(
    socket.bind("127.0.0.1", 0))))
  listener:settimeout(20)
  local _, port = listener:getsockname()
  return tonumber(port)
end

local function serve()
  local conn = assert(listener:accept())
  conn:settimeout(20)
  assert(conn:receive() == "hello")
  assert(conn:getpeercert().subject)
  assert(conn:send "bye\n")
  assert(select(2, conn:receive()) == "closed")
  assert(conn:close())
end

local function visit(port)
  local conn = assert(ssl.connect("127.0.0.1", port,
    {server_hostname = "localhost", certfile = file "client.pem"}))
  conn:settimeout(20)
  assert(conn:send "hello\n")
  assert(conn:receive() == "bye")
  assert(conn:close())
end

function talk(port)
  for round = 1, 40 do
    server_context()
    ssl.RAND_bytes(16)
    if (round + number) % 2 == 0 then serve() else visit(port) end
    assert(not ssl.SSLContext {certfile = file "text.pem"})
  end
end
]]

local AGAIN = [[
local life = require "spec.support.connection_life"

function live(number)
  life.whole(number % 2 == 0 and "object" or "socket")
  if number % 10 == 0 then states = life.states() end
end

function path_of(name)
  for template in package.cpath:gmatch "[^;]+" do
    local path = template:gsub("%?", name)
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end
]]

describe("a host of several states", function()
  it("closes one in the middle of another's handshake", function()
    assert.equal("done\n", host("turns", TURNS))
  end)

  it("runs them in threads that share the system's trust", function()
    assert.equal("done\n", host("threads", THREADS))
  end)

  it("loads and unloads the module a hundred times", function()
    local output = host("again", AGAIN)
    assert.matches("descriptors 0\n", output)
    -- Each census took one of each itself.
    assert.matches("indexes 1 1 1 1 1\n", output)
    assert.is_true(tonumber(output:match "bytes (%-?%d+)") < 65536, output)
    -- It stays when Lua unloads it; LuaSocket went.
    assert.matches("loaded 1 0\n", output)
  end)
end)
