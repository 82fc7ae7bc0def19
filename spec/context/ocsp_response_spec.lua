-- The OCSP responses that a server shows: which it takes, to which certificate each goes, and how it is renewed.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"
local ocsp = require "spec.support.ocsp"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local pki = ocsp.make()

local function merged(defaults, options)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

local function response(fields)
  return ocsp.response(merged({certificate = pki.leaf, issuer = pki.inter}, fields))
end

local function server(options)
  local all = merged({server_side = true, certfile = pki.leaf.file}, options)
  if all.certificates then all.certfile = nil end
  return ssl.SSLContext(all)
end

local function client(options)
  return resuming.client(merged({ca_certs = pki.ca_certs, ocsp = "request"}, options))
end

-- What a client gets: the response's bytes, or nil.
local function shown(far_context, options)
  local near, far = resuming.meet(client(options), far_context)
  assert(near, far)
  local bytes = near:ocsp_response(true)
  assert.equal(bytes, far:ocsp_response(true))
  local facts = far:ocsp_response()
  assert.equal(bytes and "good", facts and facts.status)
  assert.equal(bytes and "good", far:info().ocsp_status)
  assert.is_nil(facts and facts.good)
  resuming.part(near, far)
  return bytes
end

-- A second leaf, with another type of key, by the root.
local ed25519 = authority.leaf {issuer = pki.root, key = "ed25519:OCSP", subject = authority.name "OCSP ed25519",
  san = authority.alternative_names {authority.dns "localhost"}}
ed25519.file = helpers.temp_file(helpers.read_file(ed25519.key.file) .. ed25519.pem)
local BOTH = {{certfile = pki.leaf.file}, {certfile = ed25519.file}}

local first, second = response(), response {this_update = -60}
local other = ocsp.response {certificate = ed25519, issuer = pki.root}

describe("a server's OCSP response", function()
  it("is bytes or a file's name, and is shown to who asks", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local options = {maximum_version = version}
      assert.equal(first, shown(server {ocsp_response = first}, options))
      assert.equal(first, shown(server {ocsp_response = helpers.temp_file(first)}, options))
      assert.is_nil(shown(server {}, options))
      options.ocsp = "off"
      assert.is_nil(shown(server {ocsp_response = first}, options))
    end
  end)

  it("comes of a function, too, which is told the certificate and its issuer", function()
    local seen = {}
    local far_context = assert(server {certificates = BOTH, ocsp_response = function(...)
      seen[#seen + 1] = {...}
      return (...):der() == pki.leaf.der and first or nil
    end})
    assert.equal(2, #seen)
    local issuers = {}
    for _, pair in ipairs(seen) do issuers[pair[1]:der()] = pair[2] and pair[2]:der() or "none" end
    assert.same({[pki.leaf.der] = pki.inter.der, [ed25519.der] = "none"}, issuers)
    assert.equal(first, shown(far_context, {sigalgs = "ECDSA+SHA256"}))
    assert.is_nil(shown(far_context, {sigalgs = "ed25519:ECDSA+SHA256"}))
    far_context = assert(server {certfile = ed25519.file, ca_certs = pki.ca_certs, ocsp_response = function(_, issuer)
      assert.equal(pki.root.der, issuer:der())
      return other
    end})
    assert.equal(other, shown(far_context, {sigalgs = "ed25519:ECDSA+SHA256"}))
  end)

  it("goes to the certificate that it is about", function()
    for _, list in ipairs {{first, other}, {other, helpers.temp_file(first)}} do
      local far_context = assert(server {certificates = BOTH, ocsp_response = list})
      assert.equal(first, shown(far_context, {sigalgs = "ECDSA+SHA256"}))
      assert.equal(other, shown(far_context, {sigalgs = "ed25519:ECDSA+SHA256"}))
    end
    local both = ocsp.response {issuer = pki.inter, singles = {{certificate = pki.leaf, issuer = pki.inter},
      {certificate = pki.must, issuer = pki.inter}}}
    assert.equal(both, shown(assert(server {ocsp_response = both})))
  end)

  it("goes with it, whoever chooses it", function()
    local chosen = assert(server {ocsp_response = first})
    for _, options in ipairs {{server_names = {localhost = chosen}}, {on_client_hello = function() return chosen end},
      {on_certificate = function() return chosen end},
      {on_client_hello = function() return {certificate = chosen} end}} do
      options.certfile = ed25519.file
      assert.equal(first, shown(assert(server(options))))
    end
  end)

  -- OpenSSL compresses a certificate without what belongs to it.
  it("goes with a certificate that could be compressed, too", function()
    if not ssl.HAS.CERTIFICATE_COMPRESSION then return end
    local far_context = assert(server {ocsp_response = first, certificate_compression = {"zlib"}})
    assert.equal(first, shown(far_context, {certificate_compression = {"zlib"}}))
    assert.is_true(far_context:set {ocsp_response = second})
    assert.equal(second, shown(far_context, {certificate_compression = {"zlib"}}))
  end)

  it("is renewed by reload and by set", function()
    local path = helpers.temp_file(first)
    local far_context = assert(server {ocsp_response = path})
    assert.equal(first, shown(far_context))
    helpers.write_file(path, second)
    assert.equal(first, shown(far_context))
    assert.is_true(far_context:reload())
    assert.equal(second, shown(far_context))
    assert.is_true(far_context:reload {ocsp_response = first})
    assert.equal(first, shown(far_context))
    local asked = 0
    assert.is_true(far_context:set {ocsp_response = function()
      asked = asked + 1
      return asked == 1 and first or second
    end})
    assert.equal(first, shown(far_context))
    assert.is_true(far_context:reload())
    assert.equal(second, shown(far_context))
  end)

  it("stays what it was where the new one is none, or raises", function()
    local path = helpers.temp_file(first)
    local far_context = assert(server {ocsp_response = path})
    helpers.write_file(path, "none")
    local done, err = far_context:reload()
    assert.is_nil(done)
    assert.equal("ocsp", err.kind)
    assert.equal(path, err.file)
    assert.equal(first, shown(far_context))
    for _, raised in ipairs {{}, "text"} do
      done, err = far_context:set {ocsp_response = function() error(raised, 0) end}
      assert.is_nil(done)
      assert.equal(raised, err)
    end
    done, err = far_context:set {ocsp_response = function() error(nil, 0) end}
    assert.is_nil(done)
    assert.equal("ocsp", err.kind)
    assert.equal(first, shown(far_context))
    -- of a certificate that has changed
    done, err = far_context:reload {certfile = pki.must.file, ocsp_response = first}
    assert.is_nil(done)
    assert.truthy(err:find("renew certificate and response together", 1, true), tostring(err))
    assert.is_true(far_context:reload {certfile = pki.must.file,
      ocsp_response = response {certificate = pki.must}})
  end)

  it("is not shown when it is not of now, with a warning", function()
    for kind, fields in pairs {ocsp_not_shown = {this_update = -9e5, next_update = -600}, [2] = {this_update = 6000},
      [3] = {status = "unknown"}} do
      local far_context = assert(server {ocsp_response = response(fields)})
      assert.is_nil(shown(far_context))
      local warnings = far_context:warnings()
      local found = warnings[#warnings]
      assert.equal("ocsp_not_shown", found.kind)
      assert.truthy(found.text:find(kind == 3 and "does not know" or "is out of date or of a later time", 1, true))
    end
  end)

  it("is shown until it runs out, while the server goes on", function()
    local output = resuming.elsewhere([[
      local ocsp = require "spec.support.ocsp"
      local pki = ocsp.make()
      local far = resuming.server {certfile = pki.leaf.file,
        ocsp_response = ocsp.response {certificate = pki.leaf, issuer = pki.inter, next_update = 3600}}
      local near_context = resuming.client {ca_certs = pki.ca_certs, ocsp = "request"}
      for _, seconds in ipairs {0, 3500, 3605} do
        advance(seconds)
        local near, other = assert(resuming.meet(near_context, far))
        print(near:ocsp_response() ~= nil)
        resuming.part(near, other)
      end
    ]])
    assert.equal("true\ntrue\nfalse\n", output)
  end)

  it("says that the certificate was revoked, where it was", function()
    local revoked = response {status = "revoked"}
    local far_context = assert(server {ocsp_response = revoked})
    local warnings = far_context:warnings()
    assert.equal("ocsp_revoked", warnings[#warnings].kind)
    local near, far = assert(client():wrap_object {server_hostname = "localhost"}), assert(far_context:wrap_object())
    local done, err = helpers.handshake(near, far)
    assert.is_nil(done)
    assert.equal("ocsp", err.kind)
    assert.equal(23, err.verify_code)
    assert.equal(pki.leaf.der, err.certificate:der())
    local facts = near:ocsp_response()
    assert.equal("revoked", facts.status)
    assert.is_false(facts.good)
    assert.truthy(facts.problem:find("was revoked", 1, true))
    assert.equal("number", type(facts.revocation_time))
    assert.equal("cert_revoked", near:verify_errors()[1].name)
    assert.equal(23, (near:verify_result()))
    near:close()
    far:close()
  end)

  it("is missed where the certificate demands one", function()
    local function kinds(options)
      local found = {}
      for _, warning in ipairs(assert(server(options)):warnings()) do found[warning.kind] = true end
      return found.must_staple or false
    end
    assert.is_true(kinds {certfile = pki.must.file})
    assert.is_false(kinds {})
    assert.is_false(kinds {certfile = pki.must.file, ocsp_response = response {certificate = pki.must}})
  end)

  it("must be one, about a certificate of the context, by its issuer", function()
    local function check(value, text, options)
      local context, err = server(merged({ocsp_response = value}, options))
      assert.is_nil(context)
      assert.equal("ocsp", err.kind, tostring(err))
      assert.equal("ocsp_response", err.operation)
      assert.truthy(err:find(text, 1, true), tostring(err))
      return err
    end
    local function as_file(bytes, text)
      check(bytes, text)
      local path = helpers.temp_file(bytes)
      local err = check(path, text)
      assert.equal(path, err.file)
      check(function() return bytes end, text)
      check({first, bytes}, text)
    end
    as_file(first:sub(1, -2), "is damaged, or is none")
    as_file(first .. "x", "is damaged, or is none")
    as_file(pki.leaf.der, "is damaged, or is none")
    as_file("0\130\255\255" .. ("x"):rep(16376), "is damaged, or is none")
    as_file("0\130\255\255" .. ("x"):rep(16377), "has more than 16380 bytes")
    as_file(ocsp.unanswered(3), "had no answer (try_later)")
    as_file(other, "is about other certificates")
    as_file(response {certificate = pki.must}, "is about other certificates")
    as_file(response {key = "P-256:OCSP stranger"}, "not of the one whom it names")
    as_file(response {signer = pki.stranger, certificates = {pki.stranger}}, "signed by somebody else")
    as_file(response {signer = pki.usual, certificates = {pki.usual}}, "does not entitle")
    as_file(response {critical = true}, "critical extension")
    check(function() return "" end, "is missing")
    check("", "must be an OCSP response in DER, or the name of a file")
    check("a\0b", "must be an OCSP response in DER, or the name of a file")
    assert.is_nil(tostring(check(helpers.read_file(pki.leaf.key.file), "must be")):find("BEGIN", 1, true))
    assert.is_nil(tostring(check({helpers.read_file(pki.leaf.key.file)}, "must be")):find("BEGIN", 1, true))
    local context, err = server {ocsp_response = "/nonexistent/ocsp"}
    assert.is_nil(context)
    assert.equal("file", err.kind)
    assert.equal("/nonexistent/ocsp", err.file)
    err = select(2, server {ocsp_response = "/"})
    assert.equal("file", err.kind)
    context, err = ssl.SSLContext {server_side = true, ocsp_response = other}  -- and no certificate
    assert.is_nil(context)
    assert.equal("ocsp", err.kind)
  end)

  it("is taken by name and number where the issuer is not known", function()
    local far_context = assert(server {certfile = ed25519.file, ocsp_response = other})
    assert.equal(other, shown(far_context, {sigalgs = "ed25519:ECDSA+SHA256"}))
    local context, err = server {certfile = ed25519.file, ocsp_response = first}
    assert.is_nil(context)
    assert.truthy(err:find("about other certificates", 1, true))
  end)

  it("is told by get", function()
    assert.equal(first, assert(server {ocsp_response = first}):get "ocsp_response")
    assert.same({first}, assert(server {ocsp_response = {first}}):get "ocsp_response")
    local function answer() return first end
    assert.equal(answer, assert(server {ocsp_response = answer}):get "ocsp_response")
    assert.is_nil(assert(server()):get "ocsp_response")
    assert.equal("request", client():get "ocsp")
    assert.equal("off", resuming.client():get "ocsp")
    assert.is_nil(assert(server()):get "ocsp")
  end)

  it("and what a client asks for are misuse where they cannot be", function()
    local function raises(text, options)
      assert.error_matches(function() ssl.SSLContext(options) end, text)
    end
    raises("'ocsp' must be \"off\"", {ocsp = "always", cert_reqs = ssl.CERT_REQUIRED})
    raises("'ocsp' must be a string", {ocsp = true})
    raises("'ocsp' needs a cert_reqs other than CERT_NONE", {ocsp = "require"})
    raises("'ocsp' is for clients", {ocsp = "require", server_side = true})
    raises("'ocsp_response' is for servers", {ocsp_response = first})
    for _, value in ipairs {1, true, {}, {1}, {x = "y"}} do
      raises("'ocsp_response' ", {server_side = true, ocsp_response = value})
    end
    raises("'ocsp_response' is a function that returned a number", {server_side = true, certfile = pki.leaf.file,
      ocsp_response = function() return 1 end})
    assert(ssl.SSLContext {ocsp = "off"})
  end)
end)
