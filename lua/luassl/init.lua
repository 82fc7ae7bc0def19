--- The module, `require "luassl"`: TLS sockets for Lua.
-- Functions answer values, or `nil` and an error. An error is a string for a
-- condition (`"closed"`, `"timeout"`, `"wantread"`, `"wantwrite"`), to compare
-- with `==`, and an SSLError for a failure. Misuse, such as a wrong type or an
-- unknown option, raises a Lua error at the caller's line.
-- @module luassl
-- @group Connections
-- @usage local ssl = require "luassl"
-- local conn = assert(ssl.connect("example.com", 443))

local core = require "luassl.core"
local certificates = require "luassl.certificates"
local constants = require "luassl.constants"
local context_cache = require "luassl.context_cache"
local errors = require "luassl.errors"
local features = require "luassl.features"
local hooks = require "luassl.hooks"
local http_connect = require "luassl.http_connect"
local need = require "luassl.luasocket".need
local relay = require "luassl.misuse".relay
local poll = require "luassl.poll"
local socket = require "luassl.socket"

--- The version of LuaSSL.
-- @constant _VERSION string
-- @group Versions and features
-- @usage print(require "luassl"._VERSION)

-- The one place that says the version: archives, rockspecs and the reference
-- take it from here, and the CHANGELOG begins with it.
local ssl = { _VERSION = "LuaSSL 0.1.0" }

for _, part in ipairs { constants, core.random, core.versions, certificates } do
  for name, value in pairs(part) do ssl[name] = value end
end

--- The class of failures that are the system's or TLS's: see `SSLError:is`.
-- @constant IOError class
-- @group Error classes
-- @source Python 2.6, ssl: SSLError is an IOError
-- @usage if type(err) == "table" and err:is(ssl.IOError) then log(err) end

--- The class of failures of connections. Derives from `IOError`.
-- @constant SocketError class
-- @group Error classes
-- @source Python 2.6, ssl: SSLError is a socket.error
-- @usage if type(err) == "table" and err:is(ssl.SocketError) then log(err) end

--- The class of LuaSSL's failures: the page `SSLError`. Derives from
-- `SocketError`.
-- @constant SSLError class
-- @group Error classes
-- @source Python 2.6, ssl
-- @usage if type(err) == "table" and err:is(ssl.SSLError) then print(err.kind) end

--- The connection ended without close_notify. Derives from `SSLError`.
-- @constant SSLEOFError class
-- @group Error classes
-- @source Python 2.7.9, ssl; RFC 8446, 6.1
-- @usage if type(err) == "table" and err:is(ssl.SSLEOFError) then print("cut off") end

--- The system refused: field `code` is its errno. Derives from `SSLError`.
-- @constant SSLSyscallError class
-- @group Error classes
-- @source Python 2.7.9, ssl
-- @usage if type(err) == "table" and err:is(ssl.SSLSyscallError) then print(err.code) end

--- The peer's certificate was refused: fields `verify_code`, `verify_message`,
-- `verify_depth`, `certificate` and `chain`. Derives from `SSLError`.
-- @constant SSLCertVerificationError class
-- @group Error classes
-- @source Python 3.7, ssl
-- @usage if type(err) == "table" and err:is(ssl.SSLCertVerificationError) then print(err.verify_message) end

for name, class in pairs(core.errors) do ssl[name] = class end

-- What wrap_socket and connect take for the connection; the rest is the
-- context's.
local CONNECTION_OPTIONS = {}
for _, option in ipairs(core.options) do CONNECTION_OPTIONS[option.name] = option.connection end

local function check_table(options, operation, index)
  if options == nil then return {} end
  if type(options) == "table" then
    relay(3, operation, pcall(core.check_options, options, operation))
    return options
  end
  error(("bad argument #%d to '%s' (table expected, got %s)"):format(index, operation, type(options)), 3)
end

-- Splits options in two tables; `own` are those of neither.
local function split(options, own)
  local for_context, for_connection = {}, {}
  for name, value in next, options do
    local target = CONNECTION_OPTIONS[name] and for_connection or for_context
    if not own[name] then target[name] = value end
  end
  return for_context, for_connection
end

-- What a context is made of where nothing else is said. `level`, here and below:
-- where misuse is raised, 2 at the caller.
local function default_context(level, operation, options)
  local given = {}
  for name, value in next, options do given[name] = value end
  if given.cert_reqs == nil then
    local demands = not given.server_side or given.peer_public_keys
    given.cert_reqs = demands and ssl.CERT_REQUIRED or ssl.CERT_NONE
  end
  if given.check_hostname == nil and not given.server_side and given.cert_reqs ~= ssl.CERT_NONE then
    given.check_hostname = true
  end
  if given.system_trust == nil then
    given.system_trust = not (given.ca_certs or given.ca_path or given.ca_data)
  end
  local context, err = relay(level, operation, pcall(core.context.new, given))
  return context, err
end

--- Makes a context with secure defaults: TLS 1.2 or later, the server's chain
-- verified against the system's trust anchors, and its name checked. A server
-- (`server_side = true`) asks for no client certificate unless `cert_reqs` says
-- so.
-- @function create_default_context
-- @group Contexts
-- @tparam[opt] table options any of the options of a context: the tables of
-- `SSLContext`. Any of `ca_certs`, `ca_path`, `ca_data` replaces the system's
-- trust anchors, `system_trust = true` adds them
-- @treturn[1] SSLContext
-- @treturn[2] nil
-- @treturn[2] SSLError a file, certificate, key or cipher that cannot be used
-- @raise on wrong types and unknown options
-- @source Python 2.7.9, ssl
-- @usage local context = assert(ssl.create_default_context { ca_certs = "ca.pem" })
-- local conn = assert(context:wrap_socket(sock, { server_hostname = "example.com" }))
function ssl.create_default_context(options)
  options = check_table(options, "create_default_context", 1)
  local context, err = default_context(3, "create_default_context", options)
  return context, err
end

ssl.SSLContext = core.context.new
ssl.get_default_verify_paths = core.get_default_verify_paths
ssl.load_certificates = core.load_certificates
ssl.load_session = core.load_session
ssl.new_ticket_key = core.new_ticket_key
ssl.verify = core.verify
ssl.poll = poll
ssl.http_connect = http_connect
ssl.HAS = features
ssl.ACCEPT_UNVERIFIED = hooks.ACCEPT_UNVERIFIED

-- The reference's context. A client that says whom it trusts, and no more,
-- would believe that something is verified; there the reference is left.
local function reference_context(for_context)
  local trusts = for_context.ca_certs or for_context.ca_path or for_context.ca_data
  if trusts and for_context.cert_reqs == nil and not for_context.server_side then
    for_context.cert_reqs = ssl.CERT_REQUIRED
  end
  if for_context.server_side and not (for_context.certfile or for_context.cert or for_context.psk) then
    error("wrap_socket: option 'server_side' needs 'certfile', the server's certificate", 3)
  end
  local context, err = relay(3, "wrap_socket", pcall(core.context.new, for_context))
  return context, err
end

-- A name that is given is checked, where anything is verified.
local function check_given_name(context, for_connection)
  local given = for_connection.server_hostname or for_connection.server_hostnames
  if given == nil or for_connection.check_hostname ~= nil then return end
  local cert_reqs = core.context.methods.get(context, "cert_reqs")
  if cert_reqs ~= ssl.CERT_NONE then for_connection.check_hostname = true end
end

-- What connects to a host checks its name, unless the context was told not to.
local function check_host(context, for_connection, host)
  if for_connection.server_hostname == nil and for_connection.server_hostnames == nil then
    if core.context.decides_name(context) then return end
    for_connection.server_hostname = host
  end
  check_given_name(context, for_connection)
end

--- Wraps a LuaSocket object as Python 2.6's `ssl.wrap_socket` does, with its
-- defaults: nothing is verified unless `cert_reqs` says so, or a client says
-- whom it trusts. Clients that want secure defaults use `connect` or
-- `create_default_context`.
--
-- With `server_hostname` the name is sent (SNI). Where the certificate is
-- verified, the name is checked; where it is not, sending is all.
-- @function wrap_socket
-- @tparam userdata sock LuaSocket TCP or unix stream object; a connected one
-- is taken over and behaves as closed from then on
-- @tparam[opt] table options those below, and without `context` any of the
-- options of a context too: the tables of `SSLContext`. `cert_reqs` is
-- `CERT_REQUIRED` on a client with `ca_certs`, `ca_path` or `ca_data`, which
-- Python 2.6 does not do, else `CERT_NONE`
-- @options wrap
-- @treturn[1] SSLSocket
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"closed"`, `"timeout"`, or a failure
-- @raise on wrong types, unknown options and contradictions, and without
-- LuaSocket
-- @source Python 2.6, ssl
-- @usage local listener = assert(ssl.wrap_socket(socket.bind("*", 8443), {
--   server_side = true, certfile = "server.pem" }))
-- local client = assert(listener:accept())
function ssl.wrap_socket(sock, options)
  need "wrap_socket"
  options = check_table(options, "wrap_socket", 2)
  local context, err = options.context
  local for_context, for_connection = split(options, { context = true })
  if for_connection.suppress_ragged_eofs == nil then for_connection.suppress_ragged_eofs = true end
  if context == nil then
    context, err = reference_context(for_context)
    if not context then return nil, err end
  else
    for_connection.server_side, for_context.server_side = for_context.server_side, nil
    local name = next(for_context)
    if name then error(("wrap_socket: option '%s' belongs to the context that was given"):format(tostring(name)), 2) end
  end
  check_given_name(context, for_connection)
  local self
  self, err = socket.wrap(3, "wrap_socket", context, sock, for_connection)
  return self, err
end

local CONNECT_OPTIONS = { context = true, timeout = true }
local CERTIFICATE_OPTIONS = { timeout = true }
local CONNECT_TIMEOUT = 30

local function check_timeout(timeout, operation)
  if timeout == nil then return CONNECT_TIMEOUT end
  if type(timeout) == "number" and timeout > 0 then return timeout end
  error(operation .. ": option 'timeout' must be a number of seconds above 0", 3)
end

local function check_address(host, port, operation)
  if type(host) ~= "string" then
    error(("%s: host must be a string, not %s"):format(operation, type(host)), 3)
  end
  local number = tonumber(port)
  if not number then
    error(("%s: port must be a number, not %s"):format(operation, type(port)), 3)
  end
  if not (number >= 0 and number <= 65535 and number % 1 == 0) then
    local found = type(port) == "number" and tostring(port) or "another in a string"
    error(("%s: port must be an integer from 0 to 65535, not %s"):format(operation, found), 3)
  end
end

local function check_client(options, operation)
  if options.server_side then error(operation .. ": option 'server_side' is not for clients", 3) end
  if options.context and core.context.methods.get(options.context, "server_side") then
    error(operation .. ": option 'context' is for the server side", 3)
  end
end

-- TCP and TLS to an address, in one deadline.
local function open(operation, context, host, port, options, timeout)
  local sock = need "connect".tcp()
  -- A name that cannot be verified is refused before anything is sent.
  if options.server_hostname == nil and options.server_hostnames == nil then options.server_hostname = host end
  local self, err = socket.wrap(4, operation, context, sock, options)
  if not self then return nil, err end
  local done
  done, err = socket.connect(self, host, ("%d"):format(port), timeout)
  if not done then
    self:close()
    return nil, err
  end
  self:settimeout(nil)
  return self
end

-- For context_cache.get: three levels below what the program calls.
local function connect_context(options)
  local context, err = default_context(6, "connect", options)
  return context, err
end

-- The context of a client of `host`, one that is kept where none is given, and the
-- options of its connection; luassl.https asks as well. Misuse is raised at the
-- caller of who calls this.
local function client_policy(host, options)
  local for_context, for_connection = split(options, CONNECT_OPTIONS)
  local context, err = options.context
  if context == nil then
    for_context.check_hostname, for_connection.check_hostname = for_connection.check_hostname, nil
    if for_context.session_cache == nil then for_context.session_cache = true end
    context, err = context_cache.get(for_context, options, connect_context)
    if not context then return nil, err end
  elseif next(for_context) then
    error(("connect: option '%s' belongs to the context that was given"):format(tostring(next(for_context))), 3)
  else
    check_host(context, for_connection, host)
  end
  return context, for_connection
end
context_cache.client_policy = client_policy

--- Connects to a TLS server and verifies it: its chain against the system's
-- trust anchors, its name against `host`.
--
-- A host with several addresses is tried in the resolver's order, IPv6 and IPv4
-- in turn (RFC 8305): the next one 250 ms after the last, or at once when that
-- fails. The first that connects is taken.
--
-- Contexts are kept for further calls with the same options, as long as the
-- files they name are unchanged (device, inode, size and times tell); so keys
-- stay in memory. Options with functions or passphrases are the same when their
-- table is. Sessions are kept with the context and resumed, unless
-- `session_cache` is false.
-- @function connect
-- @tparam string host name or address
-- @tparam integer port from 0 to 65535
-- @tparam[opt] table options those below, and without `context` those of
-- `create_default_context`. With `context` the name is checked too, unless the
-- context, or `check_hostname`, says not
-- @options connect
-- @treturn[1] SSLSocket that blocks without limit until `settimeout`
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, LuaSocket's text for what went
-- wrong before TLS, or a failure
-- @raise on wrong types and unknown options, and without LuaSocket
-- @source RFC 9525; RFC 8305, 4 and 5
-- @usage local conn = assert(ssl.connect("example.com", 443, { timeout = 10 }))
-- conn:send("GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")
-- print(conn:receive("*a"))
function ssl.connect(host, port, options)
  check_address(host, port, "connect")
  options = check_table(options, "connect", 3)
  check_client(options, "connect")
  need "connect"
  local timeout = check_timeout(options.timeout, "connect")
  local context, for_connection = client_policy(host, options)
  if not context then return nil, for_connection end
  local self, err = open("connect", context, host, port, for_connection, timeout)
  return self, err
end

--- Fetches the certificate of a TLS server. It is verified only with
-- `ca_certs`, and then the chain must hold; with `check_hostname = true` the
-- name must match too. With `tlsa` it has to match one of the records.
-- @function get_server_certificate
-- @tparam table address `{host, port}`
-- @tparam[opt] table options those below, and any of the options of a context
-- and of a connection: the tables of `SSLContext`
-- @options fetch
-- @treturn[1] string PEM
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, LuaSocket's text for what went
-- wrong before TLS, or a failure
-- @raise on wrong types and unknown options, and without LuaSocket
-- @source Python 2.6, ssl
-- @usage local pem = assert(ssl.get_server_certificate({ "example.com", 443 }))
function ssl.get_server_certificate(address, options)
  if type(address) ~= "table" then
    error("bad argument #1 to 'get_server_certificate' ({host, port} expected, got " .. type(address) .. ")", 2)
  end
  check_address(address[1], address[2], "get_server_certificate")
  options = check_table(options, "get_server_certificate", 2)
  local timeout = check_timeout(options.timeout, "get_server_certificate")
  check_client(options, "get_server_certificate")
  need "get_server_certificate"
  local for_context, for_connection = split(options, CERTIFICATE_OPTIONS)
  local verifies = options.ca_certs or options.ca_path or options.ca_data or options.system_trust
  if options.check_hostname and not verifies then
    error("get_server_certificate: option 'check_hostname' needs 'ca_certs'", 2)
  end
  if options.cert_reqs == nil then for_context.cert_reqs = verifies and ssl.CERT_REQUIRED or ssl.CERT_NONE end
  if for_connection.do_handshake_on_connect == false then  -- the certificate comes with it
    for_connection.do_handshake_on_connect = nil
  end
  local context, err = relay(2, "get_server_certificate", pcall(core.context.new, for_context))
  if not context then return nil, err end
  local self
  self, err = open("get_server_certificate", context, address[1], address[2], for_connection, timeout)
  if not self then return nil, err end
  local der = self:getpeercert(true)
  self:close()
  if der then return ssl.DER_cert_to_PEM_cert(der) end
  return nil, errors.new("SSLError", {
    kind = "no_certificate", operation = "get_server_certificate",
    text = "get_server_certificate: the server has no certificate",
  })
end

core.context.methods.wrap_object = core.object.wrap
hooks.install(core.object.methods)
require "luassl.stream"  -- after all methods of SSLObject
core.publish()

return ssl
