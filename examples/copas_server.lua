-- A server of lines on copas: each client in a coroutine.
--
-- usage: lua copas_server.lua PORT CERT_FILE KEY_FILE
-- Port 0: any free one. Prints "port N". Each line comes back; "quit" ends the
-- connection. Clients that fail in the handshake are told on standard error.
local copas = require "copas"
local socket = require "socket"
local ssl = require "luassl"
local tls = require "luassl.copas"

local port, certfile, keyfile = tonumber(arg[1]), arg[2], arg[3]
if not keyfile then
  io.stderr:write "usage: lua copas_server.lua PORT CERT KEY\n"
  os.exit(2)
end

local context, err = ssl.create_default_context {
  server_side = true, certfile = certfile, keyfile = keyfile, handshake_timeout = 10,
}
if not context then error(tostring(err)) end

local function serve(conn)
  local line = conn:receive()
  while line and line ~= "quit" and conn:send("you said: " .. line .. "\n") do line = conn:receive() end
end

local function complain(failure, address)
  io.stderr:write(("%s: %s\n"):format(tostring(address), tostring(failure)))
end

local listener = assert(socket.bind("127.0.0.1", port, 1024))
copas.addserver(listener, tls.handler(context, serve, { on_error = complain }))
print("port " .. select(2, listener:getsockname()))
io.stdout:flush()
copas.loop()
