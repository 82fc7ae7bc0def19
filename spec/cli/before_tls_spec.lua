-- What is said before TLS: by scripted servers, those of protocols that no server
-- here speaks, and hostile ones.
local cli = require "spec.support.cli"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local CA = helpers.file "root.crt"

-- Runs the command against a server that treats each connection by `treat(sock)`,
-- which may answer true: TLS begins then; or "flood": its data has no end then. The
-- command's JSON and exit status.
local function against(protocol, treat, ...)
  local context = assert(ssl.create_default_context {server_side = true, certfile = helpers.file "rsa.pem",
    num_tickets = protocol == "pop3" and 0 or nil})
  local listener = assert(socket.bind("127.0.0.1", 0))
  listener:settimeout(0.02)
  local _, port = listener:getsockname()
  local process = cli.start("inspect", "--json", "--ca", CA, "--name", "localhost", "--starttls", protocol,
    "--timeout", "5", "127.0.0.1:" .. port, ...)
  local deadline = socket.gettime() + 50
  while not process:status() and socket.gettime() < deadline do
    local sock = listener:accept()
    if sock then
      sock:settimeout(helpers.patience)
      local kind = treat(sock)
      local conn = kind and context:wrap_socket(sock, {server_side = true})
      if conn then
        conn:settimeout(helpers.patience)
        local until_then = socket.gettime() + 20
        repeat
          local sent = conn:send(("x"):rep(10000))  -- tickets come with the first data
        until kind ~= "flood" or not sent or socket.gettime() > until_then
        if kind ~= "flood" then conn:read() end
        conn:close()
      end
      sock:close()
    end
  end
  listener:close()
  local status = process:wait()
  local value = require "dkjson".decode(process:output())
  assert(value, process:output())
  return value, status, process:output()
end

-- A server that says and hears what a list has: {says}, or a string that it must hear.
local function scripted(script)
  return function(sock)
    for _, step in ipairs(script) do
      if type(step) == "table" then sock:send(step[1])
      else
        local heard = sock:receive(#step)
        if heard ~= step then return false end
      end
    end
    return script.tls ~= false
  end
end

local MYSQL = "\10" .. "8.0.36\0" .. "\1\0\0\0" .. "12345678\0" .. "\255\255" .. "\33" .. "\2\0" .. "\255\255"
  .. "\21" .. ("\0"):rep(10) .. "123456789012\0" .. "mysql_native_password\0"
local LDAP = "\48\29\2\1\1\119\24\128\22" .. "1.3.6.1.4.1.1466.20037"
local XMPP_HEAD = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
  .. "xmlns:stream='http://etherx.jabber.org/streams'>"
local XMPP_TLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

local GOOD = {
  ftp = {{"220-Welcome\r\n 230 is no end\r\n220 ready\r\n"}, "AUTH TLS\r\n", {"234 go\r\n"}},
  imap = {{"* OK [CAPABILITY IMAP4] hello\r\n"}, "a1 STARTTLS\r\n", {"* a remark\r\na1 OK go\r\n"}},
  ldap = {LDAP, {"\48\12\2\1\1\120\7\10\1\0\4\0\4\0"}},
  mysql = {{string.char(#MYSQL, 0, 0, 0) .. MYSQL},
    "\32\0\0\1\0\138\0\0\0\0\0\1\33" .. ("\0"):rep(23)},
  pop3 = {{"+OK hello\r\n"}, "STLS\r\n", {"+OK go\r\n"}},
  postgres = {"\0\0\0\8\4\210\22\47", {"S"}},
  sieve = {{'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK\r\n'}, "STARTTLS\r\n", {'OK "go"\r\n'}},
  smtp = {{"220 hello\r\n"}, "EHLO localhost\r\n", {"250-x\r\n250-STARTTLS\r\n250 OK\r\n"}, "STARTTLS\r\n",
    {"220 go\r\n"}},
  xmpp = {XMPP_HEAD, {"<stream:stream><stream:features>" .. XMPP_TLS .. "</stream:features>"}, XMPP_TLS,
    {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"}},
}

local REFUSALS = {
  ftp = {{"220 x\r\n"}, "AUTH TLS\r\n", {"502 not here\r\n"}},
  imap = {{"* OK x\r\n"}, "a1 STARTTLS\r\n", {"a1 BAD not here\r\n"}},
  ldap = {LDAP, {"\48\12\2\1\1\120\7\10\1\2\4\0\4\0"}},
  mysql = {{string.char(#MYSQL, 0, 0, 0) .. MYSQL:gsub("\255\255", "\255\247", 1)}},
  pop3 = {{"+OK x\r\n"}, "STLS\r\n", {"-ERR not here\r\n"}},
  postgres = {"\0\0\0\8\4\210\22\47", {"N"}},
  sieve = {{'"IMPLEMENTATION" "x"\r\nOK\r\n'}},
  smtp = {{"220 x\r\n"}, "EHLO localhost\r\n", {"250-x\r\n250 HELP\r\n"}},
  xmpp = {XMPP_HEAD, {"<stream:stream><stream:features></stream:features>"}},
}

-- Not sent in clear text: what an attacker puts behind the server's consent.
local INJECTED = {
  ftp = "230 in\r\n", imap = "a2 OK in\r\n", ldap = "\48\0", pop3 = "+OK in\r\n", postgres = "R", sieve = "OK\r\n",
  smtp = "250 in\r\n", xmpp = "<stream:features/>",
}

describe("luassl inspect --starttls", function()
  if not cli.found then return pending(cli.missing) end

  for protocol, script in pairs(GOOD) do
    it(protocol .. " begins TLS", function()
      local result, status = against(protocol, scripted(script))
      assert.equal("good", result.verdict.status, result.verdict.text)
      assert.equal(0, status)
    end)

    it(protocol .. " tells a refusal", function()
      local refusal = {tls = false}
      for i, step in ipairs(REFUSALS[protocol]) do refusal[i] = step end
      local result, status = against(protocol, scripted(refusal))
      assert.equal("refused", result.verdict.status, result.verdict.text)
      assert.equal(1, status)
      assert.matches("^" .. protocol:upper() .. ": the server ", result.verdict.text)
      assert.is_false(result.verified)
    end)
  end

  for protocol, bytes in pairs(INJECTED) do
    it(protocol .. " carries nothing into TLS that came before it", function()
      local script = {}
      for i, step in ipairs(GOOD[protocol]) do script[i] = step end
      script[#script] = {script[#script][1] .. bytes}
      local result, status = against(protocol, scripted(script))
      assert.equal("refused", result.verdict.status)
      assert.equal(1, status)
      assert.is_nil(result.version)
    end)
  end

  for name, answer in pairs {["a line without an end"] = ("x"):rep(100000), ["lines without an end"] =
      ("250-x\r\n"):rep(20000)} do
    it("smtp ends " .. name, function()
      local result, status = against("smtp", function(sock)
        sock:send(answer:find "\n" and "220 x\r\n" .. answer or answer)
      end)
      assert.equal("refused", result.verdict.status)
      assert.equal(1, status)
    end)
  end

  it("does not wait for a silent server for ever", function()
    local before = socket.gettime()
    local result, status = against("imap", function(sock)
      sock:settimeout(20)
      sock:receive(1)
    end, "--timeout", "0.5")
    assert.equal("unreachable", result.verdict.status)
    assert.equal(2, status)
    assert.is_true(socket.gettime() - before < 20)
  end)

  it("does not read for ever what a server says behind the handshake", function()
    local before = socket.gettime()
    local greet = scripted(GOOD.pop3)
    local result, status = against("pop3", function(sock) return greet(sock) and "flood" end)
    assert.equal("good", result.verdict.status, result.verdict.text)
    assert.equal(0, status)
    assert.is_true(socket.gettime() - before < 18)
  end)

  it("shows a server's words without what a terminal obeys", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local process = cli.start("inspect", "--color", "always", "--starttls", "pop3", "127.0.0.1:"
      .. select(2, server:getsockname()))
    server:settimeout(helpers.patience)
    local sock = assert(server:accept())
    sock:send "-ERR \27[2J\27]0;owned\7\155\226\128\174\r\n"
    assert.equal(1, process:wait(20))
    sock:close()
    server:close()
    local text = process:output():gsub("\27%[[%d]*m", "")
    assert.truthy(text:find("\\x1B[2J\\x1B]0;owned\\x07\\x9B\\xE2\\x80\\xAE", 1, true), text)
    assert.is_nil(text:find "[^ -~\n]")
  end)
end)
