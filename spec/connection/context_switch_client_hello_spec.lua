-- What a choice of contexts begins with: the ClientHello, however it comes in,
-- and the connection's own options.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client = resuming.client
local part = resuming.part
local each = resuming.each_way

local ROOT = file "root.crt"

-- What is wrong with them must not come out when a client asks for a name.
describe("options of the connection that do not fit", function()
  local asks = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT}

  each("are found when it is made", function(choose)
    local context = choose(asks, {})
    assert.has_error(function() context:wrap_object {check_hostname = true} end)
    assert.has_error(function() context:wrap_object {session = 1} end)
  end)

  each("cannot get in later", function(choose)
    local options = {suppress_ragged_eofs = true}
    local far = assert(choose({}, {}):wrap_object(options))
    options.junk, options.handshake_timeout = true, "soon"
    options.suppress_ragged_eofs = false
    local near = assert(client():wrap_object {server_hostname = "localhost"})
    assert(helpers.handshake(near, far))
    far:feed(nil)
    assert.same({nil, "closed"}, {far:read(1)})
    part(near, far)
  end)
end)

-- However the ClientHello comes in: it is kept and given to the chosen one.
describe("a context is chosen for a ClientHello that comes", function()
  local CHOSEN = {certfile = file "ecdsa.pem"}

  local function is_chosen(near)
    return near:peer_certificate():der() == ssl.PEM_cert_to_DER_cert(
      helpers.read_file(file "ecdsa.crt"))
  end

  -- The bytes of a new client's ClientHello, in one record each `size` of
  -- its bytes; and the client.
  local function hello(context, size)
    local near = assert(context:wrap_object {server_hostname = "localhost"})
    near:do_handshake()
    local bytes, message, position = near:drain(), {}, 1
    while position < #bytes do
      local length = bytes:byte(position + 3) * 256 + bytes:byte(position + 4)
      message[#message + 1] = bytes:sub(position + 5, position + 4 + length)
      position = position + 5 + length
    end
    message = table.concat(message)
    local records = {}
    for first = 1, #message, size do
      local part_of = message:sub(first, first + size - 1)
      records[#records + 1] = "\22\3\1" .. string.char(
        math.floor(#part_of / 256), #part_of % 256) .. part_of
    end
    return table.concat(records), near
  end

  local function succeeds(near, far)
    assert(helpers.handshake(near, far))
    assert.is_true(is_chosen(near))
    part(near, far)
  end

  each("byte by byte", function(choose)
    local bytes, near = hello(client(), 16000)
    local far = assert(choose({}, CHOSEN):wrap_object())
    for i = 1, #bytes do
      far:feed(bytes:sub(i, i))
      local done, err = far:do_handshake()
      assert(done == nil and err == "wantread", err)
    end
    succeeds(near, far)
  end)

  each("in many records", function(choose)
    for _, size in ipairs {1, 2, 100} do
      local bytes, near = hello(client(), size)
      local far = assert(choose({}, CHOSEN):wrap_object())
      far:feed(bytes)
      succeeds(near, far)
    end
  end)

  local function wordy()
    local names = {}
    for i = 1, 250 do names[i] = ("%03d"):format(i) .. ("x"):rep(240) end
    return client {alpn_protocols = names}
  end

  each("large", function(choose)
    local bytes, near = hello(wordy(), 16384)
    assert.is_true(#bytes > 60000)
    local far = assert(choose({}, CHOSEN):wrap_object())
    far:feed(bytes)
    succeeds(near, far)
  end)

  each("too large to keep: it is refused", function(choose)
    local bytes, near = hello(wordy(), 1)
    local far = assert(choose({}, CHOSEN):wrap_object())
    local fed = 0
    while fed < #bytes and select(2, far:do_handshake()) == "wantread" do
      fed = fed + far:feed(bytes:sub(fed + 1))
    end
    local done, near_error, err = helpers.handshake(near, far)
    assert.is_nil(done)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("internal_error", near_error.alert)
    part(near, far)
  end)

  each("behind clear text that LuaSocket has read with it", function(choose)
    local sock, accepted = helpers.sockets()
    local bytes, near = hello(client(), 16000)
    assert(sock:send("PROXY\r\n" .. bytes))
    accepted:settimeout(helpers.patience)
    assert.equal("PROXY", (accepted:receive()))
    assert.is_true(accepted:dirty())
    accepted:settimeout(0)
    sock:settimeout(0)
    local far = assert(choose({}, CHOSEN):wrap_socket(accepted))
    local deadline = socket.gettime() + helpers.patience
    local done
    repeat
      local ready = far:do_handshake()
      local _, _, came = sock:receive(65536)
      near:feed(came or "")
      done = near:do_handshake()
      local answer = near:drain()
      if answer then assert(sock:send(answer)) end
    until done and ready or socket.gettime() > deadline
    assert.is_true(done)
    assert.is_true(is_chosen(near))
    near:close()
    far:close()
    sock:close()
  end)
end)

describe("a choice for a ClientHello", function()
  after_each(hooking.close_all)

  -- RFC 8446, 4.1.2: after a HelloRetryRequest it says the same again.
  it("is for the name in the second ClientHello, too", function()
    local near = hooking.keep(assert(resuming.client {groups = "X25519:P-384"}
      :wrap_object {server_hostname = "localhost"}))
    local far = hooking.keep(assert(resuming.server {
      server_names = {localhost = resuming.server {groups = "P-384"}}}
      :wrap_object()))
    near:do_handshake()
    far:feed(near:drain())
    far:do_handshake()
    near:feed(far:drain())
    near:do_handshake()
    local bytes, count = near:drain():gsub("localhost", "otherhost")
    assert.equal(1, count)
    far:feed(bytes)
    local done, err = far:do_handshake()
    assert.is_nil(done)
    assert.equal("illegal_parameter", err.alert)
    near:feed(far:drain())
    assert.equal("illegal_parameter", select(2, near:do_handshake()).alert)
  end)
end)
