-- Sessions that a client's context keeps and offers by itself.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server
local meet, part, offers = resuming.meet, resuming.part, resuming.offers

local VERSIONS = {"TLSv1.2", "TLSv1.3"}

local function keeping(options)
  local copy = {session_cache = true}
  for name, value in pairs(options or {}) do copy[name] = value end
  return client(copy)
end

local function connect(near_context, far_context, options)
  local near, far = meet(near_context, far_context, options)
  assert(near, far)
  part(near, far)
end

-- How many connections in a row would offer a session: of TLS 1.3 each takes
-- a ticket.
local function count_tickets(context, options)
  local count = 0
  while offers(context, options) do
    count = count + 1
    assert(count <= 100, "they do not end")
  end
  return count
end

describe("a client's cache", function()
  it("offers nothing to a peer without name and address", function()
    local context = ssl.SSLContext {session_cache = true}
    local far_context = ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"}
    for _ = 1, 2 do
      local near, far = assert(context:wrap_object()), assert(far_context:wrap_object())
      assert(helpers.handshake(near, far))
      assert.is_false(near:session_reused())
      assert(far:write "x")
      helpers.pump(near, far)
      assert.equal("x", near:read(1))
      near:close()
      far:close()
    end
  end)
end)

describe("option session_cache", function()
  it("is off unless asked for, and on in ssl.connect", function()
    assert.is_false(client():get "session_cache")
    assert.is_false(assert(ssl.create_default_context()):get "session_cache")
    assert.is_true(server():get "session_cache")
    local near_context, far_context = client(), server()
    connect(near_context, far_context)
    assert.is_false(offers(near_context))
  end)

  it("makes the next connection resume by itself", function()
    for _, version in ipairs(VERSIONS) do
      local near_context = keeping {maximum_version = version}
      local far_context = server()
      assert.is_false(resuming.reuses(near_context, far_context))
      for _ = 1, 5 do
        assert.is_true(resuming.reuses(near_context, far_context))
      end
    end
  end)

  it("keeps sessions by the peer", function()
    for _, version in ipairs(VERSIONS) do
      local near_context = keeping {maximum_version = version}
      local far_context = server {certfile = file "wildcard.pem"}
      local one = {server_hostname = "one.wildcard.example"}
      local two = {server_hostname = "two.wildcard.example"}
      connect(near_context, far_context, one)
      assert.is_false(offers(near_context, two))
      assert.is_true(offers(near_context, one))
    end
  end)

  it("keeps sessions by the name check", function()
    local near_context = keeping {maximum_version = "TLSv1.2"}
    connect(near_context, server(), {check_hostname = false})
    assert.is_false(offers(near_context))
    assert.is_true(offers(near_context, {check_hostname = false}))
  end)

  it("offers each ticket of TLS 1.3 once", function()
    local near_context = keeping()
    connect(near_context, server())
    assert.equal(2, count_tickets(near_context))  -- num_tickets' default
  end)

  it("keeps four tickets for a peer, the newest", function()
    local near_context, far_context = keeping(), server {num_tickets = 10}
    connect(near_context, server {num_tickets = 3})
    connect(near_context, far_context)
    for _ = 1, 4 do
      local near, far = assert(meet(near_context, far_context))
      assert.is_true(near:session_reused())  -- the first server's would not
      near:close()
      far:close()
    end
    connect(near_context, server {num_tickets = 0})
    near_context = keeping()
    connect(near_context, far_context)
    assert.equal(4, count_tickets(near_context))
  end)

  it("keeps one session of TLS 1.2 for a peer, the newest", function()
    local near_context = keeping {maximum_version = "TLSv1.2"}
    local older, newer = server(), server()
    connect(near_context, older)
    connect(near_context, newer)
    assert.is_true(resuming.reuses(near_context, newer))
    assert.is_false(resuming.reuses(near_context, older))
    assert.is_true(resuming.reuses(near_context, older))
    assert.is_false(resuming.reuses(near_context, newer))
  end)

  it("has room for 256 and drops what was not used for longest", function()
    local near_context = keeping {maximum_version = "TLSv1.2"}
    local far_context = server {certfile = file "wildcard.pem"}
    local function name(i)
      return {server_hostname = i .. ".wildcard.example"}
    end
    for i = 1, 256 do connect(near_context, far_context, name(i)) end
    assert.is_true(offers(near_context, name(1)))
    assert.is_true(resuming.reuses(near_context, far_context, name(1)))
    connect(near_context, far_context, name(257))
    assert.is_true(offers(near_context, name(257)))
    assert.is_false(offers(near_context, name(2)), "257 are kept")
    assert.is_true(offers(near_context, name(256)))
    assert.is_true(offers(near_context, name(1)), "it was used last")
  end)

  it("gives way to option session, and helps out where that does not fit",
    function()
      local near_context = keeping {maximum_version = "TLSv1.2"}
      local given_by, kept_by = server(), server()
      local session = resuming.session(near_context, given_by)
      connect(near_context, kept_by)
      local option = {session = session}
      assert.is_true(resuming.reuses(near_context, given_by, option))
      local unfit = resuming.session(client {maximum_version = "TLSv1.2",
        alpn_protocols = {"h2"}}, given_by)
      option = {session = unfit}
      assert.is_true(resuming.reuses(near_context, kept_by, option))
    end)

  it("keeps nothing of a handshake that failed", function()
    for _, version in ipairs(VERSIONS) do
      for _, options in ipairs {
        {on_verify = function() return nil, "no" end},
        {on_verify = function() error("no", 0) end},
        {pins = {"sha256//" .. ("A"):rep(43) .. "="}},
        {ca_certs = file "other-root.crt"},
      } do
        options.maximum_version = version
        local near_context = keeping(options)
        assert.is_nil((meet(near_context, server())))
        assert.is_false(offers(near_context))
      end
      local near_context = keeping {maximum_version = version}
      local other = {server_hostname = "other.example"}
      assert.is_nil((meet(near_context, server(), other)))
      assert.is_false(offers(near_context, other))
    end
  end)

  it("keeps nothing of a resumption that was refused", function()
    for _, version in ipairs(VERSIONS) do
      local verdict
      local near_context = keeping {maximum_version = version,
        on_verify = function() return not verdict or nil, verdict end}
      local far_context = server {num_tickets = 1}
      connect(near_context, far_context)
      verdict = "no"
      local near, err = meet(near_context, far_context)
      assert.is_nil(near)
      assert.equal("no", err)
      assert.is_false(offers(near_context))
    end
  end)

  it("keeps no session whose time is up", function()
    local output = resuming.elsewhere [[
      for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
        advance(0)
        local near_context = resuming.client {maximum_version = version,
          session_cache = true}
        resuming.session(near_context, resuming.server())
        advance(7201)
        print(resuming.offers(near_context))
        advance(0)
        print(resuming.offers(near_context))  -- it was dropped
      end
    ]]
    assert.equal("false\nfalse\nfalse\nfalse\n", output)
  end)

  it("is no server's where there are no tickets and no sessions", function()
    for _, version in ipairs(VERSIONS) do
      local near_context = keeping {maximum_version = version}
      local far_context = server {session_cache = false}
      for _ = 1, 3 do
        assert.is_false(resuming.reuses(near_context, far_context))
      end
    end
  end)

  it("lasts as long as its context", function()
    local before = helpers.snapshot()
    for _ = 1, 5 do
      local near_context = keeping()
      connect(near_context, server {num_tickets = 4})
    end
    assert.same({}, helpers.growth(before))
  end)
end)

describe("option num_tickets", function()
  it("is how many tickets a server gives", function()
    for _, count in ipairs {0, 1, 3, 4} do
      local near_context = keeping()
      connect(near_context, server {num_tickets = count})
      assert.equal(count, count_tickets(near_context))
    end
  end)

  it("has a range", function()
    for _, count in ipairs {-1, 101, 1.5, "two"} do
      assert.has_error(function() server {num_tickets = count} end)
    end
    assert.has_error(function() client {num_tickets = 1} end,
      "option 'num_tickets' is for servers: set server_side")
  end)
end)

-- With the options alone: contexts and sessions are both kept.
describe("ssl.connect", function()
  local function talk(port, options)
    options = options or {}
    options.server_hostname = "localhost"
    local conn = assert(ssl.connect("127.0.0.1", port, options))
    assert(conn:send "hello\n")
    assert.equal("hello", (conn:receive()))
    local reused = conn:session_reused()
    conn:close()
    return reused
  end

  after_each(helpers.forget_contexts)

  it("resumes by itself", function()
    local peer = helpers.python_server "echo"
    assert.is_false(talk(peer.port))
    assert.is_true(talk(peer.port))
    assert.is_true(talk(peer.port))
    peer:stop()
  end)

  it("resumes in TLS 1.2 too", function()
    local peer = helpers.python_server("echo",
      {arguments = {"--max", "TLSv1_2"}})
    assert.is_false(talk(peer.port))
    assert.is_true(talk(peer.port))
    peer:stop()
  end)

  it("takes option session too", function()
    local peer = helpers.python_server "echo"
    local session
    for round = 1, 3 do
      local conn = assert(ssl.connect("127.0.0.1", peer.port, {
        server_hostname = "localhost", session_cache = false,
        session = session}))
      assert(conn:send "hello\n")
      assert.equal("hello", (conn:receive()))
      assert.equal(round > 1, conn:session_reused())
      session = conn:session()
      conn:close()
    end
    peer:stop()
  end)

  it("does not resume with other options, nor what it shall not keep",
    function()
      local peer = helpers.python_server "echo"
      assert.is_false(talk(peer.port))
      assert.is_false(talk(peer.port, {alpn_protocols = {"h2"}}))
      assert.is_false(talk(peer.port, {cert_reqs = ssl.CERT_NONE}))
      assert.is_false(talk(peer.port, {session_cache = false}))
      assert.is_false(talk(peer.port, {session_cache = false}))
      assert.is_true(talk(peer.port))
      peer:stop()
    end)
end)
