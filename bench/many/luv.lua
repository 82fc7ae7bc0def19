-- An echo server of lines on luv: luv.lua CERT KEY.
local uv = require "luv"
local ssl = require "luassl"
local tls = require "luassl.luv"

local context = assert(ssl.create_default_context { server_side = true, certfile = arg[1], keyfile = arg[2] })
local listener = assert(tls.listen(context, "127.0.0.1", 0, function(conn)
  local line = conn:receive()
  while line and conn:send(line .. "\n") do line = conn:receive() end
end, { backlog = 4096 }))
print("port " .. listener:getsockname().port)
io.stdout:flush()
uv.run()
