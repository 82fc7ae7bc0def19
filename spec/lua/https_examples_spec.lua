-- examples/https_get.lua and examples/https_proxy.lua.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"

helpers.audit()

local NO_PROXY = {https_proxy = "", HTTPS_PROXY = "", no_proxy = "", NO_PROXY = ""}

local peer, proxy

setup(function()
  peer = http_peers.python(http_peers.directory {
    page = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n",
    none = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n",
    cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel",
  })
  proxy = http_peers.proxy("--auth", "me:secret")
end)

teardown(function()
  peer:stop()
  proxy:stop()
  peer, proxy = nil, nil
end)

local function url(path)
  return ("https://localhost:%d/%s"):format(peer.port, path)
end

-- Status and output of an example.
local function run(env, name, ...)
  local program = helpers.spawn({helpers.interpreter, "examples/" .. name, ...}, {env = env})
  return program:wait(), program:output()
end

describe("examples/https_get.lua", function()
  it("writes the page", function()
    local status, printed = run(NO_PROXY, "https_get.lua", url "page", helpers.file "root.crt")
    assert.same({0, "hello\n"}, {status, printed})
  end)

  it("tells a status, a cut and a server that cannot be verified", function()
    local status, printed = run(NO_PROXY, "https_get.lua", url "none", helpers.file "root.crt")
    assert.same({1, "no\nhttps_get: HTTP/1.1 404 Not Found\n"}, {status, printed})
    status, printed = run(NO_PROXY, "https_get.lua", url "cut?end=cut", helpers.file "root.crt")
    assert.equal(1, status)
    assert.matches("^hel.*3 of 100 bytes came", printed)
    status, printed = run(NO_PROXY, "https_get.lua", url "page", helpers.file "other-root.crt")
    assert.equal(1, status)
    assert.matches("^https_get: .*certificate is refused", printed)
    assert.equal(2, (run(NO_PROXY, "https_get.lua")))
  end)

  it("takes the proxy of the environment", function()
    local place = ("http://me:secret@127.0.0.1:%d"):format(proxy.port)
    local status, printed = run({https_proxy = place, no_proxy = "", NO_PROXY = ""}, "https_get.lua", url "page",
      helpers.file "root.crt")
    assert.same({0, "hello\n"}, {status, printed})
    proxy:expect "CONNECT localhost"
  end)
end)

describe("examples/https_proxy.lua", function()
  it("fetches over one connection, and tells what fails", function()
    local _, before = proxy:output():gsub("CONNECT", "")
    local status, printed = run(nil, "https_proxy.lua", ("http://me:secret@127.0.0.1:%d"):format(proxy.port),
      helpers.file "root.crt", url "page", url "none", url "cut?end=notify", url "page")
    assert.equal(1, status)
    assert.truthy(printed:find(url "page" .. ": HTTP/1.1 200 OK, 6 bytes\n" .. url "none"
      .. ": HTTP/1.1 404 Not Found, 3 bytes\n", 1, true), printed)
    local cut = url "cut?end=notify" .. ": incomplete: https.request: the body was cut"
    assert.truthy(printed:find(cut, 1, true), printed)
    local _, after = proxy:output():gsub("CONNECT", "")
    assert.equal(2, after - before)
  end)

  it("quotes a proxy that refuses", function()
    local status, printed = run(nil, "https_proxy.lua", ("127.0.0.1:%d"):format(proxy.port), "-", url "page")
    assert.equal(1, status)
    assert.truthy(printed:find(": proxy: https.request: the proxy 127.0.0.1:" .. proxy.port, 1, true), printed)
    assert.truthy(printed:find("407 Proxy Authentication Required", 1, true), printed)
    assert.equal(2, (run(nil, "https_proxy.lua")))
  end)
end)
