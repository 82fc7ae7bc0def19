-- What a certificate lets its key be used for: key usage, in both roles.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local INVALID_PURPOSE = 26  -- X509_V_ERR_INVALID_PURPOSE

-- Certificates and what they lack where, with openssl's programs.
local ECDHE = {"-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}
local DHE = {"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}
local RSA = {"-tls1_2", "-cipher", "AES128-GCM-SHA256"}
local TLS_1_3 = {"-tls1_3"}

local function is_refused(err, missing)
  assert.is_true(err:is(ssl.SSLCertVerificationError))
  assert.equal(INVALID_PURPOSE, err.verify_code)
  assert.equal(0, err.verify_depth)
  assert.equal("unsupported_certificate", err.alert)
  assert.equal("sent", err.alert_direction)
  assert.truthy(err:find("its key usage lacks " .. missing, 1, true), err.text)
  assert.truthy(err:find("needs a new certificate", 1, true))
end

-- Our client and openssl s_server with that certificate; DHE needs a cipher
-- that OpenSSL has by default, RSA key exchange too.
local function visit(certificate, arguments)
  local peer = helpers.s_server {cert = certificate, arguments = arguments}
  local conn, err = ssl.connect("127.0.0.1", peer.port,
    {server_hostname = "localhost", ca_certs = file "root.crt",
      ciphers = "DEFAULT", timeout = helpers.patience})
  if conn then
    assert.same({0, "ok", 0}, {conn:verify_result()})
    conn:close()
  else
    peer:expect "alert unsupported certificate"
  end
  peer:stop()
  return conn and true, err
end

local function accepts(certificate, arguments)
  local ok, err = visit(certificate, arguments)
  assert.is_true(ok, ("%s %s: %s"):format(certificate,
    table.concat(arguments, " "), tostring(err)))
end

local function refuses(certificate, arguments, missing)
  local ok, err = visit(certificate, arguments)
  assert.is_nil(ok, certificate .. " " .. table.concat(arguments, " "))
  is_refused(err, missing)
end

describe("a client", function()
  it("refuses in TLS 1.3 a server's key that may not sign", function()
    refuses("enciphering", TLS_1_3, "digitalSignature")
    refuses("agreeing", TLS_1_3, "digitalSignature")
    accepts("signing", TLS_1_3)
    accepts("rsa", TLS_1_3)
    accepts("anything", TLS_1_3)
  end)

  it("refuses in TLS 1.2 one that signs and may not", function()
    for _, arguments in ipairs {ECDHE, DHE} do
      refuses("enciphering", arguments, "digitalSignature")
      accepts("signing", arguments)
      accepts("rsa", arguments)
    end
    accepts("anything", {"-tls1_2"})
  end)

  it("refuses in TLS 1.2 one that deciphers and may not", function()
    refuses("signing", RSA, "keyEncipherment")
    accepts("enciphering", RSA)
    accepts("rsa", RSA)
  end)

  it("tells it where nothing is asked of the certificate", function()
    local peer = helpers.s_server {cert = "agreeing", arguments = TLS_1_3}
    local conn = assert(ssl.wrap_socket(socket.connect("127.0.0.1", peer.port),
      {ca_certs = file "root.crt", cert_reqs = ssl.CERT_NONE}))
    assert.equal(INVALID_PURPOSE, (conn:verify_result()))
    assert.same({}, conn:getpeercert())
    conn:close()
    peer:stop()
  end)
end)

-- Our server and openssl s_client with that certificate.
local function serve(certificate, version)
  local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)),
    {server_side = true, certfile = file "ecdsa.pem",
      cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}))
  listener:settimeout(helpers.patience)
  local peer = helpers.s_client(select(2, listener:getsockname()), {arguments = {
    version, "-cert", file(certificate .. ".crt"), "-key",
    file(certificate .. ".key")}})
  local conn, err = listener:accept()
  listener:close()
  if conn then conn:close()
  else peer:expect "alert unsupported certificate" end
  peer:stop()
  return conn and true, err
end

describe("a server", function()
  it("refuses a client's key that may not sign", function()
    for _, version in ipairs {"-tls1_2", "-tls1_3"} do
      for _, certificate in ipairs {"agreeing", "enciphering"} do
        local ok, err = serve(certificate, version)
        assert.is_nil(ok, certificate .. version)
        is_refused(err, "digitalSignature")
      end
      for _, certificate in ipairs {"signing", "anything", "client"} do
        local ok, err = serve(certificate, version)
        assert.is_true(ok, certificate .. version .. ": " .. tostring(err))
      end
    end
  end)
end)

hooking.each("key usage", function(case)
  local roles = {
    {side = "client", options = function(mine)
      return mine, {certfile = file "enciphering.pem"}
    end},
    {side = "server", options = function(mine)
      return hooking.certified {certfile = file "agreeing.pem"},
        hooking.asking(mine)
    end},
  }

  for _, role in ipairs(roles) do
    it("is in the verdict that a " .. role.side .. "'s hook sees", function()
      local hook, calls = hooking.spy()
      local err = hooking.refused(case.open(role.options {on_verify = hook}),
        role.side)
      is_refused(err, "digitalSignature")
      assert.equal(1, calls.n)
      assert.is_false(calls.facts.verified)
      assert.equal(INVALID_PURPOSE, calls.facts.verify_code)
      assert.equal(0, calls.facts.verify_depth)
      assert.equal(2, #calls.facts.chain)  -- it was built all the same
    end)

    it("can be overruled by a " .. role.side .. "'s hook alone", function()
      local hook = hooking.spy(ssl.ACCEPT_UNVERIFIED)
      local pair = hooking.succeed(case.open(role.options {on_verify = hook}))
      assert.equal(INVALID_PURPOSE, (pair[role.side]:verify_result()))
      assert.same({}, pair[role.side]:getpeercert())
      hooking.talk(pair)
    end)

    it("holds for a " .. role.side .. " with pins too", function()
      local name = role.side == "client" and "enciphering" or "agreeing"
      local pins = {resuming.pin(name .. ".crt")}
      is_refused(hooking.refused(case.open(role.options {pins = pins}),
        role.side), "digitalSignature")
    end)
  end

  if case.kind == "socket" then return end  -- each pair has a port of its own

  it("stays in a session that was accepted in spite of it", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local client = hooking.context("client", {on_verify = hook,
      maximum_version = case.version})
    local server = hooking.context("server", {certfile = file "enciphering.pem"})
    local first = hooking.succeed(hooking.open(case.kind, client, server))
    hooking.talk(first)
    local session = assert(first.client:session())
    local second = hooking.succeed(hooking.open(case.kind, client, server,
      {client = {session = session}}))
    assert.is_true(second.client:session_reused())
    assert.is_true(calls.facts.resumed)
    assert.equal(INVALID_PURPOSE, calls.facts.verify_code)
    assert.equal(2, calls.n)
  end)
end)
