--- LuaSec's certificates, over ours: its `ssl.x509`.
-- @module luassl.luasec.x509
-- @local

local core = require "luassl.core"
require "luassl.errors"  -- how errors print

local x509 = {}

local methods = {}
local X509 = { __index = methods, __name = "SSL:Certificate" }

-- What LuaSec calls the kinds of names in the extension.
local FIELDS = {
  DNS = "dNSName", email = "rfc822Name", URI = "uniformResourceIdentifier", ["IP Address"] = "iPAddress",
}
local KEYS = { RSA = "RSA", DSA = "DSA", EC = "EC", DH = "DH" }

local function mistake(level, index, name, expected, value)
  local got = value == nil and "no value" or type(value)
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(index, name, expected, got), level + 1)
end

-- Our Certificate in `self`; `index` as Lua counts a method's arguments.
local function check(self, name, index)
  if type(self) == "table" and getmetatable(self) == X509 then return self.certificate end
  if index then mistake(3, index, name, "SSL:Certificate", self) end
  error(("calling '%s' on bad self (SSL:Certificate expected, got %s)"):format(name, type(self)), 3)
end

local function text_argument(value, index, name)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "string" then mistake(3, index, name, "string", value) end
  return value
end

--- One of our certificates as LuaSec's.
-- @function from
-- @tparam Certificate|nil certificate
-- @treturn table|nil
function x509.from(certificate)
  if not certificate then return nil end
  return setmetatable({ certificate = certificate, encoding = "ai5" }, X509)
end

--- Ours of one of LuaSec's; nil for anything else.
-- @function certificate
function x509.certificate(value)
  if type(value) == "table" and getmetatable(value) == X509 then return value.certificate end
end

local LABELS = { "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE" }

-- From the first BEGIN to its END.
local function first_block(pem)
  local from, to
  for _, label in ipairs(LABELS) do
    local first = pem:find(("-----BEGIN %s-----"):format(label), 1, true)
    if first and (not from or first < from) then
      local last = ("-----END %s-----"):format(label)
      from, to = first, select(2, pem:find(last, first, true))
    end
  end
  return from and pem:sub(from, to or -1)
end

--- Reads the first certificate in PEM, whatever stands before and behind it.
-- @function load
-- @tparam string pem
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string why not, which LuaSec does not tell
function x509.load(pem)
  pem = text_argument(pem, 1, "load")
  local first = first_block(pem)
  if not first then return nil, "no certificate in PEM" end
  local list, err = core.load_certificates(first .. "\n")
  if not list then return nil, tostring(err) end
  return x509.from(list[1])
end

-- ---- names

-- Bytes of ISO 8859-1, as OpenSSL takes them, in UTF-8.
local function widen(bytes)
  return (bytes:gsub("[\128-\255]", function(c)
    local code = c:byte()
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  end))
end

local function list_names(self, attributes)
  local names, form = {}, self.encoding == "utf8" and "value" or "bytes"
  for i, attribute in ipairs(attributes) do
    names[i] = { oid = attribute.oid, name = attribute.name, value = attribute[form] }
  end
  return names
end

function methods.subject(self)
  return list_names(self, check(self, "subject"):subject "full")
end

function methods.issuer(self)
  return list_names(self, check(self, "issuer"):issuer "full")
end

-- The text of an alternative name; nil if it has none.
local function text_of(self, name)
  if name.kind == "othername" then
    if self.encoding == "utf8" then return name.value end
    return name.bytes
  end
  if name.kind == "IP Address" then return name.address end
  if name.value and self.encoding == "utf8" then return widen(name.value) end
  return name.value
end

--- The alternative names by kind; other kinds by the dotted number of their
-- type. LuaSec decodes no other extension.
function methods.extensions(self)
  local names = check(self, "extensions"):subject_alt_name "full"
  if not names then return {} end
  local found = { name = "X509v3 Subject Alternative Name" }
  for _, name in ipairs(names) do
    local field = FIELDS[name.kind] or name.kind == "othername" and name.oid
    if field then
      found[field] = found[field] or { name = name.kind == "othername" and name.name or nil }
      table.insert(found[field], text_of(self, name))
    end
  end
  return { ["2.5.29.17"] = found }
end

function methods.setencode(self, encoding)
  check(self, "setencode")
  encoding = text_argument(encoding, 1, "setencode")
  if encoding ~= "ai5" and encoding ~= "utf8" then return false end
  self.encoding = encoding
  return true
end

-- ---- facts

-- Nil and a string where ours answer nil and an SSLError.
local function told(value, err)
  if value == nil and err ~= nil then return nil, tostring(err) end
  return value
end

function methods.serial(self)
  local hex = check(self, "serial"):serial()
  return hex == "00" and "0" or hex
end

function methods.notbefore(self)
  return told(check(self, "notbefore"):not_before())
end

function methods.notafter(self)
  return told(check(self, "notafter"):not_after())
end

function methods.validat(self, time)
  local certificate = check(self, "validat")
  local number = tonumber(time)
  if not number then mistake(2, 1, "validat", "number", time) end
  local first, last = certificate:not_before "seconds", certificate:not_after "seconds"
  return first ~= nil and last ~= nil and first <= number and number <= last
end

function methods.digest(self, algorithm)
  local certificate = check(self, "digest")
  algorithm = algorithm == nil and "sha1" or text_argument(algorithm, 1, "digest")
  local digest, err = certificate:digest(algorithm)
  if digest then return digest end
  if err.kind ~= "unsupported" then return nil, tostring(err) end
  return nil, ("digest algorithm not supported (%s)"):format(algorithm)
end

function methods.pem(self)
  return check(self, "pem"):pem()
end

--- The key in PEM, its kind as LuaSec knows it, its size in bits.
function methods.pubkey(self)
  local certificate = check(self, "pubkey")
  local kind, err = certificate:key_type()
  if not kind then return nil, tostring(err) end
  return certificate:spki "pem", KEYS[kind] or "Unknown", (certificate:key_bits())
end

function methods.getsignaturename(self)
  return check(self, "getsignaturename"):signature_name "short"
end

--- Whether this certificate, which has to be a self-signed one, is the root of
-- another's chain. The further arguments are intermediate certificates.
function methods.issued(self, ...)
  local root, chain = check(self, "issued"), {}
  for i = 1, math.max(select("#", ...), 1) do chain[i] = check((select(i, ...)), "issued", i) end
  local done, err = core.verify(chain, {
    roots = root, verify_flags = { "no_partial_chain" }, purpose = "any", security_level = 0, verify_depth = 100,
  })
  if done then return true end
  return nil, err.verify_message or tostring(err)
end

x509.methods = methods

-- A table's own name: tostring(self) without its metatable.
function X509.__tostring(self)
  setmetatable(self, nil)
  local address = tostring(self):match ": *(.*)$"
  setmetatable(self, X509)
  return "X509 certificate: " .. address
end

function X509.__close() end


return x509
