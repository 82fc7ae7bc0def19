-- A server's sessions that the program keeps: get_session, put_session and
-- remove_session, and what a store may answer.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local revocation = require "spec.support.revocation"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local KEYS = {assert(ssl.new_ticket_key())}

local function merged(...)
  local all = {}
  for _, options in ipairs {...} do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

-- A store and what it was asked: `entries`, `gets`, `puts`, `removed`.
local function new_store()
  local store = {entries = {}, gets = 0, puts = 0, removed = {}}
  store.options = {
    get_session = function(conn, id)
      assert(conn:server_hostname() == "localhost" and #id == 32)
      store.gets = store.gets + 1
      return store.entries[id]
    end,
    put_session = function(conn, id, bytes, lifetime)
      assert(conn:version() and #id == 32 and lifetime == 7200)
      store.puts = store.puts + 1
      store.entries[id] = bytes
    end,
    remove_session = function(_, id)
      store.removed[#store.removed + 1] = id
      store.entries[id] = nil
    end,
  }
  return store
end

-- Another server with that store each time.
local function server(store, options, keys)
  local context = resuming.server(merged(store.options, options or {}))
  assert(context:set_ticket_keys(keys or KEYS))
  return context
end

local function client(version, options)
  return resuming.client(merged({maximum_version = version}, options or {}))
end

local function size(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

for _, version in ipairs(VERSIONS) do
  local is_1_3 = version == "TLSv1.3"

  describe("sessions of a store, " .. version .. ",", function()
    it("are resumed by another server", function()
      local store, near = new_store(), client(version)
      local session = resuming.session(near, server(store, {num_tickets = 1}))
      assert.equal(0, store.gets)
      assert.equal(1, store.puts)
      for i = 1, 4 do
        local one, other = assert(resuming.meet(near, server(store, {num_tickets = 1}), {session = session}))
        assert.is_true(one:session_reused())
        assert.is_true(other:session_reused())
        assert.equal("localhost", other:server_hostname())
        session = one:session()
        resuming.part(one, other)
        assert.equal(i, store.gets)
        assert.equal(1, size(store.entries))
      end
      assert.equal(is_1_3 and 4 or 0, #store.removed)
    end)

    it("are as many as the clients get", function()
      local store, near = new_store(), client(version)
      resuming.session(near, server(store, {num_tickets = 3}))
      assert.equal(is_1_3 and 3 or 1, store.puts)
      assert.equal(store.puts, size(store.entries))
    end)

    it("are fetched by a hook that yields, or does not know", function()
      local store, near = new_store(), client(version)
      local far_context = server(store)
      local session = resuming.session(near, far_context)
      local get = store.options.get_session
      store.options.get_session = function(conn, id)
        assert(coroutine.yield "waits" == "goes on")
        return get(conn, id)
      end
      far_context = server(store)
      local one = assert(near:wrap_object {server_hostname = "localhost", session = session})
      local other = assert(far_context:wrap_object())
      one:do_handshake()
      other:feed(one:drain())
      local co = coroutine.create(function() return other:do_handshake() end)
      assert.same({true, "waits"}, {coroutine.resume(co)})
      assert.same({nil, "wantread"}, {other:do_handshake()})  -- another coroutine
      coroutine.resume(co, "goes on")
      assert(helpers.handshake(one, other))
      assert.is_true(other:session_reused())
      resuming.part(one, other)
      for _, answer in ipairs {function() end, function() return nil, "the store is down" end,
        function() return false end, function() return true end} do
        store.options.get_session = answer
        session = resuming.session(near, server(store))
        assert.is_false(resuming.reuses(near, server(store), {session = session}))
      end
    end)

    it("end the handshake by what the hook raises", function()
      local store, near = new_store(), client(version)
      local session, thing = resuming.session(near, server(store)), {}
      for _, answer in ipairs {function() error(thing) end, function() return 7 end, function() return {} end} do
        store.options.get_session = answer
        local one = assert(near:wrap_object {server_hostname = "localhost", session = session})
        local other = assert(server(store):wrap_object())
        local done, _, err = helpers.handshake(one, other)
        assert.is_nil(done)
        assert.is_true(err == thing or err.kind == "hook", tostring(err))
        one:close()
        other:close()
        session = resuming.session(near, server(new_store()))
      end
    end)

    it("are nothing when they were altered, exchanged, or under another key", function()
      local store, near = new_store(), client(version)
      local function resumes(change, keys)
        store.entries = {}
        local session = resuming.session(near, server(store, {num_tickets = 1}))
        local id, bytes = next(store.entries)
        store.entries[id] = change(bytes)
        return resuming.reuses(near, server(store, {num_tickets = 1}, keys), {session = session})
      end
      local function same(bytes) return bytes end
      assert.is_true(resumes(same))
      local last
      assert.is_true(resumes(function(bytes)
        last = bytes
        return bytes
      end))
      assert.is_false(resumes(function() return last end))  -- of another session
      for _, place in ipairs {1, 16, 17, 40, 48, 49, 200, #last - 15, #last} do
        assert.is_false(resumes(function(bytes)
          place = math.min(place, #bytes)
          return bytes:sub(1, place - 1) .. string.char((bytes:byte(place) + 1) % 256) .. bytes:sub(place + 1)
        end), tostring(place))
      end
      for _, n in ipairs {0, 1, 15, 16, 63, 64, 100} do
        assert.is_false(resumes(function(bytes) return bytes:sub(1, n) end))
      end
      assert.is_false(resumes(function(bytes) return bytes .. "x" end))
      assert.is_false(resumes(same, {assert(ssl.new_ticket_key())}))
      assert.is_true(resumes(same, {assert(ssl.new_ticket_key()), KEYS[1]}))
    end)

    it("are for the same configuration and name", function()
      local store, near = new_store(), client(version)
      local session = resuming.session(near, server(store))
      assert.is_false(resuming.reuses(near, server(store, {alpn_protocols = {"h2"}, alpn_strict = false}),
        {session = session}))
    end)

    it("have the client's certificate, which is judged again", function()
      local pki, store = revocation.make(), new_store()
      local near = client(version, {ca_certs = pki.ca_certs, certfile = pki.client.file})
      local function asking(...)
        return server(store, {certfile = pki.leaf.file, cert_reqs = ssl.CERT_REQUIRED, ca_certs = pki.ca_certs,
          crl_data = revocation.crl(pki.inter, ...)})
      end
      local session = resuming.session(near, asking())
      local one, other = assert(resuming.meet(near, asking(), {session = session}))
      assert.is_true(other:session_reused())
      assert.equal("session", other:authenticated_by())
      session = one:session()
      resuming.part(one, other)
      one = assert(near:wrap_object {server_hostname = "localhost", session = session})
      other = assert(asking(pki.client):wrap_object())
      local done, _, err = helpers.handshake(one, other)
      assert.is_nil(done)
      assert.equal(23, err.verify_code)
      one:close()
      other:close()
    end)

    it("are asked for when the context is chosen, of that one's store", function()
      local first, second, near = new_store(), new_store(), client(version)
      local chosen = server(second)
      local far = server(first, {server_names = {localhost = chosen}})
      local hooked = server(first, {on_client_hello = function() return chosen end})
      for _, context in ipairs {far, hooked} do
        local session = resuming.session(near, context)
        assert.is_true(resuming.reuses(near, context, {session = session}))
      end
      assert.equal(0, first.gets + first.puts)
      assert.equal(2, second.gets)
    end)

    it("are not kept of a handshake that is refused", function()
      local store, near = new_store(), client(version)
      local far = server(store, {cert_reqs = ssl.CERT_OPTIONAL, ca_certs = file "root.crt",
        on_verify = function() return nil, "access_denied" end})
      local one, other = assert(near:wrap_object {server_hostname = "localhost"}), assert(far:wrap_object())
      assert.is_nil((helpers.handshake(one, other)))
      one:close()
      other:close()
      assert.equal(0, store.puts)
    end)

    it("end the connection by what put_session raises", function()
      local store, thing = new_store(), {}
      store.options.put_session = function() error(thing) end
      local raising = server(store)
      for _, far in ipairs {raising,
          resuming.server {server_names = {localhost = raising}},
          resuming.server {on_client_hello = function() return raising end}} do
        local one = assert(client(version):wrap_object {server_hostname = "localhost"})
        local other = assert(far:wrap_object())
        local done, _, err = helpers.handshake(one, other)
        local part = 0
        if done then done, err, part = other:send "." end
        assert.is_nil(done)
        assert.equal(thing, err)
        assert.equal(0, part)
        one:close()
        other:close()
      end
    end)

    it("are resumed by openssl", function()
      local store = new_store()
      local listener = assert(server(store):wrap_socket(socket.bind("127.0.0.1", 0)))
      listener:settimeout(helpers.patience)
      local kept = helpers.temp_name()
      local function visit(...)
        local peer = helpers.s_client(select(2, listener:getsockname()),
          {arguments = {is_1_3 and "-tls1_3" or "-tls1_2", ...}})
        local conn = assert(listener:accept())
        conn:settimeout(helpers.patience)
        assert(conn:send "hello\n")
        peer:expect "hello"
        local reused = conn:session_reused()
        peer:close_input()
        conn:receive "*a"
        conn:close()
        assert.equal(0, peer:wait())
        return reused
      end
      assert.is_false(visit("-sess_out", kept))
      assert.is_true(visit("-sess_in", kept))
      listener:close()
    end)
  end)
end

describe("a store", function()
  it("is found by a second ClientHello, too", function()
    local store = new_store()
    local near = resuming.client {groups = "X25519:P-384"}
    local function far() return server(store, {groups = "P-384"}) end
    assert.is_true(resuming.reuses(near, far(), {session = resuming.session(near, far())}))
    assert.equal(1, store.gets)
  end)

  it("loses a session of TLS 1.2 that ended by a fatal alert", function()
    local store = new_store()
    local one, other = assert(resuming.meet(client "TLSv1.2", server(store)))
    other:feed "\23\3\3\0\5hello"
    assert.is_nil((other:read(1)))
    assert.equal(1, #store.removed)
    assert.equal(0, size(store.entries))
    resuming.part(one, other)
  end)

  it("is three functions, and no session_cache = false", function()
    local store = new_store()
    for _, name in ipairs {"get_session", "put_session", "remove_session"} do
      local options = merged(store.options)
      options[name] = nil
      local fine, err = pcall(resuming.server, options)
      assert.is_false(fine)
      assert.matches("'" .. name .. "' is missing", err)
    end
    assert.has_error(function() resuming.server(merged(store.options, {session_cache = false})) end)
    assert.has_error(function() resuming.client(store.options) end)
  end)

  it("is forgotten with its context, and connections that are dropped leave nothing", function()
    local before = helpers.snapshot()
    for _ = 1, 10 do
      local store, near = new_store(), client "TLSv1.3"
      local session = resuming.session(near, server(store))
      store.options.get_session = function() return coroutine.yield() end
      local one = assert(near:wrap_object {server_hostname = "localhost", session = session})
      local other = assert(server(store):wrap_object())
      one:do_handshake()
      other:feed(one:drain())
      coroutine.wrap(function() other:do_handshake() end)()
    end
    assert.same({}, helpers.growth(before))
  end)
end)
