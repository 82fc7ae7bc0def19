-- Several certificates with their keys in one context: what the peer can verify
-- decides which one it is shown; and all the forms that one may have.
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local ssl = require "luassl"

helpers.audit()

local file, read = helpers.file, helpers.read_file
local openssl = serving.openssl

local KINDS = {"rsa", "ecdsa", "ed25519"}
local SIGALGS = {rsa = "rsa_pss_rsae_sha256:RSA+SHA256", ecdsa = "ECDSA+SHA256", ed25519 = "ed25519"}

local function all()
  local list = {}
  for i, kind in ipairs(KINDS) do list[i] = {certfile = file(kind .. ".pem")} end
  return list
end

-- The certificate that a client which verifies only this kind is shown. It
-- trusts the leaf itself: what signed that does not matter.
local function shown(context, kind, version)
  return serving.seen(context, {sigalgs = SIGALGS[kind], ca_certs = file(kind .. ".crt"), minimum_version = version,
    maximum_version = version})
end

describe("certificates", function()
  it("are chosen by the client's signature algorithms", function()
    local context = assert(ssl.SSLContext {server_side = true, certificates = all()})
    assert.same({}, context:warnings())
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      for _, kind in ipairs(KINDS) do assert.equal(read(file(kind .. ".crt")), (shown(context, kind, version))) end
    end
  end)

  it("are refused when the client verifies none of them", function()
    local context = assert(ssl.SSLContext {server_side = true, certificates = {
      {certfile = file "rsa.pem"}, {certfile = file "ed25519.pem"}}})
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do assert.is_nil((shown(context, "ecdsa", version))) end
    assert.is_string((shown(context, "rsa")))
  end)

  it("may each be in another form", function()
    local pkcs12 = helpers.temp_name()
    openssl("pkcs12", "-export", "-in", file "ecdsa.pem", "-passout", "pass:x", "-out", pkcs12)
    local context = serving.context {certificates = {
      {certfile = file "rsa.der", keyfile = file "rsa-pkcs8.key", password = "secret"},
      {pkcs12_file = pkcs12, password = function() return "x" end},
      {cert = read(file "ed25519.crt"), key_uri = "file:" .. file "ed25519.key"},
    }}
    for _, kind in ipairs(KINDS) do assert.equal(read(file(kind .. ".crt")), (shown(context, kind))) end
  end)

  it("have one password beside them for those without one", function()
    local context = serving.context {password = "secret", certificates = {
      {certfile = file "rsa.crt", keyfile = file "rsa-pkcs8.key"},
      {certfile = file "ecdsa.pem"}}}
    assert.is_true(context:reload())
    local _, err = ssl.SSLContext {password = "secret", certificates = {
      {certfile = file "rsa.crt", keyfile = file "rsa-pkcs8.key", password = "other"}}}
    assert.equal("passphrase", err.kind)
    assert.equal("certificates[1].keyfile: wrong passphrase for " .. file "rsa-pkcs8.key", tostring(err))
  end)

  it("are named by their number in an error", function()
    local function complaint(list)
      local context, err = ssl.SSLContext {certificates = list}
      assert.is_nil(context)
      return err
    end
    local err = complaint {{certfile = file "rsa.pem"}, {certfile = "/nowhere"}}
    assert.equal("certificates[2].certfile: /nowhere does not exist", tostring(err))
    assert.equal("certificates[2].certfile", err.operation)
    assert.equal("/nowhere", err.file)
    assert.equal("certificates[1].key: the private key in it does not belong to the certificate in option "
      .. "certificates[1].cert", tostring(complaint {{cert = read(file "rsa.crt"), key = read(file "other.key")}}))
    assert.equal("certificates[1].pkcs12", complaint({{pkcs12 = "x"}}).operation)
    assert.equal("certificates[1].key_uri", complaint({{certfile = file "rsa.crt", key_uri = "x"}}).operation)
  end)

  it("are the caller's no more once the context is made", function()
    local list = all()
    local context = assert(ssl.SSLContext {server_side = true, certificates = list})
    list[1].certfile, list[2] = "/nowhere", nil
    assert.is_true(context:reload())
    assert.equal(read(file "ecdsa.crt"), (shown(context, "ecdsa")))
    local told = context:get "certificates"
    assert.same({{certfile = file "rsa.pem"}, {certfile = file "ecdsa.pem"}, {certfile = file "ed25519.pem"}}, told)
    told[1].certfile = "/nowhere"
    assert.is_true(context:reload())
  end)

  it("are told without what is secret", function()
    local context = assert(ssl.SSLContext {certificates = {
      {cert = read(file "rsa.pem"), key = read(file "rsa.key"), password = "secret"},
      {certfile = file "ecdsa.crt", key_uri = "file:" .. file "ecdsa.key"}}})
    assert.same({{cert = read(file "rsa.crt")}, {certfile = file "ecdsa.crt"}}, context:get "certificates")
  end)

  it("replace a single one, and are replaced by it", function()
    local context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
    assert.is_true(context:set {certificates = {{certfile = file "ecdsa.pem"}}})
    assert.is_nil(context:get "certfile")
    assert.equal(read(file "ecdsa.crt"), (serving.seen(context)))
    assert.is_true(context:set {certfile = file "rsa.pem"})
    assert.is_nil(context:get "certificates")
    assert.equal(read(file "rsa.crt"), (serving.seen(context)))
  end)

  it("are a client's too, of which the server's request chooses", function()
    local asking = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem", cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "root.crt", sigalgs = "RSA-PSS+SHA256:RSA+SHA256"})
    local key, csr, crt = helpers.temp_name(), helpers.temp_name(), helpers.temp_name()
    openssl("genpkey", "-algorithm", "RSA", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", "/CN=an RSA client", "-out", csr)
    openssl("x509", "-req", "-in", csr, "-CA", file "root.crt", "-CAkey", file "root.key", "-days", "2", "-out", crt)
    local options = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", certificates = {
      {certfile = file "client.pem"}, {certfile = crt, keyfile = key}}}
    local chosen = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", on_certificate = function()
      return {certificates = options.certificates}
    end}
    for _, case in ipairs {{"RSA-PSS+SHA256:RSA+SHA256", read(crt)},
      {"ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256", read(file "client.crt")}} do
      for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
        assert.is_true(asking:set {sigalgs = case[1], minimum_version = version, maximum_version = version})
        for _, own in ipairs {options, chosen} do
          local client = assert(ssl.SSLContext(own)):wrap_object {server_hostname = "localhost"}
          local server = assert(asking:wrap_object())
          assert(helpers.handshake(client, server))
          helpers.pump(client, server)
          assert.equal(case[2], ssl.DER_cert_to_PEM_cert(server:getpeercert(true)), version)
          client:close()
          server:close()
        end
      end
    end
  end)

  it("all hold in a context that is chosen, and are all handed over", function()
    local several = assert(ssl.SSLContext {server_side = true, certificates = all()})
    local answers = {
      {server_names = {localhost = several}},
      {on_client_hello = function() return several end},
      {on_client_hello = function() return {certificate = several} end},
      {on_client_hello = function() return {certificate = {certificates = all()}} end},
      {on_certificate = function() return several end},
      {on_certificate = function() return {certificates = all()} end},
    }
    for i, options in ipairs(answers) do
      options.server_side, options.certfile = true, file "other.pem"
      local context = assert(ssl.SSLContext(options))
      for _, kind in ipairs {"rsa", "ed25519"} do
        local pem, err = shown(context, kind)
        assert.equal(read(file(kind .. ".crt")), pem, ("%d, %s: %s"):format(i, kind, tostring(err)))
      end
    end
  end)

  it("may be given by a hook in each form", function()
    local path = helpers.temp_name()
    openssl("pkcs12", "-export", "-in", file "rsa.pem", "-passout", "pass:x", "-out", path)
    for _, answer in ipairs {{certfile = file "rsa.crt", keyfile = file "rsa.key"},
      {pkcs12_file = path, password = "x"}, {certfile = file "rsa.crt", key_uri = "file:" .. file "rsa.key"}} do
      local context = assert(ssl.SSLContext {server_side = true, on_certificate = function() return answer end})
      assert.equal(read(file "rsa.crt"), (serving.seen(context)))
    end
  end)

  it("are completed from ca_certs, each", function()
    local context = assert(ssl.SSLContext {server_side = true, ca_certs = file "roots.crt", certificates = {
      {certfile = file "rsa.pem"}, {certfile = file "chained.crt", keyfile = file "chained.key"}}})
    assert.equal(read(file "chained.crt"), (serving.seen(context, {sigalgs = "ECDSA+SHA256"})))
    context = assert(ssl.SSLContext {server_side = true, ca_certs = file "roots.crt", certificates = {
      {certfile = file "chained.crt", keyfile = file "chained.key"}, {certfile = file "rsa.pem"}}})
    assert.equal(read(file "chained.crt"), (serving.seen(context, {sigalgs = "ECDSA+SHA256"})))
  end)
end)

describe("DER", function()
  local function converted(name, ...)
    local path = helpers.temp_name()
    openssl(name, "-outform", "DER", "-out", path, ...)
    return path
  end

  it("may be certificate and key, in files and strings", function()
    local key = converted("pkey", "-in", file "rsa.key")
    serving.context {certfile = file "rsa.der", keyfile = key}
    serving.context {cert = read(file "rsa.der"), key = read(key)}
    serving.context {cert = read(file "rsa.crt"), key = read(key)}
    serving.context {certfile = file "rsa.der", key = read(file "rsa.key")}
    local context = assert(ssl.SSLContext {cert = read(file "rsa.der"), key = read(key)})
    assert.equal(read(file "rsa.crt"), context:get "cert")
  end)

  it("may be a key of any sort", function()
    serving.context {certfile = file "rsa.crt", keyfile = converted("rsa", "-in", file "rsa.key", "-traditional")}
    serving.context {certfile = file "ecdsa.crt", keyfile = converted("ec", "-in", file "ecdsa.key")}
    serving.context {certfile = file "ed25519.crt", keyfile = converted("pkey", "-in", file "ed25519.key")}
  end)

  it("may be an encrypted key", function()
    local key = converted("pkcs8", "-topk8", "-in", file "rsa.key", "-passout", "pass:secret")
    local called = {}
    serving.context {certfile = file "rsa.crt", keyfile = key, password = "secret"}
    serving.context {certfile = file "rsa.crt", key = read(key), password = function(name)
      called[#called + 1] = name
      return "secret"
    end}
    assert.same({"key"}, called)
    for password, text in pairs {
      [false] = "the private key in %s is encrypted: its passphrase goes in option password",
      hunter2 = "wrong passphrase for %s"} do
      local _, err = ssl.SSLContext {certfile = file "rsa.crt", keyfile = key, password = password or nil}
      assert.equal("passphrase", err.kind)
      assert.equal("keyfile: " .. text:format(key), tostring(err))
    end
  end)

  it("may be a chain, one certificate behind the other", function()
    local chain = helpers.temp_file(read(converted("x509", "-in", file "chained.crt"))
      .. read(converted("x509", "-in", file "intermediate.crt")))
    local context = serving.context {certfile = chain, keyfile = file "chained.key"}
    assert.same({}, context:warnings())
  end)

  it("may be what is trusted", function()
    local context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
    local root = converted("x509", "-in", file "root.crt")
    assert.is_string((serving.seen(context, {ca_certs = root})))
    assert.is_string((serving.seen(context, {ca_certs = file "other-root.crt", ca_data = read(root)})))
  end)
end)
