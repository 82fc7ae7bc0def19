-- Connections under LuaSec's names: what LuaSec does not do, or not well, and
-- what no comparison with it shows.
local helpers = require "spec.support.helpers"
local certificates = require "luassl"
local luasec = require "luassl.luasec"
local tlsa = require "spec.support.tlsa_records"
local socket = require "socket"

helpers.audit()

local file = helpers.file
local WAITS = { wantread = true, wantwrite = true }

local function options(given, defaults)
  for name, value in pairs(given or {}) do defaults[name] = value end
  return defaults
end

local function client_options(given)
  return options(given, { mode = "client", protocol = "any", verify = "peer", cafile = file "root.crt" })
end

local function server_options(given)
  return options(given, { mode = "server", protocol = "any", certificate = file "rsa.crt", key = file "rsa.key" })
end

local function wrap(client, server)
  local a, b = helpers.sockets()
  a, b = assert(luasec.wrap(a, client_options(client))), assert(luasec.wrap(b, server_options(server)))
  a:settimeout(0)
  b:settimeout(0)
  return a, b
end

local function close(...)
  for _, conn in ipairs { ... } do assert.equal(0, select("#", conn:close())) end
end

-- What each end's handshake answers.
local function handshake(a, b)
  local answers = {}
  local deadline = socket.gettime() + helpers.patience
  while not (answers[a] and answers[b]) do
    assert(socket.gettime() < deadline, "no end")
    for _, conn in ipairs { a, b } do
      if not answers[conn] then
        local done, err = conn:dohandshake()
        if not WAITS[err] then answers[conn] = { done, err } end
      end
    end
    socket.select({ a, b }, nil, 0.01)
  end
  return answers[a], answers[b]
end

local function connected(client, server, before)
  local a, b = wrap(client, server)
  if before then before(a, b) end
  local one, two = handshake(a, b)
  assert.same({ true }, one)
  assert.same({ true }, two)
  return a, b
end

local function finish(conn, method, ...)
  local deadline = socket.gettime() + helpers.patience
  repeat
    assert(socket.gettime() < deadline, "no end")
    local done, err, part = conn[method](conn, ...)
    if not WAITS[err] then return done, err, part end
    socket.select({ conn }, nil, 0.01)
  until false
end

describe("the name", function()
  local function ends(name, given)
    local a, b = wrap(options(given, { check_hostname = true }))
    if name then a:sni(name) end
    local answer = handshake(a, b)
    close(a, b)
    return answer[1], answer[2]
  end

  it("is checked with check_hostname", function()
    assert.is_true((ends "localhost"))
    assert.same({ false, "certificate verify failed" }, { ends "other.example" })
  end)

  it("may be an address", function()
    assert.is_true((ends "127.0.0.1"))
    assert.same({ false, "certificate verify failed" }, { ends "127.0.0.2" })
  end)

  it("is not checked without it, as LuaSec does not", function()
    assert.is_true((ends("other.example", { check_hostname = false })))
  end)

  it("has to be known, and may be told until the handshake begins", function()
    local a, b = wrap { check_hostname = true }
    local done, err = a:dohandshake()
    assert.is_false(done)
    assert.equal("check_hostname needs the server's name: call sni before dohandshake", err)
    a:sni "localhost"
    assert.same({ true }, (handshake(a, b)))
    a:sni "other.example"
    assert.equal("localhost", a:getsniname())
    close(a, b)
  end)

  it("that is none does not leave an earlier one", function()
    local a, b = wrap { check_hostname = true }
    a:sni "localhost"
    a:sni "not a name"
    local done, err = a:dohandshake()
    assert.is_false(done)
    assert.is_truthy(err:find "needs the server's name")
    close(a, b)
  end)

  it("is not asked for where nothing is verified", function()
    local context, err = luasec.newcontext(client_options { verify = "none", check_hostname = true })
    assert.is_nil(context)
    assert.is_truthy(err:find("^error creating context %(.*check_hostname.*%)$"), err)
  end)

  it("counts with lsec_continue too: the fault is told", function()
    local a, b = wrap { check_hostname = true, verifyext = "lsec_continue" }
    a:sni "other.example"
    handshake(a, b)
    local good, faults = a:getpeerverification()
    assert.is_false(good)
    assert.is_truthy(table.concat(faults[1], " "):lower():find "host", table.concat(faults[1], " "))
    close(a, b)
  end)
end)

describe("what came before TLS", function()
  it("is refused by a client: it could be anybody's", function()
    local a, b = helpers.sockets()
    b:send "220 ready\r\n250 injected\r\n"
    assert.equal("220 ready", a:receive())
    local conn, err = luasec.wrap(a, client_options())
    assert.is_nil(conn)
    assert.is_truthy(err:find "STARTTLS injection")
    assert.is_true(a:getfd() >= 0)
    a:close()
    b:close()
  end)

  it("is a server's ClientHello", function()
    local a, b = helpers.sockets()
    a:send "PROXY TCP4\r\n"
    a = assert(luasec.wrap(a, client_options()))
    a:settimeout(0)
    assert.is_false((a:dohandshake()))
    assert.equal("PROXY TCP4", b:receive())
    assert.is_true(b:dirty())
    b = assert(luasec.wrap(b, server_options()))
    b:settimeout(0)
    assert.same({ true }, (handshake(a, b)))
    close(a, b)
  end)
end)

describe("errors", function()
  it("are strings, and what a time that is up waits for", function()
    local a, b = wrap()
    a:settimeout(0.02)
    assert.same({ false, "wantread" }, { a:dohandshake() })
    assert.equal("read", a:want())
    a:settimeout(0)
    handshake(a, b)
    a:settimeout(0.02, "t")
    assert.same({ nil, "wantread", "" }, { a:receive(1) })
    a:settimeout(nil, "t")
    a:settimeout(0)
    local last, err, sent
    local data = ("x"):rep(100000)
    repeat last, err, sent = a:send(data) until not last
    assert.equal("wantwrite", err)
    assert.is_true(sent < #data)
    assert.equal("write", a:want())
    close(b, a)
  end)

  it("are strings in every method that can fail", function()
    local a, b = wrap()
    a:close()
    for _, call in ipairs { { "receive" }, { "send", "x" }, { "dohandshake" }, { "getpeercertificate" },
      { "getpeerchain" }, { "getfinished" }, { "info" }, { "shutdown", "send" }, { "getlocalchain" },
      { "exportkeyingmaterial", "EXPERIMENTAL", 4 }, { "getpeerverification" } } do
      local done, err = a[call[1]](a, call[2], call[3])
      if call[1] ~= "shutdown" then assert.equal("closed", err, call[1]) end
      assert.is_true(not done or call[1] == "shutdown")
    end
    close(b)
  end)

  it("of a connection that was cut off are not the end", function()
    local a, b = connected()
    helpers.raw(b, function(sock) sock:shutdown "send" end)
    local data, err = finish(a, "receive", "*a")
    assert.is_nil(data)
    assert.equal("unexpected eof while reading", err)
    close(a, b)
  end)

  it("of the handshake stay", function()
    local a, b = wrap { cafile = file "other-root.crt" }
    local one, two = handshake(a, b)
    assert.same({ false, "certificate verify failed" }, one)
    assert.same({ false, "tlsv1 alert unknown ca" }, two)
    assert.same({ nil, "certificate verify failed", "" }, { a:receive() })
    assert.same({ nil, "certificate verify failed", 0 }, { a:send "x" })
    assert.same({ false, "certificate verify failed" }, { a:dohandshake() })
    close(a, b)
  end)

  it("that a function raises end the handshake", function()
    local a, b = wrap({ alpn = "h2" }, { alpn = function() error("no protocol today", 0) end })
    local _, two = handshake(a, b)
    assert.same({ false, "no protocol today" }, two)
    close(a, b)
  end)
end)

describe("a connection", function()
  it("has what LuaSec's loses of LuaSocket", function()
    local a, b = connected()
    assert.equal("127.0.0.1", (a:getpeername()))
    assert.equal("127.0.0.1", (a:getsockname()))
    assert.equal(1, a:setoption("keepalive", true))
    assert.is_true(a:getoption "keepalive")
    assert.is_false(pcall(a.setoption, a, "nonsense", true))
    assert.is_true(a:getfd() >= 0)
    close(a, b)
  end)

  it("begins with SSL, and is closed", function()
    local a, b = wrap()
    assert.is_truthy(tostring(a):find "^SSL connection: ")
    close(a, b)
    assert.is_truthy(tostring(a):find "%(closed%)$")
    close(a, b)
  end)

  it("ends in both directions as SSL_shutdown does", function()
    local a, b = connected()
    assert.same({ false }, { a:shutdown() })
    assert.same({ false, "wantread" }, { a:shutdown() })
    assert.same({ nil, "closed", "" }, { finish(b, "receive") })
    assert.is_true((b:shutdown()))
    assert.is_true((finish(a, "shutdown")))
    close(a, b)
  end)

  it("ends one as LuaSocket does", function()
    local a, b = connected()
    assert.equal(1, a:shutdown "send")
    assert.same({ nil, "closed", "" }, { finish(b, "receive") })
    assert.equal(4, b:send "back")
    assert.equal("back", (finish(a, "receive", 4)))
    close(a, b)
  end)

  it("tells its own certificate", function()
    local a, b = connected()
    assert.is_nil(a:getlocalcertificate())
    assert.equal(helpers.read_file(file "rsa.crt"), b:getlocalcertificate():pem())
    assert.equal(1, #b:getlocalchain())
    assert.same({}, a:getlocalchain())
    assert.equal(helpers.read_file(file "rsa.crt"), a:getpeercertificate():pem())
    assert.equal(helpers.read_file(file "rsa.crt"), a:getpeercertificate(0):pem())
    assert.is_nil(a:getpeercertificate(5))
    close(a, b)
  end)

  it("is made with a context of LuaSSL's too", function()
    local context = assert(certificates.create_default_context { ca_certs = file "root.crt" })
    local a, b = helpers.sockets()
    a, b = assert(luasec.wrap(a, context)), assert(luasec.wrap(b, server_options()))
    a:settimeout(0)
    b:settimeout(0)
    a:sni "localhost"
    assert.same({ true }, (handshake(a, b)))
    assert.is_true((a:getpeerverification()))
    close(a, b)
    local server = assert(certificates.SSLContext { server_side = true, certfile = file "rsa.pem" })
    local c, d = helpers.sockets()
    local conn = assert(luasec.wrap(d, server))
    local other = assert(luasec.newcontext(server_options()))
    assert.has_error(function() conn:sni { ["a.example"] = other } end, "sni needs a context of newcontext")
    close(conn)
    c:close()
  end)

  it("gets methods that are set", function()
    luasec.core.setmethod("twice", function(self, text) return self:send(text .. text) end)
    local a, b = connected()
    assert.equal(4, a:twice "ab")
    assert.equal("abab", (finish(b, "receive", 4)))
    assert.equal("function", type(getmetatable(a).__index.twice))
    luasec.core.setmethod("twice", nil)
    close(a, b)
  end)

  it("is not changed through its metatable", function()
    local a, b = wrap()
    getmetatable(a).__index.send = error
    assert.same({ nil, "closed", 0 }, { a:send "x" })
    close(a, b)
  end)

  it("takes a name for the server that is chosen later, and its verification", function()
    local strict = assert(luasec.newcontext(server_options {
      certificate = file "other.crt", key = file "other.key", verify = { "peer", "fail_if_no_peer_cert" },
      cafile = file "root.crt",
    }))
    local a, b = wrap({ protocol = "tlsv1_2" })
    a:sni "b.example"
    b:sni { ["b.example"] = strict }
    local _, two = handshake(a, b)
    assert.same({ false, "peer did not return a certificate" }, two)
    close(a, b)
  end)

  it("refuses a name behind which stands nothing of ours", function()
    local map = {}
    local a, b = wrap()
    a:sni "b.example"
    b:sni(map)
    map["b.example"] = assert(luasec.newcontext(client_options()))
    local _, two = handshake(a, b)
    assert.is_false(two[1])
    assert.is_truthy(two[2]:find "no server's context")
    close(a, b)
  end)
end)

describe("TLSA records", function()
  local digest = tlsa.data("rsa.crt", 1, 1)

  local function ends(name, records, given, flags)
    local a, b = wrap(options(given, { dane = flags or true, cafile = false }))
    local set = a:setdane(name)
    local usable = {}
    for i, record in ipairs(records) do usable[i] = a:settlsa((table.unpack or unpack)(record)) end
    local answer = handshake(a, b)
    close(a, b)
    return answer[1], answer[2], set, usable
  end

  it("are enough, for the name too", function()
    assert.same({ true, nil, true, { true } }, { ends("localhost", { { 3, 1, 1, digest } }) })
    assert.is_false((ends("other.example", { { 3, 1, 1, digest } })))
    assert.is_true((ends("other.example", { { 3, 1, 1, digest } }, nil, { "no_ee_namechecks" })))
  end)

  it("have to match", function()
    local done, err = ends("localhost", { { 3, 1, 1, ("x"):rep(32) } })
    assert.same({ false, "certificate verify failed" }, { done, err })
    assert.is_true((ends("localhost", { { 3, 1, 1, ("x"):rep(32) }, { 3, 1, 1, digest } })))
    assert.is_false((ends("localhost", { { 3, 1, 1, ("x"):rep(32) } }, { verify = "none" })))
  end)

  it("that cannot be used do not take others' place", function()
    local done, _, _, usable = ends("localhost", { { 3, 1, 1, digest }, { 3, 1, 9, digest }, { 9, 1, 1, digest } })
    assert.is_true(done)
    assert.same({ true, false, false }, usable)
    assert.is_false((ends("localhost", { { 3, 1, 1, ("x"):rep(32) }, { 3, 1, 9, digest } })))
  end)
end)

describe("a context", function()
  it("is changed for later connections, all or nothing", function()
    local context = assert(luasec.newcontext(client_options { protocol = "tlsv1_2" }))
    assert.same({ true }, { luasec.context.setcipher(context, "ECDHE-RSA-AES256-GCM-SHA384") })
    assert.is_false((luasec.context.setcipher(context, "nonsense")))
    assert.same({ true }, { luasec.context.setdepth(context, 3) })
    local a, b = helpers.sockets()
    a, b = assert(luasec.wrap(a, context)), assert(luasec.wrap(b, server_options()))
    a:settimeout(0)
    b:settimeout(0)
    assert.same({ true }, (handshake(a, b)))
    assert.equal("ECDHE-RSA-AES256-GCM-SHA384", a:info "cipher")
    close(a, b)
  end)

  it("tells why a file cannot be used, in the words that programs look for", function()
    for _, row in ipairs {
      { { certificate = "nowhere.pem" }, "error loading certificate (No such file or directory)" },
      { { key = "nowhere.pem" }, "error loading private key (No such file or directory)" },
      { { cafile = "nowhere.pem" }, "error loading CA locations (No such file or directory)" },
      { { certificate = "/" }, "error loading certificate (Is a directory)" },
      { { certificate = file "text.pem" }, "error loading certificate (no start line)" },
      { { key = file "text.pem" }, "error loading private key (no start line)" },
      { { key = file "rsa-pkcs8.key", password = "wrong" }, "error loading private key (bad decrypt)" },
      { { key = file "ecdsa.key" }, "private key does not match public key" },
      { { key = "nowhere.pem", certificate = false }, "error loading private key (No such file or directory)" },
    } do
      local context, err = luasec.newcontext(server_options(row[1]))
      assert.is_nil(context)
      assert.equal(row[2], err)
    end
  end)

  it("without a version of TLS is none", function()
    local context, err = luasec.newcontext(client_options { protocol = "tlsv1_3", options = "no_tlsv1_3" })
    assert.is_nil(context)
    assert.equal("error creating context (no version of TLS is left)", err)
  end)

  it("takes a certificate without a key, and does not show it", function()
    local a, b = connected({ certificate = file "client.crt" }, { verify = "peer", cafile = file "root.crt" })
    assert.is_nil(b:getpeercertificate())
    close(a, b)
  end)

  it("speaks the highest versions without a gap", function()
    local a, b = connected({ options = { "no_tlsv1_2" } })
    assert.equal("TLSv1.3", a:info "protocol")
    close(a, b)
  end)
end)

describe("misuse raises at the program's line:", function()
  local near, far, context, client, server, asking

  setup(function()
    asking = assert(certificates.create_default_context { post_handshake_auth = true, ca_certs = file "root.crt" })
    near, far = helpers.sockets()
    context = assert(luasec.newcontext(client_options()))
    local a, b = helpers.sockets()
    client, server = assert(luasec.wrap(a, context)), assert(luasec.wrap(b, server_options()))
  end)

  teardown(function()
    for _, sock in ipairs { near, far, client, server } do sock:close() end
    near, far, context, client, server, asking = nil, nil, nil, nil, nil, nil
  end)

  local set = luasec.context
  for what, call in pairs {
    ["'newcontext' (table expected, got number)"] = function() luasec.newcontext(5) end,
    ["'create' (string expected, got nil)"] = function() luasec.newcontext { mode = "client" } end,
    ["'setmode' (string expected, got nil)"] = function() luasec.newcontext { protocol = "any" } end,
    ["'locations' (string expected, got boolean)"] = function() luasec.newcontext(client_options { cafile = true }) end,
    ["'setdepth' (number expected, got string)"] = function() luasec.newcontext(client_options { depth = "x" }) end,
    ["'create' (string expected, got boolean)"] = function() luasec.wrap(near, { protocol = true }) end,
    ["'wrap' (SSL:Context expected, got nil)"] = function() luasec.wrap(near) end,
    ["option 'post_handshake_auth' is not"] = function() luasec.wrap(near, asking) end,
    ["'wrap' (LuaSocket object expected, got nil)"] = function() luasec.wrap(nil, context) end,
    ["'wrap' (LuaSocket object expected, got table)"] = function() luasec.wrap({}, context) end,
    ["'setcipher' (SSL:Context expected, got nil)"] = function() set.setcipher(nil, "HIGH") end,
    ["'setcipher' (string expected, got nil)"] = function() set.setcipher(context) end,
    ["'setverify' (SSL:Context expected, got nil)"] = function() set.setverify() end,
    ["'setdhparam' (function expected, got nil)"] = function() set.setdhparam(context) end,
    ["'setalpncb' (function expected, got nil)"] = function() set.setalpncb(context) end,
    ["'sni' (string expected, got table)"] = function() client:sni {} end,
    ["'sni' (table expected, got string)"] = function() server:sni "x" end,
    ["'sni' (table from names"] = function() server:sni { x = 5 } end,
    ["'setdane' (string expected, got nil)"] = function() client:setdane() end,
    ["'settlsa' (number expected, got nil)"] = function() client:settlsa() end,
    ["'settlsa' (string expected, got nil)"] = function() client:settlsa(3, 1, 1) end,
    ["'dohandshake' on bad self"] = function() client.dohandshake(5) end,
    ["'sni' on bad self"] = function() client.sni(5) end,
    ["'shutdown' on bad self"] = function() client.shutdown(near) end,
    ["'getpeerverification' on bad self"] = function() client.getpeerverification(near) end,
    ["'getpeercertificate' on bad self"] = function() client.getpeercertificate {} end,
    ["'getpeerchain' on bad self"] = function() client.getpeerchain {} end,
    ["'getlocalcertificate' on bad self"] = function() client.getlocalcertificate {} end,
    ["'getlocalchain' on bad self"] = function() client.getlocalchain {} end,
    ["'getfinished' on bad self"] = function() client.getfinished {} end,
    ["'getpeerfinished' on bad self"] = function() client.getpeerfinished {} end,
    ["'setdane' on bad self"] = function() client.setdane {} end,
    ["'settlsa' on bad self"] = function() client.settlsa {} end,
    ["'getoption' on bad self"] = function() client.getoption({}, "keepalive") end,
    ["'setoption' on bad self"] = function() client.setoption({}, "keepalive", true) end,
  } do
    it(what, function()
      local done, err = pcall(call)
      assert.is_false(done)
      local line = debug.getinfo(call, "S").linedefined
      assert.is_truthy(err:find(("luasec_connection_spec.lua:%d: "):format(line), 1, true), err)
      assert.is_truthy(err:find(what, 1, true), err)
    end)
  end
end)

describe("other implementations", function()
  it("serve and ask", function()
    local peer = helpers.s_server()
    local a = assert(luasec.wrap(assert(socket.connect("127.0.0.1", peer.port)),
      client_options { check_hostname = true }))
    a:settimeout(helpers.patience)
    a:sni "localhost"
    assert.is_true((a:dohandshake()))
    assert.equal(6, a:send "hello\n")
    peer:expect "hello"
    peer:write "and you\n"
    assert.equal("and you", (a:receive()))
    close(a)
    peer:stop()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    peer = helpers.s_client(port)
    listener:settimeout(helpers.patience)
    local b = assert(luasec.wrap(assert(listener:accept()), server_options()))
    b:settimeout(helpers.patience)
    assert.is_true((b:dohandshake()))
    b:send "welcome\n"
    peer:expect "welcome"
    close(b)
    listener:close()
    peer:stop()
  end)
end)
