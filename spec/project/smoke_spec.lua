-- The main job, once each way, and that the audit sees what it should see.
local audit = require "luassl_audit"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

describe("the module", function()
  it("has every name of the reference", function()
    for _, name in ipairs {"wrap_socket", "RAND_status", "RAND_egd", "RAND_add",
      "cert_time_to_seconds", "get_server_certificate", "DER_cert_to_PEM_cert",
      "PEM_cert_to_DER_cert"} do
      assert.is_function(ssl[name], name)
    end
    for _, name in ipairs {"CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED",
      "PROTOCOL_SSLv2", "PROTOCOL_SSLv23", "PROTOCOL_SSLv3",
      "PROTOCOL_TLSv1"} do
      assert.is_number(ssl[name], name)
    end
    assert.is_not_nil(ssl.SSLError)
  end)

  -- As in nginx, where they go through its event loop.
  it("is loaded where coroutines cannot run meanwhile", function()
    local peer = helpers.lua [[
      local function refuse() error "attempt to yield across C-call boundary" end
      coroutine.wrap, coroutine.resume, coroutine.yield = refuse, refuse, refuse
      print(type(require "luassl".connect))]]
    assert.equal(0, peer:wait(), peer:output())
    assert.equal("function\n", peer:output())
  end)
end)

describe("a client", function()
  it("fetches a page from a server that is not ours", function()
    local www = helpers.temp_name()
    assert(os.execute("mkdir " .. www))
    local page = assert(io.open(www .. "/page", "wb"))
    page:write "the page\n"
    page:close()
    local peer = helpers.s_server {www = www}
    local conn = assert(ssl.wrap_socket(socket.tcp(), {
      ca_certs = helpers.file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
      server_hostname = "localhost"}))
    assert(conn:connect("127.0.0.1", peer.port))
    assert.equal("127.0.0.1", (conn:getpeername()))
    assert.is_string((conn:cipher()))
    assert.is_table(conn:getpeercert().subject)
    assert(conn:write "GET /page HTTP/1.0\r\n\r\n")
    local page_text = ""
    local data, err = conn:read()
    while data do
      page_text = page_text .. data
      data, err = conn:read()
    end
    assert.equal("closed", err)
    assert.truthy(page_text:find("the page\n", 1, true))
    assert.equal(1, conn:close())
    peer:stop()
  end)

  it("verifies by default in ssl.connect", function()
    local peer = helpers.python_server("echo", {cert = "rsa"})
    local conn = assert(ssl.connect("localhost", peer.port))
    assert(conn:send "line\n")
    assert.equal("line", conn:receive())
    conn:close()
    peer:stop()
    peer = helpers.python_server("echo", {cert = "untrusted"})
    local none, err = ssl.connect("localhost", peer.port)
    assert.is_nil(none)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    peer:stop()
  end)
end)

describe("a server", function()
  it("serves clients that are not ours", function()
    local listener = assert(ssl.wrap_socket(assert(socket.bind("127.0.0.1", 0)),
      {server_side = true, certfile = helpers.file "ecdsa.pem"}))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    for _, start in ipairs {
      function() return helpers.python_client(port, "talk") end,
      function() return helpers.s_client(port, {input = "hello\n",
        arguments = {"-quiet"}}) end,
    } do
      local peer = start()
      local conn = assert(listener:accept())
      conn:settimeout(helpers.patience)
      assert.equal("hello", conn:receive())
      assert(conn:send "and hello to you\n")
      peer:expect "and hello to you"
      conn:close()
      peer:wait()
    end
    listener:close()
  end)
end)

describe("a pair", function()
  for _, over in ipairs {"object", "socket"} do
    it("shakes hands over " .. over .. "s", function()
      local client, server = helpers.pair {over = over}
      assert(helpers.handshake(client, server))
      assert.equal(client:version(), server:version())
      client:close()
      server:close()
    end)

    it("refuses a wrong name over " .. over .. "s", function()
      local client, server = helpers.pair {over = over, host = "other.example"}
      local ok, err = helpers.handshake(client, server)
      assert.is_nil(ok)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
      client:close()
      server:close()
    end)
  end
end)

describe("the audit", function()
  it("sees what stays alive", function()
    local before = helpers.snapshot()
    local context = assert(ssl.create_default_context())
    local object = assert(context:wrap_object {server_hostname = "localhost"})
    assert.same({nil, "wantread"}, {object:do_handshake()})  -- from here on it has an SSL
    local fds = {helpers.sockets()}
    local grown = table.concat(helpers.growth(before), "\n")
    assert.truthy(grown:find("SSL: 1 more", 1, true))
    assert.truthy(grown:find("SSL_CTX: 1 more", 1, true))
    assert.truthy(grown:find("descriptors: 2 more", 1, true))
    object:close()
    fds[1]:close()
    fds[2]:close()
    object, context = nil, nil  -- luacheck: ignore
    assert.same({}, helpers.growth(before))
  end)

  it("names the method that leaves the error queue dirty", function()
    local found, methods = {}, {}
    function methods.sloppy() audit.dirty() return 1, nil, 3 end
    function methods.clean() return "clean" end
    local unwatch = helpers.watch({Class = methods}, found)
    assert.equal("clean", methods.clean())
    assert.same({}, found)
    assert.same({n = 3, 1, nil, 3}, {n = select("#", methods.sloppy()),
      methods.sloppy()})
    assert.equal(2, #found)
    assert.truthy(found[1]:find("^Class%.sloppy leaves error:"))
    unwatch()
    assert.equal(0, (helpers.queue()))
    assert.equal(1, (methods.sloppy()))
    assert.equal(2, #found)
    helpers.clean()
  end)

  it("does not take a foreign error for ours", function()
    local context = assert(ssl.create_default_context())
    helpers.dirty()
    assert.is_not_nil(context)
    assert.is_number(ssl.cert_time_to_seconds "May  9 00:00:00 2007 GMT")
    helpers.clean()
  end)
end)

describe("a peer", function()
  it("holds none of our descriptors and ends when told to", function()
    local client, server = helpers.sockets()
    local peer = helpers.python_server "silent"
    server:close()
    client:settimeout(5)
    assert.equal("closed", (select(2, client:receive(1))))
    client:close()
    peer:stop()
    assert.is_number(peer:status())
  end)
end)
