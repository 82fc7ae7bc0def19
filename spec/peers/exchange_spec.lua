-- The same exchange with everybody: 1 MiB each way, compared, and a clean end
-- both ways; openssl, curl, Python and ourselves in another process, on either
-- side, with each version and each kind of key, over IPv4 and IPv6.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local VERSIONS = {["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3"}
local KEYS = {"rsa", "ecdsa", "ed25519"}
local SIZE = 1048576
local CHUNK = 32768

-- Lines of digits: openssl's programs take letters for commands. No two are
-- the same, so that nothing can be lost, doubled or moved unseen.
local function numbers(first)
  local lines = {}
  for i = 1, SIZE / 16 do lines[i] = ("%015d\n"):format(first + i) end
  return table.concat(lines)
end

-- Every byte value in it.
local function binary(first)
  return (numbers(first):gsub("(%d)(%d%d)", function(_, digits)
    return string.char(digits * 2 % 256, 255 - digits, digits)
  end))
end

local TO_SERVER, TO_CLIENT = binary(0), binary(1e9)
local DIGITS_TO_SERVER, DIGITS_TO_CLIENT = numbers(0), numbers(1e9)

local function is_same(wanted, got)  -- assert.equal would print both
  assert(#got == #wanted, ("%d bytes, not %d"):format(#got, #wanted))
  assert(got == wanted, "other bytes")
end

-- The peer's output, from `start` on, holds those bytes as they are.
local function has_printed(peer, bytes)
  local first = bytes:sub(1, 16)
  local output = peer:output()
  local start = assert(output:find(first, 1, true), "nothing came")
  is_same(bytes, output:sub(start, start + #bytes - 1))
end

-- Waits until a file has that many bytes.
local function wait_for_output(peer, bytes)
  local last = bytes:sub(-16)
  peer:expect((last:gsub("%W", "%%%0")))
  has_printed(peer, bytes)
end

local function each_kind(run)
  for version, option in pairs(VERSIONS) do
    for _, key in ipairs(KEYS) do run(version, key, option) end
  end
end

-- Our client ---------------------------------------------------------------

local function connect(port, version, host)
  local conn = assert(ssl.connect(host or "127.0.0.1", port, {
    minimum_version = version, maximum_version = version,
    timeout = helpers.patience}))
  conn:settimeout(helpers.patience)
  assert.equal(version, conn:version())
  return conn
end

local function is_certified(conn, key)
  assert.equal(ssl.PEM_cert_to_DER_cert(helpers.read_file(
    file(key .. ".crt"))), conn:getpeercert(true))
end

-- Sends all, says that it was all, receives all: for servers that do so too.
local function exchange_as_client(conn, key)
  is_certified(conn, key)
  assert.equal(SIZE, conn:send(TO_SERVER))
  assert.equal(1, conn:shutdown "send")
  is_same(TO_CLIENT, assert(conn:receive "*a"))
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
end

local function with_python_server(key, host, run)
  local came, sent = helpers.temp_name(), helpers.temp_file(TO_CLIENT)
  local peer = helpers.python_server("transfer", {cert = key,
    arguments = {"--out", came, "--file", sent, "--host", host}})
  run(peer, function()
    peer:expect "ended cleanly"
    is_same(TO_SERVER, helpers.read_file(came))
    os.remove(came)
  end)
  peer:stop()
end

-- s_server has one client at a time, and ends with that one.
local function exchange_with_s_server(version, key, option, host)
  local peer = helpers.s_server {cert = key, host = host and "[" .. host .. "]",
    arguments = {option, "-naccept", "1"}}
  local conn = connect(peer.port, version, host)
  is_certified(conn, key)
  assert.equal(SIZE, conn:send(DIGITS_TO_SERVER))
  for first = 1, SIZE, CHUNK do
    local chunk = DIGITS_TO_CLIENT:sub(first, first + CHUNK - 1)
    assert(peer:write(chunk))
    is_same(chunk, assert(conn:receive(CHUNK)))
  end
  wait_for_output(peer, DIGITS_TO_SERVER)
  -- Our close_notify is what it ends by, with its own.
  assert.equal(1, conn:shutdown "send")
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
  peer:wait()
  assert.truthy(peer:output():find "DONE")
  assert.is_nil(peer:output():find "ERROR")
end

local OUR_SERVER = [[
  local host, certfile, sent, came = ...
  local socket, ssl = require "socket", require "luassl"
  local listener = assert(ssl.wrap_socket(assert(socket.bind(host, 0)),
    {server_side = true, certfile = certfile, suppress_ragged_eofs = false}))
  print("ready " .. select(2, listener:getsockname()))
  io.stdout:flush()
  local content = assert(io.open(sent, "rb")):read "*a"
  while true do
    local conn = assert(listener:accept())
    local data = assert(conn:receive "*a")
    local out = assert(io.open(came, "wb"))
    out:write(data)
    out:close()
    assert(conn:send(content) == #content)
    assert(conn:shutdown "send" == 1)
    assert(select(2, conn:receive(1)) == "closed")
    assert(conn:close() == 1)
    print "ended cleanly"
    io.stdout:flush()
  end]]

local function with_our_server(key, host, run)
  local came, sent = helpers.temp_name(), helpers.temp_file(TO_CLIENT)
  local peer = helpers.lua(OUR_SERVER, host, file(key .. ".pem"), sent, came)
  peer.port = tonumber(peer:expect "ready (%d+)\n")
  run(peer, function()
    peer:expect "ended cleanly"
    is_same(TO_SERVER, helpers.read_file(came))
    os.remove(came)
  end)
  peer:stop()
end

-- Our server ---------------------------------------------------------------

-- Accepts one client of `start(port)`.
local function accept(version, key, host, start)
  local listener = assert(ssl.wrap_socket(assert(socket.bind(host, 0)), {
    server_side = true, certfile = file(key .. ".pem"),
    suppress_ragged_eofs = false}))
  listener:settimeout(helpers.patience)
  local _, port = listener:getsockname()
  local peer = start(port)
  local conn, err = listener:accept()
  listener:close()
  assert(conn, tostring(err) .. "\n" .. peer:output())
  conn:settimeout(helpers.patience)
  assert.equal(version, conn:version())
  return conn, peer
end

local function python_version(version)
  return (version:gsub("%.", "_"))
end

local function exchange_with_python_client(version, key, host)
  local came, sent = helpers.temp_name(), helpers.temp_file(TO_SERVER)
  local conn, peer = accept(version, key, host, function(port)
    return helpers.python_client(port, "transfer", {arguments = {
      "--file", sent, "--out", came, "--host", host,
      "--min", python_version(version), "--max", python_version(version)}})
  end)
  is_same(TO_SERVER, assert(conn:receive(SIZE)))
  assert.equal(SIZE, conn:send(TO_CLIENT))
  assert.equal(1, conn:shutdown "send")
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
  assert.equal(0, peer:wait(), peer:output())
  assert.truthy(peer:output():find "ended cleanly")
  is_same(TO_CLIENT, helpers.read_file(came))
end

-- s_client ends by its own close_notify when its input ends.
local function exchange_with_s_client(version, key, option, host)
  local conn, peer = accept(version, key, host, function(port)
    local connect_to = "[" .. host .. "]:" .. port
    return helpers.s_client(port, {arguments = {"-connect", connect_to,
      option}})
  end)
  assert.equal(SIZE, conn:send(DIGITS_TO_CLIENT))
  for first = 1, SIZE, CHUNK do
    local chunk = DIGITS_TO_SERVER:sub(first, first + CHUNK - 1)
    assert(peer:write(chunk))
    is_same(chunk, assert(conn:receive(CHUNK)))
  end
  wait_for_output(peer, DIGITS_TO_CLIENT)
  peer:close_input()
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
  assert.equal(0, peer:wait(), peer:output())
  assert.truthy(peer:output():find("Verify return code: 0 (ok)", 1, true)
    or peer:output():find("Verification: OK", 1, true))
end

-- The other way to end: s_client says "closed" when our close_notify comes.
local function end_with_s_client(version, key, option)
  local conn, peer = accept(version, key, "127.0.0.1", function(port)
    return helpers.s_client(port, {arguments = {option}})
  end)
  assert.equal(1, conn:shutdown "send")
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
  assert.equal(0, peer:wait(), peer:output())
  assert.truthy(peer:output():find "\nclosed\n")
end

-- Without a length curl reads to the end, and complains of a ragged one.
local function exchange_with_curl(version, key, host)
  local came, sent = helpers.temp_name(), helpers.temp_file(TO_SERVER)
  local option = version:gsub("TLSv", "")
  local conn, peer = accept(version, key, host, function(port)
    local at = ("localhost:%d:%s"):format(port,
      host == "::1" and "[::1]" or host)
    return helpers.spawn {"curl", "-sS", "-m", "20", "--noproxy", "*",
      "--tlsv" .. option, "--tls-max", option, "--http1.1",
      "--cacert", file "root.crt", "--resolve", at, "-H", "Expect:",
      "--data-binary", "@" .. sent, "-o", came,
      "https://localhost:" .. port .. "/"}
  end)
  assert.equal("POST / HTTP/1.1", (conn:receive()))
  repeat
    local line = assert(conn:receive())
    local length = line:match "^Content%-Length: (%d+)"
    if length then assert.equal(SIZE, tonumber(length)) end
  until line == ""
  is_same(TO_SERVER, assert(conn:receive(SIZE)))
  assert(conn:send "HTTP/1.0 200 OK\r\n\r\n")
  assert.equal(SIZE, conn:send(TO_CLIENT))
  assert.equal(1, conn:shutdown "send")
  assert.same({nil, "closed", ""}, {conn:receive(1)})
  assert.equal(1, conn:close())
  assert.equal(0, peer:wait(), peer:output())
  is_same(TO_CLIENT, helpers.read_file(came))
end

local OUR_CLIENT = [[
  local host, port, version, sent, came = ...
  local ssl = require "luassl"
  local conn = assert(ssl.connect(host, port, {minimum_version = version,
    maximum_version = version}))
  local content = assert(io.open(sent, "rb")):read "*a"
  assert(conn:send(content) == #content)
  assert(conn:shutdown "send" == 1)
  local data = assert(conn:receive "*a")
  local out = assert(io.open(came, "wb"))
  out:write(data)
  out:close()
  assert(conn:close() == 1)]]

local function exchange_with_our_client(version, key, host)
  local came, sent = helpers.temp_name(), helpers.temp_file(TO_SERVER)
  local conn, peer = accept(version, key, host, function(port)
    return helpers.lua(OUR_CLIENT, host, port, version, sent, came)
  end)
  is_same(TO_SERVER, assert(conn:receive "*a"))
  assert.equal(SIZE, conn:send(TO_CLIENT))
  assert.equal(1, conn:close())
  assert.equal(0, peer:wait(), peer:output())
  is_same(TO_CLIENT, helpers.read_file(came))
end

-- All of it ----------------------------------------------------------------

describe("our client exchanges with", function()
  it("Python's ssl", function()
    for _, key in ipairs(KEYS) do
      with_python_server(key, "127.0.0.1", function(peer, check)
        for version in pairs(VERSIONS) do
          exchange_as_client(connect(peer.port, version), key)
          check()
        end
      end)
    end
  end)

  it("openssl s_server", function()
    each_kind(exchange_with_s_server)
  end)

  it("ourselves", function()
    for _, key in ipairs(KEYS) do
      with_our_server(key, "127.0.0.1", function(peer, check)
        for version in pairs(VERSIONS) do
          exchange_as_client(connect(peer.port, version), key)
          check()
        end
      end)
    end
  end)
end)

describe("our server exchanges with", function()
  it("Python's ssl", function()
    each_kind(function(version, key)
      exchange_with_python_client(version, key, "127.0.0.1")
    end)
  end)

  it("openssl s_client", function()
    each_kind(function(version, key, option)
      exchange_with_s_client(version, key, option, "127.0.0.1")
      end_with_s_client(version, key, option)
    end)
  end)

  it("curl", function()
    each_kind(function(version, key)
      exchange_with_curl(version, key, "127.0.0.1")
    end)
  end)

  it("ourselves", function()
    each_kind(function(version, key)
      exchange_with_our_client(version, key, "127.0.0.1")
    end)
  end)
end)

describe("over IPv6", function()
  local function on_ipv6(text, run)
    it(text, function()
      local probe = socket.bind("::1", 0)
      if not probe then return pending "this machine has no IPv6" end
      probe:close()
      for version, option in pairs(VERSIONS) do run(version, option) end
    end)
  end

  on_ipv6("our client exchanges with Python's ssl", function(version)
    with_python_server("rsa", "::1", function(peer, check)
      exchange_as_client(connect(peer.port, version, "::1"), "rsa")
      check()
    end)
  end)

  on_ipv6("our client exchanges with openssl s_server",
    function(version, option)
      exchange_with_s_server(version, "ecdsa", option, "::1")
    end)

  on_ipv6("our client exchanges with ourselves", function(version)
    with_our_server("ed25519", "::1", function(peer, check)
      exchange_as_client(connect(peer.port, version, "::1"), "ed25519")
      check()
    end)
  end)

  on_ipv6("our server exchanges with Python's ssl", function(version)
    exchange_with_python_client(version, "ecdsa", "::1")
  end)

  on_ipv6("our server exchanges with openssl s_client",
    function(version, option)
      exchange_with_s_client(version, "rsa", option, "::1")
    end)

  on_ipv6("our server exchanges with curl", function(version)
    exchange_with_curl(version, "rsa", "::1")
  end)
end)
