-- smoke-luassl-luasec.lua PREFIX PORT CA PAGE -- fetches a page as a program
-- written for LuaSec does, by what the rock luassl-luasec has put there.
local prefix, port, ca, page = arg[1], tonumber(arg[2]), arg[3], arg[4]
local socket = require "socket"
local ssl = require "ssl"

local found
for template in package.path:gmatch "[^;]+" do
  local file = io.open((template:gsub("%?", "ssl")))
  if file then
    found = found or template
    file:close()
  end
end
assert(found and found:sub(1, #prefix + 1) == prefix .. "/", found)

local function connect(params)
  local sock = assert(socket.connect("127.0.0.1", port))
  local conn = assert(ssl.wrap(sock, params))
  local done, err = conn:dohandshake()
  if not done then return nil, err end
  return conn
end

local conn = assert(connect { mode = "client", protocol = "any", verify = "peer", cafile = ca })
assert(conn:send "GET /page.txt HTTP/1.0\r\n\r\n")
local answer = assert(conn:receive "*a")
assert(answer:find(page, 1, true), answer)
conn:close()

local refused, err = connect { mode = "client", protocol = "any", verify = "peer" }
assert(not refused and type(err) == "string", err)
