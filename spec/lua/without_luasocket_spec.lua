-- Without LuaSocket: spec/support/without_luasocket.lua, in a process of its
-- own.
local helpers = require "spec.support.helpers"

local function run(...)
  local process = helpers.spawn {helpers.interpreter, "spec/support/without_luasocket.lua", ...}
  assert.equal(0, process:wait(), process:output())
  assert.equal("done\n", process:output())
end

describe("without LuaSocket", function()
  it("all but its sockets works where it is not installed", function()
    run "hidden"
  end)

  it("all but its sockets works where it cannot be loaded", function()
    run()
  end)
end)
