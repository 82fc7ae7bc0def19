--- A chain as it was sent, against the chain that its certificates make.
-- @module luassl.cli.chain
-- @local
local certificate = require "luassl.cli.certificate"

local chain = {}

local MAX = 24  -- certificates that are compared with each other: a peer chooses how many it sends

local function issued(one, other)
  return one:issued(other) == true
end

-- The place of the first of the certificates that is the same; nil: there is none.
local function place(list, object, last)
  for i = 1, last or #list do
    if list[i] == object then return i end
  end
end

-- Which of those that were sent, and are not in the path yet, issued one: those
-- behind it first.
local function issuer_of(sent, current, used, count)
  for step = 1, count - 1 do
    local i = (current - 1 + step) % count + 1
    if not used[i] and issued(sent[i], sent[current]) then return i end
  end
end

--- The path from the first certificate upwards through those that were sent:
-- their places.
function chain.path(sent)
  local count = math.min(#sent, MAX)
  local order, used, current = { 1 }, { true }, 1
  while current and not certificate.is_self_issued(sent[current]) do
    current = issuer_of(sent, current, used, count)
    if current then order[#order + 1], used[current] = current, true end
  end
  return order
end

local function is_rising(order)
  for i = 2, #order do
    if order[i] < order[i - 1] then return false end
  end
  return true
end

local function note(problems, severity, code, text, at)
  problems[#problems + 1] = { severity = severity, code = code, text = text, certificate = at }
end

-- What was sent and is of no use.
local function superfluous(sent, order, built, problems)
  for i = 2, math.min(#sent, MAX) do
    local before = place(sent, sent[i], i - 1)
    local title = certificate.title(sent[i])
    if before then
      note(problems, "note", "sent_twice", ("certificate %d is sent twice, it is number %d again"):format(i, before), i)
    elseif place(order, i) then
      if certificate.is_self_issued(sent[i]) then
        note(problems, "note", "root_sent", ("certificate %d, %s, is a root: clients have it already or do not trust "
          .. "it, so it need not be sent"):format(i, title), i)
      end
    elseif not place(built, sent[i]) then
      note(problems, "warning", "unrelated", ("certificate %d, %s, is no part of the chain"):format(i, title), i)
    end
  end
end

-- An intermediate certificate that only this side has.
local function missing(sent, order, built, problems)
  local last = place(built, sent[order[#order]])
  for i = (last or #built) + 1, #built do
    if not certificate.is_self_issued(built[i]) then
      note(problems, "warning", "chain_incomplete", ("the chain is incomplete: the intermediate certificate %s is not "
        .. "sent, and was found here among those that are trusted; other clients will not have it")
        :format(certificate.title(built[i])))
    end
  end
end

--- What is wrong with the order and the completeness of a chain.
-- @tparam {Certificate,...} sent
-- @tparam {Certificate,...} built the verified one, or as far as it came
-- @treturn {table,...} problems
function chain.problems(sent, built)
  local problems, order = {}, chain.path(sent)
  if not is_rising(order) then
    note(problems, "warning", "wrong_order", "the certificates are in the wrong order, which not every client puts up "
      .. "with: right would be " .. table.concat(order, ", "))
  end
  superfluous(sent, order, built, problems)
  missing(sent, order, built, problems)
  if #sent > MAX then
    note(problems, "warning", "many", ("%d certificates are sent; only the first %d were compared"):format(#sent, MAX))
  end
  return problems
end

return chain
