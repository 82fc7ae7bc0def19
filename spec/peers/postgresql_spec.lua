-- SCRAM-SHA-256-PLUS with PostgreSQL, which verifies that both ends have the
-- same binding to the server's certificate: RFC 5802, RFC 7677, RFC 5929.
local helpers = require "spec.support.helpers"
local postgresql = require "spec.support.postgresql"
local mime = require "mime"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

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

-- TLS to it: its SSLRequest comes first, in clear text.
local function connect(server, options)
  local sock = assert(socket.connect("127.0.0.1", server.port))
  sock:settimeout(helpers.patience)
  assert(sock:send(be32(8) .. be32(80877103)))
  assert.equal("S", sock:receive(1))
  options.ca_certs, options.server_hostname = helpers.file "root.crt", "localhost"
  return assert(ssl.wrap_socket(sock, options))
end

-- Logs in with the binding: true, or what the server says against it. `prefix`
-- is SCRAM's gs2-header.
local function log_in(conn, server, prefix, binding)
  assert(conn:send((function(body) return be32(#body + 4) .. body end)(
    be32(196608) .. "user\0" .. server.user .. "\0database\0postgres\0\0")))
  local kind, body = next_message(conn)
  assert.equal("R", kind)
  assert.equal(10, number(body))  -- AuthenticationSASL
  assert.truthy(body:find("SCRAM-SHA-256-PLUS\0", 1, true), "it offers no binding")
  local nonce = mime.b64(ssl.RAND_bytes(18))
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
  assert.equal("v=" .. signature, body:sub(5))
  kind, body = next_message(conn)
  assert.equal("R", kind)
  assert.equal(0, number(body))  -- AuthenticationOk
  return true
end

local BINDING = "p=tls-server-end-point,,"

describe("SCRAM-SHA-256-PLUS with PostgreSQL", function()
  if not postgresql.found then return pending "there is no PostgreSQL" end
  local server

  setup(function() server = postgresql.start "rsa" end)
  teardown(function() server:stop() end)

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    it("accepts our binding, " .. version, function()
      local conn = connect(server, {minimum_version = version, maximum_version = version})
      assert.equal(version, conn:version())
      assert.is_true(log_in(conn, server, BINDING, conn:get_channel_binding "tls-server-end-point"))
      conn:close()
    end)

    it("refuses another one, " .. version, function()
      local conn = connect(server, {minimum_version = version, maximum_version = version})
      local other = conn:get_channel_binding "tls-server-end-point":sub(1, -2) .. "\0"
      local done, err = log_in(conn, server, BINDING, other)
      assert.is_nil(done)
      assert.matches("SCRAM channel binding check failed", err)
      conn:close()
    end)
  end
end)
