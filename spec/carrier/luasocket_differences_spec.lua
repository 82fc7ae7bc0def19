-- Where an SSLSocket is not as LuaSocket's tcp object, on purpose: each
-- difference under the name that doc/luasocket.md gives it, shown on both.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local kinds = require "spec.support.socket_kinds"
local wire = require "spec.support.wire"

helpers.audit()

-- A failure in one word; conditions as they are.
local function word(err)
  return type(err) == "table" and err:is(ssl.SSLError) and err.kind or err
end

-- What a method does: "raises", or what it answers, its failure as a word.
local function try(object, name, ...)
  local done, result, err = pcall(object[name], object, ...)
  if not done then return "raises" end
  if result == nil then return word(err) end
  return result
end

-- Probes of a pair, and of an object that is not connected.
local function on_pair(probe)
  return function(kind)
    local client, server = kind.pair()
    local answers = {probe(client, server)}
    client:close()
    server:close()
    return answers
  end
end

local function on_client(probe)
  return function(kind)
    local conn = kind.client(socket.tcp())
    local answers = {probe(conn, kind)}
    conn:close()
    return answers
  end
end

local function wait_for(conn)
  assert(socket.select({conn}, nil, helpers.patience)[1])
end

local function connect_to_clear_text(conn)
  local listener = assert(socket.bind("127.0.0.1", 0))
  local address, port = listener:getsockname()
  conn:settimeout(0)
  conn:connect(address, port)
  local far = assert(listener:accept())
  far:send "220 ready\r\n"
  conn:settimeout(helpers.patience)
  local answer, err = conn:connect(address, port)
  far:close()
  listener:close()
  -- The failure is an object, and as good as a string.
  assert.equal(err.kind, err:find "clear text" and word(err))
  return answer or word(err)
end

-- TCP ends without a word of TLS.
local function end_by_cut(kind)
  if kind == kinds.tls then
    local pair = wire.opened()  -- wrapped by a context, not by ssl.wrap_socket
    pair:cut()
    local _, err = pair:hear(1)
    pair:close()
    return {word(err)}
  end
  local client, server = kind.pair()
  client:close()
  local _, err = server:receive(1)
  server:close()
  return {err}
end

local function end_by_reset(kind)
  local client, server = kind.pair()
  client:setoption("linger", {on = true, timeout = 0})
  client = nil  -- collected, not closed: nothing is said
  helpers.snapshot()
  local _, err = server:receive(1)
  server:close()
  return {word(err), client}
end

-- Sends until it does not fit: how many bytes were sent.
local function overfill(client)
  local block, sent = ("x"):rep(100000), 0
  client:settimeout(0)
  while true do
    local last, err, partial = client:send(block)
    sent = sent + (last or partial)
    if not last then return sent, err end
  end
end

-- Then something else: whether the peer gets just what was sent.
local function give_up(client, server)
  local sent, why = overfill(client)
  local parts, told, done = {}, 0
  server:settimeout(0)
  repeat
    local data, _, partial = server:receive(65536)
    parts[#parts + 1] = data or partial
    done, _, told = client:send("else", told + 1)
  until done
  client:close()
  server:settimeout(10)
  parts[#parts + 1] = server:receive "*a"
  return why, #table.concat(parts) == sent + 4
end

-- Calls `connect` at timeout 0, waiting in between as for LuaSocket.
local function connect_in_steps(conn, kind)
  local listener, address, port = kind.listener()
  conn:settimeout(0)
  local answers = {try(conn, "connect", address, port)}
  socket.select(nil, {conn}, helpers.patience)
  answers[2] = try(conn, "connect", address, port)
  local server = kind.accept(listener)
  kind.settle(conn, server)
  answers[3] = try(conn, "connect", address, port)
  server:close()
  listener:close()
  return answers[1], answers[2], answers[3]
end

local function accept_clear_text(kind)
  local listener = assert(socket.bind("127.0.0.1", 0))
  local near = assert(socket.connect(listener:getsockname(),
    (select(2, listener:getsockname()))))
  near:send "GET / HTTP/1.1\r\n\r\n"
  if kind == kinds.tls then
    listener = assert(ssl.wrap_socket(listener, {server_side = true,
      certfile = helpers.file "ecdsa.pem"}))
  end
  local conn, err = listener:accept()
  if conn then conn:close() end
  near:close()
  listener:close()
  return {conn and 1 or word(err), err and err.accepted}
end

-- Whether a client is ready, and what it receives, when no data was sent; over
-- TLS the first bytes of a record have come.
local function select_idle(kind)
  local near, far = helpers.sockets()
  local client, server = kind.client(near), kind.server(far)
  client:settimeout(0)
  server:settimeout(0)
  if kind == kinds.tls then
    wire.together {function() return client:do_handshake() end,
      function() return server:do_handshake() end}
    helpers.raw(server, function(tcp) tcp:send "\23\3\3\0\100" end)
  end
  local ready = socket.select({client}, nil, 0)[1] == client
  local answers = {ready, (select(2, client:receive()))}
  client:close()
  server:close()
  return answers
end

local function connect_closed(conn, kind)
  local listener, address, port = kind.listener()
  conn:close()
  local answer = try(conn, "connect", address, port)
  listener:close()
  return answer
end

local function receive_closed(client, server)
  client:send "unread"
  server:receive(1)
  server:close()
  return (try(server, "receive", 5))
end

local function shut_receiving(client, server)
  client:send "unread"
  wait_for(server)
  server:shutdown "receive"
  return try(server, "receive", 6)
end

local function close_full(client)
  overfill(client)
  return try(client, "close")
end

-- {name in doc/luasocket.md, what is tried, how, LuaSocket's answers, ours}
local DIFFERENCES = {
  {"Failures", "to connect to clear text", on_client(function(conn, kind)
    return kind == kinds.tls and connect_to_clear_text(conn) or 1
  end), {1}, {"plaintext"}},
  {"Ends", "the end of TCP alone", end_by_cut, {"closed"}, {"eof"}},
  {"Ends", "a reset", end_by_reset, {"closed"}, {"syscall"}},
  {"`send`", "something else than the rest", on_pair(give_up),
    {"timeout", true}, {"timeout", false}},
  {"`connect`", "at timeout 0", on_client(connect_in_steps),
    {"timeout", 1, "already connected"},
    {"timeout", "timeout", "already connected"}},
  {"`accept`", "of clear text", accept_clear_text, {1}, {"plaintext", true}},
  {"`accept`", "with the object of a client", on_client(function(conn)
    conn:bind("127.0.0.1", 0)
    return try(conn, "listen")
  end), {1}, {"raises"}},
  {"`select`", "where nothing was sent", select_idle, {false, "timeout"},
    {true, "timeout"}},
  {"States", "to receive unconnected", on_client(function(conn)
    return try(conn, "receive"), try(conn, "send", "x"), try(conn, "shutdown")
  end), {"raises", "raises", "raises"}, {"syscall", "syscall", "syscall"}},
  {"States", "to connect when closed", on_client(connect_closed), {1},
    {"closed"}},
  {"States", "to receive when closed", on_pair(receive_closed), {"nread"},
    {"closed"}},
  {"States", "to accept when closed", on_pair(function(client)
    client:close()
    return try(client, "accept"), try(client, "bind", "127.0.0.1", 0)
  end), {"raises", "raises"}, {"closed", "closed"}},
  {"`shutdown`", "of receiving", on_pair(shut_receiving), {"unread"},
    {"closed"}},
  {"`close`", "with bytes that wait", on_pair(close_full), {1}, {"unsent"}},
  {"More and less", "a method", on_pair(function(client)
    return type(client.setfd), type(client.do_handshake)
  end), {"function", "nil"}, {"nil", "function"}},
  {"More and less", "an option", on_pair(function(client)
    return client:getoption "tcp-nodelay"
  end), {false}, {true}},
  {"More and less", "a pattern", on_pair(function(client, server)
    client:send "line\n"
    return (try(server, "receive", "l"))
  end), {"raises"}, {"line"}},
  {"More and less", "a name", on_pair(function(client)
    return (tostring(client):gsub(":.*", ""))
  end), {"tcp{client}"}, {"SSLSocket (connected)"}},
  {"More and less", "a number", on_pair(function(client)
    return math.type and math.type(client:send "x")
  end), {math.type and "float"}, {math.type and "integer"}},
}

describe("a difference from a LuaSocket object:", function()
  teardown(kinds.forget)

  for _, difference in ipairs(DIFFERENCES) do
    local name, what, probe = difference[1], difference[2], difference[3]
    it(("%s, %s"):format(name, what), function()
      assert.same(difference[4], probe(kinds.tcp))
      assert.same(difference[5], probe(kinds.tls))
    end)
  end

  it("is in doc/luasocket.md, and no other", function()
    local section = helpers.read_file "doc/luasocket.md"
      :match "\n## Differences from a LuaSocket object\n(.*)$"
    local found, expected = {}, {}
    for name in section:gmatch "\n%* %*%*(.-)%*%*" do found[name] = true end
    for _, difference in ipairs(DIFFERENCES) do
      expected[difference[1]] = true
    end
    assert.same(expected, found)
  end)
end)
