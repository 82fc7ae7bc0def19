--- Certificates and chains, and how a client has to judge each: "accept",
-- "refuse", or "either" where no standard says which. `why` begins with the
-- standard that rules.
--
-- The function gives a list of tables: `name`, `ruling`, `why`, `chain` (leaf
-- first, as served), `trust` (the client's anchors), `host` (the name asked for),
-- `unsigned`: the key makes no signature of TLS, so the handshake fails first,
-- `crls`: what the client has to look the leaf up in (`check` "leaf") or the
-- whole chain ("chain"),
-- `code`, `text`: the verdict that our error has to hold, and some of its text.
local a = require "spec.badcerts.authority"
local der = require "spec.badcerts.der"

local HOST = a.host
local SIGNATURE_FAILURE = 7  -- X509_V_ERR_CERT_SIGNATURE_FAILURE

local list, root, inter

local function case(ruling, name, why, chain, more)
  local c = {name = name, ruling = ruling, why = why, chain = chain,
    trust = {root}, host = HOST}
  for field, value in pairs(more or {}) do c[field] = value end
  list[#list + 1] = c
end

local function accept(...) return case("accept", ...) end
local function refuse(...) return case("refuse", ...) end
local function either(...) return case("either", ...) end

-- A leaf by the intermediate, and its chain.
local function leaf(options)
  options = options or {}
  options.issuer = options.issuer or inter
  return a.leaf(options)
end

local function served(options) return {leaf(options), inter} end

local function named(...) return a.alternative_names {...} end

-- A leaf by an intermediate of its own, made with those options.
local function below(name, options, leaf_options)
  options.issuer = options.issuer or root
  local ca = a.ca(name, options)
  leaf_options = leaf_options or {}
  leaf_options.issuer = ca
  return {a.leaf(leaf_options), ca}
end

--- Keys and signatures --------------------------------------------------------

local function keys()
  for _, kind in ipairs {"rsa2048", "rsa3072", "P-256", "P-384", "P-521",
      "ed25519", "ed448"} do
    accept("leaf key " .. kind, "RFC 8446, 4.2.3: a signature algorithm of TLS",
      served {key = kind .. ":leaf"})
  end
  accept("leaf key RSA-PSS", "RFC 8446, 4.2.3: rsa_pss_pss_sha256",
    served {key = "rsapss:leaf"})
  for _, kind in ipairs {"rsa2048", "P-384", "ed25519"} do
    accept("intermediate key " .. kind, "RFC 8446, 4.2.3", below(
      "by " .. kind, {key = kind .. ":inter"}))
  end
  accept("intermediate signs with RSA-PSS", "RFC 4055, 3.1; RFC 8446, 4.2.3",
    below("by pss", {key = "rsa2048:inter"}, {hash = "pss"}))
  accept("signed with SHA-512", "RFC 5758, 3.2",
    served {hash = "sha512"})
  for _, bits in ipairs {512, 1024} do
    refuse("leaf key of RSA with " .. bits .. " bits",
      "NIST SP 800-131A: under 112 bits of security",
      served {key = "rsa" .. bits .. ":leaf"}, {unsigned = bits == 512})
  end
  refuse("intermediate key of RSA with 1024 bits", "NIST SP 800-131A",
    below("weak", {key = "rsa1024:inter"}))
  local weak = a.ca("weak root", {key = "rsa1024:root"})
  refuse("trusted root's key of RSA with 1024 bits", "NIST SP 800-131A",
    {a.leaf {issuer = weak}}, {trust = {weak}})
  refuse("leaf signed with SHA-1", "RFC 9155; RFC 8446, 4.2.3",
    below("signs sha1", {key = "rsa2048:inter"}, {hash = "sha1"}))
  refuse("leaf signed with SHA-1 and ECDSA", "RFC 9155; RFC 8446, 4.2.3",
    served {hash = "sha1"})
  refuse("leaf signed with MD5", "RFC 6151; RFC 8446, 4.4.2.4: MUST",
    below("signs md5", {key = "rsa2048:inter"}, {hash = "md5"}))
  local rsa_root = a.ca("rsa root", {key = "rsa2048:root"})
  refuse("intermediate signed with SHA-1", "RFC 9155",
    below("by sha1", {issuer = rsa_root, hash = "sha1"}),
    {trust = {rsa_root}})
  local old = a.ca("sha1 root", {key = "rsa2048:old", hash = "sha1"})
  accept("trusted root signed with SHA-1",
    "RFC 8446, 4.4.2.2: an anchor's own signature is not looked at",
    {a.leaf {issuer = old}}, {trust = {old}})
  refuse("elliptic curve with explicit parameters", "RFC 5480, 2.1.1: MUST NOT",
    served {key = "explicit:leaf"})
  refuse("elliptic curve with explicit parameters in the intermediate",
    "RFC 5480, 2.1.1: MUST NOT; CVE-2020-0601",
    below("explicit", {key = "explicit:inter"}))
  refuse("curve secp256k1", "RFC 8446, 4.2.3: no signature algorithm has it",
    served {key = "secp256k1:leaf"}, {unsigned = true})
end

local function flip(signature)
  return signature:sub(1, -2)
    .. string.char((signature:byte(-1) + 1) % 256)
end

local function signatures()
  refuse("leaf's signature is wrong", "RFC 5280, 6.1.3 (a)(1)",
    served {damage = flip})
  refuse("intermediate's signature is wrong", "RFC 5280, 6.1.3 (a)(1)",
    below("damaged", {damage = flip}))
  refuse("two signature algorithms that differ", "RFC 5280, 4.1.1.2: MUST",
    served {inner_algorithm = der.sequence(der.oid "1.2.840.10045.4.3.3")})
  local other = a.ca(HOST .. " other", {issuer = root})
  refuse("signed with another key than the issuer's", "RFC 5280, 6.1.3 (a)(1)",
    {leaf {issuer = {subject = inter.subject, key = other.key}, aki = false},
      inter}, {code = SIGNATURE_FAILURE})
end

--- Dates --------------------------------------------------------------------------

local function dates()
  refuse("leaf expired", "RFC 5280, 6.1.3 (a)(2)",
    served {not_before = -60, not_after = -1})
  refuse("leaf not yet valid", "RFC 5280, 6.1.3 (a)(2)",
    served {not_before = 2, not_after = 30})
  refuse("leaf ends before it begins", "RFC 5280, 4.1.2.5",
    served {not_before = 5, not_after = -5})
  refuse("intermediate expired", "RFC 5280, 6.1.3 (a)(2)",
    below("expired", {not_before = -60, not_after = -1}))
  refuse("intermediate not yet valid", "RFC 5280, 6.1.3 (a)(2)",
    below("future", {not_before = 2, not_after = 30}))
  local gone = a.ca("expired root", {not_before = -60, not_after = -1})
  either("trusted root expired",
    "RFC 5280, 6.1.1 (d): an anchor's dates are no input; most look at them",
    {a.leaf {issuer = gone}}, {trust = {gone}})
  accept("valid until 9999", "RFC 5280, 4.1.2.5: 99991231235959Z, no end",
    served {not_after = der.generalized_time "99991231235959Z"})
  accept("valid since 1955", "RFC 5280, 4.1.2.5.1: years from 50 are 19YY",
    served {not_before = der.utc_time "550101000000Z"})
  accept("valid until 2060", "RFC 5280, 4.1.2.5.2",
    served {not_after = der.generalized_time "20600101000000Z"})
  either("GeneralizedTime before 2050",
    "RFC 5280, 4.1.2.5: authorities MUST NOT; clients are told nothing",
    served {not_after = der.generalized_time "20480101000000Z"})
  refuse("a date that is none", "RFC 5280, 4.1.2.5",
    served {not_after = der.utc_time "not a date Z"})
  refuse("a thirteenth month", "RFC 5280, 4.1.2.5.1",
    served {not_after = der.utc_time "491301000000Z"})
  refuse("a date without Z", "RFC 5280, 4.1.2.5.1: MUST",
    served {not_after = der.utc_time "490101000000"})
  refuse("a date with fractions", "RFC 5280, 4.1.2.5.2: MUST NOT",
    served {not_after = der.generalized_time "20600101000000.5Z"})
end

--- Chains ---------------------------------------------------------------------------

local function chains()
  accept("leaf by the root", "RFC 5280, 6.1", {a.leaf {issuer = root}})
  accept("one intermediate", "RFC 5280, 6.1", served())
  local second = a.ca("second", {issuer = inter})
  local deep = a.leaf {issuer = second}
  accept("two intermediates", "RFC 5280, 6.1", {deep, second, inter})
  accept("intermediates in the wrong order", "RFC 8446, 4.4.2: SHOULD cope",
    {deep, inter, second})
  accept("root served too", "RFC 8446, 4.4.2", {leaf(), inter, root})
  local stranger = a.ca "stranger"
  accept("a certificate too many", "RFC 8446, 4.4.2: SHOULD cope",
    {leaf(), stranger, inter})
  accept("the intermediate twice", "RFC 8446, 4.4.2: SHOULD cope",
    {leaf(), inter, inter})
  local last, long = inter, {}
  for i = 1, 12 do
    last = a.ca("link " .. i, {issuer = last, key = "P-256:link"})
    table.insert(long, 1, last)
  end
  table.insert(long, 1, a.leaf {issuer = last})
  long[#long + 1] = inter
  accept("fourteen certificates", "RFC 5280, 6.1: any length", long)
  refuse("intermediate missing", "RFC 5280, 6.1", {leaf()})
  refuse("a middle intermediate missing", "RFC 5280, 6.1", {deep, second})
  refuse("self-signed leaf", "RFC 5280, 6.1", {a.leaf()})
  refuse("unknown root", "RFC 5280, 6.1",
    {a.leaf {issuer = stranger}, stranger})
  refuse("unknown root with the name of the known one", "RFC 5280, 6.1",
    below("false", {issuer = a.ca("root", {key = "P-256:false root"})}))
  local self = a.leaf {key = "P-256:self"}
  accept("self-signed leaf that is trusted itself", "RFC 5280, 6.1.1 (d)",
    {self}, {trust = {self}})
  local past = a.leaf {not_before = -60, not_after = -1, key = "P-256:past"}
  refuse("self-signed leaf that is trusted and expired",
    "RFC 5280, 6.1.3 (a)(2)", {past}, {trust = {past}})
end

-- Two certificates for one authority, two authorities for one name.
local function crossed()
  local dead = a.ca("twice", {issuer = root, not_before = -60, not_after = -1})
  local live = a.ca("twice", {issuer = root})
  accept("expired intermediate beside a valid one for the same key",
    "RFC 4158, 2.4: another path", {a.leaf {issuer = live}, dead, live})
  local wrong = a.ca("same name", {issuer = root, key = "P-256:wrong",
    ski = false})
  local right = a.ca("same name", {issuer = root, key = "P-256:right",
    ski = false})
  local chosen = a.leaf {issuer = right, aki = false}
  accept("two intermediates of one name, the wrong one first",
    "RFC 4158, 2.4: another path", {chosen, wrong, right})
  local new_root = a.ca("new root")
  local cross = a.ca("new root", {issuer = root})
  accept("cross-signed root, the old one trusted", "RFC 4158, 1.5.3",
    {a.leaf {issuer = new_root}, cross})
  accept("cross-signed root, the new one trusted", "RFC 4158, 1.5.3",
    {a.leaf {issuer = new_root}, cross}, {trust = {new_root}})
  local ended = a.ca("new root", {issuer = root, not_before = -60,
    not_after = -1})
  accept("cross-signed root expired, the new one trusted", "RFC 4158, 1.5.3",
    {a.leaf {issuer = new_root}, ended}, {trust = {new_root}})
  local one = a.name "one"
  local one_key = a.key "P-256:one"
  local two = a.ca("two", {issuer = {subject = one, key = one_key}})
  local first = a.ca("one", {issuer = two, key = "P-256:one"})
  refuse("two authorities that sign each other", "RFC 5280, 6.1",
    {a.leaf {issuer = first}, first, two})
end

--- Names -----------------------------------------------------------------------------

local function accept_names()
  accept("name in capitals", "RFC 9525, 6.3: without regard to case",
    served {san = named(a.dns(HOST:upper()))})
  accept("wildcard", "RFC 9525, 6.3", served {
    san = named(a.dns "*.badcerts.example")})
  accept("wildcard for a name with an underscore",
    "RFC 9525, 6.3: one whole label", served {
      san = named(a.dns "*.badcerts.example")}, {host = "a_b.badcerts.example"})
  accept("wildcard for an A-label", "RFC 9525, 6.3", served {
    san = named(a.dns "*.badcerts.example")},
    {host = "xn--bcher-kva.badcerts.example"})
  accept("A-label", "RFC 9525, 6.3; RFC 5890", served {
    san = named(a.dns "xn--bcher-kva.example")},
    {host = "xn--bcher-kva.example"})
  accept("the second of two names", "RFC 9525, 6.1",
    served {san = named(a.dns "other.example", a.dns(HOST))})
  accept("names of every kind before it", "RFC 5280, 4.2.1.6", served {
    san = named(a.email "post@other.example", a.uri "https://other.example/",
      a.ip "\10\0\0\1", a.directory(a.name "other"), a.dns(HOST))})
  local many = {}
  for i = 1, 3000 do many[i] = a.dns(("host%d.badcerts.example"):format(i)) end
  many[#many + 1] = a.dns(HOST)
  accept("three thousand names before it", "RFC 5280, 4.2.1.6: any number",
    served {san = a.alternative_names(many)})
  accept("empty subject, critical names", "RFC 5280, 4.1.2.6",
    served {subject = a.no_name, san = a.alternative_names(
      {a.dns(HOST)}, true)})
  accept("another common name", "RFC 9525, 2: common names do not count",
    served {subject = a.name "other.example"})
  accept("IPv4 address", "RFC 9525, 6.4", served {
    san = named(a.ip "\192\0\2\7")}, {host = "192.0.2.7"})
  accept("IPv6 address", "RFC 9525, 6.4", served {
    san = named(a.ip(" \1\13\184" .. ("\0"):rep(11) .. "\7"))},
    {host = "2001:db8::7"})
end

local function refuse_names()
  local function bad(name, why, san, more)
    refuse(name, why, served {san = san}, more)
  end
  bad("another name", "RFC 9525, 6.3", named(a.dns "other.example"))
  bad("the parent domain", "RFC 9525, 6.3", named(a.dns "badcerts.example"))
  bad("a longer name", "RFC 9525, 6.3", named(a.dns("x" .. HOST)))
  bad("wildcard for two labels", "RFC 9525, 6.3: one label alone",
    named(a.dns "*.example"))
  bad("wildcard for its own domain", "RFC 9525, 6.3",
    named(a.dns "*." .. HOST))
  bad("wildcard for a part of a label", "RFC 9525, 6.3: the whole label",
    named(a.dns "w*.badcerts.example"))
  bad("wildcard behind a part of a label", "RFC 9525, 6.3: the whole label",
    named(a.dns "*w.badcerts.example"))
  bad("wildcard in the second label", "RFC 9525, 6.3: the left-most label",
    named(a.dns "www.*.example"))
  bad("two wildcards", "RFC 9525, 6.3: one alone", named(a.dns "*.*.example"))
  bad("wildcard alone", "RFC 9525, 6.3", named(a.dns "*"))
  bad("wildcard in an A-label", "RFC 9525, 6.3; RFC 6125, 7.2",
    named(a.dns "xn--*.badcerts.example"),
    {host = "xn--bcher-kva.badcerts.example"})
  bad("leading dot", "RFC 5280, 4.2.1.6: preferred name syntax",
    named(a.dns ".badcerts.example"))
  bad("trailing dot", "RFC 5280, 4.2.1.6: preferred name syntax",
    named(a.dns(HOST .. ".")))
  bad("NUL behind the name", "RFC 5280, 4.2.1.6; CVE-2009-2408",
    named(a.dns(HOST .. "\0.other.example")))
  bad("port behind the name", "RFC 5280, 4.2.1.6", named(a.dns(HOST .. ":443")))
  bad("spaces around the name", "RFC 5280, 4.2.1.6",
    named(a.dns(" " .. HOST .. " ")))
  bad("empty name", "RFC 5280, 4.2.1.6", named(a.dns ""))
  bad("U-label for an A-label", "RFC 5280, 7.2: IA5String",
    named(a.dns "b\195\188cher.example"), {host = "xn--bcher-kva.example"})
  bad("name in a URI alone", "RFC 9525, 6.2: DNS-ID",
    named(a.uri("https://" .. HOST .. "/")))
  bad("name in an e-mail address alone", "RFC 9525, 6.2",
    named(a.email("www@" .. HOST)))
  refuse("common name alone", "RFC 9525, 2: MUST NOT",
    served {subject = a.name(HOST), san = false})
  refuse("common name beside an e-mail address", "RFC 9525, 2: MUST NOT",
    served {subject = a.name(HOST), san = named(a.email "post@other.example")})
  refuse("common name with a NUL", "RFC 9525, 2; CVE-2009-2408",
    served {subject = a.name(HOST .. "\0.other.example"), san = false})
  refuse("no name at all", "RFC 9525, 6",
    served {subject = a.no_name, san = false})
  refuse("version 1, the name in the common name", "RFC 9525, 2: MUST NOT",
    {a.leaf {issuer = inter, version = false, extensions = false,
      subject = a.name(HOST)}, inter})
end

local function addresses()
  local function bad(name, why, san, more)
    more = more or {}
    more.host = more.host or "192.0.2.7"
    refuse(name, why, served {san = san,
      subject = more.subject}, {host = more.host})
  end
  bad("another address", "RFC 9525, 6.4", named(a.ip "\192\0\2\8"))
  bad("address as a DNS name", "RFC 9525, 6.4: IP-ID",
    named(a.dns "192.0.2.7"))
  bad("address as text in its own kind", "RFC 5280, 4.2.1.6: octets",
    named(a.ip "192.0.2.7"))
  bad("address in the common name", "RFC 9525, 2: MUST NOT", false,
    {subject = a.name "192.0.2.7"})
  bad("address of five bytes", "RFC 5280, 4.2.1.6: four or sixteen",
    named(a.ip "\192\0\2\7\0"))
  bad("wildcard for an address", "RFC 9525, 6.3", named(a.dns "*.0.2.7"))
  bad("IPv4-mapped IPv6 address", "RFC 9525, 6.4: byte for byte",
    named(a.ip(("\0"):rep(10) .. "\255\255\192\0\2\7")))
end

--- Usage -------------------------------------------------------------------------------

local function usages()
  accept("no key usage", "RFC 5280, 4.2.1.3: nothing restricted",
    served {ku = false})
  accept("no extended key usage", "RFC 5280, 4.2.1.12", served {eku = false})
  accept("for servers and clients", "RFC 5280, 4.2.1.12",
    served {eku = a.extended_key_usage("client", "server")})
  either("for any purpose", "RFC 5280, 4.2.1.12: a client MAY refuse",
    served {eku = a.extended_key_usage "any"})
  for purpose, name in pairs {client = "clients", code = "signing code",
      email = "e-mail"} do
    refuse("for " .. name .. " alone", "RFC 5280, 4.2.1.12: MUST only",
      served {eku = a.extended_key_usage(purpose)})
  end
  refuse("key for encipherment alone", "RFC 8446, 4.4.2.2: digitalSignature",
    served {ku = a.key_usage "keyEncipherment", key = "rsa2048:leaf"})
  refuse("key for agreement alone", "RFC 8446, 4.4.2.2: digitalSignature",
    served {ku = a.key_usage "keyAgreement"})
  refuse("key for signing certificates alone", "RFC 8446, 4.4.2.2",
    served {ku = a.key_usage "keyCertSign"})
  either("authority for clients alone",
    "RFC 5280, 4.2.1.12 speaks of leaves; CA/Browser Forum restricts below",
    below("clients", {eku = a.extended_key_usage "client"}))
  either("leaf that is an authority as well",
    "RFC 5280 allows it; CA/Browser Forum, 7.1.2.7, does not",
    served {bc = a.basic_constraints(true),
      ku = a.key_usage("digitalSignature", "keyCertSign")})
  accept("no basic constraints in the leaf", "RFC 5280, 4.2.1.9",
    served {bc = false})
  refuse("intermediate without the authority's mark", "RFC 5280, 6.1.4 (k)",
    below("no mark", {bc = a.basic_constraints(false)}))
  refuse("intermediate without basic constraints", "RFC 5280, 6.1.4 (k)",
    below("nothing", {bc = false}))
  refuse("intermediate that may not sign certificates", "RFC 5280, 6.1.4 (n)",
    below("no keyCertSign", {ku = a.key_usage("cRLSign",
      "digitalSignature")}))
  local middle = leaf {key = "P-256:middle"}
  refuse("leaf signs another leaf", "RFC 5280, 6.1.4 (k)",
    {a.leaf {issuer = middle}, middle, inter})
  refuse("version 1 intermediate", "RFC 5280, 6.1.4 (k)",
    {a.leaf {issuer = a.ca("old", {issuer = root, version = false,
      extensions = false}), aki = false},
      a.ca("old", {issuer = root, version = false, extensions = false})})
  local plain = a.ca("version 1 root", {version = false, extensions = false})
  either("version 1 root, trusted",
    "RFC 5280, 6.1.1 (d): an anchor is a name and a key; some refuse",
    {a.leaf {issuer = plain, aki = false}}, {trust = {plain}})
end

local function path_lengths()
  local none = a.ca("no more", {issuer = root,
    bc = a.basic_constraints(true, 0)})
  accept("path length 0 above a leaf", "RFC 5280, 4.2.1.9",
    {a.leaf {issuer = none}, none})
  local beyond = a.ca("beyond", {issuer = none})
  refuse("path length exceeded", "RFC 5280, 6.1.4 (l)",
    {a.leaf {issuer = beyond}, beyond, none})
  local again = a.ca("no more", {issuer = none, key = "P-256:rolled"})
  accept("self-issued authority does not count", "RFC 5280, 6.1.4 (l)",
    {a.leaf {issuer = again}, again, none})
  local short = a.ca("short root", {bc = a.basic_constraints(true, 0)})
  local more = a.ca("under short", {issuer = short})
  refuse("path length of the root exceeded",
    "RFC 5280, 6.1.4 (l); 6.1.1: anchors' limits are inputs where given",
    {a.leaf {issuer = more}, more}, {trust = {short}})
end

--- Constraints ---------------------------------------------------------------------------

local function constraints()
  local function within(name, ruling, why, permitted, excluded, leaf_options,
      more)
    more = more or {}
    case(ruling, name, why, below(name, {nc = a.name_constraints(permitted,
      excluded, more.critical, more.minimum)}, leaf_options),
      {host = more.host or HOST})
  end
  within("within permitted names", "accept", "RFC 5280, 4.2.1.10",
    {a.dns "badcerts.example"})
  within("outside excluded names", "accept", "RFC 5280, 4.2.1.10", nil,
    {a.dns "other.example"})
  within("outside permitted names", "refuse", "RFC 5280, 6.1.3 (b)",
    {a.dns "other.example"})
  within("within excluded names", "refuse", "RFC 5280, 6.1.3 (c)", nil,
    {a.dns "badcerts.example"})
  within("within excluded names, not critical", "refuse",
    "RFC 5280, 4.2: a constraint that is known is obeyed", nil,
    {a.dns "badcerts.example"}, nil, {critical = false})
  within("one name within, one outside", "refuse", "RFC 5280, 6.1.3 (b)",
    {a.dns "badcerts.example"}, nil,
    {san = named(a.dns(HOST), a.dns "other.example")})
  within("wildcard within excluded names", "refuse", "RFC 5280, 6.1.3 (c)",
    nil, {a.dns "badcerts.example"},
    {san = named(a.dns "*.badcerts.example")})
  within("address outside permitted addresses", "refuse",
    "RFC 5280, 6.1.3 (b)", {a.ip "\10\0\0\0\255\0\0\0"}, nil,
    {san = named(a.ip "\192\0\2\7")}, {host = "192.0.2.7"})
  within("address within permitted addresses", "accept",
    "RFC 5280, 4.2.1.10", {a.ip "\192\0\2\0\255\255\255\0"}, nil,
    {san = named(a.ip "\192\0\2\7")}, {host = "192.0.2.7"})
  within("subject outside permitted directory names", "refuse",
    "RFC 5280, 6.1.3 (b)", {a.directory(der.sequence(der.set(der.sequence(
      der.oid "2.5.4.10", der.utf8 "Somebody"))))})
  within("constraint with a minimum", "refuse",
    "RFC 5280, 4.2.1.10: MUST be zero, or refused",
    {a.dns "badcerts.example"}, nil, nil, {minimum = der.implicit(0, "\1")})
  within("constraint on a kind of name that is not there", "accept",
    "RFC 5280, 4.2.1.10", {a.email "other.example"})
  local limited = a.ca("limited root", {nc = a.name_constraints(
    {a.dns "other.example"})})
  either("outside the permitted names of the root",
    "RFC 5280, 6.1.1: anchors' limits are inputs where given",
    {a.leaf {issuer = limited}}, {trust = {limited}})
end

--- Policies: RFC 5280, 4.2.1.11, and 6.1.5 (g).
local function policies()
  local explicit = a.extension("2.5.29.36", true,
    der.sequence(der.implicit(0, "\0")))
  local function policy(oid)
    return a.extension("2.5.29.32", false,
      der.sequence(der.sequence(der.oid(oid))))
  end
  accept("a policy that nobody asks for", "RFC 5280, 6.1.1 (c)",
    served {more = {policy "1.2.3.4"}})
  accept("an explicit policy, which all have", "RFC 5280, 6.1.5 (g)",
    below("explicit policy", {more = {explicit, policy "1.2.3.4"}},
      {more = {policy "1.2.3.4"}}))
  refuse("an explicit policy, which the leaf lacks", "RFC 5280, 6.1.5 (g)",
    below("explicit policy", {more = {explicit, policy "1.2.3.4"}}),
    {text = "an authority above it asks for a certificate policy"})
end

--- Extensions and encoding -----------------------------------------------------------------

local UNKNOWN = "1.2.3.4.5"

local function extensions()
  accept("unknown extension", "RFC 5280, 4.2: MAY be ignored",
    served {more = {a.extension(UNKNOWN, false, der.null)}})
  refuse("unknown critical extension", "RFC 5280, 4.2: MUST refuse",
    served {more = {a.extension(UNKNOWN, true, der.null)}})
  refuse("unknown critical extension in the intermediate",
    "RFC 5280, 6.1.4 (o): MUST refuse",
    below("critical", {more = {a.extension(UNKNOWN, true, der.null)}}))
  local function twice(field, value)
    refuse("two extensions " .. field, "RFC 5280, 4.2: MUST NOT",
      served {more = {value}})
  end
  twice("subjectAltName", named(a.dns "other.example"))
  twice("basicConstraints", a.basic_constraints(false))
  twice("keyUsage", a.key_usage "digitalSignature")
  twice("extKeyUsage", a.extended_key_usage "server")
  refuse("two unknown extensions of one kind", "RFC 5280, 4.2: MUST NOT",
    served {more = {a.extension(UNKNOWN, false, der.null),
      a.extension(UNKNOWN, false, der.null)}},
    {text = "its extension 1.2.3.4.5 is there twice"})
  local function broken(name, oid, field, value)
    refuse(name .. " that cannot be read", "RFC 5280, 4.2; X.690",
      served {[field] = a.extension(oid, false, value)})
  end
  broken("subjectAltName", "2.5.29.17", "san", "\48\5\130\1a")
  broken("basicConstraints", "2.5.29.19", "bc", "\48\3\1\1")
  broken("keyUsage", "2.5.29.15", "ku", "\3\5\0")
  broken("extKeyUsage", "2.5.29.37", "eku", "\48\9\6\1")
  refuse("extKeyUsage without a purpose", "RFC 5280, 4.2.1.12: at least one",
    served {eku = a.extension("2.5.29.37", false, der.sequence())})
  refuse("nameConstraints that cannot be read, in the intermediate",
    "RFC 5280, 4.2; X.690", below("broken constraints",
      {nc = a.extension("2.5.29.30", true, "\48\9\160\1")}))
  refuse("basicConstraints that cannot be read, in the intermediate",
    "RFC 5280, 4.2; X.690", below("broken constraints",
      {bc = a.extension("2.5.29.19", true, "\48\9\1\1")}))
end

local function encoding()
  accept("no key identifiers", "RFC 5280, 4.2.1.1: for path building alone",
    served {ski = false, aki = false})
  local printable = a.ca("printable", {issuer = root})
  accept("issuer's name in another type of string", "RFC 5280, 7.1",
    {a.leaf {issuer = {subject = a.name("printable", der.printable),
      key = printable.key}}, printable})
  accept("issuer's name in other case and spacing", "RFC 5280, 7.1; RFC 4518",
    {a.leaf {issuer = {subject = a.name("Printable"), key = printable.key}},
      printable})
  accept("serial number of twenty bytes", "RFC 5280, 4.1.2.2: MUST cope",
    served {serial = der.integer_bytes("\127" .. ("\255"):rep(19))})
  either("negative serial number", "RFC 5280, 4.1.2.2: SHOULD cope",
    served {serial = der.integer_bytes "\255"})
  either("serial number 0", "RFC 5280, 4.1.2.2: SHOULD cope",
    served {serial = der.integer(0)})
  either("extensions in version 1", "RFC 5280, 4.1.2.9: MUST be version 3",
    {a.leaf {issuer = inter, version = false}, inter})
end

--- Revocation --------------------------------------------------------------------------

local function revocation()
  local function crl(issuer, revoked, more)
    local all = {issuer = issuer, revoked = revoked}
    for name, value in pairs(more or {}) do all[name] = value end
    return a.crl(all)
  end
  local function asked(ruling, name, why, crls, more)
    more = more or {}
    more.crls, more.check = crls, more.check or "leaf"
    if more.check == "leaf" then crls[#crls + 1] = crl(root) end  -- some clients look all up
    case(ruling, name, why, {more.leaf or leaf(), more.inter or inter}, more)
  end
  local revoked, good = leaf {key = "P-256:revoked"}, leaf {key = "P-256:good"}
  asked("accept", "in no CRL", "RFC 5280, 6.3.3", {crl(inter)}, {leaf = good})
  asked("accept", "another is in the CRL", "RFC 5280, 6.3.3",
    {crl(inter, {revoked})}, {leaf = good})
  asked("refuse", "leaf revoked", "RFC 5280, 6.3.3; 6.1.3 (a)(3)",
    {crl(inter, {revoked})}, {leaf = revoked, code = 23,
      text = "has revoked it"})
  asked("accept", "whole chain in no CRL", "RFC 5280, 6.3.3",
    {crl(inter), crl(root)}, {leaf = good, check = "chain"})
  local lost = a.ca("revoked intermediate", {issuer = root})
  asked("refuse", "intermediate revoked", "RFC 5280, 6.1.3 (a)(3)",
    {crl(lost), crl(root, {lost})}, {leaf = a.leaf {issuer = lost},
      inter = lost, check = "chain", code = 23})
  asked("refuse", "CRL missing", "RFC 5280, 6.3.3: the status is undetermined",
    {}, {leaf = good, code = 3, text = "is not known here"})
  asked("refuse", "CRL of the intermediate's issuer missing",
    "RFC 5280, 6.3.3: the status is undetermined", {crl(inter)},
    {leaf = good, check = "chain", code = 3})
  asked("refuse", "CRL expired", "RFC 5280, 6.3.3 (a): not current",
    {crl(inter, nil, {this_update = -9, next_update = -1})},
    {leaf = good, code = 12, text = "out of date"})
  asked("refuse", "CRL of a later time", "RFC 5280, 5.1.2.4",
    {crl(inter, nil, {this_update = 2})}, {leaf = good, code = 11})
  asked("refuse", "CRL signed by another", "RFC 5280, 6.3.3 (g)",
    {crl(inter, nil, {key = "P-256:no issuer"})}, {leaf = good, code = 8,
      text = "was not signed by that issuer"})
  asked("refuse", "CRL by an issuer that may not sign CRLs",
    "RFC 5280, 6.3.3 (f): cRLSign", {crl(a.ca("signs no CRLs",
      {issuer = root, ku = a.key_usage "keyCertSign"}))}, {
      leaf = a.leaf {issuer = a.ca("signs no CRLs", {issuer = root,
        ku = a.key_usage "keyCertSign"})}, inter = a.ca("signs no CRLs",
        {issuer = root, ku = a.key_usage "keyCertSign"}), code = 35})
end

--- All of them, in order. Makes keys and certificates at each call.
return function()
  list = {}
  root = a.ca "root"
  inter = a.ca("intermediate", {issuer = root})
  for _, part in ipairs {keys, signatures, dates, chains, crossed,
      accept_names, refuse_names, addresses, usages, path_lengths, constraints,
      policies, extensions, encoding, revocation} do
    part()
  end
  return list
end
