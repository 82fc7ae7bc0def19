--- How other programs come to find our modules before LuaSec's.
local preference = {}

--- The environment that does it, by the files of the rock luassl-luasec; with
-- REFERENCE=1 it is LuaSec itself that the specs run on, to compare.
function preference.environment()
  local path = os.getenv "LUA_PATH"
  if not os.getenv "REFERENCE" then path = ("%s/rockspecs/luasec/?.lua;%s"):format(os.getenv "PWD", path) end
  return {LUA_PATH = path, LUA_CPATH = os.getenv "LUA_CPATH"}
end

--- Whether this run is about LuaSec itself.
function preference.is_reference()
  return os.getenv "REFERENCE" ~= nil
end

return preference
