-- run.lua [all] [write] -- the table of peer x role x version x key: a line
-- (or a page) goes each way, verified by whichever side is the client.
--   all    with the large peers (Node, Java) too
--   write  puts the table into doc/peers.md, between its two marks
-- Ends with "N passed, N failed, N skipped".

local helpers = require "spec.support.helpers"
local peers = require "spec.interop.peers"
local ssl = require "luassl"

local KEYS = { "rsa", "ecdsa", "ed25519" }
local VERSIONS = { "TLSv1.2", "TLSv1.3" }
local LINES = 20
local TEXT = ("0123456789abcdef"):rep(8)

local wanted = {}
for _, argument in ipairs(arg) do wanted[argument] = true end

local function installed(program)
  local found = os.execute("command -v " .. program .. " >/dev/null 2>&1")
  return found == true or found == 0
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

local function as_client(peer, cell)
  local process, answers = peer.serve(cell)
  local done, err = pcall(function()
    local conn = assert(ssl.connect("localhost", process.port, {
      ca_certs = helpers.file "root.crt", minimum_version = cell.version, maximum_version = cell.version,
      timeout = 10,
    }))
    conn:settimeout(10)
    assert(conn:version() == cell.version)
    if answers == "http" then fetch(conn) else exchange_lines(conn, answers) end
    conn:close()
  end)
  finish(process)
  if not done then return nil, tostring(err) .. "\n" .. process:output() end
  return true
end

-- We are the server, in another process: some peers wait for an answer while
-- they are being started.
local function as_server(peer, cell)
  local cert, key = helpers.file(cell.key .. ".crt"), helpers.file(cell.key .. ".key")
  local server = helpers.lua([[
    local ssl, socket = require "luassl", require "socket"
    local cert, key, version, text = ...
    local tcp = assert(socket.bind("127.0.0.1", 0))
    print("ready " .. select(2, tcp:getsockname()))
    io.stdout:flush()
    local context = assert(ssl.create_default_context {
      server_side = true, certfile = cert, keyfile = key, minimum_version = version, maximum_version = version,
    })
    local listener = assert(context:wrap_socket(tcp))
    listener:settimeout(20)
    while true do
      local conn, err = listener:accept()
      if conn then
        conn:settimeout(10)
        local data = conn:read()
        if data and data:find "^GET" then
          conn:send("HTTP/1.0 200 OK\r\nContent-Length: " .. #text .. "\r\n\r\n" .. text)
          repeat data, err = conn:read() until not data
        else
          while data do
            conn:write(data)
            data, err = conn:read()
          end
        end
        print("ended " .. tostring(err) .. " " .. tostring(conn:version()))
        conn:close()
      else
        print("failed " .. tostring(err))
        if not (type(err) == "table" and err.accepted) then return end
      end
      io.stdout:flush()
    end
  ]], cert, key, cell.version, TEXT)
  server.port = tonumber(server:expect "ready (%d+)")
  local process
  local done, err = pcall(function()
    local status
    process = peer.visit(cell, server.port, TEXT)
    status = process:wait(20)
    assert(status == 0, "status " .. status)
    if process.expected then
      assert(process:output():find(process.expected, 1, true), "not the page")
    end
    server:expect((peer.ragged and "ended .-" or "ended closed") .. " " .. cell.version:gsub("%.", "%%."))
  end)
  local text = server:output() .. (process and process:output() or "")
  if process then finish(process) end
  server:stop()
  if not done then return nil, tostring(err) .. "\n" .. text end
  return true
end

local count = { passed = 0, failed = 0, skipped = 0 }
local rows = {}

local function try(peer, role, run)
  local row = { peer.name, role }
  for _, version in ipairs(VERSIONS) do
    for _, key in ipairs(KEYS) do
      local cell = { key = key, version = version }
      local called, ok, err = pcall(run, peer, cell)
      if not called then ok, err = nil, ok end
      count[ok and "passed" or "failed"] = count[ok and "passed" or "failed"] + 1
      row[#row + 1] = ok and "yes" or "**no**"
      if not ok then
        io.write(("%s, %s, %s, %s: %s\n"):format(peer.name, role, version, key, tostring(err)))
      end
    end
  end
  rows[#rows + 1] = "| " .. table.concat(row, " | ") .. " |"
  print(rows[#rows])
end

for _, peer in ipairs(peers) do
  if not installed(peer.program) or peer.large and not wanted.all then
    count.skipped = count.skipped + 1
    print(("%s: left out (%s)"):format(peer.name, installed(peer.program) and "large" or "not installed"))
  else
    if peer.serve then try(peer, "server", as_client) end
    if peer.visit then try(peer, "client", as_server) end
  end
end
helpers.stop_all()

local function write_page()
  local head = "| peer | as | " .. table.concat({
    "1.2 RSA", "1.2 ECDSA", "1.2 Ed25519", "1.3 RSA", "1.3 ECDSA", "1.3 Ed25519" }, " | ") .. " |\n"
    .. ("|---"):rep(8) .. "|\n"
  local page = helpers.read_file "doc/peers.md"
  local before, after = page:match "^(.-<!%-%- interop %-%->\n).-(<!%-%- end %-%->.*)$"
  assert(before, "doc/peers.md has no marks for the table")
  local file = assert(io.open("doc/peers.md", "wb"))
  file:write(before, head, table.concat(rows, "\n"), "\n", after)
  file:close()
end

if wanted.write then write_page() end
print(("%d passed, %d failed, %d skipped"):format(count.passed, count.failed, count.skipped))
os.exit(count.failed == 0 and 0 or 1)
