-- Sends commands to Redis over TLS, all at once, and prints its replies.
--
--   lua redis_commands.lua HOST PORT CA-FILE [CERT-FILE [KEY-FILE]] <commands.txt
--
-- A command a line, its words separated by spaces. CA-FILE has the certificates
-- that the server is verified with, "-" for the system's. Redis asks clients for
-- a certificate unless it is told not to: CERT-FILE, with its key or KEY-FILE.
-- REDIS_PASSWORD in the environment logs in.
local ssl = require "luassl"

local host, port, ca, cert, key = arg[1], tonumber(arg[2]), arg[3], arg[4], arg[5]
if not port or not ca then
  io.stderr:write "usage: redis_commands.lua HOST PORT CA-FILE [CERT-FILE [KEY-FILE]] <commands.txt\n"
  os.exit(2)
end

-- The value, or the end of this program.
local function try(value, err)
  if value ~= nil then return value end
  io.stderr:write("redis_commands: ", tostring(err), "\n")
  os.exit(1, true)
end

local conn = try(ssl.connect(host, port, {
  ca_certs = ca ~= "-" and ca or nil, certfile = cert, keyfile = key, timeout = 30 }))
conn:settimeout(30)
print("over " .. conn:version() .. " with " .. conn:cipher())

-- Words as Redis's protocol writes a command: their number, and each with its
-- length. So a word may hold anything.
local function encode(words)
  local parts = { ("*%d\r\n"):format(#words) }
  for i, word in ipairs(words) do parts[i + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return table.concat(parts)
end

-- A reply as lines of text, `indent` before each.
local DEPTH_MAX, SIZE_MAX = 16, 16777216
local function reply(indent)
  local line = try(conn:receive "*l")
  local kind, rest = line:match "^([%+%-:%$%*])(.*)$"
  if kind == "+" or kind == ":" then return indent .. rest end
  if kind == "-" then return indent .. "error: " .. rest end
  local size = tonumber(try(kind and rest:match "^%-?%d+$", "no reply of Redis: " .. line))
  try(size <= SIZE_MAX and #indent < 2 * DEPTH_MAX or nil, "Redis sends too much")
  if size < 0 then return indent .. "nothing" end
  if kind == "$" then return indent .. try(conn:receive(size + 2)):sub(1, -3) end
  local items = {}
  for i = 1, size do items[i] = reply(indent .. "  ") end
  return size == 0 and indent .. "an empty list" or table.concat(items, "\n")
end

local commands, names = {}, {}
local function add(words, name)
  commands[#commands + 1] = encode(words)
  names[#names + 1] = name
end

local password = os.getenv "REDIS_PASSWORD"
if password then add({ "AUTH", password }, "AUTH") end
for line in io.lines() do
  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  if words[1] then add(words, line) end
end

-- In batches: whoever only sends fills the buffers of both ends at last.
local BATCH = 100
for first = 1, #commands, BATCH do
  local last = math.min(first + BATCH - 1, #commands)
  try(conn:send(table.concat(commands, "", first, last)))
  for i = first, last do print(names[i] .. "\n" .. reply "  ") end
end
conn:close()
