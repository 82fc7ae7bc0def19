-- Through an HTTP proxy: its method CONNECT.

--- @page ssl
-- @group Connections

local core = require "luassl.core"
local errors = require "luassl.errors"
local transport = require "luassl.transport"

local base64, clock = core.base64, core.clock

local HEAD_MAX = 65536  -- bytes of the proxy's answer before the tunnel
local TIMEOUT = 30
local SHOWN = 100       -- bytes of the proxy's words in an error
local OPTIONS = {
  authorization = "string", headers = "table", password = "string", timeout = "number", user = "string",
}

local function fail(text, code)
  return nil, errors.new("SSLError", {
    kind = "proxy", operation = "http_connect", code = code, text = "http_connect: " .. text,
  })
end

-- What is wrong with the arguments; http_connect says where.
local function misuse(text)
  error("http_connect: " .. text, 0)
end

-- Header lines must stay one line each.
local function check_text(text, what)
  if type(text) ~= "string" and type(text) ~= "number" then
    misuse(("%s must be a string, not %s"):format(what, type(text)))
  end
  text = tostring(text)
  if text:find "[%z\1-\31\127]" then misuse(what .. " must have no control characters") end
  return text
end

local function check_host(host)
  if type(host) ~= "string" then
    error(("bad argument #2 to 'http_connect' (string expected, got %s)"):format(type(host)), 0)
  end
  if host == "" or host:find "[%z\1-\32\127/@]" then
    error("bad argument #2 to 'http_connect' (a host's name or address expected)", 0)
  end
  return host:find(":", 1, true) and not host:find "^%[" and "[" .. host .. "]" or host
end

local function check_port(port)
  local number = tonumber(port)
  if number and number >= 1 and number <= 65535 and number % 1 == 0 then return ("%d"):format(number) end
  error("bad argument #3 to 'http_connect' (integer from 1 to 65535 expected)", 0)
end

local function check_options(options)
  if options == nil then return {} end
  if type(options) ~= "table" then
    error(("bad argument #4 to 'http_connect' (table expected, got %s)"):format(type(options)), 0)
  end
  for name, value in next, options do
    local expected = OPTIONS[name]
    if not expected then
      misuse(("unknown option '%s'"):format(type(name) == "string" and not core.hides(name) and name or type(name)))
    end
    if type(value) ~= expected then misuse(("option '%s' must be a %s, not %s"):format(name, expected, type(value))) end
  end
  local timeout = options.timeout
  if timeout and (timeout ~= timeout or timeout <= 0) then misuse("option 'timeout' must be above 0") end
  if options.password and not options.user then misuse("option 'password' needs 'user'") end
  if options.user and options.authorization then misuse("option 'user' excludes 'authorization'") end
  return options
end

-- RFC 7617, 2: a colon would end the name.
local function credentials(options)
  if options.authorization then return check_text(options.authorization, "option 'authorization'") end
  if not options.user then return nil end
  local user = check_text(options.user, "option 'user'")
  if user:find(":", 1, true) then misuse("option 'user' must have no colon") end
  local password = check_text(options.password or "", "option 'password'")
  return "Basic " .. base64.encode(user .. ":" .. password):gsub("%s", "")
end

local function make_request(host, port, options)
  local target = check_host(host) .. ":" .. check_port(port)
  options = check_options(options)
  local lines = { ("CONNECT %s HTTP/1.1"):format(target), "Host: " .. target }
  local authorization = credentials(options)
  if authorization then lines[#lines + 1] = "Proxy-Authorization: " .. authorization end
  for name, value in next, options.headers or {} do
    if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then
      misuse("option 'headers': a name is no HTTP field name")
    end
    lines[#lines + 1] = ("%s: %s"):format(name, check_text(value, "option 'headers': a value"))
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- What the exchange needs of an object: byte by byte, so that nothing behind
-- the answer is taken.
local function of_object(object)
  local io = {}
  function io.send(bytes, seconds)
    object:settimeout(seconds)
    return object:send(bytes)
  end
  function io.receive(seconds)
    object:settimeout(seconds)
    return object:receive(1)
  end
  function io.carry() return object end
  return io
end

-- The table again, whose reads give first what came behind the answer.
local function with_rest(carrier, rest)
  local again = {}
  for name, value in pairs(carrier) do again[name] = value end
  function again.read(...)
    local bytes = rest
    if not bytes then return carrier.read(...) end
    rest = nil
    return bytes
  end
  return again
end

local function of_table(carrier)
  local io, pending, at = {}, "", 0  -- `at`: how much of it was given
  local function limit(seconds)
    if carrier.settimeout then carrier.settimeout(seconds) end
  end
  function io.send(bytes, seconds)
    limit(seconds)
    return carrier.write(bytes, seconds)
  end
  function io.receive(seconds)
    while at == #pending do
      limit(seconds)
      local bytes, err = carrier.read(seconds)
      if not bytes then return nil, err or "closed" end
      pending, at = bytes, 0
    end
    at = at + 1
    return pending:sub(at, at)
  end
  function io.carry()
    limit(nil)
    return at == #pending and carrier or with_rest(carrier, pending:sub(at + 1))
  end
  return io
end

local function left(deadline)
  local seconds = deadline - clock()
  return seconds > 0 and seconds or 0
end

-- The lines of one answer, up to its empty one; nil and why not.
local function receive_head(io, deadline)
  local bytes, size, lines = {}, 0, {}
  while true do
    if left(deadline) == 0 then return nil, "timeout" end
    local byte, err = io.receive(left(deadline))
    if not byte then
      if err == "closed" then return fail "the proxy closed the connection" end
      return nil, err
    end
    size = size + 1
    if size > HEAD_MAX then return fail(("the proxy's answer is longer than %d bytes"):format(HEAD_MAX)) end
    if byte ~= "\n" then bytes[#bytes + 1] = byte
    else
      local line = table.concat(bytes):gsub("\r$", "")
      if line == "" and #lines > 0 then return lines end
      lines[#lines + 1], bytes = line, {}
    end
    if #lines == 0 and size == 5 and table.concat(bytes) ~= "HTTP/" then return fail "the proxy speaks no HTTP" end
  end
end

-- Any status from 200 to 299 begins the tunnel (RFC 9110, 9.3.6); those below
-- are followed by another.
local function receive_answer(io, deadline)
  while true do
    local lines, err = receive_head(io, deadline)
    if not lines then return nil, err end
    local code, words = lines[1]:match "^HTTP/1%.%d (%d%d%d) ?(.*)$"
    code = tonumber(code)
    if not code then return fail "the proxy speaks no HTTP/1" end
    if code >= 200 and code <= 299 then return true end
    if code >= 300 or code < 100 or code == 101 then
      words = core.hides(words) and "" or words:sub(1, SHOWN):gsub("[%c\127-\255]", "?")
      return fail(("the proxy refuses: %d %s"):format(code, words), code)
    end
  end
end

local function exchange(io, request, deadline)
  local sent, err = io.send(request, left(deadline))
  if not sent then
    if err == "closed" then return fail "the proxy closed the connection" end
    return nil, err
  end
  return receive_answer(io, deadline)
end

-- Times the object had are the object's again.
local function restore(object, block, total, ...)
  if object.gettimeout then
    object:settimeout(block)
    object:settimeout(total, "t")
  else
    object:settimeout(nil)
  end
  return ...
end

--- Asks an HTTP proxy for a tunnel to a host, by the method CONNECT. The
-- connection to the proxy is clear (a LuaSocket object, a transport) or TLS
-- itself (an SSLSocket or SSLStream). Afterwards it is the tunnel:
-- `SSLContext:wrap_socket` speaks TLS over a LuaSocket object,
-- `SSLContext:wrap_stream` over any of them. Nothing behind the proxy's answer
-- is read. After a failure the connection is of no use: close it.
-- @function http_connect
-- @tparam userdata|table conn a connected LuaSocket object, SSLSocket or
-- SSLStream, or a transport, as `SSLContext:wrap_stream` takes it
-- @tparam string host what to connect to: a name, which the proxy resolves, or
-- an address
-- @tparam integer port from 1 to 65535
-- @tparam[opt] table options for the proxy
-- @tparam ?string options.user for the proxy, with Basic authentication
-- @tparam ?string options.password with it
-- @tparam ?string options.authorization instead of these: the value of the
-- field `Proxy-Authorization`, as it is
-- @tparam ?table options.headers further fields, by name
-- @tparam ?number options.timeout seconds for all of it, above 0; 30 without
-- @treturn[1] userdata|table `conn`; a transport that gives first what came
-- behind the answer, where something did
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`; an SSLError of kind `"proxy"`, whose
-- `code` is the proxy's status (407: it wants `user` and `password`), if it
-- answered; or what the connection failed with
-- @raise on wrong types, unknown options, and control characters in what is sent
-- @source RFC 9110, 9.3.6; RFC 7617
-- @usage local sock = assert(socket.connect("proxy.example", 3128))
-- assert(ssl.http_connect(sock, "example.com", 443))
-- local conn = assert(context:wrap_socket(sock, { server_hostname = "example.com" }))
local function http_connect(conn, host, port, options)
  local is_object = transport.is_object(conn)
  if not is_object and not transport.is_table(conn) then
    error(("bad argument #1 to 'http_connect' (socket, stream or transport expected, got %s)"):format(type(conn)), 2)
  end
  local fine, request = pcall(make_request, host, port, options)
  if not fine then error(request, 2) end
  local deadline = clock() + (options and options.timeout or TIMEOUT)
  local io = (is_object and of_object or of_table)(conn)
  local done, err
  if is_object then
    local block, total
    if conn.gettimeout then block, total = conn:gettimeout() end
    done, err = restore(conn, block, total, exchange(io, request, deadline))
  else
    done, err = exchange(io, request, deadline)
  end
  if not done then return nil, err end
  return io.carry()
end

return http_connect
