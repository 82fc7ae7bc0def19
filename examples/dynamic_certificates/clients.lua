-- Many clients at once for dynamic_certificates.lua: each verifies the
-- certificate of its name, sends a line and reads the answer.
--
-- usage: lua clients.lua PORT CA_FILE CLIENTS NAMES
-- The names are site1.example to siteNAMES.example, one after the other.
-- Prints how long all took together, and why the first few failed; ends with 1
-- if one did.
local socket = require "socket"
local ssl = require "luassl"

local port, ca_certs = tonumber(arg[1]), arg[2]
local clients, names = tonumber(arg[3]), tonumber(arg[4])
if not names then
  io.stderr:write "usage: lua clients.lua PORT CA_FILE CLIENTS NAMES\n"
  os.exit(2)
end

-- In turn, the last of a thousand waits long.
local context = assert(ssl.create_default_context {ca_certs = ca_certs, handshake_timeout = 600})

-- Waits if that is what is missing; anything else ends this client.
local function wait_or_fail(conn, err)
  if err ~= "timeout" then error(tostring(err), 0) end
  coroutine.yield(conn)
end

local function connect(name)
  local sock = socket.tcp()
  sock:settimeout(0)
  local conn = assert(context:wrap_socket(sock, {server_hostname = name}))
  local done, err = conn:connect("127.0.0.1", port)
  while not done do
    wait_or_fail(conn, err)
    done, err = conn:connect("127.0.0.1", port)
  end
  return conn
end

local function send(conn, data)
  local sent, err, last = conn:send(data)
  while not sent do
    wait_or_fail(conn, err)
    sent, err, last = conn:send(data, last + 1)
  end
end

local function receive_line(conn)
  local line, err, partial = conn:receive "*l"
  while not line do
    wait_or_fail(conn, err)
    line, err, partial = conn:receive("*l", partial)
  end
  return line
end

local function talk(name, words)
  local conn = connect(name)
  send(conn, words .. "\n")
  local answer = receive_line(conn)
  if answer ~= name .. ": " .. words then error("another answer: " .. answer, 0) end
  conn:close()
end

local failures, waiting = 0, {}

local function resume(thread, ...)
  local fine, conn = coroutine.resume(thread, ...)
  if coroutine.status(thread) ~= "dead" then
    waiting[#waiting + 1] = {thread = thread, conn = conn}
  elseif not fine then
    failures = failures + 1
    if failures <= 5 then print("failed: " .. tostring(conn)) end
  end
end

local began = socket.gettime()
for i = 1, clients do
  resume(coroutine.create(talk), ("site%d.example"):format((i - 1) % names + 1), "client " .. i)
end
while #waiting > 0 do
  local readers, writers, tasks = {}, {}, waiting
  for _, task in ipairs(tasks) do
    local reading, writing = task.conn:want()
    if reading then readers[#readers + 1] = task.conn end
    if writing then writers[#writers + 1] = task.conn end
  end
  local readable, writable = ssl.poll(readers, writers)
  waiting = {}
  for _, task in ipairs(tasks) do
    if readable[task.conn] or writable[task.conn] then
      resume(task.thread)
    else
      waiting[#waiting + 1] = task
    end
  end
end
print(("%d clients in %.3f s, %d failed"):format(clients, socket.gettime() - began, failures))
os.exit(failures == 0 and 0 or 1)
