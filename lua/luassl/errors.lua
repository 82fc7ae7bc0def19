--- Failures as values.
-- An error is a table that prints, concatenates and answers the string methods
-- like the sentence it holds; equality is identity. Its class is its
-- metatable: `IOError` > `SocketError` > `SSLError` > `SSLEOFError`,
-- `SSLSyscallError`, `SSLCertVerificationError`.
--
-- `print(err)`, `"failed: " .. err`, nginx's `ngx.log` and, but in Lua 5.1,
-- `("%s"):format(err)` take it as it is. `table.concat`, `io.write`, nginx's
-- `ngx.say` and `ngx.print` take strings alone: give them `tostring(err)`.
--
-- A program that ends because nobody caught it prints file, line and text:
-- `assert(ssl.connect(host, port))` in Lua 5.3 and later and LuaJIT,
-- `error(err)` in Lua 5.2 too. In Lua 5.1 and 5.2 `assert` takes strings alone
-- and says "string expected, got table". What does it in every Lua, and in
-- nginx:
--
--    local conn, err = ssl.connect(host, port)
--    if not conn then error(tostring(err)) end
--
-- @classmod SSLError
-- @group Methods
-- @usage local conn, err = ssl.connect("example.com", 443)
-- if not conn and err ~= "timeout" then
--   print(err)             -- the sentence
--   if type(err) == "table" then print(err.kind) end
-- end

local misuse = require "luassl.misuse"

local pass, relay = misuse.pass, misuse.relay

local classes = require "luassl.core".errors  -- the metatables; C fills the errors

--- The fields of an error; all but the first three only where they apply.
-- @table fields
-- @group Fields and kinds
-- @tfield string text what happened, in a sentence: what `tostring` gives
-- @tfield string kind what happened, as one of the symbols of `kinds`
-- @tfield string operation the method or option that failed: `"handshake"`
-- @tfield string library the part of OpenSSL that complains, or `"system library"`
-- @tfield string reason its complaint, in its words
-- @tfield integer code OpenSSL's error code, of the system library the errno
-- @tfield {string,...} stack what else OpenSSL had to say, oldest first
-- @tfield integer verify_code OpenSSL's verdict on the peer's certificate
-- @tfield string verify_message the same in OpenSSL's words
-- @tfield integer verify_depth where in the chain: 0 is the peer's certificate
-- @tfield Certificate certificate the peer's, that was refused; it stays readable when the connection is closed
-- @tfield {Certificate,...} chain from that one on, as far as it could be built: the one at fault is
-- `err.chain[err.verify_depth + 1]`
-- @tfield string alert the TLS alert, by RFC 8446's name; `"alert_200"` if it has none
-- @tfield string alert_direction `"sent"` or `"received"`
-- @tfield string file the file that was to be read; absent if its name is PEM, has control characters or
-- more than 4095 bytes
-- @tfield string|SSLError cause a hook's refusal that reads like a condition: `"timeout"`; of kind
-- `"incomplete"` what ended the connection
-- @tfield integer received of kind `"incomplete"`: how many bytes of a body came, where `expected` is known
-- @tfield integer expected how many bytes it was to have
-- @tfield boolean accepted true: one client's failure, the listener goes on

--- What happened, as a stable symbol: the field `kind`. Each is its own value.
-- @table kinds
-- @group Fields and kinds
local kinds = {
  alert = "alert", -- the peer sent an alert that no other kind stands for
  alpn = "alpn", -- both sides share no application protocol
  certificate = "certificate", -- a certificate is malformed
  context = "context", -- a context that was chosen in a handshake does not fit
  cipher = "cipher", -- both sides share no cipher, group or signature algorithm; or no such cipher
  early_data = "early_data", -- data cannot be sent early, and nothing was sent
  early_data_refused = "early_data_refused", -- a client: the server refused what was sent early; the connection goes on
  eof = "eof", -- the connection ended without close_notify
  file = "file", -- a file cannot be read
  flood = "flood", -- the peer sent more without data than a budget allows: `doc/limits.md`
  handshake_timeout = "handshake_timeout", -- the peer did not complete the handshake in time
  hook = "hook", -- a hook refused without a reason of its own, or decided nothing that can be done
  http = "http", -- the peer's answer is no HTTP, or breaks its rules
  incomplete = "incomplete", -- an HTTP answer ended before all of it had come
  injection = "injection", -- clear text came before TLS began
  key_mismatch = "key_mismatch", -- a private key does not belong to its certificate
  legacy_server = "legacy_server", -- the server does not know secure renegotiation: `options`
  limit = "limit", -- an HTTP answer is larger than a limit allows
  memory = "memory", -- out of memory
  name = "name", -- a host name is malformed
  no_certificate = "no_certificate", -- the peer sent no certificate where one is asked for
  no_trust = "no_trust", -- certificates are to be verified, and nothing is trusted
  ocsp = "ocsp", -- the OCSP response of a certificate is missing or refused: `ocsp`, `ocsp_response`
  passphrase = "passphrase", -- a passphrase is missing or wrong
  pem = "pem", -- there is no PEM, or it is damaged, of the wrong sort or where a file's name belongs
  pin = "pin", -- no public key of the peer's is one of the pins; or a pin is malformed
  psk = "psk", -- a server: the client's pre-shared key is wrong, or its identity is not known
  plaintext = "plaintext", -- the peer speaks clear text, not TLS
  protocol = "protocol", -- the peer broke TLS's rules or does not speak it; a record was damaged
  proxy = "proxy", -- an HTTP proxy refuses, or is none: `code` is its status
  public_key = "public_key", -- what stands among `peer_public_keys` is none
  random = "random", -- random bytes cannot be had
  ssl = "ssl", -- anything else that OpenSSL complains of
  state = "state", -- the connection is not ready for this
  syscall = "syscall", -- the system refused: `code` is the errno
  time = "time", -- a string is no time of a certificate
  tlsa = "tlsa", -- of the TLSA records none can be used
  transport = "transport", -- what carries a connection failed, or was left in the middle of a write
  unread_data = "unread_data", -- received data would be lost
  unsent = "unsent", -- sent data did not leave
  unsupported = "unsupported", -- this OpenSSL or the peer does not support it
  url = "url", -- a URL is malformed, or of a scheme that is not spoken
  verification = "verification", -- the peer's certificate is refused
  version = "version", -- both sides share no version of TLS
  weak = "weak", -- a key or digest is too weak for the security level
}

local parents = {
  SocketError = "IOError",
  SSLError = "SocketError",
  SSLEOFError = "SSLError",
  SSLSyscallError = "SSLError",
  SSLCertVerificationError = "SSLError",
}

local methods = {}

--- Whether the error is of a class or of one that derives from it.
-- @function is
-- @tparam table class `ssl.SSLError`, `ssl.IOError` ...
-- @treturn boolean true: it is
-- @raise when `class` is no error class
-- @source Python 2.6, ssl: the classes of its exceptions
-- @usage if type(err) == "table" and err:is(ssl.SSLCertVerificationError) then
--   print(err.verify_message)
-- end
function methods.is(self, class)
  if type(class) ~= "table" or classes[rawget(class, "__name")] ~= class then
    error("bad argument #1 to 'is' (error class expected, got " .. type(class) .. ")", 2)
  end
  local own = getmetatable(self)
  while own do
    if own == class then return true end
    own = classes[parents[own.__name]]
  end
  return false
end

--- The string methods, on the error's text: many callers take errors for
-- strings.
-- @function find
-- @also match gmatch gsub sub lower upper len format
-- @tparam any ... as in Lua's `string`
-- @treturn any as in Lua's `string`
-- @raise as in Lua's `string`
-- @source Lua, string
-- @usage if err:find("expired", 1, true) then renew() end
for _, name in ipairs { "find", "match", "gmatch", "gsub", "sub", "lower", "upper", "len", "format" } do
  local method = string[name]
  methods[name] = function(self, ...)
    return pass(relay(2, ":" .. name, pcall(method, self.text, ...)))
  end
end

-- Whether the value is an error of ours.
local function is_error(value)
  local class = type(value) == "table" and getmetatable(value)
  return type(class) == "table" and class == classes[rawget(class, "__name")]
end

-- The text of an error; anything else as it is.
local function text(value)
  return is_error(value) and value.text or value
end

local raisers = { [assert] = true, [error] = true }
local getinfo = type(debug) == "table" and debug.getinfo  -- some hosts have none

-- Where the error was raised, "file:line: ", if that is who asks for the text: a message handler in C, as lua.c has
-- one for what nobody catches. Of strings `error` puts it there. Levels: this, to_string, the handler, who raised.
local function raised_at()
  local raiser = getinfo and getinfo(4, "f")
  if not raiser or not raisers[raiser.func] then return "" end
  local handler, place = getinfo(3, "fS"), getinfo(5, "Sl")
  if handler.what ~= "C" or handler.func == tostring or not place or place.currentline <= 0 then return "" end
  return ("%s:%d: "):format(place.short_src, place.currentline)
end

-- The text. What ends a program because nobody caught it also has file and
-- line, as `lua` prints it.
local function to_string(self)
  return raised_at() .. self.text
end

-- Others' objects may know how to join.
local function check_part(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or getmetatable(value) ~= nil then return end
  error(("attempt to concatenate a %s value"):format(kind), 3)
end

-- The text, joined with a string, a number or another error's text.
local function concat(a, b)
  check_part(a)
  check_part(b)
  return text(a) .. text(b)
end

for name, class in pairs(classes) do
  class.__name = name
  class.__index = class
  class.__tostring = to_string
  class.__concat = concat
  for method_name, method in pairs(methods) do class[method_name] = method end
end

--- Makes an error; for the parts of LuaSSL that are written in Lua.
-- @function new
-- @tparam string class its name
-- @tparam table fields `text`, `kind` and `operation` at least; becomes the
-- error
-- @treturn SSLError
-- @local
local function new(class, fields)
  return setmetatable(fields, assert(classes[class], class))
end

return { classes = classes, is_error = is_error, kinds = kinds, new = new }
