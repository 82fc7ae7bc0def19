-- Handshakes with every hook, each of which yields, under a collector that
-- runs all the time: nothing may grow. Arguments: how many (10000).
local collector = require "spec.support.collector"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

local file = helpers.file
local ROUNDS = tonumber(... or nil) or 10000
local WARM_UP = math.ceil(ROUNDS / 5)
local MOST = 1024  -- KiB that memory may grow by: the allocator's own noise

collector.set(100, 10000)

local calls = 0

local function hook()
  calls = calls + 1
  coroutine.yield()
  if calls % 50 == 0 then collectgarbage() end
end

local chosen, first, clients

-- Anew for each measurement: clients keep sessions, more or fewer.
local function open_contexts()
  chosen, first, clients = {}, {}, {}
  for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
    chosen[version] = assert(ssl.SSLContext {
      server_side = true, certfile = file "ecdsa.pem", cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt",
      on_certificate = hook, on_verify = hook, maximum_version = version,
    })
    first[version] = assert(ssl.SSLContext {
      server_side = true, certfile = file "rsa.pem",
      on_client_hello = function(...)
        hook(...)
        return chosen[version]
      end,
    })
    clients[version] = assert(ssl.SSLContext {
      ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED, check_hostname = true, session_cache = true,
      certfile = file "client.pem", on_certificate = version == "TLSv1.2" and hook or nil, on_verify = hook,
    })
  end
end

local function memory()
  collectgarbage()
  collectgarbage()
  return tonumber(helpers.read_file "/proc/self/statm":match "^%d+ (%d+)") * 4
end

-- A handshake in a coroutine; it is resumed until it waits for the peer.
local function runner(conn)
  return coroutine.wrap(function()
    local done, err
    repeat
      done, err = conn:do_handshake()
      if not done then
        assert(err == "wantread" or err == "wantwrite", err)
        coroutine.yield()
      end
    until done
    return true
  end)
end

local reused = 0

local function round(i)
  local version = i % 2 == 0 and "TLSv1.2" or "TLSv1.3"
  local client = assert(clients[version]:wrap_object { server_hostname = "localhost" })
  local server = assert(first[version]:wrap_object {})
  local sides, left = { runner(client), runner(server) }, 2
  if i % 10 == 9 then  -- left in the middle, in one hook or another
    for _ = 1, i / 10 % 12 do
      for k, resume in pairs(sides) do
        if resume() then sides[k] = nil end
      end
      helpers.pump(client, server)
    end
    return
  end
  while left > 0 do
    for k, resume in pairs(sides) do
      if resume() then
        sides[k] = nil
        left = left - 1
      end
    end
    helpers.pump(client, server)
  end
  assert(server:write "x")
  helpers.pump(client, server)
  assert(client:read() == "x")
  if client:session_reused() then reused = reused + 1 end
  client:close()
  server:close()
end

open_contexts()
local start, counts
for i = 1, ROUNDS do
  if i == WARM_UP then
    open_contexts()
    start, counts = memory(), helpers.snapshot()
  end
  round(i)
end
open_contexts()
local grown = memory() - start
local left = helpers.growth(counts)
print(("growth: %d handshakes, %d hooks called, %d resumed: %d KiB since handshake %d"):format(
  ROUNDS, calls, reused, grown, WARM_UP))
for _, what in ipairs(left) do print("growth: left behind: " .. what) end
assert(calls > ROUNDS * 2, "the hooks were not called")
assert(reused > 0, "nothing was resumed")
os.exit(grown <= MOST and #left == 0 and 0 or 1)
