-- Good and bad certificates and chains, served by openssl: a default context
-- judges each as the standards do, and so do ssl.verify and `luassl inspect`, which
-- says what is wrong. `make badcerts` makes doc/badcerts.md.
local cases = require "spec.badcerts.cases"
local cli = require "spec.support.cli"
local helpers = require "spec.support.helpers"
local serve = require "spec.badcerts.serve"
local ssl = require "luassl"

helpers.audit()

local function pems(certificates)
  local list = {}
  for i, certificate in ipairs(certificates) do list[i] = certificate.pem end
  return list
end

-- ssl.verify says the same, without a connection, but of keys that TLS has no
-- signature for: there the handshake does not come to the chain.
local function compare(case, accepted, err)
  if case.unsigned then return end
  local ok, found = ssl.verify(pems(case.chain), {roots = pems(case.trust), name = case.host,
    crls = case.crls and pems(case.crls), verify_flags = case.check == "chain" and {"crl_check_all"} or nil})
  assert.equal(accepted, ok == true, ("verify: %s; handshake: %s"):format(tostring(found), tostring(err)))
  if accepted then return end
  for _, field in ipairs {"verify_code", "verify_message", "verify_depth"} do
    assert.equal(err[field], found[field], tostring(found) .. "; handshake: " .. tostring(err))
  end
end

-- The command finds it good where it is accepted, and names an error where it is
-- refused. It has no CRLs.
local function inspect(case, port, accepted)
  if case.crls or not cli.found then return end
  local result = serve.inspected(case, port)
  assert.equal(accepted and "good" or "refused", result.status, result.text)
  assert.equal(accepted, result.verified)
  local errors = 0
  for _, problem in ipairs(result.problems) do
    if problem.severity == "error" then errors = errors + 1 end
  end
  if accepted then assert.equal(0, errors) elseif not case.unsigned then assert.is_true(errors > 0, result.text) end
end

describe("a default context", function()
  for _, case in ipairs(cases()) do
    it(("rules %s: %s (%s)"):format(case.ruling, case.name, case.why), function()
      local peer = serve.start(case)
      if not peer then
        assert.equal("refuse", case.ruling)
        return assert.is_nil((ssl.load_certificates(case.chain[1].pem)))
      end
      local accepted, err = serve.ours(case, peer.port)
      local found, problem = pcall(inspect, case, peer.port, accepted)
      peer:stop()
      assert(found, problem)
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
      compare(case, accepted, err)
    end)
  end
end)
