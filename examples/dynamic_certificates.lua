-- A TLS server whose certificates come out of Redis: every handshake looks its
-- name's certificate up, inside on_client_hello, while all others go on.
--
-- usage: lua dynamic_certificates.lua PORT REDIS_PORT [CLIENTS [DELAY [in-turn]]]
-- Serves 127.0.0.1; port 0: any free one. With CLIENTS it ends after that many
-- and tells what it did. For measuring: DELAY makes each look-up that many
-- seconds slower, and "in-turn" lets nobody else run during one.
--
-- A certificate is the text of its PEM file: private key, certificate, chain.
--   redis-cli -x SET certificate:localhost <server.pem
-- Changed there, it holds from the next handshake on. Needs Redis 6.
local socket = require "socket"
local ssl = require "luassl"

local port, redis_port = tonumber(arg[1]), tonumber(arg[2])
local clients, delay = tonumber(arg[3]) or math.huge, tonumber(arg[4]) or 0
local in_turn = arg[5] == "in-turn"
if not redis_port then
  io.stderr:write "usage: lua dynamic_certificates.lua PORT REDIS_PORT [CLIENTS [DELAY [in-turn]]]\n"
  os.exit(2)
end

local REDIS_PATIENCE = 10      -- seconds for a look-up
local CLIENT_PATIENCE = in_turn and 600 or 30  -- seconds for a client's handshake and line
local REDIS_CONNECTIONS = 128  -- at most
local CONTEXTS = 1000          -- kept, at most
local ACCEPTED_AT_ONCE = 16

local function log(...)
  io.stderr:write(table.concat({...}, ": "), "\n")
end

--- A scheduler: a task is a coroutine that waits for one socket at most ----

local waiting = {}

local function resume(thread, ...)
  local fine, err = coroutine.resume(thread, ...)
  if not fine then log(debug.traceback(thread, tostring(err))) end
end

local function spawn(run, ...)
  resume(coroutine.create(run), ...)
end

-- Lets the others run; true when `task` was woken, false at its deadline.
local function pause(task)
  task.thread = coroutine.running()
  waiting[#waiting + 1] = task
  return coroutine.yield()
end

-- Until `sock` can be read or written. Not LuaSocket's select, which knows no
-- descriptor above 1023.
local function wait(sock, reading, writing, deadline)
  return pause {sock = sock, reading = reading, writing = writing, deadline = deadline}
end

-- What `wait` is for a server that cannot yield in a handshake: all stand still.
local function block(sock, reading, writing, deadline)
  local timeout = math.max(0, deadline - socket.gettime())
  local _, _, err = ssl.poll(reading and {sock} or nil, writing and {sock} or nil, timeout)
  return err == nil
end

-- Waits for the first events and resumes the tasks they are for.
local function run_once()
  local readers, writers, nearest = {}, {}, math.huge
  for _, task in ipairs(waiting) do
    if task.reading then readers[#readers + 1] = task.sock end
    if task.writing then writers[#writers + 1] = task.sock end
    nearest = math.min(nearest, task.woken and 0 or task.deadline)
  end
  local timeout = nearest < math.huge and math.max(0, nearest - socket.gettime()) or nil
  local readable, writable = ssl.poll(readers, writers, timeout)
  local tasks, now = waiting, socket.gettime()
  waiting = {}
  for _, task in ipairs(tasks) do
    if task.woken or task.sock and (readable[task.sock] or writable[task.sock]) then
      resume(task.thread, true)
    elseif now >= task.deadline then
      resume(task.thread, false)
    else
      waiting[#waiting + 1] = task
    end
  end
end

--- Redis: its protocol over LuaSocket, without blocking -------------------

local redis_wait = in_turn and block or wait

local function redis_connect(deadline)
  local sock = socket.tcp()
  sock:settimeout(0)
  local done, err = sock:connect("127.0.0.1", redis_port)
  while not done and err == "timeout" and redis_wait(sock, false, true, deadline) do
    done, err = sock:connect("127.0.0.1", redis_port)
  end
  if done or err == "already connected" then return sock end
  sock:close()
  return nil, err
end

local function redis_send(sock, data, deadline)
  local sent, err, last = sock:send(data)
  while not sent and err == "timeout" and redis_wait(sock, false, true, deadline) do
    sent, err, last = sock:send(data, last + 1)
  end
  return sent, err
end

local function redis_receive(sock, pattern, deadline)
  local data, err, partial = sock:receive(pattern)
  while not data and err == "timeout" and redis_wait(sock, true, false, deadline) do
    data, err, partial = sock:receive(pattern, partial)
  end
  return data, err
end

-- A reply, nil for Redis's null; or nil, an error, and whether Redis said it:
-- after any other the connection is of no use.
local function redis_reply(sock, deadline)
  local line, err = redis_receive(sock, "*l", deadline)
  if not line then return nil, err end
  local kind, rest = line:match "^([+:$*-])(.*)$"
  if kind == "+" then return rest end
  if kind == "-" then return nil, rest, true end
  local number = tonumber(rest)
  if not number then return nil, "no Redis: " .. line end
  if kind == ":" then return number end
  if number < 0 then return nil end
  if kind == "$" then
    local data, why = redis_receive(sock, number + 2, deadline)
    return data and data:sub(1, -3), why
  end
  local list = {}
  for i = 1, number do
    local said
    list[i], err, said = redis_reply(sock, deadline)
    if err and not said then return nil, err end
  end
  return list
end

-- Sends a command, waits for the reply; closes what is of no use afterwards.
local function redis_command(sock, deadline, ...)
  local words, parts = {...}, {}
  for i, word in ipairs(words) do parts[i] = ("$%d\r\n%s\r\n"):format(#word, word) end
  local sent, err = redis_send(sock, ("*%d\r\n%s"):format(#words, table.concat(parts)), deadline)
  if not sent then
    sock:close()
    return nil, err
  end
  local value, why, said = redis_reply(sock, deadline)
  if why and not said then sock:close() end
  return value, why
end

--- The pool of connections to Redis ---------------------------------------

local idle, connections = {}, 0
local queue = {}  -- tasks that wait for a connection, the first to come first

-- An open connection that nobody uses. Redis may have closed it meanwhile:
-- then there is something to read.
local function take_idle()
  while #idle > 0 do
    local sock = table.remove(idle)
    local _, err = sock:receive(1)
    if err == "timeout" then return sock end
    sock:close()
    connections = connections - 1
  end
end

-- Takes a connection back, nil for one that never came up; wakes who waits.
local function give_back(sock)
  if sock and sock:getfd() >= 0 then
    idle[#idle + 1] = sock
  else
    connections = connections - 1
  end
  while #queue > 0 do
    local task = table.remove(queue, 1)
    if not task.late then
      task.woken = true
      return
    end
  end
end

local function take_connection(deadline)
  while #idle == 0 and connections >= REDIS_CONNECTIONS do
    local task = {deadline = deadline}
    queue[#queue + 1] = task
    if not pause(task) then
      task.late = true
      return nil, "timeout"
    end
  end
  local kept = take_idle()
  if kept then return kept end
  connections = connections + 1
  local sock, err = redis_connect(deadline)
  if not sock then give_back(nil) end
  return sock, err
end

local lookups = 0

-- The value of a key, nil if there is none; or nil and an error.
local function look_up(key)
  local deadline = socket.gettime() + REDIS_PATIENCE
  local sock, err = take_connection(deadline)
  if not sock then return nil, err end
  local value
  lookups = lookups + 1
  if delay > 0 then  -- a list that nobody fills: Redis answers then
    value, err = redis_command(sock, deadline, "BLPOP", "certificate-never", ("%.3f"):format(delay))
  end
  if not err then value, err = redis_command(sock, deadline, "GET", key) end
  give_back(sock)
  return value, err
end

--- Certificates -----------------------------------------------------------

-- The contexts of the texts seen last, so that none is parsed twice. Every
-- handshake asks Redis all the same: the text, not the name, finds its context.
local contexts, contexts_kept, contexts_made = {}, 0, 0

local function context_of(pem)
  local context = contexts[pem]
  if context then return context end
  local err
  context, err = ssl.create_default_context {
    server_side = true, cert = pem, key = pem, handshake_timeout = CLIENT_PATIENCE}
  if not context then return nil, err end
  if contexts_kept == CONTEXTS then contexts, contexts_kept = {}, 0 end
  contexts[pem] = context
  contexts_kept, contexts_made = contexts_kept + 1, contexts_made + 1
  return context
end

local asked, in_flight = {}, 0  -- connections from their ClientHello to the end of their handshake

local function on_client_hello(conn, hello)
  asked[conn], in_flight = true, in_flight + 1
  if not hello.server_name then return nil, "unrecognized_name" end
  local pem, err = look_up("certificate:" .. hello.server_name)  -- in lower case
  if err then
    log("Redis", err)
    return nil, "internal_error"
  end
  if not pem then return nil, "unrecognized_name" end
  return context_of(pem)
end

--- The server -------------------------------------------------------------

local served, refused = 0, 0
local samples = {}  -- how many were in flight, as each handshake ended

local function wait_for(conn, deadline)
  local reading, writing = conn:want()
  return wait(conn, reading, writing, deadline)
end

local function handshake(conn, deadline)
  local done, err = conn:do_handshake()
  while not done and (err == "wantread" or err == "wantwrite") do
    if not wait_for(conn, deadline) then return nil, "the handshake takes too long" end
    done, err = conn:do_handshake()
  end
  return done, err
end

local function count_handshake(conn)
  if not asked[conn] then return end
  samples[#samples + 1] = in_flight
  asked[conn], in_flight = nil, in_flight - 1
end

local function receive_line(conn, deadline)
  local line, err, partial = conn:receive "*l"
  while not line and err == "timeout" and #partial <= 4096 and wait_for(conn, deadline) do
    line, err, partial = conn:receive("*l", partial)
  end
  return line, err
end

-- What a timeout counts as sent must not be sent again.
local function send(conn, data, deadline)
  local sent, err, last = conn:send(data)
  while not sent and err == "timeout" and wait_for(conn, deadline) do
    sent, err, last = conn:send(data, last + 1)
  end
  return sent, err
end

local function converse(conn, deadline)
  local done, line, err
  done, err = handshake(conn, deadline)
  count_handshake(conn)
  if not done then return nil, err end
  line, err = receive_line(conn, deadline)
  if not line then return nil, err end
  return send(conn, conn:server_hostname() .. ": " .. line .. "\n", deadline)
end

local function serve(conn)
  conn:settimeout(0)
  local done, err = converse(conn, socket.gettime() + CLIENT_PATIENCE)
  if done then
    served = served + 1
  else
    refused = refused + 1
    log("client", tostring(err))
  end
  conn:close()
end

-- Not all at once, so that those who are there get their turns.
local function accept_some(listener)
  for _ = 1, ACCEPTED_AT_ONCE do
    local conn, err = listener:accept()
    if conn then
      spawn(serve, conn)
    elseif err == "timeout" then
      return
    elseif not (type(err) == "table" and err.accepted) then
      log("accept", tostring(err))  -- no descriptor is left, perhaps: a client may give one back
      pause {deadline = socket.gettime() + 0.1}
      return
    end
  end
end

local function accept_all(listener)
  while true do
    wait(listener, true, false, math.huge)
    accept_some(listener)
  end
end

local listener = assert(socket.bind("127.0.0.1", port, 4096))
print("listening on 127.0.0.1:" .. select(2, listener:getsockname()))
io.stdout:flush()

-- Until a context is chosen; then that one's options hold.
local context = assert(ssl.create_default_context {
  server_side = true, on_client_hello = on_client_hello, handshake_timeout = CLIENT_PATIENCE})
listener:settimeout(0)
spawn(accept_all, assert(context:wrap_socket(listener, {server_side = true, do_handshake_on_connect = false})))
while served + refused < clients do run_once() end

table.sort(samples)
print(("%d served, %d refused; %d look-ups, %d contexts; handshakes in flight: median %d, most %d"):format(
  served, refused, lookups, contexts_made, samples[math.ceil(#samples / 2)] or 0, samples[#samples] or 0))
