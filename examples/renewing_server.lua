-- A TLS server that takes renewed certificates while it runs: it reads its files
-- again every few seconds. No client notices; connections that are there go on,
-- sessions too. It answers lines, until one is "bye".
--
-- usage: lua renewing_server.lua PORT CERT_FILE KEY_FILE [SECONDS [CLIENTS]]
-- Serves 127.0.0.1; port 0: any free one. SECONDS: how often it looks, 60. With
-- CLIENTS it ends after that many and tells what it did.
local socket = require "socket"
local ssl = require "luassl"

local port, certfile, keyfile = tonumber(arg[1]), arg[2], arg[3]
local interval, clients = tonumber(arg[4] or 60), tonumber(arg[5]) or math.huge
if not keyfile or not port or not interval then
  io.stderr:write "usage: lua renewing_server.lua PORT CERT KEY [SECONDS [CLIENTS]]\n"
  os.exit(2)
end

local context = assert(ssl.create_default_context {
  server_side = true, certfile = certfile, keyfile = keyfile, handshake_timeout = 10})

--- Renewal ------------------------------------------------------------------

local reloads, refusals = 0, 0
local last_said

local function say(text)
  if text ~= last_said then io.stderr:write(text, "\n") end
  last_said = text
end

-- Between the writing of the certificate and that of its key the two do not
-- belong together: then the old ones stay, and the next look finds the new.
local function reload()
  local done, err = context:reload()
  if not done then
    refusals = refusals + 1
    say("the old certificate stays: " .. tostring(err))
    return
  end
  reloads = reloads + 1
  local texts = {}
  for i, warning in ipairs(context:warnings()) do texts[i] = "warning: " .. warning.text end
  if #texts > 0 then say(table.concat(texts, "\n")) end
end

--- A coroutine for each client ----------------------------------------------

local waiting = {}  -- coroutine -> its connection
local served, failed = 0, 0

-- Calls a method at timeout 0 until it needs nothing more. What was received in
-- part is the next call's prefix; sending goes on behind the index.
local function call(conn, method, argument, more)
  while true do
    local result, err, partial = conn[method](conn, argument, more)
    if result or err ~= "timeout" and err ~= "wantread" and err ~= "wantwrite" then return result, err end
    more = method == "send" and partial + 1 or partial
    coroutine.yield()
  end
end

local function serve(conn)
  local done, err = call(conn, "do_handshake")
  if not done then
    failed = failed + 1
    say("client: " .. tostring(err))
  end
  while done do
    local line = call(conn, "receive", "*l")
    done = line and call(conn, "send", line .. "\n")
    if line == "bye" then break end
  end
  if not err then served = served + 1 end
  conn:close()
end

local function resume(thread, conn)
  local fine, err = coroutine.resume(thread, conn)
  if not fine then say(debug.traceback(thread, tostring(err))) end
  waiting[thread] = coroutine.status(thread) ~= "dead" and conn or nil
end

--- The loop -----------------------------------------------------------------

local listener = assert(socket.bind("127.0.0.1", port, 1024))
listener:settimeout(0)
print("listening on 127.0.0.1:" .. select(2, listener:getsockname()))
io.stdout:flush()

-- What accepts has the context, which is reloaded.
local acceptor = assert(context:wrap_socket(listener, {do_handshake_on_connect = false}))
local next_look = socket.gettime() + interval

while served + failed < clients do
  local readers, writers = {acceptor}, {}
  for _, conn in pairs(waiting) do
    local reading, writing = conn:want()
    if reading then readers[#readers + 1] = conn end
    if writing then writers[#writers + 1] = conn end
  end
  local readable, writable = ssl.poll(readers, writers, math.max(0, next_look - socket.gettime()))
  if socket.gettime() >= next_look then
    reload()
    next_look = socket.gettime() + interval
  end
  local ready = {}
  for thread, conn in pairs(waiting) do
    if readable[conn] or writable[conn] then ready[thread] = conn end
  end
  for thread, conn in pairs(ready) do resume(thread, conn) end
  local conn = readable[acceptor] and acceptor:accept()
  if conn then
    conn:settimeout(0)
    resume(coroutine.create(serve), conn)
  end
end

acceptor:close()
print(("%d served, %d failed; %d reloads, %d refused"):format(served, failed, reloads, refusals))
