--- What is wrong with certificates, in plain words.
-- @module luassl.cli.problems
-- @local
local certificate = require "luassl.cli.certificate"

local problems = {}

local SHOWN = 8  -- names in one sentence

-- Some of many names, in one string.
local function some(names)
  local list = {}
  for i = 1, math.min(#names, SHOWN) do list[i] = names[i] end
  return table.concat(list, ", ") .. (#names > SHOWN and (" and %d more"):format(#names - SHOWN) or "")
end

problems.some = some

local function days(count)
  return count == 1 and "1 day" or ("%d days"):format(count)
end

problems.days = days

local function contains(list, wanted)
  for _, item in ipairs(list or {}) do
    if item == wanted then return true end
  end
  return false
end

-- One function a rule: nil, or severity, code, text. `is_leaf`: it is the peer's.

local function dates(object, context)
  local now = context.now
  local first, left = object:not_before "seconds", object:days_left(now)
  if not first or not left then return "error", "malformed_date", "its dates are malformed" end
  if now < first then
    return "error", "not_yet_valid", "it is not valid before " .. certificate.date(object:not_before())
  end
  if now > object:not_after "seconds" then
    return "error", "expired", ("it expired on %s, %s ago")
      :format(certificate.date(object:not_after()), days(-left - 1))
  end
  if left < context.warn then
    return "warning", "expires", ("it expires in %s, on %s"):format(days(left), certificate.date(object:not_after()))
  end
end

local WEAK = { md2 = "MD2", md4 = "MD4", md5 = "MD5", ["md5-sha1"] = "MD5", sha1 = "SHA-1" }

local function signature(object)
  if certificate.is_self_issued(object) then return end  -- nobody looks at that of a root
  local weak = WEAK[(object:signature_digest() or ""):lower()]
  if weak then return "error", "weak_signature", "it is signed with " .. weak .. ", which can be forged" end
end

local function key(object)
  local kind, bits = object:key_type(), object:key_bits()
  if not kind then return "error", "unknown_key", "its public key cannot be read" end
  if (kind == "RSA" or kind == "RSA-PSS" or kind == "DSA") and bits and bits < 2048 then
    return "error", "weak_key", ("its %s key has %d bits, and needs 2048"):format(kind, bits)
  end
  if kind == "EC" and bits and bits < 224 then
    return "error", "weak_key", ("its EC key has %d bits, and needs 256"):format(bits)
  end
  if kind == "DSA" then return "error", "weak_key", "its key is of DSA, which TLS 1.3 has not" end
end

local function version(object)
  local number = object:version()
  if number ~= 3 then
    return "warning", "old_version", ("it is of version %s, without extensions"):format(tostring(number or "?"))
  end
end

local function names(object, context)
  if not context.is_leaf then return end
  local list, malformed = certificate.alternative_names(object)
  if malformed then return "error", "malformed_names", "its alternative names are malformed" end
  local common = certificate.common_names(object)
  if not list then
    if #common == 0 then return "error", "no_names", "it has no names at all (no subjectAltName)" end
    return "error", "common_name_only", ("it has no subjectAltName: its name, %s, stands in the common name only, "
      .. "which clients do not look at"):format(some(common))
  end
  if context.name and object:matches_host(context.name) == false then
    local text = ("it is not for %s, but for %s"):format(context.name, #list > 0 and some(list) or "no name")
    if contains(common, context.name) then text = text .. "; the common name does not count" end
    return "error", "name_mismatch", text
  end
end

local function usage(object, context)
  if not context.is_leaf then return end
  local list, err = object:key_usage()
  if err then return "error", "malformed_usage", "its key usage is malformed" end
  if list and not contains(list, "digitalSignature") then
    return "error", "key_usage", ("its key usage is %s: TLS needs digitalSignature")
      :format(#list > 0 and some(list) or "nothing")
  end
end

local function purpose(object, context)
  if not context.is_leaf then return end
  local list, err = object:extended_key_usage()
  if err then return "error", "malformed_usage", "its extended key usage is malformed" end
  if list and not contains(list, "serverAuth") and not contains(list, "anyExtendedKeyUsage") then
    return "error", "purpose", ("its extended key usage is %s: a server needs serverAuth")
      :format(#list > 0 and some(list) or "empty")
  end
end

local function authority(object, context)
  local constraints, err = object:basic_constraints()
  if err then return "error", "malformed_constraints", "its basic constraints are malformed" end
  local is_ca = constraints ~= nil and constraints.ca
  if context.is_leaf and is_ca and not certificate.is_self_issued(object) then
    return "note", "leaf_is_authority", "it is an authority's, and serves as a server's"
  end
  if not context.is_leaf and not is_ca and not context.alone then
    return "error", "no_authority", "it stands for an issuer, and is not marked as an authority's"
  end
end

local LONGEST = 825  -- days: what Apple's systems take, of private authorities too

local function lifetime(object, context)
  if not context.is_leaf then return end
  local first, last = object:not_before "seconds", object:not_after "seconds"
  if first and last and last - first > (LONGEST + 1) * 86400 then
    return "note", "long_lived", ("it is valid for more than %d days, which some clients refuse"):format(LONGEST)
  end
end

local RULES = { dates, signature, key, version, names, usage, purpose, authority, lifetime }

--- What is wrong with one certificate.
-- @tparam Certificate object
-- @tparam table context `is_leaf`, `name` (to be for; may be nil), `warn` (days),
-- `now` (seconds), `at` (its place)
-- @treturn {table,...} each `severity`, `code`, `text`, `certificate`
function problems.of(object, context)
  local list = {}
  for _, rule in ipairs(RULES) do
    local severity, code, text = rule(object, context)
    if code then
      list[#list + 1] = { severity = severity, code = code, text = text, certificate = context.at }
    end
  end
  return list
end

return problems
