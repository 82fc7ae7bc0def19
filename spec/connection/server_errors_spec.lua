-- The errors of servers, as `accept` and `wrap_socket` give them, with clients
-- that are not ours: each says what is wrong, with what, and what to do.
local complaint = require "spec.support.complaint_checks"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local expect_error = complaint.expect
local file = helpers.file

local function with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

-- What a listener, and a connected socket that is wrapped, make of a client.
-- `start(port)` starts one.
local function each_server(text, start, expected, options)
  options = with({server_side = true, certfile = file "rsa.pem"}, options)

  it(text .. ", accept()", function()
    local listener = assert(ssl.wrap_socket(
      assert(socket.bind("127.0.0.1", 0)), options))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = start(port)
    expect_error(with(expected, {accepted = true}), listener:accept())
    if expected.peer then peer:expect(expected.peer) end
    peer:stop()
    listener:close()
  end)

  it(text .. ", wrap_socket", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = start(port)
    local sock = assert(listener:accept())
    sock:settimeout(helpers.patience)
    expect_error(expected, ssl.wrap_socket(sock, options))
    assert.equal(-1, sock:getfd())
    if expected.peer then peer:expect(expected.peer) end
    peer:stop()
    listener:close()
  end)
end

local function python_client(mode, ...)
  local arguments = {...}
  return function(port)
    return helpers.python_client(port, mode, {arguments = arguments})
  end
end

local function s_client(...)
  local arguments = {...}
  return function(port)
    return helpers.s_client(port, {arguments = arguments})
  end
end

-- What speaks first, in clear text.
local function talker(text)
  return function(port)
    return helpers.lua([[
      local port, text = ...
      local sock = assert(require "socket".connect("127.0.0.1", port))
      sock:send(text)
      sock:receive "*a"]], port, text)
  end
end

describe("a server tells of a client", function()
  each_server("that speaks HTTP", function(port)
    return helpers.spawn {"curl", "-s", "-m", "10", "--noproxy", "*",
      "http://127.0.0.1:" .. port .. "/"}
  end, {kind = "plaintext", words = {"plain HTTP", "not TLS", '"GET / HTTP'}})

  each_server("that speaks clear text", talker "EHLO client.example\r\n",
    {kind = "plaintext", words = {"clear text", "not TLS", '"EHLO client'}})

  each_server("that comes through a proxy",
    talker "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    {kind = "plaintext", words = {"PROXY protocol", "before TLS"}})

  each_server("that speaks something else", talker "\1\2\3\4\5\6\7\8\9\10\11",
    {kind = "protocol", words = {"does not speak TLS"}})

  each_server("that says nothing", python_client "silent", {
    kind = "handshake_timeout",
    words = {"did not complete the handshake"},
  }, {handshake_timeout = 0.1})

  each_server("that leaves", function(port)
    local sock = assert(socket.connect("127.0.0.1", port))
    sock:close()
    return {stop = function() end}
  end, {kind = "eof", class = "SSLEOFError",
    words = {"closed the connection", "handshake"}})

  each_server("that is too old", s_client("-tls1_2"), {
    kind = "version", alert = "protocol_version", alert_direction = "sent",
    words = {"version", "this side accepts TLSv1.3 and later"},
    peer = "alert protocol version",
  }, {minimum_version = "TLSv1.3"})

  each_server("that is much too old",
    s_client("-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"), {
      kind = "version", alert = "protocol_version", alert_direction = "sent",
      words = {"version", "this side accepts TLSv1.2 and later",
        'ciphers="DEFAULT:@SECLEVEL=0"'},
    })

  each_server("that has no cipher for it",
    s_client("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), {
      kind = "cipher", alert = "handshake_failure", alert_direction = "sent",
      words = {"no cipher that both sides accept", "ciphers"},
      peer = "alert handshake failure",
    })

  each_server("that has no cipher suite for it",
    s_client("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"), {
      kind = "cipher", alert = "handshake_failure", alert_direction = "sent",
      words = {"no cipher that both sides accept", "ciphersuites"},
    }, {ciphersuites = "TLS_AES_256_GCM_SHA384"})

  each_server("that has no protocol for it", s_client("-alpn", "h2"), {
    kind = "alpn", alert = "no_application_protocol", alert_direction = "sent",
    words = {"application protocol", "alpn_protocols"},
    peer = "alert no application protocol",
  }, {alpn_protocols = {"http/1.1"}})

  each_server("that does not trust it", python_client "talk", {
    kind = "alert", alert = "unknown_ca", alert_direction = "received",
    words = {"does not know the CA of this side's certificate",
      "intermediate certificates belong in certfile"},
    peer = "failed:",
  }, {certfile = file "untrusted.pem"})
end)

describe("a server that asks for a certificate tells of a client", function()
  local asks = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}

  for version, alert in pairs {["-tls1_2"] = "handshake_failure",
    ["-tls1_3"] = "certificate_required"} do
    each_server("without one, " .. version, s_client(version), {
      kind = "no_certificate", alert = alert, alert_direction = "sent",
      words = {"no certificate", "cert_reqs"},
      peer = "alert " .. alert:gsub("_", " "),
    }, asks)
  end

  local function with_certificate(name)
    return s_client("-cert", file(name .. ".crt"),
      "-key", file(name .. ".key"))
  end

  each_server("whose CA is unknown", with_certificate "untrusted", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 20, alert = "unknown_ca", alert_direction = "sent",
    words = {"the client's certificate is refused", "LuaSSL other root",
      "ca_certs"},
    peer = "alert unknown ca",
  }, asks)

  each_server("whose certificate is for servers", with_certificate "rsa", {
    class = "SSLCertVerificationError", kind = "verification",
    verify_code = 26, alert = "unsupported_certificate",
    alert_direction = "sent",
    words = {"the client's certificate is refused",
      "extensions do not allow it for this use"},
  }, asks)

  it("nothing when it has a good one", function()
    local listener = assert(ssl.wrap_socket(
      assert(socket.bind("127.0.0.1", 0)),
      with({server_side = true, certfile = file "rsa.pem"}, asks)))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local bad = helpers.python_client(port, "talk")
    expect_error({kind = "no_certificate", accepted = true,
      alert = "certificate_required", alert_direction = "sent",
      words = {"no certificate"}}, listener:accept())
    bad:stop()
    local peer = helpers.python_client(port, "talk",
      {arguments = {"--cert", file "client.pem"}})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert.equal("hello", (conn:receive()))
    conn:close()
    listener:close()
    peer:wait()
  end)
end)

describe("a server without a certificate", function()
  it("is not made by wrap_socket", function()
    local sock = socket.tcp()
    local made, err = pcall(ssl.wrap_socket, sock, {server_side = true})
    assert.is_false(made)
    assert.truthy(tostring(err):find("certfile", 1, true))
    sock:close()
  end)

  it("says so of each client", function()
    local context = assert(ssl.SSLContext {server_side = true})
    local listener = assert(ssl.wrap_socket(
      assert(socket.bind("127.0.0.1", 0)), {context = context,
        server_side = true}))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port)
    expect_error({kind = "cipher", accepted = true,
      alert = "handshake_failure", alert_direction = "sent",
      words = {"this server has no certificate", "certfile"}},
      listener:accept())
    peer:stop()
    listener:close()
  end)
end)
