-- luasocket.lua DIRECTORY -- prints a rockspec of the LuaSocket that this Lua
-- finds, and copies its files into DIRECTORY, which has mime/ and socket/.
local directory = arg[1]
local MODULES = {"ltn12", "mime", "mime.core", "socket", "socket.core", "socket.ftp", "socket.headers", "socket.http",
  "socket.smtp", "socket.tp", "socket.unix", "socket.url"}

-- package.searchpath, which 5.1 lacks.
local function search(name, path)
  for template in path:gmatch "[^;]+" do
    local found = template:gsub("%?", (name:gsub("%.", "/")))
    local file = io.open(found, "rb")
    if file then return file end
  end
end

local lists = {lua = {}, lib = {}}
for _, name in ipairs(MODULES) do
  local kind, extension = "lua", ".lua"
  local file = search(name, package.path)
  if not file then
    kind, extension = "lib", ".so"
    file = assert(search(name, package.cpath), name)
  end
  local path = name:gsub("%.", "/") .. extension
  local copy = assert(io.open(directory .. "/" .. path, "wb"))
  assert(copy:write((file:read "*a")))
  copy:close()
  file:close()
  table.insert(lists[kind], ("[%q] = %q"):format(name, path))
end

print(([[
rockspec_format = "3.0"
package = "luasocket"
version = "3.1.0-1"
source = {url = "file://none"}
build = {
  type = "none",
  install = {
    lua = {%s},
    lib = {%s},
  },
}]]):format(table.concat(lists.lua, ", "), table.concat(lists.lib, ", ")))
