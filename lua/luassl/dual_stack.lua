--- TCP to a host that may have addresses of both families: RFC 8305 over
-- LuaSocket's resolver.
-- @module luassl.dual_stack
-- @local

local poll = require "luassl.poll"

local DELAY = 0.25  -- seconds, RFC 8305, 5: Connection Attempt Delay

local dual_stack = {}

-- The resolver's order (RFC 6724), but each other one of the other family:
-- RFC 8305, 4.
local function interleave(addresses)
  local first, other = {}, {}
  for _, entry in ipairs(addresses) do
    local list = entry.family == addresses[1].family and first or other
    list[#list + 1] = entry.addr
  end
  local ordered = {}
  for i = 1, math.max(#first, #other) do
    ordered[#ordered + 1] = first[i]
    ordered[#ordered + 1] = other[i]
  end
  return ordered
end

--- The addresses of a host, in the order in which they are tried.
-- @function addresses
-- @tparam table socket LuaSocket
-- @tparam string host name or address
-- @treturn[1] {string,...}
-- @treturn[2] nil
-- @treturn[2] string the resolver's text
function dual_stack.addresses(socket, host)
  local found, err = socket.dns.getaddrinfo(host)
  if not found then return nil, err end
  return interleave(found)
end

local function close_all(sockets)
  for _, sock in ipairs(sockets) do sock:close() end
end

-- Begins or goes on: 1 when it is connected; nil, "timeout" while it is not.
local function connect(sock, address, port)
  local done, err = sock:connect(address, port)
  if done or err == "already connected" then return 1 end
  if err == "Operation already in progress" then err = "timeout" end
  return nil, err
end

-- The attempts that are under way, and what is left to try.
local function begin_next(race)
  race.tried = race.tried + 1
  race.delayed = race.left()
  local sock, address = race.socket.tcp(), race.addresses[race.tried]
  sock:settimeout(0)
  local done, err = connect(sock, address, race.port)
  if done then return sock end
  if err == "timeout" then
    race.pending[#race.pending + 1] = sock
    race.address[sock] = address
    return nil
  end
  sock:close()
  race.err, race.delayed = err, nil  -- RFC 8305, 5: the next one at once
  return nil
end

-- Whether another attempt is due, or else in how many seconds one is; nil:
-- there is none.
local function next_due(race)
  if race.tried == #race.addresses then return false, nil end
  if #race.pending == 0 or not race.delayed then return true end
  local wait = DELAY - (race.delayed - race.left())
  return wait <= 0, wait
end

-- The attempt that has succeeded, if one has.
local function look(race, writable)
  for _, sock in ipairs(writable) do
    local done, err = connect(sock, race.address[sock], race.port)
    if done or err ~= "timeout" then
      for i, other in ipairs(race.pending) do
        if other == sock then table.remove(race.pending, i) break end
      end
    end
    if done then return sock end
    if err ~= "timeout" then
      sock:close()
      race.err, race.delayed = err, nil
    end
  end
end

local function step(race)
  local due, wait = next_due(race)
  if due then return begin_next(race) end
  local left = race.left()
  if wait and wait < left then left = wait end
  local _, writable = poll(nil, race.pending, left)
  return look(race, writable)
end

--- Connects to the first of several addresses that answers; the other attempts
-- are closed.
-- @function connect
-- @tparam table socket LuaSocket
-- @tparam {string,...} addresses in order
-- @tparam string port
-- @tparam function left seconds until the deadline
-- @treturn[1] userdata LuaSocket object
-- @treturn[2] nil
-- @treturn[2] string `"timeout"`, or LuaSocket's text for the attempt that
-- failed last
function dual_stack.connect(socket, addresses, port, left)
  local race = {
    socket = socket, addresses = addresses, port = port, left = left,
    tried = 0, pending = {}, address = {},
  }
  repeat
    local winner = step(race)
    if winner then
      close_all(race.pending)
      return winner
    end
    if race.tried == #addresses and #race.pending == 0 then return nil, race.err end
  until left() <= 0
  close_all(race.pending)
  return nil, "timeout"
end

return dual_stack
