-- PEM, DER and the times of certificates.
local helpers = require "spec.support.helpers"
local mime = require "mime"
local ssl = require "luassl"

helpers.audit()

local HEADER = "-----BEGIN CERTIFICATE-----\n"
local FOOTER = "-----END CERTIFICATE-----\n"

local function refused(kind, pattern, result, err)
  assert.is_nil(result)
  assert.is_true(err:is(ssl.SSLError))
  assert.equal(kind, err.kind)
  assert.truthy(tostring(err):find(pattern), tostring(err))
end

local function check_misuse(name)
  for _, wrong in ipairs {0, {}, true, io.stdout} do
    local ok, err = pcall(ssl[name], wrong)
    assert.is_false(ok)
    assert.truthy(err:find(name, 1, true))
    assert.truthy(err:find "string expected")
  end
  assert.is_false((pcall(ssl[name])))
end

describe("cert_time_to_seconds", function()
  local seconds = ssl.cert_time_to_seconds

  it("reads the reference's example", function()
    local result = seconds "May  9 00:00:00 2007 GMT"
    assert.equal(1178668800, result)
    if math.type then assert.equal("float", math.type(result)) end
  end)

  it("reads the ends of its range", function()
    for text, result in pairs {
      ["Jan  1 00:00:00 1970 GMT"] = 0,
      ["Dec 31 23:59:59 1969 GMT"] = -1,
      ["Jan 19 03:14:08 2038 GMT"] = 2147483648,
      ["Jan  1 00:00:00 0001 GMT"] = -62135596800,
      ["Dec 31 23:59:59 9999 GMT"] = 253402300799,
      ["Feb 29 00:00:00 2000 GMT"] = 951782400,
      ["Mar  1 00:00:00 1900 GMT"] = -2203891200,
      ["Dec 31 23:59:60 2008 GMT"] = 1230768000,
      ["Dec 31 23:59:61 2008 GMT"] = 1230768001,
    } do
      assert.equal(result, seconds(text), text)
    end
  end)

  it("takes any case, one or two digits, and spaces between", function()
    for _, text in ipairs {
      "Jan 05 09:34:43 2018 GMT", "Jan 5 9:34:43 2018 GMT",
      "JaN  5 09:34:43 2018 GmT", "jan    5   09:34:43  2018   gmt",
    } do
      assert.equal(1515144883, seconds(text), text)
    end
    assert.equal(1515110400, seconds "Jan 5 0:0:0 2018 GMT")
  end)

  it("refuses anything else and quotes it", function()
    for _, text in ipairs {
      "", " ", "Jan  5 09:34:43 2018", "Jan  5 09:34:43 2018 UTC",
      " Jan  5 09:34:43 2018 GMT", "Jan  5 09:34:43 2018 GMT ",
      "Jan  5 09:34:43 2018 GMT\n", "Jan\t5 09:34:43 2018 GMT",
      "Jan5 09:34:43 2018 GMT", "Jan 5 09:34:43 2018GMT",
      "January 5 09:34:43 2018 GMT", "Jon 5 09:34:43 2018 GMT",
      "Jan 005 09:34:43 2018 GMT", "Jan  0 09:34:43 2018 GMT",
      "Jan 32 09:34:43 2018 GMT", "Apr 31 09:34:43 2018 GMT",
      "Feb 30 09:34:43 2020 GMT", "Feb 29 09:34:43 2019 GMT",
      "Feb 29 09:34:43 1900 GMT", "Jan  5 24:34:43 2018 GMT",
      "Jan  5 09:60:43 2018 GMT", "Jan  5 09:34:62 2018 GMT",
      "Jan  5 09:34 2018 GMT", "Jan  5 09:34:43 18 GMT",
      "Jan  5 09:34:43 20180 GMT", "Jan  5 09:34:43 0000 GMT",
      "Jan -5 09:34:43 2018 GMT", "Jan 5 1e:34:43 2018 GMT",
      "5 Jan 09:34:43 2018 GMT", "2018-01-05T09:34:43Z",
      "Bad time value",
    } do
      local result, err = seconds(text)
      refused("time", "cert_time_to_seconds", result, err)
      local quoted = text:gsub("\n", "\\x0A"):gsub("\t", "\\x09")
      assert.truthy(tostring(err):find('"' .. quoted .. '"', 1, true))
    end
  end)

  it("cuts what it quotes", function()
    local _, err = seconds(("x"):rep(1e6))
    assert.is_true(#tostring(err) < 300)
    _, err = seconds "\27[2J\0"
    assert.is_nil(tostring(err):find "%c")
  end)

  it("does not depend on the time zone and the locale", function()
    local script = helpers.temp_file [[
local ssl = require "luassl"
os.setlocale ""  -- stays "C" where the other is not installed
print(("%d"):format(ssl.cert_time_to_seconds "jUL  9 00:00:00 2007 gmt"))
]]
    for zone, locale in pairs {["UTC"] = "C", ["right/UTC"] = "tr_TR",
      ["America/New_York"] = "C.UTF-8", ["XYZ-14"] = "de_DE.UTF-8"} do
      local peer = helpers.spawn({helpers.interpreter, script}, {env = {
        TZ = zone, LC_ALL = locale, LD_PRELOAD = helpers.preloaded}})
      assert.equal("1183939200", peer:expect "(%d+)\n")
      peer:wait()
    end
  end)

  it("raises on what is no string", function()
    check_misuse "cert_time_to_seconds"
  end)
end)

describe("PEM and DER", function()
  it("are openssl's, both ways", function()
    for _, name in ipairs {"rsa", "ecdsa", "ed25519", "root", "names"} do
      local pem = helpers.read_file(helpers.file(name .. ".crt"))
      local path = helpers.temp_name()
      local peer = helpers.spawn {"openssl", "x509", "-outform", "DER",
        "-in", helpers.file(name .. ".crt"), "-out", path}
      assert.equal(0, peer:wait())
      local der = helpers.read_file(path)
      assert.equal(der, ssl.PEM_cert_to_DER_cert(pem))
      assert.equal(pem, ssl.DER_cert_to_PEM_cert(der))
    end
  end)

  it("survive the round trip at every length", function()
    for n = 0, 300 do
      local length = n < 128 and string.char(n)
        or n < 256 and "\129" .. string.char(n)
        or "\130\1" .. string.char(n - 256)
      local der = "0" .. length .. ("\0\255\16"):rep(100):sub(1, n)
      local pem = assert(ssl.DER_cert_to_PEM_cert(der))
      assert.equal(HEADER, pem:sub(1, #HEADER))
      assert.equal(FOOTER, pem:sub(-#FOOTER))
      local lines = {}
      for line in pem:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
      for i = 2, #lines - 2 do assert.equal(64, #lines[i]) end
      assert.is_true(#lines[#lines - 1] <= 64 and #lines[#lines - 1] > 0)
      assert.equal(der, ssl.PEM_cert_to_DER_cert(pem))
    end
  end)

  it("raise on what is no string", function()
    check_misuse "DER_cert_to_PEM_cert"
    check_misuse "PEM_cert_to_DER_cert"
  end)
end)

describe("DER_cert_to_PEM_cert", function()
  it("refuses what is not one whole SEQUENCE", function()
    local der = helpers.read_file(helpers.file "rsa.der")
    for _, bytes in ipairs {
      "", "0", "1\0", "0\1", "0\0\0", der:sub(1, -2), der .. "\0",
      "0\128\0\0",                       -- indefinite length
      "0\129\1x",                        -- a longer length than needed
      "0\130\0\129" .. ("x"):rep(129),
      "0\132\255\255\255\255", "0\255", "0\130\1",
    } do
      refused("pem", "not a whole certificate in DER",
        ssl.DER_cert_to_PEM_cert(bytes))
    end
  end)

  it("tells PEM from DER", function()
    refused("pem", "it is PEM", ssl.DER_cert_to_PEM_cert(
      helpers.read_file(helpers.file "rsa.crt")))
  end)
end)

describe("PEM_cert_to_DER_cert", function()
  local function read(text)
    return ssl.PEM_cert_to_DER_cert(text)
  end

  local pem, der

  setup(function()
    pem = helpers.read_file(helpers.file "rsa.crt")
    der = helpers.read_file(helpers.file "rsa.der")
  end)

  it("passes over what is around the certificate", function()
    assert.equal(der, read("Certificate:\n    Data:\n" .. pem .. "more"))
    assert.equal(der, read(helpers.read_file(helpers.file "rsa.pem")))
    assert.equal(der, read("\239\187\191" .. pem))
  end)

  it("takes every layout", function()
    assert.equal(der, read((pem:gsub("\n", "\r\n"))))
    assert.equal(der, read((pem:gsub("\n", "\r"))))
    assert.equal(der, read((pem:gsub("\n", "\n\t  "))))
    assert.equal(der, read(pem:sub(1, -2)))
    assert.equal(der, read(HEADER .. mime.b64(der) .. "\n" .. FOOTER))
    assert.equal(der, read((HEADER .. mime.b64(der) .. FOOTER)
      :gsub("\n", "")))
  end)

  it("takes the older labels, whose footer must be the same", function()
    for _, label in ipairs {"X509 CERTIFICATE", "X.509 CERTIFICATE"} do
      assert.equal(der, read((pem:gsub("CERTIFICATE", label))))
      refused("pem", "holds no %-%-%-%-%-END " .. label,
        read((pem:gsub("CERTIFICATE", label, 1))))
    end
  end)

  it("refuses a missing header", function()
    refused("pem", "holds no %-%-%-%-%-BEGIN CERTIFICATE", read "")
    refused("pem", "holds no %-%-%-%-%-BEGIN CERTIFICATE", read(der))
    refused("pem", "holds no %-%-%-%-%-BEGIN CERTIFICATE",
      read((pem:gsub("BEGIN", "BEGAN"))))
    refused("pem", 'but "PRIVATE KEY"',
      read(helpers.read_file(helpers.file "rsa.key")))
  end)

  it("refuses a missing footer", function()
    refused("pem", "holds no %-%-%-%-%-END CERTIFICATE",
      read((pem:gsub("%-%-%-%-%-END.*", ""))))
    refused("pem", "holds no %-%-%-%-%-END CERTIFICATE",
      read((pem:gsub("END CERT", "END TRUSTED CERT"))))
  end)

  it("refuses more than one certificate", function()
    refused("pem", "holds 2 certificates", read(pem .. pem))
    refused("pem", "holds 3 certificates",
      read(helpers.read_file(helpers.file "roots.crt")))
  end)

  it("refuses OpenSSL's trusted certificates", function()
    refused("pem", "TRUSTED CERTIFICATE",
      read((pem:gsub("CERTIFICATE", "TRUSTED CERTIFICATE"))))
  end)

  it("refuses bad base64", function()
    local function body(text)
      return read(HEADER .. text .. "\n" .. FOOTER)
    end
    refused("pem", "nothing between", body "")
    refused("pem", "nothing between", body " \r\n\t")
    for _, text in ipairs {"MAA", "MAA=A", "MAA=MAA=", "=MAA", "M===", "====",
      "MAB=", "MB==", "MAA=="} do
      refused("pem", "cut short or damaged", body(text))
    end
    for _, end_of_line in ipairs {"MAA=", "MA==", "MAAA"} do  -- where a line of PEM would end
      local line = ("A"):rep(60) .. end_of_line
      local fine = end_of_line == "MAAA" and "not a whole certificate" or "cut short or damaged"
      refused("pem", fine, body(line .. "MAAA"))
      refused("pem", "cut short or damaged", body(line .. "MAB="))
    end
    for text, stray in pairs {["MA!="] = "!", ["MA\0="] = "\\x00",
      ["MA-_"] = "-", ["M\195\132="] = "\\xC3", ["Proc-Type: 4"] = "-"} do
      local result, err = body(text)
      refused("pem", "not base64", result, err)
      assert.truthy(tostring(err):find('"' .. stray .. '"', 1, true))
    end
    assert.equal("0\0", (body "MAA="))
  end)

  it("refuses bytes that are no certificate", function()
    refused("pem", "not a whole certificate",
      read(HEADER .. mime.b64 "secret" .. "\n" .. FOOTER))
    refused("pem", "not a whole certificate",
      read(HEADER .. mime.b64(der:sub(1, -4)) .. "\n" .. FOOTER))
  end)

  it("is quick on long nonsense", function()
    local started = os.clock()
    read(("-----BEGIN "):rep(1e5))
    read(HEADER:rep(1e5))
    read(HEADER .. ("A"):rep(1e6))
    read(("-"):rep(1e6))
    assert.is_true(os.clock() - started < 5)
  end)
end)
