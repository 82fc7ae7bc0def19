--- What https.request and https.client take, checked.
-- @module luassl.https_options
-- @local

local core = require "luassl.core"
local http_url = require "luassl.http_url"
local relay = require "luassl.misuse".relay

local https_options = {}

local function is_callable(value)
  if type(value) == "function" then return true end
  local metatable = getmetatable(value)
  return type(metatable) == "table" and metatable.__call ~= nil
end

-- What each kind of value is, and its name in errors.
local KINDS = {
  boolean = { "true or false", function(value) return type(value) == "boolean" end },
  callable = { "a function", is_callable },
  count = { "an integer from 0 on", function(value)
    return type(value) == "number" and value >= 0 and value % 1 == 0
  end },
  redirects = { "an integer from 0 on, or false", function(value)
    return value == false or type(value) == "number" and value >= 0 and value % 1 == 0
  end },
  proxy = { 'a proxy\'s URL, "environment" or false', function(value)
    return value == false or type(value) == "string"
  end },
  seconds = { "a number of seconds above 0", function(value) return type(value) == "number" and value > 0 end },
  string = { "a string", function(value) return type(value) == "string" end },
  table = { "a table", function(value) return type(value) == "table" end },
}

-- What a request takes; of these a client takes those of SHARED as defaults.
local REQUEST = {
  allow_downgrade = "boolean", body = "string", connect = "callable", headers = "table", max_body = "count",
  maxredirects = "redirects", method = "string", proxy = "proxy", proxy_tls = "table", redirect = "boolean",
  sink = "callable", source = "callable", step = "callable", timeout = "seconds", tls = "table", url = "string",
}
local SHARED = {
  allow_downgrade = true, connect = true, max_body = true, maxredirects = true, proxy = true, proxy_tls = true,
  redirect = true, timeout = true, tls = true,
}
local CLIENT = { idle_timeout = "seconds", max_age = "seconds", max_idle = "count", max_idle_per_host = "count" }
for name in pairs(SHARED) do CLIENT[name] = REQUEST[name] end

-- Others' names for what we have.
local IN_URL = "https://user:password@host/"
local ADVICE = {
  create = "connect = function(host, port, seconds) ... end", cafile = "tls = {ca_certs = ...}",
  verify = "servers are verified",
  protocol = "tls = {minimum_version = ...}", user = IN_URL, password = IN_URL,
}

-- What is wrong with `options`, without "operation: "; nil: nothing.
local function complaint(options, known)
  for name, value in next, options do
    local kind = KINDS[known[name]]
    if not kind then
      local advice = ADVICE[name] and (" (%s)"):format(ADVICE[name]) or ""
      local shown = type(name) == "string" and #name <= 32 and not name:find "%c" and "'" .. name .. "'"
      return ("unknown option %s%s"):format(shown or "of type " .. type(name), advice)
    end
    if not kind[2](value) then return ("option '%s' must be %s, not %s"):format(name, kind[1], type(value)) end
  end
end

local TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"  -- RFC 9110, 5.6.2

-- The headers by lower-case names; nil and what is wrong with them.
local function lower_headers(headers)
  local lower = {}
  for name, value in next, headers or {} do
    if type(name) ~= "string" or not name:find(TOKEN) then return nil, "a header's name is no token of HTTP" end
    local kind = type(value)
    if kind == "number" then value = value % 1 == 0 and ("%.0f"):format(value) or tostring(value) end
    if type(value) ~= "string" then return nil, ("header '%s' must be a string, not %s"):format(name, kind) end
    if value:find "[\r\n]" or value:find("\0", 1, true) then
      return nil, ("header '%s' has a line end or a NUL"):format(name)
    end
    if lower[name:lower()] then return nil, ("header '%s' is there twice"):format(name) end
    lower[name:lower()] = value
  end
  return lower
end

-- What cannot be of the headers that frame the body.
local function framing_complaint(headers, has_body)
  local length, coding = headers["content-length"], headers["transfer-encoding"]
  if length and not length:find "^%d+$" then return "header 'content-length' must be a number" end
  if length and coding then return "headers 'content-length' and 'transfer-encoding' exclude each other" end
  if coding and not coding:lower():find "chunked$" then return "header 'transfer-encoding' must end in chunked" end
  if not has_body and (coding or length and tonumber(length) > 0) then
    return "a body was announced, and there is none"
  end
end

-- TLS options, for the proxy or the server.
local function check_tls(level, operation, tls)
  if tls == nil then return end
  relay(level, operation, pcall(core.check_options, tls, "connect"))
  if tls.timeout ~= nil then error(operation .. ": option 'timeout' is the request's, not of 'tls'", level) end
  if tls.server_side then error(operation .. ": option 'server_side' is not for clients", level) end
  if tls.context and core.context.methods.get(tls.context, "server_side") then
    error(operation .. ": option 'context' is for the server side", level)
  end
end

local function check_common(level, operation, options, known)
  local wrong = complaint(options, known)
  if wrong then error(operation .. ": " .. wrong, level) end
  check_tls(level + 1, operation, options.tls)
  check_tls(level + 1, operation, options.proxy_tls)
  local proxy = options.proxy
  if type(proxy) == "string" and proxy ~= "environment" then
    local parsed, err = http_url.parse_proxy(proxy)
    if not parsed then error(("%s: option 'proxy': %s"):format(operation, err), level) end
  end
end

local function copy(options)
  local result = {}
  for name, value in next, options do result[name] = value end
  return result
end

--- What a client takes.
-- @function client
-- @tparam integer level 2: misuse is at the caller
-- @tparam string operation
-- @tparam table|nil options
-- @treturn table a copy
function https_options.client(level, operation, options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)"):format(operation, type(options)), level)
  end
  options = options or {}
  check_common(level + 1, operation, options, CLIENT)
  return copy(options)
end

local function check_request(level, operation, request)
  local function wrong(text)
    error(operation .. ": " .. text, level + 1)
  end
  if not request.url then wrong "option 'url' is missing" end
  if request.body and request.source then wrong "options 'body' and 'source' exclude each other" end
  if request.method and (not request.method:find(TOKEN) or request.method:upper() == "CONNECT") then
    wrong "option 'method' is no method of a request"
  end
  local headers, err = lower_headers(request.headers)
  if not headers then wrong(err) end
  err = framing_complaint(headers, request.body or request.source)
  if err then wrong(err) end
  request.headers = headers
end

-- Of a client's connections TLS is what the client says.
local function check_shared(level, operation, defaults, given)
  for _, name in ipairs { "connect", "tls", "proxy_tls" } do
    if defaults and given[name] then
      error(("%s: option '%s' belongs to the client"):format(operation, name), level)
    end
  end
end

--- What a request takes: a table, or a URL and perhaps a body.
-- @function request
-- @tparam integer level
-- @tparam string operation
-- @tparam table|nil defaults those of a client
-- @tparam table|string given
-- @param body
-- @treturn table a new one, with `headers` in lower case and `simple` where a
-- URL was given
function https_options.request(level, operation, defaults, given, body)
  local request = {}
  if type(given) == "string" then
    if body ~= nil and type(body) ~= "string" then
      error(("bad argument #2 to '%s' (string expected, got %s)"):format(operation, type(body)), level)
    end
    request.url, request.body, request.simple = given, body, true
    request.headers = body and { ["content-type"] = "application/x-www-form-urlencoded" } or nil
    request.method = body and "POST" or nil
  elseif type(given) == "table" then
    check_common(level + 1, operation, given, REQUEST)
    check_shared(level + 1, operation, defaults, given)
    request = copy(given)
  else
    error(("bad argument #1 to '%s' (URL or table expected, got %s)"):format(operation, type(given)), level)
  end
  check_request(level + 1, operation, request)
  for name in pairs(SHARED) do
    if defaults and request[name] == nil then request[name] = defaults[name] end
  end
  return request
end

return https_options
