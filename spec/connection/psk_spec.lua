-- Pre-shared keys, on both sides, in TLS 1.2 and 1.3: who gets which identity,
-- what a key stands for, and what a peer learns that has none.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local KEY, OTHER = ("k"):rep(32), ("o"):rep(32)
-- The alert for a wrong proof in TLS 1.3: OpenSSL 3.0's, and 3.5's.
local WRONG = {illegal_parameter = true, decrypt_error = true}
local ALONE = {cert_reqs = ssl.CERT_REQUIRED, psk_authenticates = true}

local function merge(...)
  local all = {}
  for _, options in ipairs {...} do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

local function client(options)
  return assert(ssl.SSLContext(merge({psk = {localhost = {identity = "me", key = KEY}}}, options or {})))
end

local function server(options)
  return assert(ssl.SSLContext(merge({server_side = true, psk = {me = KEY}}, options or {})))
end

-- Both ends after their handshake: done, the client's and the server's error.
local function meet(near_context, far_context, name)
  local near = assert(near_context:wrap_object {server_hostname = name or "localhost"})
  local far = assert(far_context:wrap_object())
  hooking.keep(near, far)
  local done, near_error, far_error = helpers.handshake(near, far)
  return {near = near, far = far, done = done, near_error = near_error, far_error = far_error}
end

local function met(...)
  local pair = meet(...)
  assert(pair.done, tostring(pair.near_error) .. " / " .. tostring(pair.far_error))
  return pair
end

-- Bytes go both ways, and what each knows of the other is `by`.
local function check(pair, by, identity)
  assert(pair.near:write "to the server")
  helpers.pump(pair.near, pair.far)
  assert.equal("to the server", pair.far:read(100))
  assert(pair.far:write "to the client")
  helpers.pump(pair.near, pair.far)
  assert.equal("to the client", pair.near:read(100))
  for _, side in ipairs {pair.near, pair.far} do
    assert.equal(by, side:authenticated_by())
    assert.equal(identity, side:psk_identity())
    assert.equal(identity, side:info().psk_identity)
  end
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  local ONLY = {maximum_version = version, minimum_version = version}
  local is13 = version == "TLSv1.3"

  describe("a pre-shared key in " .. version, function()
    after_each(hooking.close_all)
    teardown(hooking.forget)

    it("makes a connection without certificates", function()
      local pair = met(client(ONLY), server())
      assert.equal(version, pair.near:version())
      check(pair, "psk", "me")
      for _, side in ipairs {pair.near, pair.far} do
        assert.is_nil(side:peer_certificate())
        assert.is_false(side:session_reused())
        assert.is_nil(side:verify_result())
      end
      assert.is_nil(pair.near:get_channel_binding "tls-server-end-point")
      assert.is_nil(pair.far:get_channel_binding "tls-server-end-point")
      local exported = pair.near:export_keying_material("EXPERIMENTAL x", 32)
      assert.equal(exported, pair.far:export_keying_material("EXPERIMENTAL x", 32))
    end)

    it("is used before a certificate, and has a fresh secret too", function()
      local pair = met(client(ONLY), server {certfile = file "rsa.pem"})
      check(pair, "psk", "me")
      local cipher = pair.near:cipher()
      assert.truthy(is13 and pair.near:group() or cipher:find "^ECDHE%-PSK%-", cipher)
    end)

    it("stands for a certificate only where psk_authenticates says so", function()
      local trusting = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
      check(met(client(merge(ONLY, ALONE)), server(ALONE)), "psk", "me")
      local pair = meet(client(merge(ONLY, trusting)), server())
      assert.is_true(pair.near_error:is(ssl.SSLCertVerificationError))
      assert.truthy(pair.near_error:find("psk_authenticates", 1, true))
      pair = meet(client(ONLY), server(trusting))
      assert.is_true(pair.far_error:is(ssl.SSLCertVerificationError))
      assert.truthy(pair.far_error:find("psk_authenticates", 1, true))
      trusting.cert_reqs = ssl.CERT_OPTIONAL
      check(met(client(ONLY), server(trusting)), "psk", "me")
    end)

    it("leaves all to certificates where none is agreed on", function()
      local near = client(merge(ONLY, ALONE, {ca_certs = file "root.crt"}))
      local far = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
      local pair = met(near, far)
      assert.equal("certificate", pair.near:authenticated_by())
      assert.is_nil(pair.near:psk_identity())
      pair = meet(client(merge(ONLY, ALONE)), far)
      assert.equal("verification", pair.near_error.kind)
      pair = meet(near, assert(ssl.SSLContext {server_side = true, certfile = file "untrusted.pem"}))
      assert.equal("verification", pair.near_error.kind)
    end)

    it("is asked neither for a name, nor for pins, nor is on_verify", function()
      local asked = 0
      local more = {pins = {"sha256//" .. ("A"):rep(43) .. "="}, on_verify = function() asked = asked + 1 end}
      check(met(client(merge(ONLY, ALONE, more, {check_hostname = true})), server(merge(ALONE, more))), "psk", "me")
      assert.equal(0, asked)
      local pair = meet(client(merge(ONLY, {pins = more.pins})), server())
      assert.equal("pin", pair.near_error.kind)
      pair = meet(client(ONLY), server {pins = more.pins})
      assert.equal("pin", pair.far_error.kind)
    end)

    it("is asked for no OCSP response", function()
      local near = client(merge(ONLY, ALONE, {ca_certs = file "root.crt", ocsp = "require"}))
      check(met(near, server()), "psk", "me")
      assert.not_nil(meet(near, assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})).near_error)
    end)

    it("does not keep on_verify from being asked where it stands for nothing", function()
      local told = {}
      local function ask(side, answer)
        return {on_verify = function(_, facts)
          told[#told + 1] = {side, facts.certificate, facts.verified, facts.resumed, #facts.chain}
          return answer and unpack(answer, 1, 2)
        end}
      end
      local unpack = table.unpack or unpack  -- luacheck: ignore
      check(met(client(merge(ONLY, ask "near")), server(ask "far")), "psk", "me")
      table.sort(told, function(a, b) return a[1] < b[1] end)
      assert.same({{"far", nil, false, false, 0}, {"near", nil, false, false, 0}}, told)
      local pair = meet(client(merge(ONLY, {on_verify = function() return nil, "no" end})), server())
      assert.equal("no", pair.near_error)
      pair = meet(client(ONLY), server {on_verify = function() return nil, "no" end})
      assert.equal("no", pair.far_error)
    end)

    it("leaves no session, on either side", function()
      local tickets = 0
      local near, far = client(merge(ONLY, {session_cache = true})), server {trace = function(line)
        if is13 and line:find "NewSessionTicket" then tickets = tickets + 1 end
      end}
      for _ = 1, 2 do
        local pair = met(near, far)
        check(pair, "psk", "me")
        assert.is_nil(pair.near:session())
        assert.is_nil(pair.far:session())
      end
      assert.equal(0, tickets)
      assert.equal(0, near:counters().resumed)
      assert.equal(0, far:counters().resumed)
    end)

    it("takes keys of 16 to 512 bytes, any bytes", function()
      for _, size in ipairs {16, 17, 48, 64, 256, 512} do
        local key = ssl.RAND_bytes(size - 1) .. "\0"
        local near = client(merge(ONLY, {psk = {localhost = {identity = "me", key = key}}}))
        check(met(near, server {psk = {me = key}}), "psk", "me")
        local pair = meet(near, server {psk = {me = key:sub(1, -2) .. "\1"}})
        assert.is_nil(pair.done)
      end
    end)

    it("goes with any identity that the version can have", function()
      local identities = {"x", "ä ö", ("i"):rep(255), is13 and "a\0b" or "a", is13 and ("j"):rep(16384) or "j",
        is13 and "\0" or "k"}
      local keys = {}
      for i, identity in ipairs(identities) do keys[identity] = ("%032d"):format(i) end
      local far = server {psk = keys}
      for i, identity in ipairs(identities) do
        local own = {localhost = {identity = identity, key = ("%032d"):format(i)}}
        check(met(client(merge(ONLY, {psk = own})), far), "psk", identity)
      end
    end)

    if not is13 then
      it("is not offered with an identity that OpenSSL would cut off", function()
        for _, identity in ipairs {"me\0and more", ("i"):rep(256)} do
          local near = client(merge(ONLY, {psk = {localhost = {identity = identity, key = KEY}}}))
          local pair = meet(near, server {psk = {me = KEY, [identity] = KEY}})
          assert.is_nil(pair.done)
          assert.equal("cipher", pair.far_error.kind)
          pair = met(near, server {certfile = file "rsa.pem"})
          assert.is_nil(pair.far:psk_identity())
        end
      end)
    end

    it("is looked for in the context that was chosen", function()
      local chosen = server {psk = {me = KEY}}
      local wrong = {psk = {me = OTHER}}
      check(met(client(ONLY), server(merge(wrong, {server_names = {localhost = chosen}}))), "psk", "me")
      check(met(client(ONLY), server(merge(wrong, {on_client_hello = function() return chosen end}))), "psk", "me")
      local bare = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem", server_names = {
        localhost = server {psk = function(_, facts) return facts.identity == "me" and KEY or nil end}}})
      check(met(client(ONLY), bare), "psk", "me")
    end)

    it("is the one that was set last", function()
      local far = server {psk = {me = OTHER}}
      local before = assert(far:wrap_object())
      assert(far:set {psk = {me = KEY}})
      check(met(client(ONLY), far), "psk", "me")
      local near = assert(client(ONLY):wrap_object {server_hostname = "localhost"})
      hooking.keep(near, before)
      assert.is_nil(helpers.handshake(near, before))
    end)

    it("goes with early hooks that wait, and with ALPN", function()
      local alpn = {alpn_protocols = {"one"}}
      local pair = met(client(merge(ONLY, alpn)), server(merge(alpn, {on_client_hello = function() end})))
      assert.equal("one", pair.near:selected_alpn_protocol())
      check(pair, "psk", "me")
    end)
  end)

  describe("a function for psk in " .. version, function()
    after_each(hooking.close_all)
    teardown(hooking.forget)

    -- Handshakes in coroutines, so that functions may yield: results of both.
    local function run(near_context, far_context)
      local near = assert(near_context:wrap_object {server_hostname = "localhost"})
      local far = assert(far_context:wrap_object())
      hooking.keep(near, far)
      local results, sides = {}, {near, far}
      local threads = {}
      for i, side in ipairs(sides) do
        threads[i] = coroutine.create(function()
          local done, err
          repeat
            done, err = side:do_handshake()
            if not done then coroutine.yield() end
          until done or err ~= "wantread" and err ~= "wantwrite"
          results[i] = {done, err}
        end)
      end
      for _ = 1, 200 do
        for i in ipairs(sides) do
          if not results[i] then assert(coroutine.resume(threads[i])) end
        end
        helpers.pump(near, far)
        if results[1] and results[2] then break end
      end
      return {near = near, far = far, results = results}
    end

    it("is told who asks, may wait, and answers with a key", function()
      local told = {}
      local pair = run(client(merge(ONLY, {psk = function(conn, facts)
        told.near = {conn, facts.server_hostname, facts.identity}
        coroutine.yield "waiting"
        return {identity = "you\1", key = KEY}
      end})), server {psk = function(conn, facts)
        told.far = {conn, facts.server_name, facts.identity, #facts.identities, facts.identities[1]}
        coroutine.yield "waiting"
        return KEY
      end})
      assert.same({{true}, {true}}, pair.results)
      assert.same({pair.near, "localhost"}, told.near)
      assert.same({pair.far, "localhost", "you\1", 1, "you\1"}, told.far)
      check(pair, "psk", "you\1")
    end)

    it("answers with a table, too", function()
      local function far(answer)
        return server {psk = function() return answer end}
      end
      check(met(client(ONLY), far {key = KEY}), "psk", "me")
      check(met(client(ONLY), far {key = KEY, identity = "me", hash = "sha256"}), "psk", "me")
      local pair = meet(client(ONLY), far {key = KEY, identity = "another"})
      assert.truthy(tostring(pair.far_error):find "an identity that the client does not offer")
    end)

    it("that knows no key leaves all to certificates, on a client", function()
      local asked = 0
      local near = client(merge(ONLY, {session_cache = true, cert_reqs = ssl.CERT_REQUIRED,
        ca_certs = file "root.crt", psk = function() asked = asked + 1 end}))
      local far = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
      for i = 1, 2 do
        local pair = met(near, far)
        assert.is_nil(pair.near:psk_identity())
        assert.equal(i == 2 and "session" or "certificate", pair.near:authenticated_by())
        assert(pair.far:write ".")
        helpers.pump(pair.near, pair.far)
        assert.equal(".", pair.near:read())
      end
      assert.equal(2, asked)
    end)

    it("ends the handshake when it refuses or raises", function()
      local failure = {}
      local ways = {
        {function() return nil, "access_denied" end, "access_denied"},
        {function() return nil, failure end, failure},
        {function() return false end},
        {function() error(failure, 0) end, failure},
        {function() error "timeout" end},
        {function() return 1 end}, {function() return print end},
        {function() return "short" end}, {function() return ("x"):rep(513) end},
        {function() return {key = 1} end}, {function() return {} end},
        {function() return {key = KEY, identity = "", hash = "sha256"} end},
        {function() return {key = KEY, identity = "me", hash = "md5"} end},
        {function() return {key = KEY, identity = "me", kee = KEY} end},
        {function() return ssl.ACCEPT_UNVERIFIED end},
      }
      for i, way in ipairs(ways) do
        for _, side in ipairs {"near", "far"} do
          local pair = side == "near" and meet(client(merge(ONLY, {psk = way[1]})), server())
            or meet(client(ONLY), server {psk = way[1]})
          local err = pair[side .. "_error"]
          assert.is_nil(pair.done, i)
          if way[2] then assert.equal(way[2], err) else assert.not_nil(err, i) end
          assert.is_nil(tostring(err):find(KEY, 1, true))
          assert.is_nil(tostring(err):find(("x"):rep(64), 1, true))
        end
      end
    end)

    it("of a client that refuses lets nothing go on by a certificate", function()
      local pair = meet(client(merge(ONLY, {psk = function() return nil, "no" end})),
        server {certfile = file "rsa.pem"})
      assert.equal("no", pair.near_error)
      assert.is_nil(pair.near:version())
    end)

    it("refuses with the alert that it names", function()
      if not is13 then return end
      local pair = meet(client(ONLY), server {psk = function() return nil, "unknown_psk_identity" end})
      assert.equal("unknown_psk_identity", pair.near_error.alert)
    end)

    it("that is late, or whose coroutine has ended, accepts nobody", function()
      local near = assert(client(ONLY):wrap_object {server_hostname = "localhost"})
      local far = assert(server {psk = function() coroutine.yield() end}:wrap_object {handshake_timeout = 0.2})
      hooking.keep(near, far)
      local thread = coroutine.create(function() return far:do_handshake() end)
      local deadline = os.time() + 10
      local done, err
      repeat
        near:do_handshake()
        helpers.pump(near, far)
        if thread and coroutine.status(thread) == "suspended" and not done then
          assert(coroutine.resume(thread))
          if coroutine.status(thread) == "dead" then
            thread = coroutine.create(function() return far:do_handshake() end)
          else thread = nil end
        end
        if not thread then done, err = far:do_handshake() end
      until err and err ~= "wantread" or os.time() > deadline
      assert.is_nil(done)
      assert.equal("handshake_timeout", err.kind)
    end)

    it("is closed while it waits", function()
      local near = assert(client(ONLY):wrap_object {server_hostname = "localhost"})
      local far = assert(server {psk = function() coroutine.yield "asked" end}:wrap_object())
      hooking.keep(near, far)
      local asked
      for _ = 1, 20 do
        near:do_handshake()
        helpers.pump(near, far)
        local thread = coroutine.wrap(function() return far:do_handshake() end)
        asked = thread()
        if asked == "asked" then break end
        helpers.pump(near, far)
      end
      assert.equal("asked", asked)
      assert.equal(1, far:close())
      assert.same({nil, "closed"}, {far:do_handshake()})
    end)
  end)
end

describe("an identity", function()
  after_each(hooking.close_all)
  teardown(hooking.forget)

  -- The ClientHello to a server of that name.
  local function hello(context, name)
    local near = assert(context:wrap_object {server_hostname = name})
    hooking.keep(near)
    near:do_handshake()
    return near:drain()
  end

  it("goes to the host that it is for, and to no other", function()
    local context = client {psk = {
      ["Hub.Example"] = {identity = "the hub's own", key = KEY},
      ["192.0.2.1"] = {identity = "the address's", key = KEY}}}
    for _, name in ipairs {"hub.example", "HUB.EXAMPLE", "hub.example."} do
      assert.truthy(hello(context, name):find("the hub's own", 1, true))
    end
    assert.truthy(hello(context, "192.0.2.1"):find("the address's", 1, true))
    for _, name in ipairs {"hub.example.org", "a.hub.example", "example", "192.0.2.10"} do
      local bytes = hello(context, name)
      assert.is_nil(bytes:find("the hub's own", 1, true))
      assert.is_nil(bytes:find("the address's", 1, true))
    end
    local near = assert(context:wrap_object())  -- nobody knows with whom
    hooking.keep(near)
    near:do_handshake()
    assert.is_nil(near:drain():find("the hub's own", 1, true))
  end)

  it("goes out after a HelloRetryRequest too", function()
    for _, hash in ipairs {"sha256", "sha384"} do
      local near = client {groups = "P-256:X25519", psk = {localhost = {identity = "me", key = KEY, hash = hash}}}
      check(met(near, server {groups = "X25519", psk = {me = {key = KEY, hash = hash}}}), "psk", "me")
    end
  end)
end)

describe("the hash of a key", function()
  after_each(hooking.close_all)
  teardown(hooking.forget)

  it("chooses the suites", function()
    local function near(hash, more)
      return client(merge({psk = {localhost = {identity = "me", key = KEY, hash = hash}}}, more or {}))
    end
    local function far(hash, more)
      return server(merge({psk = {me = {key = KEY, hash = hash}}}, more or {}))
    end
    for _, hash in ipairs {"sha256", "sha384"} do
      local pair = met(near(hash), far(hash))
      check(pair, "psk", "me")
      assert.truthy(pair.near:cipher():find(hash:upper() .. "$"))
      check(met(near(hash), server {psk = function() return {key = KEY, hash = hash} end}), "psk", "me")
    end
    assert.is_nil(meet(near "sha384", far "sha256").done)
    assert.is_nil(meet(near "sha256", far "sha384").done)
    assert.is_nil(meet(near "sha384", server {psk = function() return KEY end}).done)
    local gcm256 = {ciphersuites = "TLS_AES_256_GCM_SHA384"}
    assert.is_nil(meet(near "sha256", far("sha256", gcm256)).done)
    local pair = met(near "sha256", far("sha256", merge(gcm256, {certfile = file "rsa.pem"})))
    assert.is_nil(pair.near:authenticated_by())
  end)
end)

describe("a server with keys", function()
  after_each(hooking.close_all)
  teardown(hooking.forget)

  it("resumes the sessions of others, and outlives old tickets", function()
    local trusting = {session_cache = true, cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local near = assert(ssl.SSLContext(merge(trusting, {maximum_version = version})))
      local options = {certfile = file "rsa.pem", psk = {me = KEY}}
      local session
      for _, far in ipairs {server(options), server(options)} do  -- the second after a restart
        for i = 1, 2 do
          local one, other = resuming.meet(near, far, {session = session})
          assert(one, other)
          assert.equal(i == 2, one:session_reused())
          assert.equal(i == 2 and "session" or "certificate", one:authenticated_by())
          session = one:session()
          resuming.part(one, other)
        end
        near = assert(ssl.SSLContext(merge(trusting, {maximum_version = version, session_cache = false})))
      end
    end
  end)

  -- The first flight of a client, changed, and what the server answers.
  local function answers(far_context, hello)
    local far = assert(far_context:wrap_object())
    hooking.keep(far)
    assert.equal(#hello, far:feed(hello))
    far:do_handshake()
    return far:drain()
  end

  local function hello_of(psk, more)
    local near = assert(client(merge({psk = {localhost = psk}}, more or {})):wrap_object {
      server_hostname = "localhost"})
    hooking.keep(near)
    near:do_handshake()
    return near:drain()
  end

  local function alert(bytes)
    assert.equal(7, #bytes)
    return bytes:sub(1, 5) == "\21\3\3\0\2" and bytes:byte(7)
  end

  it("answers a wrong key and an unknown identity with the same bytes", function()
    local keys = {known = KEY, ["known-384"] = {key = KEY, hash = "sha384"}}
    for _, options in ipairs {{psk = keys}, {psk = keys, certfile = file "rsa.pem"},
      {psk = function(_, facts) return keys[facts.identity] end}} do
      local far = server(options)
      for _, hash in ipairs {"sha256", "sha384"} do
        for _, suites in ipairs {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
          "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"} do
          local seen = {}
          for _, identity in ipairs {"known", "known-384", "unknown"} do
            local hello = hello_of({identity = identity, key = OTHER, hash = hash}, {ciphersuites = suites})
            seen[#seen + 1] = answers(far, hello)
          end
          if #seen[3] == 7 then  -- an alert
            assert.equal(seen[3], seen[1])
            assert.equal(seen[3], seen[2])
          else  -- a handshake with the certificate, as no suite goes with that hash
            assert.equal(#seen[3], #seen[1])
            assert.equal(#seen[3], #seen[2])
          end
        end
      end
      local said = alert(answers(far, hello_of {identity = "unknown", key = OTHER}))
      assert.is_true(said == 47 or said == 51)
    end
  end)

  it("answers them with the same records before TLS 1.3", function()
    local function records(identity)
      local near = assert(client({maximum_version = "TLSv1.2", psk = {localhost = {identity = identity, key = OTHER}}})
        :wrap_object {server_hostname = "localhost"})
      local far = assert(server {psk = {known = KEY}}:wrap_object())
      hooking.keep(near, far)
      local said = {}
      for _ = 1, 10 do
        near:do_handshake()
        helpers.carry(near, far)
        far:do_handshake()
        local bytes = far:drain() or ""
        for at, length in bytes:gmatch "()[\20-\23]\3\3(..)" do
          said[#said + 1] = bytes:byte(at) .. ":" .. length:byte(1) * 256 + length:byte(2)
        end
        near:feed(bytes)
      end
      local _, err = near:do_handshake()
      return #said, said[#said], err.alert, tostring(err)
    end
    local known, unknown = {records "known"}, {records "other"}
    assert.same({known[2], known[3], known[4]}, {unknown[2], unknown[3], unknown[4]})
    assert.equal("bad_record_mac", unknown[3])
  end)

  it("takes an identity with an age for a ticket, and asks nobody about it", function()
    local asked = 0
    local function count(_, facts)
      asked = asked + 1
      return facts.identity == "known" and KEY or nil
    end
    for _, options in ipairs {{psk = {known = KEY}}, {psk = count}} do
      local far = server(merge(options, {certfile = file "rsa.pem"}))
      for _, identity in ipairs {"known", "other"} do
        local hello = hello_of {identity = identity, key = KEY}
        local at = select(2, hello:find(identity .. "\0\0\0\0", 1, true))
        local aged = hello:sub(1, at - 1) .. "\1" .. hello:sub(at + 1)
        local bytes = answers(far, aged)
        assert.equal("\22\3\3", bytes:sub(1, 3))
        assert.is_true(#bytes > 500)  -- a certificate
      end
    end
    assert.equal(0, asked)
  end)

  it("outlives a ClientHello of which any byte is wrong", function()
    local hello = hello_of {identity = "known", key = KEY}
    local far = server {psk = {known = KEY}}
    local first = hello:find("known", 1, true) - 10
    for at = first, #hello do
      local byte = hello:byte(at)
      for _, other in ipairs {0, 255, byte == 1 and 2 or 1, (byte + 1) % 256} do
        if other ~= byte then
          local bytes = answers(far, hello:sub(1, at - 1) .. string.char(other) .. hello:sub(at + 1)) or ""
          assert.is_true(#bytes == 0 or bytes:byte(1) == 21, at)
        end
      end
    end
  end)

  it("says itself which of the two it was", function()
    local pair = meet(client(), server {psk = {me = OTHER}})
    assert.equal("psk", pair.far_error.kind)
    assert.truthy(pair.far_error:find "key is another")
    pair = meet(client(), server {psk = {you = KEY}})
    assert.truthy(pair.far_error:find "identity is not known")
    assert.is_true(WRONG[pair.near_error.alert])
    assert.truthy(pair.near_error:find "the pre%-shared key, or its identity")
  end)
end)

describe("a key", function()
  after_each(hooking.close_all)
  teardown(hooking.forget)

  it("is told by nothing", function()
    local lines = {}
    local secret = "SECRET" .. ("s"):rep(26)
    local own = {trace = function(line) lines[#lines + 1] = line end,
      psk = {localhost = {identity = "me", key = secret}}}
    local near, far = client(own), server {psk = {me = secret}, trace = own.trace}
    local pair = met(near, far)
    local wrong = meet(near, server())
    local texts = {table.concat(lines, "\n"), tostring(wrong.near_error), tostring(wrong.far_error)}
    for _, conn in ipairs {pair.near, pair.far} do
      for name, value in pairs(conn:info()) do texts[#texts + 1] = tostring(name) .. tostring(value) end
    end
    for _, entry in ipairs(wrong.near_error.stack or {}) do texts[#texts + 1] = tostring(entry) end
    for _, context in ipairs {near, far} do
      local fine, err = pcall(context.get, context, "psk")
      assert.is_false(fine)
      texts[#texts + 1] = err
    end
    for _, psk in ipairs {{[secret] = {}}, {me = {[secret] = secret}}, {me = secret:sub(1, 15)}, {me = {key = {}}}} do
      texts[#texts + 1] = select(2, pcall(server, {psk = psk}))
      texts[#texts + 1] = select(2, pcall(client, {psk = psk}))
    end
    assert.is_nil(table.concat(texts, "\n"):find("SECRET", 1, true))
  end)

  it("stands in a server's table without another identity", function()
    local fine, err = pcall(server, {psk = {me = {identity = "you", key = KEY}}})
    assert.is_false(fine)
    assert.truthy(err:find("option 'psk' must have a key, or a table {key=, hash=}", 1, true))
  end)

  it("is the context's own: a table that changes later changes nothing", function()
    local psk = {me = {key = KEY}}
    local far = server {psk = psk}
    psk.me.key, psk.you = OTHER, KEY
    check(met(client(), far), "psk", "me")
    assert(far:set {handshake_timeout = 5})
    check(met(client(), far), "psk", "me")
  end)
end)

describe("a function for psk without stacks", function()
  local SCRIPT = [[
    local socket = require "socket"
    local KEY = ("k"):rep(32)
    local place, answer, version = %q, %q, %q
    local function look_up(_, facts)
      if answer == "raises" then error("raised", 0) end
      if answer == "refuses" then return nil, "refused" end
      if answer == "yields" then coroutine.yield() end
      return facts.identity == "me" and KEY or nil
    end
    local asking = {server_side = true, psk = look_up}
    local options = asking
    if place == "by server_names" then
      options = {server_side = true, certfile = file "rsa.pem", server_names = {localhost = ssl.SSLContext(asking)}}
    end
    local near = assert(ssl.SSLContext {maximum_version = version, psk = {localhost = {identity = "me", key = KEY}}}
      :wrap_object {server_hostname = "localhost"})
    local far = assert(ssl.SSLContext(options)):wrap_object()
    local done, _, err
    local function thread() return helpers.handshake(near, far) end
    if answer == "yields" then thread = coroutine.wrap(thread) end
    repeat done, _, err = thread() until done ~= nil or err ~= nil
    print(done, tostring(err), done and far:psk_identity())
  ]]

  for _, place in ipairs {"the first context's", "by server_names"} do
    for answer, outcome in pairs {agrees = "true\tnil\tme\n", raises = "nil\traised\tnil\n",
      refuses = "nil\trefused\tnil\n"} do
      it(("is asked and %s: %s"):format(answer, place), function()
        for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
          assert.equal(outcome, resuming.elsewhere(SCRIPT:format(place, answer, version), {LUASSL_NO_ASYNC = "1"}))
        end
      end)
    end
  end

  it("cannot wait before TLS 1.3, and says so", function()
    local printed = resuming.elsewhere(SCRIPT:format("the first context's", "yields", "TLSv1.2"),
      {LUASSL_NO_ASYNC = "1"})
    assert.truthy(printed:find("psk: it tried to yield where nothing can", 1, true), printed)
  end)
end)

describe("ssl.connect with a key", function()
  local socket = require "socket"

  it("goes to the host that it connects to, and keeps the context while the keys are the same", function()
    local far = server(ALONE)
    local raw = assert(socket.bind("127.0.0.1", 0))
    local _, port = raw:getsockname()
    local listener = assert(far:wrap_socket(raw, {do_handshake_on_connect = false}))
    local options = merge(ALONE, {do_handshake_on_connect = false,
      psk = {["127.0.0.1"] = {identity = "me", key = KEY}}})
    local function try()
      local near = assert(ssl.connect("127.0.0.1", port, options))
      local conn = assert(listener:accept())
      near:settimeout(0)
      conn:settimeout(0)
      local done, _, err = helpers.handshake(near, conn)
      local identity = done and conn:psk_identity()
      near:close()
      conn:close()
      return identity, err
    end
    assert.equal("me", (try()))
    options.psk["127.0.0.1"].key = OTHER  -- in the same table
    assert.equal("psk", select(2, try()).kind)
    options.psk = {localhost = {identity = "me", key = KEY}}
    assert.is_nil((try()))
    listener:close()
  end)
end)
