--- Lives of connections for processes that do odd things to them: without
-- busted, so that its objects are not among those that a collector visits.
-- LUASSL_PKI and LUA_PATH are those of `make test`.
local socket = require "socket"
local ssl = require "luassl"

local life = {}

local PATIENCE = 20  -- seconds
local WAITS = {timeout = true, wantread = true, wantwrite = true}
local LARGE = ("0123456789abcdef"):rep(8192)

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

--- A verifying client's context and a server's, whose key needs a password.
function life.contexts()
  local client = assert(ssl.create_default_context {
    ca_certs = file "root.crt", alpn_protocols = {"h2", "http/1.1"}})
  local server = assert(ssl.create_default_context {server_side = true,
    certfile = file "rsa.crt", keyfile = file "rsa-traditional.key",
    alpn_protocols = {"http/1.1"},
    password = function()
      collectgarbage()
      return "secret"
    end})
  return client, server
end

--- Two connected LuaSocket objects on loopback, at timeout 0.
function life.sockets()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local address, port = listener:getsockname()
  local client = assert(socket.connect(address, port))
  local server = assert(listener:accept())
  listener:close()
  client:settimeout(0)
  server:settimeout(0)
  return client, server
end

--- A client and a server before their handshake, over "socket" or "object".
function life.pair(kind, client, server, name)
  local options = {server_hostname = name or "localhost"}
  if kind == "object" then
    return assert(client:wrap_object(options)),
      assert(server:wrap_object {server_side = true})
  end
  local near, far = life.sockets()
  return assert(client:wrap_socket(near, options)),
    assert(server:wrap_socket(far, {server_side = true}))
end

--- Lets bytes through.
function life.carry(one, other)
  if not one.feed then return socket.select({one, other}, nil, 0.01) end
  for _ = 1, 2 do
    local bytes = one:drain(10000)
    while bytes do
      local taken = other:feed(bytes)  -- nil: it is in the middle of a call
      if taken and taken < #bytes then error "it does not take all" end
      bytes = one:drain(10000)
    end
    one, other = other, one
  end
end

--- Repeats calls until each has an answer: lists of results.
function life.together(one, other, calls)
  local results, left = {}, #calls
  local deadline = socket.gettime() + PATIENCE
  while left > 0 do
    for i, call in ipairs(calls) do
      if not results[i] then
        local result = {call()}
        if result[1] ~= nil or not WAITS[result[2]] then
          results[i], left = result, left - 1
        end
      end
    end
    assert(socket.gettime() < deadline, "it does not end")
    if left > 0 then life.carry(one, other) end
  end
  return results
end

function life.handshake(client, server)
  local results = life.together(client, server, {
    function() return client:do_handshake() end,
    function() return server:do_handshake() end})
  return results[1][1] and results[2][1], results[1][2] or results[2][2]
end

local function sending(side, data)
  local last = 0
  return function()
    local done, err, partial = side:send(data, last + 1)
    last = partial or last
    return done, err
  end
end

local function receiving(side, pattern, prefix)
  return function()
    local data, err
    data, err, prefix = side:receive(pattern, prefix)
    return data, err
  end
end

--- Sends one way and checks what arrives.
function life.transfer(from, to, data, pattern, expected)
  local results = life.together(from, to,
    {sending(from, data), receiving(to, pattern, "")})
  assert(results[1][1], results[1][2])
  assert(results[2][1] == expected, "other bytes than were sent")
end

local function look(client, server)
  assert(client:version() == server:version())
  assert(client:cipher() == server:cipher())
  assert(client:selected_alpn_protocol() == "http/1.1")
  assert(server:server_hostname() == "localhost")
  assert(client:verify_result() == 0)
  assert(client:getpeercert().subjectAltName[1][2] == "localhost")
  assert(client:getpeercert(true) == client:peer_certificate():der())
  assert(client:peer_certificate():pem():find "BEGIN")
  assert(server:getpeercert() == nil)
  assert(tostring(client):find "connected")
end

local function refusal(kind, client, server)
  local near, far = life.pair(kind, client, server, "wrong.example")
  local done, err = life.handshake(near, far)
  assert(not done)
  assert(tostring(err):find "localhost", tostring(err))
  near:close()
  far:close()
end

local function unwrap(client, server)
  local results = life.together(client, server, {
    function() return client:unwrap() end,
    function() return server:unwrap() end})
  local near, far = assert(results[1][1]), assert(results[2][1])
  near:settimeout(PATIENCE)
  far:settimeout(PATIENCE)
  assert(near:send "clear\n")
  assert(far:receive() == "clear")
  near:close()
  far:close()
end

--- A whole life over "socket" or "object", with these contexts or new ones.
function life.whole(kind, one, other)
  if not one then one, other = life.contexts() end
  local client, server = life.pair(kind, one, other)
  assert(life.handshake(client, server))
  look(client, server)
  life.transfer(client, server, "a line\r\n", "*l", "a line")
  life.transfer(server, client, ("x"):rep(100), 100, ("x"):rep(100))
  life.transfer(client, server, LARGE, #LARGE, LARGE)
  if client.setoption then
    assert(client:setoption("keepalive", true))
    assert(client:getoption "keepalive" ~= nil)
  end
  assert(server:send "the end")
  assert(server:shutdown "send")
  life.carry(server, client)
  for _, expected in ipairs {"the end", false} do
    local pattern = expected and #expected or "*a"
    local result = life.together(client, server,
      {receiving(client, pattern, "")})[1]
    assert((result[1] or false) == expected and
      (expected or result[2] == "closed"), result[2])
  end
  if kind == "socket" then unwrap(client, server) end
  assert(client:close() == 1)
  assert(server:close() == 1)
  refusal(kind, one, other)
end

--- Objects in every state that there is: whoever holds the list holds them.
function life.states()
  local one, other = life.contexts()
  local list = {one, other}
  local function add(...)
    for _, thing in ipairs {...} do list[#list + 1] = thing end
    return ...
  end
  add(one:wrap_socket(socket.tcp()))  -- unconnected
  local bound = add(other:wrap_socket(socket.tcp()))
  assert(bound:bind("127.0.0.1", 0))
  local listener = add(other:wrap_socket(assert(socket.bind("127.0.0.1", 0))))
  local _, port = listener:getsockname()
  add(assert(socket.connect("127.0.0.1", port)))  -- in its backlog
  for _, kind in ipairs {"socket", "object"} do
    add(life.pair(kind, one, other))  -- before the handshake
    local client, server = add(life.pair(kind, one, other))
    client:do_handshake()  -- in the middle
    life.carry(client, server)
    server:do_handshake()
    client, server = add(life.pair(kind, one, other))
    assert(life.handshake(client, server))  -- with data in each queue
    client:send "unread"
    life.carry(client, server)
    server:receive(2)
    if kind == "socket" then
      repeat local sent = server:send(LARGE) until not sent
    else
      server:send(LARGE)
    end
    add(client:peer_certificate())
    client, server = add(life.pair(kind, one, other))
    assert(life.handshake(client, server))
    client:shutdown "send"
    life.carry(client, server)
    server:receive()
    client, server = add(life.pair(kind, one, other))
    if kind == "object" then
      client:feed "HTTP/1.0 400 Bad Request\r\n\r\n"
    else
      client:do_handshake()
      server:close()
    end
    add(select(2, client:do_handshake()))  -- failed
    client, server = add(life.pair(kind, one, other))
    assert(life.handshake(client, server))
    client:close()
  end
  return list
end

return life
