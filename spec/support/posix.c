/*
** posix.c -- for the specs alone: processes cut in two, and signals as other
** hosts have them. LuaSocket ignores SIGPIPE when it loads.
*/
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

/* fork(): the child's pid, 0 in the child */
static int posix_fork (lua_State *L) {
  pid_t pid = fork();
  if (pid < 0) return luaL_error(L, "fork failed");
  lua_pushinteger(L, (lua_Integer)pid);
  return 1;
}

/* leave(status): ends the process, and nothing else */
static int posix_leave (lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
  return 0;
}

/* default_sigpipe(): what a host has that never heard of LuaSocket */
static int posix_default_sigpipe (lua_State *L) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  if (signal(SIGPIPE, SIG_DFL) == SIG_ERR) return luaL_error(L, "signal");
  return 0;
}

int luaopen_luassl_posix (lua_State *L);

int luaopen_luassl_posix (lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, posix_default_sigpipe);
  lua_setfield(L, -2, "default_sigpipe");
  lua_pushcfunction(L, posix_fork);
  lua_setfield(L, -2, "fork");
  lua_pushcfunction(L, posix_leave);
  lua_setfield(L, -2, "leave");
  return 1;
}
