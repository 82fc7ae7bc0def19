-- Many clients at once whose certificate a server fetches in a hook that waits,
-- on luv: hooks.lua CERT KEY [CLIENTS] [SECONDS]. Prints how long all took, the
-- processor's time in it, and how many hooks waited at once.
local uv = require "luv"
local ssl = require "luassl"
local tls = require "luassl.luv"

local clients, seconds = tonumber(arg[3]) or 1000, tonumber(arg[4]) or 0.05
local waiting, most, served, failed = 0, 0, 0, 0

local certificate = assert(ssl.create_default_context { server_side = true, certfile = arg[1], keyfile = arg[2] })
local server = assert(ssl.create_default_context { server_side = true, on_client_hello = function()
  waiting = waiting + 1
  most = math.max(most, waiting)
  tls.sleep(seconds)  -- as long as a look-up takes
  waiting = waiting - 1
  return { certificate = certificate }
end })
local client = assert(ssl.create_default_context { ca_certs = arg[1], handshake_timeout = 600 })

local listener = assert(tls.listen(server, "127.0.0.1", 0, function(conn)
  conn:send(conn:receive() .. "\n")
end, { backlog = 4096, handshake_timeout = 600 }))
local port = listener:getsockname().port

local function talk()
  local conn, err = tls.connect("127.0.0.1", port, { context = client, server_hostname = "localhost", timeout = 600 })
  if not conn then
    failed = failed + 1
    io.stderr:write(tostring(err), "\n")
  else
    assert(conn:send "hello\n")
    assert(conn:receive() == "hello")
    conn:close()
    served = served + 1
  end
  if served + failed == clients then listener:close() end
end

local start, cpu = uv.hrtime(), os.clock()
for _ = 1, clients do tls.spawn(talk) end
uv.run()
local took = (uv.hrtime() - start) / 1e9
print(("%d of %d clients in %.2f s, %.2f s of the processor's time; %d hooks of %.3f s waited at once, one after the "
  .. "other they take %.0f s"):format(served, clients, took, os.clock() - cpu, most, seconds, clients * seconds))
