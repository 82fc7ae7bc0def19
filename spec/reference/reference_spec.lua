-- The reference, Python 2.6's ssl.rst: every name of it, in its order, and
-- what it says of each. What the names do beyond that is in other specs.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"
local wrapping = require "spec.support.wrap_socket_pairs"

helpers.audit()

local file = helpers.file
local connect, connected = wrapping.connect, wrapping.connected
local keep, with = wrapping.keep, wrapping.with
local refused, wrapped = wrapping.refused, wrapping.wrapped
local close_all, VERIFYING = wrapping.close_all, wrapping.VERIFYING

local function der(name)
  return assert(ssl.PEM_cert_to_DER_cert(helpers.read_file(file(name))))
end

describe("the module", function()
  it("can be tested for, as in the reference's example", function()
    local found, module = pcall(require, "luassl")
    assert.is_true(found)
    assert.equal(ssl, module)
  end)

  it("sets no global", function()
    local peer = helpers.lua [[
      require "socket"
      require "mime"
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "luassl"
      for name in pairs(_G) do
        if not before[name] then print("global " .. tostring(name)) end
      end
      print "done"]]
    peer:wait()
    assert.equal("done\n", peer:output())
  end)

  it("has the reference's functions and constants", function()
    for _, name in ipairs {"wrap_socket", "RAND_status", "RAND_egd", "RAND_add",
      "cert_time_to_seconds", "get_server_certificate", "DER_cert_to_PEM_cert",
      "PEM_cert_to_DER_cert"} do
      assert.is_function(ssl[name], name)
    end
    local seen = {}
    for _, list in ipairs {
      {"CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"},
      {"PROTOCOL_SSLv2", "PROTOCOL_SSLv23", "PROTOCOL_SSLv3",
        "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1", "PROTOCOL_TLSv1_2",
        "PROTOCOL_TLSv1_3"},
    } do
      for _, name in ipairs(list) do
        local value = ssl[name]
        assert.is_number(value, name)
        assert.is_nil(seen[value], name)
        seen[value] = name
      end
      seen = {}
    end
    assert.equal(ssl.PROTOCOL_SSLv23, ssl.PROTOCOL_TLS)
  end)

  it("tells which OpenSSL runs", function()
    assert.truthy(ssl.OPENSSL_VERSION:find "^OpenSSL [3-9]%.")
    local major, minor, patch = ssl.OPENSSL_VERSION:match
      "^OpenSSL (%d+)%.(%d+)%.(%d+)"
    assert.same({tonumber(major), tonumber(minor), tonumber(patch)},
      ssl.OPENSSL_VERSION_INFO)
    assert.truthy(ssl.OPENSSL_VERSION_NUMBER >= 0x30000000)
    assert.equal(("%d"):format(ssl.OPENSSL_VERSION_NUMBER),
      tostring(ssl.OPENSSL_VERSION_NUMBER))
  end)
end)

describe("SSLError", function()
  it("is a subtype of a socket error, itself of an IO error", function()
    local _, err = ssl.wrap_socket(keep(socket.tcp()),
      {cert_reqs = ssl.CERT_REQUIRED})
    for _, class in ipairs {ssl.SSLError, ssl.SocketError, ssl.IOError} do
      assert.is_true(err:is(class))
    end
    for _, class in ipairs {ssl.SSLEOFError, ssl.SSLSyscallError,
      ssl.SSLCertVerificationError} do
      assert.is_false(err:is(class))
    end
    local _, refusal = refused(VERIFYING, {certfile = file "untrusted.pem"})
    for _, class in ipairs {ssl.SSLError, ssl.SocketError, ssl.IOError} do
      assert.is_true(refusal:is(class))
    end
    close_all()
  end)

  it("is what assert raises", function()
    local peer = helpers.lua [[  -- for busted's assert is its own
      local ssl = require "luassl"
      local _, err = pcall(function()
        assert(ssl.wrap_socket(require "socket".tcp(),
          {cert_reqs = ssl.CERT_REQUIRED}))
      end)
      print(type(err) == "table" and err:is(ssl.SSLError)
        or err:match "'assert' %(string expected")]]
    peer:wait()
    -- error_strings_spec.lua says which assert takes nothing but strings.
    local narrow = _VERSION == "Lua 5.1" and not jit or _VERSION == "Lua 5.2"
    assert.equal(narrow and "'assert' (string expected\n" or "true\n",
      peer:output())
  end)
end)

describe("wrap_socket", function()
  after_each(close_all)

  it("verifies nothing by default, and says so", function()
    for _, name in ipairs {"expired", "untrusted", "selfsigned", "other"} do
      local client, server = connected(nil, {certfile = file(name .. ".pem")})
      assert.same({}, client:getpeercert())
      assert.equal(der(name .. ".crt"), client:getpeercert(true))
      assert.is_nil(server:getpeercert())
      assert.is_nil(server:getpeercert(true))
    end
  end)

  it("handshakes at once when the socket is connected", function()
    local peer = helpers.python_server "notify"
    local conn = keep(assert(ssl.wrap_socket(
      assert(socket.connect("127.0.0.1", peer.port)), VERIFYING)))
    assert.is_table(conn:getpeercert().subject)
    peer:expect "handshake (TLSv1)"
    peer:stop()
  end)

  it("does nothing before connect when the socket is not", function()
    local sock = socket.tcp()
    local conn = keep(assert(ssl.wrap_socket(sock, VERIFYING)))
    assert.is_nil((conn:getpeercert()))
    assert.is_nil((conn:cipher()))
    local peer = helpers.python_server "notify"
    assert.equal(1, conn:connect("127.0.0.1", peer.port))
    assert.is_table(conn:getpeercert().subject)
    peer:stop()
  end)

  it("makes accept of a listening socket give TLS sockets", function()
    local listener = keep(assert(ssl.wrap_socket(
      keep(assert(socket.bind("127.0.0.1", 0))), {server_side = true,
        certfile = file "rsa.crt", keyfile = file "rsa.key"})))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    local peer = helpers.python_client(port, "talk")
    local conn = keep(assert(listener:accept()))
    assert.equal("SSL", tostring(conn):sub(1, 3))
    assert.is_string((conn:cipher()))
    conn:settimeout(helpers.patience)
    assert.equal("hello\n", conn:read())
    assert.equal(4, conn:write "back")
    peer:expect "received b'back'"
    conn:close()
    assert.equal(0, peer:wait())
  end)

  it("takes key and certificate from one file or two, a chain from one",
    function()
      for _, options in ipairs {
        {certfile = file "rsa.pem"},
        {certfile = file "rsa.crt", keyfile = file "rsa.key"},
        {certfile = file "rsa.pem", keyfile = file "rsa.key"},
        {certfile = file "chained.pem"},
      } do
        local client = connected(VERIFYING, options)
        assert.is_table(client:getpeercert().subject)
      end
    end)

  it("needs a certificate to be a server", function()
    local sock = keep(socket.tcp())
    assert.error(function() ssl.wrap_socket(sock, {server_side = true}) end)
    assert(keep(assert(ssl.wrap_socket(sock, {server_side = true,
      cert = helpers.read_file(file "rsa.crt"),
      key = helpers.read_file(file "rsa.key")}))))
  end)

  it("identifies a client too", function()
    local peer = helpers.s_server {arguments = {"-Verify", "1",
      "-verify_return_error", "-CAfile", file "root.crt"}}
    local conn = assert(connect(peer.port, {certfile = file "client.crt",
      keyfile = file "client.key"}))
    conn:write "GET\n"
    peer:expect "CN = LuaSSL test client"
    peer:expect "GET"
    peer:stop()
  end)

  it("requires ca_certs for cert_reqs, in an SSLError", function()
    local sock = keep(socket.tcp())
    for _, reqs in ipairs {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
      local conn, err = ssl.wrap_socket(sock, {cert_reqs = reqs})
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLError))
      assert.truthy(tostring(err):find("ca_certs", 1, true))
      assert(ssl.wrap_socket(sock, {cert_reqs = reqs,
        ca_certs = file "root.crt"}))
    end
  end)

  it("verifies a server wherever cert_reqs is not CERT_NONE", function()
    for _, reqs in ipairs {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
      local options = {cert_reqs = reqs, ca_certs = file "root.crt"}
      assert.is_table(connected(options):getpeercert().subject)
      for _, name in ipairs {"expired", "untrusted", "selfsigned"} do
        local err = refused(options, {certfile = file(name .. ".pem")})
        assert.is_true(err:is(ssl.SSLCertVerificationError))
      end
    end
  end)

  it("finds the chain that matches in ca_certs", function()
    local roots = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "roots.crt"}
    for _, name in ipairs {"untrusted", "rsa", "chained"} do
      connected(roots, {certfile = file(name .. ".pem")})
    end
    local lone = helpers.temp_file(helpers.read_file(file "chained.key")
      .. helpers.read_file(file "chained.crt"):match
        "%-%-%-%-%-BEGIN.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n")
    connected(roots, {certfile = lone})
    assert.is_table(refused(VERIFYING, {certfile = lone}))
  end)

  it("asks clients for certificates as cert_reqs says", function()
    local client_auth = {certfile = file "client.pem"}
    local function server(reqs)
      return {cert_reqs = reqs, ca_certs = file "root.crt"}
    end
    local untrusted = {certfile = file "untrusted.pem"}
    for _, version in ipairs {ssl.PROTOCOL_TLSv1_2, ssl.PROTOCOL_TLSv1_3} do
      local at = {ssl_version = version}
      -- none: certificates ignored
      local _, conn = connected(with(client_auth, at), server(ssl.CERT_NONE))
      assert.is_nil((conn:getpeercert()))
      connected(with(untrusted, at), server(ssl.CERT_NONE))
      -- optional: not required, but validated if provided
      _, conn = connected(at, server(ssl.CERT_OPTIONAL))
      assert.is_nil((conn:getpeercert()))
      assert.is_nil((conn:getpeercert(true)))
      _, conn = connected(with(client_auth, at), server(ssl.CERT_OPTIONAL))
      assert.equal("LuaSSL test client", conn:getpeercert().subject[1][1][2])
      local _, err = refused(with(untrusted, at), server(ssl.CERT_OPTIONAL))
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      -- required and validated
      _, conn = connected(with(client_auth, at), server(ssl.CERT_REQUIRED))
      assert.equal(der "client.crt", conn:getpeercert(true))
      _, err = refused(with(untrusted, at), server(ssl.CERT_REQUIRED))
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      _, err = refused(at, server(ssl.CERT_REQUIRED))
      assert.equal("no_certificate", err.kind)
    end
  end)
end)

describe("RAND_status, RAND_add and RAND_egd", function()
  it("answer as the reference says", function()
    assert.is_true(ssl.RAND_status())
    ssl.RAND_add("bytes", 0.0)
    local count, err = ssl.RAND_egd(file "no-such-socket")
    assert.is_nil(count)
    assert.is_true(err:is(ssl.SSLError))
  end)
end)

describe("cert_time_to_seconds", function()
  it("gives a floating-point number, in UTC", function()
    local seconds = ssl.cert_time_to_seconds "May  9 00:00:00 2007 GMT"
    assert.equal(1178668800, seconds)
    if math.type then assert.equal("float", math.type(seconds)) end
    assert.equal("Wed May  9 00:00:00 2007", os.date("!%c", seconds))
  end)
end)

describe("DER_cert_to_PEM_cert and PEM_cert_to_DER_cert", function()
  it("are each other's inverse", function()
    local pem = helpers.read_file(file "rsa.crt")
    assert.equal(pem, ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(pem)))
    assert.equal(helpers.read_file(file "rsa.der"),
      ssl.PEM_cert_to_DER_cert(pem))
  end)
end)

describe("an SSLSocket", function()
  after_each(close_all)

  it("reads up to nbytes, 1024 unless told, at least one", function()
    local client, server = connected()
    assert.equal(3000, server:write(("x"):rep(3000)))
    assert.equal(1024, #assert(client:read()))
    assert.equal(10, #assert(client:read(10)))
    assert.equal("", client:read(0))
    assert.equal(1966, #assert(client:read(65536)))
    client:settimeout(0)
    assert.same({nil, "wantread"}, {client:read()})
  end)

  it("reads to the end in the reference's loop", function()
    local client, server = connected()
    assert.equal(5000, server:write(("y"):rep(5000)))
    server:close()
    local count = 0
    local data, err = client:read()
    while data do
      assert.is_true(#data > 0)
      count = count + #data
      data, err = client:read()
    end
    assert.equal("closed", err)
    assert.equal(5000, count)
  end)

  it("writes all of it and says how much", function()
    local client, server = connected()
    for _, text in ipairs {"x", "a\0b\r\n", ("z"):rep(40000), ""} do
      assert.equal(#text, client:write(text))
      if text ~= "" then assert.equal(text, server:receive(#text)) end
    end
  end)

  it("gives what the reference shows of a validated certificate", function()
    local cert = connected(VERIFYING):getpeercert()
    local keys = {}
    for key in pairs(cert) do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({"notAfter", "subject", "subjectAltName"}, keys)
    assert.same({
      {{"countryName", "DE"}}, {{"stateOrProvinceName", "Berlin"}},
      {{"organizationName", "LuaSSL"}}, {{"commonName", "localhost"}},
    }, cert.subject)
    assert.same({"DNS", "localhost"}, cert.subjectAltName[1])
    assert.truthy(cert.notAfter:find
      "^%u%l%l [ %d]%d %d%d:%d%d:%d%d %d%d%d%d GMT$")
    local seconds = assert(ssl.cert_time_to_seconds(cert.notAfter))
    assert.is_true(seconds > os.time())
  end)

  it("gives no subjectAltName where the certificate has none", function()
    local cert = connected(VERIFYING,
      {certfile = file "noname.pem"}):getpeercert()
    assert.is_nil(cert.subjectAltName)
    assert.is_table(cert.subject)
  end)

  it("gives the certificate's bytes, validated or not", function()
    assert.equal(der "rsa.crt", connected():getpeercert(true))
    assert.equal(der "rsa.crt", connected(VERIFYING):getpeercert(true))
    assert.same({}, connected():getpeercert(false))
  end)

  it("tells cipher, version and secret bits, nothing before", function()
    local client, server = wrapped()
    assert.is_nil((client:cipher()))
    assert(helpers.handshake(client, server))
    local name, version, bits = client:cipher()
    assert.is_truthy(name:find "^TLS_")
    assert.equal("TLSv1.3", version)
    assert.is_truthy(bits == 128 or bits == 256)
    assert.equal(3, select("#", client:cipher()))
    assert.same({name, version, bits}, {server:cipher()})
  end)

  it("closes the socket beneath it", function()
    local client, server = connected()
    assert.equal(1, client:close())
    assert.equal(-1, client:getfd())
    assert.same({nil, "closed"}, {server:read()})
  end)
end)

describe("a certificate", function()
  after_each(close_all)

  it("that vouches for itself is made as in the reference", function()
    local pem = helpers.temp_name()
    assert.equal(0, helpers.spawn({"openssl", "req", "-new", "-x509",
      "-days", "365", "-nodes", "-out", pem, "-keyout", pem,
      "-subj", "/C=US/ST=MyState/L=Some City/O=My Organization, Inc."
        .. "/OU=My Group/CN=server.example"}):wait())
    -- -keyout comes last: the key is in front, as the reference asks
    local client = connected({ca_certs = pem, cert_reqs = ssl.CERT_REQUIRED},
      {certfile = pem})
    assert.same({{"organizationName", "My Organization, Inc."}},
      client:getpeercert().subject[4])
  end)
end)
