-- The safe way in: ssl.connect and create_default_context verify unless told
-- not to; what they are told is kept for the next call, as long as it holds.
local audit = require "luassl_audit"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

local function is_refused(code, conn, err)
  assert.is_nil(conn)
  assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
  assert.equal(code, err.verify_code)
end

describe("ssl.connect", function()
  local peer, other

  setup(function()
    peer = helpers.python_server("echo")
    other = helpers.python_server("echo", {timeout = 60, cert = "untrusted"})
  end)

  teardown(function()
    peer:stop()
    other:stop()
    peer, other = nil, nil
  end)

  local function echoes(conn)
    conn:settimeout(helpers.patience)
    assert.equal(6, conn:send "hello\n")
    assert.equal("hello", conn:receive())
    assert.equal(1, conn:close())
  end

  it("connects, verified, by name and by address", function()
    for _, host in ipairs {"localhost", "127.0.0.1"} do
      local conn = assert(ssl.connect(host, peer.port))
      assert.same({0}, {(conn:verify_result())})
      assert.is_table(conn:getpeercert().subject)
      assert.equal("TLSv1.3", conn:version())
      echoes(conn)
    end
    peer:expect "sni=(localhost)"
    peer:expect "sni=(None)"
  end)

  it("takes a port as number or digits", function()
    echoes(assert(ssl.connect("localhost", tostring(peer.port))))
    echoes(assert(ssl.connect("localhost", peer.port + 0.0)))
  end)

  it("goes over IPv6", function()
    local probe = socket.bind("::1", 0)
    if not probe then return pending "this machine has no IPv6" end
    probe:close()
    local six = helpers.python_server("echo", {arguments = {"--host", "::1"}})
    echoes(assert(ssl.connect("::1", six.port)))
    six:stop()
  end)

  it("refuses a CA that the system does not trust", function()
    is_refused(20, ssl.connect("localhost", other.port))
  end)

  it("refuses a CA that is not the one it was given", function()
    local trust = {ca_certs = file "other-root.crt"}
    is_refused(20, ssl.connect("localhost", peer.port, trust))
    echoes(assert(ssl.connect("localhost", other.port, trust)))
    trust.system_trust = true
    echoes(assert(ssl.connect("localhost", peer.port, trust)))
    echoes(assert(ssl.connect("localhost", other.port, trust)))
    trust = {ca_data = helpers.read_file(file "other-root.crt")}
    is_refused(20, ssl.connect("localhost", peer.port, trust))
    echoes(assert(ssl.connect("localhost", other.port, trust)))
  end)

  it("refuses another name, and checks server_hostname if there is one",
    function()
      is_refused(62, ssl.connect("localhost", peer.port,
        {server_hostname = "other.example"}))
      echoes(assert(ssl.connect("127.0.0.1", peer.port,
        {server_hostname = "localhost"})))
    end)

  it("leaves out what it is told to leave out", function()
    echoes(assert(ssl.connect("localhost", peer.port,
      {server_hostname = "other.example", check_hostname = false})))
    is_refused(20, ssl.connect("localhost", other.port,
      {check_hostname = false}))
    local conn = assert(ssl.connect("localhost", other.port,
      {cert_reqs = ssl.CERT_NONE}))
    assert.same({}, conn:getpeercert())
    assert.is_table((conn:peer_certificate():subject()))
    echoes(conn)
  end)

  it("blocks as LuaSocket does once it is connected", function()
    local conn = assert(ssl.connect("localhost", peer.port, {timeout = 5}))
    assert.same({-1, -1}, {conn:gettimeout()})
    echoes(conn)
  end)

  it("hides no ragged end unless told to", function()
    local ragged = helpers.python_server "truncate"
    local conn = assert(ssl.connect("localhost", ragged.port))
    local data, err, partial = conn:receive "*a"
    assert.is_nil(data)
    assert.is_true(err:is(ssl.SSLEOFError))
    assert.equal("hello\n", partial)
    conn:close()
    conn = assert(ssl.connect("localhost", ragged.port,
      {suppress_ragged_eofs = true}))
    assert.equal("hello\n", conn:receive "*a")
    conn:close()
    ragged:stop()
  end)

  it("bounds TCP and TLS by timeout", function()
    local silent = helpers.python_server "silent"
    local start = socket.gettime()
    assert.same({nil, "timeout"},
      {ssl.connect("localhost", silent.port, {timeout = 0.2})})
    local elapsed = socket.gettime() - start
    assert.is_true(elapsed >= 0.19 and elapsed < 2, tostring(elapsed))
    silent:stop()
  end)

  it("says that nobody listens", function()
    assert.same({nil, "connection refused"},
      {ssl.connect("127.0.0.1", helpers.free_port())})
  end)

  it("refuses what is no host name before it connects", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(0)
    local _, port = listener:getsockname()
    for _, host in ipairs {"", "local host", "localhost\0.evil.example",
      "b\195\188cher.example"} do
      local conn, err = ssl.connect(host, port)
      assert.is_nil(conn)
      assert.equal("name", err.kind)
      conn, err = ssl.connect("127.0.0.1", port, {server_hostname = host})
      assert.is_nil(conn)
      assert.equal("name", err.kind)
    end
    assert.same({nil, "timeout"}, {listener:accept()})
    listener:close()
  end)

  it("takes a context of the caller's", function()
    local context = assert(ssl.create_default_context {
      ca_certs = file "other-root.crt"})
    for _ = 1, 2 do
      echoes(assert(ssl.connect("localhost", other.port, {context = context})))
      is_refused(20, ssl.connect("localhost", peer.port, {context = context}))
    end
    is_refused(62, ssl.connect("localhost", other.port,
      {context = context, server_hostname = "other.example"}))
    echoes(assert(ssl.connect("localhost", other.port,
      {context = assert(ssl.SSLContext())})))
  end)

  it("checks the name with a context that was not told otherwise", function()
    local elsewhere = helpers.python_server("echo", {timeout = 60, cert = "other"})
    local trusting = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
    local context = assert(ssl.SSLContext(trusting))
    for _, options in ipairs {{context = context}, {context = context, server_hostname = "localhost"}} do
      local conn, err = ssl.connect("localhost", elsewhere.port, options)
      assert.is_nil(conn)
      assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
      assert.equal(62, err.verify_code)
    end
    echoes(assert(ssl.connect("localhost", elsewhere.port, {context = context, check_hostname = false})))
    trusting.check_hostname = false
    context = assert(ssl.SSLContext(trusting))
    echoes(assert(ssl.connect("localhost", elsewhere.port, {context = context})))
  end)

  it("raises what is misuse", function()
    local context = assert(ssl.create_default_context())
    local server = assert(ssl.SSLContext {server_side = true})
    for text, arguments in pairs {
      ["host must be a string"] = {nil, 443},
      ["host must be a string, not number"] = {1, 443},
      ["port must be a number"] = {"localhost"},
      ["port must be a number, not string"] = {"localhost", "https"},
      ["port must be an integer"] = {"localhost", 443.5},
      ["from 0 to 65535"] = {"localhost", 65536},
      ["0 to 65535, not -1"] = {"localhost", -1},
      ["table expected"] = {"localhost", 443, 30},
      ["did you mean 'ca_certs'?"] = {"localhost", 443, {ca_cert = ""}},
      ["'timeout'"] = {"localhost", 443, {timeout = 0}},
      ["'handshake_timeout'"] = {"localhost", 443, {handshake_timeout = 0}},
      ["'server_side'"] = {"localhost", 443, {server_side = true,
        certfile = file "rsa.pem"}},
      ["'context' is for the server side"] = {"localhost", 443,
        {context = server}},
      ["'context' must be an SSLContext"] = {"localhost", 443, {context = {}}},
      ["'ca_certs' belongs to the context"] = {"localhost", 443,
        {context = context, ca_certs = file "root.crt"}},
      ["'check_hostname' needs"] = {"localhost", 443,
        {cert_reqs = ssl.CERT_NONE, check_hostname = true}},
    } do
      local done, err = pcall(ssl.connect, arguments[1], arguments[2],
        arguments[3])
      assert.is_false(done)
      assert.truthy(tostring(err):find(text, 1, true), err)
    end
  end)

  it("keeps its context for calls with the same options", function()
    local function contexts_of(...)
      helpers.forget_contexts()
      for _ = 1, 3 do collectgarbage() end
      local before = audit.counts().SSL_CTX
      for i = 1, select("#", ...) do
        echoes(assert(ssl.connect("localhost", peer.port,
          (select(i, ...)))))
      end
      for _ = 1, 3 do collectgarbage() end
      return audit.counts().SSL_CTX - before
    end
    local trust = {ca_certs = file "root.crt"}
    assert.equal(1, contexts_of(nil, {}, nil))
    assert.equal(1, contexts_of(trust, trust, with(trust)))
    assert.equal(1, contexts_of({alpn_protocols = {"a", "b"}},
      {alpn_protocols = {"a", "b"}}))
    -- what belongs to the connection alone makes no new one
    assert.equal(1, contexts_of(nil, {timeout = 5},
      {server_hostname = "localhost"}, {handshake_timeout = 5}))
    assert.equal(2, contexts_of({alpn_protocols = {"a", "b"}},
      {alpn_protocols = {"a,b"}}))
    assert.equal(3, contexts_of(nil, trust, with(trust,
      {cert_reqs = ssl.CERT_NONE})))
    local function own(...)
      local list = {}
      for i, name in ipairs {...} do list[i] = {certfile = file(name)} end
      return {certificates = list}
    end
    assert.equal(1, contexts_of(own("client.pem", "rsa.pem"), own("client.pem", "rsa.pem")))
    assert.equal(3, contexts_of(own("client.pem", "rsa.pem"), own "client.pem", own("rsa.pem", "client.pem")))
  end)

  it("reads a file of one of several certificates again that has changed", function()
    local name = helpers.temp_file(helpers.read_file(file "client.pem"))
    local options = {certificates = {{certfile = file "rsa.pem"}, {certfile = name}}}
    for _ = 1, 2 do echoes(assert(ssl.connect("localhost", peer.port, options))) end
    os.remove(name)
    local conn, err = ssl.connect("localhost", peer.port, options)
    assert.is_nil(conn)
    assert.equal(name, err.file)
  end)

  it("reads a file again that has changed", function()
    local name = helpers.temp_file(helpers.read_file(file "root.crt"))
    local trust = {ca_certs = name}
    local function rewrite(content)
      local handle = assert(io.open(name, "wb"))
      handle:write(content)
      handle:close()
    end
    for _ = 1, 2 do
      echoes(assert(ssl.connect("localhost", peer.port, trust)))
    end
    rewrite(helpers.read_file(file "other-root.crt") .. "\n")
    is_refused(20, ssl.connect("localhost", peer.port, trust))
    echoes(assert(ssl.connect("localhost", other.port, trust)))
    os.remove(name)
    local conn, err = ssl.connect("localhost", peer.port, trust)
    assert.is_nil(conn)
    assert.equal(name, err.file)
  end)

  it("reads a file again that has its old size and time", function()
    local name = helpers.temp_name()
    local function run(...)
      local process = helpers.spawn {...}
      assert.equal(0, process:wait(), process:output())
    end
    local function write(mode, content)
      local handle = assert(io.open(name, mode))
      handle:write(("#"):rep(4000 - #content), "\n", content)
      handle:close()
      run("touch", "-d", "2001-02-03 04:05:06", name)
    end
    local function facts()
      local process = helpers.spawn {"stat", "-c", "%i %s %y", name}
      assert.equal(0, process:wait(), process:output())
      return process:output()
    end
    write("wb", helpers.read_file(file "root.crt"))
    local trust, before = {ca_certs = name}, facts()
    for _ = 1, 2 do
      echoes(assert(ssl.connect("localhost", peer.port, trust)))
    end
    write("r+b", helpers.read_file(file "other-root.crt"))
    assert.equal(before, facts())
    is_refused(20, ssl.connect("localhost", peer.port, trust))
    echoes(assert(ssl.connect("localhost", other.port, trust)))
  end)

  it("keeps no context that a passphrase opened for other passphrases",
    function()
      local options = {certfile = file "rsa-encrypted.pem",
        password = "secret"}
      echoes(assert(ssl.connect("localhost", peer.port, options)))
      for _, password in ipairs {"wrong", function() return "wrong" end} do
        for _, again in ipairs {with(options), options} do
          again.password = password
          local conn, err = ssl.connect("localhost", peer.port, again)
          assert.is_nil(conn)
          assert.equal("passphrase", err.kind)
        end
      end
      options.password = nil
      assert.equal("passphrase",
        (select(2, ssl.connect("localhost", peer.port, options))).kind)
      local entry = {certfile = file "rsa-encrypted.pem", password = "secret"}
      options = {certificates = {entry}}
      echoes(assert(ssl.connect("localhost", peer.port, options)))
      echoes(assert(ssl.connect("localhost", peer.port, options)))
      entry.password = "wrong"
      assert.equal("passphrase", (select(2, ssl.connect("localhost", peer.port, options))).kind)
      entry.password = nil
      assert.equal("passphrase", (select(2, ssl.connect("localhost", peer.port, options))).kind)
    end)
end)

describe("create_default_context", function()
  local function handshake(context_options, server, host)
    local context = assert(ssl.create_default_context(context_options))
    local client = assert(context:wrap_object {
      server_hostname = host or "localhost"})
    local _, peer = helpers.pair {server = server}
    local done, err, server_error = helpers.handshake(client, peer)
    client:close()
    peer:close()
    return done, err, server_error
  end

  it("verifies chain and name, by the system's trust", function()
    assert(handshake())
    is_refused(62, handshake(nil, nil, "other.example"))
    is_refused(10, handshake(nil, {certfile = file "expired.pem"}))
    is_refused(20, handshake(nil, {certfile = file "untrusted.pem"}))
    is_refused(18, handshake(nil, {certfile = file "selfsigned.pem"}))
  end)

  it("needs a name to check", function()
    local context = assert(ssl.create_default_context())
    assert.error(function() context:wrap_object() end)
    assert(context:wrap_object {check_hostname = false})
  end)

  it("speaks TLS 1.2 or later", function()
    local context = assert(ssl.create_default_context())
    assert.equal("TLSv1.2", context:get "minimum_version")
    local done, err = handshake({ciphers = "DEFAULT:@SECLEVEL=0"},
      {ssl_version = ssl.PROTOCOL_TLSv1_1, ciphers = "DEFAULT:@SECLEVEL=0"})
    assert.is_nil(done)
    assert.equal("version", err.kind)
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      assert(handshake(nil, {minimum_version = version,
        maximum_version = version}))
    end
  end)

  it("trusts what it is given instead, or besides", function()
    local untrusted = {certfile = file "untrusted.pem"}
    for _, trust in ipairs {{ca_certs = file "other-root.crt"},
      {ca_data = helpers.read_file(file "other-root.crt")}} do
      assert(handshake(trust, untrusted))
      is_refused(20, handshake(trust))
      trust.system_trust = true
      assert(handshake(trust, untrusted))
      assert(handshake(trust))
    end
  end)

  it("makes servers that ask for no certificate unless told to", function()
    local context = assert(ssl.create_default_context {server_side = true,
      certfile = file "rsa.pem"})
    assert.equal(ssl.CERT_NONE, context:get "cert_reqs")
    context = assert(ssl.create_default_context {server_side = true,
      certfile = file "rsa.pem", cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "root.crt"})
    for _, certfile in ipairs {file "client.pem", file "untrusted.pem"} do
      local server = assert(context:wrap_object {server_side = true})
      local client = helpers.pair {client = {certfile = certfile}}
      local done, _, err = helpers.handshake(client, server)
      assert.equal(certfile == file "client.pem" or nil, done)
      if not done then assert.equal(20, err.verify_code) end
      client:close()
      server:close()
    end
  end)

  it("changes no table of the caller's", function()
    local options = {ca_certs = file "root.crt"}
    assert(ssl.create_default_context(options))
    assert.same({ca_certs = file "root.crt"}, options)
    local peer = helpers.python_server "hold"
    assert(ssl.connect("localhost", peer.port, options)):close()
    assert.same({ca_certs = file "root.crt"}, options)
    peer:stop()
  end)
end)

describe("SSLContext", function()
  it("has the reference's defaults", function()
    local context = assert(ssl.SSLContext())
    assert.equal(ssl.CERT_NONE, context:get "cert_reqs")
    assert.is_false(context:get "check_hostname")
    assert.is_false(context:get "system_trust")
    assert.is_false(context:get "suppress_ragged_eofs")
    assert.equal("SSLContext (client)", tostring(context))
  end)

  it("serves many connections, and outlives none of them", function()
    local context = assert(ssl.SSLContext {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "root.crt"})
    local pairs_of = {}
    for i = 1, 5 do
      local _, server = helpers.pair()
      pairs_of[i] = {assert(context:wrap_object()), server}
    end
    context = nil  -- luacheck: ignore
    collectgarbage()
    for _, sides in ipairs(pairs_of) do
      assert(helpers.handshake(sides[1], sides[2]))
    end
  end)

  it("of one side is no use on the other", function()
    local client = assert(ssl.SSLContext())
    local server = assert(ssl.SSLContext {server_side = true,
      certfile = file "rsa.pem"})
    local near, far = helpers.sockets()
    assert.error(function() client:wrap_socket(near, {server_side = true}) end)
    assert.error(function() server:wrap_socket(far, {server_side = false}) end)
    assert.error(function() client:wrap_object {server_side = true} end)
    assert.is_true(near:getfd() >= 0 and far:getfd() >= 0)
    near:close()
    far:close()
  end)
end)

describe("ssl.connect with a hook", function()
  after_each(helpers.forget_contexts)

  it("looks at the other options of the same table, too", function()
    local peer = helpers.python_server "echo"
    local asked = 0
    local options = {server_hostname = "localhost", ca_certs = file "root.crt",
      on_verify = function() asked = asked + 1 end}
    assert(ssl.connect("127.0.0.1", peer.port, options)):close()
    options.ca_certs = file "other-root.crt"
    local conn, err = ssl.connect("127.0.0.1", peer.port, options)
    assert.is_nil(conn)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.equal(2, asked)
    peer:stop()
  end)
end)
