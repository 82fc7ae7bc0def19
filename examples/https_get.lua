-- Fetches a page and writes it to standard output, as curl does.
--
--   lua https_get.lua URL [CA-FILE]
--
-- CA-FILE has the certificates to trust in the place of the system's. A proxy is
-- taken from the environment: https_proxy, no_proxy. What has come of a page that
-- was cut short is written too; then, and at a status of 400 or more, the
-- program ends with status 1.
local https = require "luassl.https"

local url, ca = arg[1], arg[2]
if not url then
  io.stderr:write "usage: https_get.lua URL [CA-FILE]\n"
  os.exit(2)
end

local function write(piece)
  if piece then io.write(piece) end
  return 1
end

local done, code, _, status = https.request {
  url = url,
  sink = write,
  proxy = "environment",
  timeout = 60,  -- seconds, for all of it
  tls = { ca_certs = ca },
}
io.flush()
if not done then
  io.stderr:write("https_get: ", tostring(code), "\n")
elseif code >= 400 then
  io.stderr:write("https_get: ", status, "\n")
end
os.exit(done and code < 400 and 0 or 1, true)
