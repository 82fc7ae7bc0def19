-- LuaSec's module of this name: LuaSSL in its place.
return require "luassl.luasec"
