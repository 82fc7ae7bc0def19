-- Failures as values: what they are, what they say, and how OpenSSL's
-- complaints, peers without TLS and alerts become them.
local errors = require "luassl.errors"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local LEGACY = "DEFAULT:@SECLEVEL=0"

-- An error that needs nobody else.
local function sample()
  local ok, err = ssl.RAND_egd "/nonexistent/socket"
  assert.is_nil(ok)
  return err
end

local TEXT = "RAND_egd /nonexistent/socket: No such file or directory"

-- The errors of both sides of a handshake that fails.
local function refused(options)
  local client, server = helpers.pair(options)
  local ok, client_error, server_error = helpers.handshake(client, server)
  assert.is_nil(ok)
  client:close()
  server:close()
  return client_error, server_error
end

-- The error of a client ("server": of a server) that hears these bytes first.
local function hears(bytes, side)
  local client, server = helpers.pair()
  local object = side == "server" and server or client
  object:do_handshake()
  object:feed(bytes)
  local ok, err = object:do_handshake()
  assert.is_nil(ok)
  client:close()
  server:close()
  return err
end

-- Checks the class, the given fields, and that the kind is a documented one.
local function is_error(err, class, fields)
  assert.is_table(err)
  assert.is_true(err:is(ssl[class]), tostring(err))
  for name, value in pairs(fields or {}) do
    assert.equal(value, err[name], ("%s of: %s"):format(name, tostring(err)))
  end
  assert.is_string(err.operation)
  assert.equal(err.kind, errors.kinds[err.kind])
  assert.equal(err.text, tostring(err))
  assert.equal(1, (err:find(err.operation, 1, true)))
end

describe("an error", function()
  it("belongs to its class and to those above it", function()
    local err = sample()
    for _, name in ipairs {"SSLSyscallError", "SSLError", "SocketError", "IOError"} do
      assert.is_true(err:is(ssl[name]), name)
    end
    assert.is_false(err:is(ssl.SSLEOFError))
    assert.is_false(err:is(ssl.SSLCertVerificationError))
    assert.equal(ssl.SSLSyscallError, getmetatable(err))
  end)

  it("raises when it is compared with no class", function()
    local err = sample()
    for _, class in ipairs {"SSLError", 1, {}, ssl, print} do
      assert.error_matches(function() err:is(class) end, "error class expected")
    end
    assert.error_matches(function() err:is(nil) end, "error class expected, got nil")
  end)

  it("prints its text", function()
    assert.equal(TEXT, tostring(sample()))
    assert.equal(TEXT, sample().text)
  end)

  it("is joined like a string", function()
    local err = sample()
    assert.equal("failed: " .. TEXT, "failed: " .. err)
    assert.equal(TEXT .. "!", err .. "!")
    assert.equal(TEXT .. 1, err .. 1)
    assert.equal(TEXT .. TEXT, err .. sample())
    local other = setmetatable({}, {__concat = function() return "theirs" end})
    assert.equal("theirs", err .. other)
    assert.equal("theirs", other .. err)
  end)

  it("is not joined with what strings are not joined with", function()
    for _, value in ipairs {{}, true, print} do
      assert.has_error(function() return sample() .. value end)
      assert.has_error(function() return value .. sample() end)
    end
    assert.has_error(function() return sample() .. nil end)
  end)

  it("has the methods of strings", function()
    local err = sample()
    assert.same({10, 10}, {err:find("/", 1, true)})
    assert.equal("RAND_egd", err:match "^[%w_]+")
    assert.equal("No such file or directory", err:gsub("^.*: ", ""))
    assert.equal("RAND", err:sub(1, 4))
    assert.equal(TEXT:lower(), err:lower())
    assert.equal(TEXT:upper(), err:upper())
    assert.equal(#TEXT, err:len())
    assert.equal(TEXT, err:format())
    local words = 0
    for _ in err:gmatch "%S+" do words = words + 1 end
    assert.equal(7, words)
  end)

  it("equals itself alone", function()
    local err = sample()
    assert.is_true(err == err)
    assert.is_false(err == sample())
  end)

  it("is raised and caught as it is", function()
    local err = sample()
    for _, level in ipairs {0, 1, 2} do
      local done, caught = pcall(error, err, level)
      assert.is_false(done)
      assert.is_true(rawequal(err, caught))
    end
  end)

  it("is made in Lua too", function()
    local err = errors.new("SSLEOFError", {kind = "eof", operation = "read", text = "read: gone"})
    is_error(err, "SSLEOFError", {text = "read: gone"})
    assert.has_error(function() errors.new("NoError", {}) end)
  end)
end)

describe("a system error", function()
  it("has the errno, its text and the file", function()
    local err = sample()
    is_error(err, "SSLSyscallError", {kind = "syscall", operation = "RAND_egd",
      library = "system library", reason = "No such file or directory", code = 2,
      file = "/nonexistent/socket"})
    assert.is_nil(err.stack)
    assert.is_nil(err.alert)
    assert.is_nil(err.verify_code)
  end)
end)

describe("an error of OpenSSL's", function()
  it("has library, reason and code", function()
    local context, err = ssl.SSLContext {ciphers = "NO-SUCH-CIPHER"}
    assert.is_nil(context)
    is_error(err, "SSLError", {kind = "cipher"})
    local _, server = refused {server = {ciphers = "AES128-GCM-SHA256", maximum_version = "TLSv1.2"},
      client = {ciphers = "AES256-GCM-SHA384"}}
    is_error(server, "SSLError", {library = "SSL routines", reason = "no shared cipher"})
    assert.is_number(server.code)
    assert.equal(0, server.code % 1)
    assert.is_nil(server.stack)
  end)

  it("is told from what others left in the queue", function()
    helpers.dirty()
    local err = hears "HTTP/1.1 400 Bad Request\r\n"
    assert.equal(0, (helpers.queue()))
    is_error(err, "SSLError", {kind = "plaintext"})
    assert.is_nil(err.stack)
    helpers.clean()
  end)
end)

describe("a refused certificate", function()
  local function refusal(cert, fields, ...)
    local client, server = refused {server = {certfile = helpers.file(cert)}}
    fields.kind = "verification"
    fields.operation = "handshake"
    fields.alert_direction = "sent"
    is_error(client, "SSLCertVerificationError", fields)
    assert.is_string(client.verify_message)
    for _, pattern in ipairs {client.verify_message, ...} do
      assert.is_truthy(client:find(pattern, 1, true), tostring(client))
    end
    is_error(server, "SSLError", {alert = fields.alert, alert_direction = "received"})
    assert.is_false(server:is(ssl.SSLCertVerificationError))
    return client
  end

  it("of an unknown CA names the CA and the option", function()
    refusal("untrusted.pem", {verify_code = 20, verify_depth = 0, alert = "unknown_ca"},
      "CN=LuaSSL other root", "ca_certs")
  end)

  it("whose intermediate is missing says that the server may be to blame", function()
    local leaf = helpers.read_file(helpers.file "chained.pem")
    local pem = leaf:match "^.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-\n"
    local client = refused {server = {certfile = helpers.temp_file(pem)}}
    is_error(client, "SSLCertVerificationError", {verify_code = 20, verify_depth = 0})
    assert.matches("LuaSSL test intermediate", client)
    assert.matches("the server should have sent an intermediate certificate", client)
  end)

  it("higher in the chain is told by depth and name", function()
    local client = refused {server = {certfile = helpers.file "chained.pem"},
      client = {ca_certs = helpers.file "other-root.crt"}}
    is_error(client, "SSLCertVerificationError", {verify_depth = 1})
    assert.matches("at depth 1, /O=LuaSSL/CN=LuaSSL test intermediate", client)
  end)

  it("that is self-signed says how to trust it", function()
    refusal("selfsigned.pem", {verify_code = 18, verify_depth = 0, alert = "unknown_ca"}, "ca_certs")
  end)

  it("out of its time says which time", function()
    refusal("expired.pem", {verify_code = 10, verify_depth = 0, alert = "certificate_expired"},
      "it was valid until 2021-01-01 00:00:00 GMT")
    refusal("future.pem", {verify_code = 9, verify_depth = 0, alert = "bad_certificate"},
      "it is valid from 2099-01-01 00:00:00 GMT", "clock")
  end)

  it("for another name says both", function()
    refusal("other.pem", {verify_code = 62, verify_depth = 0, alert = "bad_certificate"},
      "the name asked for is localhost", "valid for other.example")
    refusal("noname.pem", {verify_code = 62, verify_depth = 0, alert = "bad_certificate"},
      "the certificate holds no names")
    refusal("nul.pem", {verify_code = 62, verify_depth = 0, alert = "bad_certificate"},
      "valid for localhost?.evil.example")
  end)

  it("for another address says both", function()
    local client = refused {host = "192.0.2.1"}
    is_error(client, "SSLCertVerificationError", {verify_code = 64})
    assert.matches("192%.0%.2%.1, the certificate is valid for localhost, 127%.0%.0%.1", client)
  end)

  it("that is no server's says so", function()
    refusal("client.pem", {verify_code = 26, verify_depth = 0, alert = "unsupported_certificate"}, "extensions")
  end)

  it("of a client is called the client's", function()
    local client, server = refused {
      server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt", maximum_version = "TLSv1.2"},
      client = {certfile = helpers.file "untrusted.pem"}}
    is_error(server, "SSLCertVerificationError", {verify_code = 20})
    assert.matches("the client's certificate is refused", server)
    is_error(client, "SSLError", {kind = "alert", alert = "unknown_ca"})
    assert.matches("it does not know the CA", client)
  end)

  it("that a server misses is told to both", function()
    local client, server = refused {
      server = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt", maximum_version = "TLSv1.2"}}
    is_error(server, "SSLError", {kind = "no_certificate", alert_direction = "sent"})
    is_error(client, "SSLError", {kind = "alert", alert = "handshake_failure", alert_direction = "received"})
    assert.matches("client certificate", client)
  end)
end)

describe("a peer without TLS", function()
  it("that speaks HTTP is told", function()
    local err = hears "HTTP/1.1 400 Bad Request\r\n\r\n"
    is_error(err, "SSLError", {kind = "plaintext", operation = "handshake"})
    assert.matches("the peer speaks plain HTTP, not TLS", err)
    assert.is_nil(err.alert)
    for _, request in ipairs {"GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "CONNECT a:443 HTTP/1.1\r\n",
      "PRI * HTTP/2.0\r\n"} do
      err = hears(request, "server")
      is_error(err, "SSLError", {kind = "plaintext"})
      assert.matches("the peer speaks plain HTTP, not TLS", err)
    end
  end)

  it("that greets is quoted, with the way out", function()
    for banner, quoted in pairs {
      ["220 mail.example ESMTP\r\n"] = '220 mail.example',
      ["* OK IMAP4rev1\r\n"] = '* OK IMAP4rev1',
      ["+OK POP3\r\n"] = '+OK POP3',
    } do
      local err = hears(banner)
      is_error(err, "SSLError", {kind = "plaintext"})
      assert.is_truthy(err:find("clear text", 1, true))
      assert.is_truthy(err:find("STARTTLS", 1, true))
      assert.is_truthy(err:find('"' .. quoted .. '"', 1, true), tostring(err))
    end
  end)

  it("that speaks SSH or sends a PROXY line is told", function()
    assert.matches("SSH", hears "SSH-2.0-OpenSSH_9.2\r\n")
    assert.matches("PROXY protocol line", hears("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "server"))
    local err = hears("EHLO example.org\r\n", "server")
    is_error(err, "SSLError", {kind = "plaintext"})
    assert.is_nil(err:find("STARTTLS", 1, true))
  end)

  it("is not quoted when it is no text", function()
    for _, bytes in ipairs {"\74\0\0\0\0105.7.33\0xxxxxx", ("\0"):rep(20), "220\27[2J\1\2\3\4\5\6", ("\255"):rep(20)} do
      local err = hears(bytes)
      is_error(err, "SSLError", {kind = "protocol"})
      assert.is_nil(err:find("[%c\128-\255]"))
      assert.matches("does not speak TLS", err)
    end
  end)
end)

describe("what OpenSSL quotes", function()
  it("controls no terminal and stays UTF-8", function()
    for told, shown in pairs {
      ["a\27[2Jb\127c"] = "a?[2Jb?c",
      ["a\155b\133c"] = "a?b?c",  -- C1: CSI and NEL as Latin 1 has them
      ["a\194\155b\194\133c\194\159\194\128"] = "a??b??c????",
      ["Gr\195\182\195\159e\194\160\255"] = "Gr\195\182\195\159e\194\160?",
    } do
      helpers.dirty(told)
      local _, err = ssl.RAND_egd ""
      assert.equal(1, #err.stack)
      assert.truthy(err.stack[1]:find(shown, 1, true), err.stack[1])
      helpers.clean()
    end
    helpers.dirty(("x"):rep(94) .. "\195\182")  -- no half of a character
    local _, err = ssl.RAND_egd ""
    assert.is_nil(err.stack[1]:find "\195")
    helpers.clean()
  end)
end)

describe("an alert", function()
  local NAMES = {
    [10] = "unexpected_message", [20] = "bad_record_mac", [22] = "record_overflow", [40] = "handshake_failure",
    [42] = "bad_certificate", [43] = "unsupported_certificate", [44] = "certificate_revoked",
    [45] = "certificate_expired", [46] = "certificate_unknown", [47] = "illegal_parameter", [48] = "unknown_ca",
    [49] = "access_denied", [50] = "decode_error", [51] = "decrypt_error", [70] = "protocol_version",
    [71] = "insufficient_security", [80] = "internal_error", [86] = "inappropriate_fallback",
    [109] = "missing_extension", [110] = "unsupported_extension", [112] = "unrecognized_name",
    [113] = "bad_certificate_status_response", [115] = "unknown_psk_identity", [116] = "certificate_required",
    [120] = "no_application_protocol",
  }
  local KINDS = {handshake_failure = "cipher", protocol_version = "version", no_application_protocol = "alpn"}

  it("of the peer has RFC 8446's name, and a kind", function()
    for number, name in pairs(NAMES) do
      local err = hears("\21\3\3\0\2\2" .. string.char(number))
      is_error(err, "SSLError", {alert = name, alert_direction = "received", kind = KINDS[name] or "alert"})
    end
  end)

  it("that nobody knows has its number", function()
    local err = hears "\21\3\3\0\2\2\200"
    is_error(err, "SSLError", {kind = "alert", alert = "alert_200", alert_direction = "received"})
    assert.matches("200", err)
  end)

  it("of ours says that the peer broke the rules", function()
    local err = hears "\23\3\3\0\2xx"
    is_error(err, "SSLError", {kind = "protocol", alert = "unexpected_message", alert_direction = "sent"})
  end)
end)

describe("sides that do not fit", function()
  it("in their versions say what they accept", function()
    local client, server = refused {server = {maximum_version = "TLSv1.2"}, client = {minimum_version = "TLSv1.3"}}
    is_error(client, "SSLError", {kind = "version", alert = "protocol_version", alert_direction = "received"})
    assert.matches("this side accepts TLSv1%.3 and later", client)
    is_error(server, "SSLError", {kind = "version", alert = "protocol_version", alert_direction = "sent"})
    assert.matches("this side accepts TLSv1%.2 alone", server)
  end)

  it("in old versions say what these need", function()
    local _, server = refused {server = {minimum_version = "TLSv1"},
      client = {minimum_version = "TLSv1", maximum_version = "TLSv1", ciphers = LEGACY}}
    is_error(server, "SSLError")
    assert.is_truthy(server:find(LEGACY, 1, true), tostring(server))
  end)

  it("in their ciphers say so", function()
    local client, server = refused {
      server = {ciphersuites = "TLS_AES_128_GCM_SHA256", minimum_version = "TLSv1.3"},
      client = {ciphersuites = "TLS_AES_256_GCM_SHA384", minimum_version = "TLSv1.3"}}
    is_error(client, "SSLError", {kind = "cipher", alert = "handshake_failure", alert_direction = "received"})
    assert.matches("cipher", client)
    is_error(server, "SSLError", {kind = "cipher", alert = "handshake_failure", alert_direction = "sent"})
    assert.matches("no cipher that both sides accept", server)
  end)

  it("in their application protocols say so", function()
    local client, server = refused {server = {alpn_protocols = {"h2"}}, client = {alpn_protocols = {"http/1.1"}}}
    is_error(client, "SSLError", {kind = "alpn", alert = "no_application_protocol", alert_direction = "received"})
    is_error(server, "SSLError", {kind = "alpn", alert = "no_application_protocol", alert_direction = "sent"})
    assert.matches("alpn_protocols", server)
  end)

  it("because the server has no certificate say that", function()
    local client, other = helpers.pair()
    local server = assert(ssl.SSLContext {server_side = true}):wrap_object {server_side = true}
    local _, _, err = helpers.handshake(client, server)
    is_error(err, "SSLError", {kind = "cipher"})
    assert.matches("this server has no certificate", err)
    for _, object in ipairs {client, server, other} do object:close() end
  end)
end)

describe("an end without close_notify", function()
  it("in the handshake is an SSLEOFError", function()
    local client, server = helpers.pair()
    client:do_handshake()
    client:feed(nil)
    local ok, err = client:do_handshake()
    assert.is_nil(ok)
    is_error(err, "SSLEOFError", {kind = "eof", operation = "handshake"})
    assert.matches("in the middle of the handshake", err)
    client:close()
    server:close()
  end)

  it("later is an SSLEOFError too", function()
    local client, server = helpers.pair()
    assert(helpers.handshake(client, server))
    client:feed(nil)
    local data, err = client:read()
    assert.is_nil(data)
    is_error(err, "SSLEOFError", {kind = "eof", operation = "read"})
    assert.matches("close_notify", err)
    client:close()
    server:close()
  end)
end)

describe("OpenSSL's error queue", function()
  local READS = "ERR_get_error[%w_]*%s*%("

  it("goes to the stack of an error with a text of our own", function()
    local _, err = ssl.SSLContext {ciphers = "nonsense"}
    is_error(err, "SSLError", {kind = "cipher", operation = "ciphers"})
    for _, name in ipairs {"library", "reason", "code"} do assert.is_nil(err[name]) end
    assert.same({"SSL routines: no cipher match"}, err.stack)
  end)

  it("is read and emptied in one place, which knows no connection", function()
    local pipe = assert(io.popen "ls src/*.[ch] src/*/*.[ch]")
    for name in pipe:lines() do
      local source = helpers.read_file(name):gsub("/%*.-%*/", "")
      assert.equal(name == "src/base/failure.c", source:find(READS) ~= nil, name)
      assert.equal(name == "src/base/errors.c", source:find "ERR_clear_error%s*%(" ~= nil, name)
      assert.equal(name == "src/base/errors.c", source:find "luaL_getmetatable%(L, f%->class_name%)" ~= nil, name)
      if name:find "errors" or name:find "failure" then
        for _, above in ipairs {"connection", "context", "diagnosis"} do
          assert.is_nil(source:find('"' .. above .. ".h\"", 1, true), name .. " knows " .. above)
        end
      end
    end
    pipe:close()
  end)
end)
