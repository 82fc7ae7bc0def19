-- A server that knows its clients by their certificates, and a client that has
-- one. Both ends are verified; whom the server's authority has certified is
-- known, and whom the server lists may in.
--
--   lua mutual_tls.lua serve PORT CERT-FILE KEY-FILE CLIENT-CA-FILE [EMAIL...]
--   lua mutual_tls.lua call HOST PORT CA-FILE CERT-FILE KEY-FILE
--
-- The server is on 127.0.0.1; port 0: any free one. The client prints what it is
-- told.
local socket = require "socket"
local ssl = require "luassl"

local usage = [[
usage: mutual_tls.lua serve PORT CERT KEY CLIENT-CA [EMAIL...]
       mutual_tls.lua call HOST PORT CA CERT KEY
]]

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("mutual_tls: ", tostring(err), "\n")
  os.exit(1, true)
end

--- The server -----------------------------------------------------------------

-- The e-mail address that the authority has certified: a name of a kind, not
-- whatever stands in the subject.
local function address(certificate)
  for _, name in ipairs(certificate:subject_alt_name() or {}) do
    if name[1] == "email" then return name[2] end
  end
  return "nobody"
end

local function serve(port, certfile, keyfile, client_ca, ...)
  local allowed = {}
  for _, email in ipairs { ... } do allowed[email] = true end
  local context = try(ssl.create_default_context { server_side = true, certfile = certfile, keyfile = keyfile,
    ca_certs = client_ca, cert_reqs = ssl.CERT_REQUIRED, handshake_timeout = 10 })
  local listener = try(context:wrap_socket(try(socket.bind("127.0.0.1", port))))
  print("port " .. select(2, listener:getsockname()))
  io.stdout:flush()
  while true do
    local conn, err = listener:accept()
    if conn then
      conn:settimeout(10)
      local who = address(conn:peer_certificate())
      local answer = allowed[who] and "welcome, " .. who or "you may not in, " .. who
      print(answer)
      conn:send(answer .. "\n")
      conn:close()
    else
      print("refused: " .. tostring(err))  -- this client; the listener goes on
    end
    io.stdout:flush()
  end
end

--- The client -----------------------------------------------------------------

local function call(host, port, ca, certfile, keyfile)
  local conn = try(ssl.connect(host, port, {
    ca_certs = ca, certfile = certfile, keyfile = keyfile, timeout = 10 }))
  conn:settimeout(10)
  -- In TLS 1.3 the server looks at our certificate when we are through already:
  -- its refusal comes with the first read.
  print((try(conn:receive "*l")))
  conn:close()
end

if arg[1] == "serve" and tonumber(arg[2]) and arg[5] then
  serve(tonumber(arg[2]), arg[3], arg[4], arg[5], (table.unpack or unpack)(arg, 6))
elseif arg[1] == "call" and tonumber(arg[3]) and arg[6] then
  call(arg[2], tonumber(arg[3]), arg[4], arg[5], arg[6])
else
  io.stderr:write(usage)
  os.exit(2)
end
