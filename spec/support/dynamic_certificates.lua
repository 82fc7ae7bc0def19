-- dynamic_certificates.lua [CLIENTS [NAMES [MILLISECONDS [ROUNDS]]]] --
-- measures examples/dynamic_certificates.lua against a Redis of its own:
-- clients that come all at once, with and without a delay of each look-up,
-- with look-ups that yield and with look-ups that let nobody else run.
-- Prints a table; ends with 1 when a bound is missed: a delay may cost all
-- clients together a quarter and 0.2 s, and at least a tenth of them must be
-- in their handshakes at once.
--
--   sh spec/support/run.sh lua5.4 spec/support/dynamic_certificates.lua 1000 100 50 3
-- (LUA_PATH and LUA_CPATH set.) Required by a spec it is what that needs.
local helpers = require "spec.support.helpers"
local socket = require "socket"

local PATIENCE = 60

local dynamic = {}

--- Redis ------------------------------------------------------------------

--- A Redis on a port (any free one) that keeps nothing. Its clock ticks 500
-- times a second: so exact are its delays.
function dynamic.redis(port)
  port = port or helpers.free_port()
  local redis = helpers.spawn({"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
    "--appendonly", "no", "--hz", "500", "--maxclients", "1000"}, {timeout = 900, directory = os.getenv "LUASSL_TMP"})
  redis.port = port
  redis:expect "(Ready to accept connections)"
  return redis
end

--- Puts values under their keys.
function dynamic.put(redis, values)
  local sock = assert(socket.connect("127.0.0.1", redis.port))
  sock:settimeout(PATIENCE)
  for key, value in pairs(values) do
    assert(sock:send(("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"):format(#key, key, #value, value)))
    local reply = assert(sock:receive "*l")
    if reply ~= "+OK" then error("Redis: " .. reply) end
  end
  sock:close()
end

-- Each with a key of its own, by the root of the test PKI.
local MAKE = [[
set -eu
cd "$1"
for i in $(seq "$2" "$3"); do
  name=site$i.example
  SAN=DNS:$name openssl req -config pki.conf -x509 -CA root.crt -CAkey root.key -days 20 -extensions server \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout "$4.$i" -out "$4" 2>/dev/null
  cat "$4" >>"$4.$i"
done
]]

--- Certificates for site`first`.example to site`last`.example: key and text.
function dynamic.certificates(first, last)
  local path = helpers.temp_name()
  local maker = helpers.spawn({"sh", "-c", MAKE, "sh", helpers.file "", first, last, path}, {timeout = PATIENCE})
  if maker:wait(PATIENCE) ~= 0 then error("no certificates: " .. maker:output()) end
  local values = {}
  for i = first, last do
    values[("certificate:site%d.example"):format(i)] = helpers.read_file(path .. "." .. i)
  end
  return values
end

--- Server and clients -----------------------------------------------------

-- Many clients need more descriptors than a process may have at first.
local function spawn(clients, ...)
  local argv = {helpers.interpreter, ...}
  if clients > 400 then
    argv = {"sh", "-c", 'ulimit -n 8192 && exec "$@"', "sh", helpers.interpreter, ...}
  end
  return helpers.spawn(argv, {timeout = 600})
end

--- The example, listening on `port`; `...` are its arguments after Redis's port.
function dynamic.server(redis, clients, ...)
  local server = spawn(clients or 0, "examples/dynamic_certificates.lua", 0, redis.port, clients, ...)
  server.port = tonumber(server:expect "listening on 127%.0%.0%.1:(%d+)")
  return server
end

--- Lets clients come all at once, and server and clients end.
-- @tparam table run `redis`, `clients`, `names`, `delay` in seconds, `in_turn`
-- @treturn table `seconds`; handshakes in flight: `median`, `most`
function dynamic.measure(run)
  local server = dynamic.server(run.redis, run.clients, run.delay, run.in_turn and "in-turn" or "")
  local clients = spawn(run.clients, "examples/dynamic_certificates/clients.lua", server.port,
    helpers.file "root.crt", run.clients, run.names)
  local patience = PATIENCE + 2 * run.clients * run.delay
  if clients:wait(patience) ~= 0 then
    error(("clients: %sserver: %s"):format(clients:output(), server:output():sub(-500)))
  end
  local seconds = clients:expect(run.clients .. " clients in ([%d.]+) s, 0 failed")
  if server:wait() ~= 0 then error("server: " .. server:output()) end
  local lookups, median, most = server:expect(
    run.clients .. " served, 0 refused; (%d+) look%-ups, .*in flight: median (%d+), most (%d+)")
  if tonumber(lookups) ~= run.clients then error(lookups .. " look-ups only") end
  return {seconds = tonumber(seconds), median = tonumber(median), most = tonumber(most)}
end

if ... == "spec.support.dynamic_certificates" then return dynamic end

--- The table --------------------------------------------------------------

local clients, names = tonumber(arg[1]) or 1000, tonumber(arg[2]) or 100
local delay, rounds = (tonumber(arg[3]) or 50) / 1000, tonumber(arg[4]) or 3

local function middle(results, field)
  local values = {}
  for i, result in ipairs(results) do values[i] = result[field] end
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

local rows = {
  {name = "yields", delay = 0, rounds = rounds},
  {name = "yields", delay = delay, rounds = rounds},
  {name = "in turn", delay = 0, rounds = rounds, in_turn = true},
  {name = "in turn", delay = delay, rounds = 1, in_turn = true},
}

-- In rounds over all rows: what disturbs this machine disturbs all of them.
local function measure_all(redis)
  for round = 1, rounds do
    for _, row in ipairs(rows) do
      row[round] = round <= row.rounds and dynamic.measure {redis = redis, clients = clients, names = names,
        delay = row.delay, in_turn = row.in_turn} or nil
    end
  end
end

local function print_table()
  print(("%d clients at once, %d names; medians of %d runs (in turn with a delay: one)"):format(
    clients, names, rounds))
  print "look-up     delay     total   handshakes in flight: median   most"
  for _, row in ipairs(rows) do
    row.seconds, row.median, row.most = middle(row, "seconds"), middle(row, "median"), middle(row, "most")
    print(("%-7s  %5d ms  %6.2f s  %28d  %5d"):format(row.name, row.delay * 1000, row.seconds, row.median, row.most))
  end
end

local missed = 0

local function bound(holds, text, ...)
  print((holds and "holds:  " or "MISSED: ") .. text:format(...))
  if not holds then missed = missed + 1 end
end

local redis = dynamic.redis()
dynamic.put(redis, dynamic.certificates(1, names))
measure_all(redis)
redis:stop()
print_table()
local limit = 1.25 * rows[1].seconds + 0.2
bound(rows[2].seconds <= limit, "%.2f s with the delay, at most 1.25 * %.2f s + 0.2 s = %.2f s",
  rows[2].seconds, rows[1].seconds, limit)
bound(rows[2].median > clients / 10, "median in flight with the delay %d, more than %d", rows[2].median, clients / 10)
os.exit(missed == 0 and 0 or 1, true)
