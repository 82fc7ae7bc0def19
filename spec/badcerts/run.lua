-- run.lua -- `make badcerts`: every case of spec/badcerts/cases.lua through our
-- default context and other clients; writes doc/badcerts.md. Ends with "N cases,
-- wrongly accepted N, wrongly refused N", which are ours.
local cases = require "spec.badcerts.cases"
local clients = require "spec.badcerts.clients"
local helpers = require "spec.support.helpers"
local serve = require "spec.badcerts.serve"
local ssl = require "luassl"

local function ask(client, case, port)
  local peer = helpers.spawn(client.command(tostring(port), case.host,
    case.ca_file, case.crl_file or "", case.check or ""), {input = ""})
  local status = peer:wait(20)
  return status == 0
end

local function word(accepted) return accepted and "accept" or "refuse" end

-- A cell: what it does, in bold where that is wrong.
local function cell(case, answer)
  if case.ruling == "either" or case.ruling == answer then return answer end
  return "**" .. answer .. "**"
end

local function judge(case, totals)
  local peer = serve.start(case)
  if not peer then return {case.name, case.ruling, "not readable"}, "refuse" end
  local ours = word((serve.ours(case, peer.port)))
  local row = {case.name, case.ruling, cell(case, ours)}
  local function count(name, answer)
    local total = totals[name]
    if case.ruling ~= "either" and answer ~= case.ruling then
      total[answer] = total[answer] + 1
    end
  end
  count("LuaSSL", ours)
  for _, client in ipairs(clients) do
    local answer = word(ask(client, case, peer.port))
    count(client.name, answer)
    row[#row + 1] = cell(case, answer)
  end
  row[#row + 1] = case.why
  peer:stop()
  return row, ours
end

local function line(cells)
  return "| " .. table.concat(cells, " | ") .. " |\n"
end

local function first_line(argv)
  local peer = helpers.spawn(argv)
  peer:wait()
  return (peer:output():match "[^\n]*")
end

local function versions()
  local list = {"* LuaSSL with " .. ssl.OPENSSL_VERSION}
  for _, client in ipairs(clients) do
    list[#list + 1] = ("* %s: %s%s"):format(client.name, first_line(
      client.version), client.note and "; " .. client.note or "")
  end
  return table.concat(list, "\n") .. "\n"
end

local HEAD = [[
# Good and bad certificates

`make badcerts` makes this page: it serves each certificate or chain with `openssl s_server` and asks every client,
told whom to trust and which name to expect and otherwise left as it comes, to connect. The ruling is what the standard
in the last column says; "either" means that it leaves the choice. **Bold** is an answer against the ruling.
`spec/peers/badcerts_spec.lua` holds ours to the rulings in every test run.

]]

local totals, rows, order = {}, {}, {"LuaSSL"}
for _, client in ipairs(clients) do order[#order + 1] = client.name end
for _, name in ipairs(order) do totals[name] = {accept = 0, refuse = 0} end

local head = {"case", "ruling"}
for _, name in ipairs(order) do head[#head + 1] = name end
head[#head + 1] = "why"
local all = cases()
local ours_alone = {}
for _, case in ipairs(all) do
  local row, ours = judge(case, totals)
  rows[#rows + 1] = line(row)
  if ours == case.ruling and row[4] and row[4]:find "^%*" then
    ours_alone[#ours_alone + 1] = ("* %s: %s (%s)"):format(case.name, ours, case.why)
  end
end

local file = assert(io.open("doc/badcerts.md", "wb"))
file:write(HEAD, versions(), "\n| client | wrongly accepted | wrongly refused |\n|---|---|---|\n")
for _, name in ipairs(order) do
  file:write(line {name, totals[name].accept, totals[name].refuse})
end
file:write(("\nOf %d cases. OpenSSL alone decides %d of them otherwise than we do and than the standards:\n\n"):format(
  #all, #ours_alone), table.concat(ours_alone, "\n"), "\n\n")
file:write(line(head), "|", ("---|"):rep(#head), "\n", table.concat(rows))
file:close()
print(("%d cases, wrongly accepted %d, wrongly refused %d"):format(#all,
  totals.LuaSSL.accept, totals.LuaSSL.refuse))
os.exit(totals.LuaSSL.accept + totals.LuaSSL.refuse == 0 and 0 or 1)
