--- LuaSec as a subject: see subject.lua. It has no name check, no system CAs
-- (its users name Debian's bundle), no client sessions, no SSLObject.
local luasec = {}
local ssl

function luasec.load() ssl = require "ssl" end

function luasec.client_context(pki)
  return assert(ssl.newcontext { mode = "client", protocol = "any", verify = "peer", cafile = pki .. "/root.pem" })
end

function luasec.client(context, port)
  local conn = assert(ssl.wrap(assert(require "socket".connect("127.0.0.1", port)), context))
  conn:sni "localhost"
  assert(conn:dohandshake())
  return conn
end

function luasec.server_context(pki)
  local file = pki .. "/server.pem"
  return assert(ssl.newcontext { mode = "server", protocol = "any", certificate = file, key = file })
end

function luasec.server(context, listener)
  return function()
    local conn = assert(ssl.wrap(assert(listener:accept()), context))
    assert(conn:dohandshake())
    return conn
  end
end

function luasec.system_context()
  return ssl.newcontext {
    mode = "client", protocol = "any", verify = "peer", cafile = "/etc/ssl/certs/ca-certificates.crt",
  }
end

return luasec
