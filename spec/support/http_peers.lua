--- HTTP servers and proxies for the specs of luassl.https.
local dkjson = require "dkjson"
local helpers = require "spec.support.helpers"

local http_peers = {}

--- A directory with these files, {name = bytes}.
function http_peers.directory(files)
  local directory = helpers.temp_name()
  assert(helpers.spawn({"mkdir", directory}):wait() == 0)
  for name, bytes in pairs(files) do helpers.write_file(directory .. "/" .. name, bytes) end
  return directory
end

--- spec/peers/http_server.py over these files, ready, on `port`; `requests()`
-- gives what it was asked so far. `options.plain`: without TLS; `options.cert`
-- ("rsa"), `options.ca`.
function http_peers.python(directory, options)
  options = options or {}
  local argv = {"python3", "spec/peers/http_server.py", "--directory", directory}
  local function add(name, value) argv[#argv + 1], argv[#argv + 2] = name, value end
  if not options.plain then add("--cert", helpers.file((options.cert or "rsa") .. ".pem")) end
  if options.ca then add("--ca", options.ca) end
  local peer = helpers.spawn(argv, {timeout = 120})
  peer.port = tonumber(peer:expect "ready (%d+)\n")
  function peer.requests()
    local list = {}
    for line in peer:output():gmatch "({[^\n]*})\n" do list[#list + 1] = dkjson.decode(line) end
    return list
  end
  return peer
end

--- spec/peers/http_server.js over these files.
function http_peers.node(directory)
  local peer = helpers.spawn({"node", "spec/peers/http_server.js", directory, helpers.file "rsa.pem"}, {timeout = 120})
  peer.port = tonumber(peer:expect("ready (%d+)\n", 30))
  return peer
end

--- `openssl s_server -HTTP` over these files.
function http_peers.s_server(directory)
  local peer = helpers.spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-HTTP",
    "-cert", helpers.file "rsa.crt", "-key", helpers.file "rsa.key"},
    {directory = directory, input = true, timeout = 120})
  peer.port = tonumber(peer:expect "ACCEPT [^\n]-:(%d+)\n")
  return peer
end

--- spec/peers/http_proxy.py with these arguments, ready, on `port`.
function http_peers.proxy(...)
  local peer = helpers.spawn({"python3", "spec/peers/http_proxy.py", ...}, {timeout = 120})
  peer.port = tonumber(peer:expect "ready (%d+)\n")
  return peer
end

return http_peers
