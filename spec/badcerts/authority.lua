--- Keys and certificates of every kind, good and bad: the DER is made here, so
-- that anything may be in it, keys and signatures by the program openssl.
local der = require "spec.badcerts.der"
local helpers = require "spec.support.helpers"
local mime = require "mime"
local ssl = require "luassl"

local authority = {}

local function openssl(...)
  local peer = helpers.spawn {"openssl", ...}
  assert(peer:wait() == 0, peer:output())
end

--- Keys -------------------------------------------------------------------

local ECDSA = {sha1 = "1.2.840.10045.4.1", sha256 = "1.2.840.10045.4.3.2",
  sha384 = "1.2.840.10045.4.3.3", sha512 = "1.2.840.10045.4.3.4"}
local RSA = {md5 = "1.2.840.113549.1.1.4", sha1 = "1.2.840.113549.1.1.5",
  sha256 = "1.2.840.113549.1.1.11", sha384 = "1.2.840.113549.1.1.12",
  sha512 = "1.2.840.113549.1.1.13"}

-- What `openssl genpkey` is told for the part of a key's name before ":".
local function generation(kind)
  local bits = kind:match "^rsa(%d+)$"
  if bits then
    return {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" .. bits}
  elseif kind == "rsapss" then
    return {"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}
  elseif kind == "ed25519" or kind == "ed448" then
    return {"-algorithm", kind}
  elseif kind == "explicit" then
    return {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
      "-pkeyopt", "ec_param_enc:explicit"}
  end
  return {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" .. kind}
end

local keys = {}

--- A key by name, made at the first use: "P-256:root" is another than
-- "P-256:leaf".
-- @treturn table `file` (PEM), `spki` (DER), `id`: bytes for key identifiers
function authority.key(name)
  if not keys[name] then
    local path, public = helpers.temp_name(), helpers.temp_name()
    local kind = name:match "^[^:]+"
    local argv = {"genpkey", "-out", path}
    for _, word in ipairs(generation(kind)) do argv[#argv + 1] = word end
    openssl((table.unpack or unpack)(argv))
    openssl("pkey", "-in", path, "-pubout", "-outform", "DER", "-out", public)
    keys[name] = {name = name, kind = kind, file = path,
      spki = helpers.read_file(public), id = ("key " .. name):sub(1, 20)}
  end
  return keys[name]
end

-- RSASSA-PSS with SHA-256, MGF1 with SHA-256, 32 bytes of salt (RFC 4055).
local SHA256 = der.sequence(der.oid "2.16.840.1.101.3.4.2.1", der.null)
local PSS = der.sequence(der.oid "1.2.840.113549.1.1.10", der.sequence(
  der.explicit(0, SHA256),
  der.explicit(1, der.sequence(der.oid "1.2.840.113549.1.1.8", SHA256)),
  der.explicit(2, der.integer(32))))

local function signature_algorithm(key, hash)
  if key.kind == "ed25519" then return der.sequence(der.oid "1.3.101.112") end
  if key.kind == "ed448" then return der.sequence(der.oid "1.3.101.113") end
  if hash == "pss" then return PSS end
  if key.kind:match "^rsa" then
    return der.sequence(der.oid(RSA[hash]), der.null)
  end
  return der.sequence(der.oid(ECDSA[hash]))
end

local function sign(bytes, key, hash)
  local content, signature = helpers.temp_file(bytes), helpers.temp_name()
  if key.kind:match "^ed" then
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key.file, "-in", content,
      "-out", signature)
  elseif hash == "pss" then
    openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
      "rsa_pss_saltlen:32", "-sign", key.file, "-out", signature, content)
  else
    openssl("dgst", "-" .. hash, "-sign", key.file, "-out", signature, content)
  end
  return helpers.read_file(signature)
end

--- The AlgorithmIdentifier and the BIT STRING of a signature over those bytes.
function authority.signed(bytes, key, hash)
  return signature_algorithm(key, hash or "sha256"), der.bits(sign(bytes, key, hash or "sha256"))
end

--- Names ------------------------------------------------------------------

local function attribute(oid, value)
  return der.set(der.sequence(der.oid(oid), value))
end

--- A distinguished name: a common name of that text, or of that DER string.
function authority.name(common, encode)
  return der.sequence(attribute("2.5.4.10", der.utf8 "LuaSSL badcerts"),
    attribute("2.5.4.3", (encode or der.utf8)(common)))
end

authority.no_name = der.sequence()

--- Extensions ---------------------------------------------------------------

--- Any extension; `critical` false leaves the word out, as DER does.
function authority.extension(oid, critical, value)
  return der.sequence(der.oid(oid), critical and der.boolean(true) or "",
    der.octets(value))
end
local extension = authority.extension

local PURPOSES = {server = "1.3.6.1.5.5.7.3.1", client = "1.3.6.1.5.5.7.3.2",
  code = "1.3.6.1.5.5.7.3.3", email = "1.3.6.1.5.5.7.3.4",
  ocsp = "1.3.6.1.5.5.7.3.9", any = "2.5.29.37.0"}
local USAGES = {digitalSignature = 0, keyEncipherment = 2,
  dataEncipherment = 3, keyAgreement = 4, keyCertSign = 5, cRLSign = 6}

function authority.basic_constraints(ca, pathlen)
  return extension("2.5.29.19", true, der.sequence(
    ca and der.boolean(true) or "", pathlen and der.integer(pathlen) or ""))
end

function authority.key_usage(...)
  local numbers = {}
  for i, name in ipairs {...} do numbers[i] = assert(USAGES[name]) end
  return extension("2.5.29.15", true, der.named_bits(numbers))
end

function authority.extended_key_usage(...)
  local oids = {}
  for i, name in ipairs {...} do oids[i] = der.oid(assert(PURPOSES[name])) end
  return extension("2.5.29.37", false, der.sequence((table.unpack or unpack)(
    oids)))
end

function authority.alternative_names(names, critical)
  return extension("2.5.29.17", critical, der.sequence(table.concat(names)))
end

--- GeneralNames (RFC 5280, 4.2.1.6).
function authority.email(name) return der.implicit(1, name) end
function authority.dns(name) return der.implicit(2, name) end
function authority.directory(name) return der.explicit(4, name) end
function authority.uri(name) return der.implicit(6, name) end
function authority.ip(bytes) return der.implicit(7, bytes) end

--- Subtrees that are permitted and that are excluded: GeneralNames.
function authority.name_constraints(permitted, excluded, critical, minimum)
  local function subtrees(number, names)
    if not names then return "" end
    local list = {}
    for i, name in ipairs(names) do
      list[i] = der.sequence(name, minimum or "")
    end
    return der.explicit(number, table.concat(list))
  end
  return extension("2.5.29.30", critical ~= false,
    der.sequence(subtrees(0, permitted), subtrees(1, excluded)))
end

--- Certificates ---------------------------------------------------------------

--- Seconds since 1970 as the Time that RFC 5280, 4.1.2.5, wants.
function authority.time(seconds)
  local year = tonumber(os.date("!%Y", seconds))
  if year >= 1950 and year < 2050 then
    return der.utc_time(os.date("!%y%m%d%H%M%SZ", seconds))
  end
  return der.generalized_time(os.date("!%Y%m%d%H%M%SZ", seconds))
end

local DAY = 86400
local serial = 4096

local function pem_of(bytes)
  return ssl.DER_cert_to_PEM_cert(bytes)
end

--- A certificate, signed by its issuer, or by itself.
-- @tparam table c `subject` (DER), `key` (a key's name), `issuer` (a
--   certificate; nil: itself), `extensions` (a list of DER; false: no such
--   field), `version` (2 is v3; false: v1), `serial` (DER), `not_before` and
--   `not_after` (DER, or days from now), `hash` ("sha256"),
--   `inner_algorithm`, `spki` (other DER than the key's), `damage`: function
--   that is given the signature and gives the one to put there
-- @treturn table `der`, `pem`, `subject`, `key`
function authority.certificate(c)
  local key = authority.key(c.key)
  local issuer = c.issuer or {subject = c.subject, key = key}
  local now = os.time()
  local function time(value, days)
    if type(value) == "string" then return value end
    return authority.time(now + (value or days) * DAY)
  end
  serial = serial + 1
  local number = c.serial or der.integer(serial)
  local algorithm = signature_algorithm(issuer.key, c.hash or "sha256")
  local extensions = c.extensions
  local tbs = der.sequence(
    c.version == false and "" or der.explicit(0, der.integer(c.version or 2)),
    number, c.inner_algorithm or algorithm,
    issuer.subject,
    der.sequence(time(c.not_before, -1), time(c.not_after, 30)),
    c.subject, c.spki or key.spki,
    extensions and der.explicit(3, der.sequence(table.concat(extensions)))
      or "")
  local signature = sign(tbs, issuer.key, c.hash or "sha256")
  if c.damage then signature = c.damage(signature) end
  local bytes = der.sequence(tbs, algorithm, der.bits(signature))
  return {der = bytes, pem = pem_of(bytes), subject = c.subject, key = key,
    serial = number}
end

--- A revocation list (RFC 5280, 5.1), signed by its issuer.
-- @tparam table c `issuer` (a certificate), `revoked` (a list of certificates),
--   `this_update` and `next_update` (days from now: -1, 30), `key` (another
--   key's name than the issuer's), `hash` ("sha256")
-- @treturn table `der`, `pem`
function authority.crl(c)
  local key = c.key and authority.key(c.key) or c.issuer.key
  local now, list = os.time(), {}
  local function time(days) return authority.time(now + days * DAY) end
  for i, certificate in ipairs(c.revoked or {}) do
    list[i] = der.sequence(certificate.serial, time(-1))
  end
  serial = serial + 1
  local algorithm = signature_algorithm(key, c.hash or "sha256")
  local identifier = extension("2.5.29.35", false,
    der.sequence(der.implicit(0, c.issuer.key.id)))
  local number = extension("2.5.29.20", false, der.integer(serial))
  local tbs = der.sequence(der.integer(1), algorithm, c.issuer.subject,
    time(c.this_update or -1), time(c.next_update or 30),
    list[1] and der.sequence(table.concat(list)) or "",
    der.explicit(0, der.sequence(identifier, number)))
  local bytes = der.sequence(tbs, algorithm,
    der.bits(sign(tbs, key, c.hash or "sha256")))
  local body = mime.b64(bytes):gsub(("."):rep(64), "%0\n")
  return {der = bytes, pem = "-----BEGIN X509 CRL-----\n"
    .. body:gsub("\n$", "") .. "\n-----END X509 CRL-----\n"}
end

-- The extensions that are wanted, in a fixed order; false leaves one out.
local function extensions_of(c, defaults)
  local list = {}
  for _, field in ipairs {"bc", "ku", "eku", "san", "nc", "ski", "aki"} do
    local value = c[field]
    if value == nil then value = defaults[field] end
    if value then list[#list + 1] = value end
  end
  for _, more in ipairs(c.more or {}) do list[#list + 1] = more end
  return list
end

local function merge(base, more)
  local merged = {}
  for name, value in pairs(base) do merged[name] = value end
  for name, value in pairs(more) do merged[name] = value end
  return merged
end

local function key_identifiers(key, issuer)
  return extension("2.5.29.14", false, der.octets(key.id)),
    extension("2.5.29.35", false, der.sequence(der.implicit(0, issuer.id)))
end

local function complete(c, defaults)
  local key = authority.key(c.key)
  defaults.ski, defaults.aki = key_identifiers(key,
    c.issuer and c.issuer.key or key)
  if c.extensions == nil then c.extensions = extensions_of(c, defaults) end
  return authority.certificate(c)
end

--- An authority: a certificate with `bc`, `ku`, `ski` and `aki`, each of which
-- may be given (DER) or left out (false); `more` is a list of extensions.
function authority.ca(name, options)
  return complete(merge({subject = authority.name(name), key = "P-256:" .. name},
    options or {}), {bc = authority.basic_constraints(true),
    ku = authority.key_usage("keyCertSign", "cRLSign")})
end

--- A server's certificate for `authority.host`, as a good authority makes it;
-- fields as above, and `eku`, `san`.
function authority.leaf(options)
  return complete(merge({subject = authority.name "leaf", key = "P-256:leaf"},
    options or {}), {bc = authority.basic_constraints(false),
    ku = authority.key_usage "digitalSignature",
    eku = authority.extended_key_usage "server",
    san = authority.alternative_names {authority.dns(authority.host)}})
end

authority.host = "www.badcerts.example"

return authority
