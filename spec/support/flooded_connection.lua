--- What a flood does to one of our connections, in a process of its own: a
-- fault must not take the specs along, and memory is this process's alone.
-- Arguments: "socket" or "object"; "client" or "server"; a port to connect
-- to, or "-" to listen and print "ready PORT"; the timeout of each call in
-- seconds; the calls: names of methods, with commas, the first ones once and
-- the last until it answers something else than "not now"; for how many seconds.
--
-- Prints "slowest SECONDS", "grown KIB" (at most, since it was connected) and
-- "answer KIND": an SSLError's kind, a condition, or what was received.
local socket = require "socket"
local ssl = require "luassl"
local stopwatch = require "spec.support.stopwatch"

local WAITS = {timeout = true, wantread = true, wantwrite = true}
local ARGUMENTS = {receive = 1, send = ("x"):rep(4000000), shutdown = "send"}

local kind, role, where, timeout, calls, limit = ...
timeout, limit = tonumber(timeout), tonumber(limit)

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

-- The most memory that this process has had, in KiB.
local function peak()
  local status = assert(io.open "/proc/self/status")
  local text = status:read "*a"
  status:close()
  return tonumber(text:match "VmHWM:%s*(%d+)")
end

local function transport()
  if where ~= "-" then
    return assert(socket.connect("127.0.0.1", tonumber(where)))
  end
  local listener = assert(socket.bind("127.0.0.1", 0))
  print("ready " .. select(2, listener:getsockname()))
  io.stdout:flush()
  local sock = assert(listener:accept())
  listener:close()
  return sock
end

local unfed = ""

-- An SSLObject whose bytes go over a socket: `feed` is given what is there,
-- what it has to say goes as far as there is room for it.
local function carry(object, sock)
  local err
  if unfed == "" then
    local data, partial
    socket.select({sock}, nil, 0.1)
    data, err, partial = sock:receive(8192)
    unfed = data or partial
  end
  collectgarbage()  -- these strings are not what is measured
  unfed = unfed:sub((object:feed(unfed) or #unfed) + 1)
  if err == "closed" and unfed == "" then object:feed(nil) end
  local bytes = object:drain()
  if bytes then sock:send(bytes) end
end

local function wrap(sock)
  local context = assert(ssl.SSLContext(role == "server"
    and {server_side = true, certfile = file "rsa.pem"} or {}))
  if kind == "object" then
    sock:settimeout(0)
    return assert(context:wrap_object()), function(object)
      carry(object, sock)
    end
  end
  sock:settimeout(timeout)
  local conn = assert(context:wrap_socket(sock,
    {do_handshake_on_connect = false}))
  return conn, function() socket.select({conn}, nil, 0.1) end
end

local conn, between = wrap(transport())
local slowest = 0
local before

local function call(name)
  local argument = ARGUMENTS[name]
  if kind == "object" and name == "send" then argument = "x" end
  local watch = stopwatch.start()
  local result, err = conn[name](conn, argument)
  slowest = math.max(slowest, (select(2, watch())))
  return result, err
end

local function repeated(name)
  local start = socket.gettime()
  while true do
    local result, err = call(name)
    if result ~= nil or not WAITS[err]
        or socket.gettime() - start > limit then
      return result, err
    end
    between(conn)
  end
end

collectgarbage()
before = peak()
for name in calls:gmatch "[%w_]+" do
  local result, err = repeated(name)
  if name == "do_handshake" and result then
    collectgarbage()
    before = peak()
  end
  if type(err) == "table" then
    print(err)
    err = err.kind
  end
  print(name .. " answered")
  print("answer " .. tostring(result or err))
end
print("slowest " .. slowest)
print("grown " .. peak() - before)
