-- LuaSec's ssl.https and ours, which stands on luassl.https: the same requests
-- over both where LuaSec is here, and what differs.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local ltn12 = require "ltn12"
local ours = require "luassl.luasec.https"
local socket = require "socket"
local socket_http = require "socket.http"

helpers.audit()

local found, theirs = pcall(require, "ssl.https")
local function clear() require "luassl.core".load_certificates "" end  -- what LuaSec leaves in OpenSSL's queue

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: yes\r\n\r\nhello"

local function redirect(location)
  return ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 4\r\n\r\ngone"):format(location)
end

local directory, peer

setup(function()
  directory = http_peers.directory {ok = OK, short = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    relative = redirect "/ok", downgrade = redirect "http://127.0.0.1:1/", hm = "no HTTP\r\n\r\n"}
  peer = http_peers.python(directory)
  helpers.write_file(directory .. "/absolute", redirect(("https://localhost:%d/ok"):format(peer.port)))
end)

teardown(function()
  peer:stop()
  peer = nil
end)

local function url(path, host)
  return ("https://%s:%d/%s"):format(host or "localhost", peer.port, path)
end

-- What one of the modules answers, the body of a table's request in the place of 1.
local function ask(https, request, body)
  if type(request) ~= "table" then
    local done, code, headers, status = https.request(request, body)
    return {done or false, code, headers and headers["x-test"], status}
  end
  local copy, parts = {}, {}
  for name, value in pairs(request) do copy[name] = value end
  copy.sink = copy.sink or ltn12.sink.table(parts)
  local done, code, headers, status = https.request(copy)
  return {done and table.concat(parts) or false, code, headers and headers["x-test"], status}
end

-- The answer of both.
local function same(request, body)
  local answer = ask(ours, request, body)
  if found then
    assert.same(ask(theirs, request, body), answer)
    clear()
  end
  return answer
end

local function last()
  local requests = peer.requests()
  return requests[#requests]
end

describe("ssl.https", function()
  it("answers what LuaSec's does", function()
    assert.same({"hello", 200, "yes", "HTTP/1.1 200 OK"}, same(url "ok"))
    assert.same({"hello", 200, "yes", "HTTP/1.1 200 OK"}, same(url "ok", "posted"))
    assert.same({"hello", 200, "yes", "HTTP/1.1 200 OK"}, same {url = url "ok", unknown = 1, mode = "server"})
    assert.equal(200, same((url "ok":gsub("^https", "http")))[2])  -- TLS all the same
    assert.equal(200, same {url = url "nothing", path = "/ok"}[2])
    assert.equal(200, same {url = url "ok", method = "HEAD"}[2])
    assert.equal(200, same {url = url "ok", protocol = "tlsv1_2", options = "all", verify = "none"}[2])
    assert.equal(302, same {url = url "absolute", redirect = false}[2])
    assert.equal(302, same(url "downgrade")[2])
    assert.equal(200, same(url "absolute")[2])
  end)

  it("sends what LuaSec's does", function()
    local function sent(https, request, body)
      ask(https, request, body)
      return last()
    end
    local name = ("localhost:%d"):format(peer.port)
    for request, wanted in pairs {
      [{url = url "ok", user = "a", password = "b"}] = {"authorization", "Basic YTpi"},
      [{url = ("https://a:b@%s/ok"):format(name)}] = {"authorization", "Basic YTpi"},
      [{url = url "ok", headers = {["X-Number"] = 7}}] = {"x-number", "7"},
      [{url = url "ok", headers = {["User-Agent"] = "me"}}] = {"user-agent", "me"},
      [{url = url "ok"}] = {"user-agent", socket_http.USERAGENT},
      [{url = url "ok", path = "/ok"}] = {"host", name},
    } do
      assert.equal(wanted[2], sent(ours, request).headers[wanted[1]])
      if found then assert.equal(wanted[2], sent(theirs, request).headers[wanted[1]]) end
    end
    local function put() return {url = url "ok", method = "PUT", source = ltn12.source.string "a body"} end
    assert.equal("chunked", sent(ours, put()).headers["transfer-encoding"])
    local posted = sent(ours, url "ok", "a=b")
    assert.equal("application/x-www-form-urlencoded", posted.headers["content-type"])
    assert.equal("3", posted.headers["content-length"])
    clear()
  end)

  it("refuses what LuaSec's does, with its words", function()
    assert.equal("redirect not supported", same {url = url "ok", redirect = true}[2])
    assert.equal("proxy not supported", same {url = url "ok", proxy = "http://localhost:1"}[2])
    assert.equal("create function not permitted", same {url = url "ok", create = socket.tcp}[2])
    socket_http.PROXY = "http://localhost:1"
    local refused = ask(ours, url "ok")
    socket_http.PROXY = nil
    assert.equal("proxy not supported", refused[2])
    assert.equal("connection refused", same "https://127.0.0.1:1/"[2])
    assert.equal("certificate verify failed", same {url = url "ok", verify = "peer"}[2])
    assert.equal("enough", same {url = url "ok", sink = function() return nil, "enough" end}[2])
    assert.equal("broken", same {url = url "ok", method = "PUT", source = function() return nil, "broken" end}[2])
    assert.truthy(same {url = url "ok", protocol = "x"}[2]:find "invalid protocol")
  end)

  it("answers strings, whatever is wrong", function()
    for _, request in ipairs {
      "", "x", {}, {url = 1}, {url = url "ok", headers = {["a b"] = "c"}}, {url = url "ok", method = "A B"},
      {url = url "ok", headers = {["content-length"] = 3}}, {url = url "hm"}, {url = url "ok", cafile = "/none"},
    } do
      local done, err = ours.request(request)
      assert.is_nil(done)
      assert.is_string(err)
    end
    local done, message = pcall(ours.request)
    assert.is_false(done)
    assert.truthy(message:find("bad argument #1 to 'request' (string or table expected, got nil", 1, true))
  end)

  it("verifies chain and name where that is asked", function()
    local ca = helpers.file "root.crt"
    assert.equal(200, same {url = url "ok", verify = "peer", cafile = ca}[2])
    assert.equal(200, same {url = url("ok", "127.0.0.1"), verify = "peer", cafile = ca}[2])
    assert.equal(200, ask(ours, {url = url "ok", verify = "peer", cafile = ca, check_hostname = true})[2])
  end)

  it("has an error for a body that was cut short, and follows relative redirects: LuaSec's does neither", function()
    local done, err = ours.request(url "short?end=notify")
    assert.is_nil(done)
    assert.truthy(err:find("5 of 10 bytes came", 1, true), err)
    assert.equal(200, ask(ours, url "relative")[2])
  end)

  it("looks socket.tcp up for each request", function()
    local tcp, count = socket.tcp, 0
    socket.tcp = function()
      count = count + 1
      return tcp()
    end
    local first, second = ask(ours, url "ok"), ask(ours, {url = url "absolute"})
    socket.tcp = tcp
    assert.equal(200, first[2])
    assert.equal(200, second[2])
    assert.equal(3, count)
  end)

  it("gives each operation TIMEOUT, and says what LuaSec's does when it is over", function()
    assert.equal(60, ours.TIMEOUT)
    ours.TIMEOUT = 0.2
    local silent = assert(socket.bind("127.0.0.1", 0))
    local _, port = silent:getsockname()
    local done, err = ours.request(("https://127.0.0.1:%s/"):format(port))
    local held, late = ours.request(url "short?end=hold")
    ours.TIMEOUT = 60
    silent:close()
    assert.is_nil(done)
    assert.equal("wantread", err)
    assert.is_nil(held)
    assert.equal("wantread", late)
  end)

  it("takes PORT where the URL has none", function()
    ours.PORT = peer.port
    local done, code = ours.request "https://localhost/ok"
    ours.PORT = 443
    assert.equal("hello", done)
    assert.equal(200, code)
  end)

  it("shows the program's certificate to its own server alone", function()
    local shown = {}
    local wrap = require "luassl.luasec".wrap
    require "luassl.luasec".wrap = function(sock, parameters)
      shown[#shown + 1] = tostring(parameters.certificate)
      return wrap(sock, parameters)
    end
    local given = {url = url("absolute", "127.0.0.1"), certificate = helpers.file "client.crt",
      key = helpers.file "client.key"}
    local answer = ask(ours, given)
    require "luassl.luasec".wrap = wrap
    assert.equal(200, answer[2])
    assert.same({helpers.file "client.crt", "nil"}, shown)
    assert.is_nil(given.mode)
  end)

  it("is compared by its version", function()
    assert.is_true(ours._VERSION > "1.0.3")
  end)
end)

describe("ssl.https.tcp", function()
  it("is what socket.http asks for", function()
    package.loaded["ssl.https"] = ours
    local body, code = socket_http.request(url "ok")
    package.loaded["ssl.https"] = found and theirs or nil
    assert.equal("hello", body)
    assert.equal(200, code)
  end)

  it("makes a connection with all methods of what is below", function()
    local conn = ours.tcp {verify = "none"}()
    assert.equal(1, conn:settimeout(1))
    assert.equal(1, conn:connect("localhost", peer.port))
    assert.truthy(conn:send "GET /ok HTTP/1.0\r\n\r\n")
    assert.truthy(conn:receive():find "200")
    assert.is_number(conn:getfd())
    assert.equal("table", type(conn:info()))
    conn:close()
  end)

  it("answers an error, and closes", function()
    local conn = ours.tcp()()
    local done, err = conn:connect("127.0.0.1", 1)
    assert.is_nil(done)
    assert.equal("connection refused", err)
    conn:close()
  end)
end)

describe("install", function()
  it("puts our modules in LuaSec's place", function()
    local child = helpers.lua([[
      local ssl = require("luassl.luasec").install()
      for _, name in ipairs {"config", "context", "core", "https", "x509"} do
        assert(require("ssl." .. name) == require("luassl.luasec." .. name), name)
      end
      assert(ssl == require "ssl" and ssl == require "luassl.luasec")
      print(require "socket.http".request(arg[1]))
    ]], url "ok")
    assert.equal(0, child:wait(), child:output())
    assert.truthy(child:output():find "^hello\t200\t")
  end)

  it("is what the rock's files do", function()
    for _, name in ipairs {"", ".config", ".context", ".core", ".https", ".x509"} do
      local file = ("rockspecs/luasec/ssl%s.lua"):format((name:gsub("%.", "/")))
      assert.equal(require("luassl.luasec" .. name), dofile(file), file)
    end
  end)
end)
