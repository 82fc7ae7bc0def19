--- A judgement as text for people.
-- @module luassl.cli.report
-- @local
local certificate = require "luassl.cli.certificate"
local problems = require "luassl.cli.problems"

local report = {}

local NAMES = 12  -- alternative names that are shown
local COLOUR = { good = "green", refused = "red", unreachable = "red", unreadable = "red", expires = "yellow" }
local SEVERITY = { error = "red", warning = "yellow", note = "dim" }

report.COLOUR = COLOUR

local function row(out, name, value)
  if value ~= nil and value ~= "" then out:line(("%-14s"):format(name), value) end
end

local function ocsp(response)
  if not response then return "no response is stapled" end
  local text = response.status or response.response_status or "no status"
  if not response.good then return text .. ", not usable: " .. (response.problem or "it was not verified") end
  return text .. (response.next_update and os.date("!, until %Y-%m-%d %H:%M:%SZ", response.next_update) or "")
end

local function tls(facts)
  return ("%s, %s (%d bits)%s"):format(facts.version, facts.cipher, facts.cipher_bits,
    facts.group and ", group " .. facts.group or "")
end

--- What the connection is.
function report.connection(out, target, facts)
  row(out, "Server", ("%s port %d (%s)"):format(target.host, target.port, facts.address))
  row(out, "Name", target.name)
  row(out, "STARTTLS", target.starttls)
  if facts.second_look then
    out:line(out:paint("red", "A verifying client gets no connection. What follows one saw that accepts anything:"))
  end
  row(out, "TLS", tls(facts))
  row(out, "Signature", facts.signature_algorithm)
  row(out, "ALPN", facts.alpn or not target.starttls and "none" or nil)
  row(out, "Resumption", facts.resumption)
  row(out, "OCSP", ocsp(facts.ocsp))
end

local function validity(object, warn)
  local left = object:days_left()
  local dates = certificate.date((object:not_before())) .. " to " .. certificate.date((object:not_after()))
  if not left then return dates, "red" end
  if left < 0 then return dates .. ", expired", "red" end
  return ("%s, %s left"):format(dates, problems.days(left)), left < warn and "yellow" or nil
end

local function listed(list, most)
  local shown = {}
  for i = 1, math.min(#list, most) do shown[i] = list[i] end
  return table.concat(shown, ", ") .. (#list > most and (" and %d more"):format(#list - most) or "")
end

local function key(facts)
  local bits = facts.key_bits and (" %d bits"):format(facts.key_bits) or ""
  return facts.key_type .. bits .. (facts.key_curve and ", " .. facts.key_curve or "")
end

local function usage(facts)
  local parts = {}
  if facts.authority then parts[#parts + 1] = "authority" end
  for _, list in ipairs { facts.key_usage or {}, facts.extended_key_usage or {} } do
    for _, item in ipairs(list) do parts[#parts + 1] = item end
  end
  return table.concat(parts, ", ")
end

--- One certificate, with its number.
function report.certificate(out, number, object, warn)
  local facts = certificate.facts(object)
  out:line(out:paint("bold", ("%3d  %s"):format(number, facts.subject)))
  local function line(name, value, colour)
    if value == nil or value == "" then return end
    out:line(("     %-12s"):format(name), colour and out:paint(colour, value) or value)
  end
  line("issuer", facts.issuer)
  line("names", facts.names and listed(facts.names, NAMES))
  line("key", key(facts))
  line("usage", usage(facts))
  line("signature", facts.signature)
  line("valid", validity(object, warn))
  line("serial", facts.serial)
  line("SHA-256", facts.fingerprint)
  line("pin", facts.pin)
end

--- Those that were sent, or that a file holds.
function report.certificates(out, title, certificates, warn)
  out:line()
  out:line(out:paint("bold", title))
  for i, object in ipairs(certificates) do report.certificate(out, i, object, warn) end
  if #certificates == 0 then out:line "     none" end
end

--- The chain that verification found.
function report.built(out, built, is_verified)
  out:line()
  out:line(out:paint("bold", is_verified and "Chain as verified" or "Chain as far as it could be built, not verified"))
  for i, object in ipairs(built) do
    local mark = i == #built and is_verified and "  (trusted)" or ""
    out:line(("%3d  "):format(i), certificate.title(object), mark)
  end
  if #built == 0 then out:line "     none" end
end

--- The problems, and the verdict.
function report.verdict(out, result, advice)
  out:line()
  if #result.problems > 0 then
    out:line(out:paint("bold", "Problems"))
    for _, problem in ipairs(result.problems) do
      local where = problem.subject and problem.subject .. ": " or ""
      if problem.certificate then where = ("certificate %d: "):format(problem.certificate) end
      if problem.text:find "^certificate %d" or problem.text:find "^the c" then where = "" end
      out:line("  ", out:paint(SEVERITY[problem.severity], ("%-8s"):format(problem.severity)), where, problem.text)
    end
    out:line()
  end
  out:line(out:paint("bold", "Verdict: "), out:paint(COLOUR[result.status], result.status),
    result.text ~= result.status and ": " .. result.text or "")
  if advice then out:line("         ", advice) end
end

return report
