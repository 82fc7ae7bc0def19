-- DANE with other programs: servers that openssl and GnuTLS run, records that
-- openssl and danetool make, through every way to connect.
local helpers = require "spec.support.helpers"
local records = require "spec.support.tlsa_records"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file, record = helpers.file, records.record

-- What danetool says: hexadecimal digits.
local function by_danetool(leaf, arguments)
  local argv = {"danetool", "--tlsa-rr", "--host", "localhost", "--load-certificate", file(leaf .. ".crt")}
  for _, argument in ipairs(arguments) do argv[#argv + 1] = argument end
  local peer = helpers.spawn(argv)
  assert(peer:wait() == 0, peer:output())
  local usage, selector, matching, data = peer:expect "TLSA %( (%x%x) (%x%x) (%x%x) (%x+) %)"
  return {tonumber(usage, 16), tonumber(selector, 16), tonumber(matching, 16), data}
end

-- The ways to a connection, each with what it needs besides tlsa.
local WAYS = {
  ["ssl.connect"] = function(port, options)
    local own = {}
    for name, value in pairs(options) do own[name] = value end
    own.timeout = helpers.patience
    return ssl.connect("localhost", port, own)
  end,
  ["wrap_socket"] = function(port, options)
    local own = {}
    for name, value in pairs(options) do own[name] = value end
    own.server_hostname = own.server_hostname or "localhost"
    local sock = assert(socket.connect("127.0.0.1", port))
    sock:settimeout(helpers.patience)
    return ssl.wrap_socket(sock, own)
  end,
  ["wrap_socket, then connect"] = function(port, options)
    local sock = assert(socket.tcp())
    sock:settimeout(helpers.patience)
    local conn = assert(ssl.wrap_socket(sock, options))
    local done, err = conn:connect("localhost", port)
    if done then return conn end
    conn:close()
    return nil, err
  end,
}

local function s_server(version)
  return helpers.s_server {arguments = {"-rev", "-" .. version, "-cert_chain", file "root.crt"}}
end

for way, connect in pairs(WAYS) do
  describe(way .. " by TLSA records", function()
    for _, version in ipairs {"tls1_2", "tls1_3"} do
      it("and openssl s_server, " .. version, function()
        local peer = s_server(version)
        for _, tlsa in ipairs {record("rsa.crt", 3, 1, 1), record("rsa.crt", 3, 0, 2), record("root.crt", 2, 0, 1)} do
          local conn = assert(connect(peer.port, {tlsa = {tlsa}}))
          assert(conn:send "hello\n")
          assert.equal("olleh", conn:receive())
          assert.same(tlsa, (conn:tlsa_match()))
          conn:close()
        end
        for _, tlsa in ipairs {record("ecdsa.crt", 3, 1, 1), record("other-root.crt", 2, 0, 1)} do
          local conn, err = connect(peer.port, {tlsa = {tlsa}})
          assert.is_nil(conn)
          assert.equal(65, err.verify_code)
        end
        local conn, err = connect(peer.port, {tlsa = {record("root.crt", 2, 0, 1)}, server_hostname = "other.example"})
        assert.is_nil(conn)
        assert.equal(62, err.verify_code)
        conn, err = connect(peer.port, {tlsa = {record("rsa.crt", 3, 1, 1)}, tlsa_check_hostname = true,
          server_hostname = "other.example"})
        assert.is_nil(conn)
        assert.equal(62, err.verify_code)
        assert(connect(peer.port, {tlsa = {record("rsa.crt", 3, 1, 1)}, server_hostname = "other.example"})):close()
        peer:expect "alert bad certificate"  -- it heard of it
        peer:stop()
      end)
    end
  end)
end

describe("TLSA records by danetool", function()
  for title, case in pairs {
    ["of a certificate"] = {"ecdsa", {"--domain", "--x509"}, {3, 0, 1}},
    ["of a key"] = {"ecdsa", {"--domain"}, {3, 1, 1}},
    ["of SHA-512"] = {"ecdsa", {"--domain", "--hash", "sha512"}, {3, 1, 2}},
    ["of an authority"] = {"root", {"--ca", "--domain"}, {2, 1, 1}},
  } do
    it(title .. " are for gnutls-serv", function()
      local tlsa = by_danetool(case[1], case[2])
      assert.same(case[3], {tlsa[1], tlsa[2], tlsa[3]})
      local port = helpers.free_port()
      local chain = helpers.temp_file(helpers.read_file(file "ecdsa.crt") .. helpers.read_file(file "root.crt"))
      local peer = helpers.spawn {"gnutls-serv", "--echo", "-p", port, "--disable-client-cert", "--x509certfile", chain,
        "--x509keyfile", file "ecdsa.key"}
      helpers.wait_for_port(port)
      local conn = assert(ssl.connect("localhost", port, {tlsa = {tlsa}, timeout = helpers.patience}))
      conn:settimeout(helpers.patience)
      assert(conn:send "hello\n")
      assert.equal("hello", conn:receive())
      assert.equal(tlsa[4], records.hex(conn:tlsa_match()[4]))
      conn:close()
      local other = by_danetool(case[1] == "root" and "other-root" or "rsa", case[2])
      local err
      conn, err = ssl.connect("localhost", port, {tlsa = {other}, timeout = helpers.patience})
      assert.is_nil(conn)
      assert.equal(65, err.verify_code)
      peer:stop()
    end)
  end
end)

describe("get_server_certificate by TLSA records", function()
  it("gives the certificate that matches, and no other", function()
    local peer = helpers.s_server()
    local pem = assert(ssl.get_server_certificate({"localhost", peer.port}, {tlsa = {record("rsa.crt", 3, 1, 1)}}))
    assert.equal(records.data("rsa.crt", 0, 0), ssl.PEM_cert_to_DER_cert(pem))
    local none, err = ssl.get_server_certificate({"localhost", peer.port}, {tlsa = {record("ecdsa.crt", 3, 1, 1)}})
    assert.is_nil(none)
    assert.equal(65, err.verify_code)
    peer:stop()
  end)
end)
