-- smoke.lua PREFIX PORT CA PAGE MODULE... -- fetches a page by an installed
-- LuaSSL, far from its sources. PREFIX is where it has to come from.
local prefix, port, ca, page = arg[1], tonumber(arg[2]), arg[3], arg[4]
local ssl = require "luassl"
for i = 5, #arg do assert(require(arg[i]), arg[i]) end

local source = debug.getinfo(ssl.connect, "S").source
assert(source:sub(2, #prefix + 1) == prefix, source)
local maps = assert(io.open "/proc/self/maps"):read "*a"
local core = maps:match "/[^\n]*/luassl/core%.so"
assert(core:sub(1, #prefix) == prefix, core)

local function connect(options)
  local conn, err = ssl.connect("127.0.0.1", port, options)
  if not conn then error(tostring(err), 0) end
  return conn
end

local function refusal(options)
  local done, text = pcall(connect, options)
  assert(not done, "connected")
  return text
end

local conn = connect {ca_certs = ca, server_hostname = "localhost"}
assert(conn:send "GET /page.txt HTTP/1.0\r\n\r\n")
local answer = assert(conn:receive "*a")
assert(answer:find(page, 1, true), answer)
assert(conn:peer_certificate())
conn:close()

local text = refusal {ca_certs = ca, server_hostname = "other.example"}
assert(text:find("valid for localhost", 1, true), text)
text = refusal {server_hostname = "localhost"}
assert(text:find("ca_certs", 1, true), text)
