--- How other clients judge a case: each connects once, told the name to expect
-- and whom to trust, and for the rest left as it comes.
local helpers = require "spec.support.helpers"

local PYTHON = [[
import socket, ssl, sys
port, host, trust, crls, check = sys.argv[1:]
context = ssl.create_default_context(cafile=trust)
if crls:
    context.load_verify_locations(crls)
    context.verify_flags |= (ssl.VERIFY_CRL_CHECK_CHAIN if check == "chain"
                             else ssl.VERIFY_CRL_CHECK_LEAF)
with socket.create_connection(("127.0.0.1", port), 5) as sock:
    context.wrap_socket(sock, server_hostname=host).close()
]]

local NODE = [[
const [port, host, trust, crls] = process.argv.slice(1)
const net = require("net"), tls = require("tls"), fs = require("fs")
const lists = crls && fs.readFileSync(crls, "latin1").match(
  /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----\n/g)
const socket = net.connect(port, "127.0.0.1")
const conn = tls.connect({ socket, host, ca: fs.readFileSync(trust), crl: lists || undefined,
  servername: net.isIP(host) ? "" : host }, () => process.exit(0))
conn.on("error", (err) => { console.log(err.message); process.exit(1) })
]]

local LUASEC = [[
local port, _, trust = ...
local socket, ssl = require "socket", require "ssl"
local sock = assert(socket.connect("127.0.0.1", port))
sock:settimeout(5)
local conn = assert(ssl.wrap(sock, {mode = "client", protocol = "any",
  verify = "peer", cafile = trust}))
assert(conn:dohandshake())
]]

local function is_address(host)
  return host:find ":" or host:find "^[%d.]+$"
end

local function in_url(host)
  return host:find ":" and "[" .. host .. "]" or host
end

-- With what asks the CRLs, if there are any.
local function added(argv, crls, more)
  if crls == "" then return argv end
  for _, word in ipairs(more) do argv[#argv + 1] = word end
  return argv
end

--- In the table's order: a name, what it is, and its command.
return {
  {name = "OpenSSL", version = {"openssl", "version"},
    note = "`openssl s_client -verify_return_error -verify_hostname`",
    command = function(port, host, trust, crls, check)
      if crls ~= "" then  -- -CRL reads one alone
        trust = helpers.temp_file(helpers.read_file(trust) .. helpers.read_file(crls))
      end
      local argv = {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile",
        trust, "-no-CApath", "-no-CAstore", "-verify_return_error",
        is_address(host) and "-verify_ip" or "-verify_hostname", host}
      return added(argv, crls, {"-crl_check", check == "chain" and "-crl_check_all" or nil})
    end},
  {name = "curl", version = {"curl", "--version"}, note = "`--crlfile` looks the whole chain up",
    command = function(port, host, trust, crls)
    local argv = {"curl", "-sS", "--max-time", "5", "--cacert", trust, "--connect-to",
      "::127.0.0.1:" .. port, ("https://%s:%s/"):format(in_url(host), port),
      "-o", "/dev/null"}
    return added(argv, crls, {"--crlfile", crls})
  end},
  {name = "GnuTLS", version = {"gnutls-cli", "--version"},
    note = "`--x509crlfile` takes no CRLs but those of trusted certificates, and with others connects to nobody",
    command = function(port, host, trust, crls)
    local argv = {"gnutls-cli", "--x509cafile", trust, "--verify-hostname", host,
      "--sni-hostname", is_address(host) and "localhost" or host, "-p", port,
      "127.0.0.1"}
    return added(argv, crls, {"--x509crlfile", crls})
  end},
  {name = "Python", version = {"python3", "--version"}, command = function(port, host, trust, crls, check)
    return {"python3", "-c", PYTHON, port, host, trust, crls, check}
  end},
  {name = "Node", version = {"node", "--version"}, note = "`crl` looks the whole chain up",
    command = function(port, host, trust, crls)
    return {"node", "-e", NODE, port, host, trust, crls}
  end},
  {name = "LuaSec", version = {helpers.interpreter, "-e", "print(require'ssl'._VERSION)"},
    note = "`verify = \"peer\"`; it checks no names, and takes no CRLs", nameless = true,
    command = function(port, host, trust)
      return {helpers.interpreter, helpers.temp_file(LUASEC), port, host, trust}
    end},
}
