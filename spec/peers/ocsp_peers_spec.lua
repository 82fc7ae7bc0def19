-- OCSP responses that `openssl ocsp` has made: other servers staple them and we judge, we staple them and other
-- clients judge.
local helpers = require "spec.support.helpers"
local ocsp = require "spec.support.ocsp"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local pki = ocsp.make()
local function made(fields)
  fields.issuer, fields.certificate = pki.inter, fields.certificate or pki.leaf
  return ocsp.made(fields)
end

local RESPONSES = {
  good = made {},
  ["good, by the issuer's key"] = made {arguments = {"-resp_key_id"}},
  ["good, by a responder"] = made {signer = pki.responder},
  ["good, by a responder's key, with SHA-384"] =
    made {signer = pki.responder, arguments = {"-resp_key_id", "-rmd", "sha384"}},
}
local REVOKED, UNKNOWN = made {status = "revoked"}, made {status = "unknown"}

-- ---- other servers ----

local function listening(argv)
  local process = helpers.spawn(argv, {input = true})
  helpers.wait_for_port(argv.port)
  process.port = argv.port
  return process
end

local SERVERS = {
  OpenSSL = function(version, leaf, file)
    local process = helpers.spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf.alone or leaf.file,
      "-key", leaf.key.file, "-cert_chain", helpers.temp_file(pki.inter.pem), "-tls" .. version:gsub("%.", "_"),
      "-status_file", file}, {input = true})
    process.port = tonumber(process:expect "ACCEPT [^\n]-:(%d+)\n")
    return process
  end,
  GnuTLS = function(version, leaf, file)
    local port = helpers.free_port()
    return listening {"gnutls-serv", "--echo", "-p", port, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" .. version,
      "--disable-client-cert", "--x509certfile", helpers.temp_file(leaf.pem .. pki.inter.pem), "--x509keyfile",
      leaf.key.file, "--ocsp-response", file, "--ignore-ocsp-response-errors", port = port}
  end,
  nginx = function(version, leaf, file)
    local port, directory = helpers.free_port(), helpers.temp_name()
    assert(helpers.spawn({"mkdir", "-p", directory .. "/logs"}):wait() == 0)
    local paths = {}
    for _, name in ipairs {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} do
      paths[#paths + 1] = ("%s_temp_path %s/%s;"):format(name, directory, name)
    end
    local configuration = helpers.temp_file(([[
      daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
      events {} http { access_log off; %s server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s;
        ssl_protocols TLSv%s; ssl_stapling on; ssl_stapling_file %s; } }]]):format(directory,
      table.concat(paths, " "), port, helpers.temp_file(leaf.pem .. pki.inter.pem), leaf.key.file, version, file))
    return listening {"nginx", "-p", directory, "-c", configuration, port = port}
  end,
}

local function connect(process, version, options)
  local all = {ca_certs = pki.ca_certs, ocsp = "require", session_cache = false, timeout = helpers.patience}
  for name, value in pairs(options or {}) do all[name] = value end
  local conn, err = ssl.connect("localhost", process.port, all)
  if conn then assert.equal("TLSv" .. version, conn:version()) end
  return conn, err
end

for name, serve in pairs(SERVERS) do
  for _, version in ipairs {"1.2", "1.3"} do
    describe(("%s's server in TLS %s"):format(name, version), function()
      it("staples good responses", function()
        for what, bytes in pairs(RESPONSES) do
          local process = serve(version, pki.leaf, helpers.temp_file(bytes))
          local conn, err = connect(process, version)
          assert(conn, what .. ": " .. tostring(err) .. process:output())
          assert.is_true(conn:ocsp_response().good)
          assert.equal(bytes, conn:ocsp_response(true))
          conn:close()
          process:stop()
        end
      end)

      it("staples bad ones, which are refused", function()
        for code, bytes in pairs {[23] = REVOKED, [75] = UNKNOWN, [74] = made {certificate = pki.client}} do
          local process = serve(version, pki.leaf, helpers.temp_file(bytes))
          local conn, err = connect(process, version, {ocsp = "request"})
          assert.is_nil(conn)
          assert.equal("ocsp", err.kind, tostring(err))
          assert.equal(code, err.verify_code, tostring(err))
          process:stop()
        end
      end)
    end)
  end
end

-- ---- a responder ----

describe("openssl's responder", function()
  -- By HTTP, as doc/ocsp.md has it.
  local function fetch(certificate, issuer, url)
    local http, ltn12 = require "socket.http", require "ltn12"
    local request, parts = assert(certificate:ocsp_request(issuer)), {}
    local done, code = http.request {url = url, method = "POST", sink = ltn12.sink.table(parts),
      source = ltn12.source.string(request), create = function()
        local sock = socket.tcp()
        sock:settimeout(helpers.patience)
        return sock
      end,
      headers = {["content-type"] = "application/ocsp-request", ["content-length"] = tostring(#request)}}
    assert.same({1, 200}, {done, code})
    return table.concat(parts)
  end

  it("answers our request, for a server's function, and is asked again by reload", function()
    local port, asked = helpers.free_port(), 0
    local index = helpers.temp_file(("V\t491231235959Z\t\t%s\tunknown\t/CN=x\n"):format(
      ocsp.number(pki.leaf)))
    local responder = helpers.spawn {"openssl", "ocsp", "-port", port, "-index", index, "-CA", helpers.temp_file(
      pki.inter.pem), "-rsigner", helpers.temp_file(pki.responder.pem), "-rkey", pki.responder.key.file, "-ndays", "2"}
    responder:expect "(waiting for OCSP client connections)"
    local far_context = assert(ssl.SSLContext {server_side = true, certfile = pki.leaf.file,
      ocsp_response = function(certificate, issuer)
        asked = asked + 1
        return fetch(certificate, issuer, "http://127.0.0.1:" .. port .. "/")
      end})
    assert.equal(1, asked)
    assert(far_context:reload())
    assert.equal(2, asked)
    local near = assert(assert(ssl.create_default_context {ca_certs = pki.ca_certs, ocsp = "require"}):wrap_object {
      server_hostname = "localhost"})
    local far = assert(far_context:wrap_object())
    assert(helpers.handshake(near, far))
    assert.equal("good", near:info().ocsp_status)
    near:close()
    helpers.pump(near, far)
    far:close()
    responder:stop()
  end)

  it("is not asked about what another has issued", function()
    local list = assert(ssl.load_certificates(pki.leaf.pem .. pki.root.pem))
    local request, err = list[1]:ocsp_request(list[2])
    assert.is_nil(request)
    assert.equal("certificate", err.kind)
    assert.equal("ocsp_request", err.operation)
  end)
end)

-- ---- other clients ----

-- One connection of our server: whether it came, or the error; and what the client printed.
local function visit(version, options, command)
  local all = {server_side = true, certfile = pki.leaf.file, minimum_version = "TLSv" .. version,
    maximum_version = "TLSv" .. version}
  for name, value in pairs(options) do all[name] = value end
  local listener = assert(assert(ssl.SSLContext(all)):wrap_socket(assert(socket.bind("127.0.0.1", 0)),
    {server_side = true}))
  listener:settimeout(helpers.patience)
  local peer = helpers.spawn(command(tostring(select(2, listener:getsockname()))), {input = ""})
  local conn, err = listener:accept()
  if conn then
    conn:settimeout(helpers.patience)
    if conn:receive() then conn:send "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nwelcome" end
    conn:close()
  end
  local status = peer:wait()
  listener:close()
  return conn ~= nil, err, status, peer:output()
end

local function s_client(port)
  return {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile", pki.ca_certs, "-status", "-servername",
    "localhost"}
end

local function gnutls(port)
  return {"gnutls-cli", "--x509cafile", pki.ca_certs, "--verify-hostname", "localhost", "--sni-hostname", "localhost",
    "--ocsp", "-p", port, "127.0.0.1"}
end

local function curl(port)
  return {"curl", "-sS", "--cert-status", "--cacert", pki.ca_certs, "--noproxy", "*", "--resolve",
    "localhost:" .. port .. ":127.0.0.1", "https://localhost:" .. port .. "/"}
end

for _, version in ipairs {"1.2", "1.3"} do
  describe("our server in TLS " .. version .. " staples what", function()
    it("openssl's client shows", function()
      for what, bytes in pairs(RESPONSES) do
        local came, err, _, output = visit(version, {ocsp_response = bytes}, s_client)
        assert(came, err)
        assert.truthy(output:find("OCSP Response Status: successful", 1, true), what .. output)
        assert.truthy(output:find("Cert Status: good", 1, true), output)
      end
      local _, _, _, output = visit(version, {}, s_client)
      assert.truthy(output:find("OCSP response: no response sent", 1, true), output)
      _, _, _, output = visit(version, {ocsp_response = REVOKED}, s_client)
      assert.truthy(output:find("Cert Status: revoked", 1, true), output)
    end)

    it("curl --cert-status accepts, and refuses", function()
      for what, bytes in pairs(RESPONSES) do
        local came, err, status, output = visit(version, {ocsp_response = bytes}, curl)
        assert(came, err)
        assert.same({0, "welcome"}, {status, output}, what)
      end
      local _, _, status, output = visit(version, {ocsp_response = REVOKED}, curl)
      assert.equal(91, status)
      assert.truthy(output:find("revocation reason: keyCompromise", 1, true), output)
      _, _, status, output = visit(version, {}, curl)
      assert.equal(91, status)
      assert.truthy(output:find("No OCSP response received", 1, true), output)
    end)

    it("GnuTLS's client accepts, and refuses", function()
      for what, bytes in pairs(RESPONSES) do
        local came, err, status, output = visit(version, {ocsp_response = bytes}, gnutls)
        assert(came, err)
        assert.truthy(output:find("OCSP status request", 1, true), what .. output)
        assert.truthy(output:find("The certificate is trusted", 1, true), what .. output)
        assert.equal(0, status, output)
      end
      local _, _, status, output = visit(version, {ocsp_response = REVOKED}, gnutls)
      assert.truthy(output:lower():find "revoked", output)
      assert.is_not_equal(0, status)
      _, _, status, output = visit(version, {certfile = pki.must.file}, gnutls)
      assert.truthy(output:lower():find "ocsp status", output)
      assert.is_not_equal(0, status)
      local came, err
      came, err, status = visit(version, {certfile = pki.must.file, ocsp_response = made {certificate = pki.must}},
        gnutls)
      assert(came, err)
      assert.equal(0, status)
    end)
  end)
end
