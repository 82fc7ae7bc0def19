-- The traps of design sections 6 and 7: what OpenSSL does when it is left to
-- itself, and we must not. One case for each, named after it.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server
local meet, part = resuming.meet, resuming.part

local WRONG_PIN = "sha256//" .. ("A"):rep(43) .. "="

-- The client's options without any verification.
local function trusting(version, options)
  local all = {cert_reqs = ssl.CERT_NONE, check_hostname = false,
    maximum_version = version}
  for name, value in pairs(options or {}) do all[name] = value end
  return client(all)
end

local function asking(options)
  local all = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
  for name, value in pairs(options or {}) do all[name] = value end
  return server(all)
end

-- They must not come together, by the client's error: that.
local function refused(near_context, far_context, options)
  local near, err, far_error = meet(near_context, far_context, options)
  assert.is_nil(near)
  return err, far_error
end

-- The server's error and the client's, which in TLS 1.3 has finished when the
-- server refuses: it reads for it.
local function refused_by_server(near_context, far_context, options)
  local near = assert(near_context:wrap_object(options
    or {server_hostname = "localhost"}))
  local far = assert(far_context:wrap_object())
  local done, near_error, err = helpers.handshake(near, far)
  assert.is_nil(done)
  assert.is_not_nil(err)
  if not near_error then near_error = select(2, near:read(1)) end
  part(near, far)
  return err, near_error
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("with " .. version .. ",", function()
    describe("a client", function()
      -- Python's server resumes for any name, as many do.
      it("does not resume to another host", function()
        local peer = helpers.python_server("echo", {cert = "wildcard",
          arguments = {"--max", (version:gsub("%.", "_"))}})
        local context = client()
        local function visit(name, session)
          local sock = assert(socket.connect("127.0.0.1", peer.port))
          local conn, err = context:wrap_socket(sock,
            {server_hostname = name, session = session})
          if not conn then return nil, err end
          conn:settimeout(helpers.patience)
          assert(conn:send "hello\n")
          assert.equal("hello", (conn:receive()))
          local found, reused = conn:session(), conn:session_reused()
          conn:close()
          return found, reused
        end
        local session = assert(visit "a.wildcard.example")
        local again, reused = visit("a.wildcard.example", session)
        assert.is_true(reused)
        assert.is_false(select(2, visit("b.wildcard.example", again)))
        local _, err = visit("localhost", again)
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal(62, err.verify_code)
        peer:stop()
      end)

      it("does not take a session of CERT_NONE for CERT_REQUIRED", function()
        local far_context = server {certfile = file "untrusted.pem"}
        local session = resuming.session(trusting(version), far_context)
        assert.is_true(resuming.reuses(trusting(version), far_context,
          {session = session}))
        session = resuming.session(trusting(version), far_context)
        local err = refused(client {maximum_version = version}, far_context,
          {session = session})
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("unknown_ca", err.alert)
      end)

      it("does not take a session without a name check for one with it",
        function()
          local far_context = server {certfile = file "other.pem"}
          local context = client {maximum_version = version,
            check_hostname = false}
          local session = resuming.session(context, far_context)
          local err = refused(context, far_context,
            {session = session, check_hostname = true})
          assert.is_true(err:is(ssl.SSLCertVerificationError))
          assert.equal(62, err.verify_code)
        end)

      it("has its refusal heeded under CERT_NONE: on_verify", function()
        local context = trusting(version,
          {on_verify = function() return nil, "certificate_revoked" end})
        local err, heard = refused(context, server())
        assert.equal("certificate_revoked", err)
        assert.equal("certificate_revoked", heard.alert)
      end)

      it("has its refusal heeded under CERT_NONE: pins", function()
        local context = trusting(version, {pins = {WRONG_PIN}})
        local err, heard = refused(context, server())
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("pin", err.kind)
        assert.equal("bad_certificate", heard.alert)
      end)

      it("asks on_verify after a resumption, and is refused by it", function()
        local calls, verdict = {}, nil
        local context = client {maximum_version = version,
          on_verify = function(conn, facts)
            facts.established = conn:version() or conn:session()
              or conn:session_reused()
            calls[#calls + 1] = facts
            if verdict then return nil, verdict end
          end}
        local far_context = server()
        local session = resuming.session(context, far_context)
        local near, far = assert(meet(context, far_context,
          {session = session}))
        assert.is_true(near:session_reused())
        session = near:session()
        part(near, far)
        verdict = {"the very value"}
        local err = refused(context, far_context, {session = session})
        assert.equal(verdict, err)
        assert.is_true(rawequal(verdict, err))
        assert.equal(3, #calls)
        for i, facts in ipairs(calls) do
          assert.equal(i > 1, facts.resumed)
          assert.is_true(facts.verified)
          assert.equal(0, facts.verify_code)
          assert.equal("localhost", facts.server_hostname)
          assert.equal(2, #facts.chain)
          assert.equal(calls[1].certificate:der(), facts.certificate:der())
          assert.equal(calls[1].chain[2]:der(), facts.chain[2]:der())
          assert.is_nil(facts.established)
        end
        assert.is_false(session:is_resumable())
      end)

      it("has to accept again what it accepted though it was bad", function()
        local answer = ssl.ACCEPT_UNVERIFIED
        local verified = {}
        local context = client {maximum_version = version,
          on_verify = function(_, facts)
            verified[#verified + 1] = facts.verified
            return answer
          end}
        local far_context = server {certfile = file "untrusted.pem"}
        local session = resuming.session(context, far_context)
        local near, far = assert(meet(context, far_context,
          {session = session}))
        assert.is_true(near:session_reused())
        assert.same({}, near:getpeercert())
        assert.is_not_equal(0, (near:verify_result()))
        session = near:session()
        part(near, far)
        answer = true
        local err = refused(context, far_context, {session = session})
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.same({false, false, false}, verified)
      end)

      it("may take its time with on_verify after a resumption", function()
        local context = client {maximum_version = version,
          on_verify = function(_, facts) coroutine.yield(facts.resumed) end}
        local far_context = server()
        local near, far
        local function connect(session)
          near = assert(context:wrap_object {server_hostname = "localhost",
            session = session})
          far = assert(far_context:wrap_object())
          local resumed = {}
          local thread = coroutine.create(function()
            repeat
              local done, err = near:do_handshake()
              helpers.pump(near, far)
              far:do_handshake()
              helpers.pump(near, far)
            until done or err ~= "wantread"
            assert(far:do_handshake())
            assert(far:write ".")
            helpers.pump(near, far)
            return near:read(1)
          end)
          local _, value = coroutine.resume(thread)
          while coroutine.status(thread) ~= "dead" do
            resumed[#resumed + 1] = value
            _, value = coroutine.resume(thread)
          end
          assert.equal(".", value)
          return near:session(), resumed
        end
        local session, resumed = connect()
        part(near, far)
        assert.same({false}, resumed)
        assert.same({true}, select(2, connect(session)))
        assert.is_true(near:session_reused())
        part(near, far)
      end)

      -- The server would see the first connection's certificate again.
      it("does not resume as somebody else: on_certificate", function()
        local who, asked = "client", 0
        local context = client {maximum_version = version,
          session_cache = true, on_certificate = function()
            asked = asked + 1
            return {cert = helpers.read_file(file(who .. ".crt")),
              key = helpers.read_file(file(who .. ".key"))}
          end}
        local far_context = asking {on_verify = function()
          return ssl.ACCEPT_UNVERIFIED
        end}
        for i, name in ipairs {"client", "untrusted", "client"} do
          who = name
          local near, far = assert(meet(context, far_context))
          assert.is_false(near:session_reused())
          assert.is_nil(near:session())
          assert.equal(i, asked)
          assert.equal(ssl.PEM_cert_to_DER_cert(helpers.read_file(
            file(name .. ".crt"))), far:peer_certificate():der())
          part(near, far)
        end
      end)

      it("sees what verified after a resumption, and only that", function()
        local far_context = server()
        for _, case in ipairs {{client {maximum_version = version}, true},
          {trusting(version), false}} do
          local session = resuming.session(case[1], far_context)
          local near, far = assert(meet(case[1], far_context,
            {session = session}))
          assert.is_true(near:session_reused())
          assert.equal(case[2], next(near:getpeercert()) ~= nil)
          assert.is_userdata(near:peer_certificate())
          part(near, far)
        end
      end)
    end)

    describe("a server", function()
      local function certified(options)
        local all = {certfile = file "client.pem", maximum_version = version}
        for name, value in pairs(options or {}) do all[name] = value end
        return client(all)
      end

      it("asks on_verify after a resumption, and is refused by it", function()
        local calls, verdict = {}, nil
        local far_context = asking {on_verify = function(_, facts)
          calls[#calls + 1] = facts
          if verdict then return nil, verdict end
        end}
        local near_context = certified()
        local session = resuming.session(near_context, far_context)
        local near, far = assert(meet(near_context, far_context,
          {session = session}))
        assert.is_true(far:session_reused())
        assert.is_table(far:getpeercert().subject)
        session = near:session()
        part(near, far)
        verdict = {"the very value"}
        local err = refused_by_server(near_context, far_context,
          {session = session, server_hostname = "localhost"})
        assert.is_true(rawequal(verdict, err))
        assert.equal(3, #calls)
        for i, facts in ipairs(calls) do
          assert.equal(i > 1, facts.resumed)
          assert.is_true(facts.verified)
          assert.equal("localhost", facts.server_name)
          assert.equal(calls[1].certificate:der(), facts.certificate:der())
        end
      end)

      it("asks on_verify about a resumed client without a certificate",
        function()
          local calls, verdict = {}, nil
          local far_context = asking {cert_reqs = ssl.CERT_OPTIONAL,
            on_verify = function(_, facts)
              calls[#calls + 1] = facts
              if verdict then return nil, verdict end
            end}
          local near_context = client {maximum_version = version}
          local session = resuming.session(near_context, far_context)
          verdict = "who are you?"
          assert.equal(verdict, refused_by_server(near_context, far_context,
            {session = session, server_hostname = "localhost"}))
          assert.same({{resumed = false, verified = false, chain = {},
            server_name = "localhost"}, {resumed = true, verified = false,
            chain = {}, server_name = "localhost"}}, calls)
        end)

      it("has to accept again what it accepted though it was bad", function()
        local answer = ssl.ACCEPT_UNVERIFIED
        local far_context = asking {on_verify = function() return answer end}
        local near_context = certified {certfile = file "untrusted.pem"}
        local session = resuming.session(near_context, far_context)
        local near, far = assert(meet(near_context, far_context,
          {session = session}))
        assert.is_true(far:session_reused())
        assert.same({}, far:getpeercert())
        session = near:session()
        part(near, far)
        answer = true
        local err = refused_by_server(near_context, far_context,
          {session = session, server_hostname = "localhost"})
        assert.is_true(err:is(ssl.SSLCertVerificationError))
      end)

      -- SSL_set_retry_verify, which suspends a client, accepts on a server.
      it("does not accept when its on_verify yields, then refuses", function()
        local far_context = asking {on_verify = function()
          coroutine.yield "asking"
          return nil, "bad_certificate"
        end}
        local near = assert(certified():wrap_object {
          server_hostname = "localhost"})
        local far = assert(far_context:wrap_object())
        local function step() return far:do_handshake() end
        local steps, done, err = coroutine.create(step), nil, nil
        local yields = 0
        for _ = 1, 20 do
          near:do_handshake()
          helpers.pump(near, far)
          if coroutine.status(steps) == "dead" then
            steps = coroutine.create(step)
          end
          local _, first, second = coroutine.resume(steps)
          if first == "asking" then yields = yields + 1
          elseif second ~= "wantread" then done, err = first, second end
        end
        helpers.pump(near, far)
        assert.equal(1, yields)
        assert.is_nil(done)
        assert.equal("bad_certificate", err)
        assert.same({}, far:getpeercert())  -- it was there, and refused
        if near:do_handshake() then near:read(1) end
        local _, heard = near:read(1)
        assert.equal("bad_certificate", heard.alert)
        part(near, far)
      end)

      it("has its refusal heeded under CERT_NONE: on_verify", function()
        local seen
        local far_context = server {ca_certs = file "root.crt",
          on_verify = function(_, facts)
            seen = facts.certificate
            return nil, "certificate_revoked"
          end}
        local err, heard = refused_by_server(certified(), far_context)
        assert.equal("certificate_revoked", err)
        assert.equal("certificate_revoked", heard.alert)
        assert.is_userdata(seen)
      end)

      it("has its refusal heeded under CERT_NONE: pins", function()
        local far_context = server {ca_certs = file "root.crt",
          pins = {WRONG_PIN}}
        local err, heard = refused_by_server(certified(), far_context)
        assert.equal("pin", err.kind)
        assert.equal("bad_certificate", heard.alert)
      end)
    end)
  end)
end

-- The clock runs ahead: certificates end at other times than sessions do.
describe("what has expired between two connections:", function()
  -- The seconds from now to the end of a certificate of the PKI.
  local function seconds_left(name)
    local path = helpers.temp_name()
    local peer = helpers.spawn {"sh", "-c", ("openssl x509 -enddate -noout "
      .. "-in '%s' >%s"):format(file(name), path)}
    assert(peer:wait() == 0, peer:output())
    local date = helpers.read_file(path):match "notAfter=([^\n]+)"
    return ssl.cert_time_to_seconds(date) - os.time()
  end

  -- A session from ten minutes before that certificate's end, offered ten
  -- minutes after it.
  local function later(name, version, contexts, after)
    return resuming.elsewhere(("local version, left = %q, %d\n"):format(version,
      seconds_left(name)) .. "advance(left - 600)\n" .. contexts
      .. "local session = resuming.session(near_context, far_context)\n"
      .. "advance(left + 600)\n" .. after)
  end

  local CLIENT = [[
    local near_context = resuming.client {maximum_version = version,
      session_cache = true}
  ]]

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    it("the server's certificate, " .. version, function()
      local output = later("rsa.crt", version, CLIENT
        .. "local far_context = resuming.server()\n", [[
        print(resuming.offers(near_context, {session = session}))
        local near, err = resuming.meet(near_context, far_context,
          {session = session})
        print(near, err.alert)
      ]])
      assert.equal("false\nnil\tcertificate_expired\n", output)
    end)

    it("its issuer's certificate, " .. version, function()
      local output = later("brief-intermediate.crt", version, CLIENT .. [[
        local far_context = resuming.server {certfile = file "brief.pem"}
      ]], [[
        print(resuming.offers(near_context, {session = session}))
        local near, err = resuming.meet(near_context, far_context,
          {session = session})
        print(near, err.alert)
      ]])
      assert.equal("false\nnil\tcertificate_expired\n", output)
    end)

    it("the client's certificate, " .. version, function()
      local output = later("brief-client.crt", version, [[
        local near_context = resuming.client {maximum_version = version,
          certfile = file "brief-client.pem"}
        local far_context = resuming.server {cert_reqs = ssl.CERT_REQUIRED,
          ca_certs = file "root.crt"}
      ]], [[
        print(resuming.offers(near_context, {session = session}))
        local near = near_context:wrap_object {server_hostname = "localhost",
          session = session}
        local far = far_context:wrap_object()
        local done, _, err = helpers.handshake(near, far)
        print(done, getmetatable(err) == ssl.SSLCertVerificationError,
          err.verify_code, err.verify_message)
      ]])
      assert.equal("true\nnil\ttrue\t10\tcertificate has expired\n", output)
    end)

    it("the client's issuer's certificate, " .. version, function()
      local output = later("brief-intermediate.crt", version, [[
        local near_context = resuming.client {maximum_version = version,
          certfile = file "brief-visitor.pem"}
        local far_context = resuming.server {cert_reqs = ssl.CERT_REQUIRED,
          ca_certs = file "root.crt"}
        session = resuming.session(near_context, far_context)
      ]], [[
        local near = near_context:wrap_object {server_hostname = "localhost", session = session}
        local far = far_context:wrap_object()
        local done, _, err = helpers.handshake(near, far)
        print(done, err.verify_code, err.verify_depth, far:session_reused())
      ]])
      assert.equal("nil\t10\t1\tnil\n", output)  -- at depth 1: it was shown anew
    end)

    -- Who accepts one fault of a certificate has not accepted what came later.
    it("what a hook on the server accepted for another reason, " .. version, function()
      local output = later("brief-client.crt", version, [[
        local told
        local function judge(_, facts)
          local codes = {}
          for i, fault in ipairs(facts.errors or {}) do codes[i] = fault.code end
          told = table.concat(codes, " ")
          if facts.resumed and told ~= "20" then return nil, "bad_certificate" end
          return ssl.ACCEPT_UNVERIFIED
        end
        local near_context = resuming.client {maximum_version = version,
          certfile = file "brief-client.pem"}
        local far_context = resuming.server {cert_reqs = ssl.CERT_REQUIRED,
          ca_certs = file "other-root.crt", on_verify = judge}
      ]], [[
        local near = near_context:wrap_object {server_hostname = "localhost", session = session}
        local far = far_context:wrap_object()
        local done, _, err = helpers.handshake(near, far)
        print(done, err, told)
      ]])
      assert.equal("nil\tbad_certificate\t20 10\n", output)
    end)
  end
end)

describe("after a resumption", function()
  -- What was accepted unverified is the peer's say-so, all but its leaf.
  it("on_verify is told no chain that was not verified", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local told = {}
      local context = resuming.client {maximum_version = version,
        ca_certs = file "other-root.crt", on_verify = function(_, facts)
          told[#told + 1] = {facts.resumed, facts.verified, #facts.chain}
          return ssl.ACCEPT_UNVERIFIED
        end}
      local far_context = resuming.server {certfile = file "chained.pem"}
      local session = resuming.session(context, far_context)
      assert.is_true(resuming.reuses(context, far_context,
        {session = session}))
      assert.same({{false, false, 2}, {true, false, 1}}, told)
    end
  end)
end)
