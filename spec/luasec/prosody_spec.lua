-- Prosody as Debian has it, whose Lua is 5.4, with our modules in LuaSec's place: logins, servers
-- that speak to each other, a renewed certificate.
local helpers = require "spec.support.helpers"
local issued = require "spec.support.issued_chains"
local prosody = require "spec.support.prosody"

helpers.audit()

local PATIENCE = 4 * helpers.patience

-- What a client of spec/luasec/xmpp.py printed.
local function start(port, domain, ...)
  return helpers.spawn({"python3", "spec/luasec/xmpp.py", port, domain, "--ca", helpers.file "root.crt", ...})
end

local function login(...)
  local peer = start(...)
  local status = peer:wait(PATIENCE)
  return peer:output(), status
end

describe("Prosody", function()
  local missing = prosody.missing()
  if missing then
    it("logs clients in", function() pending(missing) end)
    return
  end

  local function says(text, ...)
    for _, part in ipairs {...} do assert.truthy(text:find(part, 1, true), ("no %q in: %s"):format(part, text)) end
  end

  describe("with a client", function()
    local server, certificate, key

    setup(function()
      certificate = helpers.temp_file(helpers.read_file(helpers.file "rsa.crt"))
      key = helpers.temp_file(helpers.read_file(helpers.file "rsa.key"))
      server = prosody.start("localhost", {certificate = certificate, key = key})
    end)

    teardown(function()
      server:stop()
      server = nil
    end)

    it("runs on our modules", function()
      local peer = helpers.spawn({"grep", "-a", "luassl/core.so", ("/proc/%s/maps"):format(server.id())})
      assert.equal(0, peer:wait(), server:output())
      assert.is_nil(server:output():find "%sssl%.so")
    end)

    it("logs in by STARTTLS", function()
      for _, mechanism in ipairs {"SCRAM-SHA-1", "PLAIN"} do
        says(login(server.c2s, "localhost", "--mechanism", mechanism), "tls TLSv1.3", "authenticated " .. mechanism,
          "bound juliet@localhost/", "pong 1")
      end
      says(login(server.c2s, "localhost", "--version", "1.2"), "tls TLSv1.2", "pong 1")
    end)

    it("binds SCRAM to the channel", function()
      for _, mechanism in ipairs {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"} do
        says(login(server.c2s, "localhost", "--version", "1.2", "--mechanism", mechanism),
          "authenticated " .. mechanism, "pong 1")
      end
    end)

    it("logs in by TLS at once", function()
      says(login(server.direct, "localhost", "--direct"), "tls TLSv1.3", "authenticated SCRAM-SHA-1", "pong 1")
      says(login(server.direct, "localhost", "--direct", "--version", "1.2", "--mechanism", "SCRAM-SHA-1-PLUS"),
        "authenticated SCRAM-SHA-1-PLUS", "pong 1")
    end)

    it("speaks to openssl", function()
      local peer = helpers.s_client(server.c2s, {arguments = {"-starttls", "xmpp", "-xmpphost", "localhost"}})
      peer:expect "(Verify return code: 0 %(ok%))"
      peer:stop()
    end)

    it("shows its new certificate once it has been told to reload", function()
      local function shown(port, ...)
        local peer = helpers.s_client(port, {arguments = {...}})
        local pem = peer:expect "(%-+BEGIN CERTIFICATE.-END CERTIFICATE%-+\n)"
        peer:stop()
        return pem
      end
      local old = shown(server.c2s, "-starttls", "xmpp", "-xmpphost", "localhost")
      helpers.write_file(certificate, helpers.read_file(helpers.file "ecdsa.crt"))
      helpers.write_file(key, helpers.read_file(helpers.file "ecdsa.key"))
      assert.equal(0, helpers.spawn({"kill", "-HUP", server.id()}):wait())
      server:expect("(Certificates reloaded)", PATIENCE)
      local new = helpers.read_file(helpers.file "ecdsa.crt")
      assert.not_equal(new, old)
      assert.equal(new, shown(server.c2s, "-starttls", "xmpp", "-xmpphost", "localhost"))
      assert.equal(new, shown(server.direct))
      says(login(server.c2s, "localhost"), "pong 1")
    end)
  end)

  it("speaks to another Prosody, and both are who their certificates say", function()
    if not prosody.can_resolve() then return pending "lua-unbound is not installed" end
    local hosts = prosody.pair(function(host)
      return issued.certificate {issuer = issued.root(), subject = "CN = " .. host,
        extensions = issued.leaf("DNS:" .. host, "extendedKeyUsage = serverAuth, clientAuth")}
    end)
    local listener = start(hosts[2].c2s, "b.example", "--wait")
    listener:expect("(bound %S+)", PATIENCE)
    says(login(hosts[1].c2s, "a.example", "--to", "juliet@b.example", "good morrow"), "pong 1")
    assert.equal(0, listener:wait(PATIENCE))
    says(listener:output(), "message juliet@a.example/", "good morrow")
    local sent, received = hosts[1]:output(), hosts[2]:output()
    says(sent, "certificate chain validation result: valid", "certificate identity validation result: valid",
      "mechanism='EXTERNAL'", "Outgoing s2s connection a.example->b.example complete")
    says(received, "certificate chain validation result: valid",
      "Incoming s2s connection a.example->b.example complete")
    hosts:stop()
  end)

  it("refuses a Prosody whose certificate is another's", function()
    if not prosody.can_resolve() then return pending "lua-unbound is not installed" end
    local hosts = prosody.pair(function(host)
      return issued.certificate {issuer = issued.root(), subject = "CN = " .. host,
        extensions = issued.leaf("DNS:" .. (host == "b.example" and "c.example" or host),
          "extendedKeyUsage = serverAuth, clientAuth")}
    end)
    local client = start(hosts[1].c2s, "a.example", "--to", "juliet@b.example", "good morrow")
    hosts[1]:expect("(certificate identity validation result: invalid)", PATIENCE)
    client:stop()
    assert.is_nil(hosts[2]:output():find("Incoming s2s connection a.example->b.example complete", 1, true))
    hosts:stop()
  end)
end)
