-- What is left half-way: coroutines killed, hooks that raise, objects that are
-- collected and collectors that are harsh, processes that end, fork or have
-- several Lua states.
local audit = require "luassl_audit"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.helpers"
local life = require "spec.life"

-- Before the audit puts its own around it.
local setoption = require "luassl.core".socket.methods.setoption

helpers.audit()

local WAITS = {timeout = true, wantread = true, wantwrite = true}
local LARGE = ("x"):rep(300000)
local CLIENT = {server_hostname = "localhost"}
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
  closed = coroutine.close,  -- Lua 5.4 alone
}

-- Runs `body` until it waits the third time, and kills it.
local function kill(how, body, ...)
  local thread = coroutine.create(body)
  local done, err = coroutine.resume(thread, ...)
  for _ = 1, 2 do
    assert.is_true(done, err)
    assert.is_true(WAITS[err], err)
    done, err = coroutine.resume(thread)
  end
  kills[how](thread)
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

for how in pairs(kills) do
  describe("a coroutine " .. how .. " in", function()
    local one, other

    setup(function() one, other = contexts() end)
    teardown(function() one, other = nil, nil end)

    for _, stage in ipairs(stages) do
      it(stage.name .. " leaves a connection that can be closed", function()
        local subject, client, server = set_stage(stage, one, other)
        local fd = subject:getfd()
        kill(how, stage.body, subject)
        local done, err = subject:close()
        assert.is_true(done == 1 or err.kind == "unsent")
        assert.equal(-1, subject:getfd())
        assert.is_nil(target(fd))
        client:close()
        server:close()
      end)

      it(stage.name .. " leaves a connection that goes on", function()
        local subject, client, server = set_stage(stage, one, other)
        kill(how, stage.body, subject)
        stage.finish(client, server)
        client:close()
        server:close()
      end)

      it(stage.name .. " is collected with its connection", function()
        local before = helpers.snapshot()
        local peer
        do
          local subject, client, server = set_stage(stage, one, other)
          peer = stage.of == "server" and client or server
          kill(how, stage.body, subject)
        end
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
        peer = nil
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
      do
        local client = assert(one:wrap_socket(socket.tcp(), CLIENT))
        client:settimeout(0)
        kill(how, operation("connect", address, port), client)
      end
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

-- Lua 5.4's variables that are closed with their coroutine.
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
