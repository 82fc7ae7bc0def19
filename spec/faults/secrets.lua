--- Faults in what must not get out or be taken over: compat.c, quote.c,
-- material.c, context.c, contexts.lua.
return {
  {
    name = "a type has a plain name in the registry",
    file = "src/session.h",
    from = [["luassl.SSLSession"]],
    to = [["SSLSession"]],
    specs = "registry",
  },
  {
    name = "another library's metatable is taken over",
    file = "src/compat.c",
    from = [[
  if (found && !lua_toboolean(L, -1))]],
    to = [[
  if (found && lua_toboolean(L, -1) > 1)]],
    specs = "registry",
  },
  {
    name = "types are called by their names in the registry, not the plain ones",
    file = "src/compat.c",
    from = [[
  lua_pushfstring(L, "%s expected, got %s", compat_typename(name), found);]],
    to = [[
  lua_pushfstring(L, "%s expected, got %s", name, found);]],
    specs = "registry",
  },
  {
    name = "whatever stands in the registry is the module",
    file = "src/core.c",
    from = [[
  lua_pushlightuserdata(L, &opened);
  lua_rawget(L, LUA_REGISTRYINDEX);]],
    to = [[
  lua_getfield(L, LUA_REGISTRYINDEX, "luassl.core");]],
    specs = "registry",
  },
}
