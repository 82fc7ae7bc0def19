-- Certificates from PEM and DER, and what is said of what is none.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local function read(name)
  return helpers.read_file(helpers.file(name))
end

local function count(text)
  return #assert(ssl.load_certificates(text))
end

local function refused(text, words)
  local list, err = ssl.load_certificates(text)
  assert.is_nil(list)
  assert.is_true(err:is(ssl.SSLError))
  assert.equal("pem", err.kind)
  assert.equal("load_certificates", err.operation)
  assert.truthy(err:find(words, 1, true), err.text)
  assert.is_nil(err.stack and table.concat(err.stack):find("PRIVATE", 1, true))
end

describe("load_certificates", function()
  local rsa, root = read "rsa.crt", read "root.crt"

  it("takes one or many in PEM, in order, and in DER", function()
    local list = ssl.load_certificates(rsa .. root .. rsa)
    assert.equal(3, #list)
    assert.equal(list[1], list[3])
    assert.equal(rsa, list[1]:pem())
    assert.equal(root, list[2]:pem())
    assert.equal(1, count(read "rsa.der"))
    assert.equal(2, count(read "rsa.der" .. read "rsa.der"))
    assert.equal(list[1], ssl.load_certificates(read "rsa.der")[1])
    assert.equal(3, count(read "roots.crt"))
  end)

  it("passes over keys, other blocks and text", function()
    assert.equal(1, count(read "rsa.pem"))
    assert.equal(1, count(read "rsa-encrypted.pem"))
    assert.equal(1, count(read "rsa-traditional.key" .. rsa))
    assert.equal(2, count("0 s:CN=first\n" .. rsa .. "\n\nsome words\n-----\n" .. root .. "the end"))
    assert.equal(2, count((rsa .. root):gsub("\n", "\r\n")))
    assert.equal(1, count("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" .. rsa))
    assert.equal(1, count((rsa:gsub("CERTIFICATE", "X509 CERTIFICATE"))))
    assert.equal(2, count(rsa .. root:sub(1, -2)))
  end)

  it("takes a TRUSTED CERTIFICATE for the certificate that it is", function()
    local peer = helpers.spawn {"openssl", "x509", "-in", helpers.file "root.crt", "-trustout", "-addtrust",
      "clientAuth"}
    assert.equal(0, peer:wait())
    local trusted = ssl.load_certificates(peer:output())[1]
    assert.equal(ssl.load_certificates(root)[1], trusted)
    assert.equal(root, trusted:pem())
  end)

  it("says what is there instead", function()
    refused("", "it is empty")
    for _, text in ipairs {"x", "0", ("0"):rep(1000), read "text.pem", read "rsa.der":sub(1, -2)} do
      refused(text, "no certificate in it: it is neither DER nor PEM, which has lines that begin with -----BEGIN")
    end
    refused(read "rsa.key", "no certificate in it, but a PRIVATE KEY")
    refused(read "rsa-pkcs8.key", "but an ENCRYPTED PRIVATE KEY")
    refused((rsa:gsub("CERTIFICATE", "CERTIFICATE REQUEST")), "but a CERTIFICATE REQUEST")
    refused((rsa:gsub("%-%-%-%-%-[^\n]*\n", "")), "it seems to be base64 alone")
    refused((rsa:gsub(".", "%0\0")), "UTF-16")
    refused(read "ecdsa.p12", "no certificate in it, but PKCS#12, which a context takes as pkcs12_file or pkcs12")
    refused(read "rsa-pkcs8.der", "no certificate in it, but a private key in DER")
    refused(("x"):rep(16 * 1024 * 1024 + 1), "more than 16 MiB")
  end)

  it("says which one is damaged", function()
    refused(read "garbage.pem", "certificate 1 in it is damaged")
    refused(rsa .. root:gsub("\n...", "\n!!!", 2), "certificate 2 in it is damaged")
    refused(rsa .. root:sub(1, -60), "certificate 2 in it is damaged")
    refused(read "rsa.der" .. read "rsa.der":sub(1, -2), "certificate 2 in it is damaged")
    refused(read "rsa.der" .. "x", "certificate 2 in it is damaged")
    refused(rsa .. "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "certificate 2 in it is damaged")
  end)

  it("asks nobody for a passphrase", function()
    local key = read "rsa-traditional.key"
    local headers = key:match "\n(Proc%-Type.-\n\n)"
    refused(rsa:gsub("\n", "\n" .. headers, 1), "certificate 1 in it is damaged")
  end)
end)
