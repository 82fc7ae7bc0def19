-- What a Certificate tells of itself, against openssl and Python's
-- cryptography, on the run's certificates, some that were made for it, and the
-- system's.
local helpers = require "spec.support.helpers"
local issued = require "spec.support.issued_chains"
local ssl = require "luassl"

helpers.audit()

local file, read = helpers.file, helpers.read_file

local MORE = [[
basicConstraints = critical, CA:TRUE, pathlen:3
keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, keyAgreement, keyCertSign,\
 cRLSign, encipherOnly, decipherOnly
extendedKeyUsage = serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, OCSPSigning, 1.2.3.4.5
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer
subjectAltName = DNS:a.example, DNS:*.b.example, IP:192.0.2.1, IP:2001:db8::1, email:a@b.example,\
 URI:https://c.example/x
issuerAltName = DNS:issuer.example, URI:http://issuer.example/
authorityInfoAccess = OCSP;URI:http://ocsp.example/, caIssuers;URI:http://ca.example/ca.der,\
 OCSP;URI:http://ocsp2.example/, caIssuers;email:x@y
crlDistributionPoints = URI:http://crl.example/1.crl, URI:ldap://crl.example/cn=x
1.2.3.4 = critical, DER:0500
]]

local function key(...)
  local path = helpers.temp_name()
  local peer = helpers.spawn {"openssl", "genpkey", "-out", path, ...}
  assert(peer:wait() == 0, peer:output())
  return path
end

-- A self-signed certificate of a new key.
local function self_signed(arguments, extensions, ...)
  local argv = {"-key", key(...)}
  for _, word in ipairs(arguments) do argv[#argv + 1] = word end
  return issued.certificate {extensions = extensions or issued.CA, arguments = argv}.pem
end

local function made()
  local list = {
    issued.certificate({extensions = MORE}).pem,
    issued.certificate({extensions = MORE, issuer = issued.root(),
      subject = "C = DE\nO = Größe, \"x\"\nCN = a+b=c"}).pem,
    self_signed({}, nil, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
    self_signed({"-sha1"}, nil, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"),
    self_signed({"-sigopt", "rsa_padding_mode:pss", "-sha384"}, nil, "-algorithm", "RSA"),
    self_signed({}, nil, "-algorithm", "ED448"),
    self_signed({"-sha512"}, nil, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
    self_signed({"-sha384"}, nil, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
    self_signed({}, nil, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
    self_signed({"-days", "20000"}, "1.3.6.1.4.1.99999.5 = DER:0500", "-algorithm", "ED25519"),
  }
  for name in ("rsa ecdsa ed25519 chained client names noname wildcard expired future root intermediate selfsigned "
    .. "signing enciphering agreeing anything"):gmatch "%S+" do
    list[#list + 1] = read(file(name .. ".crt"))
  end
  return list
end

-- Authorities that browsers know, where the system has them.
local function real()
  local list = {}
  local handle = io.open("/etc/ssl/certs/ca-certificates.crt", "rb")
  if not handle then return list end
  for _, certificate in ipairs(assert(ssl.load_certificates(handle:read "*a"))) do
    if #list < 60 then list[#list + 1] = certificate:pem() end
  end
  handle:close()
  return list
end

local all

local function certificates()
  if all then return all end
  all = made()
  for _, pem in ipairs(real()) do all[#all + 1] = pem end
  for i, pem in ipairs(all) do
    all[i] = {pem = pem, path = helpers.temp_file(pem), certificate = assert(ssl.load_certificates(pem))[1]}
  end
  assert.is_true(#all >= 27)
  return all
end

local function openssl(...)
  local peer = helpers.spawn {"openssl", ...}
  assert(peer:wait() == 0, peer:output())
  return peer:output()
end

local SCRIPT = [==[
import calendar, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, ed25519, ed448
E = x509.oid.ExtensionOID

def seconds(c, name):
    value = getattr(c, name + "_utc", None) or getattr(c, name)
    return calendar.timegm(value.timetuple())

def ext(c, oid):
    try:
        return c.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None

def names(c, oid, kind):
    value = ext(c, oid)
    return [str(n) for n in value.get_values_for_type(kind)] if value else []

def say(name, *values):
    print(name, *values, sep="\t")

for path in sys.argv[1:]:
    c = x509.load_pem_x509_certificate(open(path, "rb").read())
    say("certificate")
    digits = "%X" % c.serial_number
    say("serial", "0" * (len(digits) % 2) + digits)
    say("version", c.version.value + 1)
    say("dates", seconds(c, "not_valid_before"), seconds(c, "not_valid_after"))
    say("sha256", c.fingerprint(hashes.SHA256()).hex())
    say("sha1", c.fingerprint(hashes.SHA1()).hex())
    say("subject", *[a.value for a in c.subject])
    say("issuer", *[a.value for a in c.issuer])
    say("signature", c.signature_algorithm_oid._name.lower().replace("-", ""))
    digest = c.signature_hash_algorithm
    say("digest", digest.name if digest else "")
    key = c.public_key()
    if isinstance(key, rsa.RSAPublicKey): say("key", "RSA", key.key_size, "")
    elif isinstance(key, ec.EllipticCurvePublicKey): say("key", "EC", key.key_size, key.curve.name)
    elif isinstance(key, ed25519.Ed25519PublicKey): say("key", "Ed25519")
    elif isinstance(key, ed448.Ed448PublicKey): say("key", "Ed448")
    say("spki", key.public_bytes(serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo).hex())
    ku = ext(c, E.KEY_USAGE)
    if ku:
        bits = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign"]
        if ku.key_agreement: bits += ["encipher_only", "decipher_only"]
        say("key usage", *[b for b in bits if getattr(ku, b)])
    eku = ext(c, E.EXTENDED_KEY_USAGE)
    if eku: say("extended key usage", *[u._name if u._name != "Unknown OID" else u.dotted_string for u in eku])
    bc = ext(c, E.BASIC_CONSTRAINTS)
    if bc: say("basic constraints", bc.ca, bc.path_length)
    ski, aki = ext(c, E.SUBJECT_KEY_IDENTIFIER), ext(c, E.AUTHORITY_KEY_IDENTIFIER)
    if ski: say("subject key id", ski.digest.hex().upper())
    if aki and aki.key_identifier: say("authority key id", aki.key_identifier.hex().upper())
    aia = ext(c, E.AUTHORITY_INFORMATION_ACCESS)
    if aia:
        O = x509.oid.AuthorityInformationAccessOID
        uri = lambda method: [d.access_location.value for d in aia if d.access_method == method
            and isinstance(d.access_location, x509.UniformResourceIdentifier)]
        say("ocsp", *uri(O.OCSP))
        say("ca issuers", *uri(O.CA_ISSUERS))
    crl = ext(c, E.CRL_DISTRIBUTION_POINTS)
    if crl: say("crl", *[n.value for p in crl for n in p.full_name or []])
    say("dns", *names(c, E.SUBJECT_ALTERNATIVE_NAME, x509.DNSName))
    say("uri", *names(c, E.SUBJECT_ALTERNATIVE_NAME, x509.UniformResourceIdentifier))
    say("issuer dns", *names(c, E.ISSUER_ALTERNATIVE_NAME, x509.DNSName))
    say("extensions", *[e.oid.dotted_string + ("!" if e.critical else "") for e in c.extensions])
]==]

local PYTHON = {
  digitalSignature = "digital_signature", nonRepudiation = "content_commitment", keyEncipherment = "key_encipherment",
  dataEncipherment = "data_encipherment", keyAgreement = "key_agreement", keyCertSign = "key_cert_sign",
  cRLSign = "crl_sign", encipherOnly = "encipher_only", decipherOnly = "decipher_only",
  prime256v1 = "secp256r1",
}

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- What the script prints of that certificate.
local function describe_certificate(c)
  local lines = {"certificate"}
  local function say(name, ...)
    local words = {name}
    for i = 1, select("#", ...) do words[#words + 1] = tostring((select(i, ...))) end
    lines[#lines + 1] = table.concat(words, "\t")
  end
  local function say_list(name, list, map)
    local words = {name}
    for _, word in ipairs(list) do words[#words + 1] = map and map[word] or word end
    lines[#lines + 1] = table.concat(words, "\t")
  end
  local function values(name)
    local list = {}
    for _, rdn in ipairs(name) do
      for _, pair in ipairs(rdn) do list[#list + 1] = pair[2] end
    end
    return list
  end
  local function of_kind(names, kind)
    local list = {}
    for _, pair in ipairs(names or {}) do
      if pair[1] == kind then list[#list + 1] = pair[2] end
    end
    return list
  end
  say("serial", c:serial())
  say("version", c:version())
  say("dates", ("%d"):format(c:not_before "seconds"), ("%d"):format(c:not_after "seconds"))
  say("sha256", c:digest())
  say("sha1", c:digest "sha1")
  say_list("subject", values(c:subject()))
  say_list("issuer", values(c:issuer()))
  say("signature", (c:signature_name():lower():gsub("%-", "")))
  say("digest", c:signature_digest() or "")
  local curve = c:key_curve()
  if c:key_type():find "^Ed" then say("key", c:key_type())
  else say("key", c:key_type(), c:key_bits(), PYTHON[curve] or curve or "") end
  say("spki", hex(c:spki()))
  if c:key_usage() then say_list("key usage", c:key_usage(), PYTHON) end
  if c:extended_key_usage() then say_list("extended key usage", c:extended_key_usage()) end
  local constraints = c:basic_constraints()
  if constraints then
    say("basic constraints", constraints.ca and "True" or "False", constraints.path_length or "None")
  end
  if c:subject_key_id() then say("subject key id", c:subject_key_id()) end
  if c:authority_key_id() then say("authority key id", c:authority_key_id()) end
  if c:ocsp_urls() then
    say_list("ocsp", c:ocsp_urls())
    say_list("ca issuers", c:ca_issuers_urls())
  end
  if c:crl_urls() then say_list("crl", c:crl_urls()) end
  say_list("dns", of_kind(c:subject_alt_name(), "DNS"))
  say_list("uri", of_kind(c:subject_alt_name(), "URI"))
  say_list("issuer dns", of_kind(c:issuer_alt_name(), "DNS"))
  local extensions = {}
  for i, extension in ipairs(c:extensions()) do
    extensions[i] = extension.oid .. (extension.critical and "!" or "")
  end
  say_list("extensions", extensions)
  return lines
end

describe("a certificate tells", function()
  teardown(function() all = nil end)

  it("what Python's cryptography tells", function()
    local argv = {"python3", "-W", "ignore", helpers.temp_file(SCRIPT)}
    for _, one in ipairs(certificates()) do argv[#argv + 1] = one.path end
    local peer = helpers.spawn(argv, {env = {PYTHONIOENCODING = "utf-8"}})
    assert(peer:wait() == 0, peer:output())
    local expected = {}
    for line in peer:output():gmatch "[^\n]+" do
      if line == "certificate" then expected[#expected + 1] = {} end
      table.insert(expected[#expected], line)
    end
    assert.equal(#certificates(), #expected)
    for i, one in ipairs(certificates()) do assert.same(expected[i], describe_certificate(one.certificate)) end
  end)

  it("what openssl tells", function()
    for i, one in ipairs(certificates()) do
      local c = one.certificate
      local function x509(...)
        return openssl("x509", "-noout", "-in", one.path, ...)
      end
      if i <= 30 then
        assert.equal(x509("-text", "-nameopt", "oneline"):gsub("[^\n -~]", "."), c:text())
        assert.equal(x509 "-pubkey", c:spki "pem")
      end
      local words = i <= 45 and x509("-serial", "-startdate", "-enddate", "-subject", "-issuer", "-nameopt", "RFC2253",
        "-fingerprint", "-sha512")
      if not words then break end
      local digest = c:digest "sha512":upper():gsub("..", "%0:", 63)
      assert.equal(("serial=%s\nnotBefore=%s\nnotAfter=%s\nsubject=%s\nissuer=%s\nsha512 Fingerprint=%s\n")
        :format(c:serial(), c:not_before(), c:not_after(), c:subject "rfc2253", c:issuer "rfc2253", digest), words)
      if i <= 12 then
        assert.equal(("subject=%s\nissuer=%s\n"):format(c:subject "oneline", c:issuer "oneline"),
          x509("-subject", "-issuer", "-nameopt", "oneline"))
      end
    end
  end)

  it("its times as cert_time_to_seconds has them", function()
    for _, one in ipairs(certificates()) do
      local c = one.certificate
      for _, method in ipairs {"not_before", "not_after"} do
        assert.equal(ssl.cert_time_to_seconds(c[method](c)), c[method](c, "seconds"))
      end
      local to = c:not_after "seconds"
      assert.equal(0, c:days_left(to))
      assert.equal(0, c:days_left(to - 86399))
      assert.equal(1, c:days_left(to - 86400))
      assert.equal(-1, c:days_left(to + 1))
      assert.equal(-2, c:days_left(to + 86401))
    end
    assert.equal(20, ssl.load_certificates(read(file "rsa.crt"))[1]:days_left(os.time() - 43200))
  end)

  it("its pin as openssl's programs make it, and it is one", function()
    local c = ssl.load_certificates(read(file "rsa.crt"))[1]
    local peer = helpers.spawn {"sh", "-c", "openssl x509 -in " .. file "rsa.crt"
      .. " -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64"}
    assert.equal(0, peer:wait())
    assert.equal("sha256//" .. peer:output(), c:pin() .. "\n")
    local client, server = helpers.pair {client = {pins = {c:pin()}}}
    assert.is_true(helpers.handshake(client, server))
    assert.equal(c, client:peer_certificate())
    client:close()
    server:close()
  end)

  it("every other name in full", function()
    local names = ssl.load_certificates(read(file "names.crt"))[1]:subject_alt_name "full"
    local found = {}
    for _, name in ipairs(names) do
      assert.is_string(name.der)
      found[name.kind] = name
    end
    assert.equal(9, #names)
    assert.same({kind = "othername", oid = "1.3.6.1.4.1.99999.1", name = "1.3.6.1.4.1.99999.1", value = "other",
      bytes = "other", der = found.othername.der}, found.othername)
    assert.truthy(found.othername.der:find "^\160.*other$")
    assert.equal("1.2.3.4", found["Registered ID"].oid)
    assert.equal("2001:DB8:0:0:0:0:0:1", found["IP Address"].value)
    assert.equal("2001:db8::1", found["IP Address"].address)
    assert.equal("Directory Name", found.DirName.value[3][1][2])
    assert.equal("post@names.example", found.email.value)
    assert.equal("\134\26https://names.example/path", found.URI.der)
  end)

  it("every attribute of a distinguished name in full", function()
    local pem = issued.certificate({extensions = issued.CA, subject = "C = DE\n+O = LuaSSL\nCN = Größe"}).pem
    local certificate = ssl.load_certificates(pem)[1]
    local names = certificate:subject "full"
    assert.same({oid = "2.5.4.6", name = "countryName", value = "DE", bytes = "DE", rdn = 1}, names[1])
    assert.same({1, 1, 2}, {names[1].rdn, names[2].rdn, names[3].rdn})
    assert.equal("Größe", names[3].value)
    assert.same(names, certificate:issuer "full")
  end)

  it("the short name of the signature's algorithm", function()
    local certificate = ssl.load_certificates(issued.certificate({key = "rsa"}).pem)[1]
    assert.equal("RSA-SHA256", certificate:signature_name "short")
    assert.equal("sha256WithRSAEncryption", certificate:signature_name "long")
  end)

  it("its timestamps as bytes", function()
    local one, other = ("a"):rep(47), ("b"):rep(119)
    local list = "\0\47" .. one .. "\0\119" .. other
    local octets = "\4\129\172\0\170" .. list  -- OCTET STRING, the list's length
    local pem = issued.certificate {extensions = "1.3.6.1.4.1.11129.2.4.2 = DER:" .. hex(octets)}.pem
    assert.same({one, other}, ssl.load_certificates(pem)[1]:scts())
    assert.is_nil(ssl.load_certificates(read(file "rsa.crt"))[1]:scts())
  end)

  it("nil for what is not in it", function()
    local c = ssl.load_certificates(read(file "selfsigned.crt"))[1]
    for _, method in ipairs {"key_usage", "extended_key_usage", "ocsp_urls", "ca_issuers_urls", "crl_urls", "scts",
      "issuer_alt_name"} do
      assert.equal(1, select("#", c[method](c)), method)
      assert.is_nil((c[method](c)), method)
    end
    assert.is_nil(ssl.load_certificates(read(file "rsa.crt"))[1]:key_curve())
    local edwards = self_signed({}, nil, "-algorithm", "ED25519")
    assert.is_nil(ssl.load_certificates(edwards)[1]:signature_digest())
  end)

  it("no digest that there is not", function()
    local c = ssl.load_certificates(read(file "rsa.crt"))[1]
    for _, name in ipairs {"x", "", "shake256", "sha256\n"} do
      local digest, err = c:digest(name)
      assert.is_nil(digest)
      assert.equal("unsupported", err.kind)
    end
    assert.equal(c:digest(), c:digest "SHA2-256")
  end)
end)

describe("whether a certificate", function()
  local function load(name)
    return ssl.load_certificates(read(file(name)))[1]
  end

  it("issued another, its signature tells", function()
    local root, intermediate, chained = load "root.crt", load "intermediate.crt", load "chained.crt"
    assert.is_true(root:issued(root))
    assert.is_true(root:issued(intermediate))
    assert.is_true(intermediate:issued(chained))
    for _, pair in ipairs {{root, chained}, {chained, root}, {load "other-root.crt", intermediate}} do
      local done, why = pair[1]:issued(pair[2])
      assert.is_false(done)
      assert.is_string(why)
    end
    -- the same name, and no key identifiers
    local plain = "basicConstraints = CA:TRUE\nsubjectKeyIdentifier = none\nauthorityKeyIdentifier = none"
    local one = issued.certificate {key = "other", subject = "CN = same", extensions = plain}
    local two = issued.certificate {key = "wildcard", subject = "CN = same", extensions = plain}
    local leaf = ssl.load_certificates(issued.certificate({issuer = one, extensions = plain}).pem)[1]
    assert.is_true(ssl.load_certificates(one.pem)[1]:issued(leaf))
    local done, why = ssl.load_certificates(two.pem)[1]:issued(leaf)
    assert.is_false(done)
    assert.truthy(why:find "signature", why)
    local mute = issued.certificate {key = "other", subject = "CN = same",
      extensions = plain .. "\nkeyUsage = cRLSign"}
    assert.is_false((ssl.load_certificates(mute.pem)[1]:issued(leaf)))
  end)

  it("is another, its bytes tell", function()
    local rsa, again = load "rsa.crt", load "rsa.pem"
    assert.is_true(rsa == again)
    assert.is_false(rawequal(rsa, again))
    assert.is_true(rsa ~= load "ecdsa.crt")
    assert.is_false(rsa == io.stdout)
    local der = rsa:der()
    local last = der:byte(-1)
    local twisted = ssl.load_certificates(der:sub(1, -2) .. string.char((last + 1) % 256))[1]
    assert.is_false(rsa == twisted)  -- in the signature alone
    assert.is_false((load "root.crt":issued(twisted)))
  end)

  it("is for an address", function()
    local rsa = load "rsa.crt"
    for address, found in pairs {["127.0.0.1"] = true, ["::1"] = true, ["0:0:0:0:0:0:0:1"] = true,
      ["127.0.0.2"] = false, ["::2"] = false, ["::ffff:127.0.0.1"] = false} do
      assert.equal(found, rsa:matches_ip(address), address)
      assert.equal(found, rsa:matches_host(address), address)
    end
    for _, wrong in ipairs {"localhost", "", "127.0.0.1/8", "127.1", "[::1]", "1.2.3.4\0"} do
      local found, err = rsa:matches_ip(wrong)
      assert.is_nil(found)
      assert.equal("name", err.kind)
    end
  end)
end)
