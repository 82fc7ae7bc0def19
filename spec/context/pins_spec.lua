-- Option pins: public keys of which the peer's chain must hold one.
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client, server = resuming.client, resuming.server
local meet, part = resuming.meet, resuming.part

local WRONG = "sha256//" .. ("A"):rep(43) .. "="
local NONE = {cert_reqs = ssl.CERT_NONE, check_hostname = false}

-- Nothing can be verified with that.
local BLIND = {cert_reqs = ssl.CERT_NONE, check_hostname = false,
  ca_certs = file "other-root.crt"}

local pins = {}
for _, name in ipairs {"rsa", "ecdsa", "chained", "intermediate", "root",
  "client", "selfsigned", "untrusted", "other-root", "other"} do
  pins[name] = resuming.pin(name .. ".crt")
end

local function with(options, more)
  local all = {}
  for _, part_of in ipairs {options or {}, more} do
    for name, value in pairs(part_of) do all[name] = value end
  end
  return all
end

local function works(near_context, far_context)
  local near, far = meet(near_context, far_context)
  assert(near, far)
  local subject = near:getpeercert()
  part(near, far)
  return subject
end

local fails = resuming.fail

local function is_unpinned(err)
  assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
  assert.equal("pin", err.kind)
  assert.matches("none of the public keys in the peer's chain is one of the "
    .. "pins", tostring(err), 1, true)
end

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("pins in " .. version, function()
    local function here(list, options)
      return client(with(options, {pins = list, maximum_version = version}))
    end

    it("hold with the leaf's key", function()
      assert.is_table(works(here {pins.rsa}, server()).subject)
    end)

    it("hold with one of several", function()
      works(here {WRONG, pins.other, pins.rsa}, server())
    end)

    it("do not hold with other keys", function()
      local err, heard = fails(here {WRONG, pins.ecdsa, pins.other}, server())
      is_unpinned(err)
      assert.equal("bad_certificate", heard.alert)
      assert.equal("received", heard.alert_direction)
    end)

    it("hold with an authority of the verified chain", function()
      local far_context = server {certfile = file "chained.pem"}
      works(here {pins.root}, far_context)
      works(here {pins.intermediate}, far_context)
      works(here {pins.chained}, far_context)
    end)

    it("do not hold with an authority that is not in the chain", function()
      is_unpinned(fails(here({pins["other-root"]},
        {ca_certs = file "roots.crt"}), server()))
      is_unpinned(fails(here {pins.intermediate}, server()))
    end)

    -- Anybody can send certificates along that are public.
    it("do not hold with an authority that was not verified", function()
      local far_context = server {certfile = file "chained.pem"}
      is_unpinned(fails(here({pins.intermediate}, BLIND), far_context))
      is_unpinned(fails(here({pins.root}, BLIND), far_context))
      works(here({pins.chained}, BLIND), far_context)
      local pem = helpers.read_file(file "untrusted.pem")
        .. helpers.read_file(file "intermediate.crt")
      far_context = server {certfile = helpers.temp_file(pem)}
      is_unpinned(fails(here({pins.intermediate}, BLIND), far_context))
      is_unpinned(fails(here({pins.intermediate}, {
        on_verify = function() return ssl.ACCEPT_UNVERIFIED end}),
        far_context))
    end)

    it("hold under CERT_NONE with the leaf's key, nothing verified",
      function()
        for _, name in ipairs {"rsa", "selfsigned", "untrusted"} do
          local far_context = server {certfile = file(name .. ".pem")}
          assert.same({}, works(here({pins[name]}, NONE), far_context))
          is_unpinned(fails(here({pins.ecdsa}, NONE), far_context))
        end
      end)

    it("do not make up for a bad chain or name", function()
      local err = fails(here {pins.untrusted},
        server {certfile = file "untrusted.pem"})
      assert.equal("unknown_ca", err.alert)
      assert.is_not_equal("pin", err.kind)
      err = fails(here {pins.other}, server {certfile = file "other.pem"})
      assert.equal(62, err.verify_code)
    end)

    it("hold with a hook that accepts", function()
      works(here({pins.untrusted}, {on_verify = function()
        return ssl.ACCEPT_UNVERIFIED
      end}), server {certfile = file "untrusted.pem"})
    end)

    it("are of the key, whatever certificate it is in", function()
      local path = craft.certificate {san = "DNS:localhost"}
      works(here({pins.ecdsa}, NONE), server {certfile = path})
    end)

    it("hold after a resumption, the chain's authorities too", function()
      local far_context = server {certfile = file "chained.pem"}
      for _, name in ipairs {"root", "intermediate", "chained"} do
        local near_context = here({pins[name]}, {session_cache = true})
        assert.is_false(resuming.reuses(near_context, far_context))
        assert.is_true(resuming.reuses(near_context, far_context))
        assert.is_true(resuming.reuses(near_context, far_context))
      end
      local near_context = here({pins.chained}, with(NONE,
        {session_cache = true}))
      assert.is_false(resuming.reuses(near_context, far_context))
      assert.is_true(resuming.reuses(near_context, far_context))
    end)

    it("are not got round by a session", function()
      local far_context = server()
      local session = resuming.session(client {maximum_version = version},
        far_context)
      local near, err = meet(here {pins.ecdsa}, far_context,
        {session = session})
      assert.is_nil(near)
      is_unpinned(err)
      session = resuming.session(here {pins.rsa}, far_context)
      near, err = meet(here {pins.ecdsa}, far_context, {session = session})
      assert.is_nil(near)
      is_unpinned(err)
    end)
  end)

  describe("a server's pins in " .. version, function()
    local function certified(name)
      return client {maximum_version = version,
        certfile = name and file(name .. ".pem")}
    end

    local function there(list, cert_reqs)
      return server {cert_reqs = cert_reqs, pins = list,
        ca_certs = file "root.crt"}
    end

    for _, reqs in ipairs {"CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"} do
      it("hold or not: " .. reqs, function()
        local verifies = reqs ~= "CERT_NONE"
        works(certified "client", there({pins.client}, ssl[reqs]))
        works(certified "client", there({WRONG, pins.client}, ssl[reqs]))
        local heard, err = fails(certified "client",
          there({pins.rsa}, ssl[reqs]))
        is_unpinned(err)
        assert.equal("bad_certificate", heard.alert)
        works(certified "client", there({pins.root}, ssl[reqs]))
        err = select(2, fails(certified "untrusted", there({pins.root}, ssl[reqs])))
        if not verifies then is_unpinned(err) end
        if verifies then
          err = select(2, fails(certified "untrusted",
            there({pins.untrusted}, ssl[reqs])))
          assert.is_not_equal("pin", err.kind)
        else
          works(certified "untrusted", there({pins.untrusted}, ssl[reqs]))
        end
      end)

      it("do not hold for a client without a certificate: " .. reqs,
        function()
          local near = assert(certified():wrap_object {
            server_hostname = "localhost"})
          local far = assert(there({pins.client}, ssl[reqs]):wrap_object())
          local done, _, err = helpers.handshake(near, far)
          assert.is_nil(done)
          if reqs ~= "CERT_REQUIRED" then is_unpinned(err) end
          assert.is_nil((far:write "secret"))
          part(near, far)
        end)
    end
  end)
end

describe("option pins", function()
  it("that is malformed is returned, with which one", function()
    local good = pins.rsa
    local base64 = good:sub(9)
    for _, bad in ipairs {"", "sha256//", base64, "sha256/" .. base64,
      "SHA256//" .. base64, "sha1//" .. base64, "sha256//" .. base64 .. "=",
      "sha256//" .. base64:sub(1, -2), "sha256//" .. base64:sub(1, -3) .. "==",
      "sha256//" .. base64:sub(1, -2) .. "A", good .. "\n", " " .. good,
      good .. ";" .. good, "sha256//" .. ("!"):rep(43) .. "=",
      "sha256//" .. ("-"):rep(43) .. "=", "sha256//=" .. base64:sub(2),
      "sha256//" .. base64:sub(1, 20) .. "=" .. base64:sub(22),
      "sha256//\n" .. base64:sub(2), "sha256//\0" .. base64:sub(2),
      "sha256// " .. base64:sub(2)} do
      local context, err = ssl.SSLContext {pins = {good, bad}}
      assert.is_nil(context, ("%q is taken"):format(bad))
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("pin", err.kind)
      assert.equal("pins", err.operation)
      assert.matches("number 2 ", tostring(err), 1, true)
    end
  end)

  it("that is no list of strings is raised", function()
    for _, bad in ipairs {"x", 1, true, function() end} do
      assert.has_error(function() ssl.SSLContext {pins = bad} end,
        ("option 'pins' must be a list of strings, not a %s")
          :format(type(bad)))
    end
    assert.has_error(function() ssl.SSLContext {pins = {}} end,
      "option 'pins' is empty: nothing would be accepted")
    assert.has_error(function() ssl.SSLContext {pins = {pins.rsa, 1}} end,
      "option 'pins' must hold strings: number 2 is a number")
    assert.has_error(function() ssl.SSLContext {pins = {pins.rsa, {}}} end)
    assert.has_error(function()
      ssl.SSLContext {pins = {pins.rsa, sha256 = pins.other}}
    end, "option 'pins' must be a list")
    assert.has_error(function()
      ssl.SSLContext {pins = {pins.rsa, nil, pins.other}}
    end)
  end)

  it("has a limit", function()
    local list = {}
    for i = 1, 1000 do list[i] = WRONG end
    list[1000] = pins.rsa
    works(client {pins = list}, server())
    list[1001] = WRONG
    local context, err = ssl.SSLContext {pins = list}
    assert.is_nil(context)
    assert.matches("too many", tostring(err))
  end)

  it("is a copy, and can be read and set", function()
    local list = {pins.rsa}
    local context = client {pins = list}
    list[1] = WRONG
    assert.same({pins.rsa}, context:get "pins")
    local copy = context:get "pins"
    copy[1] = WRONG
    works(context, server())
    context = client {pins = {WRONG}}
    assert(context:set {pins = {pins.rsa}})
    works(context, server())
    context = client {pins = {pins.rsa}}
    assert.is_nil((context:set {pins = {"junk"}}))
    assert.same({pins.rsa}, context:get "pins")
    works(context, server())
  end)

  it("is taken by ssl.connect, which makes a context for each", function()
    local peer = helpers.python_server "echo"
    local function connect(...)
      local conn, err = ssl.connect("127.0.0.1", peer.port,
        {server_hostname = "localhost", pins = {...}})
      if conn then
        assert(conn:send "hello\n")
        assert.equal("hello", (conn:receive()))
        conn:close()
      end
      return conn ~= nil, err
    end
    assert.is_true(connect(pins.rsa))
    is_unpinned(select(2, connect(pins.ecdsa)))
    assert.is_true(connect(pins.ecdsa, pins.rsa))
    assert.is_true(connect(pins.root))
    is_unpinned(select(2, connect(WRONG)))
    peer:stop()
  end)
end)
