-- What a context offers and prefers, and how it writes records: the wire and
-- other implementations say whether it does.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function client_context(options)
  options.ca_certs = options.ca_certs or file "root.crt"
  return assert(ssl.create_default_context(options))
end

local function server_context(options)
  options.server_side, options.certfile = true, options.certfile or file "rsa.pem"
  return assert(ssl.SSLContext(options))
end

-- Two objects that have shaken hands, or not.
local function connected(client_options, server_options, more)
  local client = client_context(client_options or {}):wrap_object {server_hostname = "localhost",
    record_size = more}
  local server = server_context(server_options or {}):wrap_object()
  local done, err = helpers.handshake(client, server)
  return client, server, done, err
end

-- The lengths of the records in what an object has to send, which the other
-- one is fed.
local function records(from, to)
  local parts = {}
  repeat
    local part = from:drain()
    parts[#parts + 1] = part
  until not part or part == ""
  local bytes, lengths, at = table.concat(parts), {}, 1
  while at <= #bytes do
    local size = bytes:byte(at + 3) * 256 + bytes:byte(at + 4)
    lengths[#lengths + 1] = size
    at = at + 5 + size
  end
  local fed = 1
  while fed <= #bytes do
    fed = fed + to:feed(bytes:sub(fed, fed + 16383))
    repeat local data, _, partial = to:receive(65536) until #(data or partial) == 0
  end
  return lengths
end

-- What `size` bytes are sent in, the tickets of the first time aside.
local function sent_in(from, to, size)
  assert(from:send(("x"):rep(size)))
  return records(from, to)
end

local function greatest(list)
  return math.max((unpack or table.unpack)(list))
end

describe("option cipher_server_preference", function()
  local CLIENT = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
  local SERVER = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"

  it("decides whose order counts", function()
    for preference, wanted in pairs {[true] = "ECDHE-RSA-AES128-GCM-SHA256", [false] = "ECDHE-RSA-AES256-GCM-SHA384"} do
      local client, server, done = connected({ciphers = CLIENT, maximum_version = "TLSv1.2"},
        {ciphers = SERVER, cipher_server_preference = preference})
      assert(done)
      assert.equal(wanted, (client:cipher()))
      client:close()
      server:close()
    end
  end)

  it("is off, and decides with openssl's client", function()
    assert.is_nil(server_context {}:get "cipher_server_preference")
    local listener = assert(server_context {ciphers = SERVER, cipher_server_preference = true}
      :wrap_socket(assert(socket.bind("127.0.0.1", 0)), {do_handshake_on_connect = true}))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port, {arguments = {"-tls1_2", "-cipher", CLIENT}})
    local conn = assert(listener:accept())
    peer:expect "ECDHE%-RSA%-AES128%-GCM%-SHA256"
    conn:close()
    listener:close()
    peer:stop()
  end)
end)

describe("option profile", function()
  local function opened(client_options, profile)
    local client, server, done, err = connected(client_options, {profile = profile})
    local version, cipher = client:version(), client:cipher()
    client:close()
    server:close()
    return done and version, done and cipher or err
  end

  it("modern: TLS 1.3 alone", function()
    assert.equal("TLSv1.3", (opened({}, "modern")))
    assert.is_falsy((opened({maximum_version = "TLSv1.2"}, "modern")))
    assert.equal("TLSv1.3", server_context {profile = "modern"}:get "minimum_version")
  end)

  it("intermediate: TLS 1.2 with forward secrecy and AEAD alone", function()
    assert.equal("TLSv1.3", (opened({}, "intermediate")))
    assert.same({"TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"}, {opened({maximum_version = "TLSv1.2",
      ciphers = "ECDHE-RSA-AES128-GCM-SHA256"}, "intermediate")})
    for _, cipher in ipairs {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"} do
      assert.is_falsy((opened({maximum_version = "TLSv1.2", ciphers = cipher}, "intermediate")), cipher)
      assert.same({"TLSv1.2", cipher}, {opened({maximum_version = "TLSv1.2", ciphers = cipher}, "old")})
    end
  end)

  it("old: TLS 1.0, by the server's order", function()
    local old = {minimum_version = "TLSv1", maximum_version = "TLSv1", ciphers = "DEFAULT:@SECLEVEL=0"}
    assert.equal("TLSv1", (opened(old, "old")))
    assert.is_falsy((opened(old, "intermediate")))
    assert.same({"TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"}, {opened({maximum_version = "TLSv1.2",
      ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"}, "old")})
  end)

  it("limits the groups", function()
    for group, accepted in pairs {X25519 = true, ["P-256"] = true, ["P-384"] = true, ["P-521"] = false} do
      local version = opened({groups = group}, "intermediate")
      assert.equal(accepted, version == "TLSv1.3", group)
    end
    if ssl.HAS.MLKEM then assert.equal("TLSv1.3", (opened({groups = "X25519MLKEM768"}, "modern"))) end
  end)

  it("comes behind what is said besides", function()
    local context = server_context {profile = "modern", minimum_version = "TLSv1.2"}
    assert.equal("TLSv1.2", context:get "minimum_version")
    assert.equal("modern", context:get "profile")
    local client, server, done = connected({ciphersuites = "TLS_AES_256_GCM_SHA384"},
      {profile = "modern", ciphersuites = "TLS_AES_128_GCM_SHA256"})
    assert.is_falsy(done)
    client:close()
    server:close()
    client, server, done = connected({groups = "P-521"}, {profile = "intermediate", groups = "P-521"})
    assert.is_truthy(done)
    client:close()
    server:close()
  end)

  it("is for clients too, and real servers", function()
    for profile, wanted in pairs {modern = "TLSv1.3", intermediate = "TLSv1.3", old = "TLSv1.3"} do
      local peer = helpers.python_server "echo"
      local conn = assert(ssl.connect("localhost", peer.port, {profile = profile}))
      assert.equal(wanted, conn:version())
      conn:close()
      peer:stop()
    end
  end)
end)

describe("option groups", function()
  it("takes hybrid groups where OpenSSL has them, or says what is missing", function()
    local hybrid = "X25519MLKEM768:X25519"
    if ssl.HAS.MLKEM then
      local client, server, done = connected({groups = hybrid}, {groups = "X25519MLKEM768"})
      assert.is_truthy(done)
      client:close()
      server:close()
    else
      local context, err = ssl.SSLContext {groups = hybrid}
      assert.is_nil(context)
      assert.equal("cipher", err.kind)
      assert.matches("OpenSSL 3%.5 or later: ssl%.HAS%.MLKEM", tostring(err))
    end
  end)
end)

describe("option max_fragment_length", function()
  it("limits the records of both sides", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local client, server, done = connected({max_fragment_length = 1024, maximum_version = version}, {num_tickets = 0})
      assert(done)
      for _, ends in ipairs {{client, server}, {server, client}} do
        local lengths = sent_in(ends[1], ends[2], 5000)
        assert.equal(5, #lengths)
        assert.is_true(greatest(lengths) > 1024 and greatest(lengths) < 1100)
      end
      client:close()
      server:close()
    end
  end)

  it("is what openssl's client asks of a server", function()
    local listener = assert(server_context {num_tickets = 0}:wrap_socket(assert(socket.bind("127.0.0.1", 0))))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port, {arguments = {"-maxfraglen", "512", "-msg"}})
    local conn = assert(listener:accept())
    assert(conn:send(("x"):rep(1200)))
    -- 512 bytes, the type and a tag of 16
    peer:expect "17 03 03 02 11"
    conn:close()
    listener:close()
    peer:stop()
  end)

  it("has exact indexes at a timeout", function()
    local near, far = helpers.sockets()
    local client = assert(client_context {max_fragment_length = 512}:wrap_socket(near,
      {server_hostname = "localhost", do_handshake_on_connect = false}))
    local server = assert(server_context {}:wrap_socket(far, {do_handshake_on_connect = false}))
    client:settimeout(0)
    server:settimeout(0)
    local one, two
    repeat one, two = client:do_handshake(), server:do_handshake() until one and two
    local data, first, got = ("0123456789"):rep(600000), 1, {}
    local timeouts = 0
    repeat
      local last, err, partial = client:send(data, first)
      if not last then
        assert.equal("timeout", err)
        assert.equal(0, partial % 512)
        timeouts = timeouts + 1
      end
      first = (last or partial) + 1
      local text, _, part = server:receive(1000000)
      got[#got + 1] = text or part
    until last
    server:settimeout(helpers.patience)
    client:shutdown "send"
    got[#got + 1] = server:receive "*a"
    assert.is_true(table.concat(got) == data)
    assert.is_true(timeouts > 0)
    client:close()
    server:close()
  end)
end)

describe("option record_size", function()
  it("limits records to a number of bytes", function()
    for _, size in ipairs {512, 1000, 16384} do
      local client, server, done = connected({record_size = size}, {})
      assert(done)
      local lengths = sent_in(client, server, 5 * size)
      assert.equal(5, #lengths)
      assert.is_true(greatest(lengths) >= size and greatest(lengths) < size + 100)
      client:close()
      server:close()
    end
  end)

  it("is a connection's before it is the context's", function()
    local client, server = connected({record_size = 1000}, {}, 2000)
    assert.is_true(greatest(sent_in(client, server, 4000)) >= 2000)
    client:close()
    server:close()
  end)

  it("dynamic: small at first, then full, small again after a pause", function()
    local client, server = connected({record_size = "dynamic"}, {})
    assert.equal("dynamic", client_context {record_size = "dynamic"}:get "record_size")
    local first = sent_in(client, server, 60000)
    assert.is_true(greatest(first) > 1300 and greatest(first) <= 1400)
    sent_in(client, server, 10000)
    local full = sent_in(client, server, 50000)
    assert.equal(4, #full)
    assert.is_true(greatest(full) > 16384)
    ssl.poll({}, {}, 1.1)
    assert.is_true(greatest(sent_in(client, server, 5000)) <= 1400)
    client:close()
    server:close()
  end)
end)

describe("option padding", function()
  it("fills records to a multiple, and others take it", function()
    local client, server = connected({padding = 1000}, {})
    for _, size in ipairs {1, 999, 1000, 1001, 16384} do
      local lengths = sent_in(client, server, size)
      local content = lengths[1] - 16  -- AEAD's tag
      assert.is_true(content % 1000 == 0 or content == 16385, tostring(content))
    end
    client:close()
    server:close()
    local peer = helpers.python_server "echo"
    local conn = assert(ssl.connect("localhost", peer.port, {padding = 4096}))
    assert(conn:send "hello\n")
    assert.equal("hello", conn:receive())
    conn:close()
    peer:stop()
  end)
end)

describe("option options", function()
  -- GnuTLS, told to be as servers were before RFC 5746.
  local function old_server()
    local port = helpers.free_port()
    local peer = helpers.spawn {"gnutls-serv", "--echo", "--disable-client-cert", "-p", port,
      "--x509keyfile", file "rsa.key", "--x509certfile", file "rsa.crt",
      "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION"}
    helpers.wait_for_port(port)
    return peer, port
  end

  it("legacy_server_connect: a server without RFC 5746, whose error names it", function()
    local peer, port = old_server()
    local conn, err = ssl.connect("localhost", port)
    assert.is_nil(conn)
    assert.equal("legacy_server", err.kind)
    assert.matches('RFC 5746.*options={"legacy_server_connect"}', tostring(err))
    conn = assert(ssl.connect("localhost", port, {options = {"legacy_server_connect"}}))
    conn:settimeout(helpers.patience)
    assert(conn:send "hello\n")
    assert.equal("hello", conn:receive())
    conn:close()
    peer:stop()
  end)

  it("no_ticket: openssl's client gets none", function()
    local listener = assert(server_context {options = {"no_ticket"}, maximum_version = "TLSv1.2"}
      :wrap_socket(assert(socket.bind("127.0.0.1", 0))))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port)
    local conn = assert(listener:accept())
    peer:expect "Verify return code: 0"
    assert.is_nil(peer:output():find "TLS session ticket")
    conn:close()
    listener:close()
    peer:stop()
  end)

  it("are of one side, where they make sense there alone", function()
    assert.error_matches(function() server_context {options = {"legacy_server_connect"}} end,
      "option 'options' holds 'legacy_server_connect', which is for clients")
    assert.error_matches(function() client_context {options = {"prioritize_chacha"}} end, "which is for servers")
    assert.error_matches(function() client_context {options = {"no_tlsv1"}} end, "must hold names of allow_no_dhe_kex")
    assert(server_context {options = {"prioritize_chacha"}})
    for _, name in ipairs {"allow_no_dhe_kex", "dont_insert_empty_fragments", "no_encrypt_then_mac",
      "no_extended_master_secret", "no_middlebox_compat", "no_ticket", "tlsext_padding"} do
      local client, server, done = connected({options = {name}}, {})
      assert.is_truthy(done, name)
      client:close()
      server:close()
    end
  end)

  it("prioritize_chacha: a client that prefers it gets it", function()
    local others = "ECDHE-RSA-AES128-GCM-SHA256"
    local chacha = "ECDHE-RSA-CHACHA20-POLY1305"
    for client_list, wanted in pairs {[chacha .. ":" .. others] = chacha, [others .. ":" .. chacha] = others} do
      local client, server = connected({ciphers = client_list, maximum_version = "TLSv1.2"},
        {ciphers = others .. ":" .. chacha, options = {"prioritize_chacha"}})
      assert.equal(wanted, (client:cipher()))
      client:close()
      server:close()
    end
  end)

  it("survive set, and are told", function()
    local context = client_context {options = {"no_ticket"}}
    assert(context:set {handshake_timeout = 3})
    assert.same({"no_ticket"}, context:get "options")
  end)
end)

describe("option certificate_compression", function()
  it("is an error where OpenSSL cannot", function()
    if ssl.HAS.CERTIFICATE_COMPRESSION then return end
    local context, err = ssl.SSLContext {certificate_compression = {"zlib"}}
    assert.is_nil(context)
    assert.same({"unsupported", "certificate_compression"}, {err.kind, err.operation})
    assert(ssl.SSLContext {certificate_compression = {}})
  end)

  it("makes the handshake shorter where both can", function()
    if not ssl.HAS.CERTIFICATE_COMPRESSION then return end
    local sizes = {}
    for _, list in ipairs {{}, {"zlib"}} do
      local client = client_context {certificate_compression = list}:wrap_object {server_hostname = "localhost"}
      local server = server_context {certfile = file "chained.pem", certificate_compression = list}:wrap_object()
      client:do_handshake()
      local hello = client:drain()
      server:feed(hello)
      server:do_handshake()
      local flight = server:drain()
      sizes[#sizes + 1] = #flight
      client:feed(flight)
      assert(helpers.handshake(client, server))
      client:close()
      server:close()
    end
    assert.is_true(sizes[2] < sizes[1] - 100, sizes[2] .. " bytes, not compressed " .. sizes[1])
  end)
end)
