-- LuaSec's certificates over ours: the same cases over both, on the run's
-- certificates, some that were made for it, and the system's.
local helpers = require "spec.support.helpers"
local issued = require "spec.support.issued_chains"
local ours = require "luassl.luasec.x509"
local core = require "luassl.core"

helpers.audit()

local found, luasec = pcall(require, "ssl")
local unpack = table.unpack or unpack
local file, read = helpers.file, helpers.read_file

local SAN = [[
basicConstraints = CA:TRUE
subjectAltName = @names
issuerAltName = DNS:issuer.example
]]

local NAMES = [[
[names]
DNS.1 = example.com
DNS.2 = *.example.com
IP.1 = 127.0.0.1
IP.2 = ::1
IP.3 = 2001:db8::ff00:42
IP.4 = ::ffff:192.0.2.1
URI = http://x.example/y
email = a@b.example
RID = 1.2.3.4
dirName = directory
otherName.1 = 1.3.6.1.5.5.7.8.5;UTF8:xmpp.example
otherName.2 = 1.3.6.1.5.5.7.8.7;IA5:_xmpp-client.example
otherName.3 = 1.3.6.1.5.5.7.8.5;FORMAT:UTF8,UTF8:zwei.exämple
otherName.4 = 1.3.6.1.5.5.7.8.9;FORMAT:UTF8,UTF8:grün@example.com
otherName.5 = 1.2.3;FORMAT:UTF8,BMP:breit€
otherName.6 = 1.2.4;OCT:octets
otherName.7 = 1.2.5;PRINTABLESTRING:printable
[directory]
C = FR
]]

local function made()
  local list = {
    issued.certificate({extensions = SAN, sections = NAMES, subject = "C = DE\nO = Größe\n0.OU = a\n1.OU = b\n"
      .. "2.1.3.6.1.4.1.99999.7 = xx\nemailAddress = a@b.c\nCN = example.com"}).pem,
    issued.certificate({extensions = issued.CA, key = "rsa", arguments = {"-set_serial", "0"}}).pem,
    issued.certificate({extensions = issued.CA, key = "rsa", arguments = {"-set_serial", "-0x1234",
      "-sigopt", "rsa_padding_mode:pss"}}).pem,
  }
  for name in ("rsa ecdsa ed25519 chained client names noname wildcard expired future root intermediate selfsigned")
    :gmatch "%S+" do list[#list + 1] = read(file(name .. ".crt")) end
  local bundle = io.open("/etc/ssl/certs/ca-certificates.crt", "rb")
  if not bundle then return list end
  local text, count = bundle:read "*a", 0
  bundle:close()
  for pem in text:gmatch "%-%-%-%-%-BEGIN CERTIFICATE.-END CERTIFICATE%-%-%-%-%-\n" do
    count = count + 1
    if count <= 60 then list[#list + 1] = pem end
  end
  return list
end

local all

local function each(check)
  all = all or made()
  for i, pem in ipairs(all) do check(pem, i) end
end

-- What one of the libraries answers, both of whose values may be nil.
local function answer(load, pem, encoding, method, ...)
  local certificate = assert(load(pem))
  assert(certificate:setencode(encoding))
  local results = {n = 0}
  local function keep(...) results = {n = select("#", ...), ...} end
  keep(certificate[method](certificate, ...))
  return results
end

local function clear()  -- LuaSec leaves OpenSSL's error queue as it was filled
  core.load_certificates ""
end

local FACTS = {
  "subject", "issuer", "extensions", "serial", "notbefore", "notafter", "getsignaturename", "pem", "pubkey",
}

describe("ssl.x509 of LuaSec and ours", function()
  if not found then
    it("needs LuaSec, which is not here", function() pending "LuaSec is not installed" end)
    return
  end

  local function same(...)
    assert.same(answer(luasec.loadcertificate, ...), answer(ours.load, ...))
    clear()
  end

  it("tell the same of each certificate", function()
    each(function(pem)
      for _, method in ipairs(FACTS) do
        same(pem, "ai5", method)
        same(pem, "utf8", method)
      end
    end)
  end)

  it("make the same digests; other algorithms are ours alone", function()
    each(function(pem)
      same(pem, "ai5", "digest")
      for _, algorithm in ipairs {"sha1", "sha256", "sha512", "none", ""} do same(pem, "ai5", "digest", algorithm) end
    end)
    assert.equal(56, #ours.load(all[1]):digest "sha224")
  end)

  it("find the same times valid, to the second", function()
    each(function(pem)
      local certificate = core.load_certificates(pem)[1]
      for _, at in ipairs {0, os.time(), 2 ^ 33, certificate:not_before "seconds", certificate:not_after "seconds"} do
        for offset = -1, 1 do same(pem, "ai5", "validat", math.floor(at) + offset) end
      end
    end)
  end)

  it("find the same issuers, with the same reasons", function()
    local root = issued.certificate {extensions = issued.CA, subject = "CN = root"}
    local between = issued.certificate {extensions = issued.CA, subject = "CN = between", key = "rsa", issuer = root}
    local pems = {root.pem, between.pem, issued.certificate({subject = "CN = leaf", issuer = between}).pem,
      issued.certificate({extensions = issued.CA, subject = "CN = other"}).pem}
    local good = 0
    local function ask(load, ...)
      local list = {}
      for i, pem in ipairs {...} do list[i] = assert(load(pem)) end
      local done, err = list[1]:issued(unpack(list, 2))
      good = good + (done and 1 or 0)
      return {done, err}
    end
    for _, one in ipairs(pems) do
      for _, other in ipairs(pems) do
        assert.same(ask(luasec.loadcertificate, one, other), ask(ours.load, one, other))
        for _, third in ipairs(pems) do
          assert.same(ask(luasec.loadcertificate, one, other, third), ask(ours.load, one, other, third))
        end
      end
    end
    assert.is_true(good > 10)
    clear()
  end)

  it("read the first of several, and nothing that is none", function()
    local one, other = read(file "rsa.crt"), read(file "ecdsa.crt")
    for _, text in ipairs {one .. other, "text\n" .. one, read(file "rsa.key") .. one, one .. "-----BEGIN"} do
      assert.equal(luasec.loadcertificate(text):digest(), ours.load(text):digest())
    end
    for _, text in ipairs {"", "x", "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n",
      one:sub(1, 200), read(file "rsa.key")} do
      assert.is_nil((luasec.loadcertificate(text)))
      local certificate, err = ours.load(text)
      assert.is_nil(certificate)
      assert.is_string(err)  -- LuaSec says nothing
    end
    clear()
  end)

  it("have the same methods and the same type", function()
    local theirs, mine = luasec.loadcertificate(read(file "rsa.crt")), ours.load(read(file "rsa.crt"))
    for name in pairs(getmetatable(theirs).__index) do assert.is_function(mine[name], name) end
    assert.equal("SSL:Certificate", getmetatable(theirs).__name or "SSL:Certificate")  -- from 5.3 on
    for _, one in ipairs {theirs, mine} do
      assert.truthy(tostring(one):find "^X509 certificate: 0x%x+$")
      assert.is_false((one:setencode "ascii"))
      assert.is_true(one == one)
    end
  end)
end)

describe("a certificate with LuaSec's methods", function()
  it("leaves a name out that is no text", function()
    local pem = issued.certificate({extensions = "subjectAltName = otherName:1.2.3;INT:5, otherName:1.2.3;UTF8:a"}).pem
    assert.same({["2.5.29.17"] = {name = "X509v3 Subject Alternative Name", ["1.2.3"] = {name = "1.2.3", "a"}}},
      ours.load(pem):extensions())  -- LuaSec 1.2 crashes
  end)

  it("is what a connection's certificate is made to", function()
    local certificate = core.load_certificates(read(file "rsa.crt"))[1]
    assert.equal(certificate:pem(), ours.from(certificate):pem())
    assert.is_true(certificate == ours.certificate(ours.from(certificate)))
    assert.is_nil(ours.from(nil))
    assert.is_nil(ours.certificate(certificate))
  end)

  it("names misuse, and the line", function()
    local certificate = ours.load(read(file "rsa.crt"))
    local function wrong(words, call)
      local done, message = pcall(call)
      assert.is_false(done)
      assert.truthy(message:find("x509_spec.lua:%d+: " .. words), message)
    end
    wrong("bad argument #1 to 'load' %(string expected, got no value", function() ours.load() end)
    wrong("bad argument #1 to 'digest' %(string", function() certificate:digest {} end)
    wrong("bad argument #1 to 'validat' %(number expected, got no value", function() certificate:validat() end)
    wrong("bad argument #1 to 'setencode' %(string", function() certificate:setencode() end)
    wrong("bad argument #1 to 'issued' %(SSL:Certificate expected, got no value", function() certificate:issued() end)
    wrong("bad argument #2 to 'issued' %(SSL:Certificate expected, got string",
      function() certificate:issued(certificate, "x") end)
    wrong("calling 'pem' on bad self %(SSL:Certificate expected, got table", function() certificate.pem {} end)
  end)

  it("answers a string where ours answer an SSLError", function()
    local unknown, err = ours.load(read(file "rsa.crt")):digest "none"
    assert.is_nil(unknown)
    assert.equal("digest algorithm not supported (none)", err)
  end)
end)
