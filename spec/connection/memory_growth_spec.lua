-- A short run of spec/support/memory_growth.lua; `make growth` makes the long
-- one.
local helpers = require "spec.support.helpers"

describe("handshakes with every hook", function()
  it("leave nothing behind", function()
    -- AddressSanitizer keeps what is freed: its quarantine is no growth.
    local options = (os.getenv "ASAN_OPTIONS" or "") .. ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
    local peer = helpers.spawn({helpers.interpreter, "spec/support/memory_growth.lua", "500"},
      {timeout = 60, env = {ASAN_OPTIONS = options}})
    local status = peer:wait(60)
    assert.equal("0", tostring(status), peer:output())
  end)
end)
