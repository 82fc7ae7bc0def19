-- What a program with the rights of others takes from the environment of who
-- runs it: nothing.
local helpers = require "spec.support.helpers"

helpers.audit()

describe("a program with the rights of others", function()
  -- As secure_getenv(3) has it: set-group-ID is enough.
  it("heeds no SSL_CERT_FILE", function()
    if helpers.preloaded then return pending "a sanitizer would be lost there" end
    local function child(interpreter)
      local peer = helpers.spawn {interpreter, helpers.temp_file [[
        local helpers = require "spec.support.helpers"
        local ssl = require "luassl"
        local status = helpers.read_file "/proc/self/status"
        local real, effective = status:match "Gid:%s+(%d+)%s+(%d+)"
        local client = assert(ssl.create_default_context())
        local server = assert(ssl.SSLContext {server_side = true,
          certfile = helpers.file "rsa.pem"})
        print(real == effective, (helpers.handshake(
          client:wrap_object {server_hostname = "localhost"},
          server:wrap_object())))
      ]]}
      assert.equal(0, peer:wait(), peer:output())
      return peer:output()
    end
    local copy = helpers.temp_name()
    local made = helpers.spawn {"sh", "-c", ("cp \"$(command -v %s)\" %s "
      .. "&& chgrp 65534 %s && chmod 2755 %s"):format(helpers.interpreter,
      copy, copy, copy)}
    if made:wait() ~= 0 then return pending "only root has other groups" end
    assert.equal("true\ttrue\n", child(helpers.interpreter))
    local output = child(copy)
    if output:find "^true" then return pending "a file system without it" end
    assert.equal("false\tnil\n", output)
  end)
end)
