-- Certificates as text: PEM, DER, and the times in them.
-- Nothing here asks the locale or the time zone, nothing verifies.

--- @page ssl
-- @group Certificates and random numbers
local core = require "luassl.core"
local errors = require "luassl.errors"

local base64, hides = core.base64, core.hides

local certificates = {}

local SHOWN = 64  -- bytes of the caller's string in an error

local function check_string(value, name)
  if type(value) ~= "string" then
    error(("bad argument #1 to '%s' (string expected, got %s)")
      :format(name, value == nil and "no value" or type(value)), 3)
  end
end

-- The string's first line in quotes, cut, and without what would not print; no
-- key.
local function quote(text)
  if hides(text) then return ("a text of %d bytes"):format(#text) end
  local first = text:match "^[^\n]*\n?":sub(1, SHOWN)
  local tail = #text > #first and "..." or ""
  local shown = first:gsub("[^ -~]", function(c)
    return ("\\x%02X"):format(c:byte())
  end)
  return '"' .. shown .. '"' .. tail
end

local MONTHS = {
  jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6,
  jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12,
}
local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- "May  9 00:00:00 2007 GMT"; one or two digits but for the year.
local TIME = "^([A-Za-z]+) +([0-9]+) +([0-9]+):([0-9]+):([0-9]+)"
  .. " +([0-9]+) +([A-Za-z]+)$"

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

local function days_in(month, year)
  return month == 2 and is_leap(year) and 29 or MONTH_DAYS[month]
end

-- Days from 1970-01-01 to a day of the Gregorian calendar.
local function days_since_epoch(year, month, day)
  local before = year - 1
  local days = before * 365 + math.floor(before / 4)
    - math.floor(before / 100) + math.floor(before / 400) - 719162
  for m = 1, month - 1 do
    days = days + days_in(m, year)
  end
  return days + day - 1
end

-- The number that one or two digits make, if it is in range.
local function field(digits, first, last)
  local n = #digits <= 2 and tonumber(digits)
  return n and n >= first and n <= last and n or nil
end

local function parse_time(text)
  local name, day, hour, minute, second, year, zone = text:match(TIME)
  -- lower() is safe in Turkish locales too: none of these names has an "i"
  local month = name and MONTHS[name:lower()]
  if not month or zone:lower() ~= "gmt" or #year ~= 4 then return nil end
  year = tonumber(year)
  if year == 0 then return nil end
  day = field(day, 1, days_in(month, year))
  hour, minute = field(hour, 0, 23), field(minute, 0, 59)
  second = field(second, 0, 61)  -- leap seconds, as strptime(3) has them
  if not (day and hour and minute and second) then return nil end
  local days = days_since_epoch(year, month, day)
  return ((days * 24 + hour) * 60 + minute) * 60 + second + 0.0
end

--- Seconds since the epoch of a time as certificates give it.
-- The same number in every time zone and locale.
-- @function cert_time_to_seconds
-- @tparam string timestring `"May  9 00:00:00 2007 GMT"`: month and "GMT" in
-- any case, one or more spaces between the fields, none around
-- @treturn[1] number a float, 1178668800.0
-- @treturn[2] nil
-- @treturn[2] SSLError the string is no such time, or no day of the calendar
-- @raise when `timestring` is not a string
-- @source Python, ssl.cert_time_to_seconds; ASN1_TIME_print(3)
-- @usage local seconds = ssl.cert_time_to_seconds("May  9 00:00:00 2007 GMT")
-- print(os.date("!%Y-%m-%d", seconds))  --> 2007-05-09
function certificates.cert_time_to_seconds(timestring)
  check_string(timestring, "cert_time_to_seconds")
  local seconds = parse_time(timestring)
  if seconds then return seconds end
  return nil, errors.new("SSLError", {
    kind = "time",
    operation = "cert_time_to_seconds",
    text = "cert_time_to_seconds: " .. quote(timestring)
      .. ' is no time like "May  9 00:00:00 2007 GMT"',
  })
end

local HEADER = "-----BEGIN CERTIFICATE-----\n"
local FOOTER = "-----END CERTIFICATE-----\n"

-- Labels of plain certificates, two of them out of use: RFC 7468, 5.1.
local LABELS = {
  ["CERTIFICATE"] = true,
  ["X509 CERTIFICATE"] = true,
  ["X.509 CERTIFICATE"] = true,
}
local TRUSTED = "TRUSTED CERTIFICATE"  -- OpenSSL's: trust settings follow it

local function pem_error(operation, text)
  return nil, errors.new("SSLError", {
    kind = "pem",
    operation = operation,
    text = operation .. ": " .. text,
  })
end

-- Whether the bytes are one DER SEQUENCE and nothing else; what is in it is
-- OpenSSL's to judge.
local function is_sequence(der)
  local tag, length = der:byte(1, 2)
  if tag ~= 0x30 or not length then return false end
  if length < 0x80 then return #der == 2 + length end
  local count = length - 0x80
  if count < 1 or count > 4 or #der < 2 + count then return false end
  length = 0
  for i = 3, 2 + count do
    length = length * 256 + der:byte(i)
  end
  local shortest = length >= 0x80 and length >= 256 ^ (count - 1)
  return shortest and #der == 2 + count + length
end

--- Converts a certificate from DER to PEM.
-- @function DER_cert_to_PEM_cert
-- @tparam string der the certificate's bytes
-- @treturn[1] string header, base64 in lines of 64 characters, footer
-- @treturn[2] nil
-- @treturn[2] SSLError the bytes are not one whole DER SEQUENCE
-- @raise when `der` is not a string
-- @source RFC 7468, section 5
-- @usage local pem = assert(ssl.DER_cert_to_PEM_cert(conn:getpeercert(true)))
function certificates.DER_cert_to_PEM_cert(der)
  check_string(der, "DER_cert_to_PEM_cert")
  if not is_sequence(der) then
    local hint = der:find("-----BEGIN", 1, true) and ": it is PEM" or ""
    return pem_error("DER_cert_to_PEM_cert",
      "the string is not a whole certificate in DER" .. hint)
  end
  return HEADER .. base64.encode(der) .. FOOTER
end

local BEGIN = "%-%-%-%-%-BEGIN ([^\n-]+)%-%-%-%-%-()"

-- The label of the string's only certificate and where its base64 starts;
-- or nil and what is wrong. Text and keys around it do not matter.
local function find_certificate(pem)
  local count, other = 0, nil
  local found, first
  for label, position in pem:gmatch(BEGIN) do
    if LABELS[label] or label == TRUSTED then
      count = count + 1
      found, first = label, position
    else
      other = other or label:match "^[A-Z0-9 .]+$"
    end
  end
  if count == 0 and pem:find("-\0-\0B", 1, true) then
    return nil, "the string is text in UTF-16: PEM is ASCII"
  elseif count == 0 then
    return nil, "the string holds no -----BEGIN CERTIFICATE-----"
      .. (other and ", but " .. quote(other) or "")
  elseif count > 1 then
    return nil, ("the string holds %d certificates: give one"):format(count)
  elseif found == TRUSTED then
    return nil, "the string holds a TRUSTED CERTIFICATE, which is more than a"
      .. ' certificate: convert it with "openssl x509"'
  end
  return found, first
end

-- The bytes, or nil and what is wrong.
local function decode(text)
  if text == "" then
    return nil, "there is nothing between header and footer"
  end
  if text:find("\\n", 1, true) then
    return nil, "the line ends in the PEM are the two characters \\n, as in a quoted string or variable:"
      .. " put real line ends in their place"
  end
  local stray = text:match("[^A-Za-z0-9+/=]")
  if stray then
    return nil, "the certificate is not base64: it holds " .. quote(stray)
  end
  local der = base64.decode(text)
  if not der then
    return nil, "the certificate's base64 is cut short or damaged"
  end
  if not is_sequence(der) then
    return nil, "the bytes in the PEM are not a whole certificate in DER"
  end
  return der
end

--- Converts a certificate from PEM to DER. There must be one certificate, with the label CERTIFICATE (or the older
-- X509 CERTIFICATE); text and other PEM blocks around it are passed over, and
-- white space, CRLF included, anywhere in its base64.
-- @function PEM_cert_to_DER_cert
-- @tparam string pem the certificate, with header and footer
-- @treturn[1] string the certificate's bytes
-- @treturn[2] nil
-- @treturn[2] SSLError no header, no footer, bad base64, several certificates,
-- or bytes that are not one whole DER SEQUENCE
-- @raise when `pem` is not a string
-- @source RFC 7468, sections 2, 3 and 5
-- @usage local der = assert(ssl.PEM_cert_to_DER_cert(pem))
function certificates.PEM_cert_to_DER_cert(pem)
  check_string(pem, "PEM_cert_to_DER_cert")
  local label, first = find_certificate(pem)
  if not label then return pem_error("PEM_cert_to_DER_cert", first) end
  local footer = "-----END " .. label .. "-----"
  local last = pem:find(footer, first, true)
  if not last then
    return pem_error("PEM_cert_to_DER_cert", "the string holds no " .. footer)
  end
  local text = pem:sub(first, last - 1):gsub("[ \t\r\n]+", "")
  local der, problem = decode(text)
  if not der then return pem_error("PEM_cert_to_DER_cert", problem) end
  return der
end

return certificates
