-- Runs SQL on PostgreSQL over TLS, and prints the rows. It logs in with
-- SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), which proves to both sides that the
-- other knows the password, and that nobody stands in between with another
-- certificate. Nothing weaker is accepted.
--
--   PGPASSWORD=... lua postgresql_scram.lua HOST PORT CA-FILE USER DATABASE SQL
--
-- CA-FILE has the certificates that the server is verified with, "-" for the
-- system's. SHA-256 is luaossl's (Debian: lua-luaossl).
local digest = require "openssl.digest"
local hmac = require "openssl.hmac"
local kdf = require "openssl.kdf"
local mime = require "mime"
local socket = require "socket"
local ssl = require "luassl"

local host, port, ca, user, database, sql = arg[1], tonumber(arg[2]), arg[3], arg[4], arg[5], arg[6]
local password = os.getenv "PGPASSWORD"
if not (port and sql and password) then
  io.stderr:write "usage: PGPASSWORD=... postgresql_scram.lua HOST PORT CA-FILE USER DATABASE SQL\n"
  os.exit(2)
end

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("postgresql_scram: ", tostring(err), "\n")
  os.exit(1, true)
end

--- Messages ------------------------------------------------------------------

local function int(n, size)
  local bytes = {}
  for i = size, 1, -1 do bytes[i], n = string.char(n % 256), math.floor(n / 256) end
  return table.concat(bytes)
end

local function number(bytes)
  local n = 0
  for i = 1, #bytes do n = n * 256 + bytes:byte(i) end
  return n
end

local conn = try(socket.connect(host, port))
conn:settimeout(30)
local function send(kind, body) try(conn:send(kind .. int(#body + 4, 4) .. body)) end

-- The next message: its kind and its body.
local function receive()
  local head = try(conn:receive(5))
  local size = number(head:sub(2)) - 4
  try(size >= 0 and size <= 16777216, "the server sends too much")
  local kind, body = head:sub(1, 1), size > 0 and try(conn:receive(size)) or ""
  if kind == "E" then try(nil, "the server says: " .. (body:match "%zM(%Z*)" or "an error")) end
  return kind, body
end

--- TLS, and the login ---------------------------------------------------------

send("", int(80877103, 4))  -- SSLRequest
try(try(conn:receive(1)) == "S", "the server has no TLS")
local context = try(ssl.create_default_context { ca_certs = ca ~= "-" and ca or nil })
conn = try(context:wrap_socket(conn, { server_hostname = host }))
print("over " .. conn:version() .. " with " .. conn:cipher())

local function authentication(code)
  local kind, body = receive()
  try(kind == "R" and number(body:sub(1, 4)) == code, "the server wants another kind of login")
  return body:sub(5)
end

local function mac(key, text) return hmac.new(key, "sha256"):final(text) end

local function exclusive_or(a, b)
  return (a:gsub("()(.)", function(i, char)
    local x, y, result = char:byte(), b:byte(i), 0
    for n = 0, 7 do result = result + (math.floor(x / 2 ^ n) + math.floor(y / 2 ^ n)) % 2 * 2 ^ n end
    return string.char(result)
  end))
end

send("", int(196608, 4) .. ("user\0%s\0database\0%s\0\0"):format(user, database))
try(authentication(10):find("SCRAM-SHA-256-PLUS\0", 1, true), "the server offers no channel binding")
local gs2, bare = "p=tls-server-end-point,,", "n=,r=" .. mime.b64(ssl.RAND_bytes(18))
local binding = try(conn:get_channel_binding "tls-server-end-point")
send("p", "SCRAM-SHA-256-PLUS\0" .. int(#gs2 + #bare, 4) .. gs2 .. bare)
local challenge = authentication(11)
local nonce, salt, rounds = challenge:match "^r=([^,]+),s=([^,]+),i=(%d+)$"
try(nonce and nonce:find(bare:sub(6), 1, true) == 1, "the server's challenge is none to us")
try(tonumber(rounds) <= 1000000, "the server wants too many rounds")
local salted = kdf.derive { type = "PBKDF2", md = "sha256", pass = password, salt = mime.unb64(salt),
  iter = tonumber(rounds), outlen = 32 }
local final = "c=" .. mime.b64(gs2 .. binding) .. ",r=" .. nonce
local transcript = bare .. "," .. challenge .. "," .. final
local key = mac(salted, "Client Key")
local proof = exclusive_or(key, mac(digest.new("sha256"):final(key), transcript))
send("p", final .. ",p=" .. mime.b64(proof))
try(authentication(12) == "v=" .. mime.b64(mac(mac(salted, "Server Key"), transcript)),
  "the server does not know the password")
authentication(0)
print "logged in, bound to the server's certificate"

--- The query ------------------------------------------------------------------

repeat until receive() == "Z"
send("Q", sql .. "\0")
for kind, body in receive do
  if kind == "Z" then break end
  local fields, at = {}, 3
  for i = 1, kind == "D" and number(body:sub(1, 2)) or 0 do
    local size = number(body:sub(at, at + 3))
    if size == 4294967295 then size = 0 end  -- -1: NULL
    fields[i] = body:sub(at + 4, at + 3 + size)
    at = at + 4 + size
  end
  if kind == "D" then print(table.concat(fields, "\t")) end
end
send("X", "")
conn:close()
