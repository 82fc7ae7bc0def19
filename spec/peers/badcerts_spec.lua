-- Good and bad certificates and chains, served by openssl: a default context
-- judges each as the standards do. `make badcerts` makes doc/badcerts.md.
local cases = require "spec.badcerts.cases"
local helpers = require "spec.support.helpers"
local serve = require "spec.badcerts.serve"
local ssl = require "luassl"

helpers.audit()

describe("a default context", function()
  for _, case in ipairs(cases()) do
    it(("rules %s: %s (%s)"):format(case.ruling, case.name, case.why), function()
      local peer = serve.start(case)
      local accepted, err = serve.ours(case, peer.port)
      peer:stop()
      if case.ruling ~= "either" then
        assert.equal(case.ruling, accepted and "accept" or "refuse",
          tostring(err))
      end
      if not accepted then
        assert.equal(not case.unsigned, err:is(ssl.SSLCertVerificationError),
          tostring(err))
      end
      if case.code then assert.equal(case.code, err.verify_code) end
      if case.text then
        assert.truthy(err:find(case.text, 1, true), tostring(err))
      end
    end)
  end
end)
