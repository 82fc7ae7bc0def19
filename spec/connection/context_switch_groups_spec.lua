-- A chosen context and the key exchange: HelloRetryRequest, groups, signature
-- algorithms.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"

helpers.audit()

local file = helpers.file
local server = resuming.server

local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local FLAGS = {["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3"}

-- RFC 8446, 4.1.3: the random of a HelloRetryRequest.
local RETRY = ("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
  :gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)

-- A handshake; whether the server asked for another ClientHello, or nil and
-- both errors.
local function retries(near_context, far_context)
  local near = assert(near_context:wrap_object {server_hostname = "localhost"})
  local far = assert(far_context:wrap_object())
  near:do_handshake()
  assert(far:feed(near:drain()))
  far:do_handshake()
  local bytes = far:drain()
  near:feed(bytes)
  local done, near_error, far_error = helpers.handshake(near, far)
  if done then
    assert(far:write "hello")
    helpers.pump(near, far)
    assert.equal("hello", near:read(5))
  end
  resuming.part(near, far)
  if not done then return nil, near_error, far_error end
  return bytes:sub(6, 6) == "\2" and bytes:sub(12, 43) == RETRY
end

local function hooked(chosen, options)
  local calls = {n = 0}
  options = options or {}
  options.on_client_hello = function(_, facts)
    calls.n = calls.n + 1
    calls.name = facts.server_name
    return chosen
  end
  return server(options), calls
end

describe("a HelloRetryRequest", function()
  local near_context

  before_each(function()
    near_context = resuming.client {groups = "X25519:P-384"}
  end)

  after_each(function() near_context = nil end)

  it("comes of the chosen context's groups, the hook is asked once",
    function()
      local far_context, calls = hooked(server {groups = "P-384"},
        {groups = "X25519"})
      assert.is_true(retries(near_context, far_context))
      assert.same({n = 1, name = "localhost"}, calls)
      far_context, calls = hooked(server {groups = "X25519"},
        {groups = "P-384"})
      assert.is_false(retries(near_context, far_context))
      assert.equal(1, calls.n)
    end)

  it("comes of the chosen context's groups with server_names", function()
    local names = {localhost = server {groups = "P-384"}}
    assert.is_true(retries(near_context,
      server {groups = "X25519", server_names = names}))
    names.localhost = server {groups = "X25519"}
    assert.is_false(retries(near_context,
      server {groups = "P-384", server_names = names}))
  end)

  it("asks no hook again where none chose", function()
    local far_context, calls = hooked(nil, {groups = "P-384"})
    assert.is_true(retries(near_context, far_context))
    assert.equal(1, calls.n)
  end)

  it("keeps the chosen certificate and protocol", function()
    local near_alpn = resuming.client {groups = "X25519:P-384",
      alpn_protocols = {"h1", "h2"}}
    local far_context = server {groups = "P-384", certfile = file "other.pem",
      on_client_hello = function()
        return {alpn_protocol = "h2", certificate = {
          cert = helpers.read_file(file "rsa.crt"),
          key = helpers.read_file(file "rsa.key")}}
      end}
    local near, far = assert(resuming.meet(near_alpn, far_context))
    assert.equal("h2", near:selected_alpn_protocol())
    resuming.part(near, far)
  end)

  it("decides by the first ClientHello alone, whatever becomes of the names", function()
    local names = {localhost = server {groups = "P-384"}}
    local near = assert(near_context:wrap_object {
      server_hostname = "localhost"})
    local far = assert(server {server_names = names}:wrap_object())
    near:do_handshake()
    far:feed(near:drain())
    far:do_handshake()
    names.localhost = "junk: it is decided"
    assert(helpers.handshake(near, far))
    resuming.part(near, far)
  end)

  it("is of no use where no group fits", function()
    local far_context = hooked(server {groups = "P-521"},
      {groups = "X25519"})
    local done, near_error = retries(near_context, far_context)
    assert.is_nil(done)
    assert.equal("handshake_failure", near_error.alert)
  end)

  it("is followed by a session that resumes", function()
    near_context = resuming.client {groups = "X25519:P-384",
      session_cache = true}
    local far_context = hooked(server {groups = "P-384"})
    assert.is_false(resuming.reuses(near_context, far_context))
    assert.is_true(resuming.reuses(near_context, far_context))
  end)
end)

-- What openssl says about the handshake; "Peer", from 3.2 on, for "Server".
local TEMP_KEY = "[SP]%l+ Temp Key: "

describe("openssl s_client sees the chosen context's", function()
  local function ask(far_context, version, arguments)
    local listener = assert(far_context:wrap_socket(
      socket.bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
    table.insert(arguments, FLAGS[version])
    local peer = helpers.s_client(select(2, listener:getsockname()),
      {arguments = arguments, input = ""})
    local conn = assert(listener:accept())
    conn:close()
    listener:close()
    assert.equal(0, peer:wait())
    return peer:output()
  end

  for _, version in ipairs(VERSIONS) do
    it("groups, " .. version, function()
      local names = {localhost = server {groups = "P-384"}}
      local output = ask(server {groups = "X25519:P-256",
        server_names = names}, version, {"-groups", "X25519:P-256:P-384"})
      assert.matches(TEMP_KEY .. "ECDH, s?e?c?p?P?%-?384", output)
      names.localhost = server {groups = "X25519"}
      output = ask(server {groups = "P-384", server_names = names}, version,
        {"-groups", "P-384:X25519"})
      assert.matches(TEMP_KEY .. "X25519,", output)
    end)

    it("signature algorithms, " .. version, function()
      for _, pair in ipairs {{"SHA512", "SHA384"}, {"SHA384", "SHA512"}} do
        local names = {localhost = server {sigalgs = "RSA-PSS+" .. pair[2]}}
        local output = ask(server {sigalgs = "RSA-PSS+" .. pair[1],
          server_names = names}, version, {})
        assert.matches("Peer signing digest: " .. pair[2], output, 1, true)
      end
    end)
  end
end)
