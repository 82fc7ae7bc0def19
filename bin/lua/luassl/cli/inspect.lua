--- `luassl inspect`: a server, or the certificates of a file, with a verdict.
-- @module luassl.cli.inspect
-- @local
local certificate = require "luassl.cli.certificate"
local file = require "luassl.cli.file"
local json = require "luassl.cli.json"
local judgement = require "luassl.cli.judgement"
local loop = require "luassl.cli.loop"
local probe = require "luassl.cli.probe"
local report = require "luassl.cli.report"
local ssl = require "luassl"
local target = require "luassl.cli.target"

local inspect = {}

local EXIT = judgement.EXIT

local function all_facts(list)
  local facts = {}
  for i, object in ipairs(list) do facts[i] = certificate.facts(object) end
  return json.list(facts)
end

local function titles(list)
  local names = {}
  for i, object in ipairs(list) do names[i] = certificate.title(object) end
  return json.list(names)
end

-- What JSON has of a judgement.
local function verdict(result)
  return {
    status = result.status, text = result.text, days_left = result.days_left, problems = json.list(result.problems),
  }
end

local function failed(out, settings, name, failure)
  local status = failure.status or failure.unreachable and "unreachable" or "refused"
  if settings.json then
    out:raw(json.encode({ target = name, verified = false, verdict = {
      status = status, text = failure.text, problems = json.list {} } }) .. "\n")
  else
    out:line(out:paint("bold", "Verdict: "), out:paint("red", status), ": ", failure.text)
  end
  return EXIT[status]
end

local function server_json(where, facts, result)
  return {
    target = where.host .. ":" .. where.port, host = where.host, port = where.port, name = where.name,
    starttls = where.starttls, address = facts.address, version = facts.version, cipher = facts.cipher,
    cipher_bits = facts.cipher_bits, group = facts.group, signature_algorithm = facts.signature_algorithm,
    alpn = facts.alpn, resumption = facts.resumption, ocsp = facts.ocsp, verified = result.verified,
    sent = all_facts(facts.sent), built = titles(result.built), verdict = verdict(result),
  }
end

local function show_server(out, where, facts, result, settings)
  if settings.json then return out:raw(json.encode(server_json(where, facts, result)) .. "\n") end
  report.connection(out, where, facts)
  report.certificates(out, "Chain as sent", facts.sent, settings.warn)
  report.built(out, result.built, result.verified)
  report.verdict(out, result)
end

local function inspect_server(out, text, settings)
  local where, err = target.host(text, settings.starttls)
  if not where then error({ usage = err }, 0) end
  where.starttls, where.name = settings.starttls, target.name(where, settings.name)
  settings.resume = true
  local facts, failure
  local tasks = loop.new()
  tasks:spawn(function() facts, failure = probe.server(where, settings) end)
  tasks:run()
  if not facts then return failed(out, settings, text, failure) end
  local result = inspect.judge(facts, where, settings)
  show_server(out, where, facts, result, settings)
  return EXIT[result.status]
end

--- The judgement of what a probe has seen; `verified` in it: whether the server is.
function inspect.judge(facts, where, settings)
  local good = facts.authenticated_by ~= nil and not facts.refusal
  local result = judgement.chain(facts.sent, {
    refusal = facts.refusal, errors = facts.verdict.errors, good = good,
    verified_chain = good and facts.verified_chain or nil,
  }, { ca_data = settings.ca_data, warn = settings.warn, now = os.time(), name = where.name })
  result.verified = good
  return result
end

-- Whether a file is a chain, from a server's certificate on, or a bundle of authorities.
local function is_bundle(chain)
  local constraints = chain[1]:basic_constraints()
  return constraints ~= nil and constraints.ca
end

-- Authorities are judged one by one: nothing is verified.
local function judge_bundle(chain, settings)
  local problems = require "luassl.cli.problems"
  local result = { problems = {}, built = {}, status = "good", text = "good" }
  for i, object in ipairs(chain) do
    for _, problem in ipairs(problems.of(object, { warn = settings.warn, now = os.time(), at = i, alone = true })) do
      result.problems[#result.problems + 1] = problem
      if problem.severity == "error" then
        result.status, result.text = "refused", "there is a certificate in it that nobody ought to use"
      elseif problem.code == "expires" and result.status == "good" then
        result.status, result.text = "expires", "a certificate expires soon"
      end
    end
    local left = object:days_left()
    if left and (not result.days_left or left < result.days_left) then result.days_left = left end
  end
  return result
end

local function judge_file(found, settings)
  if is_bundle(found.chain) then return judge_bundle(found.chain, settings), "authorities" end
  local ok, err = ssl.verify(found.chain, { roots = settings.ca_data, name = settings.name })
  local errors = not ok and { { depth = err.verify_depth or 0, message = err.verify_message, code = err.verify_code } }
  local result = judgement.chain(found.chain, { good = ok, verified_chain = ok and err, errors = errors or {} },
    { ca_data = settings.ca_data, warn = settings.warn, now = os.time(), name = settings.name })
  result.verified = ok == true
  return result, "chain"
end

local function show_file(out, name, found, result, what, settings)
  if settings.json then
    return out:raw(json.encode {
      target = name, file = name, kind = found.kind, contents = what, verified = result.verified or false,
      key_fits = found.key_fits, sent = all_facts(found.chain), built = titles(result.built), verdict = verdict(result),
    } .. "\n")
  end
  out:line(("%-14s"):format "File", name, " (", found.kind, ")")
  if found.key_fits then out:line(("%-14s"):format "Private key", "it is the first certificate's")
  elseif found.key_problem then
    local colour = found.key_fits == false and "red" or "yellow"
    out:line(("%-14s"):format "Private key", out:paint(colour, found.key_problem))
  end
  report.certificates(out, what == "chain" and "Chain as it stands" or "Authorities", found.chain, settings.warn)
  if what == "chain" then report.built(out, result.built, result.verified) end
  report.verdict(out, result, what == "chain" and not settings.name
    and "No name was asked for (--name): that it is the right server's was not looked at." or nil)
end

local function inspect_file(out, name, settings)
  local found, err = file.certificates(name, settings.password)
  if not found then return failed(out, settings, name, { status = "unreadable", text = err }) end
  local result, what = judge_file(found, settings)
  if found.key_fits == false then
    result.problems[#result.problems + 1] = { severity = "error", code = "key", text = found.key_problem }
    result.status, result.text = "refused", "no server can use this key and this certificate together"
  end
  show_file(out, name, found, result, what, settings)
  return EXIT[result.status]
end

--- Runs the command.
-- @tparam table out a writer
-- @tparam table settings
-- @treturn integer exit status
function inspect.run(out, settings)
  if target.is_file(settings.target) then return inspect_file(out, settings.target, settings) end
  return inspect_server(out, settings.target, settings)
end

return inspect
