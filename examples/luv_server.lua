-- A small HTTPS server on luv: each client in a coroutine, thousands at once.
--
-- usage: lua luv_server.lua PORT CERT_FILE KEY_FILE
-- Port 0: any free one. Prints "port N", then the clients that failed. GET
-- /slow waits a second and holds up nobody; ends on SIGTERM or SIGINT.
local uv = require "luv"
local ssl = require "luassl"
local tls = require "luassl.luv"

local port, certfile, keyfile = tonumber(arg[1]), arg[2], arg[3]
if not keyfile then
  io.stderr:write "usage: lua luv_server.lua PORT CERT KEY\n"
  os.exit(2)
end

local HEAD_MAX = 16384  -- bytes of a request before its body

-- The lines of a request up to the empty one; nil and why not.
local function read_head(conn)
  local lines, size = {}, 0
  while true do
    local line, err = conn:receive()
    if not line then return nil, err end
    if line == "" then return lines end
    size = size + #line
    if size > HEAD_MAX then return nil, "too long" end
    lines[#lines + 1] = line
  end
end

local function answer(conn, status, body)
  return conn:send(("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s")
    :format(status, #body, body))
end

local function serve(conn)
  conn:settimeout(10)  -- for each operation
  local lines = read_head(conn)
  while lines do
    local path = lines[1]:match "^GET (%S+) HTTP/1"
    if path == "/slow" then tls.sleep(1) end
    local done
    if path then done = answer(conn, "200 OK", "Hello over " .. conn:version() .. ": " .. path .. "\n")
    else done = answer(conn, "405 Method Not Allowed", "GET is all there is\n")
    end
    lines = done and read_head(conn)
  end
end

local context, err = ssl.create_default_context {
  server_side = true, certfile = certfile, keyfile = keyfile, alpn_protocols = { "http/1.1" }, alpn_strict = false,
  handshake_timeout = 10,
}
if not context then error(tostring(err)) end
local listener = assert(tls.listen(context, "127.0.0.1", port, serve, {
  backlog = 1024,
  on_error = function(failure, address) io.stderr:write(("%s: %s\n"):format(tostring(address), tostring(failure))) end,
}))
print("port " .. listener:getsockname().port)
io.stdout:flush()

for _, name in ipairs { "sigterm", "sigint" } do
  local signal = uv.new_signal()
  signal:start(name, function() uv.stop() end)
end
uv.run()
