-- The errors of clients, as `wrap_socket` and `connect` give them, with servers
-- that are not ours: each says what is wrong, with what, and what to do.
local complaint = require "spec.support.complaint_checks"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local expect_error = complaint.expect
local file = helpers.file
local everything = complaint.everything

local function with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

-- The three ways to a server, by name. `name` is whom the client asks for.

local function lazily(port, name, options)
  local conn = assert(ssl.wrap_socket(socket.tcp(), with({
    cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
    server_hostname = name}, options)))
  conn:settimeout(helpers.patience)
  local done, err = conn:connect("127.0.0.1", port)
  conn:close()
  return done, err
end

local function at_once(port, name, options)
  local sock = assert(socket.connect("127.0.0.1", port))
  sock:settimeout(helpers.patience)
  local conn, err = ssl.wrap_socket(sock, with({cert_reqs = ssl.CERT_REQUIRED,
    ca_certs = file "root.crt", server_hostname = name}, options))
  if conn then conn:close() end
  assert.equal(-1, sock:getfd())  -- taken over, whatever came of it
  return conn, err
end

local function by_connect(port, name, options)
  local conn, err = ssl.connect("127.0.0.1", port,
    with({server_hostname = name, timeout = helpers.patience}, options))
  if conn then conn:close() end
  return conn, err
end

local WAYS = {{"connect()", by_connect}, {"wrap_socket, lazily", lazily},
  {"wrap_socket, at once", at_once}}

-- One peer, refused by each way of connecting.
local function each_way(text, start, expected, options)
  it(text, function()
    local peer = start()
    for _, way in ipairs(WAYS) do
      local result, err = way[2](peer.port, expected.name or "localhost",
        options)
      local told, why = pcall(expect_error, expected, result, err)
      assert(told, way[1] .. ": " .. tostring(why))
    end
    if expected.peer then peer:expect(expected.peer) end
    peer:stop()
  end)
end

local function s_server(cert, ...)
  local arguments = {...}
  return function()
    return helpers.s_server {cert = cert, arguments = arguments}
  end
end

local function python(mode)
  return function() return helpers.python_server(mode) end
end

-- A server that greets in clear text, as most protocols but HTTP do.
local function greeter(greeting)
  return function()
    local peer = helpers.lua([[
      local listener = assert(require "socket".bind("127.0.0.1", 0))
      print("ready " .. select(2, listener:getsockname()))
      io.stdout:flush()
      local clients = {}
      while true do
        clients[#clients + 1] = assert(listener:accept())
        clients[#clients]:send((...))
      end]], greeting)
    peer.port = tonumber(peer:expect "ready (%d+)\n")
    return peer
  end
end

local REFUSED = "the server's certificate is refused"

describe("a client refuses a server", function()
  each_way("whose certificate has expired", s_server "expired", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 10, alert = "certificate_expired", alert_direction = "sent",
    words = {REFUSED, "expired", "2021-01-01 00:00:00 GMT"},
    peer = "alert certificate expired",
  })

  each_way("whose certificate is not valid yet", s_server "future", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 9, alert = "bad_certificate", alert_direction = "sent",
    words = {REFUSED, "not yet valid", "2099-01-01 00:00:00 GMT", "clock"},
    peer = "alert bad certificate",
  })

  each_way("of an unknown CA", s_server "untrusted", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 20, alert = "unknown_ca", alert_direction = "sent",
    words = {REFUSED, "issuer", "LuaSSL other root", "ca_certs"},
    peer = "alert unknown ca",
  })

  each_way("that sends its unknown CA too", s_server("untrusted",
    "-cert_chain", file "other-root.crt"), {
      class = "SSLCertVerificationError", kind = "verification",
      verify_code = 19, alert = "unknown_ca", alert_direction = "sent",
      words = {REFUSED, "depth 1", "LuaSSL other root", "ca_certs"},
    })

  each_way("that keeps its intermediate certificate to itself", s_server("rsa",
    "-cert", file "chained.crt", "-key", file "chained.key"), {
      class = "SSLCertVerificationError", kind = "verification",
      verify_code = 20, alert = "unknown_ca", alert_direction = "sent",
      words = {REFUSED, "LuaSSL test intermediate",
        "the server should have sent an intermediate certificate"},
    })

  each_way("that vouches for itself", s_server "selfsigned", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 18, alert = "unknown_ca", alert_direction = "sent",
    words = {REFUSED, "self-signed", "ca_certs"},
  })

  each_way("whose certificate is for clients", s_server "client", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 26, alert = "unsupported_certificate",
    alert_direction = "sent",
    words = {REFUSED, "purpose", "extensions do not allow it for this use"},
  })

  each_way("of another name, and tells which it has", s_server "rsa", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 62, alert = "bad_certificate", alert_direction = "sent",
    name = "www.other.example",
    words = {REFUSED, "the name asked for is www.other.example",
      "the certificate is valid for localhost, 127.0.0.1"},
    peer = "alert bad certificate",
  })

  each_way("of another address", s_server "other", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 64, alert = "bad_certificate", alert_direction = "sent",
    name = "127.0.0.1",
    words = {REFUSED, "the name asked for is 127.0.0.1",
      "valid for other.example"},
  })

  each_way("with a name in the old place alone", s_server "noname", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 62, alert = "bad_certificate", alert_direction = "sent",
    words = {REFUSED, "holds no names", "common name does not count"},
  })

  it("no more once the advice is followed", function()
    for cert, ca in pairs {untrusted = "other-root.crt",
      selfsigned = "selfsigned.crt", chained = "intermediate.crt"} do
      local peer = helpers.s_server {cert = cert}
      for _, way in ipairs(WAYS) do
        assert(way[2](peer.port, "localhost", {ca_certs = file(ca)}))
      end
      peer:stop()
    end
  end)

  it("of another name only where a name is checked", function()
    local peer = helpers.s_server {cert = "other"}
    assert(lazily(peer.port, nil))  -- the reference's: it never checks
    assert(lazily(peer.port, "localhost", {check_hostname = false}))
    assert.is_nil((lazily(peer.port, nil, {check_hostname = true})))
    assert(by_connect(peer.port, "localhost", {check_hostname = false}))
    assert(by_connect(peer.port, "other.example"))
    peer:stop()
  end)
end)

describe("a client that meets no TLS", function()
  each_way("says that it is HTTP", python "plain", {
    kind = "plaintext", words = {"plain HTTP", "not TLS", '"HTTP/1.1 400'},
  })

  each_way("says that it is clear text, and of STARTTLS",
    greeter "220 mail.example ESMTP ready\r\n", {
      kind = "plaintext",
      words = {"clear text", "not TLS", "STARTTLS", '"220 mail.example'},
    })

  each_way("says that it is SSH", greeter "SSH-2.0-OpenSSH_9.2p1\r\n", {
    kind = "plaintext", words = {"SSH", "not TLS", '"SSH-2.0'},
  })

  each_way("says so of what is no text either", greeter "\1\2\3\4\5\6\7", {
    kind = "protocol", words = {"does not speak TLS"},
  })

  it("cannot be made to print what it should not", function()
    local peer = greeter "220 \27]0;title\7 \r\n" ()
    for _, way in ipairs(WAYS) do
      local _, err = way[2](peer.port, "localhost")
      assert.is_nil(everything(err):find "[%z\1-\9\11-\31\127]")
    end
    peer:stop()
  end)

  it("says that nobody listens, as LuaSocket does", function()
    local port = helpers.free_port()
    assert.same({nil, "connection refused"}, {ssl.connect("127.0.0.1", port)})
    assert.same({nil, "connection refused"}, {lazily(port, "localhost")})
  end)

  it("says when the server goes away", function()
    -- LuaSocket reads all there is: unread, it would make the end a reset.
    local peer = helpers.lua [[
      local listener = assert(require "socket".bind("127.0.0.1", 0))
      print("ready " .. select(2, listener:getsockname()))
      io.stdout:flush()
      while true do
        local client = assert(listener:accept())
        client:receive(1)
        client:close()
      end]]
    local port = tonumber(peer:expect "ready (%d+)\n")
    for _, way in ipairs(WAYS) do
      expect_error({kind = "eof", class = "SSLEOFError",
        words = {"closed the connection", "handshake"}},
        way[2](port, "localhost"))
    end
    peer:stop()
  end)

  it("waits for a silent server as long as it is told to", function()
    local peer = helpers.python_server "silent"
    for _, way in ipairs(WAYS) do
      expect_error({kind = "handshake_timeout",
        words = {"within 0.1 seconds", "handshake_timeout"}},
        way[2](peer.port, "localhost", {handshake_timeout = 0.1}))
    end
    assert.same({nil, "timeout"},
      {ssl.connect("127.0.0.1", peer.port, {timeout = 0.1})})
    peer:stop()
  end)
end)

describe("a client that shares nothing with the server", function()
  each_way("names the versions that it speaks", s_server("rsa", "-tls1_2"), {
    kind = "version", alert = "protocol_version", alert_direction = "received",
    words = {"this side accepts TLSv1.3 and later", "minimum_version"},
  }, {minimum_version = "TLSv1.3"})

  each_way("names the one version that it speaks", s_server("rsa", "-tls1_3"), {
    kind = "version", alert = "protocol_version", alert_direction = "received",
    words = {"this side accepts TLSv1.2 alone"},
  }, {maximum_version = "TLSv1.2"})

  each_way("says that the server's version is too old", s_server("rsa", "-tls1",
    "-cipher", "DEFAULT:@SECLEVEL=0"), {
      kind = "version", alert = "protocol_version",
      alert_direction = "received",
      words = {"this side accepts TLSv1.2 and later"},
    })

  each_way("names the options that choose ciphers", s_server("rsa", "-tls1_2",
    "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), {
      kind = "cipher", alert = "handshake_failure",
      alert_direction = "received",
      words = {"cipher", "ciphers, ciphersuites"},
    }, {ciphers = "ECDHE-RSA-AES256-GCM-SHA384"})

  each_way("names them in TLS 1.3 too", s_server("rsa", "-tls1_3",
    "-ciphersuites", "TLS_AES_128_GCM_SHA256"), {
      kind = "cipher", alert = "handshake_failure",
      alert_direction = "received",
      words = {"cipher", "ciphers, ciphersuites"},
    }, {ciphersuites = "TLS_AES_256_GCM_SHA384"})

  each_way("says so of a server without a certificate",
    s_server("rsa", "-nocert"), {
      kind = "cipher", alert = "handshake_failure",
      alert_direction = "received", words = {"cipher"},
    })
end)

describe("a client without the certificate that is asked for", function()
  local function verifying(...)
    return helpers.s_server {arguments = {"-Verify", "1",
      "-verify_return_error", "-CAfile", file "root.crt", ...}}
  end

  each_way("hears of it in the handshake of TLS 1.2",
    function() return verifying "-tls1_2" end, {
      kind = "alert", alert = "handshake_failure",
      alert_direction = "received",
      words = {"client certificate", "certfile"},
    })

  each_way("hears that its own is refused",
    function() return verifying "-tls1_2" end, {
      kind = "alert", alert = "unknown_ca", alert_direction = "received",
      words = {"does not know the CA of this side's certificate",
        "intermediate certificates belong in certfile"},
    }, {certfile = file "untrusted.pem"})

  each_way("hears that its own is for servers",
    function() return verifying "-tls1_2" end, {
      kind = "alert", alert = "unsupported_certificate",
      alert_direction = "received",
      words = {"cannot use this side's certificate for this purpose"},
    }, {certfile = file "rsa.pem"})

  -- There the client's side of the handshake ends before the server judges.
  local function first_read(options)
    local peer = verifying "-tls1_3"
    local conns = {
      assert(ssl.connect("localhost", peer.port, options)),
      assert(ssl.wrap_socket(assert(socket.connect("127.0.0.1", peer.port)),
        options)),
    }
    local results = {}
    for i, conn in ipairs(conns) do
      conn:settimeout(helpers.patience)
      local data, err = conn:read()
      assert.is_nil(data)
      assert.is_true(rawequal(err, (select(2, conn:receive "*l"))))
      assert.is_true(rawequal(err, (select(2, conn:write "x"))))
      results[i] = err
      conn:close()
    end
    peer:stop()
    return results
  end

  it("hears of it in the first read of TLS 1.3", function()
    for _, err in ipairs(first_read()) do
      expect_error({kind = "alert", alert = "certificate_required",
        alert_direction = "received",
        words = {"client certificate", "certfile"}}, nil, err)
    end
  end)

  it("hears of a refused one in the first read of TLS 1.3", function()
    for _, err in ipairs(first_read {certfile = file "untrusted.pem"}) do
      expect_error({kind = "alert", alert = "unknown_ca",
        alert_direction = "received",
        words = {"does not know the CA of this side's certificate"}}, nil, err)
    end
  end)

  it("hears nothing of it with a good one", function()
    local peer = verifying()
    for _, way in ipairs(WAYS) do
      assert(way[2](peer.port, "localhost", {certfile = file "client.pem"}))
    end
    peer:stop()
  end)
end)
