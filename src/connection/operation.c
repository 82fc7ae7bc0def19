/*
** operation.c -- an operation of Lua's part: its deadline, what it waits for.
*/

#include <math.h>

#include "connection/method_prologue.h"
#include "connection/operation.h"

/* begin(connection [, deadline]) starts an operation, whose deadline it
** returns; with `deadline` it is that of an operation that goes on. */
static int primitive_begin_operation (lua_State *L, Connection *c) {
  connection_begin_operation(c);
  if (!lua_isnoneornil(L, 2)) c->deadline = luaL_checknumber(L, 2);
  lua_pushnumber(L, c->deadline);
  return 1;
}

/* remaining(connection): seconds until the deadline, nil for ever. */
static int primitive_remaining (lua_State *L, Connection *c) {
  double deadline = c->deadline;
  double left = deadline > 0 ? deadline - clock_now() : 0;
  if (deadline < 0) lua_pushnil(L);
  else lua_pushnumber(L, left > 0 ? left : 0);
  return 1;
}

/* counted(connection): bytes of application data received and sent. */
static int primitive_counted (lua_State *L, Connection *c) {
  lua_pushinteger(L, (lua_Integer)c->counted.received);
  lua_pushinteger(L, (lua_Integer)c->counted.sent);
  return 2;
}

/* count_from(connection [, received [, sent]]) */
static int primitive_count_from (lua_State *L, Connection *c) {
  double received = luaL_optnumber(L, 2, c->counted.received);
  double sent = luaL_optnumber(L, 3, c->counted.sent);
  counters_restart(&c->counted, floor(received), floor(sent));
  return 0;
}

/* connecting(connection): what `want` tells while TCP connects. */
static int primitive_connecting (lua_State *L, Connection *c) {
  (void)L;
  c->want = WANT_WRITE;
  return 0;
}

#if COMPAT_CONTINUES
/* set_handshake(run): what methods run before the handshake is done. */
static int primitive_set_handshake (lua_State *L) {
  luaL_getmetatable(L, SOCKET_T);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, CONNECTION_FIRST);
  luaL_getmetatable(L, OBJECT_T);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, CONNECTION_FIRST);
  return 0;
}
#endif

/* Adds what hooks.lua needs to the table at the top. [-0, +0, m] */
void operation_primitives (lua_State *L) {
  static const luaL_Reg functions[] = {
#if COMPAT_CONTINUES
    {"set_handshake", primitive_set_handshake},
#endif
    {NULL, NULL}
  };
  static const Method primitives[] = {
    {"begin_operation", primitive_begin_operation, CHANGES, NULL},
    {"connecting", primitive_connecting, CHANGES, NULL},
    {"count_from", primitive_count_from, TELLS, NULL},
    {"counted", primitive_counted, TELLS, NULL},
    {"remaining", primitive_remaining, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  compat_setfuncs(L, functions, 0);
  method_add(L, primitives, 0, 0);
  method_push_pending(L);
  lua_setfield(L, -2, "PENDING");
}
