-- ssl.verify with an OCSP response.
local helpers = require "spec.support.helpers"
local ocsp = require "spec.support.ocsp"
local ssl = require "luassl"

helpers.audit()

local pki = ocsp.make()

local function verify(fields, options)
  local all = {certificate = pki.leaf, issuer = pki.inter}
  for name, value in pairs(fields) do all[name] = value end
  local given = {roots = pki.root.pem, name = "localhost", staple = fields.bytes or ocsp.response(all)}
  for name, value in pairs(options or {}) do given[name] = value end
  return ssl.verify({pki.leaf.pem, pki.inter.pem}, given)
end

describe("verify with an OCSP response", function()
  it("accepts a good one, by the time and the level that it is told", function()
    local ok, chain = verify {}
    assert.is_true(ok)
    assert.equal(3, #chain)
    assert(verify({}, {time = os.time()}))
    assert(verify({this_update = 9e5, next_update = 99e5}, {verify_flags = {"no_check_time"}}))
    assert(verify({sign_hash = "sha1"}, {security_level = 0}))
    assert(verify({}, {roots = pki.inter.pem}))  -- the issuer is the anchor
    assert(verify({}, {roots = pki.leaf.pem}))  -- the issuer is only given
  end)

  it("refuses any other", function()
    for code, cases in pairs {[23] = {{status = "revoked"}}, [75] = {{status = "unknown"}},
      [73] = {{bytes = ""}, {bytes = ocsp.unanswered(3)}},
      [74] = {{bytes = "x"}, {next_update = -600}, {sign_hash = "sha1"}, {certificate = pki.must},
        {signer = pki.stranger, certificates = {pki.stranger}}}} do
      for _, fields in ipairs(cases) do
        local ok, err = verify(fields)
        assert.is_nil(ok)
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("ocsp", err.kind)
        assert.equal("verify", err.operation)
        assert.equal(code, err.verify_code, tostring(err))
        assert.equal(pki.leaf.der, err.certificate:der())
        assert.equal(3, #err.chain)
        assert.truthy(err:find("the server's certificate is refused: its OCSP response", 1, true), tostring(err))
      end
    end
    assert.equal(74, select(2, verify({}, {time = os.time() + 2 * 86400})).verify_code)
  end)

  it("refuses the certificate first", function()
    assert.equal("verification", select(2, verify({}, {name = "other.example"})).kind)
  end)
end)
