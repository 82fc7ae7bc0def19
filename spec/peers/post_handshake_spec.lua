-- Post-handshake authentication and key updates with other programs.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local CERTIFICATE = {"-cert", file "client.crt", "-key", file "client.key"}
local STRANGER = {"-cert", file "selfsigned.crt", "-key", file "selfsigned.key"}

local function listen(options)
  local all = {server_side = true, certfile = file "rsa.pem", ca_certs = file "root.crt", post_handshake_auth = true}
  for name, value in pairs(options or {}) do all[name] = value end
  local listener = assert(assert(ssl.SSLContext(all)):wrap_socket(assert(socket.bind("127.0.0.1", 0))))
  listener:settimeout(helpers.patience)
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

local function accept(listener)
  local conn = assert(listener:accept())
  conn:settimeout(helpers.patience)
  listener:close()
  return conn
end

local function s_client(port, arguments)
  local all = {"-enable_pha", "-tls1_3"}
  for _, argument in ipairs(arguments) do all[#all + 1] = argument end
  return helpers.s_client(port, {arguments = all})
end

local function connect(port, options)
  local all = {ca_certs = file "root.crt", certfile = file "client.pem", post_handshake_auth = true,
    server_hostname = "localhost", timeout = helpers.patience}
  for name, value in pairs(options or {}) do all[name] = value end
  local conn = assert(ssl.connect("127.0.0.1", port, all))
  conn:settimeout(helpers.patience)
  return conn
end

-- Asks, and answers what the read behind it does.
local function ask(conn, peer)
  peer:write "first\n"
  assert.equal("first", conn:receive())
  assert.is_nil(conn:authenticated_by())
  assert(conn:verify_client_post_handshake())
  assert(conn:send "asked\n")
  peer:expect "asked"
  peer:write "second\n"
  return conn:receive()
end

-- Waits until it was obeyed (with no tickets on the way): what is written
-- meanwhile counts as part of it.
local function command(conn, peer, letter)
  peer:write(letter .. "\n")
  assert.equal(1, #socket.select({conn}, nil, helpers.patience))
end

describe("our server and openssl s_client -enable_pha:", function()
  for _, hooked in ipairs {false, true} do
    it("the client is known behind the request" .. (hooked and ", by a hook that waits" or ""), function()
      local listener, port = listen {on_verify = hooked and function(_, facts)
        assert(facts.verified)
        coroutine.yield "hook"
      end or nil}
      local peer = s_client(port, CERTIFICATE)
      local conn = accept(listener)
      local thread = coroutine.wrap(function() return ask(conn, peer) end)
      if hooked then assert.equal("hook", thread()) end
      assert.equal("second", thread())
      assert.equal("certificate", conn:authenticated_by())
      conn:close()
      peer:close_input()
      peer:wait()
    end)
  end

  it("a client without a certificate hears certificate_required", function()
    local listener, port = listen()
    local peer = s_client(port, {})
    local conn = accept(listener)
    local _, err = ask(conn, peer)
    assert.equal("no_certificate", err.kind)
    assert.equal("116", peer:expect "alert number (%d+)")
    conn:close()
    peer:wait()
  end)

  it("one that is not trusted hears why", function()
    local listener, port = listen()
    local peer = s_client(port, STRANGER)
    local conn = accept(listener)
    local _, err = ask(conn, peer)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    assert.equal("48", peer:expect "alert number (%d+)")
    conn:close()
    peer:wait()
  end)

  for alert, number in pairs {certificate_revoked = "44", bad_certificate = "42"} do
    it("one that a hook refuses hears " .. alert, function()
      local listener, port = listen {on_verify = function() return nil, alert end}
      local peer = s_client(port, CERTIFICATE)
      local conn = accept(listener)
      assert.equal(alert, select(2, ask(conn, peer)))
      assert.equal(number, peer:expect "alert number (%d+)")
      conn:close()
      peer:wait()
    end)
  end

  it("one that does not offer it is not asked", function()
    local listener, port = listen()
    local peer = helpers.s_client(port, {arguments = {"-tls1_3"}})
    local conn = accept(listener)
    local _, err = conn:verify_client_post_handshake()
    assert.equal("unsupported", err.kind)
    conn:close()
    peer:wait()
  end)

  it("key updates, both ways and asked for", function()
    local listener, port = listen()
    local peer = s_client(port, {"-msg"})
    local conn = accept(listener)
    assert.is_true(conn:key_update())
    assert(conn:send "one\n")
    assert.truthy(peer:expect "<<< [^\n]*KeyUpdate[^\n]*\n%s+18 00 00 01 00")
    assert.truthy(peer:expect "one")
    assert.is_true(conn:key_update(true))
    assert(conn:send "two\n")
    assert.truthy(peer:expect "<<< [^\n]*KeyUpdate[^\n]*\n%s+18 00 00 01 01")
    peer:write "text\n"
    assert.equal("text", conn:receive())
    assert.truthy(peer:expect ">>> [^\n]*KeyUpdate")  -- it did as it was asked
    for _, letter in ipairs {"k", "K"} do
      command(conn, peer, letter)
      peer:write "text\n"
      assert.equal("text", conn:receive())
      assert(conn:send "reply\n")
    end
    conn:close()
    peer:wait()
  end)
end)

describe("our server and gnutls-cli --post-handshake-auth:", function()
  it("the client is known behind the request; keys are updated", function()
    local listener, port = listen {on_verify = function(_, facts) assert(facts.verified) end}
    local peer = helpers.spawn({"gnutls-cli", "--post-handshake-auth", "--x509cafile", file "root.crt",
      "--x509certfile", file "client.crt", "--x509keyfile", file "client.key", "-p", tostring(port), "localhost"},
      {input = true})
    local conn = accept(listener)
    assert.equal("second", ask(conn, peer))
    assert.equal("certificate", conn:authenticated_by())
    assert.is_true(conn:key_update(true))
    assert(conn:send "reply\n")
    peer:expect "reply"
    peer:write "third\n"
    assert.equal("third", conn:receive())
    conn:close()
    peer:close_input()
    peer:wait()
  end)
end)

describe("our client and openssl s_server:", function()
  it("answers its command c with the certificate", function()
    local peer = helpers.s_server {arguments = {"-CAfile", file "root.crt", "-tls1_3", "-num_tickets", "0",
      "-verify_return_error"}}
    local conn = connect(peer.port)
    assert(conn:send "first\n")
    peer:expect "first"
    command(conn, peer, "c")
    peer:write "data\n"
    assert.equal("data", conn:receive())
    assert(conn:send "second\n")
    peer:expect "second"
    assert.truthy(peer:output():find("LuaSSL test client", 1, true))
    conn:close()
    peer:stop()
  end)

  it("lets a hook choose it, inside a read that waits", function()
    local peer = helpers.s_server {arguments = {"-CAfile", file "root.crt", "-tls1_3", "-num_tickets", "0",
      "-verify_return_error"}}
    local conn = connect(peer.port, {on_certificate = function()
      coroutine.yield "hook"
      return {cert = helpers.read_file(file "client.crt"), key = helpers.read_file(file "client.key")}
    end})
    command(conn, peer, "c")
    peer:write "data\n"
    local read = coroutine.wrap(function() return conn:receive() end)
    assert.equal("hook", read())
    assert.equal("data", read())
    assert(conn:send "second\n")
    peer:expect "second"
    assert.truthy(peer:output():find("LuaSSL test client", 1, true))
    conn:close()
    peer:stop()
  end)

  it("cannot be asked unless it said so", function()
    local peer = helpers.s_server {arguments = {"-tls1_3"}}
    local conn = connect(peer.port, {post_handshake_auth = false})
    assert(conn:send "first\n")
    peer:expect "first"
    peer:write "c\n"
    peer:expect "extension not received"
    conn:close()
    peer:stop()
  end)

  it("key updates, both ways and asked for", function()
    local peer = helpers.s_server {arguments = {"-tls1_3", "-num_tickets", "0", "-msg"}}
    local conn = connect(peer.port)
    assert.is_true(conn:key_update())
    assert(conn:send "one\n")
    assert.truthy(peer:expect "<<< [^\n]*KeyUpdate[^\n]*\n%s+18 00 00 01 00")
    peer:expect "one"
    assert.is_true(conn:key_update(true))
    assert(conn:send "two\n")
    assert.truthy(peer:expect "<<< [^\n]*KeyUpdate[^\n]*\n%s+18 00 00 01 01")
    for _, letter in ipairs {"k", "K"} do
      command(conn, peer, letter)
      peer:write "text\n"
      assert.equal("text", conn:receive())
      assert(conn:send "reply\n")
    end
    conn:close()
    peer:stop()
  end)
end)

describe("Python and post-handshake authentication:", function()
  local function script(...)
    return helpers.spawn {"python3", "spec/peers/post_handshake.py", ...}
  end

  it("its client is asked by our server", function()
    for _, case in ipairs {{file "client.pem", "certificate", "said: b'bye"},
      {"-", nil, "failed: .*certificate required"}} do
      local listener, port = listen()
      local peer = script("client", tostring(port), file "root.crt", case[1])
      local conn = accept(listener)
      assert.equal("first", conn:receive())
      assert(conn:verify_client_post_handshake())
      assert(conn:send "asked\n")
      conn:receive()
      assert.equal(case[2], conn:authenticated_by())
      conn:send "bye\n"
      conn:close()
      peer:wait()
      assert.matches("said: b'asked", peer:output())
      assert.matches(case[3], peer:output())
    end
  end)

  it("its server asks our client", function()
    for certificate, outcome in pairs {client = "behind: LuaSSL test client", selfsigned = "failed: .*verify failed"} do
      local peer = script("server", file "rsa.pem", file "root.crt")
      local conn = connect(tonumber(peer:expect "ready (%d+)\n"), {certfile = file(certificate .. ".pem")})
      assert(conn:send "first\n")
      assert.equal("asked", conn:receive())
      local sent, err = conn:send "second\n"
      if sent then err = select(2, conn:receive()) end
      if certificate == "selfsigned" then assert.equal("unknown_ca", err.alert) end
      conn:close()
      peer:wait()
      assert.matches("before: nobody", peer:output())
      assert.matches(outcome, peer:output())
    end
  end)
end)
