-- Sessions: what a connection gives to be resumed by, and how it is offered.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server
local meet, part = resuming.meet, resuming.part

local VERSIONS = {"TLSv1.2", "TLSv1.3"}

-- Both directions work; the client has read what came before.
local function exchange(near, far)
  assert(far:send "down\n")
  assert.equal("down", (near:receive()))
  assert(near:send "up\n")
  assert.equal("up", (far:receive()))
end

local function close(near, far)
  near:close()
  far:close()
end

for _, version in ipairs(VERSIONS) do
  describe("a session of " .. version, function()
    local function here(options)
      options = options or {}
      options.maximum_version = version
      return client(options)
    end

    it("is there after the handshake, on the client", function()
      local near = assert(here():wrap_object {server_hostname = "localhost"})
      local far = assert(server():wrap_object())
      assert.is_nil(near:session())
      assert.is_nil(near:session_reused())
      assert.is_nil(far:session_reused())
      assert.is_nil(near:authenticated_by())
      assert(helpers.handshake(near, far))
      local is_late = version == "TLSv1.3"  -- it comes as a ticket
      assert.equal(is_late, near:session() == nil)
      assert(far:write ".")
      helpers.pump(near, far)
      assert.equal(".", near:read(1))
      assert.is_userdata(near:session())
      assert.is_nil(far:session())
      assert.is_false(near:session_reused())
      assert.is_false(far:session_reused())
      assert.equal("certificate", near:authenticated_by())
      assert.is_nil(far:authenticated_by())
      part(near, far)
      assert.same({nil, "closed"}, {near:session()})
      assert.same({nil, "closed"}, {near:session_reused()})
      assert.same({nil, "closed"}, {far:session_reused()})
      assert.same({nil, "closed"}, {near:authenticated_by()})
    end)

    it("tells what it is", function()
      local session = resuming.session(here(), server())
      assert.is_true(session:is_resumable())
      assert.equal(7200, session:lifetime())  -- OpenSSL's
      assert.equal(version, session:version())
      assert.matches("^SSLSession: ", tostring(session))
    end)

    it("resumes, and the connection is as good", function()
      local near_context, far_context = here(), server()
      local session = resuming.session(near_context, far_context)
      local near, far = assert(meet(near_context, far_context,
        {session = session}))
      assert.is_true(near:session_reused())
      assert.is_true(far:session_reused())
      assert.equal("session", near:authenticated_by())
      assert.equal(version, near:version())
      assert.equal(0, (near:verify_result()))
      assert.same({{{"countryName", "DE"}}, {{"stateOrProvinceName", "Berlin"}},
        {{"organizationName", "LuaSSL"}}, {{"commonName", "localhost"}}},
        near:getpeercert().subject)
      assert.equal("localhost", far:server_hostname())
      assert.equal(5, assert(far:write "hello"))
      helpers.pump(near, far)
      assert.equal("hello", near:read(5))
      part(near, far)
    end)

    it("gives the next one", function()
      local near_context, far_context = here(), server()
      local session = resuming.session(near_context, far_context)
      for _ = 1, 5 do
        local near, far = meet(near_context, far_context, {session = session})
        assert.is_true(near:session_reused())
        session = near:session()
        part(near, far)
      end
    end)

    it("outlives its connection and its context", function()
      local far_context = server()
      local session = resuming.session(here(), far_context)
      collectgarbage()
      collectgarbage()
      assert.is_true(resuming.reuses(here(), far_context, {session = session}))
    end)

    it("is not offered in another version", function()
      local far_context = server()
      local session = resuming.session(here(), far_context)
      local other = version == "TLSv1.2" and "TLSv1.3" or "TLSv1.2"
      local near_context = client {minimum_version = other,
        maximum_version = other}
      assert.is_false(resuming.offers(near_context, {session = session}))
      assert.is_false(resuming.reuses(near_context, far_context,
        {session = session}))
    end)

    it("is not resumed by a server without session_cache", function()
      local near_context = here()
      local far_context = server {session_cache = false}
      local near, far = assert(meet(near_context, far_context))
      local session = near:session()
      part(near, far)
      if session then
        assert.is_false(resuming.reuses(near_context, far_context,
          {session = session}))
      end
      assert.is_true(version == "TLSv1.2" or session == nil)
    end)

    it("is not resumed by another server", function()
      local session = resuming.session(here(), server())
      assert.is_true(resuming.offers(here(), {session = session}))
      assert.is_false(resuming.reuses(here(), server(), {session = session}))
    end)

    it("ends with its lifetime and has not begun before its time", function()
      local output = resuming.elsewhere(([[
        local version = %q
        local near_context = resuming.client {maximum_version = version}
        local far_context = resuming.server()
        local sessions = {}
        for i = 1, 4 do sessions[i] = resuming.session(near_context, far_context) end
        for i, seconds in ipairs {0, 7190, 7201, -10} do
          local session = sessions[i]
          advance(seconds)
          print(seconds, session:is_resumable(),
            resuming.offers(near_context, {session = session}))
        end
      ]]):format(version))
      assert.equal("0\ttrue\ttrue\n7190\ttrue\ttrue\n7201\tfalse\tfalse\n"
        .. "-10\tfalse\tfalse\n", output)
    end)

    -- time(2) is a tick behind gettimeofday(2), by which OpenSSL dates it from
    -- 3.2 on: at the end of a second it seems to come from the next.
    it("may seem to come from the next second", function()
      local output = resuming.elsewhere(([[
        local session = resuming.session(
          resuming.client {maximum_version = %q}, resuming.server())
        advance(-1)
        print(session:is_resumable())
      ]]):format(version))
      assert.equal("true\n", output)
    end)
  end)
end

describe("a session", function()
  it("of TLS 1.2 serves as often as it is offered", function()
    local near_context = client {maximum_version = "TLSv1.2"}
    local far_context = server()
    local session = resuming.session(near_context, far_context)
    for _ = 1, 3 do
      assert.is_true(resuming.reuses(near_context, far_context,
        {session = session}))
    end
    assert.is_true(session:is_resumable())
  end)

  -- RFC 8446, C.4: an observer could link the connections.
  it("of TLS 1.3 serves once", function()
    local near_context, far_context = client(), server()
    local session = resuming.session(near_context, far_context)
    assert.is_true(resuming.reuses(near_context, far_context,
      {session = session}))
    assert.is_false(session:is_resumable())
    assert.is_false(resuming.offers(near_context, {session = session}))
    assert.is_false(resuming.reuses(near_context, far_context,
      {session = session}))
  end)

  it("is not resumed after a fatal alert", function()
    local near_context = client {maximum_version = "TLSv1.2"}
    local far_context = server()
    local near, far = assert(meet(near_context, far_context))
    local session = near:session()
    near:feed "\23\3\3\0\5hello"
    assert.is_nil((near:read(1)))
    part(near, far)
    assert.is_false(session:is_resumable())
    assert.is_false(resuming.offers(near_context, {session = session}))
  end)

  it("is not there after a handshake that failed", function()
    for _, version in ipairs(VERSIONS) do
      local near = assert(client {maximum_version = version}:wrap_object {
        server_hostname = "other.example"})
      local far = assert(server():wrap_object())
      assert.is_nil((helpers.handshake(near, far)))
      assert.is_nil(near:session())
      part(near, far)
    end
  end)

  it("of the wrong type, or on a server, is misuse", function()
    local context, far_context = client(), server()
    local session = resuming.session(context, far_context)
    for _, value in ipairs {"session", 1, true, {}, context} do
      assert.has_error(function()
        context:wrap_object {server_hostname = "localhost", session = value}
      end, ("option 'session' must be an SSLSession, not a %s")
        :format(type(value)))
    end
    assert.has_error(function()
      far_context:wrap_object {session = session}
    end, "option 'session' is for the client side")
    assert.has_error(function() session.lifetime {} end)
    assert.has_error(function() session.version(context) end)
    assert.has_error(function() ssl.SSLContext {session = session} end)
  end)

  it("keeps nothing alive when its connection is collected", function()
    local far_context = server()
    local before = helpers.snapshot()
    for _ = 1, 20 do
      assert(meet(client(), far_context):session())
      collectgarbage()
    end
    assert.same({}, helpers.growth(before))
  end)
end)

-- SSLSockets to one listening port.
describe("option session", function()
  local listener, far_context, port

  before_each(function()
    far_context = server()
    listener = assert(socket.bind("127.0.0.1", 0))
    port = select(2, listener:getsockname())
  end)

  after_each(function()
    listener:close()
    listener, far_context = nil, nil
  end)

  -- Serves one connection that `start` begins: it gets a connected LuaSocket
  -- object at timeout 0, answers an SSLSocket.
  local function talk(start)
    local sock = assert(socket.connect("127.0.0.1", port))
    sock:settimeout(0)
    local accepted = assert(listener:accept())
    accepted:settimeout(0)
    local near = assert(start(sock))
    local far = assert(far_context:wrap_socket(accepted))
    assert(helpers.handshake(near, far))
    near:settimeout(helpers.patience)
    far:settimeout(helpers.patience)
    exchange(near, far)
    local session, reused = near:session(), near:session_reused()
    assert.equal(reused, far:session_reused())
    close(near, far)
    return session, reused
  end

  local function check(start)
    local session, reused = talk(function(sock) return start(sock, nil) end)
    assert.is_false(reused)
    assert.is_userdata(session)
    session, reused = talk(function(sock) return start(sock, session) end)
    assert.is_true(reused)
    assert.is_userdata(session)
  end

  it("is taken by ctx:wrap_socket", function()
    local context = client()
    check(function(sock, session)
      return context:wrap_socket(sock, {server_hostname = "localhost",
        session = session})
    end)
  end)

  it("is taken by ssl.wrap_socket, which has a new context each time",
    function()
      check(function(sock, session)
        return ssl.wrap_socket(sock, {cert_reqs = ssl.CERT_REQUIRED,
          ca_certs = file "root.crt", server_hostname = "localhost",
          session = session})
      end)
    end)

  it("is taken by ssl.wrap_socket with a context", function()
    local context = client()
    check(function(sock, session)
      return ssl.wrap_socket(sock, {context = context,
        server_hostname = "localhost", session = session})
    end)
  end)

  it("is taken by a socket that is not connected yet", function()
    local context, session = client(), nil
    for round = 1, 2 do
      local near = assert(context:wrap_socket(socket.tcp(),
        {session = session, server_hostname = "localhost"}))
      near:settimeout(0)
      local function go_on() return near:connect("127.0.0.1", port) end
      local deadline, far = socket.gettime() + helpers.patience, nil
      listener:settimeout(0)
      repeat
        local done, err = go_on()
        assert(done or err == "timeout", err)
        local accepted = not far and listener:accept()
        if accepted then
          accepted:settimeout(0)
          far = assert(far_context:wrap_socket(accepted))
        end
        if far then far:do_handshake() end
      until done or socket.gettime() > deadline
      assert(far:do_handshake())
      near:settimeout(helpers.patience)
      exchange(near, far)
      assert.equal(round == 2, near:session_reused())
      session = near:session()
      close(near, far)
    end
  end)
end)
