-- A TLS server with a process for each client. The parent accepts TCP and does
-- nothing else: a child handshakes and answers lines, until one is "bye". The
-- parent's end is detached, so that it says nothing to the client.
--
-- usage: lua forking_server.lua PORT CERT_FILE KEY_FILE [CLIENTS]
-- Serves 127.0.0.1; port 0: any free one. With CLIENTS it ends after that many.
-- Needs luaposix (Debian: lua-posix).
local posix = require "posix"
local socket = require "socket"
local ssl = require "luassl"

local CHILDREN_MAX = 100  -- whoever comes then waits

local port, certfile, keyfile = tonumber(arg[1]), arg[2], arg[3]
local clients = tonumber(arg[4]) or math.huge
if not keyfile or not port then
  io.stderr:write "usage: lua forking_server.lua PORT CERT KEY [CLIENTS]\n"
  os.exit(2)
end

-- Made once: all children have its ticket keys, and resume each other's
-- sessions.
local context = assert(ssl.create_default_context {
  server_side = true, certfile = certfile, keyfile = keyfile, handshake_timeout = 10})
local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", port, 1024)), {
  do_handshake_on_connect = false}))
print("listening on 127.0.0.1:" .. select(2, listener:getsockname()))
io.stdout:flush()

--- In a child ---------------------------------------------------------------

local function answer(conn)
  conn:settimeout(60)
  local done, err = conn:do_handshake()
  if not done then return err end
  local resumed = conn:session_reused() and "resumed" or "new"
  local line
  repeat
    line, err = conn:receive "*l"
    local sent = line and conn:send(("%d, %s: %s\n"):format(posix.getpid "pid", resumed, line))
  until line == "bye" or not sent
  conn:close()
  return err ~= "closed" and err or nil
end

-- Ends the process without Lua's finalizers, which are the parent's.
local function serve(conn)
  listener:close()
  local fine, err = pcall(answer, conn)
  if err then io.stderr:write("client: ", tostring(err), "\n") end
  posix._exit(fine and not err and 0 or 1)
end

--- In the parent ------------------------------------------------------------

local children, served, failed = 0, 0, 0

-- Takes notice of children that have ended; waits for one if `wait`.
local function reap(wait)
  while children > 0 do
    local pid, _, status = posix.wait(-1, wait and 0 or posix.WNOHANG)
    if not pid or pid == 0 then return end
    children, wait = children - 1, false
    if status == 0 then served = served + 1 else failed = failed + 1 end
  end
end

local function start(conn)
  local pid, err = posix.fork()
  if pid == 0 then serve(conn) end
  if pid then children = children + 1 else io.stderr:write("fork: ", tostring(err), "\n") end
  conn:detach()  -- the child has it; without one the client sees the end
end

listener:settimeout(1)
local accepted = 0
while accepted < clients do
  reap(children >= CHILDREN_MAX)
  local conn, err, theirs = listener:accept()
  if conn then
    accepted = accepted + 1
    start(conn)
  elseif err ~= "timeout" and not theirs then
    error(err, 0)
  end
end

listener:close()
while children > 0 do reap(true) end
print(("%d served, %d failed"):format(served, failed))
