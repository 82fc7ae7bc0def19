-- Fetches pages through a proxy, over as few connections as the servers allow,
-- and tells of each how it ended.
--
--   lua https_proxy.lua PROXY CA-FILE URL...
--
-- PROXY is http://[user:password@]host[:port]; CA-FILE has the certificates that
-- the servers are verified with, "-" for the system's.
local https = require "luassl.https"

local proxy, ca = arg[1], arg[2]
if not arg[3] then
  io.stderr:write "usage: https_proxy.lua PROXY CA-FILE URL...\n"
  os.exit(2)
end

local client = https.client {
  proxy = proxy,
  timeout = 30,
  redirect = false,
  tls = { ca_certs = ca ~= "-" and ca or nil },
}

local failures = 0
for i = 3, #arg do
  local body, code, _, status = client:request(arg[i])
  if body then
    print(("%s: %s, %d bytes"):format(arg[i], status, #body))
  else
    failures = failures + 1
    local kind = type(code) == "table" and code.kind or "before TLS"
    print(("%s: %s: %s"):format(arg[i], kind, tostring(code)))
  end
end
client:close()
os.exit(failures == 0 and 0 or 1, true)
