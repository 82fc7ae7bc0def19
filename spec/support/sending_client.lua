--- A client that sends a file in messages, in a process of its own. Arguments:
-- port, habit (spec/support/sending_habits.lua), timeout in seconds ("nil":
-- none), seed, file, and the size of each message (absent: it draws them).
--
-- Prints "connected", then "told BYTES" and how it ended: "error KIND", or
-- "answer TEXT", what the server says behind our close_notify.
local socket = require "socket"
local ssl = require "luassl"
local sending = require "spec.support.sending_habits"

local port, habit, timeout, seed, path, size = ...
local draw = sending.generator(tonumber(seed))
local file = assert(io.open(path, "rb"))
local data = file:read "*a"
file:close()

local sock = assert(socket.connect("127.0.0.1", tonumber(port)))
sock:setoption("send-buffer-size", 8192)
local conn = assert(ssl.wrap_socket(sock))
conn:settimeout(tonumber(timeout))
print "connected"
io.stdout:flush()

local function wait()
  local reading, writing = conn:want()
  socket.select(reading and {conn} or nil, writing and {conn} or nil, 1)
end

local sent, told, err = 0, 0, nil
while sent < #data and not err do
  local message = data:sub(sent + 1,
    sent + (tonumber(size) or sending.size(draw)))
  local count
  count, err = sending.habits[habit](conn, message, wait)
  told, sent = told + count, sent + #message
end
print("told " .. told)
if not err then
  conn:settimeout(10)
  assert(conn:shutdown "send")
  print("answer " .. tostring(conn:receive "*a"))
else
  print("error " .. (type(err) == "table" and err.kind or err))
end
