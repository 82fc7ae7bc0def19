--- From what was seen to a verdict: "good", "refused" or "expires".
-- @module luassl.cli.judgement
-- @local
local certificate = require "luassl.cli.certificate"
local chain = require "luassl.cli.chain"
local problems = require "luassl.cli.problems"
local ssl = require "luassl"

local judgement = {}

-- Why a chain is refused, with the library's advice; and the chain as far as it
-- was built.
local function reason(sent, settings, name)
  if not sent[1] then return "the server sends no certificate", {} end
  local ok, err = ssl.verify(sent, { roots = settings.ca_data, name = name })
  if ok then return nil, err end
  return (tostring(err):gsub("^verify: ", ""):gsub(" as roots", " by --ca")), err.chain or {}
end

local function issuer_advice(object)
  local url = (object:ca_issuers_urls() or {})[1]
  return url and "; it is to be had at " .. url or ""
end

-- What OpenSSL finds wrong that needs words of its own.
local SENTENCES = {
  unable_to_get_issuer_cert_locally = function(object, sent)
    for _, other in ipairs(sent) do
      if other ~= object and other:subject "rfc2253" == object:issuer "rfc2253" then
        return "wrong_issuer", ("its issuer is %s, but the certificate of that name that was sent did not issue it, "
          .. "or is malformed"):format(certificate.title(other))
      end
    end
    return "chain_incomplete", ("the chain is incomplete: the certificate of the issuer, %s, is neither sent nor "
      .. "trusted: the server has to send its intermediate certificates%s; if it is a root, name it by --ca")
      :format(certificate.name((object:issuer "oneline")), issuer_advice(object))
  end,
  depth_zero_self_signed_cert = function()
    return "self_signed", "it is self-signed, and not among those that are trusted: if it is yours, name it by --ca"
  end,
  self_signed_cert_in_chain = function(object)
    return "untrusted_root", ("the chain ends at %s, a root that is not trusted: if it is yours, name it by --ca")
      :format(certificate.title(object))
  end,
}
SENTENCES.unable_to_get_issuer_cert = SENTENCES.unable_to_get_issuer_cert_locally
SENTENCES.unable_to_verify_leaf_signature = SENTENCES.unable_to_get_issuer_cert_locally

-- The names of `ssl.verify`'s codes that are asked for here: x509_vfy.h.
local NAMES = {
  [2] = "unable_to_get_issuer_cert", [9] = "cert_not_yet_valid", [10] = "cert_has_expired",
  [18] = "depth_zero_self_signed_cert", [19] = "self_signed_cert_in_chain", [20] = "unable_to_get_issuer_cert_locally",
  [21] = "unable_to_verify_leaf_signature", [26] = "invalid_purpose", [62] = "hostname_mismatch",
  [64] = "ip_address_mismatch", [66] = "ee_key_too_small", [67] = "ca_key_too_small", [68] = "ca_md_too_weak",
}

-- What the rules of `problems` say in more words.
local SAID = {
  cert_has_expired = "expired", cert_not_yet_valid = "not_yet_valid", ee_key_too_small = "weak_key",
  ca_key_too_small = "weak_key", ca_md_too_weak = "weak_signature",
}

local function has(list, code)
  for _, problem in ipairs(list) do
    if problem.code == code then return true end
  end
  return false
end

-- The errors of verification that no rule has found.
local function add_errors(list, errors, built, sent)
  local names = has(list, "name_mismatch") or has(list, "common_name_only") or has(list, "no_names")
  local usage = has(list, "purpose") or has(list, "key_usage")
  for _, fault in ipairs(errors) do
    local object = built[fault.depth + 1] or built[1]
    local code, text = fault.name or NAMES[fault.code] or "unknown", fault.message
    local sentence = SENTENCES[code]
    if sentence and object then code, text = sentence(object, sent) end
    local said = SAID[code] and has(list, SAID[code])
      or names and (code == "hostname_mismatch" or code == "ip_address_mismatch")
      or usage and (code == "invalid_purpose" or code == "key_usage") or has(list, code)
    if not said then
      list[#list + 1] = {
        severity = "error", code = code, subject = object and certificate.title(object), text = text,
      }
    end
  end
end

local function append(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
end

-- The fewest days that a certificate of the chain has left.
local function least_days(certificates)
  local least
  for _, object in ipairs(certificates) do
    local left = object:days_left()
    if left and (not least or left < least) then least = left end
  end
  return least
end

local function contains(list, object)
  for _, other in ipairs(list) do
    if other == object then return true end
  end
  return false
end

-- Those that were built and not sent: a root that ends soon ends the chain.
local function add_unsent(list, built, sent, settings)
  for _, object in ipairs(built) do
    local context = { warn = settings.warn, now = settings.now, alone = true }
    for _, problem in ipairs(contains(sent, object) and {} or problems.of(object, context)) do
      problem.subject = certificate.title(object)
      if problem.code ~= "old_version" then list[#list + 1] = problem end
    end
  end
end

-- Those that were sent. What is wrong with one that a good chain does not need is
-- no more than a warning.
local function add_sent(list, sent, built, good, settings)
  for i, object in ipairs(sent) do
    local found = problems.of(object, {
      is_leaf = i == 1, name = settings.name, warn = settings.warn, now = settings.now, at = i,
    })
    for _, problem in ipairs(found) do
      if good and problem.severity == "error" and not contains(built, object) then problem.severity = "warning" end
      list[#list + 1] = problem
    end
  end
end

--- Judges a chain.
-- @tparam {Certificate,...} sent
-- @tparam table found `refusal` (text), `errors`, `verified_chain`, `good`
-- @tparam table settings `ca_data`, `warn`, `now`, `name`
-- @treturn table `status`, `text`, `days_left`, `problems`, `built`
function judgement.chain(sent, found, settings)
  local why, built = reason(sent, settings, settings.name)
  built = found.verified_chain or built
  local list = {}
  add_sent(list, sent, built, found.good, settings)
  if sent[1] then append(list, chain.problems(sent, built)) end
  add_unsent(list, built, sent, settings)
  if not found.good then add_errors(list, found.errors or {}, built, sent) end
  local result = { problems = list, built = built, days_left = least_days(#built > 0 and found.good and built or sent) }
  if not found.good then
    result.status, result.text = "refused", found.refusal or why or "the server is not verified"
    if found.refusal and why then result.text = found.refusal .. "; " .. why end
  elseif result.days_left and result.days_left < settings.warn then
    result.status, result.text = "expires", "good, but it expires in " .. problems.days(result.days_left)
  else
    result.status, result.text = "good", "good"
  end
  return result
end

judgement.EXIT = { good = 0, refused = 1, unreachable = 2, unreadable = 2, expires = 3 }

return judgement
