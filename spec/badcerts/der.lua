--- DER for certificates that no tool makes: bytes out of values, nothing
-- checked (X.690; RFC 5280, 4.1). A list of arguments is concatenated.
local der = {}

local function length(size)
  if size < 128 then return string.char(size) end
  local bytes = ""
  while size > 0 do
    bytes = string.char(size % 256) .. bytes
    size = math.floor(size / 256)
  end
  return string.char(128 + #bytes) .. bytes
end

--- Tag, length and value.
function der.tlv(tag, ...)
  local value = table.concat({...})
  return string.char(tag) .. length(#value) .. value
end

local function kind(tag)
  return function(...) return der.tlv(tag, ...) end
end

der.boolean = function(value) return der.tlv(1, value and "\255" or "\0") end
der.integer_bytes = kind(2)
der.octets = kind(4)
der.null = der.tlv(5)
der.utf8 = kind(12)
der.printable = kind(19)
der.ia5 = kind(22)
der.utc_time = kind(23)
der.generalized_time = kind(24)
der.sequence = kind(48)
der.set = kind(49)

--- A small integer that is not negative.
function der.integer(value)
  local bytes = ""
  repeat
    bytes = string.char(value % 256) .. bytes
    value = math.floor(value / 256)
  until value == 0
  if bytes:byte() > 127 then bytes = "\0" .. bytes end
  return der.integer_bytes(bytes)
end

--- Whole bytes, or with so many unused bits at the end.
function der.bits(bytes, unused)
  return der.tlv(3, string.char(unused or 0), bytes)
end

--- A named bit list without its trailing zeros: `{0, 2}` is 101.
function der.named_bits(numbers)
  local last, set = -1, {}
  for _, n in ipairs(numbers) do
    set[n] = true
    last = math.max(last, n)
  end
  local bytes = {}
  for first = 0, last, 8 do
    local byte = 0
    for bit = 0, 7 do byte = byte * 2 + (set[first + bit] and 1 or 0) end
    bytes[#bytes + 1] = string.char(byte)
  end
  return der.bits(table.concat(bytes), #bytes * 8 - last - 1)
end

--- `"1.2.840.113549"`
function der.oid(text)
  local arcs = {}
  for arc in text:gmatch "%d+" do arcs[#arcs + 1] = tonumber(arc) end
  local bytes = {string.char(arcs[1] * 40 + arcs[2])}
  for i = 3, #arcs do
    local arc = arcs[i]
    local group = string.char(arc % 128)
    arc = math.floor(arc / 128)
    while arc > 0 do
      group = string.char(128 + arc % 128) .. group
      arc = math.floor(arc / 128)
    end
    bytes[#bytes + 1] = group
  end
  return der.tlv(6, table.concat(bytes))
end

--- Context-specific: `explicit(0, ...)` is constructed, `implicit` is not.
function der.explicit(number, ...) return der.tlv(160 + number, ...) end
function der.implicit(number, ...) return der.tlv(128 + number, ...) end

return der
