-- A stream that is written in Lua holds an SSLObject: its hooks are given the
-- stream, which is what the program knows.

local ssl = require "luassl"
local hooks = require "luassl.hooks"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

helpers.audit()

local HOOKS = {client = {"on_certificate", "on_verify"}, server = {"on_client_hello", "on_certificate", "on_verify"}}

-- Contexts whose hooks note what they are given.
local function pair_of(given)
  local contexts = {
    client = {ca_certs = helpers.file "root.crt", cert_reqs = ssl.CERT_REQUIRED, certfile = helpers.file "client.pem"},
    server = {server_side = true, certfile = helpers.file "rsa.pem", ca_certs = helpers.file "root.crt",
      cert_reqs = ssl.CERT_REQUIRED},
  }
  for side, names in pairs(HOOKS) do
    for _, name in ipairs(names) do
      contexts[side][name] = function(connection) given[#given + 1] = {side, name, connection} end
    end
  end
  return assert(ssl.SSLContext(contexts.client):wrap_object()), assert(ssl.SSLContext(contexts.server):wrap_object())
end

describe("a hook is given", function()
  it("the object that the program holds", function()
    local given = {}
    local client, server = pair_of(given)
    local faces = {client = setmetatable({}, {__tostring = error}), server = {}}
    hooks.face(client, faces.client)
    hooks.face(server, faces.server)
    assert(helpers.handshake(client, server))
    assert.equal(5, #given)
    for _, call in ipairs(given) do assert.is_true(rawequal(faces[call[1]], call[3])) end
    client:close()
    server:close()
  end)

  it("the SSLObject itself where none is named, or no longer", function()
    local given = {}
    local client, server = pair_of(given)
    local objects = {client = client, server = server}
    hooks.face(client, {})
    hooks.face(client, nil)
    assert(helpers.handshake(client, server))
    for _, call in ipairs(given) do assert.is_true(rawequal(objects[call[1]], call[3])) end
    client:close()
    server:close()
  end)

  it("what may call methods and yield, as a stream does", function()
    local stream = {}
    local pair = hooking.open("object", nil, {on_client_hello = function(conn, facts)
      assert(rawequal(conn, stream))
      assert(facts.versions)
      coroutine.yield "wait"
      return stream.object:version() == nil
    end})
    stream.object = pair.server
    hooks.face(pair.server, stream)
    pair.client:do_handshake()
    pair.pump()
    local thread = coroutine.create(function() return pair.server:do_handshake() end)
    assert.same({true, "wait"}, {coroutine.resume(thread)})
    assert.same({true, nil, "wantread"}, {coroutine.resume(thread)})
    hooking.talk(hooking.succeed(pair))
    hooking.close_all()
  end)
end)

describe("a face", function()
  it("is collected with its object", function()
    local weak = setmetatable({}, {__mode = "k"})
    for _ = 1, 3 do
      local client = pair_of {}
      local stream = {object = client}
      hooks.face(client, stream)
      weak[stream], weak[client] = true, true
    end
    helpers.snapshot()  -- collects
    assert.is_nil(next(weak))
  end)

  it("is for SSLObjects, closed ones too", function()
    local client = pair_of {}
    client:close()
    hooks.face(client, {})
    local near, far = helpers.sockets()
    local conn = assert(ssl.SSLContext {}:wrap_socket(near, {do_handshake_on_connect = false}))
    assert.has_error(function() hooks.face(conn, {}) end)
    assert.has_error(function() hooks.face({}, {}) end)
    assert.has_error(function() hooks.face(client) end)
    conn:close()
    far:close()
  end)
end)
