-- Sessions with other implementations, in both directions.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"

helpers.audit()

local VERSIONS = {"TLSv1.2", "TLSv1.3"}
local OPTIONS = {["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3"}

-- A connection to a port that reads a line or more: its session, whether it
-- was resumed, and what it read.
local function visit(context, port, session, line)
  local sock = assert(socket.connect("127.0.0.1", port))
  local conn = assert(context:wrap_socket(sock,
    {server_hostname = "localhost", session = session}))
  conn:settimeout(helpers.patience)
  assert(conn:send(line))
  local data = assert(conn:receive())
  local found, reused = conn:session(), conn:session_reused()
  conn:close()
  return found, reused, data
end

describe("sessions of our client are resumed by", function()
  for _, version in ipairs(VERSIONS) do
    local function check(port, line)
      local context = resuming.client {minimum_version = version,
        maximum_version = version}
      local session, reused = visit(context, port, nil, line)
      assert.is_false(reused)
      assert.is_userdata(session)
      assert.equal(version, session:version())
      session, reused = visit(context, port, session, line)
      assert.is_true(reused)
      assert.is_userdata(session)
      assert.is_true(select(2, visit(context, port, session, line)))
      assert.is_false(select(2, visit(context, port, nil, line)))
    end

    it("openssl s_server, " .. version, function()
      local peer = helpers.s_server {arguments = {"-www"}}
      check(peer.port, "GET / HTTP/1.0\r\n\r\n")
      peer:stop()
    end)

    it("openssl s_server without tickets, " .. version, function()
      local peer = helpers.s_server {arguments = {"-www", "-no_ticket"}}
      check(peer.port, "GET / HTTP/1.0\r\n\r\n")
      peer:stop()
    end)

    it("Python, " .. version, function()
      local peer = helpers.python_server "echo"
      check(peer.port, "hello\n")
      peer:stop()
    end)
  end

  it("openssl s_server, which says so itself", function()
    local peer = helpers.s_server {arguments = {"-www"}}
    local context = resuming.client()
    local session = visit(context, peer.port, nil, "GET / HTTP/1.0\r\n\r\n")
    local sock = assert(socket.connect("127.0.0.1", peer.port))
    local conn = assert(context:wrap_socket(sock,
      {server_hostname = "localhost", session = session}))
    conn:settimeout(helpers.patience)
    assert(conn:send "GET / HTTP/1.0\r\n\r\n")
    local page = assert(conn:receive "*a")
    conn:close()
    assert.matches("\nReused, TLSv1.3,", page)
    peer:stop()
  end)
end)

-- Our server in this process; `serve` answers one connection and ends it.
describe("sessions of our server are resumed by", function()
  local function listen(context)
    local listener = assert(context:wrap_socket(socket.bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
    local _, port = listener:getsockname()
    return listener, port
  end

  local function serve(listener)
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert(conn:send "hello\n")
    local reused = conn:session_reused()
    conn:receive "*a"
    conn:close()
    return reused
  end

  local function s_client(listener, port, version, arguments)
    table.insert(arguments, OPTIONS[version])
    local peer = helpers.s_client(port, {arguments = arguments})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    assert(conn:send "hello\n")
    peer:expect "hello"
    local reused = conn:session_reused()
    peer:close_input()
    conn:receive "*a"
    conn:close()
    assert.equal(0, peer:wait())
    return reused, peer:output()
  end

  for _, version in ipairs(VERSIONS) do
    it("openssl s_client, " .. version, function()
      local listener, port = listen(resuming.server())
      local file = helpers.temp_name()
      local reused, output = s_client(listener, port, version,
        {"-sess_out", file})
      assert.is_false(reused)
      assert.matches("\nNew, TLSv1.[23],", output)
      reused, output = s_client(listener, port, version, {"-sess_in", file})
      assert.is_true(reused)
      assert.matches("\nReused, TLSv1.[23],", output)
      listener:close()
    end)

    it("openssl s_client, but not with another server name, " .. version,
      function()
        local listener, port = listen(resuming.server())
        local file = helpers.temp_name()
        s_client(listener, port, version, {"-sess_out", file})
        assert.is_false((s_client(listener, port, version,
          {"-sess_in", file, "-servername", "elsewhere.example"})))
        listener:close()
      end)

    it("openssl s_client, but not where server_names has another context, "
      .. version, function()
        local names = {localhost = resuming.server()}
        local listener, port = listen(resuming.server {server_names = names})
        local file = helpers.temp_name()
        s_client(listener, port, version, {"-sess_out", file})
        assert.is_true((s_client(listener, port, version,
          {"-sess_in", file, "-sess_out", file})))
        names.localhost = resuming.server {certfile = helpers.file "ecdsa.pem"}
        local reused, output = s_client(listener, port, version,
          {"-sess_in", file})
        assert.is_false(reused)
        assert.matches("\nNew, TLSv1.[23],", output)
        listener:close()
      end)
  end

  -- The server itself keeps the session then.
  it("openssl s_client without tickets", function()
    local listener, port = listen(resuming.server())
    local file = helpers.temp_name()
    assert.is_false((s_client(listener, port, "TLSv1.2",
      {"-no_ticket", "-sess_out", file})))
    assert.is_true((s_client(listener, port, "TLSv1.2",
      {"-no_ticket", "-sess_in", file})))
    assert.is_false((s_client(listener, port, "TLSv1.2",
      {"-no_ticket", "-sess_in", file, "-servername", "elsewhere.example"})))
    listener:close()
    for _, options in ipairs {{session_cache = false},
      {pins = {resuming.pin "root.crt"}, cert_reqs = 1,
        ca_certs = helpers.file "root.crt"}} do
      listener, port = listen(resuming.server(options))
      local certificate = {"-no_ticket", "-cert", helpers.file "client.crt",
        "-key", helpers.file "client.key"}
      local function arguments(...)
        local list = {...}
        for _, word in ipairs(certificate) do list[#list + 1] = word end
        return list
      end
      s_client(listener, port, "TLSv1.2", arguments("-sess_out", file))
      assert.is_false((s_client(listener, port, "TLSv1.2",
        arguments("-sess_in", file))))
      listener:close()
    end
  end)

  it("Python", function()
    for _, version in ipairs(VERSIONS) do
      local listener, port = listen(resuming.server())
      local peer = helpers.spawn {"python3", "spec/peers/resume.py",
        tostring(port), helpers.file "root.crt", version, "localhost",
        "localhost", "127.0.0.1"}
      local reused = {}
      for i = 1, 3 do reused[i] = serve(listener) end
      assert.equal(0, peer:wait())
      assert.equal("False\nTrue\nFalse\n", peer:output())
      assert.same({false, true, false}, reused)
      listener:close()
    end
  end)

  it("ssl.connect", function()
    local listener, port = listen(resuming.server())
    local peer = helpers.lua([[
      local ssl = require "luassl"
      local port = tonumber((...))
      for _ = 1, 3 do
        local conn = assert(ssl.connect("127.0.0.1", port,
          {server_hostname = "localhost"}))
        conn:settimeout(10)
        assert(conn:receive() == "hello")
        print(conn:session_reused())
        conn:close()
      end
    ]], port)
    local reused = {}
    for i = 1, 3 do reused[i] = serve(listener) end
    assert.equal(0, peer:wait())
    assert.equal("false\ntrue\ntrue\n", peer:output())
    assert.same({false, true, true}, reused)
    listener:close()
  end)
end)
