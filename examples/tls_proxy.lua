-- Ends TLS in front of a server that speaks none: a coroutine carries each
-- direction. A client that reads slowly holds up no other and fills no memory.
--
--   lua tls_proxy.lua PORT CERT-FILE KEY-FILE BACKEND-HOST BACKEND-PORT
--
-- Serves 127.0.0.1; port 0: any free one. Prints "port N".
local socket = require "socket"
local ssl = require "luassl"

local port, certfile, keyfile, backend_host, backend_port = tonumber(arg[1]), arg[2], arg[3], arg[4], tonumber(arg[5])
if not port or not backend_port then
  io.stderr:write "usage: tls_proxy.lua PORT CERT KEY BACKEND-HOST BACKEND-PORT\n"
  os.exit(2)
end

--- Coroutines that wait for sockets -------------------------------------------
local IDLE = 300  -- seconds that a coroutine may wait
local waiting = {}  -- by coroutine: what it waits for, and until when

-- False when the time is up.
local function wait(sock, reading, writing)
  waiting[coroutine.running()] = { sock = sock, reading = reading, writing = writing, ends = socket.gettime() + IDLE }
  return coroutine.yield()
end

local function resume(thread, ...)
  waiting[thread] = nil
  local fine, err = coroutine.resume(thread, ...)
  if not fine then io.stderr:write(debug.traceback(thread, tostring(err)), "\n") end
end

local function spawn(f, ...) resume(coroutine.create(f), ...) end

local function loop()
  while next(waiting) do
    local readers, writers, ready = {}, {}, {}
    for _, what in pairs(waiting) do
      if what.reading then readers[#readers + 1] = what.sock end
      if what.writing then writers[#writers + 1] = what.sock end
    end
    local readable, writable = ssl.poll(readers, writers, 1)
    for thread, what in pairs(waiting) do
      local in_time = what.reading and readable[what.sock] or what.writing and writable[what.sock]
      if in_time or socket.gettime() > what.ends or what.sock:getfd() < 0 then ready[thread] = not not in_time end
    end
    for thread, in_time in pairs(ready) do
      if waiting[thread] then resume(thread, in_time) end
    end
  end
end

--- Clients --------------------------------------------------------------------
-- TLS may have to write in order to read, and the reverse: `want` tells.
local function wait_for(sock, reading)
  if sock.want then return wait(sock, sock:want()) end
  return wait(sock, reading, not reading)
end

-- Calls a method until it need not wait any more.
local function call(sock, method, ...)
  local done, err = sock[method](sock, ...)
  while (err == "timeout" or err == "wantread" or err == "wantwrite") and wait_for(sock, false) do
    done, err = sock[method](sock, ...)
  end
  return done, err
end

-- Carries bytes until `from` ends; true: as it should, and `to` is told so.
local function pipe(from, to)
  while true do
    local data, err, part = from:receive(16384)
    data = data or part
    local at = 1
    while at <= #data do
      local sent, problem, last = to:send(data, at)
      at = (sent or last) + 1
      if not sent and (problem ~= "timeout" or not wait_for(to, false)) then return false end
    end
    if err == "closed" then return call(to, "shutdown", "send") end
    if err and (err ~= "timeout" or #data == 0 and not wait_for(from, true)) then return false end
  end
end

local function serve(client)
  client:settimeout(0)
  local backend = socket.tcp()
  backend:settimeout(0)
  local done, err = call(client, "do_handshake")
  if done then done, err = call(backend, "connect", backend_host, backend_port) end
  if not done and err ~= "already connected" then
    io.stderr:write("no connection: ", tostring(err), "\n")
    client:close()
    return backend:close()
  end
  -- What fails in one direction ends the other; else each ends by itself.
  local running = 2
  local function direction(from, to)
    running = pipe(from, to) and running - 1 or 0
    if running > 0 then return end
    client:close()
    backend:close()
  end
  spawn(direction, client, backend)
  direction(backend, client)
end

local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", port, 128)), {
  server_side = true, certfile = certfile, keyfile = keyfile, do_handshake_on_connect = false }))
listener:settimeout(0)
print("port " .. select(2, listener:getsockname()))
io.stdout:flush()
spawn(function()
  while true do
    local client, err = listener:accept()
    if client then spawn(serve, client)
    elseif err == "timeout" then wait(listener, true)
    else io.stderr:write(tostring(err), "\n") end
  end
end)
loop()
