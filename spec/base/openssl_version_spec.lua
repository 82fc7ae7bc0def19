-- Which OpenSSL may run, whatever LuaSSL was built with.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"

helpers.audit()

describe("the OpenSSL that runs", function()
  local function load(version)
    local peer = helpers.spawn({helpers.interpreter, "-e", 'print(pcall(require, "luassl.core"))'},
      {env = {LD_PRELOAD = resuming.preloaded(), LUASSL_VERSION = version}})
    assert.equal(0, peer:wait(), peer:output())
    return peer:output()
  end

  it("is refused before 3.0.2, where SSL_set_retry_verify came", function()
    for _, version in ipairs {"30000000", "3000001f"} do
      local printed = load(version)
      assert.truthy(printed:find("false\t", 1, true), printed)
      assert.truthy(printed:find("LuaSSL needs OpenSSL 3.0.2 or newer, but this process runs OpenSSL ", 1, true),
        printed)
    end
  end)

  it("is taken from then on", function()
    local printed = load "30000020"
    assert.truthy(printed:find("true\t", 1, true), printed)
  end)
end)
