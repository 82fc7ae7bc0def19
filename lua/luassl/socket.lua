-- SSLSocket before and after TLS: taking a LuaSocket object over and giving
-- it back, and what works on the LuaSocket object itself.

--- @page SSLSocket
-- @group Connecting

local core = require "luassl.core"
local dual_stack = require "luassl.dual_stack"
local errors = require "luassl.errors"
local hooks = require "luassl.hooks"
local lines = require "luassl.lines"
local need = require "luassl.luasocket".need
local misuse = require "luassl.misuse"
local send_file = require "luassl.send_file"

local primitives = core.socket
local attach, detach, finish = primitives.attach, primitives.detach, primitives.finish
local lend, name_peer, part = primitives.lend, primitives.name_peer, primitives.part
local state, wrap, wrap_fd = primitives.state, primitives.wrap, primitives.wrap_fd
local take_client, wait_client = primitives.take_client, primitives.wait_client
local begin_operation, connecting = core.connection.begin_operation, core.connection.connecting
local remaining = core.connection.remaining
local run, go_on, PENDING = hooks.run, hooks.go_on, hooks.PENDING
local pass, relay = misuse.pass, misuse.relay

local methods = primitives.methods
local socket = {}

-- LuaSocket's name for what a stream socket is, "tcp{client}", and its parts.
local CLASSES = {}
for _, family in ipairs { "tcp", "unix", "unixstream" } do
  for _, class in ipairs { "client", "server", "master" } do
    CLASSES[("%s{%s}"):format(family, class)] = { class = class, is_unix = family ~= "tcp" }
  end
end

-- The entry of CLASSES for a socket; nil for anything else.
local function find_class(sock)
  local metatable = type(sock) == "userdata" and getmetatable(sock)
  local index = type(metatable) == "table" and metatable.__index
  local entry = type(index) == "table" and CLASSES[index.class]
  return entry or type(sock) == "userdata" and CLASSES[tostring(sock):match "^%a+{%a+}"] or nil
end

-- "client", "server" or "master"; nil: no stream socket of LuaSocket's.
local function class_of(sock)
  local entry = find_class(sock)
  return entry and entry.class
end

local function is_unix(sock)
  return find_class(sock).is_unix
end

local function check_socket(sock, level)
  local class = class_of(sock)
  if class then return class end
  error(("bad argument #1 to 'wrap_socket' (LuaSocket TCP or unix stream object expected, got %s)")
    :format(type(sock) == "userdata" and tostring(sock) or type(sock)), level)
end

-- Connected sockets are "client"; a "master" may be one that got its
-- descriptor from elsewhere.
local function is_connected(sock, class)
  if class ~= "master" or is_unix(sock) then return class == "client" end
  return sock:getpeername() ~= nil
end

-- Bytes that LuaSocket had read already. A server's client may have begun its
-- handshake in them; what a client finds there, nobody vouches for.
local function drain_luasocket_buffer(sock)
  if not sock:dirty() then return "" end
  local bytes = {}
  while sock:dirty() do
    bytes[#bytes + 1] = sock:receive(1)
  end
  return table.concat(bytes)
end

-- Takes the connected `sock` over; if that fails it is as it was.
local function start(level, operation, self, sock, host)
  local _, server_side = state(self)
  if not server_side and sock:dirty() then
    return nil, errors.new("SSLError", {
      kind = "injection", operation = "wrap_socket",
      text = "wrap_socket: the peer sent clear text before TLS began; it could be anybody's (STARTTLS injection)",
    })
  end
  local done, err = relay(level, operation, pcall(name_peer, self, host))
  if not done then return nil, err end
  return attach(self, sock, drain_luasocket_buffer(sock), is_unix(sock))
end

local function inherit_timeouts(self, sock)
  if is_unix(sock) then return end  -- LuaSocket's unix sockets do not tell
  local block, total = sock:gettimeout()
  self:settimeout(block, "b")
  self:settimeout(total, "t")
end

-- Handshakes at once unless told not to, or not to wait.
local function handshake_at_once(self, options)
  return options.do_handshake_on_connect ~= false and begin_operation(self) ~= 0
end

local function wrap_connected(level, operation, self, sock, options)
  local done, err = start(level + 1, operation, self, sock)
  if not done then return nil, err end
  if not handshake_at_once(self, options) then return self end
  done, err = run(self, true)
  if done then return self end
  self:close()
  return nil, err
end

local function copy(options)
  local result = {}
  for key, value in next, options do result[key] = value end
  return result
end

-- As wrap_socket below, for `operation`, as misuse.relay names it. `level`, here and above: where misuse
-- is raised, 2 at the caller.
function socket.wrap(level, operation, context, sock, options)
  local class = check_socket(sock, level + 1)
  if options ~= nil and type(options) ~= "table" then
    error("bad argument #2 to 'wrap_socket' (table expected, got " .. type(options) .. ")", level)
  end
  options = copy(options or {})
  if class ~= "master" and sock:getfd() < 0 then return nil, "closed" end
  local connected = is_connected(sock, class)
  local self, err = relay(level, operation, pcall(wrap, context, sock, options, connected))
  if not self then return nil, err end
  local _, server_side = state(self)
  if class == "server" and not server_side then
    error("a listening socket needs server_side=true", level)
  end
  inherit_timeouts(self, sock)
  if not is_connected(sock, class) then return self end
  self, err = wrap_connected(level + 1, operation, self, sock, options)
  return self, err
end

--- Wraps a LuaSocket object: TLS over it, with this context.
-- A connected object is taken over, behaves as closed from then on, and the
-- handshake runs at once. An unconnected or listening one is kept and used:
-- TLS begins in `SSLSocket:connect` or `SSLSocket:accept`. Timeouts are
-- inherited.
-- @function wrap_socket
-- @page SSLContext
-- @group Methods
-- @tparam userdata sock LuaSocket TCP or unix stream object
-- @tparam[opt] table options those of a connection
-- @options connection
-- @treturn[1] SSLSocket
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"closed"`, `"timeout"`, or a failure; once the
-- handshake has begun the connection is closed
-- @raise on wrong types, unknown options, `check_hostname` without a name, or
-- without LuaSocket
-- @source Python 2.7.9, SSLContext.wrap_socket
-- @usage local conn = assert(context:wrap_socket(sock, { server_hostname = "example.com" }))
function core.context.methods.wrap_socket(context, sock, options)
  need "wrap_socket"  -- here, and not first when TLS has ended
  local self, err = socket.wrap(3, ":wrap_socket", context, sock, options)
  return self, err
end

--- Wraps a descriptor that is a number: one of luaposix's, or one that systemd
-- handed over (socket activation: 3 and up). LuaSocket is not needed. The
-- SSLSocket owns the descriptor, makes it non-blocking, and closes it; nobody
-- else may use it from then on. A connected one handshakes at once, within
-- `handshake_timeout`; a listening one answers `SSLSocket:accept`, and those
-- it brings are such SSLSockets too: their `SSLSocket:unwrap` gives the
-- descriptor back.
-- @function wrap_fd
-- @page SSLContext
-- @group Methods
-- @tparam integer fd descriptor of a stream socket, TCP or unix, that is
-- connected or listens
-- @tparam[opt] table options those of a connection
-- @options connection
-- @treturn[1] SSLSocket without a timeout
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, or a failure; once the handshake
-- has begun the descriptor is closed
-- @raise when `fd` is no open descriptor of a stream socket, on unknown
-- options, and when it listens without `server_side`
-- @source sd_listen_fds(3); accept(2)
-- @usage local listener = assert(context:wrap_fd(3))  -- SD_LISTEN_FDS_START
-- local client = assert(listener:accept())
function core.context.methods.wrap_fd(context, fd, options)
  if options ~= nil and type(options) ~= "table" then
    error("bad argument #2 to 'wrap_fd' (table expected, got " .. type(options) .. ")", 2)
  end
  options = copy(options or {})
  local self, err = relay(2, ":wrap_fd", pcall(wrap_fd, context, fd, options))
  if not self then return nil, err end
  local _, _, kind = state(self)
  if kind == "listening" or options.do_handshake_on_connect == false then return self end
  begin_operation(self)
  local done
  done, err = run(self, true)
  if done then return self end
  self:close()
  return nil, err
end

-- The LuaSocket object that `self` still works on; nil, "closed" when closed;
-- raises when TLS has taken its place.
local function held(self, operation)
  local sock = relay(3, ":" .. operation, pcall(part, self, "object"))
  if state(self) == "closed" then return nil, "closed" end
  if not sock then error(operation .. " works only on a socket that is not connected", 3) end
  return sock
end

--- Binds the unconnected socket to an address, as LuaSocket's `bind`.
-- @function bind
-- @also setsockname
-- @tparam string address of this host; `"*"`: any
-- @tparam integer port 0: the system chooses
-- @treturn[1] integer 1
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or LuaSocket's text
-- @raise on a connected socket
-- @source LuaSocket, tcp
-- @usage assert(conn:bind("127.0.0.1", 0))
function methods.bind(self, address, port)
  local sock, err = held(self, "bind")
  if not sock then return nil, err end
  return pass(relay(2, ":bind", pcall(sock.bind, sock, address, port)))
end

--- Makes the bound socket a listening one, as LuaSocket's `listen`.
-- @function listen
-- @tparam[opt=32] integer backlog how many clients may wait
-- @treturn[1] integer 1
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or LuaSocket's text
-- @raise on a connected socket, and without `server_side`
-- @source LuaSocket, tcp
-- @usage assert(server:listen(128))
function methods.listen(self, backlog)
  local sock, err = held(self, "listen")
  if not sock then return nil, err end
  local _, server_side = state(self)
  if not server_side then error("a listening socket needs server_side=true", 2) end
  return pass(relay(2, ":listen", pcall(sock.listen, sock, backlog or 32)))
end

-- Called again, LuaSocket tells of a connect that is under way or done.
local function tcp_connect(self, sock, host, port)
  sock:settimeout(remaining(self))
  local done, err = relay(3, ":connect", pcall(sock.connect, sock, host, port))
  if done or err == "already connected" then return 1 end
  if err == "Operation already in progress" then err = "timeout" end
  if err == "timeout" then connecting(self) end
  return nil, err
end

--- Connects TCP, then TLS, within one deadline (the look-up of the name
-- cannot be bounded). At timeout 0 call it again until it answers 1.
-- @function connect
-- @also setpeername
-- @tparam string host name or address; the name for SNI and, with
-- `check_hostname`, for the certificate, unless `server_hostname` was given; a
-- unix socket's path is no name
-- @tparam integer port of the server
-- @treturn[1] integer 1
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, LuaSocket's text for what went
-- wrong before TLS, or a failure
-- @source LuaSocket, tcp
-- @usage local conn = assert(context:wrap_socket(socket.tcp()))
-- assert(conn:connect("example.com", 443))
function methods.connect(self, host, port)
  local sock = relay(2, ":connect", pcall(part, self, "object"))
  local options = part(self, "options")
  local current, _, kind = state(self)
  if current == "closed" then return nil, "closed" end
  if current == "connected" or kind == "listening" or sock and class_of(sock) == "server" then
    return nil, "already connected"
  end
  local begun, failure = begin_operation(self)
  if not begun then return nil, failure end
  if sock then
    local done, err = tcp_connect(self, sock, host, port)
    if not done then return nil, err end
    done, err = start(3, "connect", self, sock, not is_unix(sock) and host or nil)
    if not done then return nil, err end
    if options.do_handshake_on_connect == false then return 1 end
  elseif options.do_handshake_on_connect == false then
    return nil, "already connected"  -- the handshake is none of its business
  end
  local done, err = run(self, false)
  if not done then return nil, err end
  return 1
end

--- Connects a new SSLSocket to a host, whose name is its peer's, by whichever
-- of the host's addresses answers first; TCP and TLS within `timeout` seconds.
-- @tparam SSLSocket self
-- @tparam string host
-- @tparam string port
-- @tparam number timeout
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string|SSLError
function socket.connect(self, host, port, timeout)
  local luasocket = need "connect"
  local addresses, err = dual_stack.addresses(luasocket, host)
  if not addresses then return nil, err end
  self:settimeout(timeout)
  begin_operation(self)
  local sock, done
  sock, err = dual_stack.connect(luasocket, addresses, port, function() return remaining(self) end)
  if not sock then return nil, err end
  done, err = start(3, "connect", self, sock, host)
  if not done then
    sock:close()
    return nil, err
  end
  if part(self, "options").do_handshake_on_connect == false then return true end
  done, err = run(self, false)
  return done, err
end

-- LuaSocket's other names for them.
methods.setsockname, methods.setpeername = methods.bind, methods.connect

-- Marks an error as one client's, which ends no accept loop; what a hook
-- raised or refused with is the hook's.
local function accepted(err)
  if err == "timeout" then
    err = errors.new("SSLError", {
      kind = "handshake_timeout", operation = "accept",
      text = "accept: the client did not complete the handshake in time",
    })
  end
  if errors.is_error(err) then err.accepted = true end
  return nil, err, true
end

local function handshake_accepted(client, options, deadline)
  if deadline == 0 or options.do_handshake_on_connect == false then return client end
  begin_operation(client, deadline)
  local done, err = run(client, false)
  if done then return client end
  client:close()
  return accepted(err)
end

local function start_accepted(client, sock, options, deadline)
  local done, err = start(4, "accept", client, sock)
  if done then return handshake_accepted(client, options, deadline) end
  sock:close()
  return accepted(err)
end

-- As `accept`, of a listener without a LuaSocket object. What another process
-- took is waited for again.
local function accept_bare(self)
  local deadline, err = begin_operation(self)
  if not deadline then return nil, err end
  local options = part(self, "options")
  local client, taken
  repeat
    taken, err = wait_client(self)
    if taken then
      client = client or wrap(part(self, "context"), nil, options)
      taken, err = take_client(self, client)
    end
  until taken ~= false
  if not taken then return nil, err end
  return pass(handshake_accepted(client, options, deadline))
end

--- Waits for a client and its handshake.
-- @function accept
-- @treturn[1] SSLSocket without a timeout of its own
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`: nobody came; a failure with
-- `accepted == true`: one client's, go on accepting; else the listener's. What
-- a hook raised or refused with comes as it is
-- @treturn[2] boolean|nil true: it was one client's failure, a hook's too
-- @raise on a socket that does not listen
-- @source LuaSocket, tcp
-- @usage local client, err, theirs = listener:accept()
-- if not client and not theirs then error(err, 0) end
function methods.accept(self)
  local _, _, kind = relay(2, ":accept", pcall(state, self))
  if kind == "listening" then return pass(accept_bare(self)) end
  local listener, err = held(self, "accept")
  if not listener then return nil, err end
  if class_of(listener) ~= "server" then error("accept needs a listening socket: call listen first", 2) end
  local deadline
  deadline, err = begin_operation(self)
  if not deadline then return nil, err end
  listener:settimeout(remaining(self))
  local sock
  sock, err = listener:accept()
  if not sock then return nil, err end
  local options = part(self, "options")
  local client = wrap(part(self, "context"), sock, options)
  return pass(start_accepted(client, sock, options, deadline))
end

-- LuaSocket's options, on its own object: one a Lua state, borrowed.
local shell

local function put_back(object, ...)
  shell = object
  return ...
end

-- LuaSocket quotes a name that it does not know, whatever it is.
local function check_name(name, operation)
  if type(name) ~= "string" or name:find "^[%w-]+$" and #name <= 32 then return end
  error(("bad argument #1 to '%s' (unsupported option)"):format(operation), 3)
end

local function with_object(self, operation, ...)
  local name = ":" .. operation
  local sock = relay(3, name, pcall(part, self, "object"))
  if sock then return pass(relay(3, name, pcall(sock[operation], sock, ...))) end
  local object = shell or need(operation).tcp()
  shell = nil  -- a finalizer that sets options meanwhile takes another
  return put_back(object, relay(3, name, pcall(lend, self, object, operation, ...)))
end

--- Reads an option of the system's socket, as LuaSocket's `getoption`.
-- @function getoption
-- @group The socket
-- @tparam string name `"keepalive"`, `"tcp-nodelay"` and others of LuaSocket's
-- @treturn[1] any the option's value
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or LuaSocket's text
-- @raise on names that LuaSocket does not know, and without LuaSocket
-- @source LuaSocket, tcp
-- @usage print(conn:getoption("keepalive"))
function methods.getoption(self, name)
  check_name(name, "getoption")
  return pass(with_object(self, "getoption", name))
end

--- Sets an option of the system's socket, as LuaSocket's `setoption`.
-- @function setoption
-- @group The socket
-- @tparam string name `"keepalive"`, `"tcp-nodelay"` and others of LuaSocket's
-- @tparam any value of the type that the option takes
-- @treturn[1] integer 1
-- @treturn[2] nil
-- @treturn[2] string `"closed"`, or LuaSocket's text
-- @raise on names that LuaSocket does not know, and without LuaSocket
-- @source LuaSocket, tcp
-- @usage conn:setoption("keepalive", true)
function methods.setoption(self, name, value)
  check_name(name, "setoption")
  return pass(with_object(self, "setoption", name, value))
end

-- A tcp{client} without a descriptor: a connect makes it one, even this one,
-- which fails at once.
local function client_object()
  local sock = need "unwrap".tcp()
  sock:settimeout(0)
  sock:connect("127.0.0.1", 0)
  sock:close()
  return sock
end

--- Ends TLS in both directions and gives the clear connection back.
-- @function unwrap
-- @group Ending
-- @treturn[1] userdata|integer LuaSocket object; of what `SSLContext:wrap_fd`
-- made the descriptor, non-blocking, which is the caller's again
-- @treturn[1] string clear text that arrived behind the peer's end of TLS
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
-- `"wantwrite"` (call again), `"closed"`, or a failure; with kind
-- `"unread_data"` receive first, then call again
-- @source RFC 8446, 6.1
-- @usage local sock, leftover = assert(conn:unwrap())
-- sock:send("in clear text again")
function methods.unwrap(self)
  local leftover, err = relay(2, ":unwrap", pcall(finish, self))
  while err == PENDING do
    local done
    done, err = go_on(self, true)
    if not done then return nil, err end
    leftover, err = finish(self, nil, PENDING)
  end
  if not leftover then return nil, err end
  local _, _, kind = state(self)
  if kind then
    local fd
    fd, err = detach(self)
    if not fd then return nil, err end
    return fd, leftover
  end
  local original = part(self, "original")
  local block, total = self:gettimeout()
  local sock = original or client_object()
  sock:settimeout(block, "b")
  if not original then sock:settimeout(total, "t") end
  local done
  done, err = detach(self, sock)
  if not done then return nil, err end
  return sock, leftover
end

send_file.install(methods)  -- first: the others are then wrapped in Lua 5.1
hooks.install(methods)
lines.install(methods)

return socket
