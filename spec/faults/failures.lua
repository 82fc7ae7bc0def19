--- Faults in what is said when something cannot be done, and in what goes
-- without LuaSocket: base64.c, luasocket.lua.
return {
  {
    name = "base64 with bits behind its end is taken",
    file = "src/base64.c",
    from = [[
  return EVP_EncodeBlock(again, bytes, (int)size) == (int)n
         && memcmp(again, text, n) == 0 ? size : 0;]],
    to = [[
  (void)again;
  return size;]],
    specs = "certificates",
  },
  {
    name = "base64 goes on behind its end",
    file = "src/base64.c",
    from = "if (got == 0 || (got < n / 4 * 3 && i + n < size)) {",
    to = "if (got == 0) {",
    specs = "certificates",
  },
  {
    name = "LuaSocket is asked for when the module is loaded",
    file = "lua/luassl/init.lua",
    from = [[
local poll = require "luassl.poll"]],
    to = [[
local poll = need "luassl" and require "luassl.poll"]],
    specs = "alone",
  },
}
