--- What a command is to look at: `HOST[:PORT]`, or a file.
-- @module luassl.cli.target
-- @local
local ports = require "luassl.cli.starttls".ports

local target = {}

local function can_open(name)
  local file = io.open(name, "rb")
  if file then file:close() end
  return file ~= nil
end

local function port_of(digits)
  local port = #digits <= 5 and tonumber(digits)
  return port and port >= 1 and port <= 65535 and port or nil
end

-- Host and port of "host", "host:port", "address", "[address]:port".
local function split(text)
  local host, rest = text:match "^%[([%x:%.%%%w]+)%](.*)$"
  if host then return host, rest end
  if select(2, text:gsub(":", "")) > 1 then return text, "" end  -- an IPv6 address
  return text:match "^([^:]*)(.*)$"
end

--- Reads `HOST[:PORT]`.
-- @tparam string text
-- @tparam[opt] string protocol the one whose port is the default; else that of
-- HTTPS
-- @treturn[1] table `host`, `port`
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function target.host(text, protocol)
  text = text:match "^https://([^/?#]+)" or text  -- as it is copied from a browser
  local host, rest = split(text)
  local port = protocol and ports[protocol] or 443
  if rest ~= "" then port = port_of(rest:match "^:(%d+)$" or "") end
  if not port then return nil, "'" .. text .. "' has no port between 1 and 65535" end
  if host == "" or host:find "[^%w%.%-_:%%]" or host:sub(1, 1) == "-" then
    return nil, "'" .. text .. "' is no host (HOST, HOST:PORT, or [ADDRESS]:PORT) and no file"
  end
  return { host = host, port = port }
end

--- The name that a server is asked for and has to have: one that is given, or its host.
function target.name(where, name)
  if name and (name == "" or name:find "[^%w%.%-_:]") then
    error({ usage = "--name: '" .. name .. "' is no host's name" }, 0)
  end
  return name or (where.host:gsub("%%.*", ""))  -- without an address' zone
end

--- Whether a name is a file's rather than a host's: "-", what has a slash, and a
-- file that is there, but no directory: sites have directories of their names.
function target.is_file(text)
  if text:find "^https://" then return false end
  return text == "-" or text:find "/" ~= nil or can_open(text) and not can_open(text .. "/.")
end

return target
