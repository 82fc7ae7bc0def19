-- Certificates that nobody would make, but who wants to harm: decoded without a
-- crash, and without a lie. What cannot be read is an error, or nil.
local der = require "spec.support.der"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local own = ssl.load_certificates(helpers.read_file(helpers.file "ecdsa.crt"))[1]

local function try(fields)
  fields.spki = fields.spki or own:spki()
  local loaded, err = ssl.load_certificates(der.certificate(fields))
  return loaded and loaded[1], err
end

local function load(fields)
  local loaded, err = try(fields)
  return assert(loaded, tostring(err))
end

local function with(...)
  return load {extensions = {...}}
end

-- Calls every method that takes no more than a word: none may raise.
local function ask(certificate)
  local found = {}
  for name, method in pairs(getmetatable(certificate).__index) do
    local argument = name == "matches_host" and "a.example" or name == "matches_ip" and "::1"
      or (name == "issued" or name == "ocsp_request") and certificate or nil
    local done, value, err = pcall(method, certificate, argument)
    assert(done, name .. ": " .. tostring(value))
    if value == nil and err ~= nil then assert.is_true(err:is(ssl.SSLError), name) end
    found[name] = value
  end
  assert.is_string(tostring(certificate))
  for _, form in ipairs {"oneline", "rfc2253"} do
    local text, err = certificate:subject(form)
    if text then assert.is_nil(text:find "[^ -~]") else assert.equal("certificate", err.kind) end
  end
  for _, form in ipairs {"pairs", "full"} do
    local names, err = certificate:subject_alt_name(form)
    if err then assert.is_nil(names) end
  end
  if found.text then assert.is_nil(found.text:find "[^\n -~]") end
  return found
end

-- Number, what it is called, the methods that read it.
local READ = {
  {"2.5.29.15", "key usage", "key_usage"},
  {"2.5.29.37", "extended key usage", "extended_key_usage"},
  {"2.5.29.19", "basic constraints", "basic_constraints"},
  {"2.5.29.35", "authority key identifier", "authority_key_id"},
  {"2.5.29.14", "subject key identifier", "subject_key_id"},
  {"1.3.6.1.5.5.7.1.1", "authority information access", "ocsp_urls", "ca_issuers_urls"},
  {"2.5.29.31", "CRL distribution points", "crl_urls"},
  {"1.3.6.1.4.1.11129.2.4.2", "list of signed certificate timestamps", "scts"},
  {"2.5.29.17", "subject alternative names", "subject_alt_name"},
  {"2.5.29.18", "issuer alternative names", "issuer_alt_name"},
}

-- A value of each that is in order.
local GOOD = {
  ["2.5.29.15"] = der.bits(7, "\128"),
  ["2.5.29.37"] = der.sequence(der.oid "1.3.6.1.5.5.7.3.1"),
  ["2.5.29.19"] = der.sequence(),
  ["2.5.29.35"] = der.sequence(der.tlv(0x80, "abcd")),
  ["2.5.29.14"] = der.octets "abcd",
  ["1.3.6.1.5.5.7.1.1"] = der.sequence(der.sequence(der.oid "1.3.6.1.5.5.7.48.1", der.tlv(0x86, "http://a"))),
  ["2.5.29.31"] = der.sequence(der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, "http://a"))))),
  ["1.3.6.1.4.1.11129.2.4.2"] = der.octets "\0\3\0\1x",
  ["2.5.29.17"] = der.sequence(der.tlv(0x82, "a.example")),
  ["2.5.29.18"] = der.sequence(der.tlv(0x82, "a.example")),
}

describe("an extension", function()
  local function each(use)
    for _, row in ipairs(READ) do
      for i = 3, #row do use(row[1], row[2], row[i]) end
    end
  end

  it("that is in order is read", function()
    each(function(oid, _, method)
      local certificate = with(der.extension(oid, GOOD[oid]))
      assert.is_not_nil(certificate[method](certificate), method)
    end)
  end)

  it("that is there twice counts for nothing", function()
    each(function(oid, what, method)
      for _, second in ipairs {GOOD[oid], "\5\0"} do
        local certificate = with(der.extension(oid, GOOD[oid]), der.extension("1.2.3.4", "\5\0"),
          der.extension(oid, second))
        local value, err = certificate[method](certificate)
        assert.is_nil(value, method)
        assert.equal("certificate", err.kind)
        assert.truthy(err:find(what .. " twice", 1, true), err.text)
        assert.equal(3, #certificate:extensions())
        ask(certificate)
      end
    end)
  end)

  it("that is malformed is an error, and stays in the list", function()
    each(function(oid, what, method)
      local good = GOOD[oid]
      for _, bytes in ipairs {"", "\5\0", "\48", "\48\127", good .. "\0", good .. good, good:sub(1, -2),
        "\48\128" .. good .. "\0\0", ("\48\128"):rep(1000), ("\164\128"):rep(20000)} do
        local certificate = with(der.extension(oid, bytes))
        local value, err = certificate[method](certificate)
        assert.is_nil(value, ("%s of %d bytes"):format(method, #bytes))
        assert.equal("certificate", err.kind)
        assert.truthy(err:find(what .. " is malformed", 1, true), err.text)
        assert.equal(bytes, certificate:extensions()[1].value)
        ask(certificate)
      end
    end)
  end)

  it("that holds no name that counts makes no match", function()
    for _, bytes in ipairs {GOOD["2.5.29.17"] .. "\0", "\5\0", ""} do
      local certificate = with(der.extension("2.5.29.17", bytes))
      for _, method in ipairs {"matches_host", "matches_ip"} do
        local found, err = certificate[method](certificate, method == "matches_ip" and "::1" or "a.example")
        assert.is_nil(found)
        assert.equal("certificate", err.kind)
      end
    end
    local twice = with(der.extension("2.5.29.17", GOOD["2.5.29.17"]), der.extension("2.5.29.17", GOOD["2.5.29.17"]))
    assert.is_nil((twice:matches_host "a.example"))
    assert.is_true(with(der.extension("2.5.29.17", GOOD["2.5.29.17"])):matches_host "a.example")
  end)

  it("may be unknown, huge, critical, or of a number that is huge", function()
    local big = ("x"):rep(200000)
    local certificate = with(der.extension("1.2.3.4", big, true), der.extension("1.2.3.4", ""))
    assert.same({{oid = "1.2.3.4", critical = true, value = big}, {oid = "1.2.3.4", critical = false, value = ""}},
      certificate:extensions())
    ask(certificate)
    local number = der.tlv(0x06, "\42" .. ("\255"):rep(3000) .. "\127")
    local odd = load {extensions = {der.sequence(number, der.octets "\5\0")}}
    assert.equal("<invalid>", odd:extensions()[1].oid)
    assert.is_nil(odd:extensions()[1].name)
    ask(odd)
  end)

  it("with constraints that are no length is malformed", function()
    for content, length in pairs {["\0"] = 0, ["\3"] = 3, ["\127\255\255\255"] = 2147483647} do
      local certificate = with(der.extension("2.5.29.19", der.sequence(der.boolean "\255", der.integer(content))))
      assert.same({ca = true, path_length = length}, certificate:basic_constraints())
    end
    for _, content in ipairs {"\255", "\128", "\0\128\0\0\0", ("\127"):rep(9), ("\127"):rep(100)} do
      local certificate = with(der.extension("2.5.29.19", der.sequence(der.boolean "\255", der.integer(content))))
      local value, err = certificate:basic_constraints()
      assert.is_nil(value)
      assert.truthy(err:find "malformed")
    end
  end)

  it("with timestamps has to be whole", function()
    local function scts(list)
      return with(der.extension("1.3.6.1.4.1.11129.2.4.2", der.octets(list))):scts()
    end
    assert.same({}, scts "\0\0")
    assert.same({"x", "\0\1"}, scts "\0\7\0\1x\0\2\0\1")
    for _, list in ipairs {"", "\0", "\0\1", "\0\2\0\0", "\0\3\0\2x", "\0\4\0\1xy", "\0\3\0\1xx", "\1\0\0\1x"} do
      local value, err = scts(list)
      assert.is_nil(value)
      assert.equal("certificate", err.kind)
    end
  end)

  it("may hold key usages that there are not", function()
    for bits, usages in pairs {[der.bits(0, "")] = {}, [der.bits(0, "\255\255\255")] = 9,
      [der.bits(0, "\0\128")] = {"decipherOnly"}, [der.bits(5, "\160")] = {"digitalSignature", "keyEncipherment"}} do
      local found = with(der.extension("2.5.29.15", bits)):key_usage()
      if usages == 9 then assert.equal(9, #found) else assert.same(usages, found) end
    end
  end)

  it("may say where things are in other words", function()
    local function access(...)
      return with(der.extension("1.3.6.1.5.5.7.1.1", der.sequence(...)))
    end
    local ocsp = der.oid "1.3.6.1.5.5.7.48.1"
    local certificate = access(der.sequence(ocsp, der.tlv(0x82, "dns")), der.sequence(ocsp, der.tlv(0x86, "a\0\27b")),
      der.sequence(der.oid "1.2.3", der.tlv(0x86, "other")), der.sequence(ocsp, der.tlv(0x86, "")))
    assert.same({"a\0\27b", ""}, certificate:ocsp_urls())
    assert.same({}, certificate:ca_issuers_urls())
    local point = der.sequence(der.tlv(0xA0, der.tlv(0xA1, der.sequence(der.oid "2.5.4.3", der.utf8 "x"))))
    local reasons = der.sequence(der.tlv(0x81, "\0\1"), der.tlv(0xA2, der.tlv(0x82, "x")))
    assert.same({}, with(der.extension("2.5.29.31", der.sequence(point, reasons))):crl_urls())
    assert.is_nil((with(der.extension("2.5.29.35", der.sequence())):authority_key_id()))
    assert.equal("", with(der.extension("2.5.29.14", der.octets "")):subject_key_id())
  end)
end)

it("an attribute of a name that is no text has no value, but bytes", function()
  local certificate = load {subject = der.name({"2.5.4.45", der.bits(0, "\5")},
    {"2.5.4.3", der.tlv(0x1E, "\0G\32\172")}, {"1.2.3", der.utf8 "x"})}
  assert.same({
    {oid = "2.5.4.45", name = "x500UniqueIdentifier", bytes = "\5", rdn = 1},
    {oid = "2.5.4.3", name = "commonName", value = "G€", bytes = "\0G\32\172", rdn = 2},
    {oid = "1.2.3", name = "1.2.3", value = "x", bytes = "x", rdn = 3},
  }, certificate:subject "full")
  ask(certificate)
end)

describe("an alternative name", function()
  local function names(...)
    local certificate = with(der.extension("2.5.29.17", der.sequence(...)))
    ask(certificate)
    return certificate:subject_alt_name "full", certificate:subject_alt_name()
  end

  local function other(oid, ...)
    return der.tlv(0xA0, der.oid(oid), der.tlv(0xA0, ...))
  end

  it("of any kind keeps its bytes", function()
    local all = {
      other("1.2.3", "\5\0"), der.tlv(0x81, ""), der.tlv(0x82, "\0"), der.tlv(0xA3, ""), der.tlv(0xA4, der.sequence()),
      der.tlv(0xA5, der.tlv(0xA1, der.utf8 "x")), der.tlv(0x86, "\255"), der.tlv(0x87, ""), der.tlv(0x88, "\42"),
    }
    for i, kind in ipairs {"othername", "email", "DNS", "X400Name", "DirName", "EdiPartyName", "URI", "IP Address",
      "Registered ID"} do
      local full = names(all[i])
      if full then
        assert.equal(kind, full[1].kind)
        if i ~= 4 then assert.equal(all[i], full[1].der) end
      end
    end
    assert.equal("\0", names(all[3])[1].value)
  end)

  it("that is another's is text, or its bytes alone", function()
    for value, text in pairs {
      [der.utf8 "ü"] = "ü", [der.printable "x"] = "x", [der.tlv(0x1E, "\0a\32\172")] = "a€",
      [der.utf8 "a\0b"] = "a\0b", [der.tlv(0x1C, "\0\0\0a")] = "a", [der.tlv(0x14, "\233")] = "é",
      [der.octets "x"] = false, ["\5\0"] = false, [der.integer "\1"] = false, [der.sequence(der.utf8 "x")] = false,
      [der.utf8 "\255"] = false, [der.tlv(0x09, "\0")] = false,
    } do
      local full, pairs_ = names(other("1.3.6.1.4.1.311.20.2.3", value))
      assert.equal("1.3.6.1.4.1.311.20.2.3", full[1].oid)
      assert.equal(text or nil, full[1].value)
      assert.truthy(full[1].der:find(value, 1, true))
      assert.same({{"othername", "<unsupported>"}}, pairs_)
    end
    assert.is_nil((names(other("1.2.3", der.tlv(0x1E, "abc")))))  -- no BMPString
  end)

  it("that is another's has the bytes of its text or octets", function()
    for value, bytes in pairs {
      [der.utf8 "x"] = "x", [der.tlv(0x1E, "\0a")] = "\0a", [der.octets "x"] = "x", ["\5\0"] = false,
      [der.integer "\1"] = false, [der.sequence(der.utf8 "x")] = false,
    } do
      assert.equal(bytes or nil, names(other("1.2.3", value))[1].bytes)
    end
    assert.equal("XmppAddr", names(other("1.3.6.1.5.5.7.8.5", der.utf8 "x"))[1].name)
  end)

  it("may be nested without end", function()
    local deep = der.utf8 "x"
    for _ = 1, 2000 do deep = der.sequence(deep) end
    local full = names(other("1.2.3", deep), der.tlv(0x82, "a.example"))
    if full then assert.equal("a.example", full[2].value) end
    for _, tag in ipairs {0xA0, 0xA3, 0xA4, 0xA5} do
      local nested = ""
      for _ = 1, 2000 do nested = der.tlv(tag, nested) end
      local certificate = with(der.extension("2.5.29.17", der.sequence(nested)))
      ask(certificate)
    end
  end)

  it("may be there thousands of times, and be long", function()
    local list = {}
    for i = 1, 20000 do list[i] = der.tlv(0x82, ("%05d.example"):format(i)) end
    list[#list + 1] = der.tlv(0x82, ("x"):rep(100000))
    local certificate = with(der.extension("2.5.29.17", der.sequence(table.concat(list))))
    local full = certificate:subject_alt_name "full"
    assert.equal(20001, #full)
    assert.equal(100000, #full[20001].value)
    assert.is_true(certificate:matches_host "20000.example")
    assert.is_false(certificate:matches_host "20001.example")
    ask(certificate)
  end)
end)

describe("a time", function()
  -- What it is in seconds; false: it is none.
  local TIMES = {
    [der.utc_time "700101000000Z"] = 0, [der.utc_time "691231235959Z"] = -1,
    [der.utc_time "500101000000Z"] = -631152000, [der.utc_time "491231235959Z"] = 2524607999,
    [der.generalized_time "19700101000000Z"] = 0, [der.generalized_time "20500101000000Z"] = 2524608000,
    [der.generalized_time "19691231235959Z"] = -1, [der.generalized_time "19011213204551Z"] = -2147483649,
    [der.generalized_time "20380119031408Z"] = 2147483648, [der.generalized_time "99991231235959Z"] = 253402300799,
    [der.generalized_time "00010101000000Z"] = -62135596800, [der.generalized_time "00000229000000Z"] = -62162121600,
    [der.generalized_time "20000229120000Z"] = 951825600, [der.generalized_time "21000301000000Z"] = 4107542400,
    [der.generalized_time "20210229000000Z"] = false, [der.generalized_time "20210001000000Z"] = false,
    [der.generalized_time "20211301000000Z"] = false, [der.generalized_time "20210101240000Z"] = false,
    [der.generalized_time "2021010100"] = false, [der.generalized_time ""] = false,
    [der.utc_time ""] = false, [der.utc_time "x"] = false, [der.utc_time "20210101000000Z"] = false,
  }

  local function check(certificate, method, seconds, time)
    local found, err = certificate[method](certificate, "seconds")
    local text, text_err = certificate[method](certificate)
    if seconds then
      assert.equal(seconds, found, time)
      assert.is_string(text, time)
    else
      assert.is_nil(found, time)
      assert.is_nil(text, time)
      assert.equal("certificate", err.kind)
      assert.equal("certificate", text_err.kind)
      if method == "not_after" then assert.is_nil((certificate:days_left())) end
    end
    ask(certificate)
  end

  it("is right on every system, or an error", function()
    for time, seconds in pairs(TIMES) do
      for _, method in ipairs {"not_before", "not_after"} do
        local certificate, err = try {[method] = time}
        if certificate then check(certificate, method, seconds, time)
        else  -- OpenSSL from 3.4 on reads no such certificate
          assert.is_false(seconds, time)
          assert.equal("pem", err.kind)
        end
      end
    end
  end)

  it("leaves days that may be many", function()
    local certificate = load {not_after = der.generalized_time "99991231235959Z"}
    assert.equal(2932896, certificate:days_left(0))
    assert.equal(2932896 + 10000, certificate:days_left(-864000000))
    assert.equal(-1, certificate:days_left(253402300800))
    assert.is_true(certificate:days_left(1e300) < -1e290)
  end)
end)

describe("what else is in it", function()
  it("may be a version that there is not", function()
    assert.equal(1, load({version = false}):version())
    assert.equal(2, load({version = "\1"}):version())
    assert.equal(100, load({version = "\99"}):version())
    for _, content in ipairs {"\255", ("\127"):rep(9)} do
      local version, err = load({version = content}):version()
      assert.is_nil(version)
      assert.equal("certificate", err.kind)
    end
  end)

  it("may be a huge number, or a negative one", function()
    assert.equal(("7F"):rep(5000), load({serial = der.integer(("\127"):rep(5000))}):serial())
    assert.equal("-01", load({serial = der.integer "\255"}):serial())
    assert.equal("-80", load({serial = der.integer "\128"}):serial())
    assert.equal("00", load({serial = der.integer "\0"}):serial())
  end)

  it("may be a name with anything in it", function()
    local rude = {"2.5.4.3", der.utf8 "a\0b\27[2J,CN=x/CN=y\n+"}
    local certificate = load {subject = der.name(rude, rude), issuer = der.sequence()}
    assert.equal("a\0b\27[2J,CN=x/CN=y\n+", certificate:subject()[1][1][2])
    local line = certificate:subject "rfc2253"
    assert.equal([[CN=a\00b\1B[2J\,CN\=x/CN\=y\0A\+,CN=a\00b\1B[2J\,CN\=x/CN\=y\0A\+]],
      (line:gsub("\\=", "="):gsub("CN=([xy])", "CN\\=%1")))
    assert.same({}, certificate:issuer())
    assert.equal("", certificate:issuer "oneline")
    ask(certificate)
    local long = load {subject = der.name {"2.5.4.3", der.utf8(("x"):rep(300000))}}
    assert.equal(300000 + 3, #long:subject "rfc2253")
    ask(long)
    local many = {}
    for i = 1, 3000 do many[i] = {"2.5.4.3", der.utf8 "x"} end
    assert.equal(3000, #load({subject = der.name((table.unpack or unpack)(many))}):subject())
  end)

  it("may be an attribute's type that is too long to print", function()
    local number = der.tlv(0x06, "\42" .. ("\255"):rep(3000) .. "\127")
    local certificate = load {subject = der.sequence(der.set(der.sequence(number, der.utf8 "x")))}
    assert.equal("<invalid>", certificate:subject()[1][1][1])
    local line, err = certificate:subject "oneline"
    assert.is_nil(line)
    assert.equal("certificate", err.kind)
  end)

  it("may be no key", function()
    local unknown = der.sequence(der.sequence(der.oid "1.2.3.4.5"), der.bits(0, "x"))
    local broken = der.sequence(der.sequence(der.oid "1.2.840.113549.1.1.1", "\5\0"), der.bits(0, "x"))
    local off = der.sequence(der.sequence(der.oid "1.2.840.10045.2.1", der.oid "1.2.840.10045.3.1.7"),
      der.bits(0, "\4" .. ("\1"):rep(64)))
    for _, spki in ipairs {unknown, broken, off} do
      local certificate = load {spki = spki}
      assert.equal(spki, certificate:spki())
      assert.truthy(certificate:pin():find "^sha256//" )
      for _, method in ipairs {"key_type", "key_bits", "key_curve"} do
        local value, err = certificate[method](certificate)
        assert.is_nil(value)
        assert.equal("unsupported", err.kind)
      end
      local done, err = certificate:issued(certificate)
      assert.is_nil(done)
      assert.equal("unsupported", err.kind)
      ask(certificate)
    end
    assert.truthy(select(2, load({spki = unknown}):key_type()):find("1.2.3.4.5", 1, true))
  end)

  it("may be a signature of no known kind, and is not believed", function()
    local strange = der.sequence(der.oid "1.2.3.4.5")
    local certificate = load {algorithm = strange}
    assert.equal("1.2.3.4.5", certificate:signature_name())
    assert.is_nil(certificate:signature_digest())
    local done, err = certificate:issued(certificate)
    assert.is_nil(done)
    assert.equal("unsupported", err.kind)
    done, err = load({}):issued(load {})
    assert.is_false(done)
    assert.truthy(err:find "signature")
    ask(certificate)
  end)
end)

describe("any byte", function()
  it("may be another: nothing crashes", function()
    local good = ssl.load_certificates(helpers.read_file(helpers.file "names.crt"))[1]:der()
    local loaded = 0
    for i = 1, #good do
      for _, change in ipairs {1, 0xFF} do
        local byte = (good:byte(i) + change) % 256
        local list, err = ssl.load_certificates(good:sub(1, i - 1) .. string.char(byte) .. good:sub(i + 1))
        if list then
          loaded = loaded + 1
          ask(list[1])
        else
          assert.equal("pem", err.kind)
        end
      end
    end
    assert.is_true(loaded > 300)
    for i = 1, #good - 1 do assert.is_nil((ssl.load_certificates(good:sub(1, i)))) end
  end)
end)
