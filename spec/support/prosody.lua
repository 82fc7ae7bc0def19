--- Prosody servers of our own, on loopback, unchanged but for the modules that
-- they find first: those that stand in LuaSec's place.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local preference = require "spec.support.luasec_preference"

local prosody = {}

local PROGRAM = "/usr/bin/prosody"

local CONFIG = [[
modules_enabled = {"roster", "saslauth", "tls", "disco", "ping", "posix", %s}
modules_disabled = {"s2s"}
run_as_root = true
daemonize = false
pidfile = "%s/pid"
data_path = "%s"
log = {{levels = {min = "debug"}, to = "console", timestamps = false}}
interfaces, local_interfaces = {"127.0.0.1"}, {"127.0.0.1"}
c2s_ports, c2s_direct_tls_ports, legacy_ssl_ports, s2s_ports, http_ports, https_ports = {%d}, {%d}, {%d}, {%d}, {}, {}
c2s_direct_tls_ssl = {certificate = "%s", key = "%s"}
legacy_ssl_ssl = c2s_direct_tls_ssl
c2s_require_encryption, s2s_require_encryption = true, true
authentication = "internal_plain"
s2s_secure_auth = true
network_backend = "%s"
certificates = "%s"
ssl = {cafile = "%s", certificate = "%s", key = "%s"%s}
%s
VirtualHost "%s"
]]

local RESOLVER = [[
unbound = {
  forward = "127.0.0.1@%s", resolvconf = false, hoststxt = false, options = {["do-not-query-localhost:"] = "no"},
}]]

--- Whether it can be told where names are looked up: no name server stands in
-- its configuration otherwise.
function prosody.can_resolve()
  return (pcall(require, "lunbound"))
end

--- Why it cannot run here; nil: it can. Its own C modules are for one Lua.
function prosody.missing()
  local file = io.open(PROGRAM)
  if not file then return "Prosody is not installed" end
  local lua = file:read():match "lua(%d%.%d)"
  file:close()
  if _VERSION ~= "Lua " .. tostring(lua) then return "Prosody is for Lua " .. tostring(lua) end
end

--- Starts one for `host`, ready; `c2s`, `direct`, `s2s` are its ports. It has
-- the user "juliet", password "secret".
-- @tparam string host
-- @tparam table options `certificate`, `key`: paths; `modules`: {name, ...};
--   `ssl`: further fields, as Lua; `more`: lines of the configuration; `s2s`:
--   the port of a server that speaks to others; `backend` ("epoll")
function prosody.start(host, options)
  local directory = helpers.temp_name()
  local accounts = ("%s/%s/accounts"):format(directory, (host:gsub("%W", function(c)
    return ("%%%02x"):format(c:byte())
  end)))
  assert(helpers.spawn({"mkdir", "-p", accounts}):wait() == 0)
  helpers.write_file(accounts .. "/juliet.dat", 'return { ["password"] = "secret" };')
  local ports, used = {s2s = options.s2s}, {}
  for _, name in ipairs {"c2s", "direct", "s2s"} do
    while not ports[name] or used[ports[name]] do ports[name] = helpers.free_port() end
    used[ports[name]] = true
  end
  local modules = {}
  for i, name in ipairs(options.modules or {}) do modules[i] = ("%q"):format(name) end
  if options.s2s then modules[#modules + 1] = '"s2s"' end
  local text = CONFIG:format(table.concat(modules, ", "), directory, directory, ports.c2s, ports.direct, ports.direct,
    ports.s2s, options.certificate, options.key, options.backend or "epoll", directory, helpers.file "root.crt",
    options.certificate, options.key, options.ssl and ", " .. options.ssl or "", options.more or "", host)
  if options.s2s then text = text:gsub("modules_disabled[^\n]*\n", "") end
  local config = directory .. "/prosody.cfg.lua"
  helpers.write_file(config, text)
  local peer = helpers.spawn({helpers.interpreter, PROGRAM, "-F", "--config", config},
    {env = preference.environment()})
  for name, port in pairs(ports) do peer[name] = port end
  function peer.id() return helpers.read_file(directory .. "/pid"):match "%d+" end
  peer:expect("Activated service 'c2s' on [^\n]*%]:(" .. ports.c2s .. ")", 4 * helpers.patience)
  peer:expect("Activated service '[^\n]*%]:(" .. ports.direct .. ")", 4 * helpers.patience)
  if options.s2s then peer:expect("Activated service 's2s' on [^\n]*%]:(" .. ports.s2s .. ")", 4 * helpers.patience) end
  local deadline = socket.gettime() + helpers.patience
  while not pcall(peer.id) do
    assert(socket.gettime() < deadline, "Prosody wrote no pid file")
    socket.sleep(0.01)
  end
  return peer
end

--- Two that find each other: a.example and b.example.
-- @tparam function certificate_of gives a host's, as issued_chains makes it
-- @treturn table both, and a method `stop`
function prosody.pair(certificate_of)
  local ports, hosts = {helpers.free_port()}, {}
  repeat ports[2] = helpers.free_port() until ports[2] ~= ports[1]
  local dns = helpers.spawn({"python3", "spec/luasec/dns.py", "a.example=" .. ports[1], "b.example=" .. ports[2]})
  local unbound = RESOLVER:format(dns:expect "ready (%d+)")
  for i, host in ipairs {"a.example", "b.example"} do
    local certificate = certificate_of(host)
    hosts[i] = prosody.start(host,
      {s2s = ports[i], certificate = certificate.certificate, key = certificate.key, more = unbound})
  end
  function hosts.stop()
    for _, host in ipairs(hosts) do host:stop() end
    dns:stop()
  end
  return hosts
end

return prosody
