-- The keys of a server's tickets: set and changed while it runs, shared with
-- other servers, and what becomes of a ticket that is not one of ours.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server

local VERSIONS = {"TLSv1.2", "TLSv1.3"}

local function key() return assert(ssl.new_ticket_key()) end

local function keyed(keys, options)
  local context = server(options)
  assert.is_true(context:set_ticket_keys(keys))
  return context
end

-- Both with and without a certificate of the client's.
local WAYS = {
  ["without a client certificate"] = {{}, {}},
  ["with a client certificate"] = {{certfile = file "client.pem"},
    {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}},
}

local function each(name, body)
  for way, options in pairs(WAYS) do
    for _, version in ipairs(VERSIONS) do
      it(("%s, %s, %s"):format(name, way, version), function()
        local near = {maximum_version = version}
        for option, value in pairs(options[1]) do near[option] = value end
        body(near, options[2])
      end)
    end
  end
end

-- The session of a connection to the one, offered to the other.
local function resumes(near_context, session, far_context)
  return resuming.reuses(near_context, far_context, {session = session})
end

describe("ssl.new_ticket_key", function()
  it("makes keys that are not alike", function()
    local one, other = key(), key()
    assert.equal(80, #one)
    assert.equal(80, #other)
    assert.are_not.equal(one:sub(1, 16), other:sub(1, 16))
    assert.are_not.equal(one:sub(17, 48), other:sub(17, 48))
    assert.are_not.equal(one:sub(49), other:sub(49))
  end)
end)

describe("ticket keys", function()
  each("make servers resume each other's sessions", function(near_options, far_options)
    local near, keys = client(near_options), {key()}
    local one, other = keyed(keys, far_options), keyed(keys, far_options)
    assert.is_true(resumes(near, resuming.session(near, one), other))
    assert.is_true(resumes(near, resuming.session(near, other), one))
  end)

  each("are one for each context where none is set", function(near_options, far_options)
    local near = client(near_options)
    assert.is_false(resumes(near, resuming.session(near, server(far_options)), server(far_options)))
  end)

  each("of others are of no use", function(near_options, far_options)
    local near, one, other = client(near_options), key(), key()
    local session = resuming.session(near, keyed({one}, far_options))
    assert.is_false(resumes(near, session, keyed({other}, far_options)))
    local same_name = one:sub(1, 16) .. other:sub(17)
    session = resuming.session(near, keyed({one}, far_options))
    assert.is_false(resumes(near, session, keyed({same_name}, far_options)))
  end)

  each("do not make sessions serve another configuration", function(near_options, far_options)
    local near, keys = client(near_options), {key()}
    local session = resuming.session(near, keyed(keys, far_options))
    local other = {alpn_protocols = {"h2"}, alpn_strict = false}
    for name, value in pairs(far_options) do other[name] = value end
    assert.is_false(resumes(near, session, keyed(keys, other)))
  end)

  each("of before read, and what they read is renewed", function(near_options, far_options)
    local near, old, new = client(near_options), key(), key()
    local far = keyed({old}, far_options)
    local session = resuming.session(near, far)
    far:set_ticket_keys {old, new}  -- first each server has to have it
    assert.is_true(resumes(near, session, far))
    session = resuming.session(near, far)
    assert.is_false(resumes(near, session, keyed({new}, far_options)))
    session = resuming.session(near, far)
    far:set_ticket_keys {new, old}
    local renewed = resuming.session(near, far, {session = session})
    assert.is_true(resumes(near, renewed, keyed({new}, far_options)))
    session = resuming.session(near, keyed({old}, far_options))
    far:set_ticket_keys {new}
    assert.is_false(resumes(near, session, far))
  end)

  it("lead a client that keeps its sessions by itself to the renewed one", function()
    for _, version in ipairs(VERSIONS) do
      local told = 0
      local near = client {maximum_version = version, session_cache = true, on_session = function() told = told + 1 end}
      local old, new = key(), key()
      local far = keyed {old}
      assert.is_false(resuming.reuses(near, far))
      assert.is_true(resuming.reuses(near, far))
      local before = told
      far:set_ticket_keys {new, old}
      assert.is_true(resuming.reuses(near, far))
      assert.equal(before + 1, told)
      assert.is_true(resuming.reuses(near, far))
      if version == "TLSv1.2" then
        assert.equal(before + 1, told)
        far:set_ticket_keys {new}
        assert.is_true(resuming.reuses(near, far))
      end
    end
  end)

  each("of now are not renewed in vain", function(near_options, far_options)
    local near, far = client(near_options), keyed({key()}, far_options)
    local session = resuming.session(near, far)
    local one, two = assert(resuming.meet(near, far, {session = session}))
    assert.is_true(one:session_reused())
    if near_options.maximum_version == "TLSv1.2" then
      assert.is_true(one:session():is_resumable())
    end
    resuming.part(one, two)
  end)

  it("hold for connections of before, of an older policy too", function()
    for _, version in ipairs(VERSIONS) do
      for _, begun in ipairs {false, true} do
        local near_context, far_context = client {maximum_version = version}, server()
        local new = key()
        local near = assert(near_context:wrap_object {server_hostname = "localhost"})
        local far = assert(far_context:wrap_object())
        if begun then
          near:do_handshake()
          helpers.pump(near, far)
          far:do_handshake()  -- its SSL is made
        end
        if begun and version == "TLSv1.3" then assert(helpers.handshake(near, far)) end
        assert(far_context:set {nodelay = false})
        assert(far_context:set_ticket_keys {new})
        assert(helpers.handshake(near, far))
        assert(far:write ".")
        helpers.pump(near, far)
        assert.equal(".", near:read(1))
        local session = near:session()
        resuming.part(near, far)
        assert.is_true(resumes(near_context, session, keyed {new}))
      end
    end
  end)

  it("stay when the context is renewed, also for one that is collected", function()
    local near, keys = client(), {key()}
    local far = keyed(keys)
    assert(far:set {nodelay = false})
    assert(far:reload())
    collectgarbage()
    collectgarbage()
    assert.is_true(resumes(near, resuming.session(near, far), keyed(keys)))
  end)

  it("are not those of the context that chooses, but of the chosen one", function()
    local keys, others = {key()}, {key()}
    local chosen = keyed(keys)
    local far = keyed(others, {server_names = {localhost = chosen}})
    local near = client()
    assert.is_true(resumes(near, resuming.session(near, far), keyed(keys)))
    assert.is_false(resumes(near, resuming.session(near, far), keyed(others)))
  end)

  -- RFC 8446, 8: whoever has the keys would take early data once more.
  it("are refused together with early data", function()
    local far = server {max_early_data = 100}
    local done, err = far:set_ticket_keys {key()}
    assert.is_nil(done)
    assert.equal("early_data", err.kind)
    assert.matches("each session serves once", tostring(err))
    far = keyed {key()}
    done, err = far:set {max_early_data = 100}
    assert.is_nil(done)
    assert.equal("early_data", err.kind)
    assert.is_true(far:set {nodelay = false})
  end)

  it("raise for what is none, and change nothing", function()
    local good = key()
    local near, far = client(), keyed {good}
    local session = resuming.session(near, far)
    for _, wrong in ipairs {
      {{}, "list of 1 to 64 keys expected"},
      {{good, good:sub(1, 79)}, "key 2 is no string of 80 bytes %(see ssl.new_ticket_key%)"},
      {{1}, "key 1 is no string of 80 bytes"},
      {{good .. "x"}, "key 1 is no string of 80 bytes"},
      {{good, (good:gsub(".$", function(c) return string.char((c:byte() + 1) % 256) end))},
        "keys 1 and 2 begin with the same 16 bytes"},
      {"x", "table expected"},
    } do
      local fine, err = pcall(far.set_ticket_keys, far, wrong[1])
      assert.is_false(fine)
      assert.matches(wrong[2], err)
    end
    local many = {}
    for i = 1, 65 do many[i] = good end
    assert.has_error(function() far:set_ticket_keys(many) end)
    assert.is_true(resumes(near, session, far))
    many[65] = nil
    assert.is_true(far:set_ticket_keys(many))  -- the same one is no contradiction
    assert.has_error(function() near:set_ticket_keys {good} end)
  end)
end)

-- What openssl s_client keeps, in DER. A ticket's place is that of the octet
-- string in field 10.
local Kept = {}
Kept.__index = Kept

local function run(...)
  local peer = helpers.spawn {...}
  assert.equal(0, peer:wait(), peer:output())
  return peer:output()
end

local function open(path)
  local der = helpers.temp_name()
  run("openssl", "sess_id", "-in", path, "-outform", "DER", "-out", der)
  local shown = run("openssl", "asn1parse", "-inform", "DER", "-in", der)
  local at, head, size = shown:match "cont %[ 10 %].-\n%s*(%d+):d=%d+%s+hl=(%d+)%s+l=%s*(%d+) prim: OCTET STRING"
  local bytes = helpers.read_file(der)
  local first = at + head + 1
  return setmetatable({bytes = bytes, first = first, last = first + size - 1}, Kept)
end

function Kept:ticket() return self.bytes:sub(self.first, self.last) end

function Kept:with(ticket)
  assert(#ticket == self.last - self.first + 1)
  local der, pem = helpers.temp_file(self.bytes:sub(1, self.first - 1) .. ticket .. self.bytes:sub(self.last + 1)),
    helpers.temp_name()
  run("openssl", "sess_id", "-inform", "DER", "-in", der, "-out", pem)
  return pem
end

describe("a ticket that is", function()
  local far_context = server()
  local listener

  setup(function()
    listener = assert(far_context:wrap_socket(require "socket".bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
  end)

  teardown(function()
    listener:close()
    listener, far_context = nil, nil
  end)

  -- Whether it was resumed; nil and the server's error.
  local function visit(version, ...)
    local peer = helpers.s_client(select(2, listener:getsockname()),
      {arguments = {version == "TLSv1.2" and "-tls1_2" or "-tls1_3", ...}})
    local conn, err = listener:accept()
    local reused
    if conn then
      conn:settimeout(helpers.patience)
      assert(conn:send "hello\n")
      peer:expect "hello"
      reused = conn:session_reused()
      peer:close_input()
      conn:receive "*a"
      conn:close()
    end
    peer:wait()
    return reused, err
  end

  local function keep(version)
    local path = helpers.temp_name()
    assert.is_false(visit(version, "-sess_out", path))
    return open(path)
  end

  for _, version in ipairs(VERSIONS) do
    it("altered is none: " .. version, function()
      local kept = keep(version)
      local ticket = kept:ticket()
      assert.is_true(visit(version, "-sess_in", kept:with(ticket)))
      for _, place in ipairs {1, 16, 17, 32, 33, math.floor(#ticket / 2), #ticket - 32, #ticket - 31, #ticket} do
        local other = ticket:sub(1, place - 1) .. string.char((ticket:byte(place) + 1) % 256) .. ticket:sub(place + 1)
        assert.is_false(visit(version, "-sess_in", kept:with(other)))
      end
    end)

    it("another's is of no use without its secret: " .. version, function()
      local mine = keep(version)
      local theirs
      repeat theirs = keep(version) until #theirs:ticket() == #mine:ticket()
      assert.is_true(visit(version, "-sess_in", theirs:with(theirs:ticket())))
      local reused, err = visit(version, "-sess_in", mine:with(theirs:ticket()))
      assert.is_nil(reused)
      assert.is_true(err:is(ssl.SSLError))
    end)
  end
end)
