-- Lists sender and subject of the newest mails of an IMAP mailbox, over TLS from
-- the first byte (RFC 8314); changes nothing there.
--
--   IMAP_PASSWORD=... lua imap_headers.lua HOST PORT CA-FILE USER [COUNT [MAILBOX]]
--
-- CA-FILE has the certificates that the server is verified with, "-" for the
-- system's. COUNT is 10, MAILBOX is INBOX.
local ssl = require "luassl"

local host, port, ca, user = arg[1], tonumber(arg[2]), arg[3], arg[4]
local count, mailbox = tonumber(arg[5] or 10), arg[6] or "INBOX"
local password = os.getenv "IMAP_PASSWORD"
if not (port and user and count and password) then
  io.stderr:write "usage: IMAP_PASSWORD=... imap_headers.lua HOST PORT CA-FILE USER [COUNT [MAILBOX]]\n"
  os.exit(2)
end

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("imap_headers: ", tostring(err), "\n")
  os.exit(1, true)
end

local conn = try(ssl.connect(host, port, { ca_certs = ca ~= "-" and ca or nil, timeout = 30 }))
conn:settimeout(30)
print("over " .. conn:version() .. " with " .. conn:cipher())

-- A string as IMAP writes one (RFC 3501, 4.3).
local function quote(text)
  try(not text:find "[%z\r\n]", "a name or password with a line break")
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

-- A response: its text, in which literals, "{42}" at the end of a line and as
-- many bytes behind it, have their place.
local MAX = 1048576
local function response()
  local text, literals = "", {}
  while true do
    local line = try(conn:receive "*l")
    text = text .. line
    local size = tonumber(line:match "{(%d+)}$")
    if not size then return text, literals end
    try(size <= MAX and #literals < 100, "the server sends too much")
    literals[#literals + 1] = size > 0 and try(conn:receive(size)) or ""
  end
end

-- Sends a command, and calls `each` for the responses that come before its end.
local number = 0
local function command(text, each)
  number = number + 1
  local tag = "a" .. number
  try(conn:send(tag .. " " .. text .. "\r\n"))
  while true do
    local answer, literals = response()
    if answer:sub(1, #tag + 1) == tag .. " " then
      return try(answer:find "^%w+ OK", "the server answers: " .. answer)
    end
    if each then each(answer, literals) end
  end
end

-- One field of a header, its continuation lines joined.
local function field(header, name)
  for line in header:gsub("\r", ""):gsub("\n[ \t]+", " "):gmatch "[^\n]+" do
    local key, value = line:match "^([^:]+): *(.*)$"
    if key and key:lower() == name then return value end
  end
  return ""
end

try(response():find "^%* OK", "no greeting")
command("LOGIN " .. quote(user) .. " " .. quote(password))
local total = 0
command("EXAMINE " .. quote(mailbox), function(answer)
  total = tonumber(answer:match "^%* (%d+) EXISTS") or total
end)
print(total .. " mails in " .. mailbox)
if total > 0 then
  command(("FETCH %d:%d (BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)])"):format(math.max(1, total - count + 1), total),
    function(answer, literals)
      local id = answer:match "^%* (%d+) FETCH"
      if id and literals[1] then
        -- Whoever sent it may have put control characters in.
        print((("%s\t%s\t%s"):format(id, field(literals[1], "from"), field(literals[1], "subject"))
          :gsub("[%z\1-\8\11-\31\127]", "?")))
      end
    end)
end
command "LOGOUT"
conn:close()
