--- A case of spec/badcerts/cases.lua as a server, and what we think of it.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

local serve = {}

local function pems(certificates, first)
  local list = {}
  for i = first or 1, #certificates do list[#list + 1] = certificates[i].pem end
  return helpers.temp_file(table.concat(list))
end

--- `openssl s_server` with the case's chain, which says no word about what is
-- weak in it; `port`, and in the case `ca_file`. Nil: this OpenSSL does not read
-- the certificate (one whose date is none, from 3.4 on).
function serve.start(case)
  case.ca_file = pems(case.trust)
  case.crl_file = case.crls and pems(case.crls)
  local argv = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
    "-cipher", "ALL:@SECLEVEL=0", "-cert", pems {case.chain[1]},
    "-key", case.chain[1].key.file}
  if case.chain[2] then
    argv[#argv + 1] = "-cert_chain"
    argv[#argv + 1] = pems(case.chain, 2)
  end
  local peer = helpers.spawn(argv, {input = true})
  local done, port = pcall(peer.expect, peer, "ACCEPT [^\n]-:(%d+)\n")
  peer.port = done and tonumber(port)
  if done then return peer end
  assert(peer:output():find "Could not find server certificate", port)
end

--- Whether a default context accepts it.
-- @treturn boolean
-- @treturn ?SSLError
function serve.ours(case, port)
  local context = assert(ssl.create_default_context {ca_certs = case.ca_file,
    crl_file = case.crl_file,
    verify_flags = case.check == "chain" and {"crl_check_all"} or nil})
  local sock = assert(socket.connect("127.0.0.1", port))
  sock:settimeout(helpers.patience)
  local conn, err = context:wrap_socket(sock, {server_hostname = case.host})
  if conn then conn:close() end
  sock:close()
  return conn ~= nil, err
end

--- What `luassl inspect` says of it: `status`, `verified`, `text`, `problems`.
function serve.inspected(case, port)
  local judge, loop = require "luassl.cli.inspect".judge, require "luassl.cli.loop"
  local probe = require "luassl.cli.probe"
  local where = {host = "127.0.0.1", port = port, name = case.host}
  local settings = {ca_data = helpers.read_file(case.ca_file), warn = 0, timeout = helpers.patience}
  local facts, failure
  local tasks = loop.new()
  tasks:spawn(function() facts, failure = probe.server(where, settings) end)
  tasks:run()
  if not facts then return {status = "refused", verified = false, text = failure.text, problems = {}} end
  return judge(facts, where, settings)
end

return serve
