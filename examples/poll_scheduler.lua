-- A scheduler of coroutines over ssl.poll, in forty lines, and on it a server
-- of lines. What would block yields until its socket can go on.
--
-- usage: lua poll_scheduler.lua PORT CERT_FILE KEY_FILE
-- Port 0: any free one. Prints "port N". Each line comes back.
local socket = require "socket"
local ssl = require "luassl"

local waiting = {}  -- by socket: its coroutine, and what that waits for

local function resume(thread, ...)
  local fine, err = coroutine.resume(thread, ...)
  if not fine then io.stderr:write(tostring(err), "\n") end
end

local function spawn(f, ...)
  resume(coroutine.create(f), ...)
end

local function wait(sock, reading, writing)
  waiting[sock] = { thread = coroutine.running(), reading = reading, writing = writing }
  coroutine.yield()
end

local WAITS = { timeout = true, wantread = true, wantwrite = true }

-- Calls a method of an SSLSocket at timeout 0 until it needs nothing more. What
-- was received in part is the next call's prefix; sending goes on behind the
-- index.
local function call(conn, method, argument, more)
  while true do
    local result, err, partial = conn[method](conn, argument, more)
    if result or not WAITS[err] then return result, err, partial end
    if method == "send" then more = partial + 1 else more = partial end
    wait(conn, conn:want())
  end
end

local function loop()
  while next(waiting) do
    local readers, writers = {}, {}
    for sock, what in pairs(waiting) do
      if what.reading then readers[#readers + 1] = sock end
      if what.writing then writers[#writers + 1] = sock end
    end
    for _, list in ipairs { ssl.poll(readers, writers) } do
      for _, sock in ipairs(list) do
        local what = waiting[sock]
        waiting[sock] = nil
        if what then resume(what.thread) end
      end
    end
  end
end

--- The server -----------------------------------------------------------------

local port, certfile, keyfile = tonumber(arg[1]), arg[2], arg[3]
if not keyfile then
  io.stderr:write "usage: lua poll_scheduler.lua PORT CERT KEY\n"
  os.exit(2)
end

local function serve(conn)
  conn:settimeout(0)
  local line = call(conn, "receive", "*l")
  while line and call(conn, "send", "you said: " .. line .. "\n") do line = call(conn, "receive", "*l") end
  conn:close()
end

local function accept(listener)
  while true do
    local conn, err = listener:accept()
    if conn then spawn(serve, conn)
    elseif err == "timeout" then wait(listener, true)
    else io.stderr:write(tostring(err), "\n")
    end
  end
end

local context, err = ssl.create_default_context { server_side = true, certfile = certfile, keyfile = keyfile }
if not context then error(tostring(err)) end
local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", port, 128)),
  { server_side = true, do_handshake_on_connect = false }))
listener:settimeout(0)
spawn(accept, listener)
print("port " .. select(2, listener:getsockname()))
io.stdout:flush()
loop()
