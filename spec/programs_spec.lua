-- A few random programs, always the same: `make programs SEEDS=1-200` runs
-- more, and tells how to run one again.
local helpers = require "spec.helpers"

describe("random programs", function()
  for _, kind in ipairs {"object", "socket"} do
    for _, seeds in ipairs {"1-10", "11-20"} do
      it(("over an SSL%s hold, seeds %s"):format(kind, seeds), function()
        local peer = helpers.spawn({helpers.interpreter, "spec/programs/run.lua", seeds, kind}, {timeout = 120})
        local status = peer:wait(120)
        assert.equal("0", tostring(status), peer:output())
      end)
    end
  end
end)
