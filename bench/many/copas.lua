-- An echo server of lines on copas: copas.lua CERT KEY. ssl.poll stands in for
-- LuaSocket's select, which cannot see descriptors above 1023.
local socket = require "socket"
local ssl = require "luassl"
socket.select = ssl.poll
local copas = require "copas"
local tls = require "luassl.copas"

local context = assert(ssl.create_default_context { server_side = true, certfile = arg[1], keyfile = arg[2] })
local listener = assert(socket.bind("127.0.0.1", 0, 4096))
copas.addserver(listener, tls.handler(context, function(conn)
  local line = conn:receive()
  while line and conn:send(line .. "\n") do line = conn:receive() end
end))
print("port " .. select(2, listener:getsockname()))
io.stdout:flush()
copas.loop()
