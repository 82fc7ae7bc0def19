/*
** poll.c -- waiting for many descriptors, whatever their numbers: that of
** select(2), which LuaSocket uses, ends at 1023.
*/

#include <string.h>

#include "carrier/poll.h"
#include "base/failure.h"
#include "base/fd_io.h"

#define ENDS (POLLHUP | POLLERR | POLLNVAL)

static int field (lua_State *L, int table, int i) {
  int value;
  lua_rawgeti(L, table, i);
  value = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* What select(2) calls ready: an end and an error are, for both. */
static int ready_events (const struct pollfd *p) {
  int events = 0;
  if (p->revents & (POLLIN | ENDS)) events |= WANT_READ;
  if (p->revents & (POLLOUT | ENDS)) events |= WANT_WRITE;
  return events;
}

/* wait(fds, events, timeout): for each descriptor which of its events (1: to
** read, 2: to write) have come within `timeout` seconds, nil: whenever; or nil
** and the system's text. */
int poll_wait (lua_State *L) {
  double timeout = luaL_optnumber(L, 3, -1);
  int i, n = (int)compat_rawlen(L, 1), ready;
  struct pollfd *fds;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_argcheck(L, timeout == timeout, 3, "not a number");
  fds = lua_newuserdata(L, sizeof(*fds) * (size_t)(n > 0 ? n : 1));
  for (i = 0; i < n; i++) {
    int events = field(L, 2, i + 1);
    fds[i].fd = field(L, 1, i + 1);
    fds[i].events = 0;
    fds[i].revents = 0;
    if (events & WANT_READ) fds[i].events |= POLLIN;
    if (events & WANT_WRITE) fds[i].events |= POLLOUT;
  }
  ready = fd_poll(fds, (size_t)n, timeout < 0 ? CLOCK_NEVER
                                         : clock_now() + timeout);
  if (ready < 0) {
    char room[REASON_MAX];
    lua_pushnil(L);
    lua_pushstring(L, failure_system_reason(-ready, room));
    return 2;
  }
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    lua_pushinteger(L, ready_events(&fds[i]));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}
