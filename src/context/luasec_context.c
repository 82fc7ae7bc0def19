/*
** luasec_context.c -- a context under LuaSec's names, which is a userdata for
** programs that look at its type. It has a table, which luasec_context.lua
** fills.
*/

#include "context/luasec_context.h"

/* new_context(table) */
static int context_new (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newuserdata(L, 1);
  luaL_getmetatable(L, LUASEC_CONTEXT_T);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 1);
  compat_setuservalue(L, -2);
  return 1;
}

/* settings(context): its table; nil for anything else. */
static int context_settings (lua_State *L) {
  luaL_checkany(L, 1);
  if (compat_testudata(L, 1, LUASEC_CONTEXT_T) == NULL) lua_pushnil(L);
  else compat_getuservalue(L, 1);
  return 1;
}

static int context_tostring (lua_State *L) {
  void *p = compat_checkudata(L, 1, LUASEC_CONTEXT_T);
  lua_pushfstring(L, "SSL context: %p", p);
  return 1;
}

void luasec_context_open (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"new_context", context_new},
    {"settings", context_settings},
    {NULL, NULL}
  };
  static const luaL_Reg metamethods[] = {
    {"__tostring", context_tostring},
    {NULL, NULL}
  };
  compat_setfuncs(L, functions, 0);
  compat_newtype(L, LUASEC_CONTEXT_T);
  lua_setfield(L, -3, "context_methods");
  compat_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
}
