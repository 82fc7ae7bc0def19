-- Public keys without certificates (RFC 7250) with openssl and GnuTLS.
local helpers = require "spec.support.helpers"
local records = require "spec.support.tlsa_records"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local UNKNOWN = 95

local function spki(leaf, form)
  return ssl.load_certificates(helpers.read_file(file(leaf .. ".crt")))[1]:spki(form)
end

local function connect(port, options)
  local all = {timeout = helpers.patience, server_hostname = "other.example"}
  for name, value in pairs(options) do all[name] = value end
  local conn, err = ssl.connect("127.0.0.1", port, all)
  if conn then conn:settimeout(helpers.patience) end
  return conn, err
end

local function listen(options)
  local all = {server_side = true, certfile = file "rsa.pem"}
  for name, value in pairs(options or {}) do all[name] = value end
  local listener = assert(assert(ssl.create_default_context(all)):wrap_socket(assert(socket.bind("127.0.0.1", 0))))
  listener:settimeout(helpers.patience)
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

local function accept(listener)
  local conn, err = listener:accept()
  listener:close()
  if conn then conn:settimeout(helpers.patience) end
  return conn, err
end

-- The key, and another.
local function each_key(body)
  for _, leaf in ipairs {"rsa", "ecdsa"} do body(spki(leaf, "pem"), leaf == "rsa") end
end

if not ssl.HAS.RAW_PUBLIC_KEYS then
  describe("public keys without certificates", function()
    it("are refused before anything is sent, where OpenSSL has none", function()
      local peer = helpers.s_server()
      local conn, err = connect(peer.port, {peer_public_keys = {spki "rsa"}})
      assert.is_nil(conn)
      assert.equal("unsupported", err.kind)
      assert.is_nil(peer:output():find("CONNECTION", 1, true))
      peer:stop()
    end)
  end)
else
  for _, version in ipairs {"tls1_2", "tls1_3"} do
    describe("public keys without certificates and openssl, " .. version .. ":", function()
      it("s_server's is good if it was given", function()
        local peer = helpers.s_server {arguments = {"-rev", "-enable_server_rpk", "-" .. version}}
        each_key(function(key, good)
          local conn, err = connect(peer.port, {peer_public_keys = {key}})
          assert.equal(good, conn ~= nil)
          if good then
            assert.equal("public_key", conn:authenticated_by())
            assert(conn:send "hello\n")
            assert.equal("olleh", conn:receive())
            conn:close()
          else
            assert.equal(UNKNOWN, err.verify_code)
            peer:expect "alert certificate unknown"
          end
        end)
        local tlsa = records.record("rsa.crt", 3, 1, 1)
        local conn = assert(connect(peer.port, {peer_certificate_types = {"raw_public_key"}, tlsa = {tlsa}}))
        assert.equal("public_key", conn:authenticated_by())
        assert.same(tlsa, (conn:tlsa_match()))
        conn:close()
        local err
        conn, err = connect(peer.port, {peer_certificate_types = {"raw_public_key"},
          tlsa = {records.record("ecdsa.crt", 3, 1, 1)}})
        assert.is_nil(conn)
        assert.equal(65, err.verify_code)
        peer:stop()
      end)

      it("s_server without it shows a certificate, which is refused", function()
        local peer = helpers.s_server {arguments = {"-rev", "-" .. version}}
        local conn, err = connect(peer.port, {peer_public_keys = {spki "rsa"}, ca_certs = file "root.crt"})
        assert.is_nil(conn)
        assert.is_true(err:is(ssl.SSLCertVerificationError) or err.kind == "alert", tostring(err))
        peer:stop()
      end)

      it("ours is good for s_client by a TLSA record", function()
        for _, leaf in ipairs {"rsa", "ecdsa"} do
          local listener, port = listen {certificate_types = {"raw_public_key"}}
          local peer = helpers.spawn({"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-" .. version,
            "-enable_server_rpk", "-verify_return_error", "-dane_tlsa_domain", "other.example", "-dane_tlsa_rrdata",
            "3 1 1 " .. records.hex(records.data(leaf .. ".crt", 1, 1))}, {input = true})
          local conn = accept(listener)
          if leaf == "rsa" then
            assert(conn)
            assert.is_nil(conn:local_certificate())
            assert(conn:send "hello\n")
            peer:expect "hello"
            assert.matches("raw public key", peer:output():lower())
            assert.matches("Verification: OK", peer:output())
          else
            if conn then conn:read() end
            peer:expect "verify failed"
          end
          if conn then conn:close() end
          peer:close_input()
          peer:wait()
        end
      end)

      it("s_client's is good if it was given, and others hear certificate_unknown", function()
        for _, leaf in ipairs {"client", "ecdsa"} do
          local listener, port = listen {peer_public_keys = {spki "client"}}
          local peer = helpers.s_client(port, {arguments = {"-" .. version, "-enable_client_rpk",
            "-cert", file(leaf .. ".crt"), "-key", file(leaf .. ".key")}})
          local conn, err = accept(listener)
          if leaf == "client" then
            assert(conn, tostring(err))
            assert.equal("public_key", conn:authenticated_by())
            assert.equal(spki "client", (conn:peer_public_key()))
            assert(conn:send "hello\n")
            peer:expect "hello"
            conn:close()
          else
            assert.equal(UNKNOWN, err.verify_code)
            peer:expect "alert certificate unknown"
          end
          peer:close_input()
          peer:wait()
        end
      end)

      it("our client's is good for s_server", function()
        local peer = helpers.s_server {arguments = {"-enable_client_rpk", "-Verify", "1", "-" .. version}}
        local conn = assert(connect(peer.port, {ca_certs = file "root.crt", server_hostname = "localhost",
          certfile = file "client.pem", certificate_types = {"raw_public_key"}}))
        assert(conn:send "hello\n")
        peer:expect "hello"
        assert.is_nil(conn:local_certificate())
        peer:expect "Client raw public key"
        conn:close()
        peer:stop()
      end)
    end)
  end

  describe("public keys without certificates and GnuTLS:", function()
    local RAW = "NORMAL:-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK"

    local function raw(leaf)
      return "--rawpkkeyfile", file(leaf .. ".key"), "--rawpkfile", helpers.temp_file(spki(leaf, "pem"))
    end

    it("gnutls-serv's is good if it was given", function()
      local port = helpers.free_port()
      local peer = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--priority",
        "NORMAL:-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-X509", "--disable-client-cert", raw "rsa"}
      helpers.wait_for_port(port)
      each_key(function(key, good)
        local conn, err = connect(port, {peer_public_keys = {key}})
        assert.equal(good, conn ~= nil, tostring(err))
        if good then
          assert(conn:send "hello\n")
          assert.equal("hello", conn:receive())
          assert.equal("public_key", conn:authenticated_by())
          conn:close()
        else assert.equal(UNKNOWN, err.verify_code) end
      end)
      peer:stop()
    end)

    it("gnutls-cli's is good if it was given, and takes ours", function()
      for _, leaf in ipairs {"client", "ecdsa"} do
        local listener, port = listen {peer_public_keys = {spki "client"}, certificate_types = {"raw_public_key"}}
        local peer = helpers.spawn({"gnutls-cli", "--priority", RAW, "--no-ca-verification", "-p", port, "127.0.0.1",
          raw(leaf)}, {input = true})
        local conn, err = accept(listener)
        if leaf == "client" then
          assert(conn, tostring(err) .. peer:output())
          assert.equal("public_key", conn:authenticated_by())
          assert.equal(spki "client", (conn:peer_public_key()))
          assert.is_nil(conn:local_certificate())
          assert(conn:send "hello\n")
          peer:expect "hello"
          conn:close()
        else assert.equal(UNKNOWN, err.verify_code) end
        peer:close_input()
        peer:wait()
      end
    end)
  end)
end
