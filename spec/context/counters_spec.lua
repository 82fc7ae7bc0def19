-- context:counters: each handshake once, each byte once, whatever becomes of
-- the connection, and of the context's options.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local NOTHING = {begun = 0, done = 0, resumed = 0, failed = {}, received = 0, sent = 0, alive = 0}

local function with(more)
  local wanted = {}
  for name, value in pairs(NOTHING) do wanted[name] = value end
  for name, value in pairs(more) do wanted[name] = value end
  return wanted
end

describe("context:counters", function()
  local client_context, server_context

  before_each(function()
    client_context = assert(ssl.create_default_context {ca_certs = helpers.file "root.crt", session_cache = true})
    server_context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
  end)

  after_each(function() client_context, server_context = nil, nil end)

  -- Both ends over byte strings.
  local function objects(name, options)
    local client = assert((options and options.context or client_context):wrap_object {
      server_hostname = name or "localhost"})
    return client, assert(server_context:wrap_object())
  end

  local function connected(name)
    local client, server = objects(name)
    return client, server, helpers.handshake(client, server)
  end

  it("are zero at first", function()
    assert.same(NOTHING, client_context:counters())
    local client, server = objects()
    assert.same(NOTHING, client_context:counters())
    client:close()
    server:close()
    assert.same(NOTHING, client_context:counters())
  end)

  it("count handshakes, and bytes while a connection lives and behind its end", function()
    local client, server = connected()
    assert.same(with {begun = 1, done = 1, alive = 1}, client_context:counters())
    client:send "12345"
    helpers.pump(client, server)
    assert.equal("123", server:receive(3))
    server:send "1234567"
    helpers.pump(client, server)
    assert.equal("1234567", client:receive(7))
    local wanted = with {begun = 1, done = 1, alive = 1, sent = 5, received = 7}
    assert.same(wanted, client_context:counters())
    assert.same(with {begun = 1, done = 1, alive = 1, sent = 7, received = 3}, server_context:counters())
    client:close()
    wanted.alive = 0
    assert.same(wanted, client_context:counters())
    client:close()
    client = nil
    assert.is_nil(client)
    helpers.snapshot()
    assert.same(wanted, client_context:counters())
    server = nil
    assert.is_nil(server)
    helpers.snapshot()
    assert.equal(0, server_context:counters().alive)
  end)

  it("know many, in whatever order they end", function()
    local pairs_of = {}
    for i = 1, 5 do pairs_of[i] = {connected()} end
    for alive, i in ipairs {3, 1, 5, 2, 4} do
      pairs_of[i][1]:send "x"
      assert.equal(6 - alive, client_context:counters().alive)
      pairs_of[i][1]:close()
      pairs_of[i][2]:close()
      assert.equal(5 - alive, client_context:counters().alive)
      assert.equal(alive, client_context:counters().sent)
    end
    assert.equal(5, client_context:counters().done)
  end)

  it("count resumptions at both ends", function()
    for i = 1, 2 do
      local client, server = connected()
      server:send "x"
      helpers.pump(client, server)
      client:receive(1)
      assert.equal(i - 1, client_context:counters().resumed)
      assert.equal(i - 1, server_context:counters().resumed)
      client:close()
      server:close()
    end
  end)

  it("count failures by kind, once", function()
    local client, server, done = connected "other.example"
    assert.is_falsy(done)
    for _ = 1, 3 do
      client:do_handshake()
      server:do_handshake()
    end
    assert.same(with {begun = 1, failed = {verification = 1}, alive = 1}, client_context:counters())
    assert.same(with {begun = 1, failed = {alert = 1}, alive = 1}, server_context:counters())
    client:close()
    server:close()
    assert.same(with {begun = 1, failed = {verification = 1}}, client_context:counters())
    local plain = assert(server_context:wrap_object())
    plain:feed "GET / HTTP/1.0\r\n\r\n"
    plain:do_handshake()
    plain:close()
    local cut = assert(server_context:wrap_object())
    cut:feed ""
    cut:feed(nil)
    cut:do_handshake()
    cut:close()
    assert.same({alert = 1, plaintext = 1, eof = 1}, server_context:counters().failed)
  end)

  it("count what a hook refused, and what was closed before its end", function()
    local reason = "nobody"
    server_context:set {on_client_hello = function() return nil, reason end}
    for i = 1, 3 do
      local client, server = objects()
      helpers.handshake(client, server)
      client:close()
      server:close()
      reason = ({{}, io.stdout})[i]
    end
    assert.same(with {begun = 3, failed = {hook = 3}}, server_context:counters())
    local client = objects()
    client:do_handshake()
    assert.equal(1, client_context:counters().alive)
    client:close()
    assert.equal(1, client_context:counters().failed.abandoned)
  end)

  it("tell at most 32 kinds apart", function()
    local kind
    server_context:set {on_client_hello = function() return nil, {kind = kind} end}
    for i = 1, 40 do
      kind = "kind" .. i
      local client, server = objects()
      helpers.handshake(client, server)
      client:close()
      server:close()
    end
    local sum, kinds = 0, 0
    for _, count in pairs(server_context:counters().failed) do
      sum, kinds = sum + count, kinds + 1
    end
    assert.same({40, 32, 9}, {sum, kinds, server_context:counters().failed.other})
  end)

  it("go on when the context is set, and outlive it", function()
    local client, server = connected()
    assert(client_context:set {handshake_timeout = 7})
    client:send "12345"
    assert.same(with {begun = 1, done = 1, alive = 1, sent = 5}, client_context:counters())
    local second, other = connected()
    assert.equal(2, client_context:counters().done)
    second:close()
    other:close()
    client_context = nil
    helpers.snapshot()
    client:send "more"
    client:close()
    server:close()
  end)

  it("stay when setstats is called", function()
    local near, far = helpers.sockets()
    local client = assert(client_context:wrap_socket(near, {server_hostname = "localhost",
      do_handshake_on_connect = false}))
    local server = assert(server_context:wrap_socket(far, {do_handshake_on_connect = false}))
    client:settimeout(0)
    server:settimeout(0)
    local one, two
    repeat one, two = client:do_handshake(), server:do_handshake() until one and two
    client:send "12345"
    client:setstats(100, 200, 0)
    assert.equal(100, (client:getstats()))
    client:send "6"
    assert.same({0, 6}, {client_context:counters().received, client_context:counters().sent})
    client:close()
    server:close()
    assert.same({0, 6}, {client_context:counters().received, client_context:counters().sent})
  end)

  it("are those of the context that it was wrapped with", function()
    local other = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "ecdsa.pem"})
    assert(server_context:set {server_names = {localhost = other}})
    local client, server = connected()
    assert.equal(1, server_context:counters().done)
    assert.same(NOTHING, other:counters())
    client:close()
    server:close()
  end)

  it("count a real peer's handshakes", function()
    local peer = helpers.python_server "echo"
    local conn = assert(ssl.connect("localhost", peer.port, {context = client_context}))
    conn:send "hello\n"
    assert.equal("hello", conn:receive())
    assert.same(with {begun = 1, done = 1, alive = 1, sent = 6, received = 6}, client_context:counters())
    conn:close()
    peer:stop()
  end)
end)
