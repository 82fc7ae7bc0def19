--- A certificate as a table of strings and numbers: for the report and for JSON.
-- @module luassl.cli.certificate
-- @local
local certificate = {}

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

--- "2009-05-08 23:59:59Z" of "May  8 23:59:59 2009 GMT"; "malformed" of nil.
function certificate.date(text)
  local month, day, time, year = (text or ""):match "^(%a+) +(%d+) +([%d:]+) +(%d+)"
  if not MONTHS[month] then return "malformed" end
  return ("%04d-%02d-%02d %sZ"):format(tonumber(year), MONTHS[month], tonumber(day), time)
end

--- A name of a certificate in one line.
function certificate.name(line)
  if line == nil then return "(malformed)" end
  return line == "" and "(empty)" or line
end

--- The subject, or where that is empty the first alternative name.
function certificate.title(object)
  local subject = certificate.name((object:subject "oneline"))
  if subject ~= "(empty)" then return subject end
  local first = (object:subject_alt_name() or {})[1]
  return first and type(first[2]) == "string" and first[2] or subject
end

-- The alternative names as texts: "example.com", "IP Address:192.0.2.1"; nil: none.
local function alternative_names(object)
  local names, err = object:subject_alt_name()
  if not names then return nil, err and "malformed" end
  local list = {}
  for i, name in ipairs(names) do
    local value = type(name[2]) == "table" and "a directory name" or name[2]
    list[i] = name[1] == "DNS" and value or name[1] .. ":" .. value
  end
  return list
end

certificate.alternative_names = alternative_names

--- The common names of the subject.
function certificate.common_names(object)
  local list = {}
  for _, rdn in ipairs(object:subject()) do
    for _, entry in ipairs(rdn) do
      if entry[1] == "commonName" then list[#list + 1] = entry[2] end
    end
  end
  return list
end

--- Whether subject and issuer are the same.
function certificate.is_self_issued(object)
  return object:subject "rfc2253" ~= nil and object:subject "rfc2253" == object:issuer "rfc2253"
end

--- All of it.
-- @tparam Certificate object
-- @treturn table
function certificate.facts(object)
  local constraints = object:basic_constraints()
  return {
    subject = certificate.name((object:subject "oneline")), issuer = certificate.name((object:issuer "oneline")),
    serial = object:serial(), names = alternative_names(object), authority = constraints ~= nil and constraints.ca,
    key_type = object:key_type() or "unknown", key_bits = object:key_bits() or nil,
    key_curve = object:key_curve() or nil,
    key_usage = object:key_usage() or nil, extended_key_usage = object:extended_key_usage() or nil,
    signature = object:signature_name(), not_before = certificate.date((object:not_before())),
    not_after = certificate.date((object:not_after())), days_left = object:days_left() or nil,
    fingerprint = object:digest() or nil, pin = object:pin() or nil, pem = object:pem(),
  }
end

return certificate
