-- When hooks are asked, what they are told, and what is so when they agree.
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file

helpers.audit()

-- The signature schemes of a client with this option, RFC 8446, 4.2.3.
local SIGALGS = "ECDSA+SHA256:RSA-PSS+SHA384:RSA+SHA256"
local SCHEMES = {"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha384", "rsa_pkcs1_sha256"}
local ROOT = {{{"organizationName", "LuaSSL"}}, {{"commonName", "LuaSSL test root"}}}

-- Certificates as their files have them.
local function ders(certificates)
  local list = {}
  for i, certificate in ipairs(certificates) do list[i] = certificate:der() end
  return list
end

local function files(...)
  local list = {}
  for i, name in ipairs {...} do
    local pem = helpers.read_file(file(name)):match "%-%-%-%-%-BEGIN CERT.*"
    list[i] = assert(ssl.PEM_cert_to_DER_cert(pem))
  end
  return list
end

-- Facts without their certificates, which are compared by their bytes.
local function plain(facts)
  local rest = {}
  for name, value in pairs(facts) do
    if name ~= "chain" and name ~= "certificate" then rest[name] = value end
  end
  return rest
end

hooking.each("a hook", function(case)
  for _, place in ipairs(hooking.places) do
    it("is asked once, with its connection and the facts: " .. place.name, function()
      local hook, calls = hooking.spy()
      local pair = case.open(place.options(hook))
      hooking.succeed(pair)
      hooking.talk(pair)
      assert.equal(1, calls.n)
      assert.equal(2, calls.count)
      assert.is_true(rawequal(pair[place.side], calls.connection))
      assert.is_table(calls.facts)
    end)

    for _, fine in ipairs {{"nothing"}, {"nil", nil}, {"true", true}, {"true and more", true, "ignored"}} do
      it(("goes on for %s: %s"):format(fine[1], place.name), function()
        local hook, calls = hooking.spy(fine[2], fine[3])
        if fine[1] == "nothing" then hook, calls = hooking.spy() end
        local pair = hooking.succeed(case.open(place.options(hook)))
        hooking.talk(pair)
        assert.equal(1, calls.n)
      end)
    end
  end

  it("on_client_hello is told what the client offers", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({alpn_protocols = {"h2", "a\0b"}, sigalgs = SIGALGS,
      ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305",
      ciphersuites = "TLS_AES_128_GCM_SHA256"}, {on_client_hello = hook}))
    local ciphers = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}
    if case.tls13 then table.insert(ciphers, 1, "TLS_AES_128_GCM_SHA256") end
    -- RFC 5746, 3.4: clients say it by this or by an extension, newer OpenSSLs so.
    if calls.facts.ciphers[#ciphers + 1] then table.insert(ciphers, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV") end
    assert.same({
      server_name = "localhost", alpn_protocols = {"h2", "a\0b"},
      versions = case.tls13 and {"TLSv1.3", "TLSv1.2"} or {"TLSv1.2"},
      ciphers = ciphers, signature_algorithms = SCHEMES,
    }, calls.facts)
  end)

  it("on_client_hello is told no name where there is none", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({}, {on_client_hello = hook}, {host = "127.0.0.1"}))
    assert.is_nil(calls.facts.server_name)
    assert.same({}, calls.facts.alpn_protocols)
  end)

  it("on_client_hello is told the name in lower case", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({}, {on_client_hello = hook}, {host = "LocalHost."}))
    assert.equal("localhost", calls.facts.server_name)
  end)

  it("on_certificate of a server is told what the client accepts", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({sigalgs = SIGALGS}, {on_certificate = hook}))
    assert.same({issuers = {}, signature_algorithms = SCHEMES, server_name = "localhost"}, calls.facts)
  end)

  it("on_certificate of a client is told what the server accepts", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open(hooking.certified {on_certificate = hook}, hooking.asking {
      sigalgs = SIGALGS, ca_certs = file "root.crt"}))
    local schemes = SCHEMES
    assert.same({issuers = {ROOT}, signature_algorithms = schemes, server_hostname = "localhost"}, calls.facts)
  end)

  it("on_certificate of a client is asked only if the server asks", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({on_certificate = hook}, {}))
    assert.equal(0, calls.n)
  end)

  it("on_verify of a client is told a good verdict", function()
    local hook, calls = hooking.spy()
    hooking.succeed(case.open({on_verify = hook}, {certfile = file "chained.pem"}))
    assert.same(files("chained.crt", "intermediate.crt", "root.crt"), ders(calls.facts.chain))
    assert.same(files "chained.crt", ders {calls.facts.certificate})
    assert.same({verified = true, verify_code = 0, verify_message = "ok", verify_depth = 0, errors = {},
      resumed = false, server_hostname = "localhost"}, plain(calls.facts))
  end)

  for _, bad in ipairs {
    {cert = "expired", code = 10, name = "cert_has_expired",
      message = "certificate has expired", chain = {"expired.crt", "root.crt"}},
    {cert = "untrusted", code = 20, name = "unable_to_get_issuer_cert_locally",
      message = "unable to get local issuer certificate", chain = {"untrusted.crt"}},
    {cert = "selfsigned", code = 18, name = "depth_zero_self_signed_cert",
      message = "self-signed certificate", chain = {"selfsigned.crt"}},
    {cert = "other", code = 62, name = "hostname_mismatch",
      message = "hostname mismatch", chain = {"other.crt", "root.crt"}},
  } do
    it("on_verify of a client is told a bad verdict: " .. bad.cert, function()
      local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
      local pair = hooking.succeed(case.open({on_verify = hook}, {certfile = file(bad.cert .. ".pem")}))
      assert.same(files((table.unpack or unpack)(bad.chain)), ders(calls.facts.chain))
      assert.same(files(bad.chain[1]), ders {calls.facts.certificate})
      assert.same({verified = false, verify_code = bad.code, verify_message = bad.message, verify_depth = 0,
        errors = {{code = bad.code, name = bad.name, message = bad.message, depth = 0}},
        resumed = false, server_hostname = "localhost"}, plain(calls.facts))
      assert.same({bad.code, bad.message, 0}, {pair.client:verify_result()})
      assert.same({}, pair.client:getpeercert())
      assert.equal(files(bad.chain[1])[1], pair.client:getpeercert(true))
      hooking.talk(pair)
    end)
  end

  it("on_verify of a client is told all that is wrong, and the first is the verdict", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local pair = hooking.succeed(case.open({on_verify = hook}, {certfile = file "expired.pem"},
      {host = "elsewhere.example"}))
    local codes = {}
    for i, fault in ipairs(calls.facts.errors) do codes[i] = fault.code end
    table.sort(codes)
    assert.same({10, 62}, codes)
    assert.equal(calls.facts.errors[1].code, calls.facts.verify_code)
    assert.equal(calls.facts.errors[1].code, (pair.client:verify_result()))
    assert.is_nil(pair.client:authenticated_by())
  end)

  it("on_verify of a server is told the verdict on the client", function()
    local hook, calls = hooking.spy()
    local pair = hooking.succeed(case.open(hooking.certified(), hooking.asking {on_verify = hook}))
    assert.same(files("client.crt", "root.crt"), ders(calls.facts.chain))
    assert.same(files "client.crt", ders {calls.facts.certificate})
    assert.same({verified = true, verify_code = 0, verify_message = "ok", verify_depth = 0, errors = {},
      resumed = false, server_name = "localhost"}, plain(calls.facts))
    assert.is_table(pair.server:getpeercert().subject)
  end)

  it("on_verify of a server is told a bad verdict and may accept it", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local pair = hooking.succeed(case.open({certfile = file "untrusted.pem"}, hooking.asking {on_verify = hook}))
    assert.same({verified = false, verify_code = 20, verify_message = "unable to get local issuer certificate",
      verify_depth = 0, resumed = false, server_name = "localhost", errors = {
        {code = 20, name = "unable_to_get_issuer_cert_locally", message = "unable to get local issuer certificate",
          depth = 0},
        {code = 26, name = "invalid_purpose", message = "unsuitable certificate purpose",
          depth = 0}}}, plain(calls.facts))
    assert.same({}, pair.server:getpeercert())
    assert.equal(20, (pair.server:verify_result()))
    hooking.talk(pair)
  end)

  for _, reqs in ipairs {"CERT_NONE", "CERT_OPTIONAL"} do
    it("on_verify of a server is told that a client has no certificate: " .. reqs, function()
      local hook, calls = hooking.spy()
      local pair = hooking.succeed(case.open({}, hooking.asking {cert_reqs = ssl[reqs], on_verify = hook}))
      assert.equal(1, calls.n)
      assert.same({verified = false, chain = {}, resumed = false, server_name = "localhost"}, calls.facts)
      assert.is_nil(pair.server:getpeercert())
      hooking.talk(pair)
    end)

    it("on_verify of a server may refuse a client without a certificate: " .. reqs, function()
      local reason = {}
      local pair = case.open({}, hooking.asking {cert_reqs = ssl[reqs], on_verify = function() return nil, reason end})
      assert.is_true(rawequal(reason, (hooking.refused(pair, "server"))))
      for _, method in ipairs {"read", "receive"} do
        assert.is_true(rawequal(reason, select(2, pair.server[method](pair.server))))
      end
      assert.is_true(rawequal(reason, select(2, pair.server:send "secret")))
    end)
  end

  it("on_verify is not asked about a client that had to have a certificate", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local pair = case.open({}, hooking.asking {on_verify = hook})
    local err, other = hooking.refused(pair, "server")
    assert.is_true(err:is(ssl.SSLError))
    assert.equal(case.tls13 and "certificate_required" or "handshake_failure", other.alert)
    assert.equal(0, calls.n)
  end)

  for _, side in ipairs {"client", "server"} do
    it("on_verify is asked under CERT_NONE too, and may refuse: " .. side, function()
      local own = {cert_reqs = ssl.CERT_NONE, ca_certs = file "root.crt",
        on_verify = function(_, facts)
          assert(facts.verified and facts.verify_code == 0)
          return nil, "unknown_ca"
        end}
      local other = side == "client" and {} or hooking.certified()
      local pair = case.open(side == "client" and own or other, side == "client" and other or own)
      local err, heard = hooking.refused(pair, side)
      assert.equal("unknown_ca", err)
      assert.equal("unknown_ca", heard.alert)
      assert.equal("received", heard.alert_direction)
    end)

    it("on_verify under CERT_NONE leaves a bad verdict accepted, and told: " .. side, function()
      local hook, calls = hooking.spy()
      local own = {cert_reqs = ssl.CERT_NONE, ca_certs = file "other-root.crt", on_verify = hook}
      local other = side == "client" and {} or hooking.certified()
      local pair = case.open(side == "client" and own or other, side == "client" and other or own)
      hooking.succeed(pair)
      assert.equal(1, calls.n)
      assert.is_false(calls.facts.verified)
      assert.same({}, pair[side]:getpeercert())
      assert.equal(20, (pair[side]:verify_result()))
    end)
  end

  it("that agrees leaves OpenSSL's bad verdict as it was", function()
    for _, answer in ipairs {"nothing", true} do
      local hook, calls = hooking.spy(answer == true or nil)
      local pair = case.open({on_verify = hook}, {certfile = file "untrusted.pem"})
      local err, other = hooking.refused(pair, "client")
      assert.equal(1, calls.n)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      assert.equal(20, err.verify_code)
      assert.equal("unknown_ca", other.alert)
      assert.equal(20, (pair.client:verify_result()))
      assert.same({}, pair.client:getpeercert())
    end
  end)

  it("gives its certificates away: they outlive the connection", function()
    local kept
    local pair = hooking.succeed(case.open({on_verify = function(_, facts) kept = facts end}, {}))
    pair.client:close()
    pair.server:close()
    collectgarbage()
    collectgarbage()
    assert.same(files("ecdsa.crt", "root.crt"), ders(kept.chain))
    assert.same(files "ecdsa.crt", ders {kept.certificate})
  end)

  it("is asked in the order of the handshake when there are all of them", function()
    local order = {}
    local function note(name)
      return function() order[#order + 1] = name end
    end
    local pair = case.open(
      hooking.certified {on_verify = note "client verifies", on_certificate = note "client chooses"},
      hooking.asking {on_client_hello = note "hello", on_certificate = note "server chooses",
        on_verify = note "server verifies"})
    hooking.succeed(pair)
    hooking.talk(pair)
    assert.same({"hello", "server chooses", "client verifies", "client chooses", "server verifies"}, order)
  end)

  it("is asked again for each connection of a context", function()
    local hook, calls = hooking.spy()
    local client, server = hooking.context("client", {maximum_version = case.version}),
      hooking.context("server", {on_client_hello = hook, on_certificate = hook})
    for i = 1, 3 do
      hooking.succeed(hooking.open(case.kind, client, server))
      assert.equal(2 * i, calls.n)
    end
  end)
end)

describe("the options of hooks", function()
  it("must be functions", function()
    for _, name in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
      for _, value in ipairs {1, "f", {}, false, setmetatable({}, {__call = print})} do
        local done, err = pcall(ssl.SSLContext, {server_side = true, certfile = file "rsa.pem", [name] = value})
        assert.is_false(done)
        assert.is_truthy(err:find(name, 1, true), err)
      end
    end
  end)

  it("are for servers where only servers are asked", function()
    for name, value in pairs {on_client_hello = print, server_names = {}} do
      local done, err = pcall(ssl.SSLContext, {[name] = value})
      assert.is_false(done)
      assert.is_truthy(err:find("server_side", 1, true), err)
    end
  end)

  it("can be read back", function()
    local hook = function() end
    local context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem",
      on_client_hello = hook, on_verify = hook, on_certificate = hook})
    for _, name in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
      assert.equal(hook, context:get(name))
    end
  end)
end)
