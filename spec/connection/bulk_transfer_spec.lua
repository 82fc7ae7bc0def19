-- 256 MiB each way, compared by digest: between two processes of ours, and
-- with Python's ssl, which computes its digest itself.
local helpers = require "spec.support.helpers"

helpers.audit()

local MIB = 256
local MEMORY = 96 * 1024  -- KiB that a process of ours may take, sanitizer aside
local PATIENCE = 100

local function ours(role, mode, content, port)
  local digest = helpers.temp_name()
  local peer = helpers.spawn({helpers.interpreter, "spec/peers/transfer.lua",
    role, mode, content, digest, port}, {timeout = PATIENCE})
  function peer.digest(direction)
    return assert(helpers.read_file(digest .. "." .. direction):match "^%x+")
  end
  if role == "server" then peer.port = tonumber(peer:expect "ready (%d+)\n") end
  return peer
end

-- All of it went through the process, and little of it stayed there.
local function check(peer)
  peer:expect("\ndone\n", PATIENCE)
  assert.equal(0, peer:wait())
  local memory = tonumber(peer:output():match "VmHWM:%s*(%d+) kB")
  if not helpers.preloaded then assert.is_true(memory < MEMORY, memory) end
end

local function exchange(server_mode, client_mode)
  local server = ours("server", server_mode, MIB)
  local client = ours("client", client_mode, MIB, server.port)
  check(client)
  check(server)
  assert.equal(client.digest "sent", server.digest "received")
  assert.equal(server.digest "sent", client.digest "received")
end

describe("256 MiB", function()
  it("go each way by themselves, in large sends", function()
    exchange("lines", "source")
  end)

  it("go both ways at once, without waiting", function()
    exchange("duplex", "duplex")
  end)

  it("arrive at Python's ssl", function()
    local server = helpers.python_server("digest", {timeout = PATIENCE})
    local client = ours("client", "source", MIB, server.port)
    check(client)
    server:stop()
    -- What came back is the digest: its own digest has to be the same.
    local answer = helpers.spawn({"openssl", "dgst", "-sha256", "-r"},
      {input = client.digest "sent"})
    answer:wait()
    assert.equal(answer:output():match "^%x+", client.digest "received")
  end)

  it("arrive from Python's ssl", function()
    local server = helpers.python_server("source", {timeout = PATIENCE,
      arguments = {"--bytes", MIB * 1048576}})
    local client = ours("client", "sink", "-", server.port)
    check(client)
    assert.equal(server:expect "sha256 (%x+)\n", client.digest "received")
    server:stop()
  end)
end)
