--- `luassl check`: many servers at once, a line each.
-- @module luassl.cli.check
-- @local
local inspect = require "luassl.cli.inspect"
local json = require "luassl.cli.json"
local judgement = require "luassl.cli.judgement"
local loop = require "luassl.cli.loop"
local probe = require "luassl.cli.probe"
local report = require "luassl.cli.report"
local target = require "luassl.cli.target"

local check = {}

-- The servers that are named, or that a list on standard input names.
local function texts_of(targets)
  local list = {}
  for _, text in ipairs(targets) do
    if text ~= "-" then list[#list + 1] = text
    else
      for line in io.lines() do
        line = line:gsub("#.*", ""):match "^%s*(.-)%s*$"
        if line ~= "" then list[#list + 1] = line end
      end
    end
  end
  return list
end

local function hosts_of(targets, settings)
  local hosts = {}
  for i, text in ipairs(texts_of(targets)) do
    local where, err = target.host(text, settings.starttls)
    if not where then error({ usage = err }, 0) end
    where.text, where.name, where.starttls = text, target.name(where), settings.starttls
    hosts[i] = where
  end
  if not hosts[1] then error({ usage = "there is no server to check" }, 0) end
  return hosts
end

-- One server's line: `status`, `text` and what is known.
local function judge(where, settings)
  local facts, failure = probe.server(where, settings)
  if not facts then
    return { status = failure.unreachable and "unreachable" or "refused", text = failure.text, problems = {} }
  end
  local result = inspect.judge(facts, where, settings)
  result.version, result.expires = facts.version, facts.sent[1] and facts.sent[1]:not_after "seconds"
  return result
end

-- What a line says: of a refusal the first problem, which is shorter than the verdict.
local function words(result)
  if result.status == "good" then
    return ("%s, %d days left"):format(result.version, result.days_left)
  end
  for _, problem in ipairs(result.status == "refused" and result.problems or {}) do
    if problem.severity == "error" then return problem.text end
  end
  return result.text
end

local function show(out, where, result, settings)
  if not settings.json then
    return out:line(out:paint(report.COLOUR[result.status], ("%-11s"):format(result.status)), " ",
      where.text, "  ", words(result))
  end
  out:raw(json.encode {
    target = where.text, host = where.host, port = where.port, status = result.status, text = result.text,
    verified = result.verified or false, version = result.version, days_left = result.days_left,
    problems = json.list(result.problems),
  } .. "\n")
end

local WORST = { "refused", "unreachable", "expires" }  -- first

--- Runs the command. The lines come in the order of the arguments, each as soon
-- as those before it are there.
-- @tparam table out a writer
-- @tparam table settings
-- @treturn integer exit status: the worst server's
function check.run(out, settings)
  local hosts = hosts_of(settings.targets, settings)
  local tasks, results, shown, found = loop.new(settings.jobs), {}, 0, {}
  for i, where in ipairs(hosts) do
    tasks:spawn(function()
      results[i] = judge(where, settings)
      found[results[i].status] = true
      while results[shown + 1] do
        shown = shown + 1
        show(out, hosts[shown], results[shown], settings)
      end
    end)
  end
  tasks:run()
  for _, status in ipairs(WORST) do
    if found[status] then return judgement.EXIT[status] end
  end
  return judgement.EXIT.good
end

return check
