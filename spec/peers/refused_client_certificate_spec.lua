-- A client certificate that a hook refuses: what other programs hear of it,
-- and what the server is left with.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local CLIENTS = {
  openssl = {
    start = function(port, version)
      return helpers.s_client(port, {arguments = {"-cert", file "client.crt", "-key", file "client.key",
        version == "TLSv1.2" and "-tls1_2" or "-tls1_3"}})
    end,
    hears = "alert number (%d+)",
  },
  gnutls = {
    start = function(port, version)
      return helpers.spawn({"gnutls-cli", "--x509cafile", file "root.crt", "--x509certfile", file "client.crt",
        "--x509keyfile", file "client.key", "--priority", version == "TLSv1.2" and "NORMAL:-VERS-ALL:+VERS-TLS1.2"
        or "NORMAL:-VERS-ALL:+VERS-TLS1.3", "-p", tostring(port), "localhost"}, {input = true})
    end,
    hears = "[Rr]eceived alert %[(%d+)%]",
  },
}

local ALERTS = {bad_certificate = "42", certificate_revoked = "44", certificate_unknown = "46", internal_error = "80"}

-- What the server's handshake answers and the alert that the client hears.
local function refuse(client, version, hook)
  local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)), {
    server_side = true, certfile = file "rsa.pem", cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
    on_verify = hook}))
  listener:settimeout(helpers.patience)
  local _, port = listener:getsockname()
  local peer = client.start(tonumber(port), version)
  local conn, err, theirs = listener:accept()
  assert.is_nil(conn)
  assert.is_true(theirs)
  local alert = peer:expect(client.hears)
  listener:close()
  peer:wait(helpers.patience)
  return err, alert
end

for name, client in pairs(CLIENTS) do
  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    describe(("a client certificate refused by a hook, %s, %s's client,"):format(version, name), function()
      for alert, number in pairs(ALERTS) do
        it("is told by the alert " .. alert, function()
          local asked = 0
          local err, heard = refuse(client, version, function(_, facts)
            asked = asked + 1
            assert.is_true(facts.verified)
            return nil, alert
          end)
          assert.equal(alert, err)
          assert.equal(number, heard)
          assert.equal(1, asked)
        end)
      end

      it("is told by internal_error when the hook raises, the value intact", function()
        local value = {}
        local err, heard = refuse(client, version, function() error(value) end)
        assert.equal(value, err)
        assert.equal("80", heard)
      end)
    end)
  end
end
