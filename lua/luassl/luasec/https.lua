--- LuaSec's `ssl.https`: requests by `luassl.https`, over connections that are
-- made as LuaSec's are, of its flat keys. What is verified, those say: LuaSec's
-- default is nothing.
-- @module luassl.luasec.https
-- @local

local http_url = require "luassl.http_url"
local https_options = require "luassl.https_options"
local luassl_https = require "luassl.https"
local SPEAKS_TLS = require "luassl.http_wire".SPEAKS_TLS

local FOREVER = 1e6  -- seconds: each operation has TIMEOUT, all of them together have none
local PIECE = 32768

local https = { _VERSION = "1.3.0", PORT = 443, TIMEOUT = 60 }

local DEFAULTS = {
  protocol = "any", options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1" }, verify = "none",
}

-- Keys that show who we are: for the program's own server, behind a redirect
-- for no other.
local OWN = { "certificate", "certificates", "key", "password" }

-- What makes a connection of what the program gave, whose table stays as it is.
local function tls_parameters(given, foreign)
  local parameters = {}
  for name, value in pairs(given or {}) do parameters[name] = value end
  for name, value in pairs(DEFAULTS) do parameters[name] = parameters[name] or value end
  parameters.mode = "client"
  if foreign then
    for _, name in ipairs(OWN) do parameters[name] = nil end
  end
  return parameters
end

-- ---- connections

local function give_up(sock, err)
  sock:close()
  return nil, err
end

-- TLS over a connected socket, which it closes where that fails.
local function secure(sock, host, parameters)
  local conn, err = require "luassl.luasec".wrap(sock, parameters)
  if not conn then return give_up(sock, err) end
  conn:sni(host)
  conn:settimeout(https.TIMEOUT)
  local done
  done, err = conn:dohandshake()
  if not done then return give_up(conn, err) end
  return conn
end

-- LuaSocket's function is looked up each time: programs replace it.
local function dial(host, port)
  local sock, err = require "socket".tcp()
  if not sock then return nil, err end
  sock:settimeout(https.TIMEOUT)
  local done
  done, err = sock:connect(host, port)
  if not done then return give_up(sock, err) end
  return sock
end

-- ---- for socket.http

local Connection = {}

-- Once it is connected, the methods of what is below.
function Connection.__index(self, name)
  local sock = rawget(self, "sock")
  local method = sock and sock[name]
  if type(method) ~= "function" then return nil end
  local function forward(_, ...)
    return method(rawget(self, "sock"), ...)
  end
  rawset(self, name, forward)
  return forward
end

-- The time that LuaSocket gives is its own; TIMEOUT counts.
local function settimeout(self)
  if not self.sock then return 1 end
  return self.sock:settimeout(https.TIMEOUT)
end

local function close(self)
  if self.sock then return self.sock:close() end
end

local function connect(self, host, port)
  local sock, err = dial(host, port)
  if not sock then return nil, err end
  sock, err = secure(sock, host, self.parameters)
  if not sock then return nil, err end
  self.sock, self.close = sock, nil
  return 1
end

--- What `socket.http` needs as `create`; it asks for it itself where a URL
-- begins with https.
-- @function tcp
-- @tparam[opt] table params LuaSec's
-- @treturn function
function https.tcp(params)
  return function()
    return setmetatable({
      parameters = tls_parameters(params), settimeout = settimeout, connect = connect, close = close,
    }, Connection)
  end
end

-- ---- requests

-- What is there, as soon as anything is: one byte is waited for, and what has
-- come with it is taken.
local function read(conn, seconds)
  conn:settimeout(seconds)
  local first, err = conn:receive(1)
  if not first then return nil, err end
  conn:settimeout(0)
  local rest, _, part = conn:receive(PIECE)
  return first .. (rest or part or "")
end

-- For luassl.https; `state.condition` is what the last read or write answered.
local function transport(conn, state)
  local function limit(seconds)
    local most = https.TIMEOUT
    if type(most) ~= "number" or most < 0 then return seconds end
    return math.min(seconds, most)
  end
  local function note(done, err, ...)
    if not done then state.condition = err end
    return done, err, ...
  end
  return {
    [SPEAKS_TLS] = true,
    read = function(seconds) return note(read(conn, limit(seconds))) end,
    write = function(bytes, seconds)
      conn:settimeout(limit(seconds))
      return note(conn:send(bytes))
    end,
    close = function() conn:close() end,
  }
end

local function is_set(value)
  return value ~= nil and value ~= false and value ~= ""
end

-- LuaSocket's fields of a URL's parts count more than the URL.
local function find_url(given)
  local text = tostring(given.url):gsub("^[Hh][Tt][Tt][Pp]:", "https:")
  local url, err = http_url.parse(text)
  if not url then return nil, err end
  local port = given.port or text:match "^[^/]*//[^/?#]*:(%d+)" and url.port or https.PORT
  local host, path, query = given.host or url.host, given.path or url.path, url.query
  if is_set(given.query) then query = "?" .. given.query end
  if host:find(":", 1, true) then host = "[" .. host:gsub("[%[%]]", "") .. "]" end
  local user, password = given.user or url.user, given.user and given.password or url.password
  return ("https://%s:%s%s%s"):format(host, tostring(port), path, query or ""), user, password
end

-- Headers as LuaSocket would take them, by lower-case names.
local function find_headers(given, user, password)
  local headers = {}
  for name, value in pairs(given.headers or {}) do headers[tostring(name):lower()] = tostring(value) end
  headers["user-agent"] = headers["user-agent"] or require "socket.http".USERAGENT
  if user and password and not headers.authorization then
    headers.authorization = "Basic " .. require "mime".b64(user .. ":" .. password)
  end
  return headers
end

-- The request as luassl.https takes it; nil and what is wrong with it.
local function translate(given, state)
  local url, user, password = find_url(given)
  if not url then return nil, user end
  local own = http_url.parse(url)
  return {
    url = url, method = given.method, headers = find_headers(given, user, password), source = given.source,
    sink = given.sink, step = given.step, redirect = given.redirect, maxredirects = given.maxredirects,
    timeout = FOREVER, proxy = false,
    connect = function(host, port)
      local sock, err = dial(host, port)
      if sock then
        sock, err = secure(sock, host, tls_parameters(given, host ~= own.host or port ~= own.port))
      end
      state.condition = err
      if not sock then return nil, err end
      return transport(sock, state)
    end,
  }
end

local function refusal(given)
  if require "socket.http".PROXY or given.proxy then return "proxy not supported" end
  if given.redirect then return "redirect not supported" end
  if given.create then return "create function not permitted" end
end

-- LuaSec's words: its strings, and "wantread" when time is up in TLS.
local function words(state, err)
  if err == "timeout" and (state.condition == "wantread" or state.condition == "wantwrite") then
    return state.condition
  end
  return type(err) == "table" and tostring(err) or err
end

local function perform(given)
  local state = {}
  local request, err = translate(given, state)
  if not request then return nil, err end
  local good, wrong = pcall(https_options.request, 2, "request", nil, request)
  if not good then return nil, (tostring(wrong):gsub("^[^ ]-:%d+: ", "")) end
  local done, code, headers, status = luassl_https.request(request)
  if not done then return nil, words(state, code) end
  return done, code, headers, status
end

local function post(url, body, sink)
  return {
    url = url, method = "POST", sink = sink, source = require "ltn12".source.string(body),
    headers = { ["content-length"] = #body, ["content-type"] = "application/x-www-form-urlencoded" },
  }
end

--- Asks a server: LuaSec's function, with the results of LuaSocket's.
-- @function request
-- @tparam string|table url or one table of HTTP's and TLS's keys; others are passed over
-- @tparam[opt] string body
function https.request(url, body)
  if type(url) ~= "string" then
    if type(url) ~= "table" then
      error(("bad argument #1 to 'request' (string or table expected, got %s)"):format(type(url)), 2)
    end
    local wrong = refusal(url)
    if wrong then return nil, wrong end
    local done, code, headers, status = perform(url)
    return done, code, headers, status
  end
  local parts = {}
  local sink = require "ltn12".sink.table(parts)
  local wrong = refusal {}
  if wrong then return nil, wrong end
  local done, code, headers, status = perform(body and post(url, body, sink) or { url = url, sink = sink })
  return done and table.concat(parts) or nil, code, headers, status
end

return https
