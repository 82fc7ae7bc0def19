-- What each planted fault changes is in the sources, once: make faults takes
-- too long to tell with each change.
local find_spec = dofile "spec/faults/specs.lua"
local helpers = require "spec.support.helpers"

local function count(content, text)
  local found, position = 0, 1
  while true do
    local first, last = content:find(text, position, true)
    if not first then return found end
    found, position = found + 1, last + 1
  end
end

describe("a planted fault", function()
  local contents = setmetatable({}, {__index = function(self, name)
    self[name] = helpers.read_file(name)
    return self[name]
  end})

  for _, fault in ipairs(dofile "spec/faults/list.lua") do
    it(("finds what it changes: %s (%s)"):format(fault.name, fault.part), function()
      assert.equal(1, count(contents[fault.file], fault.from))
      for _, one in ipairs(fault.also or {}) do
        assert.equal(1, count(contents[one.file], one.from))
      end
      for name in fault.specs:gmatch "%S+" do
        find_spec(name)
      end
    end)
  end

  it("may not name a spec that is not there", function()
    assert.has_error(function() find_spec "smok" end, "0 specs are called smok: ")
  end)
end)
