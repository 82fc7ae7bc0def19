--- JSON, of strings that may hold any bytes.
-- @module luassl.cli.json
-- @local
local dkjson = require "dkjson"

local json = {}

-- The length of the UTF-8 character at a place: RFC 3629, 4; nil: there is none.
local PATTERNS = {
  "^[\1-\127]()", "^[\194-\223][\128-\191]()", "^\224[\160-\191][\128-\191]()",
  "^[\225-\236\238\239][\128-\191][\128-\191]()",
  "^\237[\128-\159][\128-\191]()", "^\240[\144-\191][\128-\191][\128-\191]()",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]()", "^\244[\128-\143][\128-\191][\128-\191]()",
}

local function behind_character(text, at)
  for _, pattern in ipairs(PATTERNS) do
    local behind = text:match(pattern, at)
    if behind then return behind end
  end
end

--- Text in UTF-8: bytes that are none become `\xNN`.
function json.text(bytes)
  if not bytes:find "[%z\128-\255]" then return bytes end
  local parts, at = {}, 1
  while at <= #bytes do
    local behind = behind_character(bytes, at)
    if behind then parts[#parts + 1] = bytes:sub(at, behind - 1)
    else parts[#parts + 1] = ("\\x%02X"):format(bytes:byte(at))
    end
    at = behind or at + 1
  end
  return table.concat(parts)
end

--- A table that is a list also where it is empty.
function json.list(list)
  return setmetatable(list, { __jsontype = "array" })
end

-- A copy of a value whose strings are UTF-8; `names` gets the names of its fields.
local function clean(value, names)
  if type(value) == "string" then return json.text(value) end
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for name, field in pairs(value) do
    copy[name] = clean(field, names)
    if type(name) == "string" then names[name] = true end
  end
  return copy
end

-- The order of the fields that one reads first.
local ORDER = {
  "target", "host", "port", "name", "starttls", "status", "verified", "verdict", "text", "address", "version",
}

--- A value in one line; the same value gives the same line.
function json.encode(value)
  local names, order = {}, {}
  local copy = clean(value, names)
  for _, name in ipairs(ORDER) do names[name] = nil end
  for name in pairs(names) do order[#order + 1] = name end
  table.sort(order)
  for i, name in ipairs(ORDER) do table.insert(order, i, name) end
  return dkjson.encode(copy, { keyorder = order })
end

return json
