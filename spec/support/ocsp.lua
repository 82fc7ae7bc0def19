--- OCSP responses of every kind, good and bad (RFC 6960, 4.2.1): the DER is
-- made here, the signatures by the program openssl.
local authority = require "spec.badcerts.authority"
local der = require "spec.badcerts.der"
local helpers = require "spec.support.helpers"
local revocation = require "spec.support.revocation"

local ocsp = {}

local HASHES = {sha1 = "1.3.14.3.2.26", sha256 = "2.16.840.1.101.3.4.2.1", md5 = "1.2.840.113549.2.5"}
local BASIC, NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"

local known = {}

local function digest(bytes, hash)
  local key = hash .. bytes
  if not known[key] then
    local path = helpers.temp_name()
    local peer = helpers.spawn {"openssl", "dgst", "-" .. hash, "-binary", "-out", path, helpers.temp_file(bytes)}
    assert(peer:wait() == 0, peer:output())
    known[key] = helpers.read_file(path)
  end
  return known[key]
end

-- The bits of a public key on P-256: the point stands at the end.
local function point(key)
  return key.spki:sub(-65)
end

local function enumerated(number)
  return der.tlv(10, string.char(number))
end

local function time(seconds)
  return der.generalized_time(os.date("!%Y%m%d%H%M%SZ", seconds))
end

local function extension(oid, critical)
  return der.sequence(der.oid(oid), critical and der.boolean(true) or "", der.octets(der.octets "0123456789abcdef"))
end

--- The id of a certificate (RFC 6960, 4.1.1).
function ocsp.id(certificate, issuer, hash)
  hash = hash or "sha1"
  return der.sequence(der.sequence(der.oid(HASHES[hash]), der.null), der.octets(digest(issuer.subject, hash)),
    der.octets(digest(point(issuer.key), hash)), certificate.serial)
end

--- A single response.
-- @tparam table s `certificate`, `issuer`; `status` ("good"), `reason` (a number), `hash` of the id,
--   `this_update` and `next_update` (seconds from now; -3600, 86400; false: no such field),
--   `critical`: it has an extension that is
function ocsp.single(s)
  local now, status = os.time(), der.implicit(0, "")
  if s.status == "revoked" then
    status = der.explicit(1, time(now - 7200), s.reason and der.explicit(0, enumerated(s.reason)) or "")
  elseif s.status == "unknown" then status = der.implicit(2, "") end
  local next_update = s.next_update == nil and 86400 or s.next_update
  return der.sequence(ocsp.id(s.certificate, s.issuer, s.hash), status, time(now + (s.this_update or -3600)),
    next_update and der.explicit(0, time(now + next_update)) or "",
    s.critical and der.explicit(1, der.sequence(extension("1.3.6.1.5.5.7.48.1.99", true))) or "")
end

--- A response.
-- @tparam table r the fields of `ocsp.single`, or `singles`, a list of those; `signer` (a certificate: the
--   issuer), `by_key`: it is named by its key, `named`: another certificate than it is, `key`: another key's
--   name than the signer's, `certificates`: a list to go with it, `sign_hash` ("sha256"), `nonce`,
--   `critical_response`, `damage`: function that is given the basic response
-- @treturn string DER
function ocsp.response(r)
  local singles = {}
  for i, single in ipairs(r.singles or {r}) do singles[i] = ocsp.single(single) end
  local signer = r.signer or r.issuer
  local named = r.named or signer
  local extensions = (r.nonce and extension(NONCE) or "")
    .. (r.critical_response and extension("1.3.6.1.5.5.7.48.1.99", true) or "")
  local data = der.sequence(
    r.by_key and der.explicit(2, der.octets(digest(point(named.key), "sha1"))) or der.explicit(1, named.subject),
    time(os.time()), der.sequence(table.concat(singles)),
    extensions ~= "" and der.explicit(1, der.sequence(extensions)) or "")
  local algorithm, signature = authority.signed(data, r.key and authority.key(r.key) or signer.key, r.sign_hash)
  local list = {}
  for i, certificate in ipairs(r.certificates or {}) do list[i] = certificate.der end
  local basic = der.sequence(data, algorithm, signature,
    list[1] and der.explicit(0, der.sequence(table.concat(list))) or "")
  if r.damage then basic = r.damage(basic) end
  return der.sequence(enumerated(0), der.explicit(0, der.sequence(der.oid(BASIC), der.octets(basic))))
end

--- A response of a responder that has no answer: 3 is tryLater.
function ocsp.unanswered(number)
  return der.sequence(enumerated(number))
end

local function pem_file(certificate)
  certificate.pem_file = certificate.pem_file or helpers.temp_file(certificate.pem)
  return certificate.pem_file
end

--- A certificate's serial number as openssl's index has it.
function ocsp.number(certificate)
  return (certificate.serial:sub(3):gsub(".", function(byte) return ("%02X"):format(byte:byte()) end))
end

--- A response that `openssl ocsp` makes.
-- @tparam table r `certificate`, `issuer`; `status` ("good"; "revoked", "unknown"), `signer` (the issuer),
--   `arguments` for the program
-- @treturn string DER
function ocsp.made(r)
  local signer, out = r.signer or r.issuer, helpers.temp_name()
  local number = ocsp.number(r.certificate)
  local state = ({revoked = "R\t491231235959Z\t240101000000Z,keyCompromise", unknown = false})[r.status]
  if state == nil then state = "V\t491231235959Z\t" end
  local index = helpers.temp_file(state and ("%s\t%s\tunknown\t/CN=x\n"):format(state, number) or "")
  local argv = {"openssl", "ocsp", "-index", index, "-CA", pem_file(r.issuer), "-issuer", pem_file(r.issuer), "-cert",
    pem_file(r.certificate), "-rsigner", pem_file(signer), "-rkey", signer.key.file, "-respout", out, "-ndays", "2",
    "-noverify"}
  for _, word in ipairs(r.arguments or {}) do argv[#argv + 1] = word end
  local peer = helpers.spawn(argv)
  assert(peer:wait() == 0, peer:output())
  return helpers.read_file(out)
end

--- The PKI of spec/support/revocation.lua, and
--   `must`: a leaf that demands a response, by the intermediate,
--   `responder`: entitled to sign responses by the intermediate, `others`: by the root,
--   `usual`: by the intermediate, and not entitled, `late`: entitled, and out of date,
--   `stranger`: entitled by nobody of these
function ocsp.make()
  local pki = revocation.make()
  local localhost = authority.alternative_names {authority.dns "localhost"}
  local demanding = authority.extension("1.3.6.1.5.5.7.1.24", false, der.sequence(der.integer(5)))
  local entitled = authority.extended_key_usage "ocsp"
  local foreign = authority.ca "OCSP stranger's root"
  for name, options in pairs {
    must = {issuer = pki.inter, san = localhost, more = {demanding}},
    responder = {issuer = pki.inter, eku = entitled},
    others = {issuer = pki.root, eku = entitled},
    usual = {issuer = pki.inter},
    late = {issuer = pki.inter, eku = entitled, not_before = -30, not_after = -1},
    stranger = {issuer = foreign, eku = entitled},
    signing = {issuer = pki.inter, eku = authority.extended_key_usage("server", "ocsp"), san = localhost},
  } do
    options.key, options.subject = "P-256:OCSP " .. name, authority.name("OCSP " .. name)
    local leaf = authority.leaf(options)
    pki[name] = leaf
    leaf.file = helpers.temp_file(helpers.read_file(leaf.key.file) .. leaf.pem .. pki.inter.pem)
  end
  return pki
end

return ocsp
