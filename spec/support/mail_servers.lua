--- exim and dovecot on loopback, in the foreground, with TLS and the leaf `rsa`:
-- servers of mail that people run. User "post", password "correct horse".
local helpers = require "spec.support.helpers"

local mail_servers = { user = "post", password = "correct horse" }

-- What a command prints, without the line's end; nil: it failed.
local function output(command)
  local process = helpers.spawn {"sh", "-c", command}
  local status = process:wait()
  return status == 0 and process:output():gsub("\n$", "") or nil
end

local uid, gid = output "id -u", output "id -g"
local is_root = uid == "0"
local PATH = os.getenv "PATH" .. ":/usr/sbin"

--- Whether dovecot is here, of the version that reads our configuration: that
-- of 2.4 is another language.
function mail_servers.has_dovecot()
  return (output(("PATH='%s' dovecot --version"):format(PATH)) or ""):find "^2%.3%." ~= nil
end

-- A directory that others may enter, which goes with `stop`: the servers work as
-- nobody where they are started by root.
local function directory(names)
  local path = assert(output("d=$(mktemp -d /tmp/mail.XXXXXX) && chmod 711 $d && mkdir -p "
    .. names:gsub("%S+", "$d/%0") .. " && echo $d"))
  return path, function() output("rm -rf " .. path) end
end

local function run(argv, path, timeout)
  return helpers.spawn(argv, {directory = path, timeout = timeout or 60, env = {PATH = PATH}})
end

-- The test's certificate is copied: the run's directory is for its user alone.
local FILES = "cp " .. helpers.file "rsa.crt" .. " %s/tls.crt && cp " .. helpers.file "rsa.key" .. " %s/tls.key"

--- exim, which takes mail after STARTTLS and a login and keeps it: `mails()` is
-- what it has, headers and texts. `port`, `stop`.
function mail_servers.exim()
  local path, remove = directory "spool"
  local port = helpers.free_port()
  assert(output(FILES:format(path, path)))
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
queue_only = true
tls_advertise_hosts = *
tls_certificate = %s/tls.crt
tls_privatekey = %s/tls.key
acl_smtp_rcpt = accept authenticated = *
acl_smtp_data = accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{%s}}{eq{$auth3}{%s}}}}
  server_advertise_condition = ${if def:tls_in_cipher}
]]):format(port, uid, gid, path, path, path, path, path, mail_servers.user, mail_servers.password))
  assert(output("chmod 600 " .. path .. "/conf"))
  local server = run({"exim4", "-C", path .. "/conf", "-bdf"}, path)
  helpers.wait_for_port(port)
  return {port = port, mails = function()
    return output("cat " .. path .. "/spool/input/*-H " .. path .. "/spool/input/*-D 2>&1") or ""
  end, stop = function()
    server:stop()
    remove()
  end}
end

--- dovecot, which has these mails in the INBOX, by IMAP over TLS. `port`, `stop`.
-- @tparam {string,...} mails texts, oldest first
function mail_servers.dovecot(mails)
  local path, remove = directory "base home/Mail/cur home/Mail/new home/Mail/tmp"
  local port = helpers.free_port()
  assert(output(FILES:format(path, path)))
  for i, mail in ipairs(mails) do
    helpers.write_file(("%s/home/Mail/cur/%d.M%dP1.localhost:2,"):format(path, i, i), (mail:gsub("\n", "\r\n")))
  end
  if is_root then assert(output("chown -R 65534:65534 " .. path .. "/home")) end
  helpers.write_file(path .. "/conf", ([[
base_dir = %s/base
state_dir = %s/base
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <%s/tls.crt
ssl_key = <%s/tls.key
%s
passdb {
  driver = static
  args = password=%s
}
userdb {
  driver = static
  args = uid=%s gid=%s home=%s/home
}
mail_location = maildir:~/Mail
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = %d
  }
}
]]):format(path, path, path, path, is_root and "" or ([[
default_internal_user = %s
default_internal_group = %s
default_login_user = %s]]):format(output "id -un", output "id -gn", output "id -un"),
    mail_servers.password:gsub(" ", "_"), is_root and 65534 or uid, is_root and 65534 or gid, path, port))
  local server = run({"dovecot", "-F", "-c", path .. "/conf"}, path)
  helpers.wait_for_port(port)
  return {port = port, password = mail_servers.password:gsub(" ", "_"), output = function() return server:output() end,
    stop = function()
      server:stop()
      remove()
    end}
end

return mail_servers
