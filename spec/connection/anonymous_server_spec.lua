-- A cipher of TLS 1.2 without certificates asks OpenSSL to verify nothing: a
-- client that wants a certificate must not take that for a good one.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"

helpers.audit()

-- A cipher of TLS 1.2 without certificates asks OpenSSL to verify nothing.
describe("a client that meets a server without a certificate", function()
  after_each(hooking.close_all)

  local function meet(options)
    options.ciphers, options.maximum_version = "aNULL:@SECLEVEL=0", "TLSv1.2"
    return hooking.open("object", options, ssl.SSLContext {server_side = true,
      ciphers = "aNULL:@SECLEVEL=0", maximum_version = "TLSv1.2"})
  end

  for _, reqs in ipairs {"CERT_REQUIRED", "CERT_OPTIONAL"} do
    it("refuses it: " .. reqs, function()
      for _, checked in ipairs {true, false} do
        local err = hooking.refused(
          meet {cert_reqs = ssl[reqs], check_hostname = checked}, "client")
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("verification", err.kind)
      end
    end)
  end

  it("refuses it, whatever on_verify accepts", function()
    local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
    local err = hooking.refused(meet {on_verify = hook}, "client")
    assert.equal("verification", err.kind)
    assert.equal(1, calls.n)
    assert.is_nil(calls.facts.certificate)
    assert.is_false(calls.facts.verified)
  end)

  it("refuses it where it has pins", function()
    local err = hooking.refused(meet {cert_reqs = ssl.CERT_NONE,
      pins = {resuming.pin "rsa.crt"}}, "client")
    assert.equal("pin", err.kind)
  end)

  it("may do without one under CERT_NONE", function()
    hooking.talk(hooking.succeed(meet {cert_reqs = ssl.CERT_NONE}))
  end)
end)
