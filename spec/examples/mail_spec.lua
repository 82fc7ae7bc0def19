-- The examples that speak to mail servers, against exim and dovecot; and what
-- somebody in between has put behind STARTTLS.
local examples = require "spec.support.examples"
local helpers = require "spec.support.helpers"
local mail_servers = require "spec.support.mail_servers"
local socket = require "socket"

helpers.audit()

local file, holds = helpers.file, examples.holds

describe("examples/smtp_starttls.lua", function()
  local with_exim = examples.needs {exim4 = examples.program "exim4"}
  local MAIL = "From: from@luassl.example\nSubject: greetings\n\nThe text.\n.\n.a line with a dot\n"

  local function send(port, options)
    options = options or {}
    return examples.run("smtp_starttls", {"localhost", port, options.ca or file "root.crt",
      "from@luassl.example", "to@luassl.example"}, {input = MAIL, env = {SMTP_USER = mail_servers.user,
      SMTP_PASSWORD = options.password or mail_servers.password}})
  end

  with_exim("sends a mail that exim takes, and nothing to a server it does not know", function()
    local server = mail_servers.exim()
    local status, text = send(server.port)
    assert.equal(0, status, text)
    holds(text, "over TLSv1.3 with TLS_", "250 OK id=")
    holds(server.mails(), "Subject: greetings", "The text.\n.\n.a line with a dot", "to@luassl.example")
    status, text = send(server.port, {password = "wrong"})
    assert.equal(1, status)
    holds(text, "535")
    status, text = send(server.port, {ca = file "other-root.crt"})
    assert.equal(1, status)
    holds(text, "certificate is refused")
    local _, count = server.mails():gsub("Subject: greetings", "")
    assert.equal(1, count)
    server.stop()
  end)

  -- A server in clear that says these things, each after a line of ours; what it
  -- has heard.
  local function with_server(answers)
    local listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(helpers.patience)
    local program = examples.start("smtp_starttls", {"localhost", select(2, listener:getsockname()), file "root.crt",
      "a@x.example", "b@x.example"}, {input = MAIL, env = {SMTP_USER = "post", SMTP_PASSWORD = "a-secret"}})
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    local heard = {}
    for _, answer in ipairs(answers) do
      assert(conn:send(answer))
      heard[#heard + 1] = conn:receive "*l"
    end
    assert.equal(1, program:wait())
    conn:close()
    listener:close()
    return program:output(), table.concat(heard, "\n")
  end

  it("sends nothing to a server without STARTTLS", function()
    local text, heard = with_server {"220 hello\r\n", "250-localhost\r\n250 AUTH PLAIN\r\n"}
    holds(text, "offers no STARTTLS")
    assert.is_nil(heard:find("AUTH", 1, true))
    assert.is_nil(heard:find("MAIL", 1, true))
  end)

  it("refuses what comes behind the answer to STARTTLS", function()
    local text, heard = with_server {"220 hello\r\n", "250-localhost\r\n250 STARTTLS\r\n",
      "220 go ahead\r\n250-localhost\r\n250 AUTH PLAIN\r\n235 fine\r\n"}
    holds(text, "smtp_starttls: ")
    assert.is_nil(text:find("over TLS", 1, true))
    assert.is_nil(heard:find("AUTH", 1, true))
  end)
end)

describe("examples/imap_headers.lua", function()
  local with_dovecot = examples.needs {["dovecot 2.3"] = mail_servers.has_dovecot()}

  with_dovecot("lists what dovecot has", function()
    local server = mail_servers.dovecot {
      "From: one@luassl.example\nSubject: the first\n\ntext\n",
      "From: two@luassl.example\nSubject: a subject\n of two lines\n\ntext\n",
      "Subject: from \27[31mnobody\n\ntext\n"}
    local function list(password, ...)
      return examples.run("imap_headers", {"localhost", server.port, file "root.crt", "post", ...},
        {env = {IMAP_PASSWORD = password}})
    end
    local status, text = list(server.password)
    assert.equal(0, status, text .. server.output())
    holds(text, "over TLSv1.3 with TLS_", "3 mails in INBOX\n", "1\tone@luassl.example\tthe first\n",
      "2\ttwo@luassl.example\ta subject of two lines\n", "3\t\tfrom ?[31mnobody\n")
    status, text = list(server.password, 1)
    assert.equal(0, status)
    assert.is_nil(text:find("the first", 1, true))
    status, text = list('wrong" \\')
    assert.equal(1, status)
    holds(text, "a1 NO [AUTHENTICATIONFAILED]")
    server.stop()
  end)
end)

it("they say what is wrong with their arguments", function()
  for _, name in ipairs {"smtp_starttls", "imap_headers"} do
    local status, text = examples.run(name, {"localhost"}, {input = ""})
    assert.equal(2, status)
    holds(text, "usage")
  end
end)
