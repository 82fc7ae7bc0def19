-- Whom a context trusts and how strictly it judges: flags, depth, purpose, time
-- and level by name; what is in its store; where the system's is.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local revocation = require "spec.support.revocation"
local ssl = require "luassl"

helpers.audit()

local file, read_file = helpers.file, helpers.read_file
local pki = revocation.make()

-- The client's error about a server with that certificate; nil: there is none.
local function judged(options, certfile, version)
  local all = {ca_certs = pki.ca_certs, maximum_version = version}
  for name, value in pairs(options) do all[name] = value end
  local near, err = resuming.meet(resuming.client(all), resuming.server {certfile = certfile or pki.leaf.file})
  if not near then
    assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
    return err
  end
  resuming.part(near, err)
end

describe("how strictly chains are judged", function()
  it("verify_depth limits the intermediate certificates", function()
    assert.is_nil(judged {verify_depth = 1})
    assert.equal(22, judged({verify_depth = 0}).verify_code)
    assert.is_nil(judged({verify_depth = 0}, pki.direct.file))
  end)

  it("purpose asks for another use", function()
    local wrong = pki.client.file
    assert.equal(26, judged({check_hostname = false}, wrong).verify_code)
    assert.is_nil(judged({check_hostname = false, purpose = "any"}, wrong))
    assert.is_nil(judged({check_hostname = false, purpose = "sslclient"}, wrong))
    assert.equal(26, judged({purpose = "sslclient"}).verify_code)
    assert.equal(26, judged({purpose = "timestampsign"}).verify_code)
    assert.is_nil(judged {purpose = "sslserver"})
  end)

  it("verify_time is the time that counts, after a resumption too", function()
    local day = 86400
    assert.is_nil(judged {verify_time = os.time()})
    assert.equal(10, judged({verify_time = os.time() + 100 * day}).verify_code)
    assert.equal(9, judged({verify_time = os.time() - 100 * day}).verify_code)
    assert.equal(9, judged({verify_time = 0}).verify_code)
    assert.equal(9, judged({verify_time = -1.5}).verify_code)
    local old = {verify_time = os.time {year = 2020, month = 6, day = 1}, ca_certs = file "expired.crt"}
    assert.is_nil(judged(old, file "expired.pem"))
    assert.equal(10, judged({ca_certs = file "expired.crt"}, file "expired.pem").verify_code)
  end)

  it("a server resumes a client's session by its verify_time", function()
    local past = authority.leaf {issuer = pki.root, key = "P-256:CRL past",
      eku = authority.extended_key_usage "client", not_before = -60, not_after = -40}
    local pem = helpers.temp_file(read_file(past.key.file) .. past.pem)
    local long = authority.ca("CRL long root", {key = "P-256:CRL root", not_before = -90})
    local bundle = helpers.temp_file(authority.ca("CRL root", {not_before = -90}).pem .. long.pem)
    for _, options in ipairs {{verify_time = os.time() - 50 * 86400}, {verify_flags = {"no_check_time"}}} do
      options.cert_reqs, options.ca_certs = ssl.CERT_REQUIRED, bundle
      local far_context = resuming.server(options)
      local context = resuming.client {certfile = pem}
      assert.is_true(resuming.reuses(context, far_context, {session = resuming.session(context, far_context)}))
    end
  end)

  it("verify_flags change it by name", function()
    assert.is_nil(judged({verify_flags = {"no_check_time"}, ca_certs = file "root.crt"}, file "expired.pem"))
    local intermediate = helpers.temp_file(pki.inter.pem)
    assert.is_nil(judged {ca_certs = intermediate})
    assert.equal(2, judged({ca_certs = intermediate, verify_flags = {"no_partial_chain"}}).verify_code)
    assert.is_nil(judged {verify_flags = {"x509_strict", "trusted_first"}})
    assert.is_not_nil(judged({verify_flags = {"suiteb_128"}, ca_certs = file "root.crt"}, file "rsa.pem"))
  end)

  it("security_level is what keys and digests have to be worth", function()
    local weak = authority.leaf {issuer = pki.root, key = "rsa1024:CRL weak",
      san = authority.alternative_names {authority.dns "localhost"}}
    local pem = helpers.temp_file(read_file(weak.key.file) .. weak.pem)
    local far_context = resuming.server {certfile = pem, security_level = 0}
    local function ask(options)
      options.ca_certs, options.maximum_version = pki.ca_certs, "TLSv1.2"
      local near, err = resuming.meet(resuming.client(options), far_context)
      if near then resuming.part(near, err) end
      return near ~= nil, err
    end
    assert.is_true((ask {security_level = 1}))
    local done, err = ask {security_level = 2}
    assert.is_false(done)
    assert.equal(66, err.verify_code)
    assert.is_false((ask {security_level = 2, ciphers = "DEFAULT:@SECLEVEL=0"}))
    assert.is_true((ask {security_level = 1, ciphers = "DEFAULT:@SECLEVEL=2"}))
    assert.is_nil(judged {security_level = 3})
    assert.is_not_nil(judged({security_level = 3, ca_certs = file "root.crt"}, file "rsa.pem"))
    -- its own certificate is judged when it is loaded
    local context, problem = ssl.SSLContext {server_side = true, certfile = pem, security_level = 2}
    assert.is_nil(context)
    assert.equal("weak", problem.kind)
  end)

  it("names that there are not raise, and say which there are", function()
    assert.error_matches(function() ssl.SSLContext {verify_flags = {"crl_check", "strict"}} end,
      "'verify_flags' must hold names of .*crl_check_all.*: number 2 is none")
    assert.error_matches(function() ssl.SSLContext {purpose = "server"} end, "'purpose' must be .*sslserver")
    assert.error_matches(function() ssl.SSLContext {verify_time = 0 / 0} end, "'verify_time' must be seconds")
  end)

  it("context:get tells them", function()
    local options = {verify_flags = {"x509_strict"}, verify_depth = 3, purpose = "any", verify_time = 1,
      security_level = 2}
    local context = assert(ssl.SSLContext(options))
    for name, value in pairs(options) do assert.same(value, context:get(name)) end
    local pem, bytes = revocation.crl(pki.root)
    local other = revocation.crl(pki.inter)
    local function told(data)
      return assert(ssl.create_default_context {ca_certs = pki.ca_certs, crl_data = data}):get "crl_data"
    end
    assert.equal(pem, told(bytes))
    assert.equal(pem .. other, told(read_file(file "rsa.key") .. pem .. "text\n" .. other))
  end)
end)

describe("what is in a context's store", function()
  local function count(pem)
    return select(2, pem:gsub("BEGIN CERTIFICATE", ""))
  end

  it("is counted, and the authorities are told", function()
    local context = assert(ssl.create_default_context {
      ca_certs = file "roots.crt", ca_data = read_file(file "rsa.crt")})
    assert.same({x509 = 4, x509_ca = 3, crl = 0}, context:cert_store_stats())
    local ders = {}
    for _, certificate in ipairs(context:get_ca_certs()) do ders[certificate:der()] = true end
    local strings = context:get_ca_certs(true)
    assert.equal(3, #strings)
    for _, string in ipairs(strings) do assert.is_true(ders[string]) end
    assert.is_true(ders[ssl.PEM_cert_to_DER_cert(read_file(file "root.crt"))])
    context = assert(ssl.create_default_context {ca_certs = pki.ca_certs,
      crl_data = revocation.crl(pki.root) .. revocation.crl(pki.inter)})
    assert.same({x509 = 1, x509_ca = 1, crl = 2}, context:cert_store_stats())
    assert.same({x509 = 0, x509_ca = 0, crl = 0}, assert(ssl.SSLContext()):cert_store_stats())
    assert.same({}, assert(ssl.SSLContext()):get_ca_certs())
  end)

  it("comes from DER too, one certificate or several", function()
    local der = pki.root.der .. pki.inter.der
    for _, options in ipairs {{ca_data = der}, {ca_certs = helpers.temp_file(der)}} do
      assert.equal(2, assert(ssl.create_default_context(options)):cert_store_stats().x509)
      options.check_hostname, options.cert_reqs = true, ssl.CERT_REQUIRED
      local near, far = assert(resuming.meet(assert(ssl.SSLContext(options)),
        resuming.server {certfile = pki.direct.file}))
      resuming.part(near, far)
    end
    assert.equal(1, assert(ssl.create_default_context {ca_data = pki.root.der}):cert_store_stats().x509)
    assert.equal(1, assert(ssl.create_default_context {ca_certs = file "rsa.der"}):cert_store_stats().x509)
    for _, damaged in ipairs {pki.root.der .. "x", pki.root.der:sub(1, -2)} do
      local context, err = ssl.create_default_context {ca_data = damaged}
      assert.is_nil(context)
      assert.equal("ca_data", err.operation)
    end
  end)

  it("is the system's file too, before any handshake", function()
    local expected = count(read_file(file "root.crt"))
    local context = assert(ssl.create_default_context())
    assert.equal(expected, context:cert_store_stats().x509_ca)
    assert.equal(expected, #context:get_ca_certs())
    context = assert(ssl.create_default_context {ca_certs = pki.ca_certs, system_trust = true})
    assert.equal(expected + 1, #context:get_ca_certs())
  end)

  it("is counted as Python counts it", function()
    local peer = helpers.spawn {"python3", "-c", [[
import ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(sys.argv[1])
stats = context.cert_store_stats()
print(stats["x509"], stats["x509_ca"], stats["crl"], len(context.get_ca_certs()))]], file "roots.crt"}
    assert.equal(0, peer:wait())
    local context = assert(ssl.create_default_context {ca_certs = file "roots.crt"})
    local stats = context:cert_store_stats()
    assert.equal(("%d %d %d %d\n"):format(stats.x509, stats.x509_ca, stats.crl, #context:get_ca_certs()), peer:output())
  end)
end)

describe("get_default_verify_paths", function()
  local NAMES = {"cafile", "capath", "openssl_cafile_env", "openssl_cafile", "openssl_capath_env", "openssl_capath"}

  local PYTHON = "import ssl\nfor value in ssl.get_default_verify_paths(): print(value)"

  local LUA = [[
for name in ("%s"):gmatch "%%S+" do print(ssl.get_default_verify_paths()[name] or "None") end]]

  it("answers as Python's, whatever the environment says", function()
    for _, env in ipairs {
      {SSL_CERT_FILE = file "root.crt", SSL_CERT_DIR = file ""},
      {SSL_CERT_FILE = "/nonexistent/ca.pem", SSL_CERT_DIR = "/nonexistent"},
    } do
      local peer = helpers.spawn({"python3", "-c", PYTHON}, {env = env})
      assert.equal(0, peer:wait())
      assert.equal(peer:output(), resuming.elsewhere(LUA:format(table.concat(NAMES, " ")), env))
    end
  end)

  it("names what OpenSSL was built with", function()
    local paths = ssl.get_default_verify_paths()
    local peer = helpers.spawn {"openssl", "version", "-d"}
    local directory = peer:expect 'OPENSSLDIR: "([^"]*)"'
    peer:wait()
    assert.equal(directory .. "/cert.pem", paths.openssl_cafile)
    assert.equal(directory .. "/certs", paths.openssl_capath)
  end)
end)
