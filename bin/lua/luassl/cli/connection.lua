--- Connecting in a task of `luassl.cli.loop`: TCP, what comes before TLS, the
-- handshake. Each answers `nil, failure` with `failure.text`, and
-- `failure.unreachable` where the server was not reached rather than refused.
-- @module luassl.cli.connection
-- @local
local dialogue = require "luassl.cli.dialogue"
local dual_stack = require "luassl.dual_stack"
local socket = require "socket"
local starttls = require "luassl.cli.starttls"
local wait = require "luassl.cli.loop".wait

local connection = {}

local LEAST = 2  -- seconds for one of several addresses

local function unreachable(text)
  return nil, { unreachable = true, text = text }
end

-- Connects to one address: the socket, its timeout 0.
local function connect(address, port, deadline)
  local sock, err = socket.tcp()
  if not sock then return nil, err end
  sock:settimeout(0)
  local done
  repeat
    done, err = sock:connect(address, port)
    if err == "already connected" then done = 1 end
    local pending = err == "timeout" or err == "Operation already in progress"
  until done or not pending or not wait(sock, "w", deadline)
  if done then return sock end
  sock:close()
  return nil, (err == "timeout" or err == "Operation already in progress") and "no answer in time" or err
end

-- TCP to the first address that answers.
local function reach(target, deadline)
  local addresses, err = dual_stack.addresses(socket, target.host)
  if not addresses or not addresses[1] then
    return unreachable(("%s: the name does not resolve (%s)"):format(target.host, err or "no address"))
  end
  for i, address in ipairs(addresses) do
    local now = socket.gettime()
    local share = math.max((deadline - now) / (#addresses - i + 1), LEAST)
    local sock
    sock, err = connect(address, target.port, math.min(deadline, now + share))
    if sock then return sock, address end
  end
  return unreachable(("%s port %d: %s"):format(target.host, target.port, err))
end

--- Connects, and says what the protocol has before TLS.
-- @tparam table target `host`, `port`, `name`, `starttls`
-- @tparam number deadline
-- @treturn[1] userdata LuaSocket object, its timeout 0
-- @treturn[1] string address
-- @treturn[2] nil
-- @treturn[2] table failure
function connection.open(target, deadline)
  local sock, address = reach(target, deadline)
  if not sock then return nil, address end
  if target.starttls then
    local talk = dialogue.new(sock, deadline)
    starttls.begin(target.starttls, talk, target.name)
    if talk.err then
      sock:close()
      return nil, { unreachable = talk.slow, text = target.starttls:upper() .. ": " .. talk.err }
    end
  end
  return sock, address
end

--- Runs a function that answers "wantread" or "wantwrite" until it does not.
function connection.persist(conn, deadline, step)
  while true do
    local result, err = step(conn)
    if err ~= "wantread" and err ~= "wantwrite" and err ~= "timeout" then return result, err end
    local _, writing = conn:want()
    if not wait(conn, writing and "w" or "r", deadline) then return nil, "timeout" end
  end
end

--- The library's words for an error, with the command's options in the place of
-- its own.
function connection.words(err)
  return (tostring(err):gsub("%f[%w]certfile%f[%W]", "--client-cert"):gsub("%f[%w]keyfile%f[%W]", "--client-key"))
end

local function handshake_failure(err)
  if err == "timeout" then
    return { unreachable = true, text = "the server does not answer the TLS handshake in time" }
  end
  if err == "closed" then err = "the server closes the connection in the handshake" end
  return { text = connection.words(err), err = err }
end

--- A TLS connection.
-- @tparam SSLContext context
-- @tparam table target
-- @tparam number deadline
-- @tparam[opt] table options of the connection
-- @treturn[1] SSLSocket after its handshake, its timeout 0
-- @treturn[1] string address
-- @treturn[2] nil
-- @treturn[2] table failure; its `conn`, which is to be closed, if it came to a handshake
function connection.tls(context, target, deadline, options)
  local sock, address = connection.open(target, deadline)
  if not sock then return nil, address end
  local all = { server_hostname = target.name, do_handshake_on_connect = false }
  for name, value in pairs(options or {}) do all[name] = value end
  local conn, err = context:wrap_socket(sock, all)
  if not conn then
    sock:close()
    return nil, { text = tostring(err), err = err }
  end
  conn:settimeout(0)
  local done
  done, err = connection.persist(conn, deadline, conn.do_handshake)
  if done then return conn, address end
  local failure = handshake_failure(err)
  failure.conn, failure.address = conn, address
  return nil, failure
end

return connection
