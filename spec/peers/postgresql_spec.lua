-- SCRAM-SHA-256-PLUS with PostgreSQL, which verifies that both ends have the
-- same binding to the server's certificate: RFC 5802, RFC 7677, RFC 5929.
local helpers = require "spec.support.helpers"
local postgresql = require "spec.support.postgresql"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

-- TLS to it: its SSLRequest comes first, in clear text.
local function connect(server, options)
  local sock = assert(socket.connect("127.0.0.1", server.port))
  sock:settimeout(helpers.patience)
  postgresql.ask_for_tls(sock)
  options.ca_certs, options.server_hostname = helpers.file "root.crt", "localhost"
  return assert(ssl.wrap_socket(sock, options))
end

local BINDING = "p=tls-server-end-point,,"

describe("SCRAM-SHA-256-PLUS with PostgreSQL", function()
  if not postgresql.found then return pending "there is no PostgreSQL" end
  local server

  setup(function() server = postgresql.start "rsa" end)
  teardown(function() server:stop() end)

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    it("accepts our binding, " .. version, function()
      local conn = connect(server, {minimum_version = version, maximum_version = version})
      assert.equal(version, conn:version())
      assert.is_true(postgresql.log_in(conn, server, BINDING, conn:get_channel_binding "tls-server-end-point"))
      conn:close()
    end)

    it("refuses another one, " .. version, function()
      local conn = connect(server, {minimum_version = version, maximum_version = version})
      local other = conn:get_channel_binding "tls-server-end-point":sub(1, -2) .. "\0"
      local done, err = postgresql.log_in(conn, server, BINDING, other)
      assert.is_nil(done)
      assert.matches("SCRAM channel binding check failed", err)
      conn:close()
    end)
  end
end)
