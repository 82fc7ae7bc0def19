--- Certificates that no authority would sign, for specs: self-signed, with the
-- key of the leaf "ecdsa".
local mime = require "mime"
local helpers = require "spec.support.helpers"

local craft = {}

local CONFIG = [[
[req]
distinguished_name = dn
x509_extensions = extensions
prompt = no
utf8 = yes
string_mask = utf8only
[dn]
%s
[extensions]
%s
[directory]
C = DE
O = LuaSSL
]]

local function combine(certificate)
  return helpers.temp_file(helpers.read_file(helpers.file "ecdsa.key")
    .. certificate)
end

--- A certificate by `openssl req`.
-- @tparam[opt] table options `san`: the extension as OpenSSL's configuration
--   has it ("DNS:a, IP:::1", "DER:3000"), false for none; `subject`: lines of
--   the name ("CN = crafted"); `arguments` for the program
-- @treturn string path of key and certificate
-- @treturn string the certificate in PEM
function craft.certificate(options)
  local san = options.san and "subjectAltName = " .. options.san or ""
  local config = helpers.temp_file(CONFIG:format(
    options.subject or "CN = crafted", san))
  local argv = {"openssl", "req", "-x509", "-config", config, "-days", "20",
    "-key", helpers.file "ecdsa.key", "-out", helpers.temp_name()}
  local path = argv[#argv]
  for _, argument in ipairs(options.arguments or {}) do
    argv[#argv + 1] = argument
  end
  local peer = helpers.spawn(argv)
  assert(peer:wait() == 0, peer:output())
  local certificate = helpers.read_file(path)
  return combine(certificate), certificate
end

-- Every `old` in the string replaced, as plain bytes.
local function replace(text, old, new)
  local parts, start = {}, 1
  local first, last = text:find(old, 1, true)
  assert(first, "the certificate holds no such bytes")
  while first do
    parts[#parts + 1] = text:sub(start, first - 1) .. new
    start = last + 1
    first, last = text:find(old, start, true)
  end
  return table.concat(parts) .. text:sub(start)
end

--- A certificate with bytes changed, wherever they are: `old` to `new`, of
-- the same length. Its signature is wrong then.
-- @treturn string path of key and certificate
function craft.patched(options, old, new)
  assert(#old == #new)
  local _, pem = craft.certificate(options)
  local der = replace(mime.unb64((pem:match "\n(.-)%-")), old, new)
  local text = mime.b64(der):gsub(("."):rep(64), "%0\n")
  return combine("-----BEGIN CERTIFICATE-----\n" .. text:gsub("\n$", "")
    .. "\n-----END CERTIFICATE-----\n")  -- no empty line, which OpenSSL refuses
end

return craft
