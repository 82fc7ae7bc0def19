--- Our modules in the place of LuaSec's, for programs that run in this Lua state.
-- @module luassl.luasec.install
-- @local

local MODULES = {
  ssl = "luassl.luasec", ["ssl.config"] = "luassl.luasec.config", ["ssl.context"] = "luassl.luasec.context",
  ["ssl.core"] = "luassl.luasec.core", ["ssl.https"] = "luassl.luasec.https", ["ssl.x509"] = "luassl.luasec.x509",
}

--- Sets `package.loaded` under LuaSec's names, whatever stood there. Who has
-- LuaSec already keeps it.
-- @treturn table what `require "ssl"` gives from now on
return function()
  local modules = {}
  for name, ours in pairs(MODULES) do modules[name] = require(ours) end
  for name, module in pairs(modules) do package.loaded[name] = module end
  return modules.ssl
end
