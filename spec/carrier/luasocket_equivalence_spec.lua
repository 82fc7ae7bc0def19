-- Whatever a LuaSocket tcp object does, an SSLSocket does, and a stream: the
-- same cases run over all, and in each event loop's own spec over its streams.
-- Here they are connected; what comes before that is in
-- luasocket_equivalence_unconnected_spec.lua, where they differ in
-- luasocket_differences_spec.lua.
local socket = require "socket"
local cases = require "spec.support.connected_cases"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"

helpers.audit()

local check_elapsed = kinds.check_elapsed

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

    cases.add(kind, function(name, case)
      it(name, function() case(client, server) end)
    end)

    if not kind.is_stream then
      it("has the options of its socket", function()
        local near, far = helpers.sockets()
        client:setoption("tcp-nodelay", false)  -- on in ours
        kinds.compare_options(near, client)
        near:close()
        far:close()
        client:send "still here\n"
        assert.equal("still here", server:receive())
      end)

      it("works in select, and is dirty, as long as there is data", function()
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
      end)
    end
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
