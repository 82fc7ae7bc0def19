-- Sends a mail over STARTTLS (RFC 3207). The mail, header lines and an empty
-- line included, comes from standard input.
--
--   lua smtp_starttls.lua HOST PORT CA-FILE FROM TO <mail.txt
--
-- CA-FILE has the certificates that the server is verified with, "-" for the
-- system's. SMTP_USER and SMTP_PASSWORD in the environment log in. A server that
-- offers no STARTTLS is given neither these nor the mail. What somebody in
-- between has put behind the answer to STARTTLS is refused, not read.
local mime = require "mime"
local socket = require "socket"
local ssl = require "luassl"

local host, port, ca, from, to = arg[1], tonumber(arg[2]), arg[3], arg[4], arg[5]
if not port or not to or (from .. to):find "[%c<>]" then
  io.stderr:write "usage: smtp_starttls.lua HOST PORT CA-FILE FROM TO <mail.txt\n"
  os.exit(2)
end

-- The value, or the end of this program.
local function try(value, err)
  if value then return value end
  io.stderr:write("smtp_starttls: ", tostring(err), "\n")
  os.exit(1, true)
end

local conn = try(socket.connect(host, port))
conn:settimeout(30)

-- The text of a reply, which must have the code. All of its lines but the last
-- have "-" behind the code.
local function expect(code)
  local lines = {}
  repeat
    local line = try(conn:receive "*l")
    lines[#lines + 1] = line
    try(line:sub(1, 3) == code and #lines < 100, "the server answers: " .. line)
  until line:sub(4, 4) ~= "-"
  return table.concat(lines, "\n")
end

local function command(line, code)
  try(conn:send(line .. "\r\n"))
  return expect(code)
end

expect "220"
local extensions = command("EHLO localhost", "250")
try(extensions:find "%d[ %-]STARTTLS", "the server offers no STARTTLS")
command("STARTTLS", "220")

-- From here on `conn` is the TLS connection. The name must be in its certificate.
local context = try(ssl.create_default_context { ca_certs = ca ~= "-" and ca or nil })
conn = try(context:wrap_socket(conn, { server_hostname = host }))
print("over " .. conn:version() .. " with " .. conn:cipher())

-- What the server said in clear is forgotten.
extensions = command("EHLO localhost", "250")
local user, password = os.getenv "SMTP_USER", os.getenv "SMTP_PASSWORD"
if user and password then
  try(extensions:find "AUTH[^\n]* PLAIN", "the server offers no AUTH PLAIN")
  command("AUTH PLAIN " .. mime.b64(("\0%s\0%s"):format(user, password)), "235")
end

command("MAIL FROM:<" .. from .. ">", "250")
command("RCPT TO:<" .. to .. ">", "250")
command("DATA", "354")
for line in io.lines() do
  line = line:gsub("\r$", "")
  if line:sub(1, 1) == "." then line = "." .. line end  -- RFC 5321, 4.5.2
  try(conn:send(line .. "\r\n"))
end
print((command(".", "250")))
command("QUIT", "221")
conn:close()
