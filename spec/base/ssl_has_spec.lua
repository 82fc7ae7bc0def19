-- ssl.HAS tells what the OpenSSL that runs can, as its own program does.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

-- What openssl prints, whatever it ends with.
local function openssl(...)
  local peer = helpers.spawn {"openssl", ...}
  peer:wait()
  return peer:output()
end

local function lists(what, pattern)
  return openssl("list", "-" .. what):find(pattern) ~= nil
end

local function has_option(option)
  return openssl("s_server", "-help"):find("\n %-" .. option .. " ") ~= nil
end

local function is_disabled(name)
  return lists("disabled", "%f[%w]" .. name .. "%f[^%w]")
end

-- Each by what openssl says of itself.
local EXPECTED = {
  ALPN = function() return has_option "alpn" end,
  ASYNC = function()
    return not openssl("speed", "-async_jobs", "1", "no-such-algorithm"):find "async not supported"
  end,
  CERTIFICATE_COMPRESSION = function()
    return has_option "cert_comp" and not (is_disabled "ZLIB" and is_disabled "BROTLI" and is_disabled "ZSTD")
  end,
  MLDSA = function() return lists("signature-algorithms", "ML%-DSA%-65") end,
  MLKEM = function() return lists("kem-algorithms", "X25519MLKEM768") end,
  RAW_PUBLIC_KEYS = function() return has_option "enable_client_rpk" end,
  SNI = function() return has_option "servername" end,
  SSLv2 = function() return false end,
  SSLv3 = function() return false end,
  TLSv1 = function() return has_option "tls1" end,
  TLSv1_1 = function() return has_option "tls1_1" end,
  TLSv1_2 = function() return has_option "tls1_2" end,
  TLSv1_3 = function() return has_option "tls1_3" end,
}

-- The program's library may be another.
local same = openssl("version"):find("(Library: " .. ssl.OPENSSL_VERSION .. ")", 1, true)

describe("ssl.HAS", function()
  for name, ask in pairs(EXPECTED) do
    it(("tells of %s what openssl tells"):format(name), function()
      if not same then pending "another OpenSSL than the program's" end
      assert.equal(ask(), ssl.HAS[name])
    end)
  end

  it("has these names and no others, all in doc/systems.md", function()
    local names, found = {}, {}
    for name in pairs(EXPECTED) do names[name] = true end
    local page = helpers.read_file "doc/systems.md"
    for name, value in pairs(require "luassl.core".features()) do
      assert.is_boolean(value, name)
      assert.equal(value, ssl.HAS[name])
      assert(page:find("%f[%w_]" .. name .. "%f[^%w_]"), "not in doc/systems.md: " .. name)
      found[name] = true
    end
    assert.same(names, found)
  end)

  it("answers nil to other names", function()
    for _, name in ipairs {"mlkem", "MLKEM1024", "", 1, true} do assert.is_nil(ssl.HAS[name]) end
  end)

  it("is a constant", function()
    local before = ssl.HAS.MLKEM
    for _, name in ipairs {"MLKEM", "another"} do
      local done, message = pcall(function() ssl.HAS[name] = not before end)
      assert.is_false(done)
      assert.truthy(message:find "ssl.HAS is a constant$")
      assert.truthy(message:find("ssl_has_spec.lua", 1, true), message)
    end
    assert.equal(before, ssl.HAS.MLKEM)
    assert.is_nil(ssl.HAS.another)
    assert.is_false(getmetatable(ssl.HAS))
  end)

  it("can be gone through where pairs can be told how", function()
    local found, count = {}, 0
    for name, value in pairs(ssl.HAS) do found[name], count = value, count + 1 end
    local told = pairs(setmetatable({}, {__pairs = function() return "told" end})) == "told"
    assert.same(told and require "luassl.core".features() or {}, found)
    assert.equal(told, count > 0)
  end)
end)

describe("what ssl.HAS tells", function()
  local OLD = "DEFAULT:@SECLEVEL=0"

  -- The version that both sides speak with these options, or nil.
  local function spoken(options)
    local made = ssl.SSLContext {ciphers = options.ciphers, ssl_version = options.ssl_version,
      groups = options.groups, sigalgs = options.sigalgs}
    if not made then return nil end
    local client, server = helpers.pair {client = options, server = options}
    local done = helpers.handshake(client, server)
    local version = done and client:version() or nil
    client:close()
    server:close()
    return version
  end

  it("holds for versions", function()
    for name, version in pairs {TLSv1 = "TLSv1", TLSv1_1 = "TLSv1.1", TLSv1_2 = "TLSv1.2", TLSv1_3 = "TLSv1.3"} do
      local expected = ssl.HAS[name] and version or nil
      assert.equal(expected, spoken {ssl_version = ssl["PROTOCOL_" .. name], ciphers = OLD}, name)
    end
    for _, name in ipairs {"SSLv2", "SSLv3"} do
      assert.is_nil((ssl.SSLContext {ssl_version = ssl["PROTOCOL_" .. name], ciphers = OLD}), name)
    end
  end)

  it("holds for the group", function()
    local expected = ssl.HAS.MLKEM and "TLSv1.3" or nil
    assert.equal(expected, spoken {groups = "X25519MLKEM768"})
  end)

  it("holds for the signature algorithm", function()
    assert.equal(ssl.HAS.MLDSA, ssl.SSLContext {sigalgs = "mldsa65"} ~= nil)
  end)
end)
