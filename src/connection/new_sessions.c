/*
** new_sessions.c -- sessions that a client has got, for the option on_session,
** and those that a server has made, or has done with, for put_session and
** remove_session.
**
** OpenSSL tells them from its inside, where no Lua may run: they wait until the
** call into it is over.
*/

#include <string.h>

#include "base/errors.h"
#include "connection/log_lines.h"
#include "connection/new_sessions.h"
#include "context/session.h"
#include "context/stored_form.h"

/***
@page Hooks
@group Hooks
*/

/***
Told of each session that a client gets, to keep it elsewhere. It decides nothing:
it is called when the method in which the session came is done, before that
returns, and cannot yield. In TLS 1.3 sessions come while the client reads; of more
than eight at once the newest are told. A session from behind a certificate that
`on_certificate` chose is not told.
@function on_session
@tparam SSLSocket|SSLObject connection what the program holds; its facts can be
asked, but nothing be read or sent
@tparam SSLSession session to keep, or to `save`
@treturn nil
@raise ends the connection with the very value
@source SSL_CTX_sess_set_new_cb(3)
@usage local context = assert(ssl.create_default_context {
  on_session = function(conn, session)
    sessions[conn:server_hostname()] = session
  end,
})
*/

#define MOST 8
#define STACK_SLOTS 10

typedef struct NewSessions {
  int count;
  struct {
    SSL_SESSION *session;  /* owned */
    int removed;
  } list[MOST];            /* the oldest first */
} NewSessions;

static void drop_first (NewSessions *n) {
  SSL_SESSION_free(n->list[0].session);
  n->count--;
  memmove(n->list, n->list + 1, (size_t)n->count * sizeof(n->list[0]));
}

void new_sessions_add (Connection *c, SSL_SESSION *session, int removed) {
  NewSessions *n = c->new_sessions;
  if (n == NULL) n = c->new_sessions = OPENSSL_zalloc(sizeof(*n));
  if (n == NULL || !SSL_SESSION_up_ref(session)) return;
  if (n->count == MOST) drop_first(n);
  n->list[n->count].removed = removed;
  n->list[n->count++].session = session;
}

static void release (NewSessions *n) {
  if (n == NULL) return;
  while (n->count > 0) drop_first(n);
  OPENSSL_free(n);
}

void new_sessions_free (Connection *c) {
  release(c->new_sessions);
  c->new_sessions = NULL;
}

/* Pushes the arguments behind the connection: their number, 0: none can be
** made. */
static int push_arguments (lua_State *L, const Connection *c,
                           SSL_SESSION *session, int removed) {
  SSL_SESSION **slot;
  if (c->options.server_side)
    return stored_form_push(L, c->policy->ticket_keys, session, removed);
  slot = session_new(L);
  if (!SSL_SESSION_up_ref(session)) return 0;
  *slot = session;
  return 1;
}

static const char *option_for (const Connection *c, int removed) {
  if (!c->options.server_side) return "on_session";
  return removed ? "remove_session" : "put_session";
}

/* sessions, connection: whether the function raised, and what. */
static int tell (lua_State *L) {
  NewSessions *n = lua_touserdata(L, 1);
  const Connection *c = lua_touserdata(L, 2);
  compat_getuservalue(L, 2);
  lua_rawgeti(L, 3, UV_FACE);
  if (!lua_isnil(L, 4)) lua_replace(L, 2);
  lua_settop(L, 3);
  lua_rawgeti(L, 3, UV_CHOICES);
  lua_replace(L, 3);
  while (n->count > 0) {
    int arguments;
    lua_settop(L, 3);
    lua_getfield(L, 3, option_for(c, n->list[0].removed));
    lua_pushvalue(L, 2);
    arguments = push_arguments(L, c, n->list[0].session, n->list[0].removed);
    drop_first(n);
    if (arguments == 0 || lua_pcall(L, 1 + arguments, 0, 0) == 0) continue;
    lua_pushboolean(L, 1);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushboolean(L, 0);
  lua_pushnil(L);
  return 2;
}

/* Without memory what waits does so until the next call: what this one answers
** must not be lost. */
int new_sessions_deliver (lua_State *L, Connection *c, int results) {
  NewSessions *n = c->new_sessions;
  int top = lua_gettop(L);
  if (n == NULL) return 0;
  if (!c->established || c->closed) {  /* it may be refused yet */
    if (c->failed || c->closed) new_sessions_free(c);
    return 0;
  }
  if (!lua_checkstack(L, STACK_SLOTS)) return 0;
  lua_pushcfunction(L, tell);
  lua_pushlightuserdata(L, n);
  lua_pushvalue(L, 1);
  c->new_sessions = NULL;
  if (lua_pcall(L, 2, 2, 0) != 0) {
    release(c->new_sessions);
    c->new_sessions = n;
    lua_settop(L, top);
    return 0;
  }
  release(n);
  if (!lua_toboolean(L, -2)) {
    lua_settop(L, top);
    return 0;
  }
  lua_remove(L, -2);
  log_lines_explain(L, c->options.server_side ? "put_session or remove_session"
                                              : "on_session");
  lua_insert(L, top - results + 1);
  lua_settop(L, top - results + 1);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 1;
}
