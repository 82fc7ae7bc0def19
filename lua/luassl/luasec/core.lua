--- What LuaSec's `ssl.core` has that programs use.
-- @module luassl.luasec.core

local core = require "luassl.core"
local version = require "luassl"._VERSION

local luasec = { SOCKET_INVALID = -1 }

function luasec.copyright()
  return version .. ", under LuaSec's names"
end

--- Adds a method to all connections, or replaces one.
-- @tparam string name
-- @tparam function method
function luasec.setmethod(name, method)
  core.luasec.methods[name] = method
  core.publish(true)
end

return luasec
