-- Private keys by URI: files, and a token of PKCS#11 where OpenSSL has a
-- provider for it (the package pkcs11-provider of Debian 13 and later).
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function complains(options, kind, text)
  local context, err = ssl.SSLContext(options)
  assert.is_nil(context)
  assert.equal(kind, err.kind)
  assert.is_nil(err.file)
  assert.equal("key_uri: " .. text, tostring(err))
  for _, entry in ipairs(err.stack or {}) do assert.is_nil(entry:find("1234", 1, true)) end
end

describe("a key by a file's URI", function()
  it("goes with a certificate from a file or a string", function()
    serving.context {certfile = file "rsa.crt", key_uri = "file:" .. file "rsa.key"}
    serving.context {certfile = file "rsa.crt", key_uri = "file://localhost" .. file "rsa.key"}
    serving.context {cert = helpers.read_file(file "ecdsa.crt"), key_uri = "FILE:" .. file "ecdsa.key"}
    serving.context {certfile = file "rsa.crt", key_uri = "file:" .. file "rsa.pem"}  -- the first key in it
  end)

  it("may be encrypted", function()
    for _, name in ipairs {"rsa-pkcs8.key", "rsa-traditional.key"} do
      local uri, called = "file:" .. file(name), {}
      serving.context {certfile = file "rsa.crt", key_uri = uri, password = "secret"}
      serving.context {certfile = file "rsa.crt", key_uri = uri, password = function(...)
        called[#called + 1] = {...}
        return "secret"
      end}
      assert.same({{"key_uri"}}, called)
      complains({certfile = file "rsa.crt", key_uri = uri}, "passphrase",
        "the private key in it is encrypted: its passphrase goes in option password")
      complains({certfile = file "rsa.crt", key_uri = uri, password = "1234"}, "passphrase",
        "there is no private key behind its file: URI that opens with that passphrase or PIN")
      local _, err = ssl.SSLContext {certfile = file "rsa.crt", key_uri = uri,
        password = function() error("mine", 0) end}
      assert.equal("mine", err)
    end
  end)

  it("that leads to no key, or to another's, says so without the URI", function()
    for _, name in ipairs {file "rsa.crt", "/nowhere?pin-value=1234", file "text.pem", file "empty"} do
      complains({certfile = file "rsa.crt", key_uri = "file:" .. name}, "file",
        "there is no private key that can be read behind its file: URI")
    end
    complains({certfile = file "rsa.crt", key_uri = "file:" .. file "ecdsa.key"}, "key_mismatch",
      "the private key in it does not belong to the certificate in " .. file "rsa.crt")
  end)

  it("wants a URI", function()
    for _, uri in ipairs {"", "/etc/key.pem", "key.pem", ":x", "1:x", "C:/key.pem", ("x"):rep(99) .. ":y"} do
      complains({certfile = file "rsa.crt", key_uri = uri}, "file",
        'it wants a URI like "pkcs11:object=name" or "file:/path"')
    end
  end)

  it("of a scheme that OpenSSL does not know says what to do", function()
    complains({certfile = file "rsa.crt", key_uri = "nonsense:object=x?pin-value=1234"}, "unsupported",
      "this OpenSSL has no store for nonsense: URIs: a provider in its configuration brings one")
  end)

  it("is not told", function()
    local context = serving.context {certfile = file "rsa.crt", key_uri = "file:" .. file "rsa.key"}
    assert.has_error(function() context:get "key_uri" end, "option 'key_uri' is secret and cannot be read")
    assert.is_true(context:reload())
  end)
end)

describe("a key in a token of PKCS#11", function()
  local SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
  local provider, configuration

  setup(function()
    provider = serving.openssl("version", "-m"):match '"(.-)"' .. "/pkcs11.so"
    for _, path in ipairs {provider, SOFTHSM} do
      local handle = io.open(path)
      if not handle then
        provider = nil
        return
      end
      handle:close()
    end
    local tokens = helpers.temp_name()
    serving.run("mkdir", tokens)
    configuration = {
      SOFTHSM2_CONF = helpers.temp_file("directories.tokendir = " .. tokens .. "\nlog.level = ERROR\n"),
      OPENSSL_CONF = helpers.temp_file([[
openssl_conf = init
[init]
providers = providers
[providers]
default = own
pkcs11 = tokens
[own]
activate = 1
[tokens]
activate = 1
pkcs11-module-quirks = no-deinit
pkcs11-module-path = ]] .. SOFTHSM .. "\n"),
    }
    local function softhsm(...)
      local peer = helpers.spawn({"softhsm2-util", ...}, {env = {SOFTHSM2_CONF = configuration.SOFTHSM2_CONF}})
      assert.equal(0, peer:wait(), peer:output())
    end
    softhsm("--init-token", "--free", "--label", "luassl", "--pin", "1234", "--so-pin", "5678")
    for i, name in ipairs {"rsa", "ecdsa"} do
      softhsm("--import", file(name .. ".key"), "--token", "luassl", "--label", name, "--id", "0" .. i, "--pin", "1234")
    end
  end)

  -- What a program of its own prints, with the token.
  local function elsewhere(code)
    local peer = helpers.spawn({helpers.interpreter, helpers.temp_file([[
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local file = helpers.file
]] .. code)}, {env = configuration})
    assert.equal(0, peer:wait(60), peer:output())
    return peer:output()
  end

  it("serves, with a PIN from a string, a function and the URI, and asks no terminal", function()
    if not provider then return pending "this OpenSSL has no provider for PKCS#11, or there is no SoftHSM" end
    assert.equal("key_uri\ndone\n", elsewhere [[
-- Whoever is logged in is not asked again: the function comes first.
serving.context {certificates = {
  {certfile = file "rsa.crt", key_uri = "pkcs11:token=luassl;object=rsa;type=private",
    password = function(what) print(what) return "1234" end},
  {certfile = file "ecdsa.crt", keyfile = file "ecdsa.key"}}}
for _, name in ipairs {"rsa", "ecdsa"} do
  local uri = "pkcs11:token=luassl;object=" .. name .. ";type=private"
  serving.context {certfile = file(name .. ".crt"), key_uri = uri, password = "1234"}
  serving.context {certfile = file(name .. ".crt"), key_uri = uri .. "?pin-value=1234"}
end
local context = serving.context {certfile = file "rsa.crt", password = "1234",
  key_uri = "pkcs11:token=luassl;object=rsa;type=private"}
for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  assert(serving.seen(context, {minimum_version = version, maximum_version = version}))
end
assert(context:reload())
assert(serving.seen(context))
print "done"
]])
  end)

  it("that is not there, and one without a PIN or with a wrong one, says so", function()
    if not provider then return pending "this OpenSSL has no provider for PKCS#11, or there is no SoftHSM" end
    local printed = elsewhere [[
local uri = "pkcs11:token=luassl;object=rsa;type=private"
for _, options in ipairs {{key_uri = uri}, {key_uri = uri, password = "9999"},
  {key_uri = "pkcs11:token=luassl;object=none;type=private", password = "1234"},
  {key_uri = "pkcs11:token=luassl;object=ecdsa;type=private", password = "1234"}} do
  options.certfile = file "rsa.crt"
  local context, err = ssl.SSLContext(options)
  assert(not context)
  print(err.kind, err)
end
]]
    assert.equal([[
passphrase	key_uri: the private key in it is encrypted: its passphrase goes in option password
passphrase	key_uri: there is no private key behind its pkcs11: URI that opens with that passphrase or PIN
passphrase	key_uri: there is no private key behind its pkcs11: URI that opens with that passphrase or PIN
key_mismatch	key_uri: the private key in it does not belong to the certificate in ]] .. file "rsa.crt" .. "\n", printed)
  end)
end)
