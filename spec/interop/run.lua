-- run.lua [all] [write] -- the table of peer x role x column: a line (or a
-- page) goes each way, verified by whichever side is the client.
--   all    with the large peers (Node, Java) too
--   only NAME ...  these peers alone
--   write  puts the table into doc/peers.md, between its two marks
-- Ends with "N passed, N failed, N skipped".

local extras = require "spec.interop.extras"
local helpers = require "spec.support.helpers"
local peers = require "spec.interop.peers"
local ssl = require "luassl"

local unpack = table.unpack or unpack

local KEYS = { "rsa", "ecdsa", "ed25519" }
local KINDS = {
  rsa = { title = "RSA", type = "RSA", sigalgs = "RSA-PSS+SHA256:RSA+SHA256", offered = "rsa_" },
  ecdsa = { title = "ECDSA", type = "EC", sigalgs = "ECDSA+SHA256", offered = "ecdsa_" },
  ed25519 = { title = "Ed25519", type = "Ed25519", sigalgs = "ed25519", offered = "ed25519" },
}
local LINES = 20
local TEXT = ("0123456789abcdef"):rep(8)

-- A column has the `leaves` of the server, `prefix` and key kinds, and `tries`,
-- one connection each (two, of which the second resumes, if `twice`), in this order: `key` is the kind that the
-- client must meet, `accepts` says that it takes no other, `client` is its certificate, if `refused` a wrong one.
-- `alpn`: it also speaks a protocol that nobody else knows; `updates`: keys change; `asks`: the client is asked for
-- its certificate behind the handshake.
local columns = {}

local function leaves_of(prefix, keys)
  local leaves = {}
  for i, key in ipairs(keys) do leaves[i] = prefix .. key end
  return leaves
end

local function column(version, title, prefix, keys, tries)
  columns[#columns + 1] = {
    name = version:match "TLSv(.*)" .. " " .. title, version = version, prefix = prefix,
    leaves = leaves_of(prefix, keys), tries = tries, demands = tries[1].client ~= nil and not tries[1].asks,
    alpn = tries[1].alpn, updates = tries[1].updates, asks = tries[1].asks,
  }
  for _, try in ipairs(tries) do try.version = version end
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  for _, key in ipairs(KEYS) do column(version, KINDS[key].title, "", { key }, { { key = key } }) end
end
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local tries = { { key = "ecdsa", client = "stranger", refused = true } }
  for _, key in ipairs(KEYS) do tries[#tries + 1] = { key = "ecdsa", client = "client-" .. key } end
  column(version, "client certificate", "", { "ecdsa" }, tries)
end
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local tries = {}
  for _, key in ipairs(KEYS) do tries[#tries + 1] = { key = key, accepts = key } end
  column(version, "several keys", "pure-", KEYS, tries)
end
column("TLSv1.3", "ALPN", "", { "ecdsa" }, { { key = "ecdsa", alpn = true } })
column("TLSv1.3", "key update", "", { "ecdsa" }, { { key = "ecdsa", updates = true } })
column("TLSv1.3", "post-handshake authentication", "", { "ecdsa" }, {
  { key = "ecdsa", client = "client-ecdsa", asks = true },
  { key = "ecdsa", client = "stranger", refused = true, asks = true },
})

-- A good response, and one that says that the certificate was revoked; each has a server of its own.
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  column(version, "OCSP", "", { "rsa" }, { { key = "rsa", ocsp = "good.ocsp" },
    { key = "rsa", ocsp = "revoked.ocsp", refused = true } })
end
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  column(version, "resumption", "", { "ecdsa" }, { { key = "ecdsa", twice = true } })
end

local wanted = {}
for _, argument in ipairs(arg) do wanted[argument] = true end

local function installed(program)
  local found = os.execute("command -v " .. program .. " >/dev/null 2>&1")
  return found == true or found == 0
end

-- By ALPN.
local function protocol_of(peer)
  return peer.protocol or "echo"
end

local function finish(process)
  if process.behind then process.behind:stop() end
  process:stop()
end

-- We are the client.
local function exchange_lines(conn, answers)
  for i = 1, LINES do
    local line = ("%d %s"):format(i, TEXT)
    assert(conn:send(line .. "\n"))
    local answer = assert(conn:receive())
    assert(answer == (answers == "reverse" and line:reverse() or line), "another answer: " .. answer)
  end
end

local function fetch(conn)
  assert(conn:send "GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n")
  local answer = assert(conn:receive "*a")
  assert(answer:find("200 OK", 1, true) and answer:find("the page", 1, true), answer)
end

local function connect(process, answers, try)
  local updates = 0
  local conn, err = ssl.connect("localhost", process.port, {
    ca_certs = helpers.file "kinds.crt", minimum_version = try.version, maximum_version = try.version,
    sigalgs = try.accepts and KINDS[try.accepts].sigalgs, timeout = 10,
    certfile = try.client and helpers.file(try.client .. ".crt"),
    keyfile = try.client and helpers.file(try.client .. ".key"), post_handshake_auth = try.asks,
    alpn_protocols = try.alpn and { "other", process.protocol },
    trace = try.updates and function(line)
      if line:find "received KeyUpdate" then updates = updates + 1 end
    end,
    ocsp = try.ocsp and "require" or nil,
  })
  if not conn and try.ocsp and try.refused and err.kind ~= "ocsp" then return end  -- that is no refusal
  assert(conn, err)
  conn:settimeout(10)
  assert(conn:version() == try.version)
  assert(conn:peer_certificate():key_type() == KINDS[try.key].type, "a certificate of another kind")
  if try.alpn then assert(conn:selected_alpn_protocol() == process.protocol, "another protocol") end
  if try.updates then assert(conn:key_update(true)) end
  if try.asks then process:asks(conn, try)
  elseif answers == "http" then fetch(conn)
  else exchange_lines(conn, answers) end
  assert(updates == (try.updates and 1 or 0), "the peer sent no KeyUpdate")
  local resumed = conn:session_reused()
  conn:close()
  return resumed
end

-- Contexts and sessions are kept by ssl.connect.
local function come(process, answers, try)
  connect(process, answers, try)
  if try.twice then assert(connect(process, answers, try), "not resumed") end
end

-- Calls `run(try)` for each of a column: what went wrong, or nil.
local function each(tries, run)
  for _, try in ipairs(tries) do
    local done, err = pcall(run, try)
    if done == (try.refused or false) then
      return ("%s: %s"):format(try.ocsp or try.accepts or try.client or try.key,
        done and "not refused" or tostring(err))
    end
  end
end

local function meet_server(peer, cell, tries)
  local process, answers = peer.serve(cell)
  process.protocol = protocol_of(peer)
  local err = each(tries, function(try) come(process, answers, try) end)
  finish(process)
  return err and err .. "\n" .. process:output()
end

-- Calls meet(peer, cell, tries): once, or for OCSP for each response.
local function each_response(peer, cell, meet)
  if not cell.tries[1].ocsp then return meet(peer, cell, cell.tries) end
  for _, try in ipairs(cell.tries) do
    local part = {}
    for name, value in pairs(cell) do part[name] = value end
    part.ocsp = helpers.file(try.ocsp)
    local err = meet(peer, part, { try })
    if err then return err end
  end
end

local function as_client(peer, cell)
  return each_response(peer, cell, meet_server)
end

-- We are the server, in another process: some peers wait for an answer while
-- they are being started.
local SERVER = [[
  local ssl, socket = require "luassl", require "socket"
  local version, text, demanded, response, extra, protocol = ...
  local certificates = {}
  for i = 7, select("#", ...), 2 do
    local cert, key = select(i, ...)
    certificates[#certificates + 1] = { certfile = cert, keyfile = key }
  end
  local tcp = assert(socket.bind("127.0.0.1", 0))
  print("ready " .. select(2, tcp:getsockname()))
  io.stdout:flush()
  local offered, updates = "-", 0
  local context = assert(ssl.create_default_context {
    server_side = true, certificates = certificates, minimum_version = version, maximum_version = version,
    cert_reqs = demanded ~= "" and extra ~= "asks" and ssl.CERT_REQUIRED or nil,
    ca_certs = demanded ~= "" and demanded or nil, post_handshake_auth = extra == "asks",
    ocsp_response = response ~= "" and response or nil,
    alpn_protocols = extra == "alpn" and { "unknown", protocol } or nil,
    trace = extra == "updates" and function(line)
      if line:find "sent KeyUpdate" then updates = updates + 1 end
    end or nil,
    on_client_hello = #certificates > 1 and function(_, hello)
      offered = table.concat(hello.signature_algorithms, " ")
    end or nil,
  })
  local listener = assert(context:wrap_socket(tcp))
  listener:settimeout(20)
  -- What came before the answer to a request for a certificate.
  local function known(conn)
    assert(conn:verify_client_post_handshake())
    local deadline, data = socket.gettime() + 10, ""
    conn:settimeout(0.01)
    repeat
      local more, err = conn:read()
      data = data .. (more or "")
      if not more and err ~= "timeout" then return nil, err end
    until conn:authenticated_by() and data ~= "" or socket.gettime() > deadline
    conn:settimeout(10)
    return data
  end
  while true do
    local conn, err = listener:accept()
    if conn then
      conn:settimeout(10)
      if extra == "updates" then
        updates = 0
        assert(conn:key_update(true))
        assert(updates == 1)
      end
      local data
      if extra == "asks" then
        data, err = known(conn)
      else
        data, err = conn:read()
      end
      if data and data:find "^GET" then
        conn:send("HTTP/1.0 200 OK\r\nContent-Length: " .. #text .. "\r\n\r\n" .. text)
        repeat data, err = conn:read() until not data
      else
        while data do
          conn:write(data)
          data, err = conn:read()
        end
      end
      local peer = conn:peer_certificate()
      print(("ended %s %s by %s, offered %s, speaks %s, %s"):format(tostring(err), conn:version(),
        peer and peer:subject "oneline" or "nobody", offered, conn:selected_alpn_protocol() or "-",
        conn:session_reused() and "resumed" or "in full"))
      conn:close()
    else
      print("failed " .. tostring(err))
      if not (type(err) == "table" and err.accepted) then return end
    end
    io.stdout:flush()
  end
]]

local function visit(peer, server, try)
  local process = peer.visit(try, server.port, TEXT)
  local done, err = pcall(function()
    local status = process:wait(20)
    assert(status == 0, "status " .. status)
    if process.expected then
      assert(process:output():find(process.expected, 1, true), "not the page")
    end
    local who = try.client and "CN = " .. try.client or "nobody"
    local kind = try.accepts and KINDS[try.accepts].offered or ""
    local line = ("ended closed %s by %s, offered "):format(try.version, who):gsub("[.%-]", "%%%0")
    local how = try.twice and "resumed" or "%a[^\n]*"
    local offered, spoken = server:expect(line .. "(" .. kind .. "[^\n]*), speaks ([^\n,]*), " .. how .. "\n")
    assert(spoken == (try.alpn and protocol_of(peer) or "-"), "it speaks " .. spoken)
    if process.told then assert(process:output():find(process.told, 1, true), "it does not say what it speaks") end
    for name in offered:gmatch "%S+" do
      assert(name:find("^" .. kind), "the peer offered " .. name)
    end
  end)
  local text = process:output()
  finish(process)
  if not done then error(tostring(err) .. "\n" .. text, 0) end
end

local function meet_client(peer, cell, tries)
  local files = {}
  for _, leaf in ipairs(cell.leaves) do
    local cert = helpers.file(leaf .. ".crt")
    if cell.ocsp then  -- curl looks for the issuer in what is sent
      cert = helpers.temp_file(helpers.read_file(cert) .. helpers.read_file(helpers.file "root.crt"))
    end
    files[#files + 1], files[#files + 2] = cert, helpers.file(leaf .. ".key")
  end
  local extra = cell.alpn and "alpn" or cell.updates and "updates" or cell.asks and "asks" or ""
  local server = helpers.lua(SERVER, cell.version, TEXT, (cell.demands or cell.asks) and helpers.file "kinds.crt" or "",
    cell.ocsp or "", extra, protocol_of(peer), unpack(files))
  server.port = tonumber(server:expect "ready (%d+)")
  local err = each(tries, function(try) visit(peer, server, try) end)
  server:stop()
  return err and err .. "\n" .. server:output()
end

local function as_server(peer, cell)
  return each_response(peer, cell, meet_client)
end

-- What of a cell the peer can do, and what the table says of it.
local function within(cell, limit)
  if not limit then return cell, "yes" end
  local tries, titles = {}, {}
  for _, key in ipairs(limit.keys) do titles[#titles + 1] = KINDS[key].title end
  for _, try in ipairs(cell.tries) do
    for _, key in ipairs(limit.keys) do
      if try.key == key then tries[#tries + 1] = try end
    end
  end
  local part = { version = cell.version, alpn = cell.alpn, updates = cell.updates, asks = cell.asks,
    leaves = leaves_of(cell.prefix, limit.keys), tries = tries }
  return part, table.concat(titles, ", ")
end

local count = { passed = 0, failed = 0, skipped = 0 }
local rows, notes = {}, {}

-- Of all peers that have the same reason.
local function note(peer, role, why)
  local i = 1
  while notes[i] and not (notes[i].role == role and notes[i].why == why) do i = i + 1 end
  notes[i] = notes[i] or { role = role, why = why, names = {} }
  local names = notes[i].names
  if names[#names] ~= peer.name then names[#names + 1] = peer.name end
  return (" <sup>%d</sup>"):format(i)
end

local function fill(peer, role, run)
  local row = { peer.name, role }
  for _, cell in ipairs(columns) do
    local limit = peer.limits and peer.limits[role] and peer.limits[role][cell.name]
    local part, answer = within(cell, limit)
    local mark = limit and note(peer, role, limit.why) or ""
    if #part.tries == 0 then
      row[#row + 1] = "-" .. mark
    else
      local _, err = pcall(run, peer, part)
      local outcome = err and "failed" or "passed"
      count[outcome] = count[outcome] + 1
      row[#row + 1] = err and "**no**" or answer .. mark
      if err then io.write(("%s, %s, %s: %s\n"):format(peer.name, role, cell.name, tostring(err))) end
    end
  end
  rows[#rows + 1] = "| " .. table.concat(row, " | ") .. " |"
  print(rows[#rows])
end

for _, peer in ipairs(peers) do
  if wanted.only and not wanted[peer.name] then count.skipped = count.skipped + 1
  elseif not installed(peer.program) or peer.large and not wanted.all then
    count.skipped = count.skipped + 1
    print(("%s: left out (%s)"):format(peer.name, installed(peer.program) and "large" or "not installed"))
  else
    if peer.serve then fill(peer, "server", as_client) end
    if peer.visit then fill(peer, "client", as_server) end
  end
end
helpers.stop_all()

local function write_page()
  local head = { "peer", "as" }
  for _, cell in ipairs(columns) do head[#head + 1] = cell.name end
  local lines = { "| " .. table.concat(head, " | ") .. " |", ("|---"):rep(#head) .. "|", table.concat(rows, "\n") }
  if notes[1] then lines[#lines + 1] = "" end
  for i, found in ipairs(notes) do
    lines[#lines + 1] = ("%d. %s as a %s: %s."):format(i, table.concat(found.names, ", "), found.role, found.why)
  end
  local page = helpers.read_file "doc/peers.md"
  local before, after = page:match "^(.-<!%-%- interop %-%->\n).-(<!%-%- end %-%->.*)$"
  assert(before, "doc/peers.md has no marks for the table")
  helpers.write_file("doc/peers.md", before .. table.concat(lines, "\n") .. "\n" .. after)
end

local extra = extras.run(peers, function(peer)
  if wanted.only and not wanted[peer.name] then return false end
  return installed(peer.program) and (wanted.all or not peer.large)
end, count)
helpers.stop_all()

if wanted.write then
  write_page()
  extras.write(extra)
end
print(("%d passed, %d failed, %d skipped"):format(count.passed, count.failed, count.skipped))
os.exit(count.failed == 0 and 0 or 1)
