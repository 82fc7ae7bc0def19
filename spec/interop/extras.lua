--- The second table of peers: what is not about certificates, pre-shared keys and
-- early data. A column has a `name` and `peers`: by a peer's name what is tried
-- where it is the "server" and where it is the "client", a function that raises if
-- it fails. A peer without one cannot do it, or has no setting for it.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

local IDENTITY, KEY = "client_1", ("0123456789abcdef"):rep(2)
local HEX = (KEY:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
local LINE, EARLY = "a line", "early bird\n"
local PATIENCE = 20  -- seconds

local function certificate()
  return helpers.file "ecdsa.crt", helpers.file "ecdsa.key"
end

-- A listener of ours, and its port.
local function listen(options, more)
  local context = assert(ssl.SSLContext(options))
  local raw = assert(socket.bind("127.0.0.1", 0))
  local _, port = raw:getsockname()
  local listener = assert(context:wrap_socket(raw, more))
  listener:settimeout(PATIENCE)
  return listener, port
end

local function ended(process, done, err)
  local text = process:output()
  process:stop()
  if process.behind then process.behind:stop() end
  if not done then error(tostring(err) .. "\n" .. text, 0) end
end

--- Pre-shared keys ----------------------------------------------------------

-- We are the server of a client that says LINE, and answer it.
local function serve_key(version, visit)
  local listener, port = listen {server_side = true, psk = {[IDENTITY] = KEY}, cert_reqs = ssl.CERT_REQUIRED,
    psk_authenticates = true, minimum_version = version, maximum_version = version}
  local process = visit(port, version)
  ended(process, pcall(function()
    local conn = assert(listener:accept())
    conn:settimeout(PATIENCE)
    assert(conn:receive() == LINE)
    assert(conn:authenticated_by() == "psk" and conn:psk_identity() == IDENTITY and conn:version() == version)
    assert(conn:send(LINE .. "\n"))
    process:expect(LINE)
    conn:close()
  end))
  listener:close()
end

-- We are the client of a server that answers LINE by `answer`.
local function visit_key(version, serve)
  local process, answer = serve(version)
  ended(process, pcall(function()
    local conn = assert(ssl.connect("localhost", process.port, {minimum_version = version, maximum_version = version,
      psk = {localhost = {identity = IDENTITY, key = KEY}}, psk_authenticates = true, timeout = PATIENCE}))
    conn:settimeout(PATIENCE)
    assert(conn:authenticated_by() == "psk" and conn:version() == version)
    assert(conn:send(LINE .. "\n"))
    assert(conn:receive() == answer)
    conn:close()
  end))
end

local function flag(version)
  return "-" .. version:lower():gsub("v", ""):gsub("%.", "_")
end

local keys = {OpenSSL = {}, GnuTLS = {}, stunnel = {}, Node = {}}

function keys.OpenSSL.serve(version)
  local process = helpers.spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk", HEX,
    "-psk_identity", IDENTITY, flag(version), "-rev"}, {input = true})
  process.port = tonumber(process:expect "ACCEPT [^\n]-:(%d+)\n")
  return process, LINE:reverse()
end

function keys.OpenSSL.visit(port, version)
  local process = helpers.spawn({"openssl", "s_client", "-connect", "127.0.0.1:" .. port, flag(version), "-psk", HEX,
    "-psk_identity", IDENTITY, "-quiet"}, {input = true})
  process:write(LINE .. "\n")
  return process
end

local function priority(version, exchanges)
  return "NORMAL:-VERS-ALL:+VERS-TLS" .. version:match "TLSv(.*)" .. ":-KX-ALL:" .. exchanges
end

function keys.GnuTLS.serve(version)
  local port = helpers.free_port()
  local process = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--priority",
    priority(version, "+ECDHE-PSK:+DHE-PSK:+PSK"), "--pskpasswd",
    helpers.temp_file(("%s:%s\n"):format(IDENTITY, HEX))}
  process.port = port
  helpers.wait_for_port(port)
  return process, LINE
end

-- gnutls-cli 3.7 crashes behind a handshake of TLS 1.2 with ECDHE-PSK or DHE-PSK, with gnutls-serv too.
function keys.GnuTLS.visit(port, version)
  local process = helpers.spawn({"gnutls-cli", "-p", port, "--priority",
    priority(version, version == "TLSv1.2" and "+PSK" or "+ECDHE-PSK:+DHE-PSK:+PSK"), "--pskusername", IDENTITY,
    "--pskkey", HEX, "localhost"}, {input = true})
  process:write(LINE .. "\n")
  return process
end

local function stunnel(version, client, accept, connect)
  return helpers.spawn {"stunnel4", helpers.temp_file(([[
foreground = yes
pid =
[l]
client = %s
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
sslVersion = %s
ciphers = PSK
PSKsecrets = %s
]]):format(client, accept, connect, version, helpers.temp_file(("%s:%s\n"):format(IDENTITY, HEX))))}
end

-- Answers clear text line by line, or says LINE and waits for it.
local CLEAR_SERVER = [[
  local socket = require "socket"
  local listener = assert(socket.bind("127.0.0.1", 0))
  print("ready " .. select(2, listener:getsockname()))
  io.stdout:flush()
  listener:settimeout(20)
  while true do
    local client = assert(listener:accept())
    client:settimeout(10)
    local line = client:receive()
    if line then client:send(line .. "\n") end
    client:close()
  end
]]
local CLEAR_CLIENT = [[
  local socket = require "socket"
  local client = assert(socket.connect("127.0.0.1", tonumber((...))))
  client:settimeout(20)
  client:send(select(2, ...) .. "\n")
  print(client:receive())
]]

function keys.stunnel.serve(version)
  local behind = helpers.lua(CLEAR_SERVER)
  local port = helpers.free_port()
  local process = stunnel(version, "no", port, behind:expect "ready (%d+)")
  process.port, process.behind = port, behind
  helpers.wait_for_port(port)
  return process, LINE
end

function keys.stunnel.visit(port, version)
  local front = helpers.free_port()
  local proxy = stunnel(version, "yes", front, port)
  proxy:expect "Configuration successful"
  local process = helpers.lua(CLEAR_CLIENT, front, LINE)
  process.behind = proxy
  return process
end

local NODE = [[
const tls = require("tls");
const [mode, version, identity, hex, port, line] = process.argv.slice(2);
const key = Buffer.from(hex, "hex");
const options = { minVersion: version, maxVersion: version, ciphers: "PSK:TLS_AES_128_GCM_SHA256" };
if (mode === "serve") {
  options.pskCallback = (sock, who) => (who === identity ? key : null);
  const server = tls.createServer(options, (sock) => sock.pipe(sock));
  server.listen(0, "127.0.0.1", () => console.log("ready " + server.address().port));
} else {
  options.pskCallback = () => ({ psk: key, identity });
  options.checkServerIdentity = () => undefined;
  const sock = tls.connect({ ...options, host: "127.0.0.1", port: Number(port) }, () => sock.write(line + "\n"));
  sock.on("data", (data) => { process.stdout.write(data); sock.end(); });
}
]]

local function node(mode, version, port)
  return helpers.spawn {"node", helpers.temp_file(NODE), mode, version, IDENTITY, HEX, port or "", LINE}
end

function keys.Node.serve(version)
  local process = node("serve", version)
  process.port = tonumber(process:expect "ready (%d+)")
  return process, LINE
end

function keys.Node.visit(port, version)
  return node("visit", version, port)
end

--- Early data ---------------------------------------------------------------

local early = {OpenSSL = {}, GnuTLS = {}, nginx = {}}

-- We are the server. `visit(port, round)` comes twice, or stays for both; `told`
-- waits until it has had its ticket.
local function serve_early(visit, told)
  local cert, key = certificate()
  local listener, port = listen({server_side = true, certfile = cert, keyfile = key, max_early_data = 4096},
    {do_handshake_on_connect = false})
  local process
  local done, err = pcall(function()
    for round = 1, 2 do
      process = visit(port, round, process)
      local conn = assert(listener:accept())
      conn:settimeout(PATIENCE)
      local data = conn:read_early_data()
      assert(data == (round == 2 and EARLY or nil), "it sent early: " .. tostring(data))
      assert(conn:do_handshake())
      assert(conn:send "hello\n")
      if round == 1 then told(process, conn) end
      conn:close()
    end
  end)
  listener:close()
  ended(process, done, err)
end

-- We are the client; `talk(conn, process, text)` sends what is not sent yet and
-- reads an answer, so that tickets have come.
local function visit_early(serve, request, talk)
  local process = serve()
  ended(process, pcall(function()
    local context = assert(ssl.create_default_context {ca_certs = helpers.file "root.crt"})
    local session
    for round = 1, 2 do
      local conn = assert(context:wrap_socket(assert(socket.connect("127.0.0.1", process.port)), {
        server_hostname = "localhost", session = session, do_handshake_on_connect = false}))
      conn:settimeout(PATIENCE)
      if round == 2 then assert(conn:write_early_data(request) == #request) end
      assert(conn:do_handshake())
      assert((conn:early_data_accepted() or false) == (round == 2))
      talk(conn, process, round)
      session = conn:session()
      conn:close()
    end
  end))
end

function early.OpenSSL.client()
  local saved, data = helpers.temp_name(), helpers.temp_file(EARLY)
  serve_early(function(port, round, before)
    if before then before:stop() end
    local argv = round == 1 and {"-sess_out", saved} or {"-sess_in", saved, "-early_data", data}
    local process = helpers.s_client(port, {arguments = {"-tls1_3", "-quiet", argv[1], argv[2], argv[3], argv[4]}})
    return process
  end, function(process) process:expect "hello" end)
end

function early.OpenSSL.server()
  visit_early(function()
    return helpers.s_server {cert = "ecdsa", arguments = {"-tls1_3", "-early_data", "-max_early_data", "4096"}}
  end, EARLY, function(conn, process, round)
    process:write "hello\n"
    assert(conn:receive() == "hello")
    if round == 2 then process:expect(EARLY) end
  end)
end

function early.GnuTLS.client()
  serve_early(function(port, _, before)
    return before or helpers.spawn({"gnutls-cli", "--x509cafile", helpers.file "root.crt", "--priority",
      "NORMAL:-VERS-ALL:+VERS-TLS1.3", "--resume", "--waitresumption", "--earlydata", helpers.temp_file(EARLY),
      "-p", port, "localhost"}, {input = true})
  end, function(_, conn) conn:receive "*a" end)  -- it ends this connection by itself
end

function early.GnuTLS.server()
  local cert, key = certificate()
  visit_early(function()
    local port = helpers.free_port()
    local process = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3",
      "--x509certfile", cert, "--x509keyfile", key, "--disable-client-cert", "--earlydata", "--maxearlydata", "4096"}
    process.port = port
    helpers.wait_for_port(port)
    return process
  end, EARLY, function(conn)
    assert(conn:send "hello\n")
    local line = conn:receive()
    if line .. "\n" == EARLY then line = conn:receive() end
    assert(line == "hello")
  end)
end

function early.nginx.server()
  local request = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
  visit_early(function()
    local cert, key = certificate()
    local directory, port, paths = helpers.temp_name(), helpers.free_port(), {}
    os.execute(("mkdir -p %s/logs"):format(directory))
    for _, name in ipairs {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} do
      paths[#paths + 1] = ("%s_temp_path %s/%s;"):format(name, directory, name)
    end
    local process = helpers.spawn {"nginx", "-p", directory, "-c", helpers.temp_file(([[
      daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
      events {} http { access_log off; %s server { listen 127.0.0.1:%d ssl; ssl_protocols TLSv1.3;
      ssl_certificate %s; ssl_certificate_key %s; ssl_early_data on;
      location / { return 200 "early: $ssl_early_data.\n"; } } }
    ]]):format(directory, table.concat(paths, " "), port, cert, key))}
    process.port = port
    helpers.wait_for_port(port)
    return process
  end, request, function(conn, _, round)
    if round == 1 then assert(conn:send(request)) end
    assert(conn:receive "*a":find "early: 1?%.\n")
  end)
end

--- The columns --------------------------------------------------------------

local columns = {}

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  local column = {name = version:match "TLSv(.*)" .. " pre-shared key", peers = {}}
  for name, peer in pairs(keys) do
    column.peers[name] = {
      server = function() visit_key(version, peer.serve) end,
      client = function() serve_key(version, peer.visit) end,
    }
  end
  columns[#columns + 1] = column
end
columns[#columns + 1] = {name = "1.3 early data", peers = early}

local extras = {}

-- The row of a peer in a role, and whether it can anything.
local function row_of(name, role, count)
  local row, any = {name, role}, false
  for _, column in ipairs(columns) do
    local try = column.peers[name] and column.peers[name][role]
    local done, err = true, nil
    if try then
      any, done, err = true, pcall(try)
      count[done and "passed" or "failed"] = count[done and "passed" or "failed"] + 1
    end
    row[#row + 1] = not try and "-" or done and "yes" or "**no**"
    if not done then io.write(("%s, %s, %s: %s\n"):format(name, role, column.name, tostring(err))) end
  end
  return "| " .. table.concat(row, " | ") .. " |", any
end

--- Tries all peers of which `is_wanted(peer)` is true, adds to `count`, and
-- answers the table.
function extras.run(peers, is_wanted, count)
  local head = {"peer", "as"}
  for _, column in ipairs(columns) do head[#head + 1] = column.name end
  local lines = {"| " .. table.concat(head, " | ") .. " |", ("|---"):rep(#head) .. "|"}
  for _, peer in ipairs(peers) do
    for _, role in ipairs(is_wanted(peer) and {"server", "client"} or {}) do
      local row, any = row_of(peer.name, role, count)
      if any then
        lines[#lines + 1] = row
        print(row)
      end
    end
  end
  return table.concat(lines, "\n")
end

--- Puts the table into doc/peers.md, between its two marks.
function extras.write(text)
  local page = helpers.read_file "doc/peers.md"
  local before, after = page:match "^(.-<!%-%- extras %-%->\n).-(<!%-%- end of extras %-%->.*)$"
  assert(before, "doc/peers.md has no marks for the second table")
  helpers.write_file("doc/peers.md", before .. text .. "\n" .. after)
end

return extras
