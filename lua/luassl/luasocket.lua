--- LuaSocket, asked for where it is used: the rest of LuaSSL does without it.
-- @module luassl.luasocket
-- @local

local luasocket = {}

local loaded

--- LuaSocket's module. To be called by what a program calls, no deeper: the
-- error names the program's line. It is raised: no second try would help.
-- @function need
-- @tparam string operation who needs it
-- @treturn table
-- @raise when LuaSocket cannot be loaded
function luasocket.need(operation)
  if loaded then return loaded end
  local found, result = pcall(require, "socket")
  if not found then
    error(("%s needs LuaSocket: luarocks install luasocket (%s)")
      :format(operation, tostring(result):match "^[^\n]*"), 3)
  end
  loaded = result
  return loaded
end

return luasocket
