-- Data in the first flight of a resumed handshake: who may read it when, that
-- nobody can have it read twice, and what becomes of what was refused.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local unpack = table.unpack or unpack

local function merge(...)
  local all = {}
  for _, options in ipairs {...} do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

local function client(options)
  return assert(ssl.SSLContext(merge({cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", groups = "X25519"},
    options or {})))
end

local function server(options)
  return assert(ssl.SSLContext(merge({server_side = true, certfile = file "rsa.pem", max_early_data = 1000},
    options or {})))
end

-- Both ends, before their handshake.
local function open(near_context, far_context, session)
  local near = assert(near_context:wrap_object {server_hostname = "localhost", session = session})
  local far = assert(far_context:wrap_object())
  hooking.keep(near, far)
  return near, far
end

local function finish(near, far)
  local done, near_error, far_error = helpers.handshake(near, far)
  assert(done, tostring(near_error) .. " / " .. tostring(far_error))
end

-- Text goes from one to the other.
local function say(from, to, text)
  assert.equal(#text, assert(from:send(text)))
  helpers.carry(from, to)
  assert.equal(text, to:receive(#text))
end

-- The session of a handshake that is over.
local function session_of(near, far)
  say(far, near, "the tickets go with it")
  return assert(near:session())
end

local function session_for(near_context, far_context)
  local near, far = open(near_context, far_context)
  finish(near, far)
  return session_of(near, far)
end

describe("early data", function()
  local near_context, far_context, session

  before_each(function()
    near_context, far_context = client(), server()
    session = session_for(near_context, far_context)
  end)

  after_each(function()
    hooking.close_all()
    near_context, far_context, session = nil, nil, nil
  end)

  teardown(hooking.forget)

  it("is read before the handshake is over, in pieces", function()
    assert.equal(1000, session:max_early_data())
    local near, far = open(near_context, far_context, session)
    assert.equal(5, near:write_early_data "early")
    assert.equal(0, near:write_early_data "")
    assert.equal(5, near:write_early_data " bird")
    helpers.carry(near, far)
    assert.equal("early bird", far:read_early_data())
    assert.equal(6, near:write_early_data " again")
    helpers.carry(near, far)
    assert.equal(" again", far:read_early_data())
    assert.same({nil, "wantread"}, {far:read_early_data()})
    for _, side in ipairs {near, far} do
      assert.is_nil(side:version())
      assert.is_nil(side:authenticated_by())
      assert.is_nil(side:early_data_accepted())
    end
    finish(near, far)
    assert.is_nil((far:read_early_data()))
    for _, side in ipairs {near, far} do
      assert.is_true(side:session_reused())
      assert.is_true(side:early_data_accepted())
    end
    say(near, far, "ordinary")
    say(far, near, "too")
  end)

  it("is ordinary data for nobody before the end of the handshake, and then comes first", function()
    local near, far = open(near_context, far_context, session)
    assert(near:write_early_data "early, ")
    helpers.carry(near, far)
    for _ = 1, 2 do
      assert.same({nil, "wantread", ""}, {far:receive(1)})
      assert.same({nil, "wantread"}, {far:read()})
      assert.equal(0, far:pending())
      assert.is_false(far:dirty())
    end
    assert.is_nil((far:do_handshake()))
    finish(near, far)
    assert(near:send "late")
    helpers.carry(near, far)
    assert.equal("early, late", far:receive(11))
    assert.is_nil((far:read_early_data()))
  end)

  it("is what was not read before, only that", function()
    local near, far = open(near_context, far_context, session)
    assert(near:write_early_data "read, ")
    helpers.carry(near, far)
    assert.equal("read, ", far:read_early_data())
    assert(near:write_early_data "unread, ")
    finish(near, far)
    assert(near:send "late")
    helpers.carry(near, far)
    assert.equal("unread, late", far:receive(12))
  end)

  -- The first flight of a client that resumes the session.
  local function flight(text)
    local near = open(near_context, far_context, session)
    assert(near:write_early_data(text))
    return near:drain()
  end

  -- What a server takes of it, and whether it resumes the session.
  local function taken(far, bytes)
    hooking.keep(far)
    assert.equal(#bytes, far:feed(bytes))
    local early, err = far:read_early_data()
    assert.is_true(early ~= nil or err == nil or err == "wantread", tostring(err))
    return early, #(far:drain() or "") < 500  -- without a certificate
  end

  it("is taken once, whoever sends it again", function()
    local bytes = flight "buy one"
    local early, resumed = taken(assert(far_context:wrap_object()), bytes)
    assert.equal("buy one", early)
    assert.is_true(resumed)
    for _ = 1, 2 do
      early, resumed = taken(assert(far_context:wrap_object()), bytes)
      assert.is_nil(early)
      assert.is_false(resumed)
    end
  end)

  it("is taken once, where a context was renewed in between", function()
    local bytes = flight "buy one"
    local before = assert(far_context:wrap_object())
    assert(far_context:set {handshake_timeout = 29})
    assert(far_context:reload())
    local early, resumed = taken(assert(far_context:wrap_object()), bytes)
    assert.is_nil(early)
    assert.is_true(resumed)
    assert.equal("buy one", (taken(before, bytes)))
    assert.is_nil((taken(assert(far_context:wrap_object()), bytes)))
  end)

  it("is taken by no other server, of the same configuration even", function()
    local early, resumed = taken(assert(server():wrap_object()), flight "buy one")
    assert.is_nil(early)
    assert.is_false(resumed)
  end)

  it("goes on with the chosen context's limit, and through hooks that wait", function()
    local chosen, waits = far_context, false
    for _, options in ipairs {{on_client_hello = function()
      if waits then coroutine.yield() end
      return chosen
    end}, {server_names = {localhost = chosen}}} do
      local first = server(merge(options, {max_early_data = 0}))
      waits = false
      local given = session_for(near_context, first)
      waits = true
      local near, far = open(near_context, first, given)
      assert.equal(5, near:write_early_data "early")
      helpers.carry(near, far)
      local early, err
      local thread = coroutine.wrap(function()
        repeat early, err = far:read_early_data() until early or err ~= "wantread"
        return "over"
      end)
      repeat until thread() == "over"
      assert.equal("early", early, tostring(err))
      finish(near, far)
    end
  end)

  it("comes before on_verify has judged, which ends the connection all the same", function()
    local answer
    near_context = client {certfile = file "client.pem"}
    far_context = server {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
      on_verify = function() return unpack(answer or {}, 1, 2) end}
    session = session_for(near_context, far_context)
    answer = {nil, "not today"}
    local near, far = open(near_context, far_context, session)
    assert(near:write_early_data "early")
    helpers.carry(near, far)
    assert.equal("early", far:read_early_data())
    assert.is_nil(far:authenticated_by())
    local done, _, err = helpers.handshake(near, far)
    assert.is_nil(done)
    assert.equal("not today", err)
    assert.same({nil, "not today", ""}, {far:receive(1)})
  end)

  -- The client hears of it once, the server reads nothing of it, and what is
  -- sent again comes once.
  local function refused(near, far)
    assert.equal(9, near:write_early_data "buy one\r\n")
    local err
    for _ = 1, 20 do
      local done
      done, err = near:do_handshake()
      if done or err ~= "wantread" then break end
      helpers.carry(near, far)
      far:do_handshake()
      helpers.carry(far, near)
    end
    assert.equal("early_data_refused", err.kind)
    helpers.carry(near, far)
    assert.is_true(far:do_handshake())
    assert.is_true(near:do_handshake())
    for _, side in ipairs {near, far} do assert.is_false(side:early_data_accepted()) end
    assert.same({nil, "wantread", ""}, {far:receive "*l"})
    say(near, far, "buy one, sent again")
    say(far, near, "one")
    assert.same({nil, "wantread", ""}, {far:receive "*l"})
  end

  it("that is refused is told, and sent again by who sends it again", function()
    assert(far_context:set {max_early_data = 0})
    refused(open(near_context, far_context, session))
  end)

  it("is refused after a HelloRetryRequest", function()
    near_context = client {groups = "P-256:X25519"}
    far_context = server {groups = "P-256:X25519"}
    session = session_for(near_context, far_context)
    assert(far_context:set {groups = "X25519"})
    local near, far = open(near_context, far_context, session)
    refused(near, far)
  end)

  it("that is refused makes the first method say so, whichever", function()
    for _, method in ipairs {"send", "receive", "write", "read"} do
      far_context = server()
      session = session_for(near_context, far_context)
      assert(far_context:set {max_early_data = 0})
      local near, far = open(near_context, far_context, session)
      assert(near:write_early_data "early")
      local argument = (method == "send" or method == "write") and "text" or nil
      local done, err
      for _ = 1, 20 do
        done, err = near[method](near, argument)
        if done or err ~= "wantread" then break end
        helpers.carry(near, far)
        far:do_handshake()
        helpers.carry(far, near)
      end
      assert.is_nil(done, method)
      assert.equal("early_data_refused", err.kind, method)
      helpers.carry(near, far)
      finish(near, far)
      say(near, far, "text")
    end
  end)

  it("is off where nobody asked for it", function()
    far_context = server {max_early_data = 0}
    session = session_for(near_context, far_context)
    assert.equal(0, session:max_early_data())
    for _, given in ipairs {session, false} do
      local near, far = open(near_context, far_context, given or nil)
      local sent, err = near:write_early_data "early"
      assert.is_nil(sent)
      assert.equal("early_data", err.kind)
      finish(near, far)
      assert.same({nil, "wantread", ""}, {far:receive(1)})
      assert.is_nil(near:early_data_accepted())
      assert.is_nil(far:early_data_accepted())
    end
  end)

  it("is not for TLS 1.2", function()
    near_context = client {maximum_version = "TLSv1.2"}
    session = session_for(near_context, far_context)
    assert.equal(0, session:max_early_data())
    local near, far = open(near_context, far_context, session)
    assert.equal("early_data", select(2, near:write_early_data "early").kind)
    assert.same({nil, "wantread"}, {far:read_early_data()})
    finish(near, far)
    assert.is_true(near:session_reused())
    assert.is_nil((far:read_early_data()))
  end)

  it("is as much as the server takes, and not a byte more", function()
    local near, far = open(near_context, far_context, session)
    local sent, err = near:write_early_data(("x"):rep(1001))
    assert.is_nil(sent)
    assert.equal("early_data", err.kind)
    assert.equal(600, near:write_early_data(("x"):rep(600)))
    assert.equal("early_data", select(2, near:write_early_data(("x"):rep(401))).kind)
    assert.equal(400, near:write_early_data(("y"):rep(400)))
    helpers.carry(near, far)
    assert.equal(("x"):rep(600) .. ("y"):rep(400), far:read_early_data())
    finish(near, far)
    assert.is_true(far:early_data_accepted())
  end)

  it("may be as large as the largest limit", function()
    far_context = server {max_early_data = 262144}
    session = session_for(near_context, far_context)
    local near, far = open(near_context, far_context, session)
    local data = ("0123456789abcdef"):rep(16384)
    assert.equal(#data, near:write_early_data(data))
    local got = {}
    for _ = 1, 20 do
      helpers.carry(near, far)
      local early = far:read_early_data()
      got[#got + 1] = early
    end
    assert.equal(data, table.concat(got))
    finish(near, far)
  end)

  it("comes before the handshake, not in it or behind it", function()
    local near, far = open(near_context, far_context, session)
    near:do_handshake()
    assert.equal("early_data", select(2, near:write_early_data "late").kind)
    finish(near, far)
    assert.equal("early_data", select(2, near:write_early_data "late").kind)
    local given = session_of(near, far)
    near, far = open(near_context, far_context, given)
    assert(near:write_early_data "early")
    near:do_handshake()
    assert.equal("early_data", select(2, near:write_early_data "late").kind)
    finish(near, far)
    assert.equal("early", far:receive(5))
    near:close()
    assert.same({nil, "closed"}, {near:write_early_data "x"})
    far:close()
    assert.same({nil, "closed"}, {far:read_early_data()})
    assert.same({nil, "closed"}, {far:early_data_accepted()})
  end)

  it("goes over sockets, and waits as they do", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local lazy = {do_handshake_on_connect = false}
    local function connect(given)
      local near = assert(near_context:wrap_socket(assert(socket.connect("127.0.0.1", port)), merge(lazy, {
        server_hostname = "localhost", session = given})))
      local far = assert(far_context:wrap_socket(assert(listener:accept()), lazy))
      near:settimeout(0)
      far:settimeout(0)
      return hooking.keep(near, far)
    end
    local near, far = connect()
    finish(near, far)
    assert(far:send "x")
    socket.select({near}, nil, helpers.patience)
    assert.equal("x", near:receive(1))
    near, far = connect(assert(near:session()))
    listener:close()
    assert.same({nil, "wantread"}, {far:read_early_data()})
    far:settimeout(0.01)
    assert.same({nil, "timeout"}, {far:read_early_data()})
    far:settimeout(helpers.patience)
    assert.equal(5, near:write_early_data "early")
    assert.equal("early", far:read_early_data())
    assert.equal(5, (far:getstats()))
    near:settimeout(0)
    far:settimeout(0)
    finish(near, far)
    assert(near:send "late")
    socket.select({far}, nil, helpers.patience)
    assert.equal("late", far:receive(4))
    assert.equal(9, (far:getstats()))
    assert.equal(9, select(2, near:getstats()))
  end)

  it("ends with the handshake's time when its client goes silent", function()
    local near = open(near_context, far_context, session)
    local far = assert(far_context:wrap_object {handshake_timeout = 0.2})
    hooking.keep(far)
    assert(near:write_early_data "early")
    helpers.carry(near, far)
    assert.equal("early", far:read_early_data())
    local deadline = os.time() + helpers.patience
    local err
    repeat
      err = select(2, far:receive(1))
      socket.select(nil, nil, 0.01)
    until err ~= "wantread" or os.time() > deadline
    assert.equal("handshake_timeout", err.kind)
    assert.equal(err, select(2, far:read_early_data()))
  end)

  it("is read and written by the side that can", function()
    local near, far = open(near_context, far_context, session)
    local fine, err = pcall(near.read_early_data, near)
    assert.is_false(fine)
    assert.truthy(tostring(err):find "early data is read by servers")
    fine, err = pcall(far.write_early_data, far, "x")
    assert.is_false(fine)
    assert.truthy(tostring(err):find "early data is written by clients")
  end)

  it("needs what keeps a session from serving twice, and says why not without", function()
    local common = {server_side = true, certfile = file "rsa.pem", max_early_data = 1}
    for option, more in pairs {
      session_cache = {session_cache = false}, pins = {pins = {"sha256//" .. ("A"):rep(43) .. "="}},
      ["certificate revocation lists"] = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
        crl_file = file "root.crl"},
    } do
      local fine, err = pcall(ssl.SSLContext, merge(common, more))
      assert.is_false(fine)
      assert.truthy(tostring(err):find("option 'max_early_data'", 1, true))
      assert.truthy(tostring(err):find(option, 1, true))
      more.max_early_data = 0
      assert(ssl.SSLContext(merge(common, more)))
    end
  end)
end)

-- A parent and its child have the same sessions in memory.
local FORK = [[
local posix = require "luassl_posix"
local process = require "luassl_process"
local ssl = require "luassl"
local PKI = os.getenv "LUASSL_PKI"

local near = assert(ssl.SSLContext {cert_reqs = ssl.CERT_REQUIRED, ca_certs = PKI .. "/root.crt"})
local far = assert(ssl.SSLContext {server_side = true, certfile = PKI .. "/rsa.pem", max_early_data = 100})

local function carry(one, other)
  other:feed(one:drain() or "")
  one:feed(other:drain() or "")
end

local function meet()
  local one, other = near:wrap_object {server_hostname = "localhost"}, far:wrap_object()
  repeat
    local done, accepted = one:do_handshake(), other:do_handshake()
    carry(one, other)
  until done and accepted
  assert(other:send "x")
  carry(one, other)
  assert(one:receive(1) == "x")
  return one:session()
end

local function flight(session, text)
  local one = near:wrap_object {server_hostname = "localhost", session = session}
  assert(one:write_early_data(text))
  return one:drain()
end

local function read(bytes)
  local other = far:wrap_object()
  other:feed(bytes)
  return (other:read_early_data())
end

local bytes = flight(meet(), "once")
local pid = posix.fork()
if pid == 0 then
  local done, err = pcall(function()
    assert(read(bytes) == nil, "the child took it, too")
    local until_then = os.time() + 1  -- sessions are dated by the second
    repeat until os.time() > until_then
    assert(read(flight(meet(), "the child's")) == "the child's", "the child takes none of its own")
  end)
  if not done then io.stderr:write(tostring(err), "\n") end
  posix.leave(done and 0 or 1)
end
assert(process.wait(pid, 20) == 0, "the child failed")
assert(read(bytes) == "once", "the parent takes none")
assert(read(bytes) == nil, "the parent took it twice")
]]

describe("early data in two processes", function()
  it("is taken by the one that made the session", function()
    local program = helpers.lua(FORK)
    local status = program:wait(helpers.patience * 3)
    assert.equal("", program:output())
    assert.equal(0, status)
  end)
end)
