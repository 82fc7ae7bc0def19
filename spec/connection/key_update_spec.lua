-- key_update: the next record has a new key, on either side, at any time.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local ssl = require "luassl"

helpers.audit()

local OTHER = {client = "server", server = "client"}

for _, kind in ipairs {"socket", "object"} do
  describe("key_update, " .. kind .. ",", function()
    after_each(hooking.close_all)

    for side, other in pairs(OTHER) do
      it("of a " .. side .. " is sent at once, and all goes on", function()
        local pair = hooking.succeed(hooking.open(kind))
        for _, request in ipairs {false, true, false} do
          assert.is_true(pair[side]:key_update(request))
          hooking.talk(pair)
        end
        assert.is_true(pair[side]:key_update())
        assert.is_true(pair[other]:key_update(true))
        hooking.talk(pair)
      end)

      it("of a " .. side .. " is of TLS 1.3", function()
        local pair = hooking.succeed(hooking.open(kind, {maximum_version = "TLSv1.2"}))
        local done, err = pair[side]:key_update()
        assert.is_nil(done)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("unsupported", err.kind)
        assert.truthy(tostring(err):find("TLSv1.2", 1, true))
        hooking.talk(pair)
      end)
    end

    it("runs the handshake first", function()
      local pair = hooking.open(kind)
      local results = hooking.together({
        function() return pair.client:key_update() end,
        function() return pair.server:key_update() end,
      }, pair.pump)
      assert.same({true, true}, {results[1][1], results[2][1]})
      hooking.talk(pair)
    end)

    it("answers closed behind our end", function()
      local pair = hooking.succeed(hooking.open(kind))
      assert(pair.client:shutdown "send")
      assert.same({nil, "closed"}, {pair.client:key_update()})
      pair.client:close()
      assert.same({nil, "closed"}, {pair.client:key_update()})
    end)
  end)
end

describe("key_update, on the wire,", function()
  after_each(hooking.close_all)

  it("is a record of its own, and asks for one when it is told to", function()
    local pair = hooking.succeed(hooking.open("object"))
    hooking.talk(pair)  -- the tickets are out
    assert.is_nil(pair.client:drain())
    assert.is_true(pair.client:key_update())
    local bytes = assert(pair.client:drain())
    assert.equal(5 + 5 + 1 + 16, #bytes)  -- RFC 8446, 5.2: header, message, type, tag
    pair.server:feed(bytes)
    assert.same({nil, "wantread"}, {pair.server:read()})
    assert.is_nil(pair.server:drain())
    assert.is_true(pair.client:key_update(true))
    pair.server:feed(pair.client:drain())
    assert.same({nil, "wantread"}, {pair.server:read()})
    assert(pair.server:send "x")
    assert.equal(#bytes + 5 + 1 + 1 + 16, #pair.server:drain())
  end)

  it("is not answered behind our own end", function()
    local pair = hooking.succeed(hooking.open("object", hooking.certified {post_handshake_auth = true},
      {ca_certs = helpers.file "root.crt"}))
    hooking.talk(pair)
    assert(pair.client:key_update(true))
    assert(pair.server:verify_client_post_handshake())
    pair.client:feed(pair.server:drain())
    assert.same({nil, "wantread"}, {pair.client:read()})
    assert.same({nil, "wantread"}, {pair.server:unwrap()})
    assert.equal(24, #pair.server:drain())  -- RFC 8446, 6.1: close_notify, and nothing behind it
    pair.server:feed(pair.client:drain())
    assert.same({nil, "wantread"}, {pair.server:unwrap()})
    assert.equal("certificate", pair.server:authenticated_by())
    assert.is_nil(pair.server:drain())
  end)

  it("waits behind what has not left, bounded", function()
    local pair = hooking.succeed(hooking.open("object"))
    local text = ("x"):rep(112 * 1024)
    local done, err
    repeat done, err = pair.client:send(text) until not done
    assert.equal("wantwrite", err)
    assert.same({nil, "wantwrite"}, {pair.client:key_update()})
    for _ = 1, 100 do pair.client:key_update() end
    local _, waiting = pair.client:buffered()
    assert.is_true(waiting < 512 * 1024)
  end)

  it("keeps the index of what was sent right", function()
    local pair = hooking.succeed(hooking.open("socket"))
    local text, sent = ("0123456789abcdef"):rep(65536 * 4), 0
    local got = {}
    local size = 0
    while size < #text do
      if sent < #text then
        local last, err, partial = pair.client:send(text, sent + 1)
        assert(last or err == "timeout", err)
        assert((last or partial) >= sent)
        sent = last or partial
        pair.client:key_update()
      end
      local data, err, part = pair.server:receive(100000)
      assert(data or err == "timeout", err)
      got[#got + 1] = data or part
      size = size + #got[#got]
    end
    assert.is_true(table.concat(got) == text)
  end)
end)
