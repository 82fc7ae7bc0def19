-- LuaRocks as Debian has it, with our modules in LuaSec's place, installs a rock
-- from an HTTPS server.
local helpers = require "spec.support.helpers"
local start_nginx = require "spec.support.nginx"
local preference = require "spec.support.luasec_preference"

helpers.audit()

local PROGRAM = "/usr/bin/luarocks"

local ROCKSPEC = [[
rockspec_format = "3.0"
package = "dropped"
version = "1.0-1"
source = {url = "https://localhost:%d/dropped.lua"}
build = {type = "builtin", modules = {dropped = "dropped.lua"}}
]]

local function found()
  local file = io.open(PROGRAM)
  if file then file:close() end
  return file ~= nil
end

describe("LuaRocks", function()
  if not found() then
    it("installs a rock", function() pending "LuaRocks is not installed" end)
    return
  end

  it("installs a rock from an HTTPS server", function()
    local directory = helpers.temp_name()
    assert(helpers.spawn({"mkdir", "-p", directory}):wait() == 0)
    local server = start_nginx(([[
      log_format agents "$status $uri $http_user_agent";
      server {
        listen 127.0.0.1:PORT ssl;
        access_log %s/access.log agents;
        ssl_certificate PKI/rsa.crt;
        ssl_certificate_key PKI/rsa.key;
        root %s;
      }
    ]]):format(directory, directory))
    helpers.write_file(directory .. "/dropped.lua", "return {it = 'works'}\n")
    helpers.write_file(directory .. "/dropped-1.0-1.rockspec", ROCKSPEC:format(server.port))
    local environment = preference.environment()
    environment.HOME, environment.LUAROCKS_CONFIG = directory, helpers.temp_file "rocks_servers = {}"
    local version = _VERSION:match "%d.%d"
    local function run(program, ...)
      local peer = helpers.spawn({helpers.interpreter, program, "--lua-version", version, ...},
        {env = environment, directory = directory})
      assert.equal(0, peer:wait(5 * helpers.patience), peer:output())
      return peer:output()
    end
    run("/usr/bin/luarocks-admin", "make-manifest", directory)
    local output = run(PROGRAM, "--tree", directory .. "/tree",
      ("--only-server=https://localhost:%d"):format(server.port), "install", "dropped")
    assert.is_nil(output:find "falling back")
    local installed = helpers.read_file(("%s/tree/share/lua/%s/dropped.lua"):format(directory, version))
    assert.truthy(installed:find("works", 1, true))
    server:stop()
    local log = helpers.read_file(directory .. "/access.log")
    for _, path in ipairs {"dropped%.lua", "dropped%-1%.0%-1%.rockspec"} do
      assert.truthy(log:find("200 /" .. path .. " [^\n]*via LuaSocket"), ("log: %s, output: %s"):format(log, output))
    end
  end)
end)
