-- ssl.verify judges a chain as a handshake does: a set of chains is served, on
-- both sides, and the verdicts compared; and with openssl's.
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local issued = require "spec.support.issued_chains"
local ssl = require "luassl"

helpers.audit()

local file, read = helpers.file, helpers.read_file

-- A file of keys and certificates without the keys.
local function chain_of(path)
  local blocks = {}
  for block in read(path):gmatch "%-%-%-%-%-BEGIN CERTIFICATE.-END CERTIFICATE%-%-%-%-%-\n" do
    blocks[#blocks + 1] = block
  end
  return table.concat(blocks)
end

-- The verdict of who meets that certificate: 0, or code, depth and words.
local function in_handshake(path, options)
  local trusting = {ca_data = options.roots or read(file "root.crt"), certfile = nil}
  local client, server
  if options.server_side then
    trusting.server_side, trusting.certfile = true, file "rsa.pem"
    trusting.cert_reqs = ssl.CERT_REQUIRED
    client = assert(ssl.SSLContext {certfile = path, ciphers = "DEFAULT:@SECLEVEL=0"})
    server = assert(ssl.SSLContext(trusting))
  else
    trusting.cert_reqs, trusting.check_hostname = ssl.CERT_REQUIRED, options.name ~= nil
    client = assert(ssl.SSLContext(trusting))
    server = assert(ssl.SSLContext {server_side = true, certfile = path, ciphers = "DEFAULT:@SECLEVEL=0"})
  end
  local near = assert(client:wrap_object {server_hostname = options.name})
  local far = assert(server:wrap_object())
  helpers.handshake(near, far)
  local judge = options.server_side and far or near
  local code, words, depth = judge:verify_result()
  local _, err = judge:do_handshake()
  near:close()
  far:close()
  return code, words, depth, err
end

local function alone(path, options)
  local ok, found = ssl.verify(chain_of(path), {
    roots = options.roots or read(file "root.crt"), name = options.name, server_side = options.server_side,
  })
  if ok then return 0, found end
  assert.is_true(found:is(ssl.SSLCertVerificationError), tostring(found))
  return found.verify_code, found
end

-- The sentence behind "handshake: " and "verify: ".
local function sentence(err)
  return (tostring(err):gsub("^%a+: ", ""):gsub("as ca_certs", "as roots"))
end

local made

local function build()
  if made then return made end
  local root = issued.root()
  local function ca(key, subject, extensions, issuer, more)
    local options = {key = key, subject = subject, extensions = extensions or issued.CA, issuer = issuer or root}
    for name, value in pairs(more or {}) do options[name] = value end
    return issued.certificate(options)
  end
  local function leaf(issuer, san, more, others)
    local options = {issuer = issuer, extensions = issued.leaf(san, more)}
    for name, value in pairs(others or {}) do options[name] = value end
    return issued.certificate(options).file
  end
  local good = ca("other", "CN = good CA")
  local short = ca("other", "CN = short CA",
    "basicConstraints = critical, CA:TRUE, pathlen:0\nkeyUsage = critical, keyCertSign")
  local bounded = ca("other", "CN = bounded CA", issued.CA
    .. "\nnameConstraints = critical, permitted;DNS:inside.example, excluded;DNS:not.inside.example")
  local selfsigned = issued.certificate {extensions = issued.leaf()}
  made = {
    {"a good chain", leaf(good), name = "localhost", 0},
    {"a good leaf", file "rsa.pem", name = "localhost", 0},
    {"an Ed25519 leaf", file "ed25519.pem", name = "localhost", 0},
    {"no name asked for", file "other.pem", 0},
    {"another name", file "other.pem", name = "localhost"},
    {"an address", file "rsa.pem", name = "127.0.0.1", 0},
    {"another address", file "rsa.pem", name = "127.0.0.2"},
    {"a wildcard", file "wildcard.pem", name = "a.wildcard.example", 0},
    {"a wildcard for an underscore", file "wildcard.pem", name = "a_b.wildcard.example", 0},
    {"a wildcard for two labels", file "wildcard.pem", name = "a.b.wildcard.example"},
    {"a common name alone", file "noname.pem", name = "localhost"},
    {"a NUL in the name", file "nul.pem", name = "localhost"},
    {"an expired leaf", file "expired.pem", name = "expired"},
    {"one of the future", file "future.pem"},
    {"an unknown root", file "untrusted.pem"},
    {"a self-signed leaf", selfsigned.file},
    {"a self-signed leaf that is trusted", selfsigned.file, roots = selfsigned.pem, name = "localhost", 0},
    {"no intermediate", issued.certificate {issuer = {certificate = good.certificate, key = good.key}}.file},
    {"a trusted intermediate", leaf(good), roots = good.pem, 0},
    {"a leaf as a CA", leaf(ca("wildcard", "CN = no CA", "basicConstraints = CA:FALSE"))},
    {"a CA without basic constraints", leaf(ca("wildcard", "CN = no CA",
      "keyUsage = critical, keyCertSign"))},
    {"a CA that may not sign", leaf(ca("wildcard", "CN = no CA",
      "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, cRLSign"))},
    {"a CA for clients", leaf(ca("wildcard", "CN = clients' CA", issued.CA .. "\nextendedKeyUsage = clientAuth"))},
    {"a path that is too long", leaf(ca("wildcard", "CN = below", nil, short))},
    {"a path that is long enough", leaf(short), 0},
    {"a permitted name", leaf(bounded, "DNS:inside.example"), name = "inside.example", 0},
    {"a name that is not permitted", leaf(bounded, "DNS:outside.example")},
    {"an excluded name", leaf(bounded, "DNS:not.inside.example")},
    {"an expired intermediate", leaf(ca("wildcard", "CN = old CA", nil, root,
      {dates = {"20200101000000Z", "20210101000000Z"}}))},
    {"an unknown critical extension", leaf(root, nil, "1.2.3.4 = critical, DER:0500")},
    {"an unknown extension", leaf(root, nil, "1.2.3.4 = DER:0500"), 0},
    {"a leaf for clients", leaf(root, nil, "extendedKeyUsage = clientAuth")},
    {"a leaf for anything", leaf(root, nil, "extendedKeyUsage = anyExtendedKeyUsage")},
    {"a key that may not sign", file "agreeing.pem", server_side = true},
    {"a key for enciphering", file "enciphering.pem"},
    {"a key for signing", file "signing.pem", 0},
    {"a key for anything", file "anything.pem", 0},
    {"a digest that is too weak", leaf(ca("wildcard", "CN = SHA-1 CA", nil, root, {arguments = {"-sha1"}}))},
    {"another issuer's name", helpers.temp_file(read(leaf(ca("wildcard", "CN = good CA")))
      :gsub("(.*)(%-%-%-%-%-BEGIN CERTIFICATE.*)$", "%1") .. good.pem)},
    {"a client's certificate", file "client.pem", server_side = true, 0},
    {"a server's as a client's", leaf(root, nil, "extendedKeyUsage = serverAuth"), server_side = true},
    {"a client's as a server's", file "client.pem"},
    {"a client's that is expired", file "expired.pem", server_side = true},
    {"a client's of an unknown root", file "untrusted.pem", server_side = true},
    {"a long way", file "brief.pem", 0},
  }
  return made
end

describe("a chain without a connection", function()
  teardown(function() made = nil end)

  it("gets the verdict of a handshake", function()
    local refused = 0
    for _, case in ipairs(build()) do
      local title = case[1]
      local code, words, depth, err = in_handshake(case[2], case)
      local mine, found = alone(case[2], case)
      assert.equal(code, mine, title .. ": " .. tostring(err))
      if case[3] then assert.equal(case[3], mine, title) end
      if mine == 0 then
        assert.is_nil(err, title)
      else
        refused = refused + 1
        assert.equal(words, found.verify_message, title)
        assert.equal(depth, found.verify_depth, title)
        assert.equal(sentence(err), sentence(found), title)
        assert.equal("verification", found.kind)
      end
    end
    assert.is_true(refused >= 20)
  end)

  it("gets the verdict of openssl, but for what is ours", function()
    local OURS = {
      ["a wildcard for an underscore"] = true, ["a common name alone"] = true,
      ["a key that may not sign"] = true, ["a key for enciphering"] = true,
    }
    for _, case in ipairs(build()) do
      local argv = {"openssl", "verify", "-partial_chain", "-no-CAfile", "-no-CApath", "-no-CAstore",
        "-auth_level", "2", "-purpose", case.server_side and "sslclient" or "sslserver",
        "-CAfile", helpers.temp_file(case.roots or read(file "root.crt")),
        "-untrusted", helpers.temp_file(chain_of(case[2]))}
      if case.name then
        argv[#argv + 1] = case.name:find "^[%d.]+$" and "-verify_ip" or "-verify_hostname"
        argv[#argv + 1] = case.name
      end
      argv[#argv + 1] = helpers.temp_file(chain_of(case[2]))
      local peer = helpers.spawn(argv)
      local status = peer:wait()
      local code = tonumber(peer:output():match "error (%d+) at") or 0
      local ok, err = ssl.verify(chain_of(case[2]), {
        roots = case.roots or read(file "root.crt"), name = case.name, server_side = case.server_side,
        security_level = 2,
      })
      if not OURS[case[1]] then
        assert.equal(status == 0, ok == true, case[1] .. ": " .. peer:output() .. tostring(err))
        assert.equal(code, ok and 0 or err.verify_code, case[1] .. ": " .. peer:output())
      end
    end
  end)
end)

describe("verify", function()
  local root = read(file "root.crt")
  local leaf, intermediate = read(file "chained.crt"), read(file "intermediate.crt")

  local function refused(code, chain, options)
    local ok, err = ssl.verify(chain, options)
    assert.is_nil(ok)
    assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
    assert.equal(code, err.verify_code)
    return err
  end

  it("gives the chain as it was built", function()
    local ok, chain = ssl.verify(leaf .. intermediate, {roots = root})
    assert.is_true(ok)
    assert.equal(3, #chain)
    for i, pem in ipairs {leaf, intermediate, root} do
      assert.equal(ssl.load_certificates(pem)[1], chain[i])
    end
    for _, certificate in ipairs(chain) do assert.is_string(certificate:pin()) end
  end)

  it("takes strings, certificates and lists of both, in any order", function()
    local loaded = ssl.load_certificates(leaf)[1]
    local der = ssl.load_certificates(intermediate)[1]:der()
    local other = read(file "other.crt")
    for _, chain in ipairs {leaf .. intermediate, {loaded, der}, {leaf, intermediate},
      {loaded, other, intermediate, leaf}, leaf .. other .. root .. intermediate} do
      assert.is_true(ssl.verify(chain, {roots = root}))
      assert.is_true(ssl.verify(chain, {roots = {other, ssl.load_certificates(root)[1]}}))
    end
    for _, between in ipairs {intermediate, der, {der}, ssl.load_certificates(intermediate)[1]} do
      assert.is_true(ssl.verify(loaded, {roots = root, intermediates = between}))
    end
    refused(20, loaded, {roots = root, intermediates = other})
  end)

  it("judges the first, whatever else is there", function()
    local other = read(file "untrusted.crt")
    refused(20, other .. leaf .. intermediate, {roots = root})
    assert.is_true(ssl.verify({leaf, other, intermediate}, {roots = root}))
  end)

  it("trusts the system where no roots are given", function()
    assert.is_true(ssl.verify(read(file "rsa.crt"), {name = "localhost"}))
    refused(20, read(file "untrusted.crt"), {})
    refused(20, read(file "rsa.crt"), {roots = read(file "other-root.crt")})
  end)

  it("trusts no intermediate of the chain", function()
    refused(20, {leaf, intermediate}, {roots = read(file "other-root.crt")})
    refused(2, {leaf}, {roots = intermediate, verify_flags = {"no_partial_chain"}})
    assert.is_true(ssl.verify({leaf}, {roots = intermediate}))
  end)

  it("tells what was refused", function()
    local err = refused(10, read(file "expired.crt"), {roots = root})
    assert.equal(ssl.load_certificates(read(file "expired.crt"))[1], err.certificate)
    assert.equal(2, #err.chain)
    assert.equal("certificate has expired", err.verify_message)
    local old = refused(20, {leaf}, {roots = root})
    assert.equal(ssl.load_certificates(leaf)[1], old.certificate)
    assert.truthy(tostring(old):find("give that CA's certificate as roots", 1, true))
    local of_client = refused(20, {leaf}, {roots = root, server_side = true})
    assert.truthy(tostring(of_client):find("the client's certificate", 1, true))
  end)

  it("judges by the time that it is told", function()
    local self = issued.certificate {extensions = issued.leaf()}
    local certificate = ssl.load_certificates(self.pem)[1]
    local from, to = certificate:not_before "seconds", certificate:not_after "seconds"
    -- OpenSSL counts the last second, which RFC 5280 has in it, as too late
    for time, code in pairs {[from - 1] = 9, [to] = 10} do
      refused(code, certificate, {roots = self.pem, time = time})
    end
    assert.is_true(ssl.verify(read(file "expired.crt"), {roots = root, verify_flags = {"no_check_time"}}))
    for _, time in ipairs {from, from + 0.5, to - 1, to - 0.5} do
      assert.is_true(ssl.verify(certificate, {roots = self.pem, time = time}))
    end
    refused(9, certificate, {roots = self.pem, time = -1e9})
  end)

  it("judges by purpose", function()
    local client = read(file "client.crt")
    refused(26, client, {roots = root})
    assert.is_true(ssl.verify(client, {roots = root, purpose = "sslclient"}))
    assert.is_true(ssl.verify(client, {roots = root, purpose = "any"}))
    local agreeing = read(file "agreeing.crt")
    refused(26, agreeing, {roots = root})
    refused(26, agreeing, {roots = root, purpose = "sslserver"})
    assert.is_true(ssl.verify(agreeing, {roots = root, purpose = "any"}))
    refused(26, read(file "rsa.crt"), {roots = root, purpose = "timestampsign"})
  end)

  it("judges by depth, level and flags", function()
    refused(22, {leaf, intermediate}, {roots = root, verify_depth = 0})
    assert.is_true(ssl.verify({leaf, intermediate}, {roots = root, verify_depth = 1}))
    refused(66, read(file "rsa.crt"), {roots = root, security_level = 4})
    assert.is_true(ssl.verify(read(file "rsa.crt"), {roots = root, security_level = 2}))
    refused(43, read(file "rsa.crt"), {roots = root, verify_flags = {"explicit_policy"}})
    local err = select(2, ssl.verify(read(file "rsa.crt"), {roots = root, verify_flags = {"suiteb_128"}}))
    assert.truthy(err.verify_message:find "Suite B")
    refused(3, read(file "rsa.crt"), {roots = root, verify_flags = {"crl_check"}})
    refused(3, read(file "rsa.crt"), {roots = root, verify_flags = {"crl_check_all"}})
    refused(3, read(file "rsa.crt"), {roots = root, verify_flags = {"use_deltas"}})
  end)

  it("looks at the CRLs that it is given", function()
    local directory = helpers.temp_name()
    assert(os.execute("mkdir " .. directory))
    local config = directory .. "/ca.conf"
    local handle = assert(io.open(config, "w"))
    handle:write("[ca]\ndefault_ca = d\n[d]\ndatabase = " .. directory
      .. "/index\ndefault_md = sha256\ndefault_crl_days = 5\n")
    handle:close()
    assert(io.open(directory .. "/index", "w")):close()
    local function openssl(...)
      local peer = helpers.spawn {"openssl", ...}
      assert(peer:wait() == 0, peer:output())
    end
    local function crl()
      local path = helpers.temp_name()
      openssl("ca", "-config", config, "-cert", file "root.crt", "-keyfile", file "root.key", "-gencrl", "-out", path)
      return read(path)
    end
    local good = read(file "rsa.crt")
    local empty = crl()
    openssl("ca", "-config", config, "-cert", file "root.crt", "-keyfile", file "root.key",
      "-revoke", file "other.crt")
    local full = crl()
    assert.is_true(ssl.verify(good, {roots = root, crls = empty}))
    assert.is_true(ssl.verify(good, {roots = root, crls = {full}}))
    assert.is_true(ssl.verify(read(file "other.crt"), {roots = root, crls = empty}))
    assert.equal(0, refused(23, read(file "other.crt"), {roots = root, crls = full}).verify_depth)
    local der = ssl.load_certificates and helpers.temp_name()
    openssl("crl", "-in", helpers.temp_file(full), "-outform", "DER", "-out", der)
    refused(23, read(file "other.crt"), {roots = root, crls = {read(der)}})
    -- of the leaf's issuer there is none; of the whole chain, one is missing
    refused(3, {leaf, intermediate}, {roots = root, crls = full})
    refused(12, good, {roots = root, crls = full, time = os.time() + 6 * 86400})
    for _, wrong in ipairs {"", "x", root, read(der) .. "x"} do
      local ok, err = ssl.verify(good, {roots = root, crls = wrong})
      assert.is_nil(ok)
      assert.equal("pem", err.kind)
      assert.equal("crls", err.operation)
    end
  end)

  it("answers an error for what is malformed", function()
    for kind, arguments in pairs {
      no_certificate = {{}, {}}, no_trust = {leaf, {roots = {}}}, name = {leaf, {name = "a b"}},
    } do
      local ok, err = ssl.verify(arguments[1], arguments[2])
      assert.is_nil(ok)
      assert.equal(kind, err.kind)
    end
    for _, wrong in ipairs {"", "x", read(file "rsa.key"), read(file "garbage.pem")} do
      for what, arguments in pairs {
        verify = {wrong, {}}, roots = {leaf, {roots = wrong}}, intermediates = {leaf, {intermediates = {wrong}}},
      } do
        local ok, err = ssl.verify(arguments[1], arguments[2])
        assert.is_nil(ok)
        assert.equal("pem", err.kind)
        assert.equal(what, err.operation)
        assert.is_false(err:is(ssl.SSLCertVerificationError))
      end
    end
  end)

  it("does not believe what it cannot read", function()
    for san, name in pairs {["DER:020105"] = "localhost", ["DER:3000"] = "localhost"} do
      local _, pem = craft.certificate {san = san}
      refused(62, pem, {roots = pem, name = name})
    end
  end)
end)
