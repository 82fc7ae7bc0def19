--- Clients and servers made by wrap_socket, for the specs that are about it.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

local file = helpers.file

local wrapping = {
  VERIFYING = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"},
}

local opened = {}

--- A table with the options of both; the second has the last word.
function wrapping.with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

local with = wrapping.with

--- Has something closed by `close_all`; answers what it got.
function wrapping.keep(...)
  opened[#opened + 1] = (...)
  return ...
end

--- A new directory with this certificate under its hashed name.
function wrapping.hashed(name)
  local directory = helpers.temp_name()
  local script = ("mkdir %s && cp %s %s/1.pem && openssl rehash %s"):format(directory, name, directory, directory)
  local peer = helpers.spawn {"sh", "-c", script}
  assert(peer:wait() == 0, peer:output())
  return directory
end

--- For after_each.
function wrapping.close_all()
  for _, thing in ipairs(opened) do thing:close() end
  opened = {}
end

local function wrap(sock, defaults, options)
  local conn = assert(ssl.wrap_socket(sock, with(defaults, options)))
  conn:settimeout(0)
  return wrapping.keep(conn)
end

--- A client and a server before their handshake, at timeout 0.
function wrapping.wrapped(client_options, server_options)
  local near, far = helpers.sockets()
  local client = wrap(near, {do_handshake_on_connect = false}, client_options)
  local server = wrap(far, {do_handshake_on_connect = false,
    server_side = true, certfile = file "rsa.pem"}, server_options)
  return client, server
end

--- The same after it.
function wrapping.connected(...)
  local client, server = wrapping.wrapped(...)
  assert(helpers.handshake(client, server))
  client:settimeout(helpers.patience)
  server:settimeout(helpers.patience)
  return client, server
end

--- The errors of both sides of a handshake that must fail.
function wrapping.refused(...)
  local client, server = wrapping.wrapped(...)
  local done, client_error, server_error = helpers.handshake(client, server)
  assert(not done, "it does not fail")
  return client_error, server_error
end

--- A client, wrapped unconnected, that is then connected to a port.
function wrapping.connect(port, options)
  local conn = assert(ssl.wrap_socket(socket.tcp(), options))
  conn:settimeout(helpers.patience)
  local done, err = conn:connect("127.0.0.1", port)
  if done then return wrapping.keep(conn) end
  conn:close()
  return nil, err
end

return wrapping
