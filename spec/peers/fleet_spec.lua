-- examples/ticket_keys_redis.lua: three servers that share their ticket keys by a
-- real Redis, clients that meet another one each time, while keys change twice;
-- and a server that loses Redis for a while.
local fleet = require "spec.support.fleet"
local helpers = require "spec.support.helpers"

helpers.audit()

local PERIOD = 3  -- seconds; a key decrypts for three periods more

describe("three servers with one Redis", function()
  local servers, clients, nginx

  setup(function()
    servers = fleet.start(PERIOD)
    clients = {
      ["LuaSSL, TLS 1.3"] = fleet.client "TLSv1.3",
      ["LuaSSL, TLS 1.3, certificate"] = fleet.client("TLSv1.3", "client"),
      ["LuaSSL, TLS 1.2"] = fleet.client "TLSv1.2",
      ["LuaSSL, TLS 1.2, certificate"] = fleet.client("TLSv1.2", "client"),
      ["openssl, TLS 1.3, certificate"] = fleet.openssl("TLSv1.3", "client"),
      ["openssl, TLS 1.2, certificate"] = fleet.openssl("TLSv1.2", "client"),
    }
    clients.nginx, nginx = fleet.nginx(servers.balancer.port)  -- seven: each comes to the next server
  end)

  teardown(function()
    nginx:stop()
    fleet.stop(servers)
    servers, clients, nginx = nil, nil, nil
  end)

  -- Until the key that encrypts is that much newer.
  local function later(periods)
    local first
    return function(newest)
      first = first or newest
      return newest >= first + periods
    end
  end

  local function share(sums)
    local count, resumed = 0, 0
    for _, sum in pairs(sums) do count, resumed = count + sum.count, resumed + sum.resumed end
    return resumed / count, count
  end

  local function report(what, sums)
    if not os.getenv "LUASSL_NUMBERS" then return end
    local part, count = share(sums)
    print(("%s: %d handshakes, %.1f %% resumed"):format(what, count, 100 * part))
    for name, sum in pairs(sums) do
      print(("  %s: %d of %d, %d changes of server"):format(name, sum.resumed, sum.count, sum.changes))
    end
  end

  it("resume each other's sessions across two rotations, with client certificates too", function()
    for name, connect in pairs(clients) do assert.is_false(connect(servers.balancer.port).resumed, name) end
    local sums = fleet.run(servers, clients, later(2))
    report("two rotations", sums)
    for name, sum in pairs(sums) do
      local seen = 0
      for _ in pairs(sum.servers) do seen = seen + 1 end
      assert.equal(3, seen, name)
      assert.is_true(sum.changes >= sum.count - 1, name)
      assert.equal(name:find "certificate" and "LuaSSL test client" or "none",
        sum.client:match "CN=(.*)" or sum.client, name)
      -- All, unless this machine stood still for three periods: then some.
      assert.is_true(sum.resumed >= 0.7 * sum.count, ("%s: %d of %d"):format(name, sum.resumed, sum.count))
    end
  end)

  it("refuse nobody while one has lost Redis, and are a fleet again with it", function()
    local line = servers.line
    line:stop()
    local sums = fleet.run(servers, clients, later(2))
    report("two rotations, one server without Redis", sums)
    servers.servers[3]:expect "(Redis: [^\n]+)"
    assert.is_true(share(sums) > 0.5)
    servers.line = fleet.forward(line.port, servers.redis.port)
    -- As soon as each has keys that the others read.
    local ends = later(2)
    fleet.run(servers, clients, ends)
    sums = fleet.run(servers, clients, later(1))
    report("with Redis again", sums)
    assert.is_true(share(sums) >= 0.8)
  end)

  it("go on with their keys when Redis has forgotten them", function()
    local dynamic = require "spec.support.dynamic_certificates"
    local port = servers.redis.port
    servers.redis:stop()
    servers.redis = dynamic.redis(port)
    local sums = fleet.run(servers, clients, later(1))
    report("after Redis began empty", sums)
    assert.is_true(share(sums) >= 0.8)
  end)
end)

describe("examples/ticket_keys_redis.lua", function()
  it("says what is wrong with its arguments", function()
    local server = helpers.spawn {helpers.interpreter, "examples/ticket_keys_redis.lua"}
    assert.equal(2, server:wait())
    assert.truthy(server:output():find("usage", 1, true))
  end)

  it("serves without a Redis, too", function()
    local server = helpers.spawn {helpers.interpreter, "examples/ticket_keys_redis.lua", 0, helpers.free_port(),
      helpers.file "rsa.crt", helpers.file "rsa.key"}
    local port = tonumber(server:expect "listening on 127%.0%.0%.1:(%d+)")
    server:expect "(Redis: [^\n]+)"
    local connect = fleet.openssl("TLSv1.3", "client")
    local done, err = pcall(connect, port)
    assert.is_false(done)  -- no key is told
    assert.truthy(tostring(err):find("resumed: false", 1, true))
    server:stop()
  end)
end)
