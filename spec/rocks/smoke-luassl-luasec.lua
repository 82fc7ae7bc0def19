-- smoke-luassl-luasec.lua PREFIX PORT CA PAGE -- fetches a page as programs
-- written for LuaSec do, by what the rock luassl-luasec has put there.
local prefix, port, ca, page = arg[1], arg[2], arg[3], arg[4]
local https = require "ssl.https"
for _, name in ipairs {"ssl", "ssl.config", "ssl.context", "ssl.core", "ssl.https", "ssl.x509"} do
  local file = prefix .. "/share/lua/" .. _VERSION:match "%d%.%d" .. "/" .. name:gsub("%.", "/") .. ".lua"
  assert(loadfile(file), file)
  assert(type(require(name)) == "table", name)
end
local source = debug.getinfo(require "ssl".wrap, "S").source
assert(source:sub(2, #prefix + 1) == prefix, source)

local function fetch(more)
  local parts = {}
  local request = {url = ("https://localhost:%s/page.txt"):format(port), verify = "peer",
    sink = require "ltn12".sink.table(parts)}
  for name, value in pairs(more) do request[name] = value end
  local done, code = https.request(request)
  return done and table.concat(parts), code
end

local body, code = fetch {cafile = ca}
assert(body and body:find(page, 1, true), tostring(code))
body, code = fetch {}
assert(not body and code:find "certificate verify failed", tostring(code))
assert(require "socket.http".request(("https://localhost:%s/page.txt"):format(port)):find(page, 1, true))
