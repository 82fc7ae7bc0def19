--- Servers with certificates of many kinds, and what a client sees of them.
local assert = require "luassert"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

local serving = {}

--- Runs a program; what it printed.
function serving.run(...)
  local peer = helpers.spawn {...}
  assert.equal(0, peer:wait(), peer:output())
  return peer:output()
end

function serving.openssl(...)
  return serving.run("openssl", ...)
end

--- A server's context, which a client that trusts the root believes.
function serving.context(options)
  options.server_side = true
  local context = assert(ssl.SSLContext(options))
  local seen, err = serving.seen(context)
  assert(seen, tostring(err))
  return context
end

-- The client's and the server's end after their handshake.
local function meet(context, options)
  local own = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt"}
  for name, value in pairs(options or {}) do own[name] = value end
  local client = assert(ssl.SSLContext(own)):wrap_object {server_hostname = "localhost", check_hostname = true}
  local server = assert(context:wrap_object())
  local done, err, server_err = helpers.handshake(client, server)
  return done, err or server_err, client, server
end

--- The PEM of the certificate that a client with these options is shown and
-- believes; or nil and the error.
function serving.seen(context, options)
  local done, err, client, server = meet(context, options)
  local pem = done and ssl.DER_cert_to_PEM_cert(client:getpeercert(true))
  client:close()
  server:close()
  if not done then return nil, err end
  return pem
end

--- The certificates that it sends, in PEM, as openssl sees them.
function serving.sent(context)
  local socket = require "socket"
  local listener = assert(socket.bind("127.0.0.1", 0))
  local peer = helpers.spawn({"openssl", "s_client", "-showcerts", "-connect",
    "127.0.0.1:" .. select(2, listener:getsockname())}, {input = ""})
  listener:settimeout(helpers.patience)
  local conn = assert(context:wrap_socket(assert(listener:accept())))
  conn:settimeout(helpers.patience)
  conn:receive(1)
  conn:close()
  listener:close()
  peer:wait()
  local list = {}
  for pem in peer:output():gmatch "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n" do
    list[#list + 1] = pem
  end
  if list[#list] == list[1] and #list > 1 then list[#list] = nil end  -- "Server certificate" again
  return list
end

--- The chain as it is verified, in PEM.
function serving.chain(context)
  local seen
  local _, _, client, server = meet(context, {on_verify = function(_, facts) seen = facts.chain end})
  client:close()
  server:close()
  local list = {}
  for i, certificate in ipairs(seen) do list[i] = certificate:pem() end
  return list
end

return serving
