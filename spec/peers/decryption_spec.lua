-- tshark decrypts what was captured with the secrets of option keylog, and
-- without them it does not.
local capture = require "spec.support.capture"
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"

helpers.audit()

local NAME = {server_hostname = "localhost"}
local TO_SERVER, TO_CLIENT = "the client's clear text", "the server's clear text"

describe("tshark", function()
  if not capture.found then return pending "there is no tshark" end

  -- Both directions of a connection that is captured, as tshark reads them.
  local function exchange(client, server, options, between)
    local c = capture.new()
    local near, far = assert(client:wrap_object(options or NAME)), assert(server:wrap_object())
    assert.is_truthy(c:handshake(near, far))
    assert(near:write(TO_SERVER))
    c:pump(near, far)
    assert.equal(TO_SERVER, far:read())
    if between then between(near, far, c) end
    assert(far:write(TO_CLIENT))
    c:pump(near, far)
    assert.equal(TO_CLIENT, near:read())
    return c, near, far
  end

  local function finish(near, far)
    near:close()
    far:close()
  end

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    for _, side in ipairs {"client", "server"} do
      it(("decrypts with the %s's key log, %s, resumed too"):format(side, version), function()
        local path = helpers.temp_name()
        local client = resuming.client {minimum_version = version, maximum_version = version,
          keylog = side == "client" and path or nil}
        local server = resuming.server {keylog = side == "server" and path or nil}
        local session
        for _, reused in ipairs {false, true} do
          local c, near, far = exchange(client, server, {server_hostname = "localhost", session = session})
          assert.equal(reused, near:session_reused())
          session = near:session()
          finish(near, far)
          local text = c:read(path, "-q", "-z", "follow,tls,ascii,0")
          assert.matches(TO_SERVER, text, nil, true)
          assert.matches(TO_CLIENT, text, nil, true)
          text = c:read("/dev/null", "-q", "-z", "follow,tls,ascii,0")
          assert.is_nil(text:find(TO_SERVER, 1, true))
        end
      end)
    end
  end

  it("decrypts behind a key update", function()
    local path = helpers.temp_name()
    local client, server = resuming.client {keylog = path}, resuming.server()
    local c, near, far = exchange(client, server, NAME, function(near, far, c)
      assert(near:key_update(true))  -- and the server's too
      assert(near:write "under new keys")
      c:pump(near, far)
      assert.equal("under new keys", far:read())
    end)
    finish(near, far)
    local text = c:read(path, "-q", "-z", "follow,tls,ascii,0")
    for _, words in ipairs {TO_SERVER, "under new keys", TO_CLIENT} do assert.matches(words, text, nil, true) end
  end)

  it("decrypts a handshake that failed: certificate and alert", function()
    local path = helpers.temp_name()
    local client = resuming.client {minimum_version = "TLSv1.3", keylog = path}
    local server = resuming.server {certfile = helpers.file "untrusted.pem", keylog = path}
    local c = capture.new()
    local near, far = assert(client:wrap_object(NAME)), assert(server:wrap_object())
    assert.is_false(c:handshake(near, far))
    finish(near, far)
    local function read(keys)
      return c:read(keys, "-T", "fields", "-e", "tls.handshake.type", "-e", "tls.alert_message.desc")
    end
    local text = read(path)
    assert.matches("11,15,20", text)  -- Certificate, CertificateVerify, Finished
    assert.matches("48\n", text)      -- unknown_ca
    assert.is_nil(read "/dev/null":find("11,15,20", 1, true))
  end)
end)
