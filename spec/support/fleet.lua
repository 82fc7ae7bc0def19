--- Several servers with one Redis (examples/ticket_keys_redis.lua), a balancer in
-- front of them, and clients that come again and again, with what becomes of
-- their sessions.
local helpers = require "spec.support.helpers"
local dynamic = require "spec.support.dynamic_certificates"
local socket = require "socket"
local ssl = require "luassl"

local fleet = {}

local file = helpers.file
local LIFE = 240      -- seconds for a process
local REQUEST = "GET / HTTP/1.0\r\n\r\n"

-- Takes TCP connections, one after the other, to the ports in turn.
local FORWARD = [[
local socket = require "socket"
local listener = assert(socket.bind("127.0.0.1", tonumber(arg[1])))
print("ready " .. select(2, listener:getsockname()))
io.stdout:flush()
local turn = 1
local pairs_of, list = {}, {listener}
local function drop(sock)
  local other = pairs_of[sock]
  for i = #list, 1, -1 do
    if list[i] == sock or list[i] == other then table.remove(list, i) end
  end
  pairs_of[sock], pairs_of[other] = nil, nil
  sock:close()
  other:close()
end
while true do
  for _, sock in ipairs((socket.select(list, nil))) do
    if sock == listener then
      local client = listener:accept()
      turn = turn % (#arg - 1) + 1
      local server = client and socket.connect("127.0.0.1", tonumber(arg[turn + 1]))
      if server then
        client:settimeout(0)
        server:settimeout(0)
        pairs_of[client], pairs_of[server] = server, client
        list[#list + 1], list[#list + 2] = client, server
      elseif client then client:close() end
    elseif pairs_of[sock] then
      local data, err, partial = sock:receive(65536)
      data = data or partial
      if data and data ~= "" then
        pairs_of[sock]:settimeout(10)
        pairs_of[sock]:send(data)
        pairs_of[sock]:settimeout(0)
      end
      if err == "closed" then drop(sock) end
    end
  end
end
]]

--- A process that takes TCP connections to the ports in turn; with `port`.
function fleet.forward(port, ...)
  local process = helpers.spawn({helpers.interpreter, helpers.temp_file(FORWARD), port, ...}, {timeout = LIFE})
  process.port = tonumber(process:expect "ready (%d+)")
  return process
end

local function server(redis_port, period)
  local process = helpers.spawn({helpers.interpreter, "examples/ticket_keys_redis.lua", 0, redis_port,
    file "rsa.crt", file "rsa.key", period, file "root.crt"}, {timeout = LIFE})
  process.port = tonumber(process:expect "listening on 127%.0%.0%.1:(%d+)")
  process:expect "(key %d+ encrypts)"
  return process
end

--- Three servers, of which the last has its Redis through `line`.
function fleet.start(period)
  local self = {redis = dynamic.redis(), servers = {}}
  self.line = fleet.forward(0, self.redis.port)
  for i = 1, 3 do self.servers[i] = server(i == 3 and self.line.port or self.redis.port, period) end
  self.balancer = fleet.forward(0, self.servers[1].port, self.servers[2].port, self.servers[3].port)
  return self
end

function fleet.stop(self)
  self.balancer:stop()
  for _, one in ipairs(self.servers) do one:stop() end
  self.line:stop()
  self.redis:stop()
end

--- Clients ----------------------------------------------------------------

-- What a server has said.
local function facts(page)
  local resumed, server_port, key, name = page:match "resumed: (%a+)\nserver: (%d+)\nkey: (%d+)\nclient: ([^\n]+)"
  assert(resumed, "no answer: " .. page)
  return {resumed = resumed == "true", server = server_port, key = tonumber(key), client = name}
end

--- One of ours: a function that connects and gives the facts.
function fleet.client(version, certificate)
  local context = assert(ssl.create_default_context {ca_certs = file "root.crt", maximum_version = version,
    certfile = certificate and file(certificate .. ".pem")})
  local session
  return function(port)
    local conn = assert(ssl.connect("127.0.0.1", port, {context = context, server_hostname = "localhost",
      session = session, timeout = 20}))
    conn:settimeout(20)
    assert(conn:send(REQUEST))
    local page = assert(conn:receive "*a")
    session = conn:session()
    conn:close()
    return facts(page)
  end
end

--- openssl s_client, with its session in a file.
function fleet.openssl(version, certificate)
  local kept, known = helpers.temp_name(), false
  return function(port)
    local arguments = {"-quiet", "-ign_eof", version == "TLSv1.2" and "-tls1_2" or "-tls1_3", "-sess_out", kept,
      "-cert", file(certificate .. ".crt"), "-key", file(certificate .. ".key")}
    if known then
      arguments[#arguments + 1] = "-sess_in"
      arguments[#arguments + 1] = kept
    end
    local peer = helpers.s_client(port, {input = REQUEST, arguments = arguments})
    peer:wait(20)
    known = true
    return facts(peer:output())
  end
end

--- nginx, which asks the balancer for each of its own clients: the function, and
-- the process.
function fleet.nginx(balancer_port)
  local directory = helpers.temp_name()
  assert(helpers.spawn({"mkdir", "-p", directory .. "/logs"}):wait() == 0)
  local front, paths = helpers.free_port(), {}
  for _, name in ipairs {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} do
    paths[#paths + 1] = ("%s_temp_path %s/%s;"):format(name, directory, name)
  end
  local process = helpers.spawn({"nginx", "-p", directory, "-c", helpers.temp_file(([[
    daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
    events {} http { access_log off; %s
      server { listen 127.0.0.1:%d; location / { proxy_pass https://127.0.0.1:%d; proxy_ssl_verify on;
        proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_session_reuse on;
        proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_trusted_certificate %s; } } }
  ]]):format(directory, table.concat(paths, " "), front, balancer_port, file "root.crt"))}, {timeout = LIFE})
  helpers.wait_for_port(front)
  return function()
    local conn = assert(socket.connect("127.0.0.1", front))
    conn:settimeout(20)
    assert(conn:send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"))
    local page = assert(conn:receive "*a")
    conn:close()
    return facts(page)
  end, process
end

-- What went wrong with a client, and what the servers have printed.
local function complain(self, name, err)
  local parts = {name .. ": " .. tostring(err)}
  for i, one in ipairs(self.servers) do
    parts[#parts + 1] = ("server %d, status %s: %s"):format(i, tostring(one:status()), one:output())
  end
  error(table.concat(parts, "\n"), 0)
end

--- Lets each client connect in turn until `enough(newest key)` answers true, and
-- sums up: by client `count`, `resumed`, `servers`, `lost` (what was not resumed).
-- @tparam table self of `start`
-- @tparam table clients name -> function
function fleet.run(self, clients, enough)
  local port = self.balancer.port
  local sums, newest, deadline = {}, 0, socket.gettime() + 120
  for name in pairs(clients) do sums[name] = {count = 0, resumed = 0, servers = {}, changes = 0, client = nil} end
  repeat
    for name, connect in pairs(clients) do
      local done, found = pcall(connect, port)
      if not done then complain(self, name, found) end
      local sum = sums[name]
      sum.count = sum.count + 1
      if found.resumed then sum.resumed = sum.resumed + 1 end
      if sum.last and sum.last ~= found.server then sum.changes = sum.changes + 1 end
      sum.last, sum.servers[found.server], sum.client = found.server, true, found.client
      newest = math.max(newest, found.key)
    end
    assert(socket.gettime() < deadline, "it takes too long")
  until enough(newest)
  return sums, newest
end

return fleet
