-- A TLS server, one of several, whose ticket keys are in Redis: each resumes the
-- sessions of all. Time is cut into periods, by Redis's clock, and each has a key:
--
--  * whoever misses the key of this period or of the next makes it; SET NX lets
--    one server win, and all others read what that one has made
--  * the key of this period encrypts. Those of the next one, which other servers
--    may use a moment earlier, and of the last three decrypt
--  * without Redis the server goes on with the keys that it has, the next among
--    them; where all are old the newest encrypts, and clients of others make full
--    handshakes. When Redis is there again, so is the rest
--
-- usage: lua ticket_keys_redis.lua PORT REDIS_PORT CERT_FILE KEY_FILE [PERIOD [CA_FILE]]
-- Serves 127.0.0.1; port 0: any free one. PERIOD: seconds, 3600. With CA_FILE it
-- asks its clients for certificates. It answers HTTP requests with what it knows
-- of the connection, one client after the other, to keep to the point.
--
-- Who reads the keys reads the sessions under them, and can pass for any client:
-- a Redis on another machine has to be reached by TLS, with a certificate or a
-- password on either side (see `open`).
local socket = require "socket"
local ssl = require "luassl"

local port, redis_port, certfile, keyfile = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
local period, ca_file = tonumber(arg[5] or 3600), arg[6]
if not keyfile or not port or not redis_port or not period then
  io.stderr:write "usage: lua ticket_keys_redis.lua PORT REDIS_PORT CERT KEY [PERIOD [CA]]\n"
  os.exit(2)
end

local KEPT = 3       -- keys of periods that are over
local PATIENCE = 2   -- seconds for one answer of Redis
local NAME = "tls:ticket_key:"

local context = assert(ssl.create_default_context {
  server_side = true, certfile = certfile, keyfile = keyfile, handshake_timeout = 10,
  ca_certs = ca_file, cert_reqs = ca_file and ssl.CERT_OPTIONAL})

local last_said
local function say(text)
  if text ~= last_said then io.stderr:write(text, "\n") end
  last_said = text
end

--- Redis ------------------------------------------------------------------

-- On another machine: ssl.connect(host, 6380, {ca_certs =, certfile =}).
local function open()
  local conn, err = socket.connect("127.0.0.1", redis_port)
  if conn then conn:settimeout(PATIENCE) end
  return conn, err
end

local redis

-- A reply of the protocol: a string, a number, a list, nil. Raises.
local function reply()
  local line = assert(redis:receive "*l")
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "-" then error(rest, 0) end
  if kind == "+" then return rest end
  if kind == ":" then return tonumber(rest) end
  local n = assert(tonumber(rest), "no reply")
  if n < 0 then return nil end
  if kind == "$" then return assert(redis:receive(n + 2)):sub(1, n) end
  local list = {}
  for i = 1, n do list[i] = reply() end
  return list
end

local function ask(...)
  local parts = {("*%d\r\n"):format(select("#", ...))}
  for _, word in ipairs {...} do
    word = tostring(word)
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word)
  end
  assert(redis:send(table.concat(parts)))
  return reply()
end

--- Keys -------------------------------------------------------------------

local keys = {}      -- period -> key
local offset         -- from our clock to Redis's
local newest         -- the key that encrypts: its period

local function this_period()
  return math.floor((socket.gettime() + (offset or 0)) / period)
end

-- What Redis has for this period and those around it. What it has lost, and we
-- have not, it gets back.
local function fetch()
  if not redis then redis = assert(open()) end
  local time = ask "TIME"
  offset = tonumber(time[1]) + tonumber(time[2]) / 1e6 - socket.gettime()
  local now = this_period()
  for i = now - KEPT, now + 1 do
    local name = ("%s%d"):format(NAME, i)
    local key = ask("GET", name)
    if not key and (keys[i] or i >= now) then
      local life = math.floor((KEPT + 2) * period * 1000)
      ask("SET", name, keys[i] or assert(ssl.new_ticket_key()), "NX", "PX", ("%d"):format(life))
      key = ask("GET", name)
    end
    keys[i] = key or keys[i]
  end
end

-- The newest that is not for later first, then the rest.
local function use()
  local now, first = this_period(), nil
  local list = {}
  for i in pairs(keys) do
    if i <= now and (not first or i > first) then first = i end
  end
  if not first then return end
  for i, key in pairs(keys) do
    if i < now - KEPT and i ~= first then keys[i] = nil
    elseif i ~= first then list[#list + 1] = key end
  end
  table.insert(list, 1, keys[first])
  assert(context:set_ticket_keys(list))
  if first ~= newest then say(("key %d encrypts"):format(first)) end
  newest = first
end

local function refresh()
  local done, err = pcall(fetch)
  if not done then
    if redis then redis:close() end
    redis = nil
    say("Redis: " .. tostring(err))
  end
  use()
end

--- The server -------------------------------------------------------------

local function serve(conn)
  conn:settimeout(10)
  local line = conn:receive "*l"
  while line and line ~= "" and line ~= "\r" do line = conn:receive "*l" end
  local certificate = conn:peer_certificate()
  conn:send(("HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    .. "resumed: %s\nserver: %d\nkey: %s\nclient: %s\n"):format(tostring(conn:session_reused()), port,
    tostring(newest), certificate and tostring(certificate) or "none"))
  conn:close()
end

refresh()
local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", port)), {server_side = true}))
port = select(2, listener:getsockname())
print("listening on 127.0.0.1:" .. port)
io.stdout:flush()
listener:settimeout(10)

local next_look = socket.gettime() + period / 8
while true do
  if ssl.poll({listener}, nil, period / 8)[listener] then
    local conn, err, theirs = listener:accept()
    if conn then serve(conn)
    elseif theirs then say("client: " .. tostring(err))
    elseif err ~= "timeout" then error(err, 0) end
  end
  if socket.gettime() >= next_look then
    refresh()
    next_look = socket.gettime() + period / 8
  end
end
