-- A system that is never smooth: reads and writes of our process are cut
-- short, interrupted (EINTR) and refused (EAGAIN) at random. Whatever the
-- seed, all bytes arrive, in order, and the end is a clean one.
local helpers = require "spec.support.helpers"

helpers.audit()

local SIZE = 5 * 1048576
local INJECT = os.getenv "LUASSL_BUILD" .. "/luassl_inject.so"
local PATIENCE = 60

local function ours(seed, role, mode, content, port)
  local digest = helpers.temp_name()
  local peer = helpers.spawn({helpers.interpreter, "spec/peers/transfer.lua",
    role, mode, content, digest, port}, {timeout = PATIENCE,
    env = {LD_PRELOAD = INJECT, LUASSL_INJECT = seed}})
  function peer.digest(direction)
    return assert(helpers.read_file(digest .. "." .. direction):match "^%x+")
  end
  if role == "server" then peer.port = tonumber(peer:expect "ready (%d+)\n") end
  return peer
end

-- The process ended well, although each sort of trouble came its way.
local function check(peer)
  peer:expect("\ndone\n", PATIENCE)
  assert.equal(0, peer:wait())
  local short, interrupted, refused = peer:output():match
    "injected: (%d+) short, (%d+) EINTR, (%d+) EAGAIN"
  assert.is_true(tonumber(short) > 9, short)
  assert.is_true(tonumber(interrupted) > 9, interrupted)
  assert.is_true(tonumber(refused) > 9, refused)
end

local function sha256(path)
  local hasher = helpers.spawn {"openssl", "dgst", "-sha256", "-r", path}
  assert.equal(0, hasher:wait())
  return hasher:output():match "^%x+"
end

-- A file of bytes that no pattern repeats in.
local function random_file(size)
  local path = helpers.temp_name()
  local made = helpers.spawn {"openssl", "rand", "-out", path, size}
  assert.equal(0, made:wait())
  return path
end

describe("with trouble injected", function()
  local path, digest

  setup(function()
    path = random_file(SIZE)
    digest = sha256(path)
  end)

  for seed = 1, 3 do
    it("both of ours carry data both ways at once, seed " .. seed, function()
      local server = ours(seed, "server", "duplex", path)
      local client = ours(seed + 10, "client", "duplex", path, server.port)
      check(client)
      check(server)
      assert.equal(digest, server.digest "received")
      assert.equal(digest, client.digest "received")
    end)

    it("both of ours carry data by turns, seed " .. seed, function()
      local server = ours(seed, "server", "sink", path)
      local client = ours(seed + 10, "client", "source", path, server.port)
      check(client)
      check(server)
      assert.equal(digest, server.digest "received")
      assert.equal(digest, client.digest "received")
    end)

    it("a client of ours hears its own words from Python, seed " .. seed,
      function()
        local server = helpers.python_server("echo")
        local client = ours(seed, "client", "duplex", path, server.port)
        check(client)
        server:stop()
        assert.equal(digest, client.digest "received")
      end)

    it("a server of ours repeats Python's words, seed " .. seed, function()
      local server = ours(seed, "server", "echo", "-")
      local client = helpers.python_client(server.port, "echo",
        {arguments = {"--bytes", SIZE}})
      client:expect("equal", PATIENCE)
      assert.equal(0, client:wait())
      check(server)
      assert.equal(server.digest "sent", server.digest "received")
    end)

    it("a server of ours hears openssl s_client out, seed " .. seed, function()
      local server = ours(seed, "server", "sink", "-")
      local client = helpers.spawn {"sh", "-c",
        'openssl s_client -quiet -no_ign_eof -nocommands ' ..
          '-connect "127.0.0.1:$1" <"$2"',
        "sh", server.port, path}
      check(server)
      client:stop()
      assert.equal(digest, server.digest "received")
    end)
  end
end)
