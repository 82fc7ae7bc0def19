-- DANE: the option tlsa, by which a client verifies its server.
local helpers = require "spec.support.helpers"
local records = require "spec.support.tlsa_records"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file, record = helpers.file, records.record
local NO_MATCH = 65

-- A client that trusts nobody but by records.
local function bare(options)
  return assert(ssl.SSLContext(options))
end

-- A server that sends its root too, as RFC 7671, 5.2.2, asks of usage 2.
local function with_root(leaf)
  return helpers.read_file(file(leaf .. ".pem")) .. helpers.read_file(file "root.crt")
end

-- The connection's two ends, or nil and the client's error.
local function meet(context, options, leaf, far_options)
  local all = {server_side = true}
  for name, value in pairs(far_options or {}) do all[name] = value end
  if not all.cert then
    all.cert, all.key = with_root(leaf or "rsa"), helpers.read_file(file((leaf or "rsa") .. ".key"))
  end
  local near = assert(context:wrap_object(options))
  local far = assert(assert(ssl.SSLContext(all)):wrap_object())
  local done, err, far_err = helpers.handshake(near, far)
  if done then return near, far end
  near:close()
  far:close()
  return nil, err, far_err
end

local function refused(context, options, leaf, code, far_options)
  local near, err, far_err = meet(context, options, leaf, far_options)
  assert.is_nil(near)
  assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
  assert.equal(code or NO_MATCH, err.verify_code)
  assert.is_true(far_err == nil or far_err.kind == "alert")
  return err
end

local function accepted(context, options, leaf, far_options)
  local near, far = meet(context, options, leaf, far_options)
  assert(near, tostring(far))
  local match, depth = near:tlsa_match()
  assert.same(near:info().tlsa_match, match)
  assert.equal("certificate", near:authenticated_by())
  assert.equal(0, (near:verify_result()))
  resuming.part(near, far)
  return match, depth
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("TLSA records in " .. version .. ":", function()
    local function client(options)
      local all = {maximum_version = version}
      for name, value in pairs(options or {}) do all[name] = value end
      return bare(all)
    end

    -- By usage: a file that the record has to be of, and where it stands then.
    for usage, of in pairs {[0] = "root.crt", "rsa.crt", "root.crt", "rsa.crt"} do
      for selector = 0, 1 do
        for matching = 0, 2 do
          it(("{%d, %d, %d} accepts its own and refuses another"):format(usage, selector, matching), function()
            local context = client(usage < 2 and {ca_certs = file "root.crt"} or nil)
            local right = record(of, usage, selector, matching)
            local match, depth = accepted(context, {server_hostname = "localhost", tlsa = {right}})
            assert.same(right, match)
            if usage ~= 2 or selector ~= 1 or matching ~= 0 then  -- a bare key stands nowhere
              assert.equal(of == "root.crt" and 1 or 0, depth)
            end
            local other = of == "root.crt" and "other-root.crt" or "ecdsa.crt"
            local err = refused(context, {server_hostname = "localhost",
              tlsa = {record(other, usage, selector, matching)}})
            assert.equal("verification", err.kind)
            assert.equal(0, err.verify_depth)
          end)
        end
      end
    end

    it("one of several is enough", function()
      local right = record("rsa.crt", 3, 1, 1)
      assert.same(right, (accepted(client(), {server_hostname = "localhost", tlsa = {
        record("ecdsa.crt", 3, 1, 1), {9, 9, 9, "?"}, right, record("other-root.crt", 2, 0, 1)}})))
    end)

    it("usages 0 and 1 need trust besides, and are no trust", function()
      for usage, of in pairs {[0] = "root.crt", [1] = "rsa.crt"} do
        local tlsa = {record(of, usage, 0, 1)}
        local near, err = meet(client(), {server_hostname = "localhost", tlsa = tlsa})
        assert.is_nil(near)
        assert.equal(19, err.verify_code)
        refused(client {ca_certs = file "other-root.crt"}, {server_hostname = "localhost", tlsa = tlsa}, nil, 19)
      end
    end)

    it("who is trusted without them is not with them", function()
      local context = client {ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED}
      local err = refused(context, {server_hostname = "localhost", tlsa = {record("ecdsa.crt", 3, 1, 1)}})
      local digest = records.hex(records.data("rsa.crt", 1, 1))
      assert.truthy(err:find(('{3, 1, 1, "%s"}'):format(digest), 1, true), tostring(err))
      assert.equal(records.data("rsa.crt", 0, 0), err.certificate:der())
    end)

    it("cert_reqs takes nothing of them away", function()
      for _, reqs in ipairs {ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
        local context = client {cert_reqs = reqs, ca_certs = file "root.crt"}
        local near, far = context:wrap_object {tlsa = {record("ecdsa.crt", 3, 1, 1)}},
          resuming.server():wrap_object()
        local _, err, far_err = helpers.handshake(near, far)
        assert.equal(NO_MATCH, err.verify_code)
        assert.equal("bad_certificate", far_err.alert)  -- told before anything is sent under the keys
        near:close()
        far:close()
        accepted(context, {server_hostname = "localhost", tlsa = {record("rsa.crt", 3, 1, 1)}})
      end
    end)

    it("usage 3 looks at no name unless told to", function()
      local tlsa = {record("rsa.crt", 3, 1, 1)}
      accepted(client(), {server_hostname = "other.example", tlsa = tlsa})
      accepted(client(), {server_hostname = "other.example", check_hostname = true, tlsa = tlsa})
      accepted(client {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", check_hostname = true},
        {server_hostname = "10.0.0.1", tlsa = tlsa})
      accepted(client(), {tlsa = tlsa})
      refused(client(), {server_hostname = "other.example", tlsa = tlsa, tlsa_check_hostname = true}, nil, 62)
      refused(client(), {server_hostname = "10.0.0.1", tlsa = tlsa, tlsa_check_hostname = true}, nil, 64)
      accepted(client(), {server_hostname = "localhost", tlsa = tlsa, tlsa_check_hostname = true})
      accepted(client(), {server_hostnames = {"a.example", "localhost"}, tlsa = tlsa, tlsa_check_hostname = true})
      refused(client(), {server_hostnames = {"a.example", "b.example"}, tlsa = tlsa, tlsa_check_hostname = true},
        nil, 62)
    end)

    it("all other usages look at it unless told not to", function()
      for usage, of in pairs {[0] = "root.crt", "rsa.crt", "root.crt"} do
        local context, tlsa = client {ca_certs = file "root.crt"}, {record(of, usage, 1, 1)}
        refused(context, {server_hostname = "other.example", tlsa = tlsa}, nil, 62)
        accepted(context, {server_hostname = "other.example", tlsa = tlsa, check_hostname = false})
        accepted(context, {server_hostnames = {"other.example", "localhost"}, tlsa = tlsa})
        assert.error_matches(function() context:wrap_object {tlsa = tlsa} end, "check_hostname needs a server_hostname")
        accepted(client {ca_certs = file "root.crt", check_hostname = false}, {tlsa = tlsa})
      end
      -- A record of usage 3 beside them that does not match takes nothing away.
      refused(client(), {server_hostname = "other.example",
        tlsa = {record("ecdsa.crt", 3, 1, 1), record("root.crt", 2, 1, 1)}}, nil, 62)
      accepted(client(), {server_hostname = "other.example",
        tlsa = {record("rsa.crt", 3, 1, 1), record("root.crt", 2, 1, 1)}})
    end)

    it("usage 3 looks at no date and no issuer, all others do", function()
      for _, leaf in ipairs {"expired", "future", "untrusted", "selfsigned", "noname"} do
        accepted(client(), {server_hostname = "localhost", tlsa = {record(leaf .. ".crt", 3, 1, 1)}}, leaf)
      end
      refused(client(), {server_hostname = "localhost", tlsa = {record("root.crt", 2, 1, 1)}}, "expired", 10)
      refused(client {ca_certs = file "root.crt"},
        {server_hostname = "localhost", tlsa = {record("expired.crt", 1, 1, 1)}}, "expired", 10)
    end)

    it("usage 3 asks for no purpose either, nor for key usage", function()
      accepted(client(), {tlsa = {record("client.crt", 3, 1, 1)}}, "client")
      if version == "TLSv1.3" then  -- before it this server does not sign with that key
        accepted(client(), {tlsa = {record("enciphering.crt", 3, 1, 1)}}, "enciphering")
        refused(client {ca_certs = file "root.crt"}, {server_hostname = "localhost",
          tlsa = {record("enciphering.crt", 1, 1, 1)}}, "enciphering", 26)
      end
      refused(client(), {server_hostname = "localhost", check_hostname = false,
        tlsa = {record("root.crt", 2, 1, 1)}}, "client", 26)
    end)

    it("pins restrict further", function()
      local tlsa = {record("rsa.crt", 3, 1, 1)}
      accepted(client {pins = {resuming.pin "rsa.crt"}}, {tlsa = tlsa})
      local near, err = meet(client {pins = {resuming.pin "ecdsa.crt"}}, {tlsa = tlsa})
      assert.is_nil(near)
      assert.equal("pin", err.kind)
      -- Nothing is known of who issued it.
      near, err = meet(client {pins = {resuming.pin "root.crt"}}, {tlsa = tlsa})
      assert.is_nil(near)
      assert.equal("pin", err.kind)
      accepted(client {pins = {resuming.pin "root.crt"}},
        {server_hostname = "localhost", tlsa = {record("root.crt", 2, 1, 1)}})
    end)

    it("a hook is told what matched, and has the last word", function()
      local told
      local function context(answer)
        return client {on_verify = function(_, facts)
          told = facts
          return answer()
        end}
      end
      local right, wrong = {record("rsa.crt", 3, 1, 1)}, {record("ecdsa.crt", 3, 1, 1)}
      accepted(context(function() end), {tlsa = right})
      assert.is_true(told.verified)
      assert.same(right[1], told.tlsa_match)
      local near, err = meet(context(function() return nil, "bad_certificate" end), {tlsa = right})
      assert.is_nil(near)
      assert.equal("bad_certificate", err)
      refused(context(function() end), {tlsa = wrong})
      assert.is_false(told.verified)
      assert.is_nil(told.tlsa_match)
      assert.equal("dane_no_match", told.errors[1].name)
      local far
      near, far = assert(meet(context(function() return ssl.ACCEPT_UNVERIFIED end), {tlsa = wrong}))
      assert.is_nil(near:tlsa_match())
      assert.is_nil(near:authenticated_by())
      assert.equal(NO_MATCH, (near:verify_result()))
      resuming.part(near, far)
    end)

    it("a session is resumed under the same records, in any order, and told what they match", function()
      local far_context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
      local one, two = record("rsa.crt", 3, 1, 1), record("ecdsa.crt", 3, 1, 1)
      local hex = {3, 1, 1, records.hex(one[4]):upper()}
      local context = client()
      -- Of another name, and not out of date: the session is judged as the server was.
      for _, options in ipairs {{tlsa = {one, two}}, {tlsa = {two, hex, {7, 7, 7, "x"}}}} do
        options.server_hostname = "other.example"
        options.session = resuming.session(context, far_context,
          {tlsa = {one, two}, server_hostname = "other.example"})
        if options.tlsa[3] then options.tlsa[3] = nil end
        local near, far = assert(resuming.meet(context, far_context, options))
        assert.is_true(near:session_reused())
        assert.equal("session", near:authenticated_by())
        assert.same(one, (near:tlsa_match()))
        resuming.part(near, far)
      end
    end)

    it("a session of a server that an authority's record tells is resumed, and judged by it", function()
      local far_context = assert(ssl.SSLContext {server_side = true, cert = with_root "rsa",
        key = helpers.read_file(file "rsa.key")})
      for usage, of in pairs {[0] = "root.crt", "rsa.crt", "root.crt"} do
        local context = client {ca_certs = file "root.crt"}
        local options = {tlsa = {record(of, usage, 1, 1)}}
        options.session = resuming.session(context, far_context, options)
        local near, far = assert(resuming.meet(context, far_context, options))
        assert.is_true(near:session_reused())
        local match, depth = near:tlsa_match()
        assert.same(options.tlsa[1], match)
        assert.equal(of == "root.crt" and 1 or 0, depth)
        resuming.part(near, far)
        options.server_hostname = "other.example"
        assert.is_false(resuming.offers(context, options))
      end
    end)

    it("a session is not offered under other records", function()
      local far_context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
      local one, two = record("rsa.crt", 3, 1, 1), record("rsa.crt", 3, 1, 2)
      local context = client {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
      local sets = {{one}, {two}, {one, two}, {one, record("ecdsa.crt", 3, 1, 1)}, false}
      for i, made in ipairs(sets) do
        local session = resuming.session(context, far_context, {tlsa = made or nil})
        for j, offered in ipairs(sets) do
          assert.equal(i == j, resuming.offers(context, {tlsa = offered or nil, session = session}), i .. " " .. j)
        end
      end
      local session = resuming.session(context, far_context, {tlsa = {one}})
      assert.is_false(resuming.offers(context, {tlsa = {one}, tlsa_check_hostname = true, session = session}))
    end)

    it("a hook is told what matched when a session is resumed", function()
      local far_context = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
      local told
      local context = client {on_verify = function(_, facts) told = facts end}
      local options = {tlsa = {record("rsa.crt", 3, 1, 1)}}
      options.session = resuming.session(context, far_context, options)
      assert.is_true(resuming.reuses(context, far_context, options))
      assert.is_true(told.resumed)
      assert.is_true(told.verified)
      assert.same(options.tlsa[1], told.tlsa_match)
    end)
  end)
end

it("a server without a certificate matches no TLSA record", function()
  local context = bare {ciphers = "aNULL:@SECLEVEL=0", maximum_version = "TLSv1.2"}
  local far_context = assert(ssl.SSLContext {server_side = true, ciphers = "aNULL:@SECLEVEL=0",
    maximum_version = "TLSv1.2"})
  local near = assert(context:wrap_object {tlsa = {record("rsa.crt", 3, 1, 1)}})
  local far = assert(far_context:wrap_object())
  local _, err = helpers.handshake(near, far)
  assert.is_true(err:is(ssl.SSLCertVerificationError))
  assert.truthy(err:find("no certificate", 1, true), tostring(err))
  near:close()
  far:close()
end)

describe("TLSA records:", function()
  local function wrap(tlsa)
    local conn, err = bare():wrap_object {server_hostname = "localhost", tlsa = tlsa}
    if conn then conn:close() end
    return conn, err
  end

  it("data are bytes or hexadecimal digits, with spaces too", function()
    local hex = records.hex(records.data("rsa.crt", 0, 1))
    for _, data in ipairs {hex, hex:upper(), hex:sub(1, 30) .. " " .. hex:sub(31) .. "\n"} do
      assert.same(record("rsa.crt", 3, 0, 1), (accepted(bare(), {tlsa = {{3, 0, 1, data}}})))
    end
    assert.same(record("rsa.crt", 3, 1, 0), (accepted(bare(),
      {tlsa = {{3, 1, 0, records.hex(records.data("rsa.crt", 1, 0))}}})))
    -- A digest that looks like digits is one all the same.
    refused(bare(), {tlsa = {{3, 1, 1, ("0123456789abcdef"):rep(2)}}})
    refused(bare(), {tlsa = {{3, 1, 2, ("0123456789abcdef"):rep(4)}}})
  end)

  it("without one that can be used are an error, which says why", function()
    local digest = ("x"):rep(32)
    for text, tlsa in pairs {
      ["there is no record"] = {},
      ["number 1: its usage is unknown"] = {{4, 1, 1, digest}},
      ["number 1: its selector is unknown"] = {{3, 2, 1, digest}},
      ["number 1: its matching type is unknown"] = {{3, 1, 3, digest}},
      ["number 1: it has no data"] = {{3, 1, 1, ""}},
      ["number 1: its data are no SHA-256, which has 32 bytes"] = {{3, 1, 1, digest .. "x"}},
      ["number 1: its data are no SHA-512, which has 64 bytes"] = {{3, 1, 2, digest}},
      ["number 1: its data are no certificate"] = {{3, 0, 0, digest}},
      ["number 1: its data are no public key"] = {{3, 1, 0, records.data("rsa.crt", 0, 0)}},
      ["number 2: its usage is unknown; number 3: it has no data; and so on"] =
        {{3, 1, 1, "0"}, {255, 0, 0, "x"}, {3, 1, 1, ""}, {0, 255, 0, "x"}},
    } do
      local conn, err = wrap(tlsa)
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("tlsa", err.kind)
      assert.truthy(tostring(err):find(text, 1, true), tostring(err))
    end
  end)

  it("of a wrong shape are misuse", function()
    local digest = ("x"):rep(32)
    for text, tlsa in pairs {
      ["must be a list of records"] = {named = {3, 1, 1, digest}},
      ["number 1 is no plain table"] = {"3 1 1 " .. digest},
      ["number 2 does not hold usage, selector, matching type and data"] = {{3, 1, 1, digest}, {3, 1, 1}},
      ["number 1 does not hold"] = {{3, 1, 1, digest, ttl = 5}},
      ["number 1 has a usage, selector or matching type that is no integer"] = {{3, 1, 256, digest}},
      ["number 1 has a usage, selector or"] = {{-1, 1, 1, digest}},
      ["number 1 has a usage,"] = {{3.5, 1, 1, digest}},
      ["number 1 has"] = {{"3", 1, 1, digest}},
      ["number 1 has data that are no string"] = {{3, 1, 1, 12}},
    } do
      local done, err = pcall(wrap, tlsa)
      assert.is_false(done)
      assert.truthy(err:find("option 'tlsa'", 1, true) and err:find(text, 1, true), err)
    end
    local many = {}
    for i = 1, 1001 do many[i] = {3, 1, 1, digest} end
    assert.error_matches(function() wrap(many) end, "option 'tlsa' has more than 1000 records")
  end)

  it("are a client's, and tlsa_check_hostname is theirs", function()
    local server = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
    local tlsa = {record("rsa.crt", 3, 1, 1)}
    assert.error_matches(function() server:wrap_object {tlsa = tlsa} end, "option 'tlsa' is for the client side")
    assert.error_matches(function() bare():wrap_object {tlsa_check_hostname = true} end, "needs option 'tlsa'")
    assert.error_matches(function()
      bare():wrap_object {server_hostname = "a.example", tlsa = tlsa, tlsa_check_hostname = true,
        check_hostname = false}
    end, "tlsa_check_hostname' is true, and check_hostname false")
    assert.error_matches(function() bare():wrap_object {tlsa = tlsa, tlsa_check_hostname = true} end,
      "check_hostname needs a server_hostname")
    assert.error_matches(function() ssl.SSLContext {tlsa = tlsa} end, "unknown option 'tlsa'")
  end)

  it("are known only for who matched some", function()
    local near, far = helpers.pair()
    assert.is_nil(near:tlsa_match())
    assert(helpers.handshake(near, far))
    assert.is_nil(near:tlsa_match())
    assert.is_nil(far:tlsa_match())
    assert.is_nil(near:info().tlsa_match)
    resuming.part(near, far)
    assert.same({nil, "closed"}, {near:tlsa_match()})
  end)

  it("are not looked at for what they are no part of: another connection of the context", function()
    local context = assert(ssl.SSLContext {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"})
    refused(context, {tlsa = {record("ecdsa.crt", 3, 1, 1)}})
    local near, far = assert(meet(context, {server_hostname = "localhost"}))
    assert.equal("certificate", near:authenticated_by())
    resuming.part(near, far)
    local none = meet(context, {server_hostname = "localhost"}, "untrusted")
    assert.is_nil(none)
  end)
end)

describe("ssl.verify by TLSA records", function()
  local pem, root = helpers.read_file(file "rsa.crt"), helpers.read_file(file "root.crt")

  it("judges as a handshake does", function()
    local expired = helpers.read_file(file "expired.crt")
    assert.is_true((ssl.verify(expired, {roots = root, tlsa = {record("expired.crt", 3, 1, 1)}})))
    assert.is_true((ssl.verify(pem .. root, {roots = expired, tlsa = {record("root.crt", 2, 0, 1)}})))
    assert.is_true((ssl.verify(pem, {roots = root, tlsa = {record("rsa.crt", 1, 1, 2)}})))
    for _, case in ipairs {
      {pem, {roots = root, tlsa = {record("ecdsa.crt", 3, 1, 1)}}, NO_MATCH},
      {pem, {roots = root, tlsa = {record("root.crt", 2, 0, 1)}}, NO_MATCH},
      {pem, {roots = expired, tlsa = {record("rsa.crt", 1, 1, 1)}}, 20},
      {pem, {roots = root, tlsa = {record("rsa.crt", 1, 1, 1)}, name = "other.example"}, 62},
      {pem, {roots = root, tlsa = {record("rsa.crt", 3, 1, 1)}, name = "other.example",
        tlsa_check_hostname = true}, 62},
    } do
      local ok, err = ssl.verify(case[1], case[2])
      assert.is_nil(ok)
      assert.equal(case[3], err.verify_code)
    end
    assert.is_true((ssl.verify(pem, {roots = expired, tlsa = {record("rsa.crt", 3, 1, 1)}, name = "other.example"})))
  end)

  it("is told what is wrong with them", function()
    local ok, err = ssl.verify(pem, {roots = root, tlsa = {}})
    assert.is_nil(ok)
    assert.equal("tlsa", err.kind)
    assert.error_matches(function() ssl.verify(pem, {tlsa = 1}) end, "option 'tlsa' must be a list of records")
    assert.error_matches(function()
      ssl.verify(pem, {roots = root, tlsa = {record("rsa.crt", 3, 1, 1)}, tlsa_check_hostname = true})
    end, "option 'tlsa_check_hostname' needs option 'name'")
    assert.error_matches(function() ssl.verify(pem, {roots = root, name = "a", tlsa_check_hostname = true}) end,
      "option 'tlsa_check_hostname' needs option 'tlsa'")
  end)
end)
