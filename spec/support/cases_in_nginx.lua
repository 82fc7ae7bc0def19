--- The cases of a connected socket, in one request of an nginx: prints a line
-- for each, "ok" or what went wrong. Both ends are cosockets of that request,
-- which a relay joins, as nginx's Lua does not accept.
local ngx = ngx  -- luacheck: ignore 113
local ssl = require "luassl"
local tls = require "luassl.ngx"
local cases = require "spec.support.connected_cases"

local run = {}

--- What cosockets lack.
run.LACKS = {is_stream = true, nameless = true, unforgiving = true}

--- Answers the request.
-- @tparam integer relay the relay's port
-- @tparam string pki where the certificates are
function run.answer(relay, pki)
  local kind = {sleep = ngx.sleep}
  for name, lacks in pairs(run.LACKS) do kind[name] = lacks end
  kind.client = assert(ssl.create_default_context {ca_certs = pki .. "root.crt"})
  kind.server = assert(ssl.create_default_context {server_side = true, certfile = pki .. "ecdsa.pem"})

  local function transport()
    local sock = ngx.socket.tcp()
    assert(sock:connect("127.0.0.1", relay))
    return tls.transport(sock)
  end

  function kind.transports()
    return transport(), transport()
  end

  cases.in_host(kind)
  cases.add(kind, function(_, case)
    local fine, err = pcall(kind.try, case)
    ngx.say(fine and "ok" or (tostring(err):gsub("\n", " ")))
  end)
end

return run
