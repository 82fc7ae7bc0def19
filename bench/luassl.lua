--- LuaSSL as a subject: see subject.lua.
local luassl = {}
local ssl

function luassl.load() ssl = require "luassl" end

function luassl.client_context(pki)
  return assert(ssl.create_default_context { ca_certs = pki .. "/root.pem" })
end

function luassl.client(context, port, session)
  local sock = assert(require "socket".connect("127.0.0.1", port))
  return assert(context:wrap_socket(sock, { server_hostname = "localhost", session = session }))
end

function luassl.resumes() return ssl.SSLContext():wrap_object().session ~= nil end

function luassl.session(conn) return conn:session() end

function luassl.server_context(pki)
  return assert(ssl.create_default_context { server_side = true, certfile = pki .. "/server.pem" })
end

function luassl.server(context, listener)
  listener = assert(context:wrap_socket(listener))
  return function() return assert(listener:accept()) end
end

function luassl.system_context() return ssl.create_default_context() end

function luassl.object(context) return assert(context:wrap_object { server_hostname = "localhost" }) end

return luassl
