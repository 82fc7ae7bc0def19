--- URLs of HTTP, references against them, and which proxy is asked for whom.
-- Not LuaSocket's `socket.url`: there `https://a#@b/` is a URL of host b, and
-- the reference `/../b` against `https://a/` leads to host b.
-- @module luassl.http_url
-- @local

local http_url = {}

local PORTS = { http = 80, https = 443 }
local PROXY_PORTS = { http = 3128, https = 443 }  -- the first is LuaSocket's

local function escape_byte(byte)
  return ("%%%02X"):format(byte:byte())
end

-- What follows the authority, as it goes on the wire: without the fragment, and
-- with what no request line can hold escaped.
local function split_path(text)
  text = text:gsub("#.*$", ""):gsub("[^\33-\126]", escape_byte)
  local path, query = text:match "^([^?]*)(.*)$"
  return path, query
end

-- Name or address and port of "name:port"; nil: malformed.
local function split_host(text, ports, scheme)
  local host, port = text:match "^%[([%x:.]+)%]:?(%d*)$"
  if not host then host, port = text:match "^([%w._-]+):?(%d*)$" end
  if not host or #host > 253 then return nil end
  if port == "" then return host:lower(), ports[scheme] end
  port = tonumber(port)
  if port < 1 or port > 65535 then return nil end
  return host:lower(), port
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The host as it stands in a URL, with its port if that is not the scheme's.
local function authority(host, port, default)
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  return port == default and host or ("%s:%d"):format(host, port)
end

-- Puts together what is derived from the rest.
local function complete(url)
  url.target = url.path .. url.query
  url.address = authority(url.host, url.port)
  url.origin = url.scheme .. "://" .. url.address
  url.authority = authority(url.host, url.port, PORTS[url.scheme])
  return url
end

local function parse(text, ports)
  if text:find "%c" then return nil, "it has control characters" end
  local scheme, place, rest = text:match "^(%a[%w+.-]*)://([^/?#\\]*)(.*)$"
  if not scheme then return nil, "it does not begin with https:// and a host" end
  scheme = scheme:lower()
  if not ports[scheme] then return nil, "its scheme is neither https nor http" end
  local userinfo, address = place:match "^([^@]*)@([^@]*)$"
  local host, port = split_host(address or place, ports, scheme)
  if not host or rest:find "^\\" then
    return nil, "its host or port is malformed (names beyond ASCII have the form xn--...)"
  end
  local url = { scheme = scheme, host = host, port = port }
  if userinfo then
    local user, password = userinfo:match "^([^:]*):?(.*)$"
    url.user, url.password = unescape(user), unescape(password)
  end
  url.path, url.query = split_path(rest)
  if url.path == "" then url.path = "/" end
  return complete(url)
end

--- The parts of an absolute URL of scheme http or https.
-- @function parse
-- @tparam string text
-- @treturn[1] table `scheme`, `host` (without brackets), `port`, `user` and
-- `password` (unescaped), `path`, `query` (with its "?"), `target` (both),
-- `address` ("host:port"), `authority` (the same without the scheme's own
-- port), `origin`
-- @treturn[2] nil
-- @treturn[2] string what is wrong with it
-- @source RFC 3986, 3; RFC 9110, 4.2
function http_url.parse(text)
  return parse(text, PORTS)
end

-- RFC 3986, 5.2.4, of a path that begins with a slash.
local function remove_dot_segments(path)
  local kept, count, last = {}, 0, nil
  for segment in path:gmatch "/([^/]*)" do
    last = segment
    if segment == ".." then count = math.max(count - 1, 0)
    elseif segment ~= "." then
      count = count + 1
      kept[count] = segment
    end
  end
  if last == "." or last == ".." then
    count = count + 1
    kept[count] = ""
  end
  return "/" .. table.concat(kept, "/", 1, count)
end

local function inherit(url, base)
  url.user, url.password = nil, nil
  if url.origin == base.origin then url.user, url.password = base.user, base.password end
  return url
end

--- Where a Location leads. Of user and password the reference has none to
-- give; those of `base` go on to its own origin alone.
-- @function resolve
-- @tparam table base what `parse` made
-- @tparam string reference
-- @treturn[1] table as `parse` makes it
-- @treturn[2] nil
-- @treturn[2] string what is wrong with it
-- @source RFC 3986, 5.2
function http_url.resolve(base, reference)
  if reference:find "^%a[%w+.-]*:" or reference:find "^//" then
    if reference:find "^//" then reference = base.scheme .. ":" .. reference end
    local url, err = parse(reference, PORTS)
    if not url then return nil, err end
    url.path = remove_dot_segments(url.path)
    return inherit(complete(url), base)
  end
  if reference:find "%c" then return nil, "it has control characters" end
  local path, query = split_path(reference)
  if path == "" then
    path = base.path
    if query == "" then query = base.query end
  elseif path:find "^/" then path = remove_dot_segments(path)
  else path = remove_dot_segments(base.path:gsub("[^/]*$", "") .. path)
  end
  local url = { scheme = base.scheme, host = base.host, port = base.port, path = path, query = query }
  return inherit(complete(url), base)
end

--- The parts of a proxy's URL; without a scheme it is http. The default ports
-- are 3128 and, of https, 443.
-- @function parse_proxy
-- @tparam string text
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong with it
function http_url.parse_proxy(text)
  if not text:find "^%a[%w+.-]*://" then text = "http://" .. text end
  local proxy, err = parse(text, PROXY_PORTS)
  if not proxy then return nil, err end
  if proxy.target ~= "/" then return nil, "a proxy has no path" end
  return proxy
end

-- Whether an entry of no_proxy is of the host: a name with all below it, or an
-- address; with a port of that port alone.
local function is_excepted(entry, url)
  local name, port = entry:match "^%[?([^%]]-)%]?:(%d+)$"
  if not name or name:find ":" and not entry:find "^%[" then name, port = entry:match "^%[?(.-)%]?$", nil end
  if port and tonumber(port) ~= url.port then return false end
  name = name:lower():gsub("^%*?%.", ""):gsub("%.$", "")
  local host = url.host:gsub("%.$", "")
  if name == "*" or name == host then return true end
  local is_address = host:find ":" or host:find "^[%d.]+$"
  return name ~= "" and not is_address and host:sub(-#name - 1) == "." .. name
end

-- Of lower and upper case the first that is set; "" is none.
local function variable(getenv, name)
  local value = getenv(name)
  if value == nil then value = getenv(name:upper()) end
  return value ~= "" and value or nil
end

--- The proxy that the environment names for a URL.
-- @function from_environment
-- @tparam table url what `parse` made
-- @tparam function getenv
-- @treturn[1] string|nil a proxy's URL; nil: none
-- @treturn[1] string the variable's name
-- @source curl(1), ENVIRONMENT: http_proxy in lower case alone, for a CGI
-- program gets HTTP_PROXY from its client's header Proxy
function http_url.from_environment(url, getenv)
  for entry in (variable(getenv, "no_proxy") or ""):gmatch "[^%s,]+" do
    if is_excepted(entry, url) then return nil end
  end
  if url.scheme == "http" then
    local value = getenv "http_proxy"
    return value ~= "" and value or nil, "http_proxy"
  end
  return variable(getenv, "https_proxy"), "https_proxy"
end

return http_url
