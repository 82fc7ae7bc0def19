-- Who can talk to whom: the reference's version table as it is today, with
-- ourselves and with openssl on either side, at the security level that old
-- versions need; and what is spoken when nothing is said.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local OLD = "DEFAULT:@SECLEVEL=0"
-- openssl.cnf may forbid old versions to the programs that read it
local NO_CONFIGURATION = {OPENSSL_CONF = "/dev/null"}

local NAMES = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

-- What each constant means: its name, a PROTOCOL_*; the versions it speaks,
-- from and to, as positions in NAMES; and openssl's option for it.
local ROWS = {
  {"PROTOCOL_SSLv23", 1, 4, "-no_ssl3"},
  {"PROTOCOL_TLS", 1, 4, "-no_ssl3"},
  {"PROTOCOL_TLSv1", 1, 1, "-tls1"},
  {"PROTOCOL_TLSv1_1", 2, 2, "-tls1_1"},
  {"PROTOCOL_TLSv1_2", 3, 3, "-tls1_2"},
  {"PROTOCOL_TLSv1_3", 4, 4, "-tls1_3"},
}

-- The version that a client and a server agree on, nil if they do not.
local function expected(client, server)
  local best = math.min(client[3], server[3])
  return best >= math.max(client[2], server[2]) and NAMES[best] or nil
end

local function speaking(row)
  return {ssl_version = ssl[row[1]], ciphers = OLD}
end

-- What came of a handshake must be what was expected of it. OpenSSL cannot
-- read the alert of a client that finds its server too old: the alert's record
-- is of the client's version.
local function check(client, server, version, err, server_side)
  local where = ("%s client, %s server"):format(client[1], server[1])
  local wanted = expected(client, server)
  assert((version or nil) == wanted, ("%s: %s (%s), not %s"):format(where,
    tostring(version), tostring(err), tostring(wanted)))
  if wanted then return end
  local deaf = server_side and server[3] < client[2]
    and err.reason == "wrong version number"
  assert(deaf or err.kind == "version", where .. ": " .. tostring(err))
  assert(deaf or err.alert == "protocol_version", where)
end

describe("a version of TLS", function()
  it("is agreed on with ourselves", function()
    for _, client_row in ipairs(ROWS) do
      for _, server_row in ipairs(ROWS) do
        local client, server = helpers.pair {client = speaking(client_row),
          server = speaking(server_row)}
        local done, client_error, server_error =
          helpers.handshake(client, server)
        check(client_row, server_row, done and client:version(), client_error)
        check(client_row, server_row, done and server:version(), server_error,
          true)
        client:close()
        server:close()
      end
    end
  end)

  it("is agreed on by wrapped clients with openssl s_server", function()
    for _, server_row in ipairs(ROWS) do
      local peer = helpers.s_server {env = NO_CONFIGURATION,
        arguments = {"-cipher", OLD, server_row[4]}}
      for _, client_row in ipairs(ROWS) do
        local options = speaking(client_row)
        options.ca_certs = file "root.crt"
        options.cert_reqs = ssl.CERT_REQUIRED
        local sock = assert(socket.connect("127.0.0.1", peer.port))
        sock:settimeout(helpers.patience)
        local conn, err = ssl.wrap_socket(sock, options)
        check(client_row, server_row, conn and conn:version(), err)
        if conn then conn:close() end
      end
      peer:stop()
    end
  end)

  it("is agreed on by wrapped servers with openssl s_client", function()
    for _, server_row in ipairs(ROWS) do
      local options = speaking(server_row)
      options.server_side = true
      options.certfile = file "rsa.pem"
      local listener = assert(ssl.wrap_socket(
        assert(socket.bind("127.0.0.1", 0)), options))
      listener:settimeout(helpers.patience)
      local _, port = listener:getsockname()
      for _, client_row in ipairs(ROWS) do
        local peer = helpers.s_client(port, {env = NO_CONFIGURATION,
          arguments = {"-cipher", OLD, client_row[4]}})
        local conn, err = listener:accept()
        check(client_row, server_row, conn and conn:version(), err, true)
        if conn then conn:close() end
        peer:stop()
      end
      listener:close()
    end
  end)

  it("is 1.2 or later when nothing is said", function()
    local default = {"no ssl_version", 3, 4}
    for _, other in ipairs(ROWS) do
      for _, sides in ipairs {{default, other}, {other, default}} do
        local client, server = helpers.pair {
          client = {ssl_version = ssl[sides[1][1]], ciphers = OLD},
          server = {ssl_version = ssl[sides[2][1]], ciphers = OLD}}
        local done, err = helpers.handshake(client, server)
        check(sides[1], sides[2], done and client:version(), err)
        client:close()
        server:close()
      end
    end
  end)

  it("is between minimum_version and maximum_version", function()
    for low = 1, 4 do
      for high = low, 4 do
        local client, server = helpers.pair {
          client = {minimum_version = NAMES[low], maximum_version = NAMES[high],
            ciphers = OLD},
          server = speaking(ROWS[1])}
        assert(helpers.handshake(client, server))
        assert.equal(NAMES[high], client:version())
        client:close()
        server:close()
      end
    end
  end)
end)

describe("a version that this OpenSSL cannot speak", function()
  local function wrap(options)
    local sock = socket.tcp()
    local conn, err = ssl.wrap_socket(sock, options)
    sock:close()
    return conn, err
  end

  it("is SSLv2 and SSLv3, whatever the ciphers", function()
    for _, name in ipairs {"SSLv2", "SSLv3"} do
      for _, ciphers in ipairs {"DEFAULT", OLD} do
        local conn, err = wrap {ssl_version = ssl["PROTOCOL_" .. name],
          ciphers = ciphers}
        assert.is_nil(conn)
        assert.is_true(err:is(ssl.SSLError))
        assert.truthy(tostring(err):find(
          name .. " is not supported by this OpenSSL", 1, true))
      end
    end
  end)

  it("is TLSv1 and TLSv1.1 at the usual security level, and says the cure",
    function()
      for name, text in pairs {PROTOCOL_TLSv1 = "TLSv1 ",
        PROTOCOL_TLSv1_1 = "TLSv1.1 "} do
        local conn, err = wrap {ssl_version = ssl[name]}
        assert.is_nil(conn)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("unsupported", err.kind)
        assert.truthy(tostring(err):find(text, 1, true))
        local cure = tostring(err):match 'ciphers="([^"]*)"'
        assert.equal(OLD, cure)
        assert(wrap {ssl_version = ssl[name], ciphers = cure})
      end
      assert(wrap {ssl_version = ssl.PROTOCOL_SSLv23})
    end)
end)
