--- The kinds of stream socket that have to behave alike: LuaSocket's tcp
-- object, SSLSocket, and streams, which have no descriptors and do not listen.
-- A spec runs its cases over all.
local luassert = require "luassert"
local socket = require "socket"
local cases = require "spec.support.connected_cases"
local core = require "luassl.core"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local wire = require "spec.support.wire"

local kinds = {}

local tcp = {name = "tcp object"}

--- Makes a client, or a server, of a LuaSocket object.
function tcp.client(sock)
  return sock
end
tcp.server = tcp.client

--- Makes a connected pair ready to use.
function tcp.settle()
end

local tls = {name = "SSLSocket"}

-- Made when the first case runs: the audit counts what a file leaves behind.
local contexts = {}

local function context(side)
  contexts[side] = contexts[side] or wire.context(side)
  return contexts[side]
end

function tls.client(sock)
  return assert(ssl.wrap_socket(sock, {context = context "client",
    server_hostname = "localhost",
    do_handshake_on_connect = sock:getpeername() == nil}))
end

function tls.server(sock)
  return assert(ssl.wrap_socket(sock, {context = context "server",
    server_side = true, do_handshake_on_connect = false}))
end

function tls.settle(client, server)
  local limits = {}
  for _, conn in ipairs {client, server} do
    limits[conn] = {conn:gettimeout()}
    conn:settimeout(0)
  end
  for _, result in ipairs(wire.together {
      function() return client:do_handshake() end,
      function() return server:do_handshake() end}) do
    assert(result[1], result[2])
  end
  client:receive(0)  -- session tickets, which a receiver never sees
  for conn, limit in pairs(limits) do
    conn:settimeout(limit[1])
    conn:settimeout(limit[2], "t")
  end
end

-- Streams: over a LuaSocket object; over a table of functions; and over
-- another stream, TLS in TLS.
local stream, functions = {name = "SSLStream"}, {name = "SSLStream over functions"}
local stacked = {name = "SSLStream in an SSLStream"}
local STREAMS = {stream, functions, stacked}

-- What a stream is over, at last: by stream.
local below = setmetatable({}, {__mode = "k"})

local function wrap_stream(side, sock, under)
  local conn = assert(context(side):wrap_stream(under or sock, {do_handshake_on_connect = false,
    server_hostname = side == "client" and "localhost" or nil}))
  below[conn] = sock
  return conn
end

-- A transport of functions that takes at most MOST bytes at a time.
local MOST = 30000

local function halting(sock)
  local self = {}
  function self.read(seconds)
    sock:settimeout(seconds)
    local data, err = sock:receive(1)
    if not data then return nil, err end
    sock:settimeout(0)
    local more, _, rest = sock:receive(MOST - 1)
    return data .. (more or rest)
  end
  function self.write(bytes, seconds)
    sock:settimeout(seconds)
    local last, err, partial = sock:send(bytes, 1, math.min(#bytes, MOST))
    if last == #bytes then return true end
    if last then return nil, "timeout", last end
    return nil, err, partial
  end
  function self.close() sock:close() end
  function self.getpeername() return sock:getpeername() end
  function self.getsockname() return sock:getsockname() end
  return self
end

function stream.client(sock) return wrap_stream("client", sock) end
function stream.server(sock) return wrap_stream("server", sock) end
function functions.client(sock) return wrap_stream("client", sock, halting(sock)) end
function functions.server(sock) return wrap_stream("server", sock, halting(sock)) end
function stacked.client(sock) return wrap_stream("client", sock, wrap_stream("client", sock)) end
function stacked.server(sock) return wrap_stream("server", sock, wrap_stream("server", sock)) end

for _, kind in ipairs(STREAMS) do
  kind.is_stream = true
  kind.settle = tls.settle
end

for _, kind in ipairs {tcp, tls, stream, functions, stacked} do
  --- A connected pair without a timeout: client, server.
  function kind.pair(host)
    local near, far = helpers.sockets(host)
    local client, server = kind.client(near), kind.server(far)
    kind.settle(client, server)
    return client, server
  end

  --- Waits until something has come; streams have no descriptor.
  function kind.await(conn)
    assert(socket.select({below[conn] or conn}, nil, helpers.patience)[1])
  end

  kind.sleep = socket.sleep

  --- A listening object without a timeout, its address and port.
  function kind.listener(host)
    local listener = kind.server(assert(socket.bind(host or "127.0.0.1", 0)))
    local address, port = listener:getsockname()
    return listener, address, tonumber(port)
  end

  --- What `listener` accepts, when something has come.
  function kind.accept(listener)
    local limit = listener:gettimeout()
    assert(socket.select({listener}, nil, helpers.patience)[1])
    listener:settimeout(0)  -- its handshake comes later
    local conn = assert(listener:accept())
    listener:settimeout(limit)
    return conn
  end

  if not kind.is_stream then kinds[#kinds + 1] = kind end
end

--- All of them, connected.
kinds.connected = {tcp, tls, stream, functions, stacked}

kinds.tcp, kinds.tls = tcp, tls

--- Drops the contexts: for a file's teardown.
function kinds.forget()
  contexts = {}
end

--- What both have to do ----------------------------------------------------

kinds.results, kinds.check_raises = cases.results, cases.check_raises

local results = kinds.results

--- Checks that `expected` seconds have passed since `start`, not many more.
function kinds.check_elapsed(expected, start)
  cases.check_elapsed(expected, start + core.clock() - socket.gettime())
end

local OPTIONS = {
  ["keepalive"] = {true, false, 1}, ["reuseaddr"] = {true, 0},
  ["reuseport"] = {true}, ["tcp-nodelay"] = {true, false, "yes"},
  ["tcp-keepidle"] = {60, -1, {}}, ["tcp-keepcnt"] = {3, 1000},
  ["tcp-keepintvl"] = {7, 0}, ["ipv6-v6only"] = {true},
  ["linger"] = {{on = true, timeout = 3}, {on = false, timeout = 0}, {}, 1},
  ["recv-buffer-size"] = {20000}, ["send-buffer-size"] = {20000},
  ["tcp-defer-accept"] = {1}, ["tcp-fastopen"] = {5}, ["error"] = {1},
  ["no-such-option"] = {true}, [""] = {true}, [1] = {true},
}

--- Checks that every option is set and read back as the plain object's.
function kinds.compare_options(plain, conn)
  local function compare(name, method, ...)
    local expected = results(pcall(plain[method], plain, ...))
    local found = results(pcall(conn[method], conn, ...))
    if not expected[1] then expected, found = expected[1], found[1] end
    luassert.same(expected, found, method .. " " .. name)
  end
  for name, values in pairs(OPTIONS) do
    for _, value in ipairs(values) do
      compare(name, "setoption", name, value)
      compare(name, "getoption", name)
    end
    compare(name, "setoption", name)
  end
  compare("nothing", "getoption")
  compare("nothing", "setoption")
end

return kinds
