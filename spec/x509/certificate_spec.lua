-- The Certificate type and the getpeercert table, on certificates of every
-- kind: proper ones, and ones that a hostile peer would send.
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local mime = require "mime"
local ssl = require "luassl"

helpers.audit()

-- The client of a handshake with whoever presents that file; a `verifying`
-- one trusts `ca`.
local function meet(certfile, ca)
  local client, server = helpers.pair {
    client = {
      cert_reqs = ca and ssl.CERT_REQUIRED or ssl.CERT_NONE,
      ca_certs = ca or helpers.file "root.crt", check_hostname = false,
    },
    server = {certfile = certfile},
  }
  assert(helpers.handshake(client, server))
  server:close()
  return client
end

local function certificate_of(certfile)
  local client = meet(certfile)
  local certificate = assert(client:peer_certificate())
  client:close()
  return certificate
end

-- What openssl prints for a leaf of the PKI.
local function openssl(leaf, ...)
  local peer = helpers.spawn {"openssl", "x509", "-noout",
    "-in", helpers.file(leaf .. ".crt"), ...}
  assert.equal(0, peer:wait())
  return (peer:output():gsub("\n$", ""))
end

describe("a certificate", function()
  it("has the names that it was made with", function()
    -- DER sorts what is in one RDN
    local certificate = certificate_of(helpers.file "names.pem")
    assert.same({
      {{"countryName", "DE"}},
      {{"organizationalUnitName", "Names"}, {"organizationName", "Größe"}},
      {{"1.2.3.4.5", "x"}},
      {{"commonName", "names"}},
    }, certificate:subject())
    assert.same({
      {{"organizationName", "LuaSSL"}},
      {{"commonName", "LuaSSL test root"}},
    }, certificate:issuer())
  end)

  it("has every kind of alternative name, in order", function()
    local certificate = certificate_of(helpers.file "names.pem")
    local found = {}
    for i, pair in ipairs(certificate:subject_alt_name()) do
      assert.equal(2, #pair)
      found[i] = pair
    end
    table.sort(found, function(one, other) return one[1] < other[1] end)
    local kinds = {}
    for i, pair in ipairs(found) do kinds[i] = pair[1] end
    assert.same({"DNS", "DNS", "DirName", "IP Address", "IP Address",
      "Registered ID", "URI", "email", "othername"}, kinds)
    local ordered = certificate_of((craft.certificate {san = "IP:127.0.0.1, "
      .. "DNS:b.example, URI:https://a/b?c, IP:2001:db8::1, "
      .. "dirName:directory, RID:1.2.3.4, DNS:a.example, RID:2.5.4.3, "
      .. "email:a@b.example, otherName:1.2.3.4;UTF8:x, IP:::1"}))
    assert.same({
      {"IP Address", "127.0.0.1"},
      {"DNS", "b.example"},
      {"URI", "https://a/b?c"},
      {"IP Address", "2001:DB8:0:0:0:0:0:1"},
      {"DirName", {{{"countryName", "DE"}}, {{"organizationName", "LuaSSL"}}}},
      {"Registered ID", "1.2.3.4"},
      {"DNS", "a.example"},
      {"Registered ID", "commonName"},
      {"email", "a@b.example"},
      {"othername", "<unsupported>"},
      {"IP Address", "0:0:0:0:0:0:0:1"},
    }, ordered:subject_alt_name())
  end)

  it("has a serial number as openssl prints it", function()
    for _, leaf in ipairs {"rsa", "names"} do
      local certificate = certificate_of(helpers.file(leaf .. ".pem"))
      assert.equal(openssl(leaf, "-serial"), "serial=" .. certificate:serial())
    end
    for number, text in pairs {["0"] = "00", ["255"] = "FF", ["-5"] = "-05",
      ["0x00FF01"] = "FF01"} do
      local path = craft.certificate {arguments = {"-set_serial", number}}
      assert.equal(text, certificate_of(path):serial())
    end
  end)

  it("has dates as openssl prints them", function()
    local certificate = certificate_of(helpers.file "rsa.pem")
    assert.equal(openssl("rsa", "-startdate"),
      "notBefore=" .. certificate:not_before())
    assert.equal(openssl("rsa", "-enddate"),
      "notAfter=" .. certificate:not_after())
    local seconds = ssl.cert_time_to_seconds(certificate:not_after())
      - ssl.cert_time_to_seconds(certificate:not_before())
    assert.equal(20 * 86400, seconds)
    local late = craft.certificate {arguments = {"-days", "20000"}}
    assert.truthy(certificate_of(late):not_after()
      :find "^%u%l%l [ %d]%d %d%d:%d%d:%d%d 20%d%d GMT$")
  end)

  it("gives its bytes back", function()
    local certificate = certificate_of(helpers.file "rsa.pem")
    local pem = helpers.read_file(helpers.file "rsa.crt")
    assert.equal(pem, certificate:pem())
    assert.equal(helpers.read_file(helpers.file "rsa.der"), certificate:der())
    assert.equal(certificate:der(), ssl.PEM_cert_to_DER_cert(pem))
  end)

  it("prints in one short line", function()
    local certificate = certificate_of(helpers.file "rsa.pem")
    assert.equal("Certificate: /C=DE/ST=Berlin/O=LuaSSL/CN=localhost",
      tostring(certificate))
    local rude = craft.patched({subject = "CN = ab\nO = "
      .. ("long"):rep(15)}, "\12\2ab", "\12\2\27\n")
    local text = tostring(certificate_of(rude))
    assert.truthy(text:find "^Certificate: /CN=\\x1B\\x0A")
    assert.is_true(#text < 160)
    assert.is_nil(text:find "%c")
  end)

  it("outlives its connection", function()
    local client = meet(helpers.file "rsa.pem")
    local certificate = client:peer_certificate()
    client:close()
    client = nil  -- luacheck: ignore
    collectgarbage()
    assert.equal("localhost", certificate:subject()[4][1][2])
  end)

  it("has methods that take nothing else for a certificate", function()
    local certificate = certificate_of(helpers.file "rsa.pem")
    for name, method in pairs(getmetatable(certificate).__index) do
      for _, wrong in ipairs {0, "x", {}, io.stdout, ssl.SSLContext()} do
        assert.has_error(function() method(wrong) end, nil, name)
      end
      assert.has_error(function() method() end, nil, name)
    end
  end)

  it("does not let others change its methods", function()
    local certificate = certificate_of(helpers.file "rsa.pem")
    local shown = getmetatable(certificate).__index
    local serial = shown.serial
    shown.serial = nil
    assert.is_string(certificate:serial())
    shown.serial = serial
    assert.has_error(function() setmetatable(certificate, {}) end)
  end)
end)

describe("a hostile certificate", function()
  local function names_of(san)
    return certificate_of((craft.certificate {san = san})):subject_alt_name()
  end

  it("keeps the NUL in its name", function()
    local certificate = certificate_of(helpers.file "nul.pem")
    assert.same({{"DNS", "localhost\0.evil.example"}},
      certificate:subject_alt_name())
    local path = craft.patched({subject = "CN = local.host"}, "local.host",
      "local\0host")
    assert.same({{{"commonName", "local\0host"}}},
      certificate_of(path):subject())
  end)

  it("may have no names at all", function()
    local path = craft.certificate {arguments = {"-subj", "/"}}
    local certificate = certificate_of(path)
    assert.same({}, certificate:subject())
    assert.equal("Certificate: no subject", tostring(certificate))
    local n = select("#", certificate:subject_alt_name())
    assert.same({1, nil}, {n, certificate:subject_alt_name()})
    assert.same({}, names_of "DER:3000")
  end)

  it("may have names in no known form", function()
    -- iPAddress of 3, 0 and 4 bytes
    assert.same({{"IP Address", "<invalid>"}, {"IP Address", "<invalid>"},
      {"IP Address", "1.2.3.4"}}, names_of "DER:300D87030102038700870401020304")
    assert.same({{"DNS", ""}}, names_of "DER:30028200")
    assert.same({{"DNS", "\255\233"}}, names_of "DER:30048202FFE9")
    assert.same({{"DirName", {}}}, names_of "DER:3004A4023000")
    assert.same({{"X400Name", "<unsupported>"}}, names_of "DER:3004A3023000")
    assert.same({{"EdiPartyName", "<unsupported>"}},
      names_of "DER:3007A505A1030C0161")
    -- registeredID of 2,000 bytes: text of it would take quadratic time
    assert.same({{"Registered ID", "<invalid>"}},
      names_of("DER:308207D4888207D02A" .. ("FF"):rep(1998) .. "7F"))
  end)

  it("may have alternative names that are none", function()
    for _, der in ipairs {"020105", "300582 0A61", "30039F2A00", "3003880180"} do
      local path = craft.certificate {san = "DER:" .. der:gsub(" ", "")}
      local names, err = certificate_of(path):subject_alt_name()
      assert.is_nil(names)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("certificate", err.kind)
      assert.truthy(tostring(err):find "malformed")
    end
  end)

  it("may have thousands of names", function()
    local der = {}
    for i = 1, 5000 do
      der[i] = "8204" .. ("%04d"):format(i):gsub("%d", "3%0")
    end
    local names = names_of(("DER:3082%04X%s"):format(30000, table.concat(der)))
    assert.equal(5000, #names)
    assert.same({"DNS", "0001"}, names[1])
    assert.same({"DNS", "5000"}, names[5000])
  end)

  it("may have a subject of other types than text", function()
    -- OpenSSL itself refuses text that is not what its type says
    local options = {subject = "CN = abcd\nO = xyz"}
    for new, value in pairs {
      ["\30\4\0a\0b"] = "ab",      -- BMPString
      ["\28\4\0\0\0a"] = "a",      -- UniversalString
      ["\20\4\228cd\233"] = "äcdé",  -- T61String, read as Latin-1
      ["\48\4\2\2\1\1"] = "\48\4\2\2\1\1",  -- SEQUENCE, whole
      ["\3\4\0\1\2\3"] = "\1\2\3",           -- BIT STRING
    } do
      local path = craft.patched(options, "\12\4abcd", new)
      assert.same({{{"commonName", value}}, {{"organizationName", "xyz"}}},
        certificate_of(path):subject())
    end
  end)

  it("may have dates that are none", function()
    local year = os.date "!%y%m"
    local path = craft.patched({arguments = {"-days", "400"}},
      "\23\13" .. year, "\23\13XX13")
    local date, err = certificate_of(path):not_before()
    assert.is_nil(date)
    assert.is_true(err:is(ssl.SSLError))
    assert.equal("certificate", err.kind)
    assert.is_string(certificate_of(path):not_after())
  end)
end)

describe("getpeercert", function()
  it("gives the reference's table of a validated certificate", function()
    local client = meet(helpers.file "rsa.pem", helpers.file "root.crt")
    local certificate = client:peer_certificate()
    assert.same({
      subject = {{{"countryName", "DE"}}, {{"stateOrProvinceName", "Berlin"}},
        {{"organizationName", "LuaSSL"}}, {{"commonName", "localhost"}}},
      notAfter = certificate:not_after(),
      subjectAltName = {{"DNS", "localhost"}, {"IP Address", "127.0.0.1"},
        {"IP Address", "0:0:0:0:0:0:0:1"}},
    }, client:getpeercert())
    assert.equal(certificate:der(), client:getpeercert(true))
    client:close()
  end)

  it("has no subjectAltName without the extension", function()
    local client = meet(helpers.file "noname.pem", helpers.file "root.crt")
    assert.same({
      subject = {{{"commonName", "localhost"}}},
      notAfter = client:peer_certificate():not_after(),
    }, client:getpeercert())
    client:close()
  end)

  it("does not hide names that cannot be read", function()
    local path, pem = craft.certificate {san = "DER:020105"}
    local client = meet(path, helpers.temp_file(pem))
    local found = client:getpeercert()
    assert.same({{{"commonName", "crafted"}}}, found.subject)
    assert.same({}, found.subjectAltName)
    client:close()
  end)

  it("is empty for one that was not validated", function()
    local client = meet(helpers.file "rsa.pem")
    assert.same({}, client:getpeercert())
    assert.equal(helpers.read_file(helpers.file "rsa.der"),
      client:getpeercert(true))
    client:close()
  end)

  it("agrees with Python about every kind of name", function()
    local script = helpers.temp_file [[
import ssl, sys
found = ssl._ssl._test_decode_cert(sys.argv[1])
for kind, value in found["subjectAltName"]:
    print(kind, value if isinstance(value, str) else "", sep="=")
for rdn in found["subject"]:
    print("+".join("=".join(pair) for pair in rdn))
print(found["serialNumber"], found["notBefore"], found["notAfter"])
]]
    local peer = helpers.spawn({"python3", script, helpers.file "names.crt"},
      {env = {PYTHONIOENCODING = "utf-8"}})
    assert.equal(0, peer:wait())
    local certificate, lines = certificate_of(helpers.file "names.pem"), {}
    for _, pair in ipairs(certificate:subject_alt_name()) do
      local value = type(pair[2]) == "string" and pair[2] or ""
      lines[#lines + 1] = pair[1] .. "=" .. value
    end
    for _, rdn in ipairs(certificate:subject()) do
      local parts = {}
      for i, pair in ipairs(rdn) do parts[i] = table.concat(pair, "=") end
      lines[#lines + 1] = table.concat(parts, "+")
    end
    lines[#lines + 1] = table.concat({certificate:serial(),
      certificate:not_before(), certificate:not_after()}, " ")
    assert.equal(peer:output(), table.concat(lines, "\n") .. "\n")
  end)
end)

describe("the names in an error", function()
  local function refusal(san)
    local path, pem = craft.certificate {san = san}
    local client, server = helpers.pair {
      host = "wanted.example",
      client = {ca_certs = helpers.temp_file(pem)}, server = {certfile = path},
    }
    local ok, err = helpers.handshake(client, server)
    client:close()
    server:close()
    assert.is_nil(ok)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    return tostring(err)
  end

  it("are those that the certificate is valid for", function()
    local text = refusal "DNS:a.example, email:x@y, IP:127.0.0.1, DNS:b.example"
    assert.truthy(text:find("a.example, 127.0.0.1, b.example", 1, true), text)
    assert.truthy(text:find("wanted.example", 1, true), text)
  end)

  it("cannot control a terminal or look like others", function()
    -- "\27[2J, a"
    local text = refusal "DER:300982071B5B324A2C2061"
    assert.is_nil(text:find "[%z\1-\9\11-\31]")
    assert.truthy(text:find("?[2J??a", 1, true), text)
  end)
end)

describe("base64 of LuaSocket", function()
  it("and ours are the same", function()
    local certificate = certificate_of(helpers.file "ed25519.pem")
    local body = certificate:pem():match "\n(.*)\n%-":gsub("\n", "")
    assert.equal(mime.b64(certificate:der()), body)
  end)
end)
