--- `luassl ca`: a throw-away authority, a server's certificate, and how to trust it.
-- @module luassl.cli.ca
-- @local
local openssl = require "luassl.cli.openssl"

local ca = {}

local DEFAULT = { "localhost", "127.0.0.1", "::1" }

local TEXT = [[
Made, valid for %d days, for %s:
  %s/ca.pem      the authority's certificate: clients trust it
  %s/server.pem  the server's certificate
  %s/server.key  its key
  %s/ca.key      the authority's key: delete it, unless you want to sign more

A server:
  ssl.create_default_context { server_side = true, certfile = "%s/server.pem", keyfile = "%s/server.key" }
  luassl serve --cert %s/server.pem --key %s/server.key

Clients that trust it:
  ssl.connect("%s", 8443, { ca_certs = "%s/ca.pem" })
  curl --cacert %s/ca.pem https://%s:8443/
  SSL_CERT_FILE=%s/ca.pem PROGRAM    (programs that use OpenSSL; they then trust nothing else)
  NODE_EXTRA_CA_CERTS=%s/ca.pem node PROGRAM.js

The authority can sign for these names alone. Do not add it to the trust of a whole system all the same:
it is for trying things out.
]]

--- Runs the command.
-- @tparam table out a writer
-- @tparam table settings
-- @treturn integer exit status
function ca.run(out, settings)
  local names = settings.names[1] and settings.names or DEFAULT
  local entries, err = openssl.entries(names)
  if not entries then error({ usage = err }, 0) end
  local directory = settings.out:gsub("(.)/+$", "%1")
  local ok
  ok, err = openssl.authority(directory, entries, settings.days)
  if not ok then error({ failed = err }, 0) end
  local shown = { settings.days, table.concat(names, ", ") }
  for _ = 1, 8 do shown[#shown + 1] = directory end
  for _, item in ipairs { names[1], directory, directory, names[1], directory, directory } do
    shown[#shown + 1] = item
  end
  for line in TEXT:format((table.unpack or unpack)(shown)):gmatch "([^\n]*)\n" do out:line(line) end
  return 0
end

return ca
