-- `luassl inspect` against servers that people run, most of them by STARTTLS.
local cli = require "spec.support.cli"
local helpers = require "spec.support.helpers"
local nginx = require "spec.support.nginx"
local postgresql = require "spec.support.postgresql"
local servers = require "spec.support.starttls_servers"

helpers.audit()

local CA = helpers.file "root.crt"

-- What must be so of each of them.
local function good(port, ...)
  local result, status = cli.json("inspect", "--ca", CA, "localhost:" .. port, ...)
  assert.equal("good", result.verdict.status, result.verdict.text)
  assert.equal(0, status)
  assert.is_true(result.verified)
  assert.matches("^TLSv1%.[23]$", result.version)
  assert.equal("C = DE, ST = Berlin, O = LuaSSL, CN = localhost", result.sent[1].subject)
  -- Without the authority it is refused, and still shown.
  local other, refused = cli.json("inspect", "localhost:" .. port, "--ca", helpers.file "other-root.crt", ...)
  assert.equal(1, refused)
  assert.equal("refused", other.verdict.status)
  assert.is_false(other.verified)
  assert.truthy(cli.has(other.verdict.problems, "chain_incomplete"))
  assert.equal(result.sent[1].pin, other.sent[1].pin)
  return result
end

describe("luassl inspect, against", function()
  if not cli.found then return pending(cli.missing) end
  local server
  after_each(function()
    if server then server.stop(server) end
    server = nil
  end)
  teardown(function() server = nil end)

  it("GnuTLS", function()
    local port = helpers.free_port()
    server = helpers.spawn {"gnutls-serv", "--http", "--port", port, "--x509certfile", helpers.file "rsa.crt",
      "--x509keyfile", helpers.file "rsa.key"}
    helpers.wait_for_port(port)
    assert.equal("yes", good(port).resumption)
  end)

  it("nginx", function()
    server = nginx [[server { listen 127.0.0.1:PORT ssl http2; ssl_certificate PKI/rsa.crt;
      ssl_certificate_key PKI/rsa.key; ssl_session_cache shared:x:1m; }]]
    local result = good(server.port)
    assert.equal("h2", result.alpn)
    assert.equal("yes", result.resumption)
  end)

  it("exim: SMTP", function()
    if not servers.found "exim4" then return pending "there is no exim4" end
    server = servers.exim4()
    good(server.ports.smtp, "--starttls", "smtp")
  end)

  it("dovecot: IMAP, POP3, ManageSieve", function()
    if not servers.has_dovecot() then return pending "there is no dovecot before 2.4" end
    server = servers.dovecot(servers.found "/usr/lib/dovecot/managesieve-login")
    for name, port in pairs(server.ports) do good(port, "--starttls", name) end
  end)

  it("Prosody: XMPP", function()
    if not servers.found "prosody" then return pending "there is no Prosody" end
    server = servers.prosody()
    good(server.ports.xmpp, "--starttls", "xmpp")
  end)

  it("PostgreSQL", function()
    if not postgresql.found then return pending "there is no PostgreSQL" end
    server = postgresql.start "rsa"
    good(server.port, "--starttls", "postgres")
  end)
end)
