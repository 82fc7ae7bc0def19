-- Public keys without certificates (RFC 7250): who may show one, and whose is
-- good. OpenSSL before 3.2 has none.
local helpers = require "spec.support.helpers"
local records = require "spec.support.tlsa_records"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file, record = helpers.file, records.record
local UNKNOWN, NO_MATCH = 95, 65

local function merge(given, defaults)
  local merged = {}
  for name, value in pairs(defaults) do merged[name] = value end
  for name, value in pairs(given or {}) do merged[name] = value end
  return merged
end

local function spki(leaf, form)
  return ssl.load_certificates(helpers.read_file(file(leaf .. ".crt")))[1]:spki(form)
end

describe("the options of public keys without certificates", function()
  it("raise for what does not fit together", function()
    local pem = spki("rsa", "pem")
    for text, options in pairs {
      ["option 'certificate_types' is empty"] = {certificate_types = {}},
      ["option 'certificate_types' must hold \"x509\" and \"raw_public_key\": number 2 is neither"] =
        {certificate_types = {"x509", "rawpk"}},
      ["option 'certificate_types' holds number 2 twice"] = {certificate_types = {"x509", "x509"}},
      ["option 'peer_certificate_types' holds number 3 twice"] =
        {peer_certificate_types = {"x509", "raw_public_key", "raw_public_key"}},
      ["option 'peer_certificate_types' has no \"raw_public_key\""] =
        {peer_certificate_types = {"x509"}, peer_public_keys = {pem}},
      ["option 'peer_public_keys' is empty"] = {peer_public_keys = {}},
      ["option 'peer_public_keys' needs a cert_reqs other than CERT_NONE"] =
        {peer_public_keys = {pem}, cert_reqs = ssl.CERT_NONE},
    } do
      local done, err = pcall(ssl.SSLContext, options)
      assert.is_false(done, text)
      assert.truthy(err:find(text, 1, true), err)
    end
  end)

  it("take keys in PEM and DER, and say which is none", function()
    local pem, der = spki("rsa", "pem"), spki("rsa")
    for _, wrong in ipairs {"", "x", "0x", der .. "x", der:sub(1, -2), helpers.read_file(file "rsa.crt"),
      helpers.read_file(file "rsa.key")} do
      local context, err = ssl.SSLContext {peer_public_keys = {pem, der, wrong}}
      assert.is_nil(context)
      assert.equal("public_key", err.kind)
      assert.truthy(err:find("peer_public_keys: number 3 is no public key", 1, true), tostring(err))
      assert.is_nil((tostring(err):find("BEGIN", 1, true)))
    end
  end)

  it("say which OpenSSL they need", function()
    for _, options in ipairs {{certificate_types = {"raw_public_key"}}, {peer_certificate_types = {"raw_public_key"}},
      {peer_public_keys = {spki "rsa"}}, {peer_public_keys = {spki "rsa"}, server_side = true}} do
      local context, err = ssl.SSLContext(options)
      if ssl.HAS.RAW_PUBLIC_KEYS then assert(context, err) else
        assert.is_nil(context)
        assert.equal("unsupported", err.kind)
        assert.truthy(err:find("need OpenSSL 3.2 or later", 1, true), tostring(err))
      end
    end
    assert(ssl.SSLContext {certificate_types = {"x509"}, peer_certificate_types = {"x509"}})
  end)

  it("are not needed for the key of a certificate", function()
    local near, far = helpers.pair()
    assert.is_nil(near:peer_public_key())
    assert(helpers.handshake(near, far))
    assert.same({spki "rsa", "x509"}, {near:peer_public_key()})
    assert.equal(spki("rsa", "pem"), (near:peer_public_key "pem"))
    assert.is_nil(far:peer_public_key())
    assert.is_nil(near:info().peer_public_key)
    assert.error_matches(function() near:peer_public_key "DER" end, "expected \"der\" or \"pem\"")
    near:close()
    far:close()
    assert.same({nil, "closed"}, {near:peer_public_key()})
  end)
end)

if not ssl.HAS.RAW_PUBLIC_KEYS then return end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("public keys without certificates in " .. version .. ":", function()
    local function client(options)
      return assert(ssl.SSLContext(merge(options, {maximum_version = version})))
    end

    -- A server shows its key, where the client takes that.
    local function server(options)
      return assert(ssl.SSLContext(merge(options, {server_side = true, certfile = file "rsa.pem",
        certificate_types = {"raw_public_key", "x509"}})))
    end

    local function asking(options)
      return server(merge(options, {certificate_types = {"x509"}, peer_public_keys = {spki "client"}}))
    end

    local function showing(options)
      return client(merge(options, {certfile = file "client.pem", certificate_types = {"raw_public_key", "x509"},
        ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED}))
    end

    local function meet(context, far_context, options)
      local near = assert(context:wrap_object(merge(options, {server_hostname = "localhost"})))
      local far = assert(far_context:wrap_object())
      local done, err, far_err = helpers.handshake(near, far)
      if done then return near, far end
      near:close()
      far:close()
      return nil, err, far_err
    end

    local function accepted(context, far_context, options)
      local near, far = meet(context, far_context, options)
      assert(near, tostring(far))
      assert.equal("public_key", near:authenticated_by())
      assert.same({spki "rsa", "raw_public_key"}, {near:peer_public_key()})
      assert.equal(spki "rsa", near:info().peer_public_key)
      assert.is_nil(near:peer_certificate())
      assert.is_nil(near:peer_chain())
      assert.is_nil(near:verified_chain())
      assert.same({}, near:verify_errors())
      assert.equal(0, (near:verify_result()))
      assert.is_nil(far:local_certificate())
      assert.is_nil(near:getpeercert())
      assert(near:write "x")
      helpers.pump(near, far)
      assert.equal("x", far:read(1))
      resuming.part(near, far)
    end

    local function refused(context, far_context, code, options)
      local near, err, far_err = meet(context, far_context, options)
      assert.is_nil(near)
      assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
      assert.equal(code, err.verify_code)
      assert.equal("alert", far_err.kind)  -- it has heard of it, in the handshake
      return err
    end

    it("the server's is good if it was given, in PEM or DER", function()
      accepted(client {peer_public_keys = {spki "rsa"}}, server())
      accepted(client {peer_public_keys = {spki "ecdsa", spki("rsa", "pem")}}, server())
      accepted(client {peer_public_keys = {spki "rsa"}, peer_certificate_types = {"x509", "raw_public_key"},
        ca_certs = file "root.crt"}, server {certificate_types = {"raw_public_key"}})
    end)

    it("no other is, whatever certificate goes with it", function()
      local err = refused(client {peer_public_keys = {spki "ecdsa"}, ca_certs = file "root.crt"}, server(), UNKNOWN)
      assert.truthy(err:find("peer_public_keys", 1, true), tostring(err))
      refused(client {peer_certificate_types = {"raw_public_key"}, cert_reqs = ssl.CERT_REQUIRED,
        ca_certs = file "root.crt"}, server(), UNKNOWN)
    end)

    it("a certificate is refused where a key alone is wanted, and was given or not", function()
      for _, key in ipairs {"rsa", "ecdsa"} do
        local err = refused(client {peer_public_keys = {spki(key)}, ca_certs = file "root.crt"},
          server {certificate_types = {"x509"}}, 28)
        assert.truthy(err:find("this side takes public keys alone", 1, true), tostring(err))
      end
    end)

    it("a certificate is verified as always where it may be one, by its own rules", function()
      local both = {peer_public_keys = {spki "rsa"}, peer_certificate_types = {"raw_public_key", "x509"},
        ca_certs = file "root.crt", check_hostname = true, cert_reqs = ssl.CERT_REQUIRED}
      local far_context = server {certificate_types = {"x509"}}
      local near, far = assert(meet(client(both), far_context))
      assert.equal("certificate", near:authenticated_by())
      resuming.part(near, far)
      both.ca_certs = file "other-root.crt"
      refused(client(both), far_context, 20)  -- the key does not count for it
    end)

    it("without the option nobody is offered one", function()
      local near, far = assert(meet(client {ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED}, server()))
      assert.equal("certificate", near:authenticated_by())
      assert.is_not_nil(far:local_certificate())
      resuming.part(near, far)
    end)

    it("under CERT_NONE it is not verified, and that is told", function()
      local near, far = assert(meet(client {peer_certificate_types = {"raw_public_key"}}, server()))
      assert.is_nil(near:authenticated_by())
      assert.equal(UNKNOWN, (near:verify_result()))
      assert.equal("rpk_untrusted", near:verify_errors()[1].name)
      resuming.part(near, far)
    end)

    it("names are not looked at: the key is the name", function()
      accepted(client {peer_public_keys = {spki "rsa"}, check_hostname = true}, server(),
        {server_hostname = "other.example"})
    end)

    it("pins restrict, and do not authorize", function()
      accepted(client {peer_public_keys = {spki "rsa", spki "ecdsa"}, pins = {resuming.pin "rsa.crt"}}, server())
      local near, err = meet(client {peer_public_keys = {spki "rsa", spki "ecdsa"}, pins = {resuming.pin "ecdsa.crt"}},
        server())
      assert.is_nil(near)
      assert.equal("pin", err.kind)
      refused(client {peer_certificate_types = {"raw_public_key"}, cert_reqs = ssl.CERT_REQUIRED,
        pins = {resuming.pin "rsa.crt"}}, server(), UNKNOWN)
    end)

    it("TLSA records of usage 3 for keys decide, alone", function()
      local context = client {peer_certificate_types = {"raw_public_key"}}
      for matching = 0, 2 do
        local tlsa = record("rsa.crt", 3, 1, matching)
        local near, far = assert(meet(context, server(), {tlsa = {tlsa}}))
        assert.equal("public_key", near:authenticated_by())
        assert.same(tlsa, (near:tlsa_match()))
        resuming.part(near, far)
        local err = refused(context, server(), NO_MATCH, {tlsa = {record("ecdsa.crt", 3, 1, matching)}})
        local digest = records.hex(records.data("rsa.crt", 1, 1))
        assert.truthy(err:find('{3, 1, 1, "' .. digest .. '"}', 1, true), tostring(err))
      end
      -- Others are about certificates.
      refused(context, server(), NO_MATCH, {tlsa = {record("rsa.crt", 3, 0, 1)}})
      refused(context, server(), NO_MATCH, {tlsa = {record("rsa.crt", 1, 1, 1)}})
      refused(client {peer_public_keys = {spki "rsa"}}, server(), NO_MATCH, {tlsa = {record("ecdsa.crt", 3, 1, 1)}})
      refused(context, server(), 62, {tlsa = {record("rsa.crt", 3, 1, 1)}, tlsa_check_hostname = true})
    end)

    it("a hook sees the key, waits, and has the last word", function()
      local told
      local function hooking(keys, answer)
        return client {peer_public_keys = keys, on_verify = function(_, facts)
          told = facts
          return answer()
        end}
      end
      accepted(hooking({spki "rsa"}, function() end), server())
      assert.is_true(told.verified)
      assert.equal(spki "rsa", told.public_key)
      assert.is_nil(told.certificate)
      assert.same({}, told.errors)
      local near, err = meet(hooking({spki "rsa"}, function() return nil, "bad_certificate" end), server())
      assert.is_nil(near)
      assert.equal("bad_certificate", err)
      refused(hooking({spki "ecdsa"}, function() end), server(), UNKNOWN)
      assert.is_false(told.verified)
      assert.equal("rpk_untrusted", told.errors[1].name)
      local far
      near, far = assert(meet(hooking({spki "ecdsa"}, function() return ssl.ACCEPT_UNVERIFIED end), server()))
      assert.is_nil(near:authenticated_by())
      resuming.part(near, far)
      near, far = nil, nil
      local thread = coroutine.wrap(function()
        near, far = meet(hooking({spki "rsa"}, function() coroutine.yield "hook" end), server())
        return "done"
      end)
      assert.equal("hook", thread())
      assert.equal("done", thread())
      assert.equal("public_key", near:authenticated_by())
      resuming.part(near, far)
    end)

    it("a session is for the same keys, and judged by them again", function()
      local far_context = server()
      local keys = {spki "rsa"}
      local session = resuming.session(client {peer_public_keys = keys}, far_context)
      for _, options in ipairs {{peer_public_keys = {spki "rsa", spki "ecdsa"}},
        {peer_public_keys = keys, peer_certificate_types = {"raw_public_key", "x509"}, ca_certs = file "root.crt"},
        {peer_certificate_types = {"raw_public_key"}}, {}} do
        assert.is_false(resuming.offers(client(options), {session = session}))
      end
      local near, far = assert(resuming.meet(client {peer_public_keys = keys}, far_context, {session = session}))
      assert.is_true(near:session_reused())
      assert.equal("session", near:authenticated_by())
      assert.same({spki "rsa", "raw_public_key"}, {near:peer_public_key()})
      resuming.part(near, far)
      local options = {tlsa = {record("rsa.crt", 3, 1, 1)}}
      local context = client {peer_certificate_types = {"raw_public_key"}}
      options.session = resuming.session(context, far_context, options)
      near, far = assert(resuming.meet(context, far_context, options))
      assert.is_true(near:session_reused())
      assert.same(options.tlsa[1], (near:tlsa_match()))
      resuming.part(near, far)
    end)

    it("the client's is good if it was given", function()
      local near, far = assert(meet(showing(), asking()))
      assert.equal("public_key", far:authenticated_by())
      assert.same({spki "client", "raw_public_key"}, {far:peer_public_key()})
      assert.is_nil(far:peer_certificate())
      assert.is_nil(near:local_certificate())
      assert.equal("certificate", near:authenticated_by())
      resuming.part(near, far)
    end)

    it("no other of a client is", function()
      for _, options in ipairs {{certfile = file "ecdsa.pem"}, {certificate_types = {"x509"}}, {}} do
        local context = showing(options)
        local far_context = options.certfile == nil and options.certificate_types == nil
          and asking {peer_public_keys = {spki "ecdsa"}} or asking()
        local near_err, far_err = resuming.fail(context, far_context)
        assert.equal("alert", near_err.kind)
        assert.is_true(far_err:is(ssl.SSLCertVerificationError), tostring(far_err))
        assert.equal(options.certificate_types and 28 or UNKNOWN, far_err.verify_code)
      end
    end)

    it("a client without one is not let in, unless it is optional", function()
      local bare = client {ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED}
      local _, far_err = resuming.fail(bare, asking())
      assert.equal("no_certificate", far_err.kind)
      local near, far = assert(meet(bare, asking {cert_reqs = ssl.CERT_OPTIONAL}))
      assert.is_nil(far:authenticated_by())
      assert.is_nil(far:peer_public_key())
      resuming.part(near, far)
    end)

    it("a server's hook sees a client's key and may wait", function()
      local told
      local far_context = asking {on_verify = function(_, facts)
        told = facts
        coroutine.yield "hook"
      end}
      local near, far
      local thread = coroutine.wrap(function()
        near, far = meet(showing(), far_context)
        return "done"
      end)
      assert.equal("hook", thread())
      assert.equal(spki "client", told.public_key)
      assert.is_true(told.verified)
      assert.equal("done", thread())
      assert.equal("public_key", far:authenticated_by())
      resuming.part(near, far)
    end)

    it("a server that resumes judges the session's key by those that it has by now", function()
      local far_context, context = asking {session_id_context = "one"}, showing()
      local session = resuming.session(context, far_context)
      local near, far = assert(resuming.meet(context, far_context, {session = session}))
      assert.is_true(far:session_reused())
      assert.equal("session", far:authenticated_by())
      assert.same({spki "client", "raw_public_key"}, {far:peer_public_key()})
      resuming.part(near, far)
    end)

    it("a signature's name is told, and no channel binding of a certificate", function()
      local near, far = assert(meet(client {peer_public_keys = {spki "rsa"}}, server()))
      assert.equal(near:signature_algorithm "peer", far:signature_algorithm "own")
      local mine, theirs = near:get_channel_binding "tls-server-end-point",
        far:get_channel_binding "tls-server-end-point"
      assert.is_nil(mine)
      assert.is_nil(theirs)
      resuming.part(near, far)
    end)
  end)
end

describe("public keys without certificates:", function()
  it("behind the handshake a client shows its key too", function()
    local far_context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem",
      post_handshake_auth = true, peer_public_keys = {spki "client"}})
    local context = assert(ssl.SSLContext {ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
      post_handshake_auth = true, certfile = file "client.pem", certificate_types = {"raw_public_key"}})
    local near = assert(context:wrap_object())
    local far = assert(far_context:wrap_object())
    assert(helpers.handshake(near, far))
    assert.is_nil(far:authenticated_by())
    assert(far:verify_client_post_handshake())
    helpers.pump(far, near)
    near:read(1)
    assert(near:write "x")
    helpers.pump(near, far)
    assert.equal("x", far:read(1))
    assert.equal("public_key", far:authenticated_by())
    assert.equal(spki "client", (far:peer_public_key()))
    resuming.part(near, far)
  end)
end)
