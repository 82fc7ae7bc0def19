-- luassl.https's clients: which connections are kept, how many and how long,
-- and what becomes of a request that meets a dead one.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local https = require "luassl.https"
local ltn12 = require "ltn12"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local directory, peer, client
local root = {ca_certs = helpers.file "root.crt"}

setup(function()
  directory = http_peers.directory {
    ok = OK, chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    old = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", none = "HTTP/1.1 204 No Content\r\n\r\n",
    oldkept = "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello",
    last = "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello",
    more = OK .. OK, short = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nhello",
    moved = "HTTP/1.1 302 Found\r\nLocation: ok\r\nContent-Length: 4\r\n\r\ngone",
    movedlarge = "HTTP/1.1 302 Found\r\nLocation: ok\r\nContent-Length: 200000\r\n\r\n" .. ("x"):rep(200000),
  }
  peer = http_peers.python(directory)
end)

teardown(function()
  peer:stop()
  peer = nil
end)

local function new(options)
  options = options or {}
  options.tls, options.timeout = root, 20
  client = https.client(options)
end

after_each(function()
  if client then client:close() end
  client = nil
end)

local function url(path, server)
  return ("https://localhost:%d/%s"):format((server or peer).port, path)
end

-- The numbers of the connections over which `count` last requests came.
local function connections(count, server)
  local requests, numbers = (server or peer).requests(), {}
  for i = #requests - count + 1, #requests do numbers[#numbers + 1] = requests[i].connection end
  return numbers
end

-- Whether a request after one for `path` has the same connection.
local function keeps(path, request)
  request = request or {}
  request.url = url(path)
  client:request(request)
  assert.equal("hello", (client:request(url "ok")))
  local numbers = connections(2)
  return numbers[1] == numbers[2]
end

describe("a client", function()
  it("keeps connections after whole answers", function()
    new()
    for _, path in ipairs {"ok", "chunked", "oldkept", "none", "moved"} do assert.is_true(keeps(path), path) end
    assert.is_true(keeps("short", {method = "HEAD"}))
    assert.is_true(keeps("ok", {method = "POST", body = "x"}))
    assert.is_true(keeps("ok", {method = "PUT", source = ltn12.source.string "x"}))
    assert.equal("HTTPSClient (1 idle)", tostring(client))
    assert.is_nil(peer.requests()[1].headers.connection)
  end)

  it("keeps none after any other", function()
    new()
    for _, path in ipairs {"old", "last", "more", "short?end=notify", "ok?end=cut"} do
      assert.is_false(keeps(path), path)
    end
    assert.is_false(keeps("ok", {sink = function() return nil end}))
    assert.is_false(keeps("ok", {sink = function() return nil, "mine" end}))
    assert.is_false(keeps("ok", {headers = {connection = "close"}}))
    assert.is_false(keeps("ok", {max_body = 2}))
    assert.is_false(keeps("ok?size=1&pause=1", {timeout = 0.1}))
    pcall(client.request, client, {url = url "ok", sink = function() error "mine" end})
    assert.equal("HTTPSClient (0 idle)", tostring(client))
    client:request(url "movedlarge")
    local numbers = connections(2)
    assert.is_true(numbers[1] ~= numbers[2])
  end)

  it("has one for each server", function()
    local other = http_peers.python(directory)
    new()
    for _ = 1, 3 do
      assert.equal("hello", (client:request(url "ok")))
      assert.equal("hello", (client:request(url("ok", other))))
      assert.equal("hello", (client:request(("https://127.0.0.1:%d/ok"):format(peer.port))))
    end
    assert.equal("HTTPSClient (3 idle)", tostring(client))
    assert.same({1, 1, 1}, connections(3, other))
    other:stop()
    assert.equal("hello", (client:request(url "ok")))
  end)

  -- As many requests at once: each is begun within the sink of the one before.
  local function nested(depth)
    return client:request {url = url "ok", sink = function(piece)
      if piece and depth > 1 then assert(nested(depth - 1)) end
      return 1
    end}
  end

  it("keeps as many as it is told", function()
    new {max_idle = 5, max_idle_per_host = 2}
    assert(nested(4))
    assert.equal("HTTPSClient (2 idle)", tostring(client))
    client:close()
    assert(nested(2))
    assert.equal("HTTPSClient (0 idle)", tostring(client))
    new {max_idle = 1}
    assert(nested(2))
    assert.equal("HTTPSClient (1 idle)", tostring(client))
    new {max_idle = 0}
    assert.is_false(keeps "ok")
    new()
    assert(nested(6))
    assert.equal("HTTPSClient (4 idle)", tostring(client))
  end)

  it("keeps them as long as it is told", function()
    for _, limit in ipairs {"idle_timeout", "max_age"} do
      new {[limit] = 0.001}
      assert.equal("hello", (client:request(url "ok")))
      socket.select(nil, nil, 0.01)
      assert.equal("hello", (client:request(url "ok")))
      local numbers = connections(2)
      assert.is_true(numbers[1] ~= numbers[2])
    end
  end)

  it("notices that the server has closed one, and asks on another", function()
    new()
    for _, request in ipairs {{}, {method = "POST", body = "x"}} do
      assert.equal(200, (select(2, client:request(url "ok?end=notify"))))
      local readable = ssl.poll({client.pool.idle[1].wire.carrier}, nil, helpers.patience)
      assert.equal(1, #readable)
      request.url = url "ok"
      assert.equal(200, (select(2, client:request(request))))
    end
  end)

  -- The server ends the second request of a connection without an answer.
  local function meet_end(request, finish)
    new()
    assert.equal(200, (select(2, client:request(url "ok?times=2"))))
    local _, before = nil, #peer.requests()
    request.url = url("ok?times=2&death=" .. (finish or "notify"))
    local done, err = client:request(request)
    return done, err, #peer.requests() - before
  end

  it("repeats what is safe when a kept one dies", function()
    for _, finish in ipairs {"notify", "cut", "reset"} do
      for _, method in ipairs {"GET", "HEAD", "OPTIONS", "DELETE"} do
        assert.same({1, 200, 2}, {meet_end({method = method}, finish)})
      end
    end
    assert.same({1, 200, 2}, {meet_end {method = "PUT", body = "x"}})
  end)

  it("repeats nothing else", function()
    for _, request in ipairs {{method = "POST", body = "x"}, {method = "PATCH", body = "x"},
      {method = "PUT", source = ltn12.source.string "x"}, {method = "POST"}} do
      local done, err, count = meet_end(request)
      assert.is_nil(done)
      assert.equal("incomplete", err.kind)
      assert.equal(1, count)
    end
    new()
    assert.equal(200, (select(2, client:request(url "ok"))))
    local before = #peer.requests()
    local done, err = client:request {url = url "short?end=cut"}  -- an answer had begun
    assert.is_nil(done)
    assert.equal("incomplete", err.kind)
    assert.equal(1, #peer.requests() - before)
  end)

  it("repeats no request on a new connection", function()
    new()
    local before = #peer.requests()
    local done, err = client:request(url "ok?times=1")
    assert.is_nil(done)
    assert.equal("incomplete", err.kind)
    assert.equal(1, #peer.requests() - before)
  end)

  it("resumes the session where no connection was kept", function()
    new()
    for _ = 1, 2 do assert.equal(200, (select(2, client:request(url "last")))) end
    local requests = peer.requests()
    assert.is_true(requests[#requests].resumed)
  end)

  it("shows its certificate behind no redirect, not by a kept connection either", function()
    local asking = http_peers.python(directory, {ca = helpers.file "root.crt"})
    helpers.write_file(directory .. "/away", ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n")
      :format(url("ok", asking)))
    client = https.client {timeout = 20,
      tls = {ca_certs = helpers.file "root.crt", certfile = helpers.file "client.pem"}}
    local function shown()
      local requests = asking.requests()
      return requests[#requests].certificate
    end
    for _ = 1, 2 do
      assert.equal("hello", (client:request(url("ok", asking))))
      assert.is_true(shown())
      assert.equal("hello", (client:request(url "away")))
      assert.is_false(shown())
    end
    asking:stop()
  end)

  it("has defaults for its requests", function()
    new {redirect = false, max_body = 3}
    assert.equal(302, (select(2, client:request {url = url "moved", max_body = 100})))
    assert.equal("limit", (select(2, client:request(url "ok"))).kind)
    assert.equal(200, (select(2, client:request {url = url "moved", redirect = true, max_body = 5})))
  end)
end)
