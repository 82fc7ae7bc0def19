--- Making certificates: the program `openssl` does it, which `serve` and `ca`
-- need. No name reaches it that is not a host's or an address.
-- @module luassl.cli.openssl
-- @local
local quote = require "luassl.cli.terminal".quote

local openssl = {}

--- What a name is in a certificate: "DNS:localhost", "IP:127.0.0.1".
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string
function openssl.entry(name)
  local address = name:match "^%[?([%x:%.]+)%]?$"
  if name:match "^%d+%.%d+%.%d+%.%d+$" then return "IP:" .. name end
  if address and select(2, address:gsub(":", "")) > 1 then return "IP:" .. address end
  local plain = name:gsub("^%*%.", "")
  if #name > 253 or plain:find "[^%w%.%-_]" or not plain:find "^%w" then
    return nil, "'" .. name .. "' is no host name and no address"
  end
  return "DNS:" .. name:lower()
end

--- The entries of several names.
function openssl.entries(names)
  local list = {}
  for i, name in ipairs(names) do
    local entry, err = openssl.entry(name)
    if not entry then return nil, err end
    list[i] = entry
  end
  return list
end

local KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

local SECTION = [[
[req]
distinguished_name = dn
prompt = no
[dn]
CN = %s
O = throw-away, made by luassl
[x]
%s
]]

-- A command that makes a certificate and its key. The configuration comes on its
-- standard input, files are for their owner alone.
local function request(subject, extensions, days, arguments)
  return ("umask 077 && printf %%s %s | openssl req -new -x509 -utf8 -config /dev/stdin -extensions x -sha256 "
    .. "-days %d %s %s")
    :format(quote(SECTION:format(subject, extensions)), days, KEY, arguments)
end

-- Runs a command: what it prints.
local function run(command)
  local pipe = io.popen("( " .. command .. " ) 2>&1", "r")
  local text = pipe:read "*a"
  local ok = pipe:close()
  return text, ok  -- Lua 5.1 does not tell `ok`
end

local function failed(text)
  if text:find "not found" then return "the program 'openssl' is needed, and is not here" end
  return "openssl makes no certificate: " .. (text:gsub("%s+$", ""))
end

local SERVER = [[
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = %s
]]

--- A self-signed certificate and its key, in PEM; no file holds them.
-- @tparam {string,...} entries
-- @tparam integer days
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string
function openssl.self_signed(entries, days)
  local text = run(request(entries[1]:gsub("^%u+:", ""), SERVER:format(table.concat(entries, ", ")), days,
    "-keyout /dev/stdout"))
  local key = text:match "%-%-%-%-%-BEGIN PRIVATE KEY%-%-%-%-%-.-%-%-%-%-%-END PRIVATE KEY%-%-%-%-%-\n"
  local certificate = text:match "%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n"
  if not key or not certificate then return nil, failed(text) end
  return certificate .. key, certificate
end

-- An authority may speak for those names alone: RFC 5280, 4.2.1.10.
local function constraints(entries)
  local list, kinds = {}, {}
  for _, entry in ipairs(entries) do
    local kind, name = entry:match "^(%u+):(.*)$"
    kinds[kind] = true
    if kind == "DNS" then name = name:gsub("^%*%.", "")
    else name = name .. (name:find ":" and "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" or "/255.255.255.255")
    end
    list[#list + 1] = "permitted;" .. kind .. ":" .. name
  end
  if not kinds.IP then
    list[#list + 1] = "excluded;IP:0.0.0.0/0.0.0.0"
    list[#list + 1] = "excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0"
  end
  if not kinds.DNS then list[#list + 1] = "permitted;DNS:invalid" end
  local lines = {}
  for i, item in ipairs(list) do
    local kind, base, name = item:match "^(%a+);(%u+):(.*)$"
    lines[i] = ("%s;%s.%d = %s"):format(kind, base, i, name)
  end
  return "nameConstraints = critical, @names\n[names]\n" .. table.concat(lines, "\n")
end

local AUTHORITY = [[
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
]]

--- Makes in a directory, which is new, `ca.pem`, `ca.key`, `server.pem` and
-- `server.key`; the keys are for their owner alone.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string
function openssl.authority(directory, entries, days)
  local at = quote(directory)
  local command = table.concat({
    "umask 077 && mkdir -- " .. at .. " && cd -- " .. at,
    request("Throw-away authority for " .. entries[1]:gsub("^%u+:", ""):sub(1, 38),
      AUTHORITY .. constraints(entries), days, "-keyout ca.key -out ca.pem"),
    request(entries[1]:gsub("^%u+:", ""):sub(1, 64), SERVER:format(table.concat(entries, ", ")), days,
      "-CA ca.pem -CAkey ca.key -keyout server.key -out server.pem"),
    "chmod 644 ca.pem server.pem && chmod 755 . && echo made",
  }, " && ")
  local text = run(command)
  if text:find "made\n$" then return true end
  return nil, failed(text)
end

return openssl
