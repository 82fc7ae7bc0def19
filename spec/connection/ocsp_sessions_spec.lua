-- What a session owes to an OCSP response, and what hooks and the time have to say about one.
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

local function client(options)
  return resuming.client(merged({ca_certs = pki.ca_certs, ocsp = "require"}, options))
end

local function server(options)
  return resuming.server(merged({certfile = pki.leaf.file}, options))
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("a session in " .. version, function()
    it("is resumed without a response, where one is needed", function()
      local near_context, far_context = client {maximum_version = version}, server {ocsp_response = response()}
      local session = resuming.session(near_context, far_context)
      local near, far = assert(resuming.meet(near_context, far_context, {session = session}))
      assert.is_true(near:session_reused())
      assert.is_nil(near:ocsp_response())
      assert.is_nil(near:info().ocsp_status)
      assert.is_nil(far:ocsp_response())
      assert.is_nil(far:info().ocsp_status)
      resuming.part(near, far)
    end)

    it("is not made with a response that is missing", function()
      local near, err, far_error = resuming.meet(client {maximum_version = version}, server())
      assert.is_nil(near)
      assert.equal("ocsp", err.kind)
      assert.equal("bad_certificate_status_response", err.alert)
      if far_error then  -- TLS 1.3's server has it later
        assert.equal("bad_certificate_status_response", far_error.alert)
        assert.truthy(far_error:find("(ocsp_response)", 1, true), tostring(far_error))
      end
    end)

    it("lives no longer than the response, however often it is resumed", function()
      local output = resuming.elsewhere(([[
        local ocsp = require "spec.support.ocsp"
        local pki = ocsp.make()
        local near_context = resuming.client {ca_certs = pki.ca_certs, maximum_version = %q, ocsp = "request"}
        local function try(fields)
          advance(0)
          local far_context = resuming.server {certfile = pki.leaf.file, ocsp_response = fields
            and ocsp.response(fields) or nil}
          local session = resuming.session(near_context, far_context)
          local lifetime = session:lifetime()
          print(lifetime <= 3600, lifetime > 3500)
          advance(3000)
          print(resuming.offers(near_context, {session = session}))
          session = resuming.session(near_context, far_context, {session = session})
          advance(3605)
          print(session:is_resumable(), resuming.offers(near_context, {session = session}))
        end
        try {certificate = pki.leaf, issuer = pki.inter, next_update = 3600}
        try {certificate = pki.leaf, issuer = pki.inter, this_update = 3600 - 86400, next_update = false}
        try()
      ]]):format(version))
      assert.equal(("true\ttrue\ntrue\nfalse\tfalse\n"):rep(2) .. "false\ttrue\ntrue\ntrue\ttrue\n", output)
    end)
  end)

  describe("a response in " .. version, function()
    it("is needed whatever on_verify accepts, which is asked before it comes", function()
      for _, far_options in ipairs {{}, {ocsp_response = response {status = "revoked"}}} do
        local asked, told = 0, nil
        local near_context = client {maximum_version = version, on_verify = function(conn)
          asked, told = asked + 1, conn:ocsp_response() and true
          return ssl.ACCEPT_UNVERIFIED
        end}
        local near, err = resuming.meet(near_context, server(far_options))
        assert.is_nil(near)
        assert.equal("ocsp", err.kind)
        assert.equal(1, asked)
        assert.equal(version == "TLSv1.3" and far_options.ocsp_response and true or nil, told)
      end
    end)

    it("is judged by who signed the certificate, where nobody is trusted", function()
      local options = {maximum_version = version, on_verify = function() return ssl.ACCEPT_UNVERIFIED end,
        cert_reqs = ssl.CERT_NONE, check_hostname = false, ca_certs = helpers.file "other-root.crt"}
      local near, far = resuming.meet(client(options), server {ocsp_response = response()})
      assert(near, far)
      assert.is_true(near:ocsp_response().good)
      resuming.part(near, far)
      -- The issuer is neither sent nor known.
      local alone = server {certfile = pki.leaf.alone, ocsp_response = response()}
      local err = select(2, resuming.meet(client(options), alone))
      assert.equal("ocsp", err.kind)
      assert.equal(73, err.verify_code)
      assert.truthy(err:find("is not in its chain", 1, true), tostring(err))
      options.ocsp = "request"
      near, far = resuming.meet(client(options), alone)
      assert(near, far)
      local facts = near:ocsp_response()
      assert.same({"good", false}, {facts.status, facts.good})
      assert.is_nil(near:info().ocsp_status)
      resuming.part(near, far)
    end)

    it("is judged by the time and the strictness that the context names", function()
      local bytes = response()
      local far_context = server {ocsp_response = bytes}
      local function kind(options)
        local near, err = resuming.meet(client(merged({maximum_version = version}, options)), far_context)
        if not near then return err.kind .. " " .. err.verify_code end
        resuming.part(near, err)
      end
      assert.is_nil(kind {verify_time = os.time()})
      assert.equal("ocsp 74", kind {verify_time = os.time() + 2 * 86400})
      assert.equal("ocsp 74", kind {verify_time = os.time() - 7200})
      assert.is_nil(kind {verify_flags = {"no_check_time"}})
      far_context = server {security_level = 0, ocsp_response = response {sign_hash = "sha1"}}
      assert.equal("ocsp 74", kind())
      assert.is_nil(kind {security_level = 0})
    end)

    it("is of a self-signed certificate by itself", function()
      local authority = require "spec.badcerts.authority"
      local own = authority.leaf {key = "P-256:OCSP own", subject = authority.name "OCSP own",
        san = authority.alternative_names {require "spec.badcerts.authority".dns "localhost"}}
      local path = helpers.temp_file(helpers.read_file(own.key.file) .. own.pem)
      local far_context = server {certfile = path, ocsp_response = ocsp.response {certificate = own, issuer = own}}
      local near, far = resuming.meet(client {maximum_version = version, ca_certs = helpers.temp_file(own.pem)},
        far_context)
      assert(near, far)
      assert.is_true(near:ocsp_response().good)
      resuming.part(near, far)
    end)

    it("is demanded by an authority for what it has issued, and by what cannot be read", function()
      local authority, der = require "spec.badcerts.authority", require "spec.badcerts.der"
      local function demand(value) return authority.extension("1.3.6.1.5.5.7.1.24", false, value) end
      local asking = demand(der.sequence(der.integer(5)))
      local function leaf_of(issuer, more)
        local leaf = authority.leaf {issuer = issuer, key = "P-256:OCSP demanded", more = {more},
          san = authority.alternative_names {authority.dns "localhost"}}
        return helpers.temp_file(helpers.read_file(leaf.key.file) .. leaf.pem .. issuer.pem)
      end
      local function verdict(path, ca_certs)
        local near, err = resuming.meet(client {maximum_version = version, ocsp = "request", ca_certs = ca_certs},
          server {certfile = path})
        if not near then return err.kind .. ": " .. tostring(err:find("(must-staple)", 1, true) ~= nil) end
        resuming.part(near, err)
      end
      local inter = authority.ca("OCSP demanding intermediate", {issuer = pki.root, more = {asking}})
      local root = authority.ca("OCSP demanding root", {more = {asking}})
      assert.equal("ocsp: true", verdict(leaf_of(inter)))
      assert.is_nil(verdict(leaf_of(root), helpers.temp_file(root.pem)))  -- it is trusted, whatever it says
      assert.equal("ocsp: true", verdict(leaf_of(pki.inter, demand "garbage")))
      assert.is_nil(verdict(leaf_of(pki.inter, demand(der.sequence(der.integer(17))))))  -- not offered here
      assert.is_nil(verdict(leaf_of(pki.inter, demand(der.sequence()))))
    end)

    it("is not by the certificate itself, even if that is entitled to sign responses", function()
      local bytes = ocsp.response {certificate = pki.signing, issuer = pki.inter, signer = pki.signing,
        certificates = {pki.signing}}
      local context, err = ssl.SSLContext {server_side = true, certfile = pki.signing.file, ocsp_response = bytes}
      assert.is_nil(context)
      assert.truthy(err:find("does not entitle", 1, true), tostring(err))
    end)
  end)
end

describe("what is told of a response", function()
  it("is nil before, without one, and behind close", function()
    local far_context, near_context = server {ocsp_response = response()}, client()
    local near = assert(near_context:wrap_object {server_hostname = "localhost"})
    local far = assert(far_context:wrap_object())
    assert.is_nil(near:ocsp_response())
    assert.is_nil(far:ocsp_response())
    assert(helpers.handshake(near, far))
    local facts = near:ocsp_response()
    local produced = facts.produced_at
    assert.is_true(math.abs(os.time() - produced) < 600)
    assert.is_true(math.abs(os.time() - 3600 - facts.this_update) < 600)
    assert.is_true(math.abs(os.time() + 86400 - facts.next_update) < 600)
    facts.this_update, facts.next_update, facts.produced_at = nil, nil, nil
    assert.same({status = "good", response_status = "successful", good = true}, facts)
    near:close()
    helpers.pump(near, far)
    far:close()
    assert.same({nil, "closed"}, {near:ocsp_response()})
    assert.same({nil, "closed"}, {far:ocsp_response(true)})
  end)

  it("has the reason of a revocation by its name", function()
    for reason, name in pairs {[0] = "unspecified", "key_compromise", "ca_compromise", "affiliation_changed",
      "superseded", "cessation_of_operation", "certificate_hold", [8] = "remove_from_crl",
      [9] = "privilege_withdrawn", [10] = "aa_compromise", [7] = false, [11] = false, [99] = false} do
      local far_context = server {ocsp_response = response {status = "revoked", reason = reason}}
      local near, far = assert(client():wrap_object {server_hostname = "localhost"}), assert(far_context:wrap_object())
      local done, err = helpers.handshake(near, far)
      assert.is_nil(done)
      assert.equal(name or nil, near:ocsp_response().revocation_reason)
      if name then assert.truthy(err:find("(" .. name .. ")", 1, true), tostring(err)) end
      near:close()
      far:close()
    end
  end)

  it("is asked and answered for a connection of ssl.connect's default context, too", function()
    assert.equal("require", assert(ssl.create_default_context {ocsp = "require"}):get "ocsp")
  end)
end)
