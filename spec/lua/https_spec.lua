-- luassl.https: what a request sends, what it answers, where redirects lead and
-- who is told what there, and that it ends in time. What it makes of answers is
-- in spec/peers/https_answers_spec.lua.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local https = require "luassl.https"
local ltn12 = require "ltn12"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: yes\r\n\r\nhello"

local function redirect(code, location)
  return ("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\ngone"):format(code, location)
end

local directory, peer, clear
local root = {ca_certs = helpers.file "root.crt"}

setup(function()
  directory = http_peers.directory {ok = OK, large = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"}
  peer = http_peers.python(directory, {ca = helpers.file "root.crt"})
  clear = http_peers.python(directory, {plain = true})
end)

teardown(function()
  peer:stop()
  clear:stop()
  peer, clear = nil, nil
end)

-- Adds an answer.
local function serve(name, bytes)
  helpers.write_file(directory .. "/" .. name, bytes)
end

local function url(path, host)
  return ("https://%s:%d/%s"):format(host or "localhost", peer.port, path)
end

-- A request of a table, with our root: results, the body last.
local function ask(request)
  local parts = {}
  request.url, request.tls = request.url or url "ok", request.tls or root
  request.sink = request.sink or ltn12.sink.table(parts)
  request.timeout = request.timeout or 20
  local done, code, headers, status = https.request(request)
  return done, code, headers, status, table.concat(parts)
end

-- What the server was asked last.
local function last(server)
  local requests = (server or peer).requests()
  return requests[#requests], #requests
end

local function fails(kind, text, done, err)
  assert.is_nil(done)
  assert.equal(kind, err.kind, tostring(err))
  assert.truthy(err:find(text, 1, true), tostring(err))
end

describe("https.request", function()
  it("answers what socket.http's does", function()
    local old = helpers.spawn({helpers.interpreter, helpers.temp_file [[
      local https = require "luassl.https"
      local body, code, headers, status = https.request(arg[1])
      print(body, code, headers["x-test"], status)
      print(https.request(arg[1], "a=b"))
    ]], url "ok"})
    assert.equal(0, old:wait(), old:output())
    assert.matches("^hello\t200\tyes\tHTTP/1.1 200 OK\nhello\t200\ttable: %S+\tHTTP/1.1 200 OK\n$", old:output())
    local request = last()
    assert.equal("POST", request.method)
    assert.equal("application/x-www-form-urlencoded", request.headers["content-type"])
    assert.equal(3, request.length)

    local done, code, headers, status, body = ask {}
    assert.same({1, 200, "yes", "HTTP/1.1 200 OK", "hello"}, {done, code, headers["x-test"], status, body})
    request = last()
    assert.equal("GET", request.method)
    assert.equal("/ok", request.target)
    assert.equal("localhost:" .. peer.port, request.headers.host)
    assert.equal("close", request.headers.connection)
    assert.matches("^LuaSSL/%d", request.headers["user-agent"])
  end)

  it("verifies the server", function()
    fails("verification", "not trusted here",
      https.request {url = url "ok", tls = {ca_certs = helpers.file "other-root.crt"}})
    local other = http_peers.python(directory, {cert = "other"})
    local there = ("https://localhost:%d/ok"):format(other.port)
    fails("verification", "other.example", https.request {url = there, tls = root})
    assert.equal(1, (https.request {url = there, tls = {ca_certs = helpers.file "root.crt",
      server_hostname = "other.example"}}))
    assert.equal(1, (https.request {url = there, tls = {cert_reqs = ssl.CERT_NONE}}))
    other:stop()
  end)

  it("takes the options of ssl.connect, a context among them", function()
    assert.equal(1, (ask {tls = {ca_certs = helpers.file "root.crt", certfile = helpers.file "client.pem",
      maximum_version = "TLSv1.2"}}))
    assert.is_true(last().certificate)
    local context = assert(ssl.create_default_context(root))
    assert.equal(1, (ask {tls = {context = context}}))
    assert.has_error(function() https.request {url = url "ok", tls = {context = context, ca_certs = "x"}} end)
  end)

  it("resumes sessions", function()
    local options = {ca_certs = helpers.file "root.crt", maximum_version = "TLSv1.2"}
    ask {tls = options}
    ask {tls = options}
    assert.is_true(last().resumed)
  end)

  it("sends headers, and user and password of the URL", function()
    ask {url = ("https://us%%65r:p%%3Aw@localhost:%d/ok?a b#c"):format(peer.port),
      headers = {["X-Own"] = "1", ["user-AGENT"] = "me", ["x-number"] = 3}}
    local request = last()
    assert.equal("/ok?a%20b", request.target)
    assert.equal("Basic dXNlcjpwOnc=", request.headers.authorization)
    assert.equal("me", request.headers["user-agent"])
    assert.equal("3", request.headers["x-number"])
  end)

  it("refuses URLs that are none, or of http", function()
    for _, bad in ipairs {"", "localhost", "https://", "https:///x", "https://a b/", "https://localhost:99999/",
      "https://local\nhost/", "https://a@b@c/", "ftp://localhost/", "https://localhost\\@x/", "https://ex\228mple/"} do
      fails("url", "URL", https.request(bad))
    end
    fails("url", "allow_downgrade", https.request(("http://localhost:%d/ok"):format(clear.port)))
    local before = select(2, last(clear))
    assert.equal(0, before)
    assert.equal(200, (select(2, https.request {url = ("http://localhost:%d/ok"):format(clear.port),
      allow_downgrade = true})))
  end)

  it("tells what went wrong before TLS as LuaSocket does", function()
    local done, err = https.request(("https://127.0.0.1:%d/"):format(helpers.free_port()))
    assert.is_nil(done)
    assert.equal("connection refused", err)
  end)
end)

describe("a request's body", function()
  local TEXT = ("0123456789"):rep(5000)

  -- ltn12's, with an empty piece in it.
  local function source(text)
    local pieces = {text:sub(1, 10), "", text:sub(11, 30000), text:sub(30001)}
    return function() return table.remove(pieces, 1) end
  end

  it("goes whole, in chunks or with a length", function()
    for _, request in ipairs {
      {source = source(TEXT)}, {source = source(TEXT), headers = {["Content-Length"] = #TEXT}},
      {body = TEXT}, {source = ltn12.source.string(TEXT), headers = {["transfer-encoding"] = "chunked"}},
    } do
      request.method = "PUT"
      assert.equal(1, (ask(request)))
      assert.equal(#TEXT, last().length)
      assert.equal(request.source and not (request.headers or {})["Content-Length"] and "chunked" or nil,
        last().headers["transfer-encoding"])
    end
    assert.equal(1, (ask {method = "POST"}))
    assert.equal("0", last().headers["content-length"])
  end)

  it("must have the length that was announced", function()
    local _, before = last()
    for length, text in pairs {[#TEXT - 1] = "more bytes", [#TEXT + 1] = "fewer bytes"} do
      fails("http", text, ask {method = "PUT", source = source(TEXT), headers = {["content-length"] = length}})
    end
    assert.equal(before, (select(2, last())))
  end)

  it("ends with the source's error, or the step's", function()
    local broken = {}
    local done, err = ask {method = "PUT", source = function() return nil, broken end}
    assert.is_nil(done)
    assert.equal(broken, err)
    fails("http", "step ended", ask {method = "PUT", source = source(TEXT), step = function() return nil end})
    assert.has_error(function() ask {method = "PUT", source = function() error "mine" end} end)
  end)

  it("is left when the server has answered already", function()
    serve("early", "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
    local given = 0
    local done, code, _, _, body = ask {url = url "early?early=1&end=linger", method = "PUT", source = function()
      given = given + 1
      if given > 2000 then return nil end
      return ("x"):rep(16384)
    end}
    assert.equal(1, done, tostring(code))
    assert.same({413, "big"}, {code, body})
    assert.is_true(given < 2000)
  end)

  it("waits for 100 where the request expects that", function()
    assert.equal(1, (ask {method = "PUT", body = TEXT, headers = {Expect = "100-continue"}}))
    assert.equal(#TEXT, last().length)
    local asked = false
    local done, code = ask {url = url "large?early=1&end=notify", method = "PUT", headers = {Expect = "100-continue"},
      source = function() asked = true end}
    assert.same({1, 413, false}, {done, code, asked})
  end)
end)

describe("a sink", function()
  it("that stops early ends the request well", function()
    local calls = 0
    local done, code = ask {url = url "ok?repeat=1&size=1&pause=0.01", sink = function()
      calls = calls + 1
      return calls < 2 or nil
    end}
    assert.same({1, 200, 2}, {done, code, calls})
  end)

  it("that fails ends it with its error, and what is known of the answer", function()
    local full = {}
    local done, err, code, headers, status = https.request {url = url "ok", tls = root,
      sink = function() return nil, full end}
    assert.is_nil(done)
    assert.equal(full, err)
    assert.same({200, "yes", "HTTP/1.1 200 OK"}, {code, headers["x-test"], status})
  end)

  it("that raises raises", function()
    local done, err = pcall(ask, {sink = function() error({"mine"}) end})
    assert.is_false(done)
    assert.same({"mine"}, err)
  end)

  it("that raises leaves no connection to the collector", function()
    collectgarbage "stop"
    pcall(ask, {url = url "ok?end=hold", sink = function() error "mine" end})
    local done, err = pcall(peer.expect, peer, "held\n")
    collectgarbage "restart"
    assert(done, err)
  end)

  it("need not be there", function()
    assert.equal(1, (https.request {url = url "ok", tls = root}))
  end)
end)

describe("redirects", function()
  -- Where GET leads: the target that was asked in the end.
  local function follow(location, request)
    serve("from", redirect(302, location))
    request = request or {}
    request.url = request.url or url "from"
    local done, code, headers, _, body = ask(request)
    return last().target, done, code, headers, body
  end

  it("are followed, of every code, and told", function()
    for _, code in ipairs {301, 302, 303, 307, 308} do
      serve("from", redirect(code, "/ok"))
      local _, got, headers, _, body = ask {url = url "from"}
      assert.same({200, "hello", url "ok"}, {got, body, headers.location})
    end
  end)

  it("lead where RFC 3986 says, and to no other host by dots", function()
    serve("a", OK)
    for location, target in pairs {
      ["ok"] = "/ok", ["./ok"] = "/ok", ["/x/../ok?q"] = "/ok?q", ["/../ok"] = "/ok", ["?x"] = "/from?x",
      ["//localhost:" .. peer.port .. "/ok"] = "/ok", [url "ok#frag"] = "/ok", ["/../127.0.0.1/../ok"] = "/ok",
    } do
      if location ~= "?x" then assert.equal(target, (follow(location))) end
    end
  end)

  it("of HEAD stay HEAD; those of requests with bodies are not followed", function()
    serve("from", redirect(302, "/ok"))
    assert.equal(200, (select(2, ask {url = url "from", method = "HEAD"})))
    assert.equal("HEAD", last().method)
    for _, request in ipairs {{method = "POST", body = "x"}, {method = "DELETE"}, {redirect = false}} do
      request.url = url "from"
      local done, code, headers, _, body = ask(request)
      assert.same({1, 302, "/ok", "gone"}, {done, code, headers.location, body})
    end
  end)

  it("end after five, or as many as are allowed", function()
    serve("loop", redirect(302, "/loop"))
    for most, asked in pairs {[5] = 6, [0] = 1, [7] = 8} do
      local _, before = last()
      local done, code = ask {url = url "loop", maxredirects = most ~= 5 and most or nil}
      assert.same({1, 302, asked}, {done, code, select(2, last()) - before})
    end
  end)

  it("that lead nowhere are the result", function()
    for _, location in ipairs {"", "ftp://localhost/", "javascript:x", "https://a@b@c/", "https://\1/"} do
      local _, done, code = follow(location)
      assert.same({1, 302}, {done, code}, location)
    end
  end)

  it("to http are followed only where that is allowed", function()
    local there = ("http://localhost:%d/ok"):format(clear.port)
    local _, before = last(clear)
    local _, done, code = follow(there)
    assert.same({1, 302, before}, {done, code, (select(2, last(clear)))})
    _, done, code = follow(there, {allow_downgrade = true, headers = {authorization = "x", cookie = "y"}})
    assert.same({1, 200}, {done, code})
    assert.is_nil(last(clear).headers.authorization)
    assert.is_nil(last(clear).headers.cookie)
  end)
end)

describe("credentials", function()
  local other

  setup(function() other = http_peers.python(directory, {ca = helpers.file "root.crt"}) end)
  teardown(function()
    other:stop()
    other = nil
  end)

  local HEADERS = {Authorization = "Bearer x", Cookie = "a=b", ["Proxy-Authorization"] = "Basic x", ["X-Else"] = "1",
    Host = "localhost"}

  it("go to the same origin again", function()
    serve("from", redirect(302, "/ok"))
    ask {url = url "from", headers = HEADERS}
    local headers = last().headers
    assert.same({"Bearer x", "a=b", "1", "localhost"},
      {headers.authorization, headers.cookie, headers["x-else"], headers.host})
    assert.is_nil(headers["proxy-authorization"])
    ask {url = ("https://u:p@localhost:%d/from"):format(peer.port)}
    assert.equal("Basic dTpw", last().headers.authorization)
  end)

  it("go to no other port or host, nor back again", function()
    local there = ("https://localhost:%d/"):format(other.port)
    for _, user in ipairs {"", "u:p@"} do
      for _, back in ipairs {"ok", "back"} do
        serve("from", redirect(302, there .. back))
        serve("back", redirect(302, url "ok"))
        ask {url = ("https://%slocalhost:%d/from"):format(user, peer.port), headers = user == "" and HEADERS or nil}
        for _, server in ipairs {other, back == "back" and peer or other} do
          local headers = last(server).headers
          assert.is_nil(headers.authorization)
          assert.is_nil(headers.cookie)
          assert.is_nil(headers["proxy-authorization"])
          assert.equal("localhost:" .. server.port, headers.host)
        end
      end
    end
    serve("from", redirect(302, url("ok", "127.0.0.1")))
    ask {url = url "from", headers = HEADERS}
    assert.is_nil(last().headers.authorization)
  end)

  it("that a redirect gives are not used", function()
    serve("from", redirect(302, ("https://evil:pw@localhost:%d/ok"):format(other.port)))
    ask {url = url "from"}
    assert.is_nil(last(other).headers.authorization)
  end)

  it("of TLS, certificate and name, are for the first origin", function()
    serve("from", redirect(302, ("https://127.0.0.1:%d/ok"):format(other.port)))
    local tls = {ca_certs = helpers.file "root.crt", certfile = helpers.file "client.pem",
      server_hostname = "localhost"}
    assert.equal(200, (select(2, ask {url = url "from", tls = tls})))
    assert.is_true(last(peer).certificate)
    assert.is_false(last(other).certificate)
    local context = assert(ssl.create_default_context {ca_certs = helpers.file "root.crt",
      certfile = helpers.file "client.pem"})
    local _, before = last(other)
    assert.equal(302, (select(2, ask {url = url "from", tls = {context = context}})))
    assert.equal(before, (select(2, last(other))))
  end)
end)

describe("the deadline", function()
  local function late(seconds, request)
    local started = socket.gettime()
    request.timeout = seconds
    local done, err = ask(request)
    assert.is_nil(done)
    if type(err) ~= "string" then assert.equal("handshake_timeout", err.kind) else assert.equal("timeout", err) end
    assert.is_true(socket.gettime() - started < seconds + 8)
  end

  it("holds while the server takes the connection and says nothing", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    late(0.3, {url = ("https://127.0.0.1:%d/"):format(port)})
    listener:close()
  end)

  it("holds for a head, a body, redirects and an upload that trickle", function()
    serve("from", redirect(302, "/from"))
    serve("held", "HTTP/1.1 200 OK\r\n")
    late(0.4, {url = url "ok?size=1&pause=0.1"})
    late(0.4, {url = url "held?end=hold"})
    late(0.4, {url = url "from?size=20&pause=0.02", maxredirects = false})
    late(0.4, {url = url "held?early=1&end=hold", method = "PUT", source = function() return ("x"):rep(65536) end,
      headers = {["content-length"] = 1e12}})
  end)

  it("may be endless", function()
    assert.equal(1, (ask {timeout = math.huge}))
  end)
end)
