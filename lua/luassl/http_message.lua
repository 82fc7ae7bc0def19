--- What LuaSSL's HTTP files share: errors, and others' bytes in them.
-- @module luassl.http_message
-- @local

local errors = require "luassl.errors"

local http_message = {}

local SHOWN = 160  -- bytes of others' text in an error

local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- Others' bytes as they may stand in a log: in quotes, one line of ASCII, cut.
-- @function quote
-- @tparam string text
-- @treturn string
function http_message.quote(text)
  local shown = text:sub(1, SHOWN):gsub('["\\]', escape):gsub("[^\32-\126]", escape)
  return ('"%s"%s'):format(shown, #text > SHOWN and "..." or "")
end

--- Makes an SSLError of the operation https.request.
-- @function failure
-- @tparam string kind
-- @tparam string text
-- @tparam[opt] table fields more of them
-- @tparam[opt="SSLError"] string class
-- @treturn SSLError
function http_message.failure(kind, text, fields, class)
  fields = fields or {}
  fields.kind, fields.operation, fields.text = kind, "https.request", "https.request: " .. text
  return errors.new(class or "SSLError", fields)
end

--- Base64 of "user:password", as Basic authentication has it.
-- @function basic
-- @tparam string user
-- @tparam[opt] string password
-- @treturn string
-- @source RFC 7617
function http_message.basic(user, password)
  return "Basic " .. (require "mime".b64(user .. ":" .. (password or "")))
end

return http_message
