-- Calls in the middle of other calls, a case in each process: what goes wrong
-- there may well be a crash. Arguments: the case, and what it is for.
-- spec/connection/reentrancy_spec.lua runs them all; each is silent when it is
-- right.
local ssl = require "luassl"
local errors = require "luassl.errors"
local collector = require "spec.support.collector"
local inside = require "spec.support.finalizer_inside"
local life = require "spec.support.connection_life"

local unpack = table.unpack or unpack

local cases = {}

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

local function check_state(name, value, err)
  if value == nil and errors.is_error(err) and err.kind == "state" then return end
  error(("%s answers %s, %s"):format(name, tostring(value), tostring(err)), 0)
end

local function connected(kind)
  local one, other = life.contexts()
  local client, server = life.pair(kind, one, other)
  assert(life.handshake(client, server))
  life.transfer(server, client, ".", 1, ".")  -- with the tickets
  return client, server
end

-- ---- (a) inside a call of the same connection ----------------------------------------------

local ONE, TWO = ("one"):rep(100), ("two"):rep(100)  -- Lua has no string like it yet
local LINES = ONE .. "\n" .. TWO .. "\n"

-- Methods that make Lua allocate, with what the peer has sent before, what
-- they must answer, and what is there to read afterwards.
local outer = {
  line = {LINES, function(conn) return conn:receive() end, ONE, TWO .. "\n"},
  count = {LINES, function(conn) return conn:receive(301) end, ONE .. "\n", TWO .. "\n"},
  part = {LINES, function(conn) return select(3, conn:receive "*a") end, LINES, ""},
  prefix = {LINES, function(conn) return conn:receive(303, "> ") end, "> " .. ONE .. "\n", TWO .. "\n"},
  read = {LINES, function(conn) return conn:read(301) end, ONE .. "\n", TWO .. "\n"},
  drain = {"", function(conn)
    assert(conn:send(ONE))
    return conn:drain()
  end},
}

-- What must change nothing.
local inner = {
  do_handshake = {}, send = {"never"}, write = {"never"}, receive = {2}, read = {2}, shutdown = {"send"},
  drain = {}, feed = {"never"},
}

-- After the call that something came into, the rest is there, and both ways go.
local function check_rest(client, server, name, got)
  local _, _, expected, rest = unpack(outer[name])
  if name == "drain" then
    assert(#got > #ONE, "drain gives too little")
    server:feed(got)
    assert(server:receive(#ONE) == ONE)
  else
    assert(got == expected, ("%s gives %s"):format(name, tostring(got)))
  end
  rest = (rest or "") .. "more\n"
  life.transfer(server, client, "more\n", #rest, rest)
  life.transfer(client, server, "and back\n", "*l", "and back")
end

function cases.moves(outer_name, inner_name, kind)
  local client, server = connected(kind)
  local input, call = unpack(outer[outer_name])
  if input ~= "" then assert(server:send(input)) end
  life.carry(server, client)
  local answer
  local came, got = inside.run(function() return call(client) end, function()
    answer = {client[inner_name](client, unpack(inner[inner_name]))}
  end)
  assert(came, "no finalizer came")
  check_state(inner_name, answer[1], answer[2])
  check_rest(client, server, outer_name, got)
end

function cases.close(outer_name, _, kind)
  local client, server = connected(kind)
  local input, call = unpack(outer[outer_name])
  if input ~= "" then assert(server:send(input)) end
  life.carry(server, client)
  local answer, within
  local came, got, err = inside.run(function() return call(client) end, function()
    answer = client:close()
    within = tostring(client)
  end)
  assert(came, "no finalizer came")
  assert(answer == 1, "a nested close answers " .. tostring(answer))
  assert(not within:find "closed", "a nested close takes effect at once")
  if outer_name ~= "drain" then
    assert(got == outer[outer_name][3] or got == nil and err == "closed", tostring(got))
  end
  assert(tostring(client):find "closed", "the connection is not closed")
  local done, why = client:receive()
  assert(done == nil and why == "closed")
  life.carry(client, server)
  server:shutdown "send"
  if kind == "socket" then server:settimeout(5) end
  if outer_name == "drain" then return end  -- its bytes are gone
  done, why = server:receive()
  assert(done == nil and why == "closed", tostring(why))
end

local FACTS = {
  "cipher", "dirty", "getpeercert", "peer_certificate", "pending", "selected_alpn_protocol", "server_hostname",
  "session", "session_reused", "verify_result", "version", "want", "local_certificate", "peer_chain", "verified_chain",
  "verify_errors", "ocsp_response", "tlsa_match", "peer_public_key"}
local OF_SOCKETS = {"getfd", "getfamily", "getpeername", "getsockname", "getstats", "gettimeout"}

local function types_of(conn, kind)
  local list = {}
  for _, names in ipairs {FACTS, kind == "socket" and OF_SOCKETS or {}} do
    for _, name in ipairs(names) do list[#list + 1] = name .. ": " .. type((conn[name](conn))) end
  end
  if kind == "socket" then
    list[#list + 1] = tostring(conn:settimeout(0)) .. tostring(conn:setoption("keepalive", true))
    list[#list + 1] = tostring(conn:getoption "keepalive")
  end
  list[#list + 1] = tostring(conn):match "%((%a+)%)"
  return table.concat(list, "\n")
end

-- (c): facts and settings answer as usual.
function cases.facts(outer_name, _, kind)
  local client, server = connected(kind)
  local input, call = unpack(outer[outer_name])
  if input ~= "" then assert(server:send(input)) end
  life.carry(server, client)
  local before, within = types_of(client, kind), nil
  local came, got = inside.run(function() return call(client) end, function() within = types_of(client, kind) end)
  assert(came, "no finalizer came")
  assert(within == before, ("before:\n%s\nwithin:\n%s"):format(before, tostring(within)))
  check_rest(client, server, outer_name, got)
end

-- An owner that closes its connection when nobody holds it, while the
-- connection's last call makes the error of its failure.
function cases.owner()
  local context = assert(ssl.create_default_context {ca_certs = file "root.crt"})
  local Owner = {}
  Owner.__index = Owner
  function Owner:run()
    self.tls:feed "\21\3\3\0\2\2\40"  -- the alert handshake_failure
    return self.tls:do_handshake()
  end
  local function new()
    local tls = assert(context:wrap_object {server_hostname = "localhost"})
    tls:do_handshake()
    if not rawget(_G, "newproxy") then
      return setmetatable({tls = tls}, {__index = Owner, __gc = function(self) self.tls:close() end})
    end
    local proxy = inside.on_collection(function() tls:close() end)
    return setmetatable({tls = tls, proxy = proxy}, Owner)
  end
  collector.set(50, 400)
  for i = 1, 5000 do
    local done, err = new():run()
    assert(done == nil)
    assert(err == "closed" or errors.is_error(err) and err.alert == "handshake_failure", tostring(err))
    if i % 100 == 0 then collectgarbage "step" end
  end
end

-- While a method makes the error of a failure, from what the connection owns.
function cases.failing(outer_name, inner_name)
  local context = assert(ssl.create_default_context {ca_certs = file "root.crt"})
  local tls = assert(context:wrap_object {server_hostname = "localhost"})
  tls:do_handshake()
  tls:feed "\21\3\3\0\2\2\40"
  local answer
  local came, done, err = inside.run(function() return tls[outer_name](tls) end, function()
    answer = {tls[inner_name](tls, unpack(inner[inner_name] or {}))}
  end)
  assert(came, "no finalizer came")
  if inner_name == "close" then assert(answer[1] == 1) else check_state(inner_name, answer[1], answer[2]) end
  assert(done == nil)
  if inner_name == "close" and err == "closed" then return end
  assert(errors.is_error(err) and err.alert == "handshake_failure", tostring(err))
  if inner_name ~= "close" then assert(rawequal(select(2, tls:do_handshake()), err), "another error") end
end

-- A finalizer that does I/O while the option server_names is looked up: the
-- handshake must come to its end all the same.
function cases.server_names(inner_name)
  local one = assert(ssl.create_default_context {ca_certs = file "root.crt"})
  local chosen = assert(ssl.create_default_context {server_side = true, certfile = file "rsa.pem"})
  local names = setmetatable({}, {__index = function() return chosen end})
  for _, with in ipairs {{localhost = chosen}, names} do
    local other = assert(ssl.create_default_context {server_side = true, certfile = file "ecdsa.pem",
      server_names = with})
    for _ = 1, 30 do
      local client, server = life.pair("object", one, other)
      client:do_handshake()
      life.carry(client, server)
      local answer
      local came, done, err = inside.run(function() return server:do_handshake() end, function()
        answer = {server[inner_name](server, unpack(inner[inner_name]))}
      end)
      -- None comes where the name is a string that Lua has already.
      if came then check_state(inner_name, answer[1], answer[2]) end
      assert(done == nil and err == "wantread", tostring(err))
      assert(life.handshake(client, server))
      life.transfer(client, server, "there\n", "*l", "there")
    end
  end
end

-- A finalizer that closes while the facts for a hook are made: nobody is asked.
function cases.closes_before_hook(kind)
  local one = assert(ssl.create_default_context {ca_certs = file "root.crt"})
  local asked = 0
  local other = assert(ssl.create_default_context {server_side = true, certfile = file "rsa.pem",
    on_client_hello = function() asked = asked + 1 end})
  for _ = 1, 10 do
    local client, server = life.pair(kind, one, other)
    client:do_handshake()
    life.carry(client, server)
    local came, done, err = inside.run(function() return server:do_handshake() end,
      function() assert(server:close() == 1) end)
    assert(came, "no finalizer came")
    assert(done == nil and err == "closed", tostring(err))
    assert(asked == 0, "the hook was asked")
  end
end

-- ---- (b) while a hook is suspended -----------------------------------------------------------

-- A server whose hook has yielded, and the coroutine to resume.
local function suspended(kind, hook)
  local one = assert(ssl.create_default_context {ca_certs = file "root.crt"})
  local other = assert(ssl.create_default_context {server_side = true, certfile = file "rsa.pem",
    on_client_hello = hook})
  local client, server = life.pair(kind, one, other)
  client:do_handshake()
  life.carry(client, server)
  return client, server
end

local function expected_condition(kind, name, timeout)
  if kind == "socket" and (timeout > 0 or name == "send" or name == "receive") then return {timeout = true} end
  return {wantread = true, wantwrite = true}
end

function cases.suspended(name, timeout, kind)
  timeout = tonumber(timeout)
  local client, server = suspended(kind, function() coroutine.yield "hook" end)
  local thread = coroutine.create(function() return server:do_handshake() end)
  assert(select(2, coroutine.resume(thread)) == "hook")
  if server.settimeout then server:settimeout(timeout) end
  for _ = 1, 3 do
    local value, err = server[name](server, unpack(inner[name]))
    assert(value == nil and expected_condition(kind, name, timeout)[err],
      ("%s answers %s, %s"):format(name, tostring(value), tostring(err)))
    assert(tostring(server):find "handshake", tostring(server))
  end
  local before = types_of(server, kind)
  assert(before:find "handshake", before)
  assert(coroutine.resume(thread))
  assert(coroutine.status(thread) == "dead")
  if server.settimeout then server:settimeout(0) end
  assert(life.handshake(client, server))
  life.transfer(client, server, "there\n", "*l", "there")
  life.transfer(server, client, "and back\n", "*l", "and back")
end

-- A hook's own call on its connection; facts and settings work there (c).
function cases.own(name, _, kind)
  local answer, state
  local client, server = suspended(kind, function(conn)
    answer = {conn[name](conn, unpack(inner[name]))}
    state = types_of(conn, kind)
  end)
  server:do_handshake()
  check_state(name, answer[1], answer[2])
  assert(state:find "handshake", state)
  assert(life.handshake(client, server))
  life.transfer(client, server, "there\n", "*l", "there")
  life.transfer(server, client, "and back\n", "*l", "and back")
end

local name = ...
assert(cases[name], "no such case")(select(2, ...))
