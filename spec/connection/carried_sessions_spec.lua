-- What a ticket carries of the client's chain, of which only the leaf is in a
-- session: what is judged again on another server is judged by the same.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local KEYS = {assert(ssl.new_ticket_key())}

-- Another server each time, as on another machine.
local function server(options)
  local all = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
  for name, value in pairs(options or {}) do all[name] = value end
  local context = resuming.server(all)
  assert(context:set_ticket_keys(KEYS))
  return context
end

local function client(version, name)
  return resuming.client {maximum_version = version, certfile = name and file(name .. ".pem")}
end

-- Whether the session of the one is resumed by the other, and by a third with
-- what comes of that.
local function goes_on(version, name, options, others)
  local near_context = client(version, name)
  local session = resuming.session(near_context, server(options))
  for _ = 1, 2 do
    local near, far = resuming.meet(near_context, server(others or options), {session = session})
    assert(near, far)
    local reused = near:session_reused()
    session = near:session()
    resuming.part(near, far)
    if not reused then return false end
  end
  return true
end

for _, version in ipairs(VERSIONS) do
  describe("in " .. version .. " a session", function()
    local pins = {}

    setup(function()
      for _, name in ipairs {"root", "intermediate", "chained", "client", "other"} do
        pins[name] = resuming.pin(name .. ".crt")
      end
    end)

    teardown(function() pins = nil end)

    it("goes on under pins of any certificate of the chain", function()
      for _, name in ipairs {"root", "intermediate", "chained"} do
        assert.is_true(goes_on(version, "chained", {pins = {pins[name], pins.other}, purpose = "any"}), name)
      end
      assert.is_true(goes_on(version, "client", {pins = {pins.root}}))
    end)

    it("does not under others, whatever it is bound to", function()
      local one = {pins = {pins.intermediate}, session_id_context = "x", purpose = "any"}
      local other = {pins = {pins.intermediate, pins.client}, session_id_context = "x", purpose = "any"}
      assert.is_true(goes_on(version, "chained", one, other))
      one.session_id_context, other.session_id_context = nil, nil
      assert.is_false(goes_on(version, "chained", one, other))
      -- Of a server that asked for no pins the chain is not there.
      other.session_id_context = "x"
      assert.is_false(goes_on(version, "chained", {session_id_context = "x", purpose = "any"}, other))
    end)

    it("does not under pins that it does not have", function()
      local near_context = client(version, "chained")
      local session = resuming.session(near_context,
        server {pins = {pins.intermediate}, session_id_context = "x", purpose = "any"})
      local near = assert(near_context:wrap_object {server_hostname = "localhost", session = session})
      local far = assert(server {pins = {pins.client}, session_id_context = "x", purpose = "any"}:wrap_object())
      local done, _, err = helpers.handshake(near, far)
      assert.is_nil(done)
      assert.equal("pin", err.kind)
      assert.is_not_true(far:session_reused())
      near:close()
      far:close()
    end)

    it("of a chain that is too large is none, where it is needed", function()
      local root = authority.ca "Large root"
      local inter = authority.ca("Large intermediate", {issuer = root, san = authority.alternative_names {
        authority.dns(("x"):rep(50) .. "." .. ("a.long.name."):rep(10) .. "example"),
        authority.dns(("y"):rep(9000))}})
      local leaf = authority.leaf {issuer = inter, key = "P-256:large", eku = authority.extended_key_usage "client"}
      local certfile = helpers.temp_file(helpers.read_file(leaf.key.file) .. leaf.pem .. inter.pem)
      local near_context = resuming.client {maximum_version = version, certfile = certfile}
      for _, options in ipairs {{}, {on_verify = function() return true end, hooks_id = "x"}} do
        options.ca_certs = helpers.temp_file(root.pem)
        assert.is_true(resuming.reuses(near_context, server(options),
          {session = resuming.session(near_context, server(options))}))
      end
      local options = {ca_certs = helpers.temp_file(root.pem), pins = {resuming.pin "root.crt",
        ssl.load_certificates(inter.pem)[1]:pin()}}
      assert.is_false(resuming.reuses(near_context, server(options),
        {session = resuming.session(near_context, server(options))}))
    end)

    it("of a leaf that is pinned and not verified is none", function()
      assert.is_false(goes_on(version, "untrusted", {cert_reqs = ssl.CERT_NONE, pins = {resuming.pin "untrusted.crt"}}))
    end)

    it("goes on where hooks_id stands for on_verify, which is told the chain", function()
      local told
      local function judge(_, facts)
        told = {facts.resumed, facts.verified, #facts.chain}
        return true
      end
      local options = {on_verify = judge, hooks_id = "judge 1", purpose = "any"}
      assert.is_true(goes_on(version, "chained", options,
        {on_verify = function(...) return judge(...) end, hooks_id = "judge 1", purpose = "any"}))
      assert.same({true, true, 3}, told)
      assert.is_false(goes_on(version, "chained", options, {on_verify = judge, hooks_id = "judge 2", purpose = "any"}))
      options.hooks_id = nil
      assert.is_true(goes_on(version, "chained", options))  -- this process, this function
      assert.is_false(goes_on(version, "chained", options, {on_verify = function() end, purpose = "any"}))
    end)

    it("is not resumed where on_verify refuses on the other server", function()
      local near_context = client(version, "client")
      local session = resuming.session(near_context, server {on_verify = function() return true end, hooks_id = "1"})
      local near = assert(near_context:wrap_object {server_hostname = "localhost", session = session})
      local far = assert(server {on_verify = function(_, facts)
        return not facts.resumed or nil, "access_denied"
      end, hooks_id = "1"}:wrap_object())
      local done, _, err = helpers.handshake(near, far)
      assert.is_nil(done)
      assert.equal("access_denied", err)
      near:close()
      far:close()
    end)
  end)
end

describe("a client that is asked behind the handshake", function()
  local function read(from, to, text)
    assert(from:send(text))
    helpers.pump(from, to)
    assert.equal(text, (to:receive(#text)))
  end

  it("has its chain in the tickets that it gets then", function()
    local options = {cert_reqs = ssl.CERT_NONE, post_handshake_auth = true, purpose = "any",
      pins = {resuming.pin "intermediate.crt"}}
    local near_context = resuming.client {post_handshake_auth = true, certfile = file "chained.pem"}
    local near, far = assert(resuming.meet(near_context, server(options)))
    assert(far:verify_client_post_handshake {cert_reqs = ssl.CERT_REQUIRED})
    read(far, near, "asked")
    read(near, far, "x")
    assert.equal(3, #far:verified_chain())
    read(far, near, "y")
    local session = near:session()
    resuming.part(near, far)
    near, far = assert(resuming.meet(near_context, server(options), {session = session}))
    assert.is_true(far:session_reused())
    assert.equal("CN=chained", tostring(far:peer_certificate()):match "CN=chained")
    resuming.part(near, far)
  end)
end)
