--- HTTPS that verifies: `require "luassl.https"`. A request in one line, with
-- LuaSocket's results, whose server is verified as `ssl.connect` verifies it,
-- whose body has come whole, and which ends in time. The page `doc/https.md`
-- tells more.
-- @classmod https
-- @group Requests
-- @usage local https = require "luassl.https"
-- print(https.request "https://example.com/")

local core = require "luassl.core"
local ssl = require "luassl"
local http_message = require "luassl.http_message"
local http_response = require "luassl.http_response"
local http_url = require "luassl.http_url"
local https_exchange = require "luassl.https_exchange"
local https_options = require "luassl.https_options"
local https_pool = require "luassl.https_pool"
local need = require "luassl.luasocket".need

local clock = core.clock
local failure = http_message.failure

local TIMEOUT = 60                     -- seconds
local FOREVER = 1e6                    -- seconds
local REDIRECTS = 5
local COLLECTED_MAX = 256 * 1024 * 1024 -- bytes of a body that is answered as a string
local PASSED_OVER = 65536              -- bytes of a redirect's body that are read to keep its connection
local USER_AGENT = ssl._VERSION:gsub(" ", "/")

local https = {}

-- ---- redirects

local REDIRECT = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Options that show who we are, or are for one server alone.
local OWN = {}
for _, name in ipairs {
  "cert", "certfile", "certificates", "key", "keyfile", "key_uri", "on_certificate", "password", "pkcs12",
  "pkcs12_file", "psk", "server_hostname", "server_hostnames", "session", "tlsa",
} do OWN[name] = true end

-- Whether a context may show a certificate.
local function has_identity(context)
  for _, name in ipairs { "cert", "certfile", "certificates", "key_uri", "on_certificate", "pkcs12_file" } do
    local known, value = pcall(core.context.methods.get, context, name)
    if known and value ~= nil then return true end
  end
  return false
end

-- The TLS options for other hosts than the program's own; nil: there are none.
local function foreign_tls(tls)
  if tls.context and has_identity(tls.context) then return nil end
  local options = {}
  for name, value in next, tls do
    if not OWN[name] then options[name] = value end
  end
  return options
end

-- Where the answer leads; nil: it is the result, followed or not.
local function redirection(state, head)
  local request, location = state.request, head.headers.location
  if not REDIRECT[head.code] or not location or location == "" then return nil end
  if request.redirect == false or request.source or request.body then return nil end
  if state.method ~= "GET" and state.method ~= "HEAD" then return nil end
  local most = request.maxredirects
  if most ~= false and state.redirects >= (most or REDIRECTS) then return nil end
  local url = http_url.resolve(state.url, location)
  if not url then return nil end
  if url.scheme == "http" and not request.allow_downgrade then return nil end
  return url
end

-- Goes where a redirect leads: false when it must not.
local function follow(state, url)
  if url.origin ~= state.url.origin and not state.strayed then
    local tls = foreign_tls(state.tls)
    if not tls then return false end
    state.strayed, state.tls = true, tls
  end
  state.url, state.redirects = url, state.redirects + 1
  return true
end

-- ---- one request

-- The proxy for a URL: nil and nil for none; nil and an error.
local function find_proxy(request, url)
  local proxy, variable = request.proxy, nil
  if proxy == "environment" then proxy, variable = http_url.from_environment(url, os.getenv) end
  if not proxy then return nil end
  local parsed, err = http_url.parse_proxy(proxy)
  if parsed then return parsed end
  return nil, failure("url", ("the proxy in %s: %s"):format(variable or "option 'proxy'", err))
end

-- Reads what a redirect has for a body, to keep its connection.
local function pass_over(state, wire, head)
  local body = http_response.body(wire.reader, state.method, head, PASSED_OVER)
  if not body or body.to_close or not state.keeps then return wire:close() end
  repeat local piece = body.source() until not piece
  https_exchange.release(state, wire, head, body)
end

-- Gives the body to the sink; true, or nil and an error.
local function deliver(state, wire, head)
  local request = state.request
  local body, err = http_response.body(wire.reader, state.method, head, request.max_body)
  local done
  if body then
    done, err = https_exchange.guard(wire, require "ltn12".pump.all, body.source, request.sink, request.step)
  end
  if not done then
    wire:close()
    return nil, err
  end
  https_exchange.release(state, wire, head, body)
  return true
end

-- Asks, and asks again where redirects lead: the last answer's head, with its
-- connection; nil and an error.
local function ask(state)
  while true do
    local err, wire, head
    state.proxy, err = find_proxy(state.request, state.url)
    if err then return nil, err end
    wire, head = https_exchange.run(state)
    if not wire then return nil, head end
    local url = redirection(state, head)
    if not url or not follow(state, url) then return wire, head end
    pass_over(state, wire, head)
  end
end

-- 1, code, headers and status; nil, an error, and behind it what is known of
-- the answer.
local function perform(state)
  local wire, head = ask(state)
  if not wire then return nil, head end
  if state.redirects > 0 then head.headers.location = head.headers.location or state.url.origin .. state.url.target end
  local done, err = deliver(state, wire, head)
  if not done then return nil, err, head.code, head.headers, head.status end
  return 1, head.code, head.headers, head.status
end

-- The body in the place of the first or, behind an error in it, as the third
-- result.
local function collect(parts, done, code, status, ...)
  if done then return table.concat(parts), code, status, ... end
  if status == nil then return nil, code end
  return nil, code, table.concat(parts), status, ...
end

local function start(luasocket, request, pool)
  local url, err = http_url.parse(request.url)
  if not url then return nil, failure("url", "the URL cannot be used: " .. err) end
  if url.scheme == "http" and not request.allow_downgrade then
    return nil, failure("url", "its URL is of scheme http, for which it needs allow_downgrade = true")
  end
  return {
    luasocket = luasocket, url = url, request = request, method = request.method or "GET", tls = request.tls or {},
    deadline = clock() + math.min(request.timeout or TIMEOUT, FOREVER), user_agent = USER_AGENT, redirects = 0,
    pool = pool, keeps = pool ~= nil,
  }
end

local function run(luasocket, request, pool)
  local state, err = start(luasocket, request, pool)
  if not state then return nil, err end
  if not request.simple then
    request.sink = request.sink or require "ltn12".sink.null()
    return perform(state)
  end
  local parts = {}
  request.sink = function(piece)
    parts[#parts + 1] = piece
    return 1
  end
  request.max_body = request.max_body or COLLECTED_MAX
  return collect(parts, perform(state))
end

--- Asks an HTTPS server. Its chain and name are verified, against the system's
-- trust anchors unless `tls` says otherwise. The answer is one of HTTP/1.1 (or
-- 1.0), whole, and framed without doubt: a body that was cut short is an error
-- of kind `"incomplete"`, an answer that breaks HTTP's rules one of kind
-- `"http"`. The whole request, with its redirects and its proxy, has one
-- deadline; the resolver's look-up counts, and cannot be cut short.
--
-- Redirects of GET and HEAD are followed, five at most, from https to http only
-- with `allow_downgrade`; an answer that is not followed is the result.
-- Authorization, Cookie, the URL's user and password, and certificates of `tls`
-- go to no other origin.
-- @function request
-- @tparam string|table request a URL, whose body is answered; or a table with
-- these fields, of which `url` alone is needed
-- @tparam[opt] string body of a POST, `application/x-www-form-urlencoded`; with
-- a URL alone
-- @tparam string request.url `https://[user:password@]host[:port]/path?query`
-- @tparam[opt="GET"] string request.method in capitals, as servers want it
-- @tparam[opt] table request.headers by name, in any case
-- @tparam[opt] string request.body the request's
-- @tparam[opt] function request.source ltn12's, of the request's body; chunked, without a Content-Length in `headers`
-- @tparam[opt] function request.sink ltn12's, of the answer's body. One that answers nil ends the request; without an
-- error that is a success
-- @tparam[opt] function request.step ltn12's
-- @tparam[opt=true] boolean request.redirect false: a redirect is the result
-- @tparam[opt=5] integer|boolean request.maxredirects how many are followed; false: any number
-- @tparam[opt=false] boolean request.allow_downgrade true: http is spoken too
-- @tparam[opt] string|boolean request.proxy `http://[user:password@]host[:port]`, or https; `"environment"`: that of
-- `https_proxy`, without those that `no_proxy` names
-- @tparam[opt=60] number request.timeout seconds for all of it
-- @tparam[opt] integer request.max_body bytes of the answer's body, of a URL alone 256 MiB
-- @tparam[opt] table request.tls options of `ssl.connect`
-- @tparam[opt] table request.proxy_tls the same, for a proxy of scheme https
-- @tparam[opt] function request.connect makes the connections in the place of TCP, for event loops: called with host,
-- port and the seconds that are left, it returns a table with `read(seconds)` (bytes; nil at the end; nil and an
-- error, which may be `"timeout"`), `write(bytes, seconds)` (true; nil and an error) and `close()`, or nil and an
-- error. All of them may yield
-- @treturn[1] string|integer the body; 1 where a table was given
-- @treturn[1] integer the status code, whatever it says
-- @treturn[1] table headers by lower-case names; of one that came several times the values, joined by `", "`
-- @treturn[1] string the status line
-- @treturn[2] nil
-- @treturn[2] string|SSLError `"timeout"`, LuaSocket's text for what went wrong before TLS, what a sink or source
-- answered, or a failure
-- @treturn[2] string|integer as far as an answer came: the part of its body that came, where a URL was given, and then
-- code, headers and status line
-- @raise on wrong types, unknown fields and contradictions, and without LuaSocket
-- @source RFC 9110; RFC 9112; LuaSocket, http.request
-- @usage local body, code, headers = https.request "https://example.com/"
-- local done, status = https.request {
--   url = "https://example.com/upload", method = "PUT", body = "text",
--   headers = { ["content-type"] = "text/plain" }, timeout = 10,
-- }
function https.request(request, body)
  local luasocket = need "https.request"
  return run(luasocket, https_options.request(3, "https.request", nil, request, body))
end

-- ---- clients

local methods = {}
local Client = { __index = methods, __name = "HTTPSClient" }

local LIMITS = { idle_timeout = 30, max_age = 300, max_idle = 16, max_idle_per_host = 4 }

--- Makes a client, which keeps connections for further requests. What is given
-- here holds for all its requests.
-- @function client
-- @tparam[opt] table options those below
-- @tparam[opt] table options.tls options of `ssl.connect`
-- @tparam[opt] table options.proxy_tls the same, for a proxy of scheme https
-- @tparam[opt] function options.connect as in `request`
-- @tparam[opt=16] integer options.max_idle how many connections wait for a request
-- @tparam[opt=4] integer options.max_idle_per_host of one server
-- @tparam[opt=30] number options.idle_timeout how many seconds one waits
-- @tparam[opt=300] number options.max_age how many seconds after it was made one is used again
-- @tparam[opt] any options.allow_downgrade and `max_body`, `maxredirects`, `proxy`, `redirect`, `timeout`: what
-- requests have that do not name them, as in `request`
-- @treturn HTTPSClient
-- @raise on wrong types and unknown options, and without LuaSocket
-- @source RFC 9112, 9.3
-- @usage local client = https.client { timeout = 10 }
-- for _, path in ipairs { "a", "b" } do print(client:request("https://example.com/" .. path)) end
-- client:close()
function https.client(options)
  local luasocket = need "https.client"
  options = https_options.client(3, "https.client", options)
  local limits = {}
  for name, value in pairs(LIMITS) do limits[name] = options[name] or value end
  return setmetatable({ luasocket = luasocket, defaults = options, pool = https_pool.new(limits) }, Client)
end

local function check_client(self, name)
  if getmetatable(self) == Client then return end
  local kind = type(self) == "userdata" and tostring(self) or type(self)
  error(("calling '%s' on bad self (HTTPSClient expected, got %s)"):format(name, kind), 3)
end

--- Requests whose connections are kept: what `https.client` makes. Coroutines
-- may share one; each request has a connection to itself.
-- @classmod HTTPSClient
-- @usage local client = https.client()
-- print(client:request "https://example.com/")
-- client:close()

--- Asks a server, as `https.request` does, on a connection that is kept where
-- there is one. One that the server had closed meanwhile is told apart from a
-- failure: the request is repeated on a new one if its method is idempotent,
-- nothing of an answer has come, and nothing of a `source` was used.
-- @function request
-- @tparam string|table request as of `https.request`; `connect`, `tls` and `proxy_tls` are the client's
-- @tparam[opt] string body as of `https.request`
-- @treturn[1] string|integer the body; 1 where a table was given
-- @treturn[1] integer the status code
-- @treturn[1] table headers
-- @treturn[1] string the status line
-- @treturn[2] nil
-- @treturn[2] string|SSLError as of `https.request`
-- @treturn[2] string|integer as of `https.request`
-- @raise on wrong types, unknown fields and contradictions
-- @source RFC 9112, 9.3.1; RFC 9110, 9.2.2
-- @usage local body, code = client:request "https://example.com/"
function methods.request(self, request, body)
  check_client(self, "request")
  local checked = https_options.request(3, "request", self.defaults, request, body)
  return run(self.luasocket, checked, self.pool)
end

--- Closes the connections that are kept. Requests that are under way go on;
-- those that come keep none.
-- @function close
-- @treturn integer 1
-- @usage client:close()
function methods.close(self)
  check_client(self, "close")
  self.pool:close()
  return 1
end

Client.__close = methods.close

function Client.__tostring(self)
  return ("HTTPSClient (%d idle)"):format(#self.pool.idle)
end

return https
