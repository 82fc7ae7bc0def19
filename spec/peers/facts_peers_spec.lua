-- Channel bindings and keying material are those of openssl, Python and GnuTLS
-- at the other end.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local VERSIONS = {["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3"}
local LABEL, SIZE = "EXPERIMENTAL-of-two", 48

local function hex(bytes)
  return bytes and (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function client_of(version)
  return resuming.client {minimum_version = version, maximum_version = version}
end

local function connect(context, port, options)
  local sock = assert(socket.connect("127.0.0.1", port))
  options = options or {}
  options.server_hostname = "localhost"
  local conn = assert(context:wrap_socket(sock, options))
  conn:settimeout(helpers.patience)
  return conn
end

-- A listening server of ours, and its port.
local function listen(version, more)
  local options = {minimum_version = version, maximum_version = version}
  for name, value in pairs(more or {}) do options[name] = value end
  local server = assert(resuming.server(options):wrap_socket(assert(socket.bind("127.0.0.1", 0)),
    {server_side = true}))
  server:settimeout(helpers.patience)
  return server, select(2, server:getsockname())
end

describe("what binds to a connection is the same at the other end:", function()
  for version, flag in pairs(VERSIONS) do
    it("keys with openssl s_server, " .. version, function()
      local peer = helpers.s_server {arguments = {flag, "-keymatexport", LABEL, "-keymatexportlen", SIZE}}
      local conn = connect(client_of(version), peer.port)
      local theirs = peer:expect "Keying material: (%x+)"
      assert.equal(hex(conn:export_keying_material(LABEL, SIZE)):upper(), theirs)
      conn:close()
      peer:stop()
    end)

    it("keys with openssl s_client, and its group and signature, " .. version, function()
      local server, port = listen(version, {groups = "X25519"})
      local peer = helpers.s_client(port, {arguments = {flag, "-keymatexport", LABEL, "-keymatexportlen", SIZE}})
      local conn = assert(server:accept())
      local theirs = peer:expect "Keying material: (%x+)"
      assert.equal(hex(conn:export_keying_material(LABEL, SIZE)):upper(), theirs)
      local said = peer:output()  -- in words that change from release to release
      assert.truthy(said:find "Temp Key: X25519" or said:find "group: X25519\n", said)
      assert.equal("x25519", conn:group():lower())
      assert.truthy(said:find "signature type: RSA%-PSS" or said:find "signature type: rsa_pss_rsae_sha256", said)
      assert.equal("rsa_pss_rsae_sha256", conn:signature_algorithm "own")
      conn:close()
      server:close()
      peer:stop()
    end)

    it("bindings with gnutls-cli, " .. version, function()
      local server, port = listen(version)
      local priority = "NORMAL:-VERS-ALL:+VERS-" .. (version:gsub("v", ""))
      local peer = helpers.spawn({"gnutls-cli", "-V", "--port", port, "--x509cafile", helpers.file "root.crt",
        "--priority", priority, "localhost"}, {input = true})
      local conn = assert(server:accept())
      local kinds = {"tls-exporter", "tls-server-end-point"}
      if version == "TLSv1.2" then kinds[3] = "tls-unique" end
      for _, kind in ipairs(kinds) do
        local theirs = peer:expect("'" .. kind:gsub("%-", "%%-") .. "': (%x+)")
        assert.equal(hex(conn:get_channel_binding(kind)), theirs, kind)
      end
      conn:close()
      server:close()
      peer:stop()
    end)
  end

  it("tls-unique with a Python client, resumed too", function()
    local server, port = listen "TLSv1.2"
    local peer = helpers.spawn {"python3", "spec/peers/binding.py", "client", port, helpers.file "root.crt"}
    for _, reused in ipairs {"False", "True"} do
      local conn = assert(server:accept())
      assert(conn:send ".")
      local theirs, resumed = peer:expect("unique (%x+) (" .. reused .. ")\n")
      assert.equal(reused, resumed)
      assert.equal(theirs, hex(conn:get_channel_binding "tls-unique"))
      conn:close()
    end
    assert.equal(0, peer:wait())
    server:close()
  end)

  it("tls-unique with a Python server, resumed too", function()
    local peer = helpers.spawn {"python3", "spec/peers/binding.py", "server", helpers.file "rsa.pem"}
    local port = tonumber((peer:expect "ready (%d+)\n"))
    local context, session = client_of "TLSv1.2", nil
    for _, reused in ipairs {"False", "True"} do
      local conn = connect(context, port, {session = session})
      local theirs = peer:expect("unique (%x+) " .. reused .. "\n")
      assert.equal(theirs, hex(conn:get_channel_binding "tls-unique"))
      session = conn:session()
      conn:close()
    end
    assert.equal(0, peer:wait())
  end)

  it("nothing where a peer cannot keep connections apart (RFC 7627)", function()
    local server, port = listen "TLSv1.2"
    local peer = helpers.spawn({"gnutls-cli", "--port", port, "--x509cafile", helpers.file "root.crt", "--priority",
      "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH", "--resume", "localhost"}, {input = true})
    local conn = assert(server:accept())
    assert.is_nil(conn:get_channel_binding "tls-exporter")
    assert.equal(12, #conn:get_channel_binding "tls-unique")
    conn:close()
    conn = assert(server:accept())
    assert.is_true(conn:session_reused())
    assert.is_nil(conn:get_channel_binding "tls-exporter")
    assert.is_nil(conn:get_channel_binding "tls-unique")
    conn:close()
    server:close()
    peer:stop()
  end)

  it("the server's certificate with a client that resumes without tickets", function()
    local server, port = listen "TLSv1.2"
    local path = helpers.temp_name()
    local certificate = ssl.load_certificates(helpers.read_file(helpers.file "rsa.crt"))[1]
    local wanted = certificate:digest "sha256":gsub(":", ""):lower()
    for _, flag in ipairs {"-sess_out", "-sess_in"} do
      local peer = helpers.s_client(port, {arguments = {"-tls1_2", "-no_ticket", flag, path}})
      local conn = assert(server:accept())
      assert.equal(flag == "-sess_in", conn:session_reused())
      assert.equal(wanted, hex(conn:get_channel_binding "tls-server-end-point"))
      peer:close_input()
      conn:close()
      peer:wait()
    end
    server:close()
  end)
end)
