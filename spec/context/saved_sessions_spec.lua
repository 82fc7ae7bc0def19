-- Sessions as bytes: what comes back is as good as what was saved, and no better;
-- nobody but who has the key makes any. And on_session, which is told of them.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local revocation = require "spec.support.revocation"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server

local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local KEY = assert(ssl.RAND_bytes(32))

local function copy(session)
  return assert(ssl.load_session(assert(session:save(KEY)), KEY))
end

for _, version in ipairs(VERSIONS) do
  describe("a saved session of " .. version, function()
    local function here(options)
      options = options or {}
      options.maximum_version = version
      return client(options)
    end

    it("is the same when it comes back", function()
      local before = os.time()
      local session = resuming.session(here(), server())
      local loaded = copy(session)
      assert.equal(session:id(), loaded:id())
      assert.equal(32, #session:id())
      assert.equal(session:time(), loaded:time())
      assert.is_true(math.abs(session:time() - before) < 60)
      assert.equal(session:lifetime(), loaded:lifetime())
      assert.equal(version, loaded:version())
      assert.is_true(loaded:is_resumable())
    end)

    it("resumes, and is verified as before", function()
      local near_context, far_context = here(), server()
      local loaded = copy(resuming.session(near_context, far_context))
      local near, far = assert(resuming.meet(near_context, far_context, {session = loaded}))
      assert.is_true(near:session_reused())
      assert.equal("session", near:authenticated_by())
      assert.equal(2, #near:verified_chain())
      assert.equal(0, (near:verify_result()))
      resuming.part(near, far)
    end)

    it("resumes where CRLs are asked about its chain", function()
      local pki = revocation.make()
      local far_context = server {certfile = pki.leaf.file}
      local near_context = here {ca_certs = pki.ca_certs, crl_data = revocation.crl(pki.inter)}
      local loaded = copy(resuming.session(near_context, far_context))
      assert.is_true(resuming.reuses(near_context, far_context, {session = loaded}))
    end)

    it("is offered to nobody else and under no other conditions", function()
      local near_context, far_context = here(), server()
      local loaded = copy(resuming.session(near_context, far_context))
      assert.is_false(resuming.offers(near_context, {session = loaded, server_hostname = "other.example"}))
      assert.is_false(resuming.offers(here {alpn_protocols = {"h2"}}, {session = loaded}))
      assert.is_false(resuming.offers(here {cert_reqs = ssl.CERT_NONE, check_hostname = false}, {session = loaded}))
      assert.is_true(resuming.offers(near_context, {session = loaded}))
    end)

    it("goes to another process", function()
      local listener = assert(server():wrap_socket(socket.bind("127.0.0.1", 0)))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      local kept = helpers.temp_name()
      local function run(code)
        local peer = helpers.lua(([[
          local ssl = require "luassl"
          local port, path, key = ...
          local context = assert(ssl.create_default_context {maximum_version = %q, ca_certs = %q})
          local session
          %s
          local conn = assert(ssl.connect("127.0.0.1", tonumber(port), {context = context,
            server_hostname = "localhost", session = session}))
          conn:settimeout(10)
          assert(conn:receive() == "hello")
          local file = assert(io.open(path, "wb"))
          file:write(assert(conn:session():save(key)))
          file:close()
          conn:close()
        ]]):format(version, file "root.crt", code), port, kept, ("k"):rep(32))
        local conn = assert(listener:accept())
        conn:settimeout(helpers.patience)
        assert(conn:send "hello\n")
        local reused = conn:session_reused()
        conn:receive "*a"
        conn:close()
        assert.equal(0, peer:wait(), peer:output())
        return reused
      end
      assert.is_false(run "")
      for _ = 1, 2 do
        assert.is_true(run [[
          local file = assert(io.open(path, "rb"))
          session = assert(ssl.load_session(file:read "*a", key))
          file:close()
        ]])
      end
      listener:close()
    end)

    it("is nothing when it was altered, or under another key", function()
      local session = resuming.session(here(), server())
      local bytes = assert(session:save(KEY))
      local function refused(text, key)
        local loaded, err = ssl.load_session(text, key or KEY)
        assert.is_nil(loaded)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("session", err.kind)
        return err
      end
      assert.is_not_equal(bytes, session:save(KEY))
      for i = 1, #bytes do
        local other = string.char((bytes:byte(i) + 1) % 256)
        refused(bytes:sub(1, i - 1) .. other .. bytes:sub(i + 1))
      end
      for i = 0, #bytes - 1, 7 do refused(bytes:sub(1, i)) end
      refused(bytes .. "\0")
      refused(bytes .. bytes)
      assert.matches("another key", tostring(refused(bytes, ("x"):rep(32))))
      assert.matches("no session", tostring(refused "session"))
      assert.is_userdata((ssl.load_session(bytes, KEY)))
      assert.is_nil(bytes:find("localhost", 1, true))  -- of the certificate
    end)

    it("needs hooks_id where there are hooks", function()
      local far_context = server()
      local function judge() return true end
      local session = resuming.session(here {on_verify = judge, hooks_id = "1"}, far_context)
      local output = resuming.elsewhere(([[
        local bytes = ("%s"):gsub("%%x%%x", function(hex) return string.char(tonumber(hex, 16)) end)
        local session = assert(ssl.load_session(bytes, ("k"):rep(32)))
        for _, id in ipairs {"2", false, "1"} do
          print(resuming.offers(resuming.client {maximum_version = session:version(), hooks_id = id or nil,
            on_verify = function() return true end}, {session = session}))
        end
      ]]):format(session:save(("k"):rep(32)):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
      assert.equal("false\nfalse\ntrue\n", output)
    end)
  end)
end

describe("a ticket of TLS 1.3 is offered once:", function()
  it("not again by a copy, nor by what it was copied from", function()
    local near_context, far_context = client(), server()
    local session = resuming.session(near_context, far_context)
    local bytes = assert(session:save(KEY))
    local one, other = assert(ssl.load_session(bytes, KEY)), assert(ssl.load_session(bytes, KEY))
    assert.is_true(resuming.offers(near_context, {session = one}))
    for _, copied in ipairs {one, other, session, assert(ssl.load_session(bytes, KEY))} do
      assert.is_false(copied:is_resumable())
      assert.is_false(resuming.offers(near_context, {session = copied}))
      local saved, err = copied:save(KEY)
      assert.is_nil(saved)
      assert.equal("session", err.kind)
    end
    assert.is_true(resuming.offers(near_context, {session = resuming.session(near_context, far_context)}))
  end)

  it("nor by another object for the same session, nor from the cache", function()
    local near_context, far_context = client {session_cache = true}, server {num_tickets = 1}
    local near, far = assert(resuming.meet(near_context, far_context))
    local one, other = near:session(), near:session()
    resuming.part(near, far)
    assert.is_true(resuming.offers(near_context))  -- the cache's
    assert.is_false(one:is_resumable())
    assert.is_false(other:is_resumable())
    assert.is_false(resuming.offers(near_context, {session = one}))
  end)

  it("whatever becomes of the offer", function()
    local near_context, far_context = client(), server()
    local session = resuming.session(near_context, far_context)
    local near = assert(near_context:wrap_object {server_hostname = "localhost", session = session})
    assert.is_true(session:is_resumable())
    near:do_handshake()
    assert.is_false(session:is_resumable())
    near:close()
  end)

  it("the next ticket of a resumed connection is another", function()
    local near_context, far_context = client(), server()
    local session = copy(resuming.session(near_context, far_context))
    for _ = 1, 5 do
      local near, far = assert(resuming.meet(near_context, far_context, {session = session}))
      assert.is_true(near:session_reused())
      session = copy(near:session())
      resuming.part(near, far)
    end
  end)

  it("and one of TLS 1.2 as often as one likes, its copies too", function()
    local near_context, far_context = client {maximum_version = "TLSv1.2"}, server()
    local session = resuming.session(near_context, far_context)
    local one = copy(session)
    for _ = 1, 2 do
      assert.is_true(resuming.reuses(near_context, far_context, {session = one}))
      assert.is_true(resuming.reuses(near_context, far_context, {session = session}))
    end
  end)
end)

describe("on_session", function()
  local function told_by(options, far_options, name)
    local told = {}
    options.on_session = function(conn, session)
      told[#told + 1] = {conn, session, conn:version()}
    end
    local near, far = resuming.meet(client(options), server(far_options), {server_hostname = name or "localhost"})
    if near then resuming.part(near, far) end
    return told, near
  end

  it("is told each session, with the connection", function()
    for _, version in ipairs(VERSIONS) do
      local far_options = {num_tickets = 3}
      local told, near = told_by({maximum_version = version}, far_options)
      assert.equal(version == "TLSv1.3" and 3 or 1, #told)
      local ids = {}
      for _, one in ipairs(told) do
        assert.equal(near, one[1])
        assert.equal(version, one[3])
        assert.is_true(one[2]:is_resumable())
        assert.is_nil(ids[one[2]:id()])
        ids[one[2]:id()] = true
      end
    end
  end)

  it("gives what resumes", function()
    for _, version in ipairs(VERSIONS) do
      local kept
      local near_context, far_context = client {maximum_version = version, on_session = function(_, session)
        kept = session:save(KEY)
      end}, server()
      assert.is_false(resuming.reuses(near_context, far_context))
      for _ = 1, 3 do
        assert.is_true(resuming.reuses(near_context, far_context, {session = assert(ssl.load_session(kept, KEY))}))
      end
    end
  end)

  it("is told at most eight at once, the newest", function()
    local told, near = told_by({}, {num_tickets = 20})
    assert.equal(8, #told)
    assert.equal(told[8][2]:version(), near and "TLSv1.3")
  end)

  it("is not told of a handshake that failed, nor of what a hook's certificate led to", function()
    for _, version in ipairs(VERSIONS) do
      assert.same({}, (told_by({maximum_version = version}, {}, "other.example")))
      assert.same({}, (told_by({maximum_version = version, on_verify = function() return nil, "no" end}, {})))
      assert.same({}, (told_by({maximum_version = version, on_certificate = function()
        return {certfile = file "client.pem"}
      end}, {cert_reqs = ssl.CERT_OPTIONAL, ca_certs = file "root.crt"})))
    end
  end)

  it("is not called without memory of it, nor again", function()
    local count = 0
    local near, far = assert(resuming.meet(client {on_session = function() count = count + 1 end}, server()))
    assert.equal(2, count)
    assert(far:write "more")
    helpers.pump(near, far)
    assert.equal("more", near:read(4))
    assert.equal(2, count)
    resuming.part(near, far)
  end)

  it("ends the connection by what it raises, and cannot yield or use it", function()
    local thing = {}
    for _, version in ipairs(VERSIONS) do
      local inner
      for _, raising in ipairs {
        function() error(thing) end,
        function(conn)
          inner = {conn:read(1)}
          error(thing)
        end,
      } do
        local near = assert(client {maximum_version = version, on_session = raising}:wrap_object {
          server_hostname = "localhost"})
        local far = assert(server():wrap_object())
        local done, err = helpers.handshake(near, far)
        if done then
          assert(far:write ".")
          helpers.pump(near, far)
          done, err = near:read(1)
        end
        assert.is_nil(done)
        assert.equal(thing, err)
        assert.equal(thing, (select(2, near:read(1))))
        near:close()
        far:close()
      end
      assert.is_nil(inner[1])
      assert.equal("state", inner[2].kind)
      local near = assert(client {maximum_version = version, on_session = coroutine.yield}:wrap_object {
        server_hostname = "localhost"})
      local far = assert(server():wrap_object())
      local co = coroutine.wrap(function()
        local done, err = helpers.handshake(near, far)
        if done then
          assert(far:write ".")
          helpers.pump(near, far)
          done, err = near:read(1)
        end
        return done, err
      end)
      local done, err = co()
      assert.is_nil(done)
      assert.matches("yield", tostring(err))
      near:close()
      far:close()
    end
  end)

  it("is a client's", function()
    assert.has_error(function() server {on_session = print} end,
      "option 'on_session' is for clients, not with server_side")
  end)
end)
