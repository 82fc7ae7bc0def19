/*
** entry.c -- how the methods that carry application data begin: which
** connection, whether its handshake comes first, and whose buffers stay.
**
** SSL_MODE_RELEASE_BUFFERS saves 33 KiB in each idle connection, and costs a
** tenth of each small message. So the connection that is used over and over
** again keeps its buffers until another one's turn comes: one in a Lua state.
*/

#include <string.h>

#include "entry.h"
#include "errors.h"

/* What the connections of one type share in a Lua state. It has no finalizer:
** in lua_close it is there until all finalizers have run. */
struct Shared {
  Connection *last;  /* borrowed: whose method was called last */
  Connection *warm;  /* borrowed: the one that keeps its buffers, or NULL */
};

void entry_push_shared (lua_State *L) {
  Shared *shared = lua_newuserdata(L, sizeof(*shared));
  memset(shared, 0, sizeof(*shared));
}

/* What OpenSSL still works on stays, in a callback of its own even; the mode
** frees it later. */
static void cool (Connection *c) {
  c->shared->warm = NULL;
  if (c->ssl == NULL) return;
  SSL_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
  if (!c->busy && !SSL_waiting_for_async(c->ssl) && !SSL_has_pending(c->ssl))
    SSL_free_buffers(c->ssl);
}

void entry_leave (Connection *c) {
  Shared *shared = c->shared;
  if (shared == NULL) return;
  if (shared->warm == c) shared->warm = NULL;
  if (shared->last == c) shared->last = NULL;
}

static Connection *enter (lua_State *L, Shared *shared) {
  Connection *c = connection_check(L);
  if (shared->warm != NULL) cool(shared->warm);
  c->shared = shared;
  shared->last = c->closed ? NULL : c;
  return c;
}

/* The one of the last call needs no look at its metatable: entry_leave has
** not been called. Used twice it is warm. */
Connection *entry_check (lua_State *L) {
  Shared *shared = lua_touserdata(L, lua_upvalueindex(2));
  Connection *c = lua_touserdata(L, 1);
  if (c == NULL || c != shared->last || lua_type(L, 1) != LUA_TUSERDATA)
    return enter(L, shared);
  if (shared->warm == NULL && c->established && c->ssl != NULL) {
    shared->warm = c;
    SSL_clear_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
  }
  return c;
}

/* ---- before the handshake ---- */

int entry_unready (lua_State *L, Connection *c, const First *first) {
  if (c->established && c->ssl != NULL) return 0;
  lua_settop(L, first->index - 1);
  if (c->closed) return errors_condition(L, "closed");
  if (c->failed) return connection_push(L, c, FAILED, "handshake", 0);
  lua_pushnil(L);
  connection_push_pending(L);
  return 2;
}

#if COMPAT_CONTINUES

/* Behind the handshake: the method once more, or why not. */
static int go_on (lua_State *L, int status, lua_KContext context) {
  const First *first = (const First *)context;
  (void)status;
  if (lua_toboolean(L, -2)) {
    lua_settop(L, first->index - 1);
    connection_push_pending(L);
    return first->method(L);
  }
  lua_replace(L, first->index + 1);
  lua_settop(L, first->index + first->results - 1);
  return first->results;
}

/* Runs the handshake, which may yield, if that is what is missing. */
int entry_first (lua_State *L, const First *first) {
  if (!connection_is_pending(L, first->index + 1)) return first->results;
  lua_getfield(L, lua_upvalueindex(1), CONNECTION_FIRST);
  lua_pushvalue(L, 1);
  lua_pushboolean(L, first->native);
  lua_callk(L, 2, 2, (lua_KContext)first, go_on);
  return go_on(L, LUA_OK, (lua_KContext)first);
}

#else

/* handshake.lua does it, around the method. */
int entry_first (lua_State *L, const First *first) {
  (void)L;
  return first->results;
}

#endif
