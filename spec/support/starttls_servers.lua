--- Servers that people run, on loopback, in the foreground, with TLS behind
-- STARTTLS and the leaf `rsa`: for what looks at them, nobody logs in.
local helpers = require "spec.support.helpers"

local servers = {}

local PATH = os.getenv "PATH" .. ":/usr/sbin"

local function shell(command)
  local process = helpers.spawn({"sh", "-c", command}, {env = {PATH = PATH}})
  local status = process:wait()
  return status == 0 and process:output():gsub("\n$", "") or nil
end

--- Whether a program is installed.
function servers.found(program)
  return shell("command -v " .. program) ~= nil
end

-- A directory that the servers' own users may enter, with the leaf in it.
local function directory()
  local path = assert(shell "d=$(mktemp -d /tmp/starttls.XXXXXX) && chmod 755 $d && echo $d")
  assert(shell(("cp %s %s/tls.crt && cp %s %s/tls.key"):format(helpers.file "rsa.crt", path, helpers.file "rsa.key",
    path)))
  return path
end

local function start(argv, path, ports)
  local process = helpers.spawn(argv, {directory = path, timeout = 60, env = {PATH = PATH}})
  local server = {ports = ports, stop = function()
    process:stop()
    shell("rm -rf " .. path)
  end}
  local ok, err = pcall(function()
    for _, port in pairs(ports) do helpers.wait_for_port(port) end
  end)
  if ok then return server end
  server.stop()
  error(tostring(err) .. "\n" .. process:output(), 3)
end

local function distinct(...)
  local ports, used = {}, {}
  for _, name in ipairs {...} do
    repeat ports[name] = helpers.free_port() until not used[ports[name]]
    used[ports[name]] = true
  end
  return ports
end

--- exim: SMTP.
function servers.exim4()
  local path, ports = directory(), distinct "smtp"
  helpers.write_file(path .. "/conf", ([[
local_interfaces = 127.0.0.1
daemon_smtp_ports = %d
primary_hostname = localhost
exim_user = %s
exim_group = %s
never_users =
keep_environment =
spool_directory = %s/spool
log_file_path = %s/log.%%s
pid_file_path = %s/pid
tls_advertise_hosts = *
tls_certificate = %s/tls.crt
tls_privatekey = %s/tls.key
acl_smtp_rcpt = deny
]]):format(ports.smtp, shell "id -u", shell "id -g", path, path, path, path, path))
  assert(shell("mkdir " .. path .. "/spool && chmod 600 " .. path .. "/conf"))
  return start({"exim4", "-C", path .. "/conf", "-bdf"}, path, ports)
end

--- Whether the dovecot that is here reads the configuration below: 2.4 does not.
function servers.has_dovecot()
  return servers.found "dovecot" and (shell "dovecot --version" or ""):find "^2%.[0-3]%." ~= nil
end

--- dovecot: IMAP, POP3 and, where `sieve` says so, ManageSieve.
function servers.dovecot(sieve)
  local path = directory()
  local ports = sieve and distinct("imap", "pop3", "sieve") or distinct("imap", "pop3")
  local lines = {("base_dir = %s/base\nstate_dir = %s/base\nlog_path = /dev/stderr\nlisten = 127.0.0.1\n"
    .. "ssl = yes\nssl_cert = <%s/tls.crt\nssl_key = <%s/tls.key\nprotocols = imap pop3%s\n"
    .. "service anvil {\n  chroot =\n}\n"):format(path, path, path, path, sieve and " sieve" or "")}
  if shell "id -u" ~= "0" then
    lines[#lines + 1] = ("default_internal_user = %s\ndefault_login_user = %s\ndefault_internal_group = %s\n"):format(
      shell "id -un", shell "id -un", shell "id -gn")
  end
  for name, login in pairs {imap = "imap", pop3 = "pop3", sieve = "managesieve"} do
    if ports[name] then
      -- The ports of TLS from the start are not wanted.
      local others = name ~= "sieve" and ("  inet_listener %ss {\n    port = 0\n  }\n"):format(name) or ""
      lines[#lines + 1] = ("service %s-login {\n  chroot =\n  inet_listener %s {\n    port = %d\n  }\n%s}\n"):format(
        login, name, ports[name], others)
    end
  end
  lines[#lines + 1] = "passdb {\n  driver = static\n  args = password=x\n}\nuserdb {\n  driver = static\n"
    .. "  args = uid=65534 gid=65534 home=/nonexistent\n}\n"
  assert(shell("mkdir " .. path .. "/base"))
  helpers.write_file(path .. "/conf", table.concat(lines))
  return start({"dovecot", "-F", "-c", path .. "/conf"}, path, ports)
end

--- Prosody: XMPP, for the host "localhost".
function servers.prosody()
  local path, ports = directory(), distinct "xmpp"
  helpers.write_file(path .. "/prosody.cfg.lua", ([[
modules_enabled = {"tls", "saslauth"}
modules_disabled = {"s2s"}
run_as_root = true
daemonize = false
pidfile = "%s/pid"
data_path = "%s"
log = {{levels = {min = "info"}, to = "console"}}
interfaces = {"127.0.0.1"}
c2s_ports = {%d}
c2s_direct_tls_ports, legacy_ssl_ports, http_ports, https_ports = {}, {}, {}, {}
c2s_require_encryption = true
authentication = "internal_plain"
certificates = "%s"
ssl = {certificate = "%s/tls.crt", key = "%s/tls.key"}
VirtualHost "localhost"
]]):format(path, path, ports.xmpp, path, path, path))
  return start({"prosody", "-F", "--config", path .. "/prosody.cfg.lua"}, path, ports)
end

return servers
