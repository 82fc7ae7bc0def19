-- luassl.https in coroutines: connections that the program makes, whose reads
-- and writes yield; and TLS in TLS, through a proxy that is asked over TLS.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local https = require "luassl.https"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
local LARGE = ("0123456789abcdef"):rep(65536)

local root = {ca_certs = helpers.file "root.crt"}
local peer, clear, proxy, directory

setup(function()
  directory = http_peers.directory {ok = OK, large = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#LARGE)
    .. LARGE, open = "HTTP/1.1 200 OK\r\n\r\nhello",
    early = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig",
    short = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nhello"}
  peer = http_peers.python(directory)
  clear = http_peers.python(directory, {plain = true})
  proxy = http_peers.proxy("--auth", "u:p", "--cert", helpers.file "rsa.pem")
end)

teardown(function()
  peer:stop()
  clear:stop()
  proxy:stop()
  peer, clear, proxy = nil, nil, nil
end)

local function url(path)
  return ("https://localhost:%d/%s"):format(peer.port, path)
end

-- ---- a scheduler: tasks wait for a socket, at most until a time

local waiting, opened

-- Waits; false when `seconds` have passed.
local function wait(sock, event, seconds)
  local task = coroutine.running()
  waiting[task] = {sock = sock, event = event, by = seconds and socket.gettime() + seconds}
  return coroutine.yield()
end

local function connect(host, port, seconds)
  local sock = socket.tcp()
  opened = opened + 1
  sock:settimeout(0)
  local done, err = sock:connect(host, port)
  if not done and err ~= "timeout" then
    sock:close()
    return nil, err
  end
  if not done and not wait(sock, "write", seconds) then
    sock:close()
    return nil, "timeout"
  end
  local transport = {}
  function transport.read(left)
    while true do
      local data, failure, part = sock:receive(16384)
      if not data and part ~= "" then data = part end
      if data then return data end
      if failure == "closed" then return nil end
      if failure ~= "timeout" then return nil, failure end
      if not wait(sock, "read", left) then return nil, "timeout" end
    end
  end
  function transport.write(bytes, left)
    local first = 1
    while first <= #bytes do
      local last, failure, sent = sock:send(bytes, first)
      if not last and failure ~= "timeout" then return nil, failure end
      first = (last or sent) + 1
      if first <= #bytes and not wait(sock, "write", left) then return nil, "timeout", first - 1 end
    end
    return true
  end
  function transport.dirty() return ssl.poll({sock}, nil, 0)[1] ~= nil end
  function transport.close()
    opened = opened - 1
    sock:close()
  end
  return transport
end

local function resume(task, ...)
  local done, err = coroutine.resume(task, ...)
  assert(done, err)
end

-- Runs the functions at once, each in a coroutine, to their ends.
local function together(...)
  waiting, opened = {}, 0
  for _, task in ipairs {...} do resume(coroutine.create(task)) end
  while next(waiting) do
    local readers, writers, by = {}, {}, socket.gettime() + 10
    for _, about in pairs(waiting) do
      table.insert(about.event == "read" and readers or writers, about.sock)
      if about.by and about.by < by then by = about.by end
    end
    local readable, writable = ssl.poll(readers, writers, math.max(by - socket.gettime(), 0))
    local now = socket.gettime()
    for task, about in pairs(waiting) do
      local ready = readable[about.sock] or writable[about.sock]
      if ready or about.by and about.by <= now then
        waiting[task] = nil
        resume(task, ready and true or false)
        break  -- the table has changed
      end
    end
  end
end

-- A request over that scheduler: results, the body last.
local function ask(request)
  local parts = {}
  request.tls, request.timeout, request.connect = request.tls or root, request.timeout or 20, connect
  request.sink = function(piece)
    parts[#parts + 1] = piece
    return 1
  end
  local done, code = https.request(request)
  return done, code, table.concat(parts)
end

describe("in coroutines", function()
  it("an upload is left when the server has answered already", function()
    together(function()
      local given = 0
      local done, code, body = ask {url = url "early?early=1&end=linger", method = "PUT", source = function()
        given = given + 1
        if given > 2000 then return nil end
        return ("x"):rep(16384)
      end}
      assert.same({1, 413, "big"}, {done, code, body})
      assert.is_true(given < 2000)
    end)
  end)

  it("requests go on beside each other, and a slow one holds up none", function()
    local order = {}
    local tasks = {function()
      local done, code, body = ask {url = url "ok?size=1&pause=0.02"}
      assert.same({1, 200, "hello"}, {done, code, body})
      order[#order + 1] = "slow"
    end}
    for i = 2, 20 do
      tasks[i] = function()
        local done, code, body = ask {url = url "large"}
        assert.same({1, 200}, {done, code})
        assert.is_true(body == LARGE)
        order[#order + 1] = i
      end
    end
    together((table.unpack or unpack)(tasks))
    assert.equal(20, #order)
    assert.equal(0, opened)
  end)

  it("bodies go up as well, and sources and sinks may yield", function()
    together(function()
      local given = 0
      local done, code = ask {url = url "ok", method = "PUT", headers = {["content-length"] = 50 * 20000},
        source = function()
          given = given + 1
          wait(socket.tcp(), "read", 0.001)
          return given <= 50 and ("x"):rep(20000) or nil
        end}
      assert.same({1, 200}, {done, code})
    end)
    local requests = peer.requests()
    assert.equal(50 * 20000, requests[#requests].length)
  end)

  it("errors are as without: refused, unverified, cut, late", function()
    together(function()
      local done, err = ask {url = ("https://127.0.0.1:%d/"):format(helpers.free_port())}
      assert.is_nil(done)
      assert.is_string(err)
      done, err = ask {url = url "ok", tls = {ca_certs = helpers.file "other-root.crt"}}
      assert.is_nil(done)
      assert.equal("verification", err.kind)
      for _, finish in ipairs {"notify", "cut"} do
        local body
        done, err, body = ask {url = url("short?end=" .. finish)}
        assert.is_nil(done)
        assert.equal("incomplete", err.kind)
        assert.equal("hello", body)
      end
      done, err = ask {url = url "open?end=cut"}
      assert.is_nil(done)
      assert.equal("incomplete", err.kind)
      assert.equal(1, (ask {url = url "open?end=notify"}))
      done, err = ask {url = url "short?end=hold", timeout = 0.3}
      assert.is_nil(done)
      assert.equal("timeout", err)
      done, err = ask {url = url "ok?size=1&pause=0.1", timeout = 0.3}
      assert.is_nil(done)
      assert.equal("timeout", err)
    end)
    assert.equal(0, opened)
  end)

  it("clients keep connections, and repeat what met a dead one", function()
    together(function()
      local client = https.client {connect = connect, tls = root, timeout = 20}
      for _ = 1, 3 do assert.equal("hello", (client:request(url "ok"))) end
      assert.equal(1, opened)
      assert.equal("hello", (client:request(url "ok?times=5")))
      assert.equal("hello", (client:request(url "ok?times=5")))
      assert.equal(1, opened)
      client:close()
      assert.equal(0, opened)
    end)
  end)

  it("http is spoken where that is allowed, and proxies", function()
    together(function()
      local done, code, body = ask {url = ("http://localhost:%d/ok"):format(clear.port), allow_downgrade = true}
      assert.same({1, 200, "hello"}, {done, code, body})
      done, code, body = ask {url = url "large", proxy = ("https://u:p@localhost:%d"):format(proxy.port),
        proxy_tls = root}
      assert.same({1, 200, LARGE}, {done, code, body})
    end)
    assert.equal(0, opened)
  end)

  it("what 'connect' returns has to be a transport", function()
    assert.has_error(function()
      https.request {url = url "ok", tls = root, connect = function() return socket.tcp() end}
    end, "https: 'connect' returned no table with read and write, but a userdata")
    local done, err = https.request {url = url "ok", tls = root, connect = function() return nil, "mine" end}
    assert.is_nil(done)
    assert.equal("mine", err)
  end)
end)

describe("a proxy that is asked over TLS", function()
  local function through(request)
    local parts = {}
    request.url, request.tls, request.timeout = request.url or url "ok", request.tls or root, request.timeout or 20
    request.proxy = request.proxy or ("https://u:p@localhost:%d"):format(proxy.port)
    request.proxy_tls = request.proxy_tls or root
    request.sink = function(piece)
      parts[#parts + 1] = piece
      return 1
    end
    local done, err = https.request(request)
    return done, err, table.concat(parts)
  end

  it("is verified, and the server through it", function()
    local done, code, body = through {}
    assert.same({1, 200, "hello"}, {done, code, body})
    done, code, body = through {url = url "large"}
    assert.same({1, 200}, {done, code})
    assert.is_true(body == LARGE)
    for kind, request in pairs {
      proxy = {proxy_tls = {ca_certs = helpers.file "other-root.crt"}},
      verification = {tls = {ca_certs = helpers.file "other-root.crt"}},
    } do
      local failed, err = through(request)
      assert.is_nil(failed)
      assert.equal(kind, err.kind)
      assert.truthy(err:find("certificate is refused", 1, true), tostring(err))
    end
  end)

  it("is quoted when it refuses, and held to the deadline", function()
    local done, err = through {proxy = ("https://u:x@localhost:%d"):format(proxy.port)}
    assert.is_nil(done)
    assert.equal("proxy", err.kind)
    assert.truthy(err:find("407 Proxy Authentication Required", 1, true))
    local silent = http_peers.proxy("--silent", "--cert", helpers.file "rsa.pem")
    done, err = through {proxy = ("https://localhost:%d"):format(silent.port), timeout = 0.5}
    assert.is_nil(done)
    assert.equal("timeout", err)
    silent:stop()
  end)

  it("is told no certificate of the request's", function()
    local done, code = through {tls = {ca_certs = helpers.file "root.crt", certfile = helpers.file "client.pem"}}
    assert.same({1, 200}, {done, code})
  end)

  it("carries a client's connections", function()
    local client = https.client {tls = root, proxy_tls = root, timeout = 20,
      proxy = ("https://u:p@localhost:%d"):format(proxy.port)}
    local _, before = proxy:output():gsub("CONNECT", "")
    for _ = 1, 3 do assert.equal("hello", (client:request(url "ok"))) end
    assert.equal("hello", (client:request(url "ok?end=notify")))
    assert.equal("hello", (client:request(url "ok")))
    client:close()
    local _, after = proxy:output():gsub("CONNECT", "")
    assert.equal(2, after - before)
  end)
end)
