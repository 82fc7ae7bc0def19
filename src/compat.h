/*
** compat.h -- the only file that tests Lua and OpenSSL versions.
*/
#ifndef LUASSL_COMPAT_H
#define LUASSL_COMPAT_H

#include <lua.h>
#include <lauxlib.h>
#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "LuaSSL needs OpenSSL 3.0 or newer"
#endif

#if LUA_VERSION_NUM < 501
#error "LuaSSL needs Lua 5.1 or newer"
#endif

#if LUA_VERSION_NUM == 501  /* LuaJIT too */
#define compat_setuservalue(L, i)  ((void)lua_setfenv(L, i))
#define compat_getuservalue(L, i)  lua_getfenv(L, i)
#define compat_rawlen(L, i)        ((size_t)lua_objlen(L, i))
#else
#define compat_setuservalue(L, i)  ((void)lua_setuservalue(L, i))
#define compat_getuservalue(L, i)  ((void)lua_getuservalue(L, i))
#define compat_rawlen(L, i)        ((size_t)lua_rawlen(L, i))
#endif

/* 1: C functions can go on behind a call that yielded. */
#define COMPAT_CONTINUES (LUA_VERSION_NUM >= 503)

/* Absolute form of a stack index. */
#define compat_absindex(L, i) \
  ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)

#pragma GCC visibility push(hidden)

/* The userdata at `index` if its metatable is registry[name], else NULL. */
void *compat_testudata (lua_State *L, int index, const char *name);
/* The same; raises for anything else, and tells the plain name. [-0, +0, v] */
void *compat_checkudata (lua_State *L, int index, const char *name);

/* The plain name of a type: "SSLSocket" of "luassl.SSLSocket". */
const char *compat_typename (const char *name);

/* Pushes registry[name], the metatable of a type of ours with the plain name
** in __name: a new one, or what an earlier try to load this module left, which
** had no memory. Raises if it is somebody else's. [-0, +1, v] */
void compat_newmetatable (lua_State *L, const char *name);

/* Sets functions in the table below the `nup` upvalues. [-nup, +0, m] */
void compat_setfuncs (lua_State *L, const luaL_Reg *functions, int nup);

/* Makes the metatable of a userdata type, with its name, an empty method
** table in __index, and an empty __metatable.__index, which core.c fills with
** a copy for the eyes of others. Leaves metatable and method table.
** [-0, +2, m] */
void compat_newtype (lua_State *L, const char *name);

#pragma GCC visibility pop

#endif
