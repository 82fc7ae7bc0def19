--- A PostgreSQL server of our own, on loopback, with TLS and a user who has a
-- SCRAM secret. It refuses to run as root: then it does as another user.
local helpers = require "spec.support.helpers"

local postgresql = {}

local USER, PASSWORD = "luassl", "correct horse"

-- The newest directory of its programs; nil: there is none.
local function programs()
  local pipe = io.popen "ls -d /usr/lib/postgresql/*/bin /usr/local/bin /usr/bin 2>/dev/null | sort -V"
  local found
  for path in pipe:lines() do
    local file = io.open(path .. "/initdb")
    if file then found = path file:close() end
  end
  pipe:close()
  return found
end

local bin = programs()

local function shell(command)
  local process = helpers.spawn({"sh", "-c", command}, {timeout = 120})
  local status = process:wait(120)
  return status == 0, process:output()
end

local is_root = shell "test $(id -u) = 0"

-- Words that run a command as somebody whom PostgreSQL accepts.
local function as_user(words)
  if is_root then return "setpriv --reuid=nobody --regid=nogroup --clear-groups " .. words end
  return words
end

postgresql.found = bin ~= nil

--- Starts one with the leaf `name`; its `port`, `user` and `password`, and a
-- method `stop`.
function postgresql.start(name)
  local ok, directory = shell "mktemp -d /tmp/pg.XXXXXX"
  assert(ok, directory)
  directory = directory:match "^[^\n]+"
  local data = directory .. "/data"
  local function run(command)
    local done, output = shell(command)
    if not done then
      shell("rm -rf " .. directory)
      error(output, 2)
    end
  end
  local file = assert(io.open(directory .. "/password", "w"))
  file:write(PASSWORD)
  file:close()
  run(("cp %s %s/server.key && cp %s %s/server.crt && chmod 600 %s/server.key"):format(
    helpers.file(name .. ".key"), directory, helpers.file(name .. ".crt"), directory, directory))
  if is_root then run("chown -R nobody " .. directory) end
  run(("cd / && " .. as_user "%s/initdb -D %s -U %s --pwfile=%s/password --auth=scram-sha-256 --no-sync -E UTF8 "
    .. "--locale=C"):format(bin, data, USER, directory))
  local port = helpers.free_port()
  local words = as_user(("%s/postgres -D %s -c listen_addresses=127.0.0.1 -c port=%d -c unix_socket_directories= "
    .. "-c ssl=on -c ssl_cert_file=%s/server.crt -c ssl_key_file=%s/server.key -c fsync=off -c shared_buffers=1MB "
    .. "-c max_connections=10"):format(bin, data, port, directory, directory))
  local argv = {}
  for word in words:gmatch "%S+" do argv[#argv + 1] = word end
  local server = helpers.spawn(argv, {directory = "/", timeout = 120})
  server:expect("database system is (ready) to accept connections", 30)
  return {port = port, user = USER, password = PASSWORD, stop = function()
    server:stop()
    shell("rm -rf " .. directory)
  end}
end

return postgresql
