-- A short run of spec/growth.lua; `make growth` makes the long one.
local helpers = require "spec.helpers"

describe("handshakes with every hook", function()
  it("leave nothing behind", function()
    local peer = helpers.spawn({helpers.interpreter, "spec/growth.lua", "500"}, {timeout = 60})
    local status = peer:wait(60)
    assert.equal("0", tostring(status), peer:output())
  end)
end)
