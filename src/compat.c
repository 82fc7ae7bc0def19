/*
** compat.c -- what some of the supported Luas lack.
** Names are our own: LuaJIT defines some of Lua 5.2's although its
** LUA_VERSION_NUM is 501.
*/

#include "compat.h"

void *compat_testudata (lua_State *L, int index, const char *name) {
  void *p = lua_touserdata(L, index);
  if (p == NULL || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  if (!lua_rawequal(L, -1, -2)) p = NULL;
  lua_pop(L, 2);
  return p;
}

void compat_setfuncs (lua_State *L, const luaL_Reg *functions, int nup) {
  for (; functions->name != NULL; functions++) {
    int i;
    for (i = 0; i < nup; i++) lua_pushvalue(L, -nup);
    lua_pushcclosure(L, functions->func, nup);
    lua_setfield(L, -nup - 2, functions->name);
  }
  lua_pop(L, nup);
}

void compat_newtype (lua_State *L, const char *name) {
  luaL_newmetatable(L, name);
  lua_pushstring(L, name);  /* Lua 5.1 and 5.2 do not set it */
  lua_setfield(L, -2, "__name");
  lua_newtable(L);
  lua_newtable(L);
  lua_setfield(L, -2, "__index");
  lua_setfield(L, -2, "__metatable");
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
}
