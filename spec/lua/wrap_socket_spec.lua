-- wrap_socket's options beyond the reference's, and its misuse.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"
local wrapping = require "spec.support.wrap_socket_pairs"

helpers.audit()

local file = helpers.file
local connect, connected = wrapping.connect, wrapping.connected
local keep, with = wrapping.keep, wrapping.with
local VERIFYING = wrapping.VERIFYING

describe("wrap_socket", function()
  after_each(wrapping.close_all)

  it("leaves the handshake for later with do_handshake_on_connect=false",
    function()
      local peer = helpers.python_server "echo"
      local conn = keep(assert(ssl.wrap_socket(
        assert(socket.connect("127.0.0.1", peer.port)),
        with(VERIFYING, {do_handshake_on_connect = false}))))
      conn:settimeout(helpers.patience)
      assert.is_nil((conn:cipher()))
      assert.is_true(conn:do_handshake())
      assert.is_string((conn:cipher()))
      assert.equal(5, conn:write "hello")
      assert.equal("hello", conn:read())
      peer:stop()
    end)

  it("hides a ragged end unless suppress_ragged_eofs=false", function()
    local peer = helpers.python_server "truncate"
    local conn = assert(connect(peer.port, VERIFYING))
    assert.equal("hello\n", conn:read())
    assert.same({nil, "closed"}, {conn:read()})
    conn = assert(connect(peer.port,
      with(VERIFYING, {suppress_ragged_eofs = false})))
    assert.equal("hello\n", conn:read())
    local data, err = conn:read()
    assert.is_nil(data)
    assert.is_true(err:is(ssl.SSLEOFError))
    peer:stop()
  end)

  it("speaks the ciphers it is given", function()
    for _, name in ipairs {"ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-RSA-CHACHA20-POLY1305"} do
      local client, server = connected({ciphers = name,
        ssl_version = ssl.PROTOCOL_TLSv1_2})
      assert.same({name, "TLSv1.2", 256}, {client:cipher()})
      assert.same({name, "TLSv1.2", 256}, {server:cipher()})
    end
  end)

  it("sends server_hostname, and checks it where it verifies", function()
    local peer = helpers.python_server("hold", {cert = "other"})
    assert(connect(peer.port, {server_hostname = "sni.example"}))
    peer:expect "sni=(sni%.example)"
    assert(connect(peer.port, with(VERIFYING,
      {server_hostname = "other.example"})))
    local conn, err = connect(peer.port, with(VERIFYING,
      {server_hostname = "sni.example"}))
    assert.is_nil(conn)
    assert.equal(62, err.verify_code)
    assert(connect(peer.port, with(VERIFYING,
      {server_hostname = "sni.example", check_hostname = false})))
    peer:stop()
  end)

  it("verifies where a client says whom it trusts, and no more", function()
    local near, far = file "root.crt", file "other-root.crt"
    local peer = helpers.python_server("hold", {cert = "other"})
    for name, value in pairs {ca_certs = {near, far}, ca_path = {wrapping.hashed(near), wrapping.hashed(far)},
      ca_data = {helpers.read_file(near), helpers.read_file(far)}} do
      local right, wrong = {[name] = value[1]}, {[name] = value[2]}
      local conn = assert(connect(peer.port, right))
      assert.is_table(conn:getpeercert().subject, name)
      local refused, err = connect(peer.port, wrong)
      assert.is_nil(refused, name)
      assert.equal(20, err.verify_code)
      -- A name that is given counts, without one none is asked for.
      assert(connect(peer.port, with(right, {server_hostname = "other.example"})))
      refused, err = connect(peer.port, with(right, {server_hostname = "wrong.example"}))
      assert.is_nil(refused, name)
      assert.equal(62, err.verify_code)
      refused, err = connect(peer.port, with(right, {check_hostname = true}))
      assert.is_nil(refused, name)
      assert.equal(64, err.verify_code)
      assert(connect(peer.port, with(right, {server_hostname = "wrong.example", check_hostname = false})))
      -- What is said counts.
      conn = assert(connect(peer.port, with(wrong, {cert_reqs = ssl.CERT_NONE, server_hostname = "wrong.example"})))
      assert.same({}, conn:getpeercert())
    end
    peer:stop()
  end)

  it("verifies nothing elsewhere unless cert_reqs says so", function()
    local peer = helpers.python_server("hold", {cert = "other"})
    local options = {ca_certs = file "other-root.crt"}
    local contexts = {assert(ssl.SSLContext(options))}
    local conn = keep(assert(contexts[1]:wrap_socket(assert(socket.connect("127.0.0.1", peer.port)))))
    assert.same({}, conn:getpeercert())
    assert.same({}, assert(connect(peer.port, {context = contexts[1]})):getpeercert())
    assert.same({}, assert(connect(peer.port, {server_hostname = "wrong.example"})):getpeercert())
    peer:stop()
    local _, server = connected(nil, {ca_certs = file "root.crt"})  -- which asks for nothing
    assert.is_nil((server:getpeercert()))
  end)

  it("checks the name given to connect with check_hostname", function()
    local options = with(VERIFYING, {check_hostname = true})
    local peer = helpers.python_server("hold", {cert = "rsa"})
    assert(connect(peer.port, options))  -- 127.0.0.1
    peer:stop()
    peer = helpers.python_server("hold", {cert = "other"})
    local conn, err = connect(peer.port, options)
    assert.is_nil(conn)
    assert.equal(64, err.verify_code)
    peer:stop()
  end)

  it("agrees on an application protocol", function()
    local peer = helpers.python_server("hold",
      {arguments = {"--alpn", "http/1.1"}})
    local conn = assert(connect(peer.port,
      {alpn_protocols = {"h2", "http/1.1"}}))
    assert.equal("http/1.1", conn:selected_alpn_protocol())
    conn = assert(connect(peer.port))
    assert.is_nil((conn:selected_alpn_protocol()))
    peer:stop()
  end)

  it("bounds the handshake by handshake_timeout", function()
    local peer = helpers.python_server "silent"
    local conn, err = connect(peer.port, {handshake_timeout = 0.1})
    assert.is_nil(conn)
    assert.equal("handshake_timeout", err.kind)
    peer:stop()
  end)

  it("takes a context instead of the options it has", function()
    local context = assert(ssl.SSLContext(VERIFYING))
    local client = connected({context = context})
    assert.is_table(client:getpeercert().subject)
    local sock = keep(socket.tcp())
    assert.error(function()
      ssl.wrap_socket(sock, {context = context, ca_certs = file "root.crt"})
    end)
    assert.error(function()
      ssl.wrap_socket(sock, {context = context, server_side = true})
    end)
    -- and its own default for the end all the same
    local peer = helpers.python_server "truncate"
    local conn = assert(connect(peer.port, {context = context}))
    assert.equal("hello\n", conn:receive "*a")
    peer:stop()
  end)

  it("raises what is misuse", function()
    local sock, udp = keep(socket.tcp()), keep(socket.udp())
    for text, options in pairs {
      ["unknown option 'cerfile' (did you mean 'certfile'?)"] = {cerfile = ""},
      ["unknown option 'ssl_protocol'"] = {ssl_protocol = ssl.PROTOCOL_TLSv1},
      ["'certfile'"] = {keyfile = file "rsa.key"},
      ["'cert_reqs'"] = {cert_reqs = 3},
      ["'ssl_version'"] = {ssl_version = 7},
      ["'ca_certs'"] = {ca_certs = true},
      ["'check_hostname'"] = {check_hostname = true},
      ["'server_hostname'"] = {server_side = true, certfile = file "rsa.pem",
        server_hostname = "localhost"},
    } do
      local done, err = pcall(ssl.wrap_socket, sock, options)
      assert.is_false(done)
      assert.truthy(tostring(err):find(text, 1, true), err)
    end
    for _, wrong in ipairs {udp, "socket", 5, {}, ssl} do
      assert.is_false((pcall(ssl.wrap_socket, wrong)))
    end
    assert.is_false((pcall(ssl.wrap_socket)))
    assert.equal("tcp{master}", tostring(sock):match "^[^:]+")
  end)
end)
