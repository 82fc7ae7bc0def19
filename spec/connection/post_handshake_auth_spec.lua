-- A server asks its client for a certificate behind the handshake: what holds,
-- from when on, and who decides. The hooks run inside reads and writes.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local drive, yields = hooking.drive, hooking.yields_through_pcall

local function agreeing(more)
  local all = hooking.certified {post_handshake_auth = true}
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function trusting(more)
  local all = {ca_certs = file "root.crt"}
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function putting_off(more)
  more = trusting(more)
  more.post_handshake_auth = true
  return more
end

-- The server asks, the client reads it and answers, and sends a line behind it.
local function ask(pair, options, line)
  assert(pair.server:verify_client_post_handshake(options))
  assert(pair.server:send "asked")
  assert.equal("asked", drive(pair, function() return pair.client:receive(5) end))
  assert(pair.client:send(line or "line\n"))
  pair.pump()
end


-- What an SSLObject's client answers, not fed yet.
local function answer(pair)
  assert(pair.server:verify_client_post_handshake())
  assert(pair.server:send "asked")
  pair.client:feed(pair.server:drain())
  assert.equal("asked", pair.client:receive(5))
  return assert(pair.client:drain())
end

local function common_name(conn)
  local certificate = conn:peer_certificate()
  return certificate and tostring(certificate):match "CN=(.*)"
end

local function each(body)
  for _, kind in ipairs {"socket", "object"} do
    describe("post-handshake authentication, " .. kind .. ",", function()
      after_each(hooking.close_all)
      body(function(client, server)
        return hooking.succeed(hooking.open(kind, client, server))
      end, kind)
    end)
  end
end

each(function(open)
  it("tells who the client is once it has read the answer", function()
    local pair = open(agreeing(), trusting())
    assert(pair.client:send "before\n")
    pair.pump()
    ask(pair)
    assert.equal("before", drive(pair, function() return pair.server:receive() end))
    assert.is_nil(pair.server:authenticated_by())
    assert.is_nil(pair.server:peer_certificate())
    assert.is_nil(pair.server:verify_result())
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.equal("certificate", pair.server:authenticated_by())
    assert.truthy(common_name(pair.server):find("client", 1, true))
    assert.equal(0, (pair.server:verify_result()))
    assert.is_table(pair.server:getpeercert().subject)
    hooking.talk(pair)
  end)

  it("asks as often as it likes, once at a time", function()
    local pair = open(agreeing(), trusting())
    for _ = 1, 3 do
      assert(pair.server:verify_client_post_handshake())
      local asked, err = pair.server:verify_client_post_handshake()
      assert.is_nil(asked)
      assert.equal("state", err.kind)
      assert(pair.server:send "asked")
      assert.equal("asked", drive(pair, function() return pair.client:receive(5) end))
      assert(pair.client:send "line\n")
      assert.equal("line", drive(pair, function() return pair.server:receive() end))
      assert.equal("certificate", pair.server:authenticated_by())
    end
  end)

  it("refuses a client without a certificate, for good, with an alert", function()
    local pair = open({post_handshake_auth = true}, trusting())
    ask(pair)
    local line, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(line)
    assert.equal("no_certificate", err.kind)
    assert.equal("certificate_required", err.alert)
    assert.equal(err, select(2, pair.server:send "x"))
    assert.equal(err, select(2, pair.server:receive()))
    assert.is_nil(pair.server:authenticated_by())
    local _, heard = drive(pair, function() return pair.client:read() end)
    assert.equal("certificate_required", heard.alert)
  end)

  it("goes on without one where it is optional, and then it is nobody", function()
    local pair = open(agreeing(), trusting {cert_reqs = ssl.CERT_OPTIONAL})
    assert.equal("certificate", pair.server:authenticated_by())
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.equal("certificate", pair.server:authenticated_by())
    pair = open({post_handshake_auth = true}, trusting {cert_reqs = ssl.CERT_OPTIONAL})
    ask(pair)  -- the context's is the default
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.is_nil(pair.server:authenticated_by())
    assert.is_nil(pair.server:peer_certificate())
    assert.is_nil(pair.server:verify_result())
  end)

  it("makes nobody of who shows none any more", function()
    local asked = 0
    local pair = open(agreeing {on_certificate = function()
      asked = asked + 1
      if asked > 1 then return hooking.context("client", {certfile = file "client.pem"}) end
    end}, trusting {cert_reqs = ssl.CERT_OPTIONAL})
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.equal("certificate", pair.server:authenticated_by())
  end)

  it("takes anything where nothing is demanded, and calls it nobody", function()
    local pair = open(agreeing {certfile = file "selfsigned.pem"}, {})
    ask(pair, {cert_reqs = ssl.CERT_NONE})
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.is_nil(pair.server:authenticated_by())
    assert.is_truthy(pair.server:peer_certificate())
    assert.not_equal(0, (pair.server:verify_result()))
    assert.same({}, pair.server:getpeercert())
  end)

  it("refuses a certificate that it does not trust; the client hears why", function()
    local pair = open(agreeing {certfile = file "selfsigned.pem"}, trusting())
    ask(pair, nil, "lost\n")
    local line, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(line)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.equal("verification", err.kind)
    assert.equal("sent", err.alert_direction)
    assert.equal(err, select(2, pair.server:receive()))
    assert.equal(err, select(2, pair.server:write "x"))
    assert.is_nil(pair.server:authenticated_by())
    assert.is_truthy(pair.server:peer_certificate())  -- the refused one
    assert.not_equal(0, (pair.server:verify_result()))
    local _, heard = drive(pair, function() return pair.client:read() end)
    assert.equal(err.alert, heard.alert)
  end)

  it("tells the old until the new is whole, and after a refusal nobody", function()
    local first = true
    local pair = open(agreeing {on_certificate = function()
      if first then
        first = false
        return
      end
      return hooking.context("client", {certfile = file "selfsigned.pem"})
    end}, trusting {cert_reqs = ssl.CERT_REQUIRED})
    assert.equal("certificate", pair.server:authenticated_by())
    local name = common_name(pair.server)
    ask(pair)
    assert.equal("certificate", pair.server:authenticated_by())
    assert.equal(name, common_name(pair.server))
    local line, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(line)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.is_nil(pair.server:authenticated_by())
    assert.not_equal(name, common_name(pair.server))
  end)

  it("holds pins and key usage", function()
    local client = agreeing()
    local pair = open(client, putting_off {pins = {"sha256//" .. ("A"):rep(43) .. "="}})
    ask(pair)
    local line, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(line)
    assert.equal("pin", err.kind)
    assert.equal("bad_certificate", select(2, drive(pair, function() return pair.client:read() end)).alert)
    assert.is_nil(pair.server:authenticated_by())
  end)

  it("holds pins against no certificate", function()
    local pair = open({post_handshake_auth = true}, putting_off {pins = {"sha256//" .. ("A"):rep(43) .. "="}})
    ask(pair, {cert_reqs = ssl.CERT_OPTIONAL})
    local line, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(line)
    assert.equal("pin", err.kind)
  end)
end)

each(function(open, kind)
  local function refused(pair, wanted, ...)
    local asked, err = pair.server:verify_client_post_handshake(...)
    assert.is_nil(asked)
    assert.equal(wanted, type(err) == "string" and err or err.kind)
    return err
  end

  it("cannot be asked for where it makes no sense", function()
    local pair = open(agreeing {maximum_version = "TLSv1.2"}, trusting())
    assert.truthy(tostring(refused(pair, "unsupported")):find("TLSv1.2", 1, true))
    hooking.talk(pair)
    pair = open(hooking.certified(), trusting())
    assert.truthy(tostring(refused(pair, "unsupported")):find("post_handshake_auth", 1, true))
    hooking.talk(pair)
    assert.has_error(function() pair.client:verify_client_post_handshake() end)
    pair = open(agreeing(), {})
    assert.truthy(tostring(refused(pair, "no_trust")):find("ca_certs", 1, true))
    refused(pair, "no_trust", {cert_reqs = ssl.CERT_OPTIONAL})
    hooking.talk(pair)
    pair.server:shutdown "send"
    refused(pair, "closed")
    pair = open(agreeing(), trusting())
    pair.server:shutdown "receive"
    refused(pair, "closed")
    pair.server:close()
    refused(pair, "closed")
  end)

  it("runs the handshake first", function()
    local pair = hooking.open(kind, agreeing(), trusting())
    local results = hooking.together({
      function() return pair.client:do_handshake() end,
      function() return pair.server:verify_client_post_handshake() end,
    }, pair.pump)
    assert.same({true, true}, {results[1][1], results[2][1]})
    assert(pair.server:send "asked")
    assert.equal("asked", drive(pair, function() return pair.client:receive(5) end))
  end)
end)

describe("a server's option post_handshake_auth", function()
  after_each(hooking.close_all)

  it("puts off what is decided about a client of TLS 1.3", function()
    local hook, calls = hooking.spy()
    local pair = hooking.succeed(hooking.open("object", agreeing(),
      putting_off {cert_reqs = ssl.CERT_REQUIRED, on_verify = hook}))
    assert.is_nil(pair.server:authenticated_by())
    assert.equal(0, calls.n)
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.equal(1, calls.n)
    assert.is_false(calls.facts.resumed)
    assert.equal("certificate", pair.server:authenticated_by())
  end)

  it("changes nothing in TLS 1.2", function()
    local hook, calls = hooking.spy()
    local options = putting_off {cert_reqs = ssl.CERT_REQUIRED, on_verify = hook}
    local pair = hooking.succeed(hooking.open("object", agreeing {maximum_version = "TLSv1.2"}, options))
    assert.equal("certificate", pair.server:authenticated_by())
    assert.equal(1, calls.n)
    pair = hooking.open("object", {maximum_version = "TLSv1.2"}, options)
    assert.equal("no_certificate", hooking.refused(pair, "server").kind)
  end)
end)

-- The coroutine of a call that a hook suspends, with what it yields.
local function start(call)
  local thread = coroutine.create(call)
  local fine, what = coroutine.resume(thread)
  assert(fine, what)
  return thread, what
end

local function ended(thread, fine, ...)
  assert(fine, (...))
  assert.equal("dead", coroutine.status(thread))
  return ...
end

local function finish(thread, ...)
  return ended(thread, coroutine.resume(thread, ...))
end

each(function(open, kind)
  local late = kind == "socket" and "timeout" or "wantread"

  local function waiting()
    local told
    local pair = open(agreeing(), putting_off {on_verify = function(conn, facts)
      told = {conn = conn, facts = facts}
      return coroutine.yield "hook"
    end})
    return pair, function() return told end
  end

  it("suspends a read for on_verify; others' I/O answers its condition", function()
    local pair, told = waiting()
    ask(pair, nil, "line\nrest")
    local thread, what = start(function()
      return drive(pair, function() return pair.server:receive() end)
    end)
    assert.equal("hook", what)
    assert.equal(pair.server, told().conn)
    assert.is_true(told().facts.verified)
    assert.equal(told().facts.certificate, told().facts.chain[1])
    assert.is_nil(pair.server:authenticated_by())
    assert.is_nil(pair.server:peer_certificate())
    assert.is_false(pair.server:dirty())
    assert.same({nil, late, ""}, {pair.server:receive()})
    assert.same({nil, late, "pre"}, {pair.server:receive(10, "pre")})
    assert.same({nil, "wantread"}, {pair.server:read()})
    assert.same({nil, late, 0}, {pair.server:send "x"})
    assert.same({nil, "wantread", 0}, {pair.server:write "x"})
    assert.same({nil, late}, {pair.server:key_update()})
    assert.same({nil, late}, {pair.server:verify_client_post_handshake()})
    assert.same({nil, "wantread"}, {pair.server:unwrap()})
    assert.same({true, false}, {pair.server:want()})
    assert.is_true(pair.server:do_handshake())
    assert.equal("line", finish(thread, true))
    assert.equal("certificate", pair.server:authenticated_by())
    assert.equal("rest", pair.server:receive(4))
    hooking.talk(pair)
  end)

  it("keeps what was read before the stop, and its prefix", function()
    for _, case in ipairs {
      {"*a", "one two three", true}, {13, "one two three"}, {"*l", "one two three"},
      {16, "preone two three", nil, "pre"},
    } do
      local pair = waiting()
      assert(pair.client:send "one ")
      pair.pump()
      assert.equal(late, select(2, pair.server:receive(10)))  -- takes "one "
      assert(pair.client:send "one ")
      pair.pump()
      local thread = coroutine.create(function()
        return drive(pair, function() return pair.server:receive(case[1], case[4]) end)
      end)
      ask(pair, nil, case[3] and "two three" or "two three\n")
      if case[3] then pair.client:shutdown "send" end
      pair.pump()
      local _, what = coroutine.resume(thread)
      assert.equal("hook", what)
      assert.equal(case[2], finish(thread, true))
      pair.server:close()
    end
  end)

  it("gives others what has come before the stop", function()
    local pair = waiting()
    assert(pair.client:send "early")
    pair.pump()
    assert.equal("e", drive(pair, function() return pair.server:receive(1) end))
    ask(pair)
    local thread = start(function() return drive(pair, function() return pair.server:receive() end) end)
    assert.same({nil, late, "prarly"}, {pair.server:receive(10, "pr")})
    assert.equal("line", finish(thread, true))
  end)

  it("gives what came before a refusal along with it", function()
    local pair = waiting()
    ask(pair, nil, "behind\n")
    local thread
    thread = coroutine.create(function() return pair.server:receive(100, "pre") end)
    assert(pair.client:send "never read")
    local _, what = coroutine.resume(thread)
    assert.equal("hook", what)
    local data, err, partial = finish(thread, nil, "certificate_revoked")
    assert.is_nil(data)
    assert.equal("certificate_revoked", err)
    assert.equal("pre", partial)
    assert.is_nil(pair.server:authenticated_by())
    assert.same({nil, "certificate_revoked", ""}, {pair.server:receive()})
    assert.equal("certificate_revoked", select(2, pair.server:send "x"))
    local _, heard = drive(pair, function() return pair.client:read() end)
    assert.equal("certificate_revoked", heard.alert)
  end)

  it("is asked in a write when a part of the answer has been read", function()
    if kind ~= "object" then return end
    local root = helpers.read_file(file "root.crt")
    local asked = 0
    local pair = open(agreeing {certfile = nil, cert = helpers.read_file(file "client.crt") .. root:rep(60),
      key = helpers.read_file(file "client.key"), certificate_compression = {}}, putting_off {on_verify = function()
        asked = asked + 1
        return coroutine.yield "hook"
      end})
    local bytes = answer(pair)
    assert.is_true(#bytes > 20000, "one record could hold it")
    assert.equal(17000, pair.server:feed(bytes:sub(1, 17000)))
    assert.equal("wantread", select(2, pair.server:read()))
    assert.same({nil, "wantread", 0}, {pair.server:send "reply"})
    assert.same({true, false}, {pair.server:want()})
    assert.equal(0, asked)
    pair.server:feed(bytes:sub(17001))
    local thread, what = start(function() return pair.server:send "reply" end)
    assert.equal("hook", what)
    assert.same({nil, "wantread", 0}, {pair.server:send "reply"})
    assert.equal(5, finish(thread, true))
    assert.equal("certificate", pair.server:authenticated_by())
    assert.equal("reply", drive(pair, function() return pair.client:receive(5) end))
  end)

  it("does not keep from writing to who has closed behind the answer", function()
    if kind ~= "object" then return end
    local root = helpers.read_file(file "root.crt")
    local pair = open(agreeing {certfile = nil, cert = helpers.read_file(file "client.crt") .. root:rep(60),
      key = helpers.read_file(file "client.key"), certificate_compression = {}}, trusting())
    local bytes = answer(pair)
    assert(pair.client:shutdown "send")
    assert.equal(17000, pair.server:feed(bytes:sub(1, 17000)))
    assert.equal("wantread", select(2, pair.server:read()))
    pair.server:feed(bytes:sub(17001) .. pair.client:drain())
    assert.equal(5, pair.server:send "reply")
    assert.equal("certificate", pair.server:authenticated_by())
    assert.same({nil, "closed"}, {pair.server:read()})
    assert.equal("reply", drive(pair, function() return pair.client:receive(5) end))
  end)

  it("closes while the hook is suspended", function()
    local pair = waiting()
    ask(pair)
    local thread = start(function() return pair.server:receive() end)
    assert.equal(1, pair.server:close())
    assert.same({nil, "closed", ""}, {finish(thread, true)})
  end)

  it("is collected while the hook is suspended", function()
    local pair = waiting()
    ask(pair)
    start(function() return pair.server:receive() end)
  end)

  it("refuses what a hook says no to, raises or makes no sense of", function()
    local value = {}
    for name, case in pairs {
      raises = {function() error(value) end, value, "internal_error", in_51 = true},
      nonsense = {function() return 7 end, nil, "internal_error"},
      no = {function() return nil, "bad_certificate" end, "bad_certificate", "bad_certificate"},
      condition = {function() return nil, "timeout" end, nil, "certificate_unknown"},
      itself = {function(conn)
        local data, err = conn:receive()
        assert(data == nil and err.kind == "state")
        local done, why = conn:send "x"
        assert(done == nil and why.kind == "state")
        return nil, "bad_certificate"
      end, "bad_certificate", "bad_certificate"},
    } do
      local pair = open(agreeing(), putting_off {on_verify = case[1]})
      ask(pair)
      local data, err = drive(pair, function() return pair.server:receive() end)
      assert.is_nil(data, name)
      if case[2] then assert.equal(case[2], err)
      else assert.equal("hook", err.kind) end
      assert.is_nil(pair.server:authenticated_by())
      assert.equal(case[3], select(2, drive(pair, function() return pair.client:read() end)).alert)
      assert.equal(err, select(2, pair.server:read()))
    end
  end)

  it("accepts what a hook accepts, and calls it nobody", function()
    local pair = open(agreeing {certfile = file "selfsigned.pem"},
      putting_off {on_verify = function(_, facts)
        assert(not facts.verified and #facts.errors > 0)
        return ssl.ACCEPT_UNVERIFIED
      end})
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.is_nil(pair.server:authenticated_by())
    assert.is_truthy(pair.server:peer_certificate())
  end)

  it("asks the hook about a client without a certificate", function()
    local told
    local pair = open({post_handshake_auth = true}, putting_off {on_verify = function(_, facts)
      told = facts
      return nil, "no"
    end})
    ask(pair, {cert_reqs = ssl.CERT_OPTIONAL})
    local data, err, partial = drive(pair, function() return pair.server:receive() end)
    assert.same({nil, "no", ""}, {data, err, partial})
    assert.is_nil(told.certificate)
    assert.is_false(told.verified)
    assert.is_nil(pair.server:authenticated_by())
  end)

  it("takes a dead coroutine's hook for a refusal", function()
    local pair = open(agreeing(), putting_off {on_verify = function()
      if yields then coroutine.yield() end
      error "dies"
    end})
    ask(pair)
    local thread = coroutine.create(function() return pair.server:receive() end)
    coroutine.resume(thread)
    if yields then
      assert.equal(late, select(2, pair.server:receive()))
      local _, data, err = coroutine.resume(thread)
      assert.is_nil(data)
      assert.truthy(tostring(err):find("dies", 1, true))
    end
    local data, err = drive(pair, function() return pair.server:receive() end)
    assert.is_nil(data)
    assert.truthy(yields or err.kind == "hook")
    assert.is_nil(pair.server:authenticated_by())
    assert.equal("internal_error", select(2, drive(pair, function() return pair.client:read() end)).alert)
  end)

  it("does not wait for ever for a hook", function()
    local pair = open(agreeing(), putting_off {handshake_timeout = 0.05, on_verify = coroutine.yield})
    ask(pair)
    start(function() return pair.server:receive() end)
    local err
    local deadline = os.time() + helpers.patience
    repeat
      err = select(2, pair.server:receive())
      assert(os.time() < deadline)
    until not hooking.WAITS[err]
    assert.equal("handshake_timeout", err.kind)
    assert.equal(err, select(2, pair.server:send "x"))
    assert.is_nil(pair.server:authenticated_by())
  end)

  it("shuts down and unwraps behind the hook's answer", function()
    for _, how in ipairs {"shutdown", "unwrap"} do
      local pair = waiting()
      assert(pair.server:verify_client_post_handshake())
      assert(pair.server:send "asked")
      assert.equal("asked", drive(pair, function() return pair.client:receive(5) end))
      pair.client:shutdown "send"
      pair.pump()
      local thread, what = start(function()
        if how == "unwrap" then return drive(pair, function() return pair.server:unwrap() end) end
        local data, err = drive(pair, function() return pair.server:receive() end)
        assert(data == nil and err == "closed", err)
        return pair.server:shutdown "send"
      end)
      assert.equal("hook", what)
      local done, leftover = finish(thread, true)
      assert.truthy(done)
      if how == "unwrap" and kind == "socket" then
        assert.equal("", leftover)
        hooking.keep(done)
      end
    end
  end)
end)

describe("a client that is asked behind the handshake", function()
  after_each(hooking.close_all)

  for _, kind in ipairs {"socket", "object"} do
    local late = kind == "socket" and "timeout" or "wantread"

    local function asked(hook)
      local pair = hooking.succeed(hooking.open(kind, {post_handshake_auth = true, on_certificate = hook}, trusting()))
      assert(pair.server:verify_client_post_handshake())
      assert(pair.server:send "data")
      pair.pump()
      return pair
    end

    it("is suspended in a read by on_certificate, " .. kind, function()
      local pair = asked(function(_, facts)
        assert(#facts.issuers == 1, "the server says whom it trusts")
        return coroutine.yield "hook"
      end)
      local thread, what = start(function() return drive(pair, function() return pair.client:receive(4) end) end)
      assert.equal("hook", what)
      assert.equal(late, select(2, pair.client:receive()))
      assert.equal(late, select(2, pair.client:send "x"))
      assert.equal("data", finish(thread, {cert = helpers.read_file(file "client.crt"),
        key = helpers.read_file(file "client.key")}))
      assert(pair.client:send "line\n")
      assert.equal("line", drive(pair, function() return pair.server:receive() end))
      assert.equal("certificate", pair.server:authenticated_by())
    end)

    it("ends when on_certificate refuses, " .. kind, function()
      local pair = asked(function() return nil, "no" end)
      assert.same({nil, "no", ""}, {drive(pair, function() return pair.client:receive(4) end)})
      assert.equal("no", select(2, pair.client:send "x"))
      assert.equal("internal_error", select(2, drive(pair, function() return pair.server:read() end)).alert)
    end)
  end

  it("answers a request that comes alone", function()
    local pair = hooking.succeed(hooking.open("object",
      {post_handshake_auth = true, on_certificate = function() return coroutine.yield "hook" end}, trusting()))
    assert(pair.server:verify_client_post_handshake())
    local bytes = pair.server:drain()
    pair.client:feed(bytes)
    local thread, what = start(function() return pair.client:read() end)
    assert.equal("hook", what)
    assert.equal("wantread", select(2, finish(thread, hooking.context("client", {certfile = file "client.pem"}))))
    assert(pair.client:send "line\n")
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    assert.equal("certificate", pair.server:authenticated_by())
  end)

  it("does not answer unless it was told to", function()
    local pair = hooking.succeed(hooking.open("object", hooking.certified(), trusting()))
    assert.is_nil(pair.server:verify_client_post_handshake())
    hooking.talk(pair)
  end)
end)

describe("an answer that comes byte by byte", function()
  after_each(hooking.close_all)

  for _, hooked in ipairs {false, true} do
    it("changes no fact before its end" .. (hooked and ", with a hook" or ""), function()
      local hook, calls = hooking.spy()
      local pair = hooking.succeed(hooking.open("object", agreeing(),
        putting_off {on_verify = hooked and hook or nil}))
      local bytes, seen_at = answer(pair), nil
      for i = 1, #bytes do
        pair.server:feed(bytes:sub(i, i))
        assert.equal("wantread", select(2, pair.server:read()))
        if hooked and calls.n == 1 then seen_at = seen_at or i end
        local by = pair.server:authenticated_by()
        assert.equal(i == #bytes and "certificate" or nil, by)
        assert.equal(i == #bytes, pair.server:peer_certificate() ~= nil)
      end
      if hooked then assert.is_true(seen_at < #bytes) end
      assert(pair.client:send "line\n")
      assert.equal("line", drive(pair, function() return pair.server:receive() end))
    end)
  end
end)

describe("sessions and post-handshake authentication", function()
  after_each(hooking.close_all)

  local function connect(client, server, options)
    return hooking.succeed(hooking.open("object", client, server, options))
  end

  it("come anew, and resume who the client is where that is demanded", function()
    local client = hooking.context("client", agreeing())
    for _, demand in ipairs {ssl.CERT_REQUIRED, ssl.CERT_NONE} do
      local server = hooking.context("server", putting_off {cert_reqs = demand})
      local pair = connect(client, server)
      hooking.talk(pair)
      local before = assert(pair.client:session())
      ask(pair)
      assert.equal("line", drive(pair, function() return pair.server:receive() end))
      hooking.talk(pair)
      local after = assert(pair.client:session())
      assert.not_equal(tostring(before), tostring(after))
      local old = connect(client, server, {client = {session = before}})
      assert.is_true(old.server:session_reused())
      assert.is_nil(old.server:authenticated_by())
      assert.is_nil(old.server:peer_certificate())
      local new = connect(client, server, {client = {session = after}})
      assert.is_true(new.server:session_reused())
      assert.equal(demand == ssl.CERT_REQUIRED and "session" or nil, new.server:authenticated_by())
      assert.is_truthy(new.server:peer_certificate())
      ask(new)
      assert.equal("line", drive(new, function() return new.server:receive() end))
      assert.equal("certificate", new.server:authenticated_by())
    end
  end)

  it("of a certificate that a hook chose are not kept", function()
    local client = hooking.context("client", {post_handshake_auth = true, on_certificate = function()
      return hooking.context("client", {certfile = file "client.pem"})
    end})
    local server = hooking.context("server", putting_off())
    local pair = connect(client, server)
    hooking.talk(pair)
    local before = assert(pair.client:session())
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    hooking.talk(pair)
    local after = pair.client:session()
    local again = connect(client, server, {client = {session = after}})
    assert.is_nil(again.server:peer_certificate())
    assert.is_truthy(before)
  end)

  it("ask the hook again when they resume", function()
    local hook, calls = hooking.spy()
    local client = hooking.context("client", agreeing())
    local server = hooking.context("server", putting_off {cert_reqs = ssl.CERT_REQUIRED, on_verify = hook})
    local pair = connect(client, server)
    ask(pair)
    assert.equal("line", drive(pair, function() return pair.server:receive() end))
    hooking.talk(pair)
    connect(client, server, {client = {session = assert(pair.client:session())}})
    assert.equal(2, calls.n)
    assert.is_true(calls.facts.resumed)
  end)
end)

describe("on_verify in a read, without stacks,", function()
  local function run(code)
    return resuming.elsewhere(code, {LUASSL_NO_ASYNC = "1"})
  end

  local SCRIPT = [[
    local hooking = require "spec.support.hooking_pairs"
    local answer = %q
    local asked = 0
    for _, kind in ipairs {"socket", "object"} do
      local pair = hooking.succeed(hooking.open(kind,
        hooking.certified {post_handshake_auth = true},
        {ca_certs = file "root.crt", post_handshake_auth = true, on_verify = function(conn, facts)
          asked = asked + 1
          assert(facts.verified and not conn:authenticated_by())
          if answer == "raises" then error("no", 0) end
          if answer == "refuses" then return nil, "no" end
          if answer == "yields" then coroutine.yield() end
        end}))
      assert(pair.server:verify_client_post_handshake())
      assert(pair.server:send "asked")
      assert(hooking.drive(pair, function() return pair.client:receive(5) end) == "asked")
      assert(pair.client:send "line\n")
      local thread = coroutine.create(function()
        return hooking.drive(pair, function() return pair.server:receive() end)
      end)
      local _, line, err = coroutine.resume(thread)
      assert(coroutine.status(thread) == "dead")
      local _, heard = hooking.drive(pair, function()
        pair.server:send "x"
        return pair.client:read()
      end)
      print(line, err and tostring(err):match "yield" or err, asked,
        pair.server:authenticated_by(), heard and heard.alert)
      hooking.close_all()
    end
  ]]

  for how, outcome in pairs {agrees = "line\tnil\t%d\tcertificate\tnil\n",
    refuses = "nil\tno\t%d\tnil\tcertificate_unknown\n", raises = "nil\tno\t%d\tnil\tinternal_error\n",
    yields = "nil\tyield\t%d\tnil\tinternal_error\n"} do
    it(how, function()
      assert.equal(outcome:format(1) .. outcome:format(2), run(SCRIPT:format(how)))
    end)
  end

  -- Each time that something comes the read goes to Lua and back.
  it("in one read that waits", function()
    assert.equal("second\tcertificate\t1\n", run [[
      local socket = require "socket"
      local asked = 0
      local listener = assert(resuming.server {ca_certs = file "root.crt", post_handshake_auth = true,
        on_verify = function() asked = asked + 1 end}:wrap_socket(socket.bind("127.0.0.1", 0)))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local peer = helpers.s_client(port, {arguments = {"-tls1_3", "-enable_pha", "-cert", file "client.crt",
        "-key", file "client.key"}})
      local conn = assert(listener:accept())
      conn:settimeout(helpers.patience)
      peer:write "first\n"
      assert(conn:receive() == "first")
      peer:signal "STOP"
      assert(conn:verify_client_post_handshake())
      assert(conn:send "asked\n")
      peer:write "second\n"
      peer:signal "CONT"
      local line, err = conn:receive()
      print(line or err, conn:authenticated_by(), asked)
      conn:close()
      listener:close()
      peer:stop()
    ]])
  end)
end)
