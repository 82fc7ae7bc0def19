--- luaossl with cqueues as a subject: see subject.lua. No client sessions.
local luaossl = {}
local cqueues, sockets, tls, context, verify_param, store, pkey, x509

function luaossl.load()
  cqueues, sockets = require "cqueues", require "cqueues.socket"
  tls, context = require "openssl.ssl", require "openssl.ssl.context"
end

-- Binary, and each write leaves at once; LuaSocket's names for its methods.
-- cqueues itself calls its `send`, with all arguments.
local function prepare(conn)
  local methods = getmetatable(conn).__index
  if not methods.receive then
    local send = methods.send
    methods.receive = methods.xread
    function methods.send(self, data, first, ...)
      if first then return send(self, data, first, ...) end
      return self:write(data)
    end
  end
  conn:setmode("b", "bn")
  return conn
end

function luaossl.run(body)
  assert(cqueues.new():wrap(body):loop())
end

local function read(path)
  local file = assert(io.open(path))
  local content = file:read "*a"
  file:close()
  return content
end

function luaossl.client_context(pki)
  store, x509 = require "openssl.x509.store", require "openssl.x509"
  verify_param = require "openssl.x509.verify_param"
  local ctx = context.new("TLS", false)
  local trust, param = store.new(), verify_param.new()
  trust:add(x509.new(read(pki .. "/root.pem")))
  param:setHost "localhost"
  ctx:setStore(trust)
  ctx:setParam(param)
  ctx:setVerify(context.VERIFY_PEER)
  return ctx
end

function luaossl.client(ctx, port)
  local conn = prepare(assert(sockets.connect("127.0.0.1", port)))
  local ssl = tls.new(ctx)
  ssl:setHostName "localhost"
  assert(conn:starttls(ssl))
  return conn
end

function luaossl.server_context(pki)
  pkey, x509 = require "openssl.pkey", require "openssl.x509"
  local chain, certificates = require "openssl.x509.chain".new(), {}
  local text = read(pki .. "/server.pem")
  for pem in text:gmatch "%-%-%-%-%-BEGIN CERT.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-" do
    certificates[#certificates + 1] = x509.new(pem)
  end
  chain:add(certificates[2])
  local ctx = context.new("TLS", true)
  ctx:setCertificate(certificates[1])
  ctx:setCertificateChain(chain)
  ctx:setPrivateKey(pkey.new(text))
  return ctx
end

function luaossl.listen()
  local listener = sockets.listen("127.0.0.1", 0)
  assert(listener:listen())
  local _, _, port = listener:localname()
  return listener, port
end

function luaossl.server(ctx, listener)
  return function()
    local conn = prepare(assert(listener:accept()))
    assert(conn:starttls(ctx))
    return conn
  end
end

function luaossl.system_context()
  store = require "openssl.x509.store"
  local ctx, trust = context.new("TLS", false), store.new()
  trust:addDefaults()
  ctx:setStore(trust)
  ctx:setVerify(context.VERIFY_PEER)
  return ctx
end

return luaossl
