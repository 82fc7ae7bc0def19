-- Several certificates in one context, before other implementations: each is
-- shown the one that it can verify; and as a client we show the one that the
-- server asks for.
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file, read = helpers.file, helpers.read_file
local KINDS = {"rsa", "ecdsa", "ed25519"}

local function several()
  local list = {}
  for i, kind in ipairs(KINDS) do list[i] = {certfile = file(kind .. ".pem")} end
  return list
end

local PYTHON_CLIENT = [[
import socket, ssl, sys
port, ca, ciphers = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.set_ciphers(ciphers)
with socket.create_connection(("127.0.0.1", port), 10) as sock:
    with context.wrap_socket(sock, server_hostname="localhost") as conn:
        print(ssl.DER_cert_to_PEM_cert(conn.getpeercert(True)), end="")
        print(conn.recv(100))
]]

describe("a server with several certificates shows", function()
  local listener, port, context

  setup(function()
    context = assert(ssl.SSLContext {server_side = true, certificates = several()})
    listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(helpers.patience)
    port = select(2, listener:getsockname())
  end)

  teardown(function()
    listener:close()
    listener, context = nil, nil
  end)

  -- What the program prints that connects, and is answered.
  local function served(argv, input)
    local peer = helpers.spawn(argv, {input = input or ""})
    local sock = assert(listener:accept())
    sock:settimeout(helpers.patience)
    local conn, err = context:wrap_socket(sock)
    if conn then
      conn:send "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes"
      conn:shutdown "send"
      conn:receive "*a"
      conn:close()
    end
    peer:wait()
    return peer:output(), err
  end

  -- The kinds of certificates in a text.
  local function shown(text)
    for _, kind in ipairs(KINDS) do
      if text:find(read(file(kind .. ".crt")), 1, true) then return kind end
    end
  end

  it("openssl the one that its signature algorithms allow", function()
    for _, version in ipairs {"-tls1_2", "-tls1_3"} do
      for kind, sigalgs in pairs {rsa = "RSA-PSS+SHA256", ecdsa = "ECDSA+SHA256", ed25519 = "ed25519"} do
        local printed = served {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, version, "-sigalgs", sigalgs,
          "-CAfile", file "root.crt", "-verify_return_error", "-verify_hostname", "localhost"}
        assert.equal(kind, (shown(printed)), printed)
        assert.truthy(printed:find("Verify return code: 0 (ok)", 1, true))
      end
    end
  end)

  it("openssl its first choice of several", function()
    for first, sigalgs in pairs {rsa = "RSA-PSS+SHA256:ECDSA+SHA256:ed25519",
      ecdsa = "ECDSA+SHA256:RSA-PSS+SHA256:ed25519", ed25519 = "ed25519:RSA-PSS+SHA256:ECDSA+SHA256"} do
      assert.equal(first, (shown(served {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-tls1_3", "-sigalgs",
        sigalgs})))
    end
  end)

  it("openssl none where it verifies none of them", function()
    local context_of_two = assert(ssl.SSLContext {server_side = true, certificates = {several()[1], several()[2]}})
    local all = context
    context = context_of_two
    local printed, err = served {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-sigalgs", "ed25519"}
    context = all
    assert.equal("cipher", err.kind)
    assert.is_nil((shown(printed)))
  end)

  it("GnuTLS the one that its priorities allow", function()
    for kind, priority in pairs {rsa = "-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256",
      ed25519 = "-SIGN-ALL:+SIGN-EdDSA-Ed25519", ecdsa = "-SIGN-ALL:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256"} do
      local printed = served {"gnutls-cli", "--print-cert", "--priority", "NORMAL:" .. priority, "--x509cafile",
        file "root.crt", "--port", tostring(port), "--sni-hostname", "localhost", "--verify-hostname", "localhost",
        "127.0.0.1"}
      assert.truthy(printed:find("Handshake was completed", 1, true), printed)
      assert.equal(kind, (shown(printed)), printed)
    end
  end)

  it("curl the one that its ciphers of TLS 1.2 allow", function()
    for kind, cipher in pairs {rsa = "ECDHE-RSA-AES128-GCM-SHA256", ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256"} do
      local printed = served {"curl", "-sSv", "--tls-max", "1.2", "--ciphers", cipher, "--cacert", file "root.crt",
        "--noproxy", "*", "--resolve", ("localhost:%d:127.0.0.1"):format(port), ("https://localhost:%d/"):format(port)}
      assert.truthy(printed:find("SSL connection using TLSv1.2 / " .. cipher, 1, true), printed)
      assert.truthy(printed:find "yes", kind)
    end
  end)

  it("Python the one that its ciphers of TLS 1.2 allow", function()
    local program = helpers.temp_file(PYTHON_CLIENT)
    for kind, cipher in pairs {rsa = "ECDHE-RSA-AES128-GCM-SHA256", ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256"} do
      local printed = served {"python3", program, tostring(port), file "root.crt", cipher}
      assert.truthy(printed:find("200 OK", 1, true), printed)
      local pem = printed:match "%-%-%-%-%-BEGIN.-END CERTIFICATE%-%-%-%-%-\n"
      if kind == "rsa" then assert.equal(read(file "rsa.crt"), pem)
      else assert.is_true(pem == read(file "ecdsa.crt")) end
    end
  end)
end)

describe("a client with several certificates shows", function()
  local rsa_client, context

  setup(function()
    local csr, crt = helpers.temp_name(), helpers.temp_name()
    serving.openssl("req", "-new", "-key", file "rsa.key", "-subj", "/CN=an RSA client", "-out", csr)
    serving.openssl("x509", "-req", "-in", csr, "-CA", file "root.crt", "-CAkey", file "root.key", "-days", "2", "-out",
      crt)
    rsa_client = crt
    context = assert(ssl.create_default_context {ca_certs = file "root.crt", certificates = {
      {certfile = crt, keyfile = file "rsa.key"}, {certfile = file "client.pem"}}})
  end)

  teardown(function() context = nil end)

  local function connect(port)
    local conn = assert(ssl.connect("127.0.0.1", port, {context = context, server_hostname = "localhost",
      timeout = 10}))
    conn:settimeout(helpers.patience)
    return conn
  end

  it("openssl the one that it asks for", function()
    for sigalgs, name in pairs {["RSA-PSS+SHA256"] = "an RSA client", ["ECDSA+SHA256"] = "LuaSSL test client"} do
      for _, version in ipairs {"-tls1_2", "-tls1_3"} do
        local peer = helpers.s_server {arguments = {version, "-Verify", "2", "-verify_return_error", "-CAfile",
          file "root.crt", "-client_sigalgs", sigalgs}}
        local conn = connect(peer.port)
        conn:send "hello\n"
        peer:expect "hello\n"
        assert.truthy(peer:output():find("CN = " .. name, 1, true), peer:output())
        conn:close()
        peer:stop()
      end
    end
  end)

  it("GnuTLS the one that it asks for", function()
    for priority, name in pairs {["-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256"] = "an RSA client",
      ["-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-RSA-PSS-RSAE-SHA256"] = "LuaSSL test client"} do
      local port = helpers.free_port()
      local peer = helpers.spawn {"gnutls-serv", "--echo", "--port", tostring(port), "--x509certfile", file "rsa.crt",
        "--x509keyfile", file "rsa.key", "--x509cafile", file "root.crt", "--require-client-cert",
        "--verify-client-cert", "--priority", "NORMAL:" .. priority}
      helpers.wait_for_port(port)
      local conn = connect(port)
      conn:send "hello\n"
      assert.equal("hello", (conn:receive()))
      conn:close()
      peer:expect("CN=" .. name)
      peer:stop()
    end
  end)

  it("Python one that it believes", function()
    local program = helpers.temp_file [[
import socket, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=sys.argv[2])
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(sys.argv[1])
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("ready", listener.getsockname()[1], flush=True)
    sock, _ = listener.accept()
    with context.wrap_socket(sock, server_side=True) as conn:
        print(conn.getpeercert()["subject"])
        conn.sendall(conn.recv(100))
]]
    local peer = helpers.spawn {"python3", program, file "rsa.pem", file "root.crt"}
    local conn = connect(tonumber(peer:expect "ready (%d+)\n"))
    conn:send "hello\n"
    assert.equal("hello", (conn:receive()))
    conn:close()
    assert.equal(0, peer:wait(), peer:output())
    assert.truthy(peer:output():find("LuaSSL test client", 1, true) or peer:output():find("an RSA client", 1, true))
    assert.is_string(rsa_client)
  end)
end)
