-- A client of bench/https.py: `lua https_client.lua LIBRARY HOW URL CA COUNT`.
local library, how, url, ca, count = arg[1], arg[2], arg[3], arg[4], tonumber(arg[5])
local ltn12 = require "ltn12"

local makers = {}

function makers.luassl()
  local https = require "luassl.https"
  local tls = { ca_certs = ca, session_cache = how == "resumed" }
  if how == "kept" then
    local client = https.client { tls = tls }
    return function(sink) return client:request { url = url, sink = sink } end
  end
  return function(sink) return https.request { url = url, sink = sink, tls = tls } end
end

function makers.luasec()
  local https = require "ssl.https"
  return function(sink)
    return https.request { url = url, sink = sink, verify = "peer", cafile = ca, protocol = "any" }
  end
end

local request = makers[library]()
for _ = 1, count do
  local parts = {}
  local done, code = request(ltn12.sink.table(parts))
  assert(done and code == 200, code)
  assert(#table.concat(parts) == 1024)
end
