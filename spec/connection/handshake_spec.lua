-- What a handshake that has ended has to have done.
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local mime = require "mime"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

describe("a handshake", function()
  -- In TLS 1.3 the client speaks last. Once do_handshake says true nobody
  -- would send what the kernel did not take.
  it("has not ended before its last flight has left", function()
    -- Noise: from OpenSSL 3.2 on certificates may be compressed (RFC 8879).
    local noise = mime.b64(ssl.RAND_bytes(60000))
    local _, ballast = craft.certificate {
      arguments = {"-addext", "nsComment=" .. noise}}
    local chain = helpers.read_file(helpers.file "client.pem") .. ballast
    local client, server = helpers.pair {over = "socket",
      client = {certfile = helpers.temp_file(chain),
        minimum_version = "TLSv1.3"},
      server = {cert_reqs = ssl.CERT_REQUIRED,
        ca_certs = helpers.file "root.crt"},
    }
    assert(client:setoption("send-buffer-size", 4096))
    assert(server:setoption("recv-buffer-size", 4096))
    local deadline = socket.gettime() + helpers.patience
    local blocked, done, server_done = false, nil, nil
    while not done and socket.gettime() < deadline do
      local err
      done, err = client:do_handshake()
      if err == "wantwrite" then
        blocked = true
        assert.is_true(select(2, client:want()))
      end
      if not done then server_done = server:do_handshake() end
      socket.select({server}, nil, 0.001)
    end
    assert.is_true(done)
    assert.is_true(blocked, "the flight was not too large")
    while not server_done and socket.gettime() < deadline do
      server_done = server:do_handshake()  -- the client is not asked again
      socket.select({server}, nil, 0.01)
    end
    assert.is_true(server_done)
    client:close()
    server:close()
  end)

  -- RFC 8446, 4.1.2 forbids it; in TLS 1.2 it costs a server more than a
  -- client, and what was verified may be another's after it.
  it("is not repeated for a client that asks for it", function()
    local context = assert(ssl.SSLContext {server_side = true,
      certfile = helpers.file "rsa.pem", maximum_version = "TLSv1.2"})
    local listener = assert(context:wrap_socket(socket.bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local client = helpers.s_client(port, {arguments = {"-tls1_2"}})
    local server = assert(listener:accept())
    server:settimeout(3)
    client:expect "Verification: OK"
    assert.is_true(client:write "R\n")
    client:expect "RENEGOTIATING"
    assert.is_nil((server:read()))
    client:expect("no renegotiation", 3)
    server:close()
    listener:close()
    client:stop()
  end)

  it("is not repeated for a server that asks for it", function()
    local server = helpers.s_server {arguments = {"-tls1_2"}}
    local client = assert(ssl.connect("127.0.0.1", server.port,
      {server_hostname = "localhost"}))
    client:settimeout(3)
    server:expect "CIPHER is"
    assert.is_true(server:write "r\n")
    assert.is_nil((client:read()))
    server:expect("no renegotiation", 3)
    client:close()
    server:stop()
  end)
end)
