--- What carries a stream: a table of functions, or an object with LuaSocket's
-- methods, of which such a table is made.
-- @module luassl.transport
-- @local

local transport = {}

local MOST = 65536  -- bytes that one read takes

local WAITS = { timeout = true, wantread = true, wantwrite = true }

local CALLABLE = { ["function"] = true }

--- Whether it has LuaSocket's methods: an SSLSocket, a stream, a `tcp` object.
function transport.is_object(value)
  local kind = type(value)
  if kind ~= "userdata" and kind ~= "table" then return false end
  local found, receive, send = pcall(function() return value.receive, value.send end)
  return found and CALLABLE[type(receive)] and CALLABLE[type(send)] or false
end

--- Whether it is a table of functions.
function transport.is_table(value)
  return type(value) == "table" and CALLABLE[type(value.read)] and CALLABLE[type(value.write)] or false
end

-- Of LuaSocket: waits for the first bytes, then takes what has come with them.
local function luasocket_reader(sock)
  return function(seconds)
    if seconds ~= 0 then
      sock:settimeout(seconds)
      local data, err = sock:receive(0)
      if not data then return nil, err end
    end
    sock:settimeout(0)
    local data, err, partial = sock:receive(MOST)
    data = data or partial
    if data ~= "" then return data end
    return nil, err
  end
end

-- Of an SSLSocket or a stream: `read` gives what there is.
local function tls_reader(conn)
  return function(seconds)
    conn:settimeout(seconds)
    local data, err = conn:read(MOST)
    if data then return data end
    return nil, WAITS[err] and "timeout" or err
  end
end

--- Has the system send at once, as what a connection says is whole: without
-- that a TLS peer waits 40 ms for the end of many messages.
function transport.set_nodelay(object)
  if not object.read and object.setoption then pcall(object.setoption, object, "tcp-nodelay", true) end
end

local OPTIONAL = { "close", "getpeername", "getsockname", "gettimeout", "dirty" }

--- Makes a transport of an object with LuaSocket's methods.
-- @tparam userdata|table object
-- @tparam[opt] table below the transport that carries it, if it is a stream
-- @treturn table
function transport.of(object, below)
  local made = { read = (object.read and tls_reader or luasocket_reader)(object) }
  function made.write(bytes, seconds)
    object:settimeout(seconds)
    local last, err, sent = object:send(bytes)
    if last then return true end
    return nil, WAITS[err] and "timeout" or err, sent
  end
  for _, name in ipairs(OPTIONAL) do
    if object[name] then
      made[name] = function(...) return object[name](object, ...) end
    end
  end
  if below then made.pause, made.resume = below.pause, below.resume end
  return made
end

return transport
