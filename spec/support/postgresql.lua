--- A PostgreSQL server of our own, on loopback, with TLS and a user who has a
-- SCRAM secret. It refuses to run as root: then it does as another user.
local helpers = require "spec.support.helpers"
local mime = require "mime"
local socket = require "socket"

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

-- ---- clients

local function be32(n)
  return string.char(math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
end

local function number(bytes)
  local a, b, c, d = bytes:byte(1, 4)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

-- HMAC-SHA-256 and the rest of SCRAM's arithmetic, by Python: there is no such
-- thing in Lua. What it is given: password, salt, iterations, message; in hex.
local SCRAM = [[
import base64, hashlib, hmac, sys
password, salt, rounds, message = sys.argv[1:]
def mac(key, text): return hmac.new(key, text, hashlib.sha256).digest()
salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
key = mac(salted, b"Client Key")
signature = mac(hashlib.sha256(key).digest(), message.encode())
proof = bytes(a ^ b for a, b in zip(key, signature))
print("proof", base64.b64encode(proof).decode(), base64.b64encode(mac(mac(salted, b"Server Key"),
    message.encode())).decode(), "end")
]]

local function scram(...)
  local peer = helpers.spawn({"python3", "-c", SCRAM, ...})
  return peer:expect "proof (%S+) (%S+) end"
end

local function message(kind, body)
  return kind .. be32(#body + 4) .. body
end

local function next_message(conn)
  local head = assert(conn:receive(5))
  local size = number(head:sub(2)) - 4
  local body = size > 0 and assert(conn:receive(size)) or ""
  if head:sub(1, 1) == "E" then return "E", (body:gsub("%z", "\n")) end
  return head:sub(1, 1), body
end

--- Has it speak TLS: the SSLRequest, in clear text.
function postgresql.ask_for_tls(sock)
  assert(sock:send(be32(8) .. be32(80877103)))
  assert(sock:receive(1) == "S")
end

--- Logs in by SCRAM-SHA-256-PLUS over TLS.
-- @tparam userdata conn with LuaSocket's methods
-- @tparam table server what `start` made
-- @tparam string prefix SCRAM's gs2-header
-- @tparam string binding
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what the server says against it
function postgresql.log_in(conn, server, prefix, binding)
  assert(conn:send(message("", be32(196608) .. "user\0" .. server.user .. "\0database\0postgres\0\0")))
  local kind, body = next_message(conn)
  assert(kind == "R", body)
  assert(number(body) == 10)  -- AuthenticationSASL
  assert(body:find("SCRAM-SHA-256-PLUS\0", 1, true), "it offers no binding")
  local nonce = mime.b64(("%.0f"):format(socket.gettime() * 1e6))
  local bare = "n=,r=" .. nonce
  local first = prefix .. bare
  assert(conn:send(message("p", "SCRAM-SHA-256-PLUS\0" .. be32(#first) .. first)))
  kind, body = next_message(conn)
  if kind == "E" then return nil, body end
  local challenge = body:sub(5)
  local joint, salt, rounds = challenge:match "^r=([^,]+),s=([^,]+),i=(%d+)$"
  local final = "c=" .. mime.b64(prefix .. binding) .. ",r=" .. joint
  local proof, signature = scram(server.password, salt, rounds, bare .. "," .. challenge .. "," .. final)
  assert(conn:send(message("p", final .. ",p=" .. proof)))
  kind, body = next_message(conn)
  if kind == "E" then return nil, body end
  assert("v=" .. signature == body:sub(5))
  kind, body = next_message(conn)
  assert(kind == "R", body)
  assert(number(body) == 0)  -- AuthenticationOk
  return true
end

return postgresql
