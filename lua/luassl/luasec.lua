--- LuaSec's `ssl` module over LuaSSL.
-- @module luassl.luasec

local config = require "luassl.luasec.config"
local connection = require "luassl.luasec.connection"
local context = require "luassl.luasec.context"
local core = require "luassl.luasec.core"

local luasec = {
  _VERSION = "1.3.0", _COPYRIGHT = core.copyright(), config = config, context = context, core = core,
}

function luasec.loadcertificate(pem)
  return require "luassl.luasec.x509".load(pem)
end

function luasec.newcontext(cfg)
  local made, err = context.new(2, cfg)
  if not made then return nil, err end
  return made
end

function luasec.wrap(sock, params)
  local self, err = connection.wrap(2, sock, params)
  if not self then return nil, err end
  return self
end

--- Puts our modules where programs look for LuaSec's: `ssl`, `ssl.https`,
-- `ssl.context`, `ssl.x509`, `ssl.core` and `ssl.config`, in this Lua state.
-- @function install
-- @treturn table what `require "ssl"` gives from now on
-- @usage require("luassl.luasec").install()
-- local https = require "ssl.https"
function luasec.install()
  return require "luassl.luasec.install"()
end

return luasec
