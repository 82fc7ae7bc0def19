-- ssl.http_connect: tunnels through an HTTP proxy, over what a program has: a
-- LuaSocket object, TLS, a table of functions.
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

helpers.audit()

-- A transport that answers what it is given, in those parts, then the end.
local function canned(...)
  local parts, self = {...}, {sent = {}}
  function self.read()
    return table.remove(parts, 1)
  end
  function self.write(bytes)
    self.sent[#self.sent + 1] = bytes
    return true
  end
  return self
end

-- A proxy in another process, which knows nothing of us: it answers `first`.
local function start_proxy(first, tls)
  local proxy = helpers.spawn {"python3", "spec/support/connect_proxy.py", tls or "", first}
  return proxy, tonumber((proxy:expect "port (%d+)"))
end

describe("http_connect", function()
  after_each(helpers.stop_all)

  it("asks for the host and gives the same connection back", function()
    local carrier = canned "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"
    assert.equal(carrier, ssl.http_connect(carrier, "example.com", 443))
    assert.equal("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", table.concat(carrier.sent))
  end)

  it("writes an IPv6 address in brackets", function()
    local carrier = canned "HTTP/1.0 200\r\n\r\n"
    assert(ssl.http_connect(carrier, "::1", 8443))
    assert.equal("CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", table.concat(carrier.sent))
  end)

  it("authenticates, and sends further fields", function()
    local carrier = canned "HTTP/1.1 204 x\n\n"
    assert(ssl.http_connect(carrier, "x", "1", {user = "Aladdin", password = "open sesame", headers = {["X-A"] = 1}}))
    assert.equal("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
      .. "X-A: 1\r\n\r\n", table.concat(carrier.sent))
    carrier = canned "HTTP/1.1 200 x\r\n\r\n"
    assert(ssl.http_connect(carrier, "x", 1, {authorization = "Bearer abc"}))
    assert.matches("\r\nProxy%-Authorization: Bearer abc\r\n", table.concat(carrier.sent))
    carrier = canned "HTTP/1.1 200 x\r\n\r\n"
    assert(ssl.http_connect(carrier, "x", 1, {user = ("u"):rep(300)}))
    assert.matches("Basic [%w+/=]+\r\n\r\n$", table.concat(carrier.sent))
  end)

  it("passes over answers before the last one", function()
    local carrier = canned("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 1", "03 x\r\n\r", "\nHTTP/1.1 200 OK\r\n\r\n")
    assert.equal(carrier, ssl.http_connect(carrier, "x", 1))
  end)

  it("loses nothing that comes behind the answer", function()
    local carrier = canned("HTTP/1.1 200 OK\r\n\r\nSSH-2.0", "-x")
    local again = assert(ssl.http_connect(carrier, "x", 22))
    assert.same({"SSH-2.0", "-x"}, {again.read(), (again.read())})
    assert.is_nil((again.read()))
    assert(again.write "y")
    assert.equal("y", carrier.sent[#carrier.sent])
  end)

  for name, case in pairs {
      ["refuses"] = {"the proxy refuses: 407 Proxy Authentication Required", 407,
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\nhello"},
      ["redirects"] = {"the proxy refuses: 302 ", 302, "HTTP/1.1 302\r\n\r\n"},
      ["switches protocols"] = {"the proxy refuses: 101 x", 101, "HTTP/1.1 101 x\r\n\r\n"},
      ["speaks TLS"] = {"the proxy speaks no HTTP", nil, "\21\3\1\0\2\2\40"},
      ["speaks SMTP"] = {"the proxy speaks no HTTP", nil, "220 ready\r\n\r\n"},
      ["speaks HTTP/2"] = {"the proxy speaks no HTTP/1", nil, "HTTP/2 200\r\n\r\n"},
      ["has escapes in its words"] = {"the proxy refuses: 500 ?[31m", 500, "HTTP/1.1 500 \27[31m\r\n\r\n"},
      ["closes"] = {"the proxy closed the connection", nil, "HTTP/1.1 200 OK\r\nVia: x\r\n"},
      ["never ends"] = {"the proxy's answer is longer than 65536 bytes", nil, ("HTTP/1.1 200 OK\r\nx: "):rep(4000)}} do
    it("tells that a proxy " .. name, function()
      local carrier = canned(case[3])
      local done, err = ssl.http_connect(carrier, "x", 1)
      assert.is_nil(done)
      assert.equal("proxy", err.kind)
      assert.equal("http_connect: " .. case[1], tostring(err))
      assert.equal(case[2], err.code)
    end)
  end

  it("has one deadline, however slowly the answer comes", function()
    local near, far = helpers.sockets()
    far:send "HTTP/1.1 2"
    local start = socket.gettime()
    near:settimeout(7)
    near:settimeout(9, "t")
    assert.same({nil, "timeout"}, {ssl.http_connect(near, "x", 1, {timeout = 0.1})})
    assert.is_true(socket.gettime() - start < helpers.patience)
    assert.same({7, 9}, {near:gettimeout()})
    near:close()
    far:close()
  end)

  it("opens a tunnel for wrap_socket", function()
    local server = helpers.s_server()
    local proxy, port = start_proxy "HTTP/1.1 200 OK\\r\\n\\r\\n"
    local sock = assert(socket.connect("127.0.0.1", port))
    assert(ssl.http_connect(sock, "127.0.0.1", server.port))
    local conn = assert(wire.context("client"):wrap_socket(sock, {server_hostname = "localhost"}))
    conn:settimeout(helpers.patience)
    assert(conn:send "through the tunnel\n")
    server:expect "(through the tunnel)"
    conn:close()
    proxy:wait()
  end)

  it("asks a proxy over TLS", function()
    local proxy, port = start_proxy("HTTP/1.1 403 no\\r\\n\\r\\n", helpers.file "rsa.pem")
    local conn = assert(ssl.connect("127.0.0.1", port,
      {context = wire.context "client", server_hostname = "localhost"}))
    local done, err = ssl.http_connect(conn, "example.com", 443)
    assert.is_nil(done)
    assert.equal(403, err.code)
    proxy:expect "CONNECT (example.com:443) HTTP/1.1"
    conn:close()
  end)
end)
