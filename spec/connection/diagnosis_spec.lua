-- What is told of a handshake that failed, or of a connection that the peer
-- ended: what is the matter and what to do, for the cases in which OpenSSL's
-- words lead elsewhere.
local complaint = require "spec.support.complaint_checks"
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local expect_error = complaint.expect
local file = helpers.file

local function read(name)
  return helpers.read_file(file(name))
end


-- The errors of both sides, the client's from its first read if need be.
local function refused(options)
  local client, server = helpers.pair(options)
  local ok, theirs, ours = helpers.handshake(client, server)
  assert.is_nil(ok)
  if not theirs then
    ok, theirs = client:read()
    assert.is_nil(ok)
  end
  client:close()
  server:close()
  return theirs, ours
end

describe("a certificate with a malformed extension", function()
  local function issue(extensions)
    local config = helpers.temp_file("[e]\n" .. extensions .. "\n")
    local request, path = helpers.temp_name(), helpers.temp_name()
    for _, argv in ipairs {
      {"openssl", "req", "-new", "-config", file "pki.conf", "-key", file "rsa.key", "-subj", "/CN=x",
        "-out", request},
      {"openssl", "x509", "-req", "-in", request, "-CA", file "root.crt", "-CAkey", file "root.key",
        "-CAcreateserial", "-days", "20", "-extfile", config, "-extensions", "e", "-out", path},
    } do
      local peer = helpers.spawn(argv, {env = {SAN = "DNS:localhost"}})
      assert.equal(0, peer:wait(), peer:output())
    end
    return path
  end

  local function told_of(certfile, keyfile)
    local err = refused {server = {certfile = certfile, keyfile = keyfile}}
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.equal("verification", err.kind)
    assert.is_nil(err:find("not known here", 1, true))
    return err
  end

  it("names it, instead of saying that its issuer is not known", function()
    for extension, name in pairs {
      ["subjectAltName = DER:0102"] = "X509v3 Subject Alternative Name",
      ["subjectAltName = DNS:localhost\nbasicConstraints = DER:0500"] = "X509v3 Basic Constraints",
      ["subjectAltName = DNS:localhost\nkeyUsage = DER:0500"] = "X509v3 Key Usage",
      ["subjectAltName = DNS:localhost\nextendedKeyUsage = DER:0500"] = "X509v3 Extended Key Usage",
    } do
      local err = told_of(issue(extension), file "rsa.key")
      assert.truthy(err:find("the certificate is malformed, its extension " .. name .. " cannot be read", 1, true),
        tostring(err))
    end
  end)

  it("or with one twice, names that", function()
    local path = craft.patched({san = "DNS:localhost", arguments = {"-addext", "issuerAltName=DNS:localhost"}},
      "\85\29\18", "\85\29\17")  -- id-ce-issuerAltName to subjectAltName
    local err = told_of(path)
    assert.truthy(err:find("its extension X509v3 Subject Alternative Name is there twice", 1, true), tostring(err))
  end)

  it("or with a critical one that nobody knows, names that", function()
    local path = issue "subjectAltName = DNS:localhost\n1.2.3.4 = critical, DER:0500"
    local err = told_of(path, file "rsa.key")
    assert.equal(34, err.verify_code)
    assert.truthy(err:find("it is 1.2.3.4", 1, true), tostring(err))
  end)
end)

describe("a name in the wrong kind of entry", function()
  local function told(san, name)
    local path, pem = craft.certificate {san = san}
    local err = refused {host = name, server = {certfile = path}, client = {ca_data = pem}}
    assert.equal("verification", err.kind)
    return err
  end

  local function names(san, name, entry, wanted)
    local err = told(san, name)
    assert.truthy(err:find("its entry " .. entry .. " does not count for ", 1, true), tostring(err))
    assert.truthy(err:find("the certificate needs an entry " .. wanted, 1, true), tostring(err))
  end

  it("is told with the entry that is wanted", function()
    names("DNS:127.0.0.1", "127.0.0.1", "DNS:127.0.0.1", "IP:127.0.0.1")
    names("DNS:a.example,URI:https://127.0.0.1/", "127.0.0.1", "URI:https://127.0.0.1/", "IP:127.0.0.1")
    names("DNS:::1", "::1", "DNS:::1", "IP:::1")
    names("URI:https://localhost:443/x", "localhost", "URI:https://localhost:443/x", "DNS:localhost")
    names("DNS:https://localhost", "localhost", "DNS:https://localhost", "DNS:localhost")
    names("DNS:LOCALHOST:443", "localhost", "DNS:LOCALHOST:443", "DNS:localhost")
    names("email:localhost", "localhost", "email:localhost", "DNS:localhost")
  end)

  it("is not told of other names", function()
    for _, san in ipairs {"DNS:*.localhost", "DNS:xlocalhost,DNS:localhost.example", "URI:https://a.localhost.example/",
      "DNS:local", "IP:127.0.0.1", "email:localhost1"} do
      assert.is_nil((told(san, "localhost"):find("does not count for", 1, true)), san)
    end
    assert.is_nil((told("DNS:1127.0.0.1,DNS:127.0.0.10", "127.0.0.1"):find("does not count for", 1, true)))
  end)

  it("shows nothing of it that would not print", function()
    -- SEQUENCE { [2] "localhost\27[2J", [6] "//localhost\27[2J" }
    local err = told("DER:3020820d6c6f63616c686f73741b5b324a860f2f2f6c6f63616c686f73741b5b324a", "localhost")
    assert.is_nil(err:find "%c", tostring(err))
    assert.truthy(err:find("its entry DNS:localhost?[2J does not count", 1, true), tostring(err))
  end)
end)

describe("a renegotiation that is refused", function()
  for _, key in ipairs {"r", "R"} do
    it("is told by a client, by name: no certificate of it is missing, " .. key, function()
      local peer = helpers.s_server {arguments = {"-tls1_2"}}
      local conn = assert(ssl.connect("127.0.0.1", peer.port, {server_hostname = "localhost"}))
      conn:settimeout(helpers.patience)
      peer:write(key .. "\n")
      local result, err = conn:receive()
      expect_error({kind = "alert", alert = "handshake_failure", alert_direction = "received",
        words = {"renegotiation), which is refused here", "has to ask in the first handshake"}}, result, err)
      assert.is_nil(err:find("certfile", 1, true))
      conn:close()
      peer:stop()
    end)
  end

  it("is told by a server", function()
    local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)),
      {server_side = true, certfile = file "rsa.pem"}))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port, {arguments = {"-tls1_2"}})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert(conn:send "hello\n")
    peer:expect "(hello)"
    peer:write "R\n"
    local result, err = conn:receive()
    expect_error({kind = "alert", alert = "handshake_failure", alert_direction = "received",
      words = {"renegotiation), which is refused here"}}, result, err)
    peer:stop()
    conn:close()
    listener:close()
  end)
end)

describe("a chain above 100 KiB", function()
  local long = ("\n" .. read "root.crt"):rep(300)

  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    it("of a server is told by both sides, " .. version, function()
      local client, server = refused {server = {certfile = helpers.temp_file(read "rsa.pem" .. long),
        maximum_version = version}}
      expect_error({kind = "protocol", alert = "illegal_parameter", alert_direction = "sent",
        words = {"of a certificate chain 100 KiB are accepted", "fewer certificates"}}, nil, client)
      expect_error({kind = "alert", alert = "illegal_parameter", alert_direction = "received",
        words = {"this side's certificate chain (certfile)", "100 KiB"}}, nil, server)
    end)

    it("of a client is told by both sides, " .. version, function()
      local client, server = refused {client = {certfile = helpers.temp_file(read "client.pem" .. long),
        certificate_compression = {}},
        server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", maximum_version = version}}
      expect_error({kind = "protocol", alert = "illegal_parameter", alert_direction = "sent",
        words = {"of a certificate chain 100 KiB are accepted"}}, nil, server)
      expect_error({kind = "alert", alert = "illegal_parameter", alert_direction = "received",
        words = {"this side's certificate chain (certfile)"}}, nil, client)
    end)
  end
end)

describe("a server without a certificate", function()
  it("is told first, whoever comes", function()
    local listener = assert(assert(ssl.create_default_context {server_side = true})
      :wrap_socket(assert(socket.bind("127.0.0.1", 0))))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    for version, alert in pairs {["-tls1_2"] = "handshake_failure", ["-tls1_3"] = "protocol_version",
      ["-no_ticket"] = "handshake_failure"} do
      local peer = helpers.s_client(port, {arguments = {version}})
      expect_error({kind = "cipher", accepted = true, alert = alert, alert_direction = "sent",
        words = {"handshake: this server has no certificate: give its context one by certfile and keyfile"}},
        listener:accept())
      peer:stop()
    end
    listener:close()
  end)
end)

describe("a client certificate that is asked for", function()
  it("and missing is told, in TLS 1.3 by the first read", function()
    local peer = helpers.s_server {arguments = {"-tls1_3", "-Verify", "1", "-CAfile", file "root.crt"}}
    local conn = assert(ssl.connect("127.0.0.1", peer.port, {server_hostname = "localhost"}))
    conn:settimeout(helpers.patience)
    local words = {"it asks for a client certificate: give one by certfile and keyfile"}
    local result, err = conn:receive()
    expect_error({kind = "alert", alert = "certificate_required", alert_direction = "received", words = words},
      result, err)
    conn:close()
    peer:stop()
    peer = helpers.s_server {arguments = {"-tls1_2", "-Verify", "1", "-CAfile", file "root.crt"}}
    result, err = ssl.connect("127.0.0.1", peer.port, {server_hostname = "localhost"})
    expect_error({kind = "alert", alert = "handshake_failure", alert_direction = "received", words = words},
      result, err)
    peer:stop()
  end)

  it("and there, but of no use to the server, is told", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local client = refused {client = {certfile = file "client.pem"},
        server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt", maximum_version = version,
          sigalgs = "RSA-PSS+SHA256:RSA+SHA256"}}
      assert.truthy(client:find("this side's (certfile) does not fit the algorithms it accepts", 1, true),
        tostring(client))
    end
  end)
end)

describe("minimum_version below TLSv1.2 alone", function()
  local LEGACY = "DEFAULT:@SECLEVEL=0"

  it("says which ciphers it needs, of a client", function()
    local peer = helpers.s_server {arguments = {"-tls1", "-cipher", LEGACY}}
    local result, err = ssl.connect("127.0.0.1", peer.port,
      {server_hostname = "localhost", minimum_version = "TLSv1"})
    assert.is_nil(result)  -- OpenSSL 3.0 offers TLS 1.0 nevertheless
    assert.truthy(err.kind == "cipher" or err.kind == "version", err.kind)
    assert.truthy(err:find("versions before TLSv1.2 also need ciphers=\"" .. LEGACY .. "\" here", 1, true),
      tostring(err))
    local conn = assert(ssl.connect("127.0.0.1", peer.port,
      {server_hostname = "localhost", minimum_version = "TLSv1", ciphers = LEGACY}))
    assert.equal("TLSv1", conn:version())
    conn:close()
    peer:stop()
  end)

  it("says it of a server", function()
    local _, err = refused {server = {minimum_version = "TLSv1"},
      client = {minimum_version = "TLSv1", maximum_version = "TLSv1", ciphers = LEGACY}}
    assert.truthy(err:find("versions before TLSv1.2 also need ciphers=\"" .. LEGACY .. "\" here", 1, true),
      tostring(err))
  end)
end)
