-- luassl.https through proxies: CONNECT, who is told whose credentials, what a
-- refusal says, and which proxy the environment names.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local http_url = require "luassl.http_url"
local https = require "luassl.https"
local socket = require "socket"

helpers.audit()

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local directory, peer, clear
local root = {ca_certs = helpers.file "root.crt"}

setup(function()
  directory = http_peers.directory {ok = OK}
  peer = http_peers.python(directory)
  clear = http_peers.python(directory, {plain = true})
end)

teardown(function()
  peer:stop()
  clear:stop()
  peer, clear = nil, nil
end)

local proxies = {}

local function start(...)
  local proxy = http_peers.proxy(...)
  proxies[#proxies + 1] = proxy
  return proxy
end

after_each(function()
  while proxies[1] do table.remove(proxies):stop() end
end)

local function ask(proxy, request)
  request = request or {}
  request.url = request.url or ("https://localhost:%d/ok"):format(peer.port)
  request.proxy = type(proxy) == "table" and "http://127.0.0.1:" .. proxy.port or proxy
  request.tls, request.timeout = request.tls or root, request.timeout or 20
  local parts = {}
  request.sink = function(piece)
    parts[#parts + 1] = piece
    return 1
  end
  local done, code = https.request(request)
  return done and table.concat(parts), code
end

local function fails(kind, texts, done, err)
  assert.is_nil(done)
  assert.equal(kind, err.kind, tostring(err))
  for _, text in ipairs(texts) do assert.truthy(err:find(text, 1, true), tostring(err)) end
  assert.is_nil(err:find "[^\32-\126]")
end

describe("an http proxy", function()
  it("is asked to CONNECT, and the server is verified through it", function()
    local proxy = start()
    assert.equal("hello", (ask(proxy, {headers = {authorization = "x", cookie = "y"}})))
    proxy:expect(("CONNECT localhost:%d HTTP/1.1 | None | False\n"):format(peer.port):gsub("[.|]", "%%%0"))
    fails("verification", {"LuaSSL test root"}, ask(proxy, {tls = {ca_certs = helpers.file "other-root.crt"}}))
    assert.equal("x", peer.requests()[1].headers.authorization)
  end)

  it("is told its own credentials, and the server none of them", function()
    local proxy = start("--auth", "us:er:p w")
    assert.equal("hello", (ask(("http://us%%3Aer:p%%20w@127.0.0.1:%d"):format(proxy.port))))
    assert.equal("hello", (ask(proxy, {headers = {["Proxy-Authorization"] = "Basic dXM6ZXI6cCB3"}})))
    local requests = peer.requests()
    assert.is_nil(requests[#requests].headers["proxy-authorization"])
  end)

  it("that refuses is quoted, bounded and without control characters", function()
    fails("proxy", {"the proxy 127.0.0.1:", '"HTTP/1.1 407 Proxy Authentication Required"', 'Basic realm=\\x22specs',
      "who\\x1b[31m are you?\\xff\\xfe"}, ask(start("--auth", "a:b")))
    local file = helpers.temp_file("HTTP/1.1 503 " .. ("x"):rep(10000) .. "\r\n\r\n" .. ("y"):rep(10000))
    local done, err = ask(start("--answer", file))
    fails("proxy", {"503", "..."}, done, err)
    assert.is_true(#err.text < 600)
    assert.equal(503, err.code)
  end)

  it("that answers nonsense or too much is refused", function()
    for answer, text in pairs {
      [""] = "before an answer came", ["SSH-2.0-x\r\n"] = "does not speak HTTP/1", ["HTTP/1.1 200 O"] = "status line",
      ["HTTP/1.1 200 OK\r\nX: y"] = "header", ["HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(20000)] = "16384",
    } do
      fails("proxy", {"no answer to CONNECT", text}, ask(start("--answer", helpers.temp_file(answer))))
    end
    fails("injection", {"more than its answer"}, ask(start "--inject"))
  end)

  it("that is not there, or says nothing, holds nobody up", function()
    fails("proxy", {"cannot be reached: connection refused"}, ask("127.0.0.1:" .. helpers.free_port()))
    local started = socket.gettime()
    local done, err = ask(start "--silent", {timeout = 0.3})
    assert.is_nil(done)
    assert.equal("timeout", err)
    assert.is_true(socket.gettime() - started < 8)
  end)

  it("is asked for http URLs by their whole URL", function()
    local proxy = start("--auth", "u:p")
    local there = ("http://localhost:%d/ok?x"):format(clear.port)
    assert.equal("hello", (ask(("u:p@127.0.0.1:%d"):format(proxy.port), {url = there, allow_downgrade = true})))
    proxy:expect(("GET http://localhost:%d/ok%%?x HTTP/1.1 | Basic dTpw"):format(clear.port):gsub("[.|]", "%%%0"))
    assert.equal("/ok?x", clear.requests()[1].target)
  end)

  it("keeps a client's connections apart from others", function()
    local proxy = start()
    local client = https.client {tls = root, timeout = 20}
    local place = ("https://localhost:%d/ok"):format(peer.port)
    for _ = 1, 2 do
      assert.equal(200, (select(2, client:request {url = place, proxy = "127.0.0.1:" .. proxy.port})))
      assert.equal(200, (select(2, client:request {url = place})))
    end
    assert.equal("HTTPSClient (2 idle)", tostring(client))
    local _, count = proxy:output():gsub("CONNECT", "")
    assert.equal(1, count)
    client:close()
  end)
end)

describe("the environment", function()
  -- What another process answers with these variables.
  local function run(variables, url)
    local env = {}
    for _, name in ipairs {"http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY", "no_proxy", "NO_PROXY"} do
      env[name] = variables[name] or ""
    end
    local program = helpers.spawn({helpers.interpreter, helpers.temp_file [[
      local https = require "luassl.https"
      print(https.request {url = arg[1], proxy = "environment", tls = {ca_certs = arg[2]}, timeout = 20})
    ]], url or ("https://localhost:%d/ok"):format(peer.port), helpers.file "root.crt"}, {env = env})
    program:wait()
    return program:output()
  end

  it("names the proxy, and who is asked without one", function()
    local proxy = start()
    local place = "http://127.0.0.1:" .. proxy.port
    for _, name in ipairs {"https_proxy", "HTTPS_PROXY"} do
      if name == "https_proxy" then assert.matches("^1\t200", run {[name] = place}) end
    end
    proxy:expect "CONNECT localhost"
    for _, name in ipairs {"no_proxy", "NO_PROXY"} do
      if name == "no_proxy" then assert.matches("^1\t200", run {https_proxy = "127.0.0.1:1", [name] = "localhost"}) end
    end
    assert.matches("cannot be reached", run {https_proxy = "127.0.0.1:1"})
    assert.matches("^1\t200", run {http_proxy = "127.0.0.1:1", HTTP_PROXY = "127.0.0.1:1"})
    assert.matches("the proxy in https_proxy: its scheme", run {https_proxy = "socks5://127.0.0.1"})
  end)

  it("is read as curl reads it", function()
    local function proxy_for(url, variables)
      return (http_url.from_environment(http_url.parse(url), function(name) return variables[name] end))
    end
    local function direct(url, list)
      return proxy_for(url, {https_proxy = "p", NO_PROXY = list}) == nil
    end
    assert.equal("p", proxy_for("https://a/", {HTTPS_PROXY = "p"}))
    assert.equal("p", proxy_for("https://a/", {HTTPS_PROXY = "q", https_proxy = "p"}))
    assert.is_nil(proxy_for("http://a/", {HTTP_PROXY = "p", https_proxy = "p"}))
    assert.equal("p", proxy_for("http://a/", {http_proxy = "p"}))
    assert.is_nil(proxy_for("https://a/", {https_proxy = ""}))
    for list, expected in pairs {
      ["*"] = true, ["a.example"] = true, [".example"] = true, ["example"] = true, ["x, a.EXAMPLE"] = true,
      ["*.example"] = true, ["a.example:443"] = true, ["a.example:80"] = false, ["mple"] = false,
      ["b.example"] = false, ["x.a.example"] = false, [""] = false, ["example."] = true,
    } do
      assert.equal(expected, direct("https://a.example/", list), list)
    end
    assert.is_true(direct("https://127.0.0.1/", "127.0.0.1"))
    assert.is_false(direct("https://127.0.0.1/", "0.0.1"))
    assert.is_true(direct("https://[::1]/", "::1"))
    assert.is_true(direct("https://[::1]:8/", "[::1]:8"))
    assert.is_false(direct("https://[::1]:8/", "[::1]:9"))
  end)
end)
