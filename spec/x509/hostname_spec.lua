-- Which names a client asks for, and which certificates it accepts for them.
local craft = require "spec.support.crafted_certificates"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local crafted = {}  -- by alternative names: made once

local function certificate_for(san, subject)
  local key = tostring(san) .. "|" .. tostring(subject)
  if not crafted[key] then
    local path, pem = craft.certificate {san = san, subject = subject}
    crafted[key] = {path = path, ca = helpers.temp_file(pem)}
  end
  return crafted[key]
end

-- The handshake of a client that wants `host` with a server whose
-- certificate, trusted, has these names: true, or nil and the client's error.
local function visit(host, san, subject)
  local certificate = certificate_for(san, subject)
  local client, server = helpers.pair {
    host = host, client = {ca_certs = certificate.ca},
    server = {certfile = certificate.path},
  }
  local ok, err = helpers.handshake(client, server)
  client:close()
  server:close()
  return ok, err
end

local function matches(host, ...)
  local ok, err = visit(host, ...)
  assert.is_true(ok, host .. ": " .. tostring(err))
end

local function differs(host, ...)
  local ok, err = visit(host, ...)
  assert.is_nil(ok, host)
  assert.is_true(err:is(ssl.SSLCertVerificationError))
end

local context

-- An error object for a name that may not be asked for, or nil.
local function refusal(host)
  local object, err = context:wrap_object {server_hostname = host}
  if object then
    object:close()
    return nil
  end
  assert.is_true(err:is(ssl.SSLError))
  return tostring(err)
end

local function refuses(pattern, ...)
  for _, host in ipairs {...} do
    local text = refusal(host)
    assert.is_string(text, ("%q"):format(host))
    assert.truthy(text:find(pattern), text)
  end
end

describe("a host name", function()
  setup(function()
    context = assert(ssl.create_default_context())
  end)

  teardown(function()
    context = nil
  end)

  it("may be a DNS name, whole or with the root's dot", function()
    for _, host in ipairs {"localhost", "a.example", "a.example.",
      "xn--bcher-kva.example", "a_b.example", "3com.example", "a.1a", "0xg",
      ("a"):rep(63) .. ".example", (("a"):rep(63) .. "."):rep(3)
      .. ("b"):rep(61), (("a"):rep(63) .. "."):rep(3) .. ("b"):rep(61) .. "."}
    do
      assert.is_nil(refusal(host), host)
    end
  end)

  it("may be an address", function()
    for _, host in ipairs {"127.0.0.1", "127.0.0.1.", "::1", "2001:DB8::1",
      "::ffff:127.0.0.1", "fe80::1%eth0", "1:2:3:4:5:6:7:8"} do
      assert.is_nil(refusal(host), host)
    end
  end)

  it("is not empty and begins with no dot", function()
    refuses("empty", "")
    refuses("begins with a dot", ".", ".example", "..")
    refuses("empty label", "a..example", "a.example..")
  end)

  it("is not too long", function()
    refuses("253", (("a"):rep(63) .. "."):rep(3) .. ("b"):rep(62),
      ("a."):rep(1000))
    refuses("63", ("a"):rep(64) .. ".example", "www." .. ("a"):rep(64))
  end)

  it("holds no NUL", function()
    refuses("NUL", "\0", "localhost\0", "localhost\0.example", "::1\0",
      "::1\0%eth0", "127.0.0.1\0")
  end)

  it("is ASCII", function()
    refuses("xn%-%-", "bücher.example", "localhost\173", "\255")
  end)

  it("is no URL and has no port", function()
    refuses("without scheme, port and path", "https://localhost",
      "localhost:443", "localhost/", "127.0.0.1:443", "::1.", ":", "::%eth0%")
    refuses("bracket", "[::1]", "[::1]:443", "[localhost]")
  end)

  it("holds nothing that a name cannot hold", function()
    refuses("blank", " localhost", "localhost ", "local host", "localhost\n",
      "local\thost", "\127", "fe80::1%et h0")
    refuses("wildcards", "*", "*.example", "a*.example")
    refuses("character", "a,b", "user@localhost", "a%eth0", "127.0.0.1%lo",
      "a#b", "(a)")
  end)

  it("is no half of an address", function()
    refuses("four decimal numbers", "1.2.3", "127.1", "2130706433",
      "0x7f.1", "0x7f000001", "0x", "256.1.1.1", "1.2.3.4.5", "01.2.3.4",
      "0177.0.0.1", "1.2.3.0x4", "a.1", "1.2.3.")
  end)
end)

describe("a certificate's name", function()
  teardown(function()
    crafted = {}
  end)

  it("matches in any case, with the root's dot, and exactly", function()
    local san = "DNS:www.example.com, DNS:other.example"
    matches("www.example.com", san)
    matches("WWW.Example.COM", san)
    matches("www.example.com.", san)
    matches("other.example", san)
    differs("example.com", san)
    differs("a.www.example.com", san)
    differs("wwwxexample.com", san)
    differs("www.example.co", san)
  end)

  it("matches one left-most label with its wildcard", function()
    local san = "DNS:*.example.com"
    matches("a.example.com", san)
    matches("A.EXAMPLE.COM", san)
    differs("a.b.example.com", san)
    differs("example.com", san)
    differs("a.example.org", san)
  end)

  it("has no other wildcards", function()
    local san = "DNS:f*.example.com, DNS:*f.example.com, DNS:f*o.example.com,"
      .. "DNS:a.*.example.com, DNS:*.com, DNS:*, DNS:*.*.example.org,"
      .. "DNS:xn--*.example.com"
    for _, host in ipairs {"foo.example.com", "fo.example.com",
      "a.b.example.com", "example.com", "localhost", "a.b.example.org",
      "xn--foo.example.com"} do
      differs(host, san)
    end
  end)

  it("covers no subdomains by a leading dot", function()
    differs("a.example.com", "DNS:.example.com")
    differs("example.com", "DNS:.example.com")
  end)

  it("is never the common name", function()
    differs("www.example.com", nil, "CN = www.example.com")
    differs("www.example.com", "IP:127.0.0.1", "CN = www.example.com")
    differs("www.example.com", "email:a@b.example", "CN = www.example.com")
    differs("127.0.0.1", nil, "CN = 127.0.0.1")
  end)

  it("does not end at a NUL", function()
    local client, server = helpers.pair {
      server = {certfile = helpers.file "nul.pem"}}
    local ok, err = helpers.handshake(client, server)
    assert.is_nil(ok)
    assert.is_true(err:is(ssl.SSLCertVerificationError))
    client:close()
    server:close()
  end)

  it("of an address is an IP address", function()
    local san = "IP:127.0.0.1, IP:2001:db8::1"
    matches("127.0.0.1", san)
    matches("127.0.0.1.", san)
    matches("2001:DB8::1", san)
    matches("2001:db8:0:0:0:0:0:1", san)
    matches("2001:db8::1%eth0", san)
    differs("127.0.0.2", san)
    differs("2001:db8::2", san)
    differs("::ffff:127.0.0.1", san)
    differs("localhost", san)
    differs("127.0.0.1", "DNS:127.0.0.1, URI:https://127.0.0.1/")
    differs("2001:db8::1", "DNS:2001:db8::1")
    differs("127.0.0.1", "DNS:*.0.0.1")
  end)
end)

describe("a client", function()
  local function greeting(host)
    local plain = assert(ssl.SSLContext())
    local client = assert(plain:wrap_object {server_hostname = host})
    client:do_handshake()
    local bytes = client:drain()
    client:close()
    return bytes
  end

  it("sends names, without the root's dot, and no addresses", function()
    local hello = greeting "www.example.com."
    -- HostName: type 0, two bytes of length, the name
    assert.truthy(hello:find("\0\0\15www.example.com", 1, true))
    assert.is_nil(hello:find("www.example.com.", 1, true))
    for _, host in ipairs {"127.0.0.1", "192.0.2.77", "2001:db8::77"} do
      assert.is_nil(greeting(host):find(host, 1, true))
    end
  end)

  it("can ask for a name and check none", function()
    local certificate = certificate_for "DNS:other.example"
    local client, server = helpers.pair {
      client = {ca_certs = certificate.ca, check_hostname = false},
      server = {certfile = certificate.path},
    }
    assert.is_true(helpers.handshake(client, server))
    client:close()
    server:close()
    crafted = {}
  end)
end)
