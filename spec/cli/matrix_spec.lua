-- `luassl inspect` on good and bad certificates that openssl serves: it rules as
-- a handshake does, and says of each that is refused what is wrong with it.
local cases = require "spec.badcerts.cases"
local helpers = require "spec.support.helpers"
local serve = require "spec.badcerts.serve"

helpers.audit()

local FOUND = pcall(require, "argparse") and pcall(require, "dkjson")

-- Every so many: neighbours in the list are of one kind.
local STEP = 5

local function inspect(case, port)
  local judge, loop = require "luassl.cli.inspect".judge, require "luassl.cli.loop"
  local probe = require "luassl.cli.probe"
  local where = {host = "127.0.0.1", port = port, name = case.host}
  local settings = {ca_data = helpers.read_file(case.ca_file), warn = 0, timeout = helpers.patience}
  local facts, failure
  local tasks = loop.new()
  tasks:spawn(function() facts, failure = probe.server(where, settings) end)
  tasks:run()
  if not facts then return {status = "refused", text = failure.text, problems = {}} end
  return judge(facts, where, settings)
end

describe("luassl inspect", function()
  if not FOUND then return pending "there is no argparse or no dkjson" end
  for i, case in ipairs(cases()) do
    if (i % STEP == 0 or case.text) and not case.crls then
      it(("finds: %s (%s)"):format(case.name, case.ruling), function()
        local peer = serve.start(case)
        if not peer then return end
        local result = inspect(case, peer.port)
        peer:stop()
        local errors = 0
        for _, problem in ipairs(result.problems) do
          if problem.severity == "error" then errors = errors + 1 end
        end
        if case.ruling == "refuse" then
          assert.equal("refused", result.status)
          assert.is_falsy(result.verified)
        elseif case.ruling == "accept" then
          assert.equal("good", result.status, result.text)
        end
        if result.status == "good" then assert.equal(0, errors) end
        if case.ruling == "refuse" and not case.unsigned then assert.is_true(errors > 0, result.text) end
      end)
    end
  end
end)
