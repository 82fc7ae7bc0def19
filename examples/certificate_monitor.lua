-- Looks at the certificates of many servers and prints a table, the most urgent
-- first: days left, and what is wrong. Of each chain the certificate that ends
-- first counts, the authorities' too.
--
--   lua certificate_monitor.lua [-c CA-FILE] [-w DAYS] HOST[:PORT]...
--
-- CA-FILE has the certificates that the servers are verified with in the place of
-- the system's. Ends with status 1 when one of them is refused, cannot be reached
-- or ends in less than DAYS (21): for cron.
local ssl = require "luassl"

local ca, warn, servers = nil, 21, {}
local i = 1
while arg[i] do
  if arg[i] == "-c" then ca, i = arg[i + 1], i + 2
  elseif arg[i] == "-w" then warn, i = tonumber(arg[i + 1]), i + 2
  else servers[#servers + 1], i = arg[i], i + 1 end
end
if not servers[1] or not warn then
  io.stderr:write "usage: certificate_monitor.lua [-c CA-FILE] [-w DAYS] HOST[:PORT]...\n"
  os.exit(2)
end

-- The common name, or all of the subject.
local function name(certificate)
  for _, rdn in ipairs(certificate:subject()) do
    for _, part in ipairs(rdn) do
      if part[1] == "commonName" then return part[2] end
    end
  end
  return (certificate:subject "oneline")
end

-- Of a list the certificate that ends first.
local function first_to_end(chain)
  local found
  for _, certificate in ipairs(chain) do
    if not found or certificate:not_after "seconds" < found:not_after "seconds" then found = certificate end
  end
  return found
end

-- One server's row. A certificate that is refused is looked at as well: it stands
-- in the error.
local function look(server)
  local host, port = server:match "^%[?(.-)%]?:(%d+)$"
  host, port = host or server, tonumber(port) or 443
  local conn, err = ssl.connect(host, port, { ca_certs = ca, timeout = 10, session_cache = false })
  local row = { server = server, days = math.huge, ends = "", whose = "", verdict = "ok" }
  local chain
  if conn then
    chain = conn:verified_chain()
    conn:close()
  else
    row.verdict = tostring(err)
    row.failed = true
    chain = type(err) == "table" and { err.certificate }
  end
  local certificate = chain and first_to_end(chain)
  if certificate then
    row.days = certificate:days_left()
    row.ends = os.date("!%Y-%m-%d", certificate:not_after "seconds")
    row.whose = name(certificate)
    if conn and row.days < warn then row.verdict, row.failed = "ends soon", true end
  else
    row.days = -math.huge  -- nobody knows: the most urgent
  end
  return row
end

local rows, bad = {}, false
for _, server in ipairs(servers) do
  local row = look(server)
  rows[#rows + 1] = row
  bad = bad or row.failed
end
table.sort(rows, function(a, b)
  if a.days ~= b.days then return a.days < b.days end
  return a.server < b.server
end)

local function print_row(days, ends, server, whose, verdict)
  print((("%6s  %-10s  %-28s  %-24s  %s"):format(days, ends, server, whose, verdict):gsub("%c", "?")))
end
print_row("days", "ends", "server", "certificate", "verdict")
for _, row in ipairs(rows) do
  local days = row.days == -math.huge and "?" or ("%d"):format(row.days)
  print_row(days, row.ends, row.server, row.whose, row.verdict)
end
os.exit(bad and 1 or 0, true)
