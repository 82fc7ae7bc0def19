--- DER by hand, for certificates that no program would make.
local der = {}

--- Tag, length and content.
function der.tlv(tag, ...)
  local content = table.concat {...}
  local n, length = #content, ""
  if n < 0x80 then return string.char(tag, n) .. content end
  while n > 0 do
    length = string.char(n % 256) .. length
    n = math.floor(n / 256)
  end
  return string.char(tag, 0x80 + #length) .. length .. content
end

local function tagged(tag)
  return function(...) return der.tlv(tag, ...) end
end

der.sequence, der.set, der.octets = tagged(0x30), tagged(0x31), tagged(0x04)
der.integer, der.boolean = tagged(0x02), tagged(0x01)
der.utf8, der.printable, der.ia5 = tagged(0x0C), tagged(0x13), tagged(0x16)
der.utc_time, der.generalized_time = tagged(0x17), tagged(0x18)

function der.bits(unused, bytes)
  return der.tlv(0x03, string.char(unused) .. bytes)
end

--- Of a dotted number.
function der.oid(text)
  local parts, numbers = {}, {}
  for number in text:gmatch "%d+" do numbers[#numbers + 1] = tonumber(number) end
  numbers[2] = numbers[1] * 40 + numbers[2]
  for i = 2, #numbers do
    local n, bytes = numbers[i], ""
    repeat
      bytes = string.char(n % 128 + (bytes == "" and 0 or 128)) .. bytes
      n = math.floor(n / 128)
    until n == 0
    parts[#parts + 1] = bytes
  end
  return der.tlv(0x06, table.concat(parts))
end

--- A name of one RDN for each {oid, value as DER}.
function der.name(...)
  local rdns = {}
  for i, pair in ipairs {...} do rdns[i] = der.set(der.sequence(der.oid(pair[1]), pair[2])) end
  return der.sequence(table.concat(rdns))
end

function der.extension(oid, value, critical)
  return der.sequence(der.oid(oid), critical and der.boolean "\255" or "", der.octets(value))
end

local ECDSA = der.sequence(der.oid "1.2.840.10045.4.3.2")

--- A certificate, whose signature is wrong, in DER.
-- @tparam table fields `spki` at least; others as DER, but `extensions`, a list;
--   `version`, its content (false: no version)
function der.certificate(fields)
  local algorithm = fields.algorithm or ECDSA
  local name = der.name {"2.5.4.3", der.utf8 "by hand"}
  local extensions = fields.extensions and #fields.extensions > 0
    and der.tlv(0xA3, der.sequence(table.concat(fields.extensions))) or ""
  local version = fields.version == false and "" or der.tlv(0xA0, der.integer(fields.version or "\2"))
  return der.sequence(der.sequence(version, fields.serial or der.integer "\1", algorithm, fields.issuer or name,
    der.sequence(fields.not_before or der.utc_time "200101000000Z", fields.not_after or der.utc_time "400101000000Z"),
    fields.subject or name, fields.spki, extensions),
    algorithm, der.bits(0, der.sequence(der.integer "\1", der.integer "\1")))
end

return der
