-- OCSP responses that a server staples, in a client's eyes: good ones and hostile ones, in TLS 1.2, where they
-- come behind the certificate, and in TLS 1.3.
local helpers = require "spec.support.helpers"
local ocsp = require "spec.support.ocsp"
local ssl = require "luassl"

helpers.audit()

local pki = ocsp.make()
local NEEDED, FAILED, UNKNOWN, REVOKED = 73, 74, 75, 23  -- X509_V_ERR_OCSP_*, X509_V_ERR_CERT_REVOKED
local VERSIONS = {["1.2"] = "TLSv1.2", ["1.3"] = "TLSv1.3"}

-- A response about the leaf; other fields as of `ocsp.response`.
local function response(fields)
  local all = {certificate = pki.leaf, issuer = pki.inter}
  for name, value in pairs(fields or {}) do all[name] = value end
  return ocsp.response(all)
end

-- Servers by version and leaf: `port`, `staple(bytes)`, `expect`.
local servers = {}

local function server(version, leaf)
  local name = version .. leaf
  if not servers[name] then
    local path = helpers.temp_file ""
    local process = helpers.spawn({os.getenv "LUASSL_BUILD" .. "/stapler", version, pki[leaf].file, path},
      {timeout = 600})
    process.port = tonumber(process:expect "ready (%d+)")
    process.path, process.seen = path, 0
    servers[name] = process
  end
  return servers[name]
end

teardown(function()
  for _, process in pairs(servers) do process:stop() end
end)

-- What the server says of the next connection: "asked", "done".
local function verdict(process)
  local first, second = process:expect("ready[^\n]*\n" .. ("[^\n]*\n[^\n]*\n"):rep(process.seen)
    .. "([^\n]*)\n([^\n]*)\n")
  process.seen = process.seen + 1
  return first, second
end

-- Connects while the server staples `bytes`.
local function connect(version, leaf, bytes, options)
  local process = server(version, leaf)
  helpers.write_file(process.path, bytes)
  local all = {ca_certs = pki.ca_certs, timeout = helpers.patience, session_cache = false, ocsp = "require"}
  for name, value in pairs(options or {}) do all[name] = value end
  all.ocsp = all.ocsp or nil
  local conn, err = ssl.connect("localhost", process.port, all)
  return conn, err, process
end

local function accepted(version, bytes, options, leaf)
  local conn, err, process = connect(version, leaf or "leaf", bytes, options)
  assert(conn, err)
  conn:settimeout(helpers.patience)
  assert.equal(".", (assert(conn:read(1))))
  local facts, name, raw = conn:ocsp_response(), conn:info().ocsp_status, conn:ocsp_response(true)
  assert.equal(VERSIONS[version], conn:version())
  assert(conn:close())
  local asked, how = verdict(process)
  assert.equal("done", how)
  return facts, name, raw, asked
end

-- The client's error, after the server has got the alert.
local function refused(version, bytes, code, text, options, leaf)
  local conn, err, process = connect(version, leaf or "leaf", bytes, options)
  assert.is_nil(conn)
  assert.equal("ocsp", err.kind, tostring(err))
  assert.is_true(err:is(ssl.SSLCertVerificationError))
  assert.equal(code, err.verify_code, tostring(err))
  assert.truthy(err:find(text, 1, true), tostring(err))
  assert.equal("bad_certificate_status_response", err.alert)
  local asked, how = verdict(process)
  assert.equal("asked", asked)
  assert.equal("alert 113", how)
  return err
end

local function times(certificate)
  return {certificate = certificate or pki.leaf, issuer = pki.inter}
end

-- What is good in every respect.
local good = {
  ["by the issuer"] = {},
  ["by the issuer, named by its key"] = {by_key = true},
  ["whose id is made with SHA-256"] = {hash = "sha256"},
  ["without a next update, of today"] = {next_update = false},
  ["from a clock that is a little ahead"] = {this_update = 120},
  ["that has just run out"] = {next_update = -120},
  ["with a nonce, which nobody asked for"] = {nonce = true},
  ["by an entitled responder"] = {signer = pki.responder, certificates = {pki.responder}},
  ["by an entitled responder, named by its key"] =
    {signer = pki.responder, certificates = {pki.usual, pki.responder}, by_key = true},
  ["about several certificates"] = {singles = {times(pki.must), times(), times(pki.client)}},
  ["with an older answer beside the newer"] =
    {singles = {{certificate = pki.leaf, issuer = pki.inter, this_update = -9e5, next_update = -8e5}, times()}},
}

-- What is wrong, its code and a part of the text.
local FLIP = function(basic) return basic:sub(1, -2) .. string.char((basic:byte(-1) + 1) % 256) end
local bad = {
  ["by a stranger"] = {{signer = pki.stranger, certificates = {pki.stranger}}, FAILED, "is signed by somebody else"},
  ["by a stranger who is not in it"] = {{signer = pki.stranger}, FAILED, "is signed by somebody else"},
  ["by a stranger under the issuer's name"] =
    {{key = "P-256:OCSP stranger"}, FAILED, "not of the one whom it names"},
  ["by a stranger under the issuer's key"] =
    {{key = "P-256:OCSP stranger", by_key = true}, FAILED, "not of the one whom it names"},
  ["by a responder of another authority"] =
    {{signer = pki.others, certificates = {pki.others}}, FAILED, "is signed by somebody else"},
  ["by the root, which is not the issuer"] =
    {{signer = pki.root, certificates = {pki.root}}, FAILED, "is signed by somebody else"},
  ["by the certificate itself"] = {{signer = pki.leaf, certificates = {pki.leaf}}, FAILED, "OCSPSigning"},
  ["by a certificate that is not entitled"] =
    {{signer = pki.usual, certificates = {pki.usual}}, FAILED, "does not entitle"},
  ["by a responder that is out of date"] =
    {{signer = pki.late, certificates = {pki.late}}, FAILED, "whose own certificate is not good"},
  ["by an entitled responder under the issuer's name"] =
    {{signer = pki.responder, certificates = {pki.responder}, named = pki.inter}, FAILED, "not of the one whom it"},
  ["with a damaged signature"] = {{damage = FLIP}, FAILED, "not of the one whom it names"},
  ["signed with SHA-1"] = {{sign_hash = "sha1"}, FAILED, "digest too weak"},
  ["that is out of date"] = {{this_update = -9e5, next_update = -600}, FAILED, "is out of date"},
  ["without a next update, of the day before yesterday"] =
    {{this_update = -172800, next_update = false}, FAILED, "a day from its making"},
  ["that ends before it begins"] = {{this_update = 200, next_update = 100}, FAILED, "is out of date"},
  ["of a later time"] = {{this_update = 600, next_update = 9e5}, FAILED, "is this machine's clock right?"},
  ["about another certificate"] = {{certificate = pki.must}, FAILED, "is about other certificates"},
  ["about a certificate of another issuer with that number"] =
    {{singles = {{certificate = pki.leaf, issuer = pki.root}}, issuer = pki.inter}, FAILED, "about other certificates"},
  ["about nothing"] = {{singles = {}}, FAILED, "is about other certificates"},
  ["with a critical extension about the certificate"] = {{critical = true}, FAILED, "critical extension"},
  ["with a critical extension of its own"] = {{critical_response = true}, FAILED, "critical extension"},
  ["by a responder that does not know the certificate"] = {{status = "unknown"}, UNKNOWN, "does not know"},
  ["that says revoked"] = {{status = "revoked", reason = 1}, REVOKED, "was revoked at"},
  ["that says revoked, and is out of date"] =
    {{status = "revoked", this_update = -9e5, next_update = -600}, REVOKED, "was revoked at"},
  ["that says good, and then revoked"] =
    {{singles = {times(), {certificate = pki.leaf, issuer = pki.inter, status = "revoked"}}}, REVOKED, "revoked"},
  ["that says revoked, and then good"] =
    {{singles = {{certificate = pki.leaf, issuer = pki.inter, status = "revoked"}, times()}}, REVOKED, "revoked"},
}

local some = response()
local garbage = {
  ["that is garbage"] = ("garbage"):rep(20),
  ["that is cut"] = some:sub(1, -2),
  ["with a byte behind it"] = some .. "\0",
  ["of one byte"] = "0",
  ["whose inner bytes are garbage"] = response {damage = function(basic) return ("x"):rep(#basic) end},
  ["that is no more than a certificate"] = pki.leaf.der,
}

for version in pairs(VERSIONS) do
  describe("in TLS " .. version .. " a client", function()
    for name, fields in pairs(good) do
      it("accepts a response " .. name, function()
        local bytes = response(fields)
        local facts, status, raw, asked = accepted(version, bytes)
        assert.equal("asked", asked)
        assert.equal("good", facts.status)
        assert.is_true(facts.good)
        assert.is_nil(facts.problem)
        assert.equal("good", status)
        assert.equal(bytes, raw)
      end)
    end

    for name, case in pairs(bad) do
      it("refuses a response " .. name .. ", even if it only asks for one", function()
        local bytes = response(case[1])
        for _, ocsp_option in ipairs {"request", "require"} do
          refused(version, bytes, case[2], case[3], {ocsp = ocsp_option})
        end
      end)
    end

    for name, bytes in pairs(garbage) do
      it("refuses a response " .. name, function()
        for _, ocsp_option in ipairs {"request", "require"} do
          refused(version, bytes, FAILED, "is damaged", {ocsp = ocsp_option})
        end
      end)
    end

    -- OpenSSL reads 16 KiB in TLS 1.2; in TLS 1.3 an extension has 64 KiB at most.
    it("reads no response of a megabyte, nor a long one of garbage", function()
      if version == "1.3" then return refused(version, ("x"):rep(65000), FAILED, "is damaged") end
      local conn, err, process = connect(version, "leaf", ("x"):rep(1048576))
      local _, how = verdict(process)
      assert.is_nil(conn)
      assert.is_true(how == "alert 47" or how == "failed", how)  -- a reset may come before the alert
      assert.equal("protocol", err.kind, tostring(err))
      assert.truthy(err:find("too long", 1, true), tostring(err))
      refused(version, ("x"):rep(16000), FAILED, "is damaged")
    end)

    it("takes a responder without an answer for none", function()
      for number, name in pairs {[1] = "malformed_request", [2] = "internal_error", [3] = "try_later",
        [5] = "sig_required", [6] = "unauthorized"} do
        local bytes = ocsp.unanswered(number)
        refused(version, bytes, NEEDED, "had no answer (" .. name .. ")")
        local facts, status = accepted(version, bytes, {ocsp = "request"})
        assert.same({response_status = name, good = false,
          problem = "it says only that the responder had no answer (" .. name .. ")"}, facts)
        assert.is_nil(status)
      end
    end)

    it("needs a response only if it is told to, or the certificate demands it", function()
      assert.truthy(refused(version, "", NEEDED, "the option ocsp requires one"):find("(stapling)", 1, true))
      assert.is_nil((accepted(version, "", {ocsp = "request"})))
      for _, ocsp_option in ipairs {"request", "require"} do
        refused(version, "", NEEDED, "demands one (must-staple)", {ocsp = ocsp_option}, "must")
        refused(version, ocsp.unanswered(3), NEEDED, "had no answer", {ocsp = ocsp_option}, "must")
        assert.is_true((accepted(version, response {certificate = pki.must}, {ocsp = ocsp_option}, "must")).good)
      end
    end)

    it("does not ask, nor look at what a certificate demands, unless it is told to", function()
      for _, ocsp_option in ipairs {"off", false} do
        local facts, status, raw, asked = accepted(version, response {certificate = pki.must, status = "revoked"},
          {ocsp = ocsp_option}, "must")
        assert.same({}, {facts, status, raw})
        assert.equal("not asked", asked)
      end
    end)
  end)
end
