--- Pairs whose handshakes hooks decide, for the specs that are about hooks:
-- the same cases over SSLSocket and SSLObject, in TLS 1.2 and 1.3.
local busted = require "busted"
local socket = require "socket"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"

local file = helpers.file
local unpack = table.unpack or unpack

local hooking = {
  WAITS = {timeout = true, wantread = true, wantwrite = true},
  --- Lua 5.1 cannot: there what a hook raises in a coroutine passes through.
  yields_through_pcall = coroutine.wrap(function()
    pcall(coroutine.yield, true)
  end)() == true,
}

local DEFAULTS = {
  client = {cert_reqs = ssl.CERT_REQUIRED, check_hostname = true},
  server = {server_side = true},
}

local opened = {}

--- Has something closed by `close_all`; answers what it got.
function hooking.keep(...)
  for _, thing in ipairs {...} do opened[#opened + 1] = thing end
  return ...
end

--- Holds nothing any more: what was opened is the collector's.
function hooking.forget()
  opened = {}
end

--- For after_each.
function hooking.close_all()
  for _, thing in ipairs(opened) do thing:close() end
  opened = {}
end

--- A context of the test PKI; a client that verifies, a server with the
-- certificate "ecdsa".
function hooking.context(side, options)
  local all = {}
  for name, value in pairs(DEFAULTS[side]) do all[name] = value end
  if side == "client" then all.ca_certs = file "root.crt"
  else all.certfile = file "ecdsa.pem" end
  for name, value in pairs(options or {}) do all[name] = value end
  if all.cert_reqs == ssl.CERT_NONE then all.check_hostname = false end
  if all.cert then all.certfile = nil end
  return assert(ssl.SSLContext(all))
end

--- Options of a server that asks for a client certificate.
function hooking.asking(more)
  local all = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"}
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

--- Options of a client that has a certificate.
function hooking.certified(more)
  local all = {certfile = file "client.pem"}
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local transports = {}

transports.object = {name = "SSLObject"}

function transports.object.pair(client, server, options)
  return assert(client:wrap_object(options.client)),
    assert(server:wrap_object(options.server))
end

transports.object.pump = helpers.pump

-- `conn` sends no more, without a close_notify: its peer is `other`.
function transports.object.cut(_, other)
  other:feed(nil)
end

transports.socket = {name = "SSLSocket"}

function transports.socket.pair(client, server, options)
  local near, far = helpers.sockets()
  near:settimeout(0)
  far:settimeout(0)
  return assert(client:wrap_socket(near, options.client)),
    assert(server:wrap_socket(far, options.server))
end

function transports.socket.pump(client, server)
  socket.select({client, server}, nil, 0.002)
end

function transports.socket.cut(conn)
  helpers.raw(conn, function(sock) sock:shutdown "send" end)
end

--- Calls `body(case)` in a `describe` for each transport and version.
-- `case.open` makes a pair as `hooking.open` does.
function hooking.each(title, body)
  for _, kind in ipairs {"socket", "object"} do
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local name = ("%s, over %s, %s"):format(title, transports[kind].name,
        version)
      busted.describe(name, function()
        local case = {version = version, kind = kind,
          tls13 = version == "TLSv1.3"}
        function case.open(client, server, options)
          client = client or {}
          client.maximum_version = version
          return hooking.open(kind, client, server, options)
        end
        busted.after_each(hooking.close_all)
        body(case)
      end)
    end
  end
end

--- A pair before its handshake, at timeout 0.
-- @tparam string kind "socket" or "object"
-- @tparam[opt] table client, server options of the contexts, or contexts
-- @tparam[opt] table options `client`, `server`: of the connections; `host`
function hooking.open(kind, client, server, options)
  options = options or {}
  local function made(side, given)
    if type(given) == "userdata" then return given end
    return hooking.context(side, given)
  end
  local pair = {}
  local for_client = options.client or {}
  for_client.server_hostname = options.host or "localhost"
  pair.client, pair.server = hooking.keep(transports[kind].pair(
    made("client", client), made("server", server),
    {client = for_client, server = options.server}))
  function pair.pump()
    transports[kind].pump(pair.client, pair.server)
  end
  function pair.cut(side)
    pair.pump()
    transports[kind].cut(pair[side], pair[side == "client" and "server" or "client"])
  end
  return pair
end

--- Repeats calls until each has answered something else than "not now", with
-- `between` after each round; lists of results, with their number `n`.
function hooking.together(calls, between)
  local results, left = {}, #calls
  local deadline = socket.gettime() + helpers.patience
  while left > 0 do
    for i, call in ipairs(calls) do
      if not results[i] then
        local result = {n = 0}
        local function note(...) result = {n = select("#", ...), ...} end
        note(call())
        if result[1] ~= nil or not hooking.WAITS[result[2]] then
          results[i], left = result, left - 1
        end
      end
    end
    assert(socket.gettime() < deadline, "it does not end")
    between()
  end
  return results
end

--- Runs a call to its end, pumping.
function hooking.drive(pair, call)
  local result = hooking.together({call}, pair.pump)[1]
  return unpack(result, 1, result.n)
end

-- In TLS 1.3 a client is done before the server has looked at its
-- certificate; what became of it comes with the first read.
local function whole(conn, other)
  local finished = false
  return function()
    if not finished then
      local done, err = conn:do_handshake()
      if not done then return done, err end
      finished = true
    end
    if not other.over then return true end
    local data, err = conn:read()
    return data and true or nil, err
  end
end

local function failed(result)
  return result and not result[1]
end

--- Runs both handshakes to their ends: for each side true or nil, and its
-- error. Where one fails, its transport ends too once all is said.
-- @treturn table {client = {result, error}, server = the same}
function hooking.outcome(pair)
  local results, over = {}, {over = false}
  local calls = {client = whole(pair.client, over),
    server = whole(pair.server, over)}
  local deadline = socket.gettime() + helpers.patience
  local rounds = 0
  repeat
    for _, side in ipairs {"client", "server"} do
      if not results[side] or over.over and results[side][1] then
        local done, err = calls[side]()
        if done or not hooking.WAITS[err] then results[side] = {done, err} end
        if failed(results[side]) and not over.over then over.over = side end
      end
    end
    assert(socket.gettime() < deadline, "the handshake does not end")
    pair.pump()
    if over.over then rounds = rounds + 1 end
    if rounds == 5 then pair.cut(over.over) end
    local client, server = results.client, results.server
  until client and server and (client[1] and server[1] or failed(client) and failed(server))
  return results
end

--- The handshake has to succeed.
function hooking.succeed(pair)
  local results = hooking.outcome(pair)
  for _, side in ipairs {"client", "server"} do
    assert(results[side][1], side .. ": " .. tostring(results[side][2]))
  end
  return pair
end

local OTHER = {client = "server", server = "client"}

--- The handshake has to fail: what `side` answered, and the other one.
function hooking.refused(pair, side)
  local results = hooking.outcome(pair)
  assert(results[side][1] == nil, side .. " succeeds")
  local again = {pair[side]:do_handshake()}
  assert(again[1] == nil and rawequal(again[2], results[side][2]),
    "another answer the second time")
  return results[side][2], results[OTHER[side]][2]
end

--- Sends a few bytes both ways.
function hooking.talk(pair)
  for _, side in ipairs {"client", "server"} do
    local from, to = pair[side], pair[OTHER[side]]
    assert(from:send("from " .. side) == #side + 5)
    local data, err = hooking.drive(pair, function() return to:read() end)
    assert(data == "from " .. side, err or data)
  end
end

--- A hook that counts its calls in `calls.n` and keeps the last arguments,
-- and what it is to return: `hooking.spy(value, err)`.
function hooking.spy(...)
  local answer = {n = select("#", ...), ...}
  local calls = {n = 0}
  return function(...)
    calls.n = calls.n + 1
    calls.count = select("#", ...)
    calls.connection, calls.facts = ...
    return unpack(answer, 1, answer.n)
  end, calls
end

--- Where each hook can stand: `options(hook)` gives the options of the client
-- and the server; `side` is whose hook it is.
hooking.places = {
  {name = "on_client_hello", side = "server", options = function(hook)
    return {}, {on_client_hello = hook}
  end},
  {name = "on_certificate of a server", side = "server", hook = "on_certificate",
    options = function(hook) return {}, {on_certificate = hook} end},
  {name = "on_certificate of a client", side = "client", hook = "on_certificate",
    options = function(hook)
      return hooking.certified {on_certificate = hook}, hooking.asking()
    end},
  {name = "on_verify of a server", side = "server", hook = "on_verify",
    options = function(hook)
      return hooking.certified(), hooking.asking {on_verify = hook}
    end},
  {name = "on_verify of a client", side = "client", hook = "on_verify",
    options = function(hook) return {on_verify = hook}, {} end},
}
for _, place in ipairs(hooking.places) do place.hook = place.hook or place.name end

return hooking
