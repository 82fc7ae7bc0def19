-- Pre-shared keys with openssl and GnuTLS, in both roles and versions.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local KEY = ("0123456789abcdef"):rep(2)
local HEX = (KEY:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
local WRONG = ("ff"):rep(32)
-- gnutls-cli 3.7 crashes when it has shaken hands with ECDHE-PSK or DHE-PSK, with gnutls-serv too.
local VERSIONS = {
  {name = "TLSv1.2", openssl = "-tls1_2", gnutls = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK",
    gnutls_cli = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK"},
  {name = "TLSv1.3", openssl = "-tls1_3",
    gnutls = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK:-GROUP-ALL:+GROUP-X25519"},
}
local ONLY_KEY = {cert_reqs = ssl.CERT_REQUIRED, psk_authenticates = true}

local function merge(...)
  local all = {}
  for _, options in ipairs {...} do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

-- What a server of ours has to say to one client, or nil and its error.
local function serve_one(listener)
  listener:settimeout(helpers.patience)
  local conn, err = listener:accept()
  if not conn then return nil, err end
  conn:settimeout(helpers.patience)
  local line, why = conn:receive()
  if not line then
    conn:close()
    return nil, why
  end
  local found = {line = line, by = conn:authenticated_by(), identity = conn:psk_identity(),
    version = conn:version(), cipher = conn:cipher(), resumed = conn:session_reused()}
  conn:send((line or "") .. "\n")
  conn:close()
  return found
end

local function listen(options)
  local context = assert(ssl.SSLContext(merge({server_side = true, psk = {client_1 = KEY}}, options or {})))
  local raw = assert(socket.bind("127.0.0.1", 0))
  local _, port = raw:getsockname()
  return assert(context:wrap_socket(raw)), port
end

local function connect(port, version, options)
  local context = assert(ssl.SSLContext(merge({minimum_version = version, maximum_version = version,
    psk = {localhost = {identity = "client_1", key = KEY}}}, ONLY_KEY, options or {})))
  local conn = assert(context:wrap_socket(assert(socket.connect("127.0.0.1", port)), {
    server_hostname = "localhost", do_handshake_on_connect = false}))
  conn:settimeout(helpers.patience)
  local done, err = conn:do_handshake()
  if done then return conn end
  conn:close()
  return nil, err
end

local function s_client(port, version, key, identity, input, more)
  local argv = {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, version.openssl, "-psk", key,
    "-psk_identity", identity, "-quiet"}
  if version.name == "TLSv1.2" then  -- there the client's order decides
    argv[#argv + 1] = "-cipher"
    argv[#argv + 1] = "PSK"
  end
  for _, word in ipairs(more or {}) do argv[#argv + 1] = word end
  return helpers.spawn(argv, {input = input})
end

local function gnutls_client(port, version, key, identity, input)
  return helpers.spawn({"gnutls-cli", "--insecure", "-p", port, "--priority",
    version.gnutls_cli or version.gnutls, "--pskusername",
    identity, "--pskkey", key, "localhost"}, {input = input})
end

for _, version in ipairs(VERSIONS) do
  describe("a server with keys, " .. version.name .. ",", function()
    for name, client in pairs {openssl = s_client, GnuTLS = gnutls_client} do
      it("serves " .. name, function()
        for _, options in ipairs {ONLY_KEY, {certfile = file "rsa.pem"},
          {psk = function(_, facts) return facts.identity == "client_1" and KEY or nil end}} do
          local listener, port = listen(options)
          local peer = client(port, version, HEX, "client_1", true)
          peer:write "hello\n"
          local found, err = serve_one(listener)
          listener:close()
          assert(found, tostring(err) .. peer:output())
          assert.same({"hello", "psk", "client_1", version.name, false},
            {found.line, found.by, found.identity, found.version, found.resumed})
          peer:expect "hello"
          peer:close_input()
          peer:wait()
        end
      end)

      it("refuses a wrong key and an unknown identity of " .. name .. " alike", function()
        for _, options in ipairs {{}, {certfile = file "rsa.pem"}, {psk = function() end}} do
          local listener, port = listen(options)
          local alerts = {}
          for i, who in ipairs {{WRONG, "client_1"}, {HEX, "nobody"}} do
            local peer = client(port, version, who[1], who[2], "hello\n")
            local found, err = serve_one(listener)
            assert.is_nil(found)
            assert.equal("psk", err.kind)
            peer:wait()
            alerts[i] = peer:output():match "SSL alert number (%d+)" or peer:output():match "Received alert %[(%d+)%]"
            assert.not_nil(alerts[i], peer:output())
          end
          listener:close()
          assert.equal(alerts[1], alerts[2])
        end
      end)
    end

    it("lets openssl resume nothing that was made with a key", function()
      local listener, port = listen(ONLY_KEY)
      local saved = helpers.temp_name()
      for i = 1, 2 do
        local peer = s_client(port, version, HEX, "client_1", true,
          {i == 1 and "-sess_out" or "-sess_in", saved})
        peer:write "hello\n"
        local found, err = serve_one(listener)
        assert(found, tostring(err))
        assert.equal("psk", found.by)
        assert.is_false(found.resumed)
        peer:close_input()
        peer:wait()
        local handle = io.open(saved)
        if not handle then break end  -- it got no ticket
        handle:close()
      end
      listener:close()
    end)
  end)

  describe("a client with a key, " .. version.name .. ",", function()
    local function openssl(key)
      local peer = helpers.spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk", key,
        "-psk_identity", "client_1", version.openssl, "-rev"}, {input = true})
      peer.port = tonumber(peer:expect "ACCEPT [^\n]-:(%d+)\n")
      return peer, "olleh"
    end

    local function gnutls(key)
      local port = helpers.free_port()
      local peer = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--priority", version.gnutls, "--pskpasswd",
        helpers.temp_file(("client_1:%s\n"):format(key))}
      helpers.wait_for_port(port)
      peer.port = port
      return peer, "hello"
    end

    for name, server in pairs {openssl = openssl, GnuTLS = gnutls} do
      it("knows a server of " .. name, function()
        local peer, answer = server(HEX)
        local conn, err = connect(peer.port, version.name)
        assert(conn, tostring(err) .. peer:output())
        assert.equal("psk", conn:authenticated_by())
        assert.equal("client_1", conn:psk_identity())
        assert(conn:send "hello\n")
        assert.equal(answer, conn:receive())
        assert.is_nil(conn:session())
        conn:close()
        peer:stop()
      end)

      it("is told by " .. name .. " that the key is wrong", function()
        local peer = server(WRONG)
        local conn, err = connect(peer.port, version.name)
        if conn then  -- it hears of it when it reads
          conn:send "hello\n"
          conn, err = conn:close() and nil, select(2, conn:receive())
        end
        assert.is_nil(conn)
        assert.not_nil(err)
        peer:stop()
      end)
    end
  end)
end

describe("a key for SHA-256", function()
  it("is used though the client prefers another hash", function()
    local listener, port = listen {psk = {client_1 = {key = KEY, hash = "sha256"}}}
    local peer = s_client(port, VERSIONS[2], HEX, "client_1", true, {"-ciphersuites",
      "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"})
    peer:write "hello\n"
    local found, err = serve_one(listener)
    assert(found, tostring(err))
    assert.equal("TLS_AES_128_GCM_SHA256", found.cipher)
    peer:close_input()
    peer:wait()
    listener:close()
  end)
end)
