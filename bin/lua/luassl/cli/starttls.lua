--- What is said in clear text before TLS begins, for each protocol. Nothing of
-- it is carried into TLS: what the server sends behind its consent is refused by
-- `wrap_socket`.
-- @module luassl.cli.starttls
-- @local
local starttls = {}

-- The ports where the protocols are spoken.
starttls.ports = {
  smtp = 25, imap = 143, pop3 = 110, ftp = 21, xmpp = 5222, postgres = 5432, mysql = 3306, ldap = 389, sieve = 4190,
}

starttls.names = { "smtp", "imap", "pop3", "ftp", "xmpp", "postgres", "mysql", "ldap", "sieve" }

-- Notes that the server does not what it was asked for, and its words.
local function refused(talk, what, words)
  talk:fail(what .. (words and words ~= "" and ": " .. words:sub(1, 200) or ""))
end

local NOT_OFFERED = "the server offers no STARTTLS"

-- A reply of SMTP or FTP: its code and its last line. RFC 5321, 4.2.1; RFC 959, 4.2.
local function reply(talk, look)
  local first = talk:line()
  local line, code = first, first:match "^(%d%d%d)"
  if not code then refused(talk, "this is no server of that protocol", first) end
  while not talk.err and not (line:match "^(%d%d%d) " == code or line == code) do
    line = talk:line()
    if look then look(line) end
  end
  return code, line
end

local function expect_reply(talk, wanted, what)
  local code, line = reply(talk)
  if not talk.err and code ~= wanted then refused(talk, what, line) end
end

local protocols = {}

-- RFC 3207
function protocols.smtp(talk)
  expect_reply(talk, "220", "the server greets with a refusal")
  talk:send "EHLO localhost\r\n"
  local offered = false
  local code, last = reply(talk, function(line)
    if line:upper():match "^250[ -]STARTTLS%s*$" then offered = true end
  end)
  if talk.err then return end
  if code ~= "250" then return refused(talk, "the server refuses EHLO", last) end
  if not offered then return refused(talk, NOT_OFFERED) end
  talk:send "STARTTLS\r\n"
  expect_reply(talk, "220", "the server refuses STARTTLS")
end

-- RFC 4217, 4
function protocols.ftp(talk)
  expect_reply(talk, "220", "the server greets with a refusal")
  talk:send "AUTH TLS\r\n"
  expect_reply(talk, "234", "the server refuses AUTH TLS")
end

-- RFC 3501, 6.2.1
function protocols.imap(talk)
  local greeting = talk:line()
  if not greeting:upper():find "^%* OK" then return refused(talk, "the server greets with a refusal", greeting) end
  talk:send "a1 STARTTLS\r\n"
  local line
  repeat line = talk:line() until talk.err or line:find "^a1 "
  if not line:upper():find "^A1 OK" then refused(talk, "the server refuses STARTTLS", line) end
end

-- RFC 2595, 4
function protocols.pop3(talk)
  local line = talk:line()
  if line:sub(1, 3) ~= "+OK" then return refused(talk, "the server greets with a refusal", line) end
  talk:send "STLS\r\n"
  line = talk:line()
  if line:sub(1, 3) ~= "+OK" then refused(talk, "the server refuses STLS", line) end
end

-- RFC 5804, 1.7 and 2.2
function protocols.sieve(talk)
  local offered, line = false, nil
  local function upto_ok()
    repeat
      line = talk:line()
      if line:upper():find '^"STARTTLS"' then offered = true end
    until talk.err or line:upper():find "^OK" or line:upper():find "^NO" or line:upper():find "^BYE"
    return line:upper():find "^OK"
  end
  if not upto_ok() then return refused(talk, "the server greets with a refusal", line) end
  if not offered then return refused(talk, NOT_OFFERED) end
  talk:send "STARTTLS\r\n"
  if not upto_ok() then refused(talk, "the server refuses STARTTLS", line) end
end

local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&apos;", ['"'] = "&quot;" }
local XMPP_TLS = "urn:ietf:params:xml:ns:xmpp-tls"

-- RFC 6120, 5.4
function protocols.xmpp(talk, name)
  talk:send(("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
    .. "xmlns:stream='http://etherx.jabber.org/streams'>"):format((name:gsub("[&<>'\"]", XML))))
  local function ends(text)
    return text:find "</stream:features>$" or text:find "<stream:features/>$" or text:find "</stream:stream>$"
  end
  local features = talk:read_until(16384, ">", ends)
  if talk.err then return end
  if not features:find(XMPP_TLS, 1, true) then
    return refused(talk, NOT_OFFERED, features:match "<stream:error>(.-)</stream:error>")
  end
  talk:send("<starttls xmlns='" .. XMPP_TLS .. "'/>")
  local answer = talk:read_until(4096, ">", function(text)
    return text:find "<proceed[^>]*/>$" or text:find "</proceed>$" or text:find "</?failure[^>]*>$"
  end)
  if not answer:find "<proceed" then refused(talk, "the server refuses STARTTLS", answer) end
end

-- PostgreSQL, Frontend/Backend Protocol, SSLRequest
function protocols.postgres(talk)
  talk:send "\0\0\0\8\4\210\22\47"
  local answer = talk:read(1)
  if answer ~= "S" then refused(talk, "the server refuses TLS", answer == "E" and "" or answer) end
end

-- MySQL, Client/Server Protocol, HandshakeV10 and SSLRequest
function protocols.mysql(talk)
  local low, middle, high = talk:read(4):byte(1, 3)
  if talk.err then return end
  local size = low + 256 * middle + 65536 * high
  if size > 4096 then return refused(talk, "this is no server of that protocol") end
  local packet = talk:read(size)
  if talk.err then return end
  local ends = packet:find("\0", 2, true)
  if packet:byte() == 255 then return refused(talk, "the server greets with a refusal", packet:sub(4)) end
  local flags = packet:byte() == 10 and ends and packet:byte(ends + 15)
  if not flags then return refused(talk, "this is no server of that protocol") end
  if math.floor(flags / 8) % 2 == 0 then return refused(talk, "the server offers no TLS") end
  talk:send("\32\0\0\1" .. "\0\138\0\0" .. "\0\0\0\1" .. "\33" .. ("\0"):rep(23))
end

-- RFC 4511, 4.14
function protocols.ldap(talk)
  talk:send "\48\29\2\1\1\119\24\128\0221.3.6.1.4.1.1466.20037"
  local tag, size = talk:read(2):byte(1, 2)
  if talk.err then return end
  if size > 128 and size < 131 then
    local bytes = talk:read(size - 128)
    size = 0
    for i = 1, #bytes do size = size * 256 + bytes:byte(i) end
  end
  if tag ~= 48 or size > 4096 then return refused(talk, "this is no server of that protocol") end
  local code = talk:read(size):match "^\2\1\1\120.-\10\1(.)"
  if code ~= "\0" then refused(talk, "the server refuses StartTLS", code and "result " .. code:byte()) end
end

--- Has the server begin TLS: afterwards the dialogue's `err` tells.
-- @tparam string protocol one of `names`
-- @tparam table talk a dialogue
-- @tparam string name the server's
function starttls.begin(protocol, talk, name)
  protocols[protocol](talk, name)
end

return starttls
