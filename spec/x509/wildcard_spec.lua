-- The label that a wildcard stands for may hold underscores; all else is as
-- OpenSSL's matcher has it, which is asked.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local matcher = require "luassl_matcher"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local key = helpers.read_file(file "ecdsa.key")

-- The Certificate of a server that has this one DNS name, with nothing
-- verified.
local function certificate_of(san)
  local certfile = helpers.temp_file(key .. matcher.certificate(key, san))
  local client, server = helpers.pair {
    client = {cert_reqs = ssl.CERT_NONE, check_hostname = false},
    server = {certfile = certfile},
  }
  assert(helpers.handshake(client, server))
  local certificate = client:peer_certificate()
  client:close()
  server:close()
  return certificate
end

local WILD = certificate_of "*.example.com"

describe("a wildcard", function()
  it("stands for a label with underscores", function()
    for _, name in ipairs {"my_host.example.com", "_.example.com",
      "_a.example.com", "a_.example.com", "a__b-c.example.com", "1_2.example.com",
      "MY_Host.Example.COM", "my_host.example.com.", "xn--a_b.example.com",
      "_xn--a.example.com", ("_"):rep(63) .. ".example.com"} do
      assert.is_true(WILD:matches_host(name), name)
    end
  end)

  it("stands for one label", function()
    for _, name in ipairs {"a_b.c.example.com", "a.b_c.example.com",
      "a_b.example.org", "a_b.xexample.com", "a_b.example.co", "a_bexample.com",
      "a_b.example.comm", "a_b", "example.com", "_example.com"} do
      assert.is_false(WILD:matches_host(name), name)
    end
  end)

  it("is no other name", function()
    for san, name in pairs {
      ["my-host.example.com"] = "my_host.example.com",
      ["myxhost.example.com"] = "my_host.example.com",
      ["*.com"] = "a_b.com",
      ["*"] = "a_b",
      ["*."] = "a_b.",
      ["*.."] = "a_b.c.d",
      ["*.*.com"] = "a_b.c.com",
      ["**.example.com"] = "a_b.example.com",
      ["a*.example.com"] = "a_b.example.com",
      ["*b.example.com"] = "a_b.example.com",
      ["a.*.example.com"] = "a_b.c_d.example.com",
      ["x*.com"] = "a_b.com",
      [".example.com"] = "a_b.example.com",
      ["*.my_zone.example.com"] = "a_b.my_zone.example.com",
      ["*.-a.example.com"] = "a_b.-a.example.com",
      ["*.a-.example.com"] = "a_b.a-.example.com",
      ["*.example.com."] = "a_b.example.com",
      ["*.example.com\0"] = "a_b.example.com",
      ["*.example.com\0.evil.example"] = "a_b.example.com",
      ["*.exam\0ple.com"] = "a_b.exam.com",
      ["*\0.example.com"] = "a_b.example.com",
      [""] = "a_b.example.com",
    } do
      assert.is_false(certificate_of(san):matches_host(name), san)
    end
  end)

  it("is looked for in all names of the certificate", function()
    local names  -- names.crt: many kinds, no wildcard
    local client, server = helpers.pair {server = {certfile = file "names.pem"}}
    assert.is_true(helpers.handshake(client, server))
    names = client:peer_certificate()
    client:close()
    server:close()
    assert.is_false(names:matches_host "a_b.example")
    assert.is_true(names:matches_host "127.0.0.1")
    assert.is_false(names:matches_host "127.0.0.2")
    assert.is_true(names:matches_host "NAMES.example.")
  end)
end)

describe("Certificate:matches_host", function()
  it("says what is no name of a host", function()
    for _, name in ipairs {"", ".", "a..b", "*.example.com", "a\0",
      "bücher.example", "127.1", ("a"):rep(64) .. ".example.com"} do
      local found, err = WILD:matches_host(name)
      assert.is_nil(found)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("name", err.kind)
    end
    assert.has_error(function() WILD:matches_host() end)
    assert.has_error(function() WILD:matches_host {} end)
  end)
end)

-- Names of labels that are in some way at an edge -------------------------

local LABELS = {"a", "A", "ab", "b", "com", "example", "a-b", "-a", "a-", "-",
  "xn--a", "XN--b", "xn--", "1", "1a", ("a"):rep(63)}
local ODD = {"a_b", "_", "_a", "a_", "xn--_", "a-_", "A_B"}
local STARS = {"*", "*", "*", "*", "*", "*a", "a*", "**", "a*b", "xn--*", ""}

-- The same pairs in each run and with each Lua.
local seed = 11
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n + 1
end

local function one_of(...)
  local lists, n = {...}, 0
  for _, list in ipairs(lists) do n = n + #list end
  n = random(n)
  for _, list in ipairs(lists) do
    if n <= #list then return list[n] end
    n = n - #list
  end
end

-- Ends mostly in one of few, so that names and certificates meet.
local ENDS = {".example.com", ".example.com", ".a.b", ".a_b.com", ".com", "",
  ".-a.com", ".a-.com", ".xn--a.b", ".Example.COM"}

local function host()
  local first = random(2) == 1 and one_of(ODD) or one_of(LABELS)
  return first .. one_of(ENDS)
end

local function san()
  local name = (random(4) == 1 and one_of(LABELS, ODD) or one_of(STARS))
    .. one_of(ENDS)
  if random(12) == 1 then name = name .. "." end
  if random(12) == 1 then
    local at = random(#name + 1)
    name = name:sub(1, at - 1) .. one_of {"\0", "*", ".", "-", "_", "\200"}
      .. name:sub(at)
  end
  return name
end

describe("on thousands of names and certificates", function()
  it("only underscores under a wildcard tell us from OpenSSL", function()
    local equal, good, wild, found = 0, 0, 0, 0
    for _ = 1, 150 do
      local name = san()
      local certificate = certificate_of(name)
      local der = certificate:der()
      for _ = 1, 40 do
        local wanted = host()
        local ours = certificate:matches_host(wanted)
        local first, rest = wanted:match "^([^.]*)(.*)$"
        local theirs = matcher.finds(der, wanted)
        if ours ~= nil and first:find "_" and name:sub(1, 2) == "*." then
          -- OpenSSL's answer for a label that it lets a wildcard stand for.
          theirs = matcher.finds(der, first:gsub("_", "x") .. rest)
          wild = wild + 1
          if theirs then found = found + 1 end
        end
        if ours ~= nil then
          equal = equal + 1
          if ours then good = good + 1 end
          assert(theirs == ours, ("%q for %q: %s"):format(name, wanted,
            tostring(ours)))
        end
      end
    end
    assert.is_true(equal > 4000)
    assert.is_true(good > 100)
    assert.is_true(wild > 500)
    assert.is_true(found > 50)
  end)
end)

describe("a host with an underscore", function()
  after_each(hooking.close_all)

  local HOST = "my_host.wildcard.example"

  for _, option in ipairs {"-tls1_2", "-tls1_3"} do
    it("is served by openssl and curl takes it, " .. option, function()
      local peer = helpers.s_server {cert = "wildcard",
        arguments = {option, "-www"}}
      local function visit(name)
        local conn, err = ssl.connect("127.0.0.1", peer.port,
          {server_hostname = name, timeout = helpers.patience})
        if not conn then return nil, err end
        conn:settimeout(helpers.patience)
        assert.same({0, "ok", 0}, {conn:verify_result()})
        assert.equal(HOST, conn:server_hostname())
        assert.is_true(conn:peer_certificate():matches_host(HOST))
        assert.same({{"DNS", "*.wildcard.example"}},
          conn:getpeercert().subjectAltName)
        assert(conn:send "GET / HTTP/1.0\r\n\r\n")
        assert.truthy(assert(conn:receive "*a"):find "HTTP/1.0 200 ok")
        local reused = conn:session_reused()
        conn:close()
        return reused
      end
      assert.is_false(visit(HOST))
      assert.is_true(visit(HOST))  -- judged again after the resumption
      local curl = helpers.spawn {"curl", "-sS", "-m", "20", "--noproxy", "*",
        "--cacert", file "root.crt", "--resolve",
        ("%s:%d:127.0.0.1"):format(HOST, peer.port),
        ("https://%s:%d/"):format(HOST, peer.port)}
      assert.equal(0, curl:wait(), curl:output())
      local refused, err = visit "my_host.wildcardx.example"
      assert.is_nil(refused)
      assert.equal(62, err.verify_code)  -- X509_V_ERR_HOSTNAME_MISMATCH
      assert.truthy(err:find "valid for %*%.wildcard%.example")
      peer:stop()
    end)
  end

  it("is good news for the hook", function()
    local hook, calls = hooking.spy()
    hooking.talk(hooking.succeed(hooking.open("object", {on_verify = hook},
      {certfile = file "wildcard.pem"}, {host = HOST})))
    assert.is_true(calls.facts.verified)
    assert.equal(0, calls.facts.verify_code)
    local err = hooking.refused(hooking.open("object", {on_verify = hook},
      {certfile = file "wildcard.pem"}, {host = "a.b_c.wildcard.example"}),
      "client")
    assert.equal(62, err.verify_code)
    assert.equal(62, calls.facts.verify_code)
  end)

  it("excuses nothing else", function()
    local certfile = helpers.temp_file(key
      .. matcher.certificate(key, "*.wildcard.example"))
    local err = hooking.refused(hooking.open("object", {},
      {certfile = certfile}, {host = HOST}), "client")
    assert.not_equal(62, err.verify_code)
    assert.not_equal(0, err.verify_code)
  end)
end)
