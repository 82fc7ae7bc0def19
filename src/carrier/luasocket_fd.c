/*
** luasocket_fd.c -- a descriptor between a LuaSocket object and us.
**
** LuaSocket knows nobody who shares: a descriptor that two own is closed
** twice, the second time under another's feet. So nothing may raise between
** the two halves of a handover, which are a call of the object and a store.
*/

#include "carrier/luasocket_fd.h"

/* Hooks see calls of C functions too, and may raise behind the call. Count
** hooks see Lua code alone; theirs goes on counting. */
#define DISTURBING (LUA_MASKCALL | LUA_MASKRET)

typedef struct Hook {
  lua_Hook call;
  int mask, count;
} Hook;

static void suspend (lua_State *L, Hook *hook) {
  hook->call = lua_gethook(L);
  hook->mask = lua_gethookmask(L);
  hook->count = lua_gethookcount(L);
  if (hook->mask & DISTURBING) lua_sethook(L, NULL, 0, 0);
}

static void resume (lua_State *L, const Hook *hook) {
  if (hook->mask & DISTURBING)
    lua_sethook(L, hook->call, hook->mask, hook->count);
}

/* Calls object:setfd(fd): 0, or an error is on the top. */
static int set_descriptor (lua_State *L, int index, int fd) {
  lua_getfield(L, index, "setfd");
  lua_pushvalue(L, index);
  lua_pushinteger(L, fd);
  return lua_pcall(L, 2, 0, 0);
}

int luasocket_fd_get (lua_State *L, int index) {
  int fd;
  lua_getfield(L, index, "getfd");
  lua_pushvalue(L, index);
  lua_call(L, 1, 1);
  fd = (int)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return fd;
}

void luasocket_fd_set (lua_State *L, int index, int fd) {
  Hook hook;
  int failed;
  suspend(L, &hook);
  failed = set_descriptor(L, index, fd);
  resume(L, &hook);
  if (failed) lua_error(L);
}

int luasocket_fd_lend (lua_State *L, int index, int fd) {
  int method = index + 1;
  int arguments = lua_gettop(L) - method;
  Hook hook;
  int failed;
  lua_pushvalue(L, method);
  lua_gettable(L, index);
  lua_replace(L, method);
  lua_pushvalue(L, index);
  lua_insert(L, method + 1);
  luaL_checkstack(L, LUA_MINSTACK, "too many arguments");
  suspend(L, &hook);
  failed = set_descriptor(L, index, fd);
  if (!failed) {
    failed = lua_pcall(L, arguments + 1, LUA_MULTRET, 0);
    /* The first call made the room that this one needs: it cannot fail. */
    set_descriptor(L, index, -1);
  }
  resume(L, &hook);
  if (failed) lua_error(L);
  return lua_gettop(L) - index;
}
