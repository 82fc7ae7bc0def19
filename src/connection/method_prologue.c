/*
** method_prologue.c -- how every call on a connection begins and ends.
**
** Any Lua call that allocates may run a finalizer, and that may call any
** method of the connection whose method is under way. A call marks the
** connection as long as it works on it, and who finds the mark keeps away. A
** call that raised leaves its mark behind: it counts only while that call is
** on the stack of its coroutine.
**
** SSL_MODE_RELEASE_BUFFERS saves 33 KiB in each idle connection, and costs a
** tenth of each small message. So the connection that is used over and over
** again keeps its buffers until another one's turn comes: one in a Lua state.
*/

#include <string.h>

#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/decision.h"
#include "connection/log_lines.h"
#include "connection/luasec_words.h"
#include "connection/new_sessions.h"
#include "connection/outcome.h"

#define STACK_SLOTS 8

static int enter (lua_State *L);
static int enter_luasec (lua_State *L);

/* ---- whose buffers stay ---- */

/* What the connections of one type share in a Lua state. It has no finalizer:
** in lua_close it is there until all finalizers have run. */
struct Shared {
  Connection *last;  /* borrowed: whose method was called last */
  Connection *warm;  /* borrowed: the one that keeps its buffers, or NULL */
};

/* What a closure of `enter` is for: one look at an upvalue instead of two. */
typedef struct Bound {
  const Method *method;
  Shared *shared;  /* borrowed: an upvalue holds it. NULL: a primitive */
} Bound;

void method_push_shared (lua_State *L) {
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

void method_leave (Connection *c) {
  Shared *shared = c->shared;
  if (shared == NULL) return;
  if (shared->warm == c) shared->warm = NULL;
  if (shared->last == c) shared->last = NULL;
}

static Connection *check_other (lua_State *L, Shared *shared) {
  Connection *c = connection_check(L);
  if (shared->warm != NULL) cool(shared->warm);
  c->shared = shared;
  shared->last = c->closed ? NULL : c;
  return c;
}

/* The one of the last call needs no look at its metatable: method_leave has
** not been called. Used twice it is warm. */
static Connection *check (lua_State *L, Shared *shared) {
  Connection *c = lua_touserdata(L, 1);
  if (shared == NULL)
    return lua_isnil(L, lua_upvalueindex(1)) ? connection_any(L, 1)
                                             : connection_check(L);
  if (c == NULL || c != shared->last || lua_type(L, 1) != LUA_TUSERDATA)
    return check_other(L, shared);
  if (shared->warm == NULL && c->established && c->ssl != NULL) {
    shared->warm = c;
    SSL_clear_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
  }
  return c;
}

/* ---- one call at a time ---- */

/* 1 if the function at this level is a call on the connection. */
static int is_call (lua_State *L, lua_Debug *level, const Connection *c) {
  int found;
  lua_CFunction function;
  lua_getinfo(L, "f", level);
  function = lua_tocfunction(L, -1);
  found = function == enter || function == enter_luasec;
  lua_pop(L, 1);
  if (!found || lua_getlocal(L, level, 1) == NULL) return 0;
  found = lua_touserdata(L, -1) == (const void *)c;
  lua_pop(L, 1);
  return found;
}

/* A coroutine that has yielded or ended is in no call of ours. */
int method_is_running (lua_State *L, Connection *c) {
  lua_State *from = c->call.L;
  lua_Debug level;
  int i = from == L;  /* this very call does not count */
  if (from == NULL) return 0;
  if (from == L || (lua_status(from) == 0 && lua_checkstack(from, STACK_SLOTS)))
    for (; lua_getstack(from, i, &level); i++)
      if (is_call(from, &level, c)) return 1;
  c->call.L = NULL;
  return 0;
}

static int is_main (lua_State *L, Connection *c) {
  int found = lua_pushthread(L);
  lua_pop(L, 1);
  if (found) c->main = L;
  return found;
}

/* While a coroutine calls, the connection holds it, so that `call.L` stays
** valid. To let it go later would do, too. */
static void hold (lua_State *L, int present) {
  if (!present && !lua_checkstack(L, STACK_SLOTS)) return;
  compat_getuservalue(L, 1);
  if (present) lua_pushthread(L);
  else lua_pushnil(L);
  lua_rawseti(L, -2, UV_THREAD);
  lua_pop(L, 1);
}

/* A `close` that came in the middle of a call. */
static void close_now (lua_State *L, Connection *c) {
  c->call.closing = 0;
  if (c->decision.hook_running) decision_forget(L, c);
  c->close(L, c);
}

static int refuse (lua_State *L, const Method *m) {
  const First *first = m->first;
  if (first != NULL) lua_settop(L, first->goes_on - 1);
  errors_text(L, ERROR_T, m->name, "state", "the connection is in the middle "
              "of another call (a finalizer or a hook must not use it then)");
  if (first == NULL) return 2;
  if (first->results > 2) first->push_partial(L);
  return first->results;
}

/* A call in the middle of another one. */
static int nested (lua_State *L, Connection *c, const Method *m) {
  if (m->rule == TELLS || (m->rule == ANSWERS && c->decision.entered))
    return m->run(L, c);
  if (m->rule != CLOSES) return refuse(L, m);
  if (!c->closed) c->call.closing = 1;
  lua_pushinteger(L, 1);
  return 1;
}

/* ---- before the handshake ---- */

/* What hooks.lua tells from other values. */
static char pending;

void method_push_pending (lua_State *L) {
  lua_pushlightuserdata(L, &pending);
}

int method_goes_on (lua_State *L, int index) {
  return lua_touserdata(L, index) == &pending;
}

/* nil, why there is no TLS to work on, and a third result. */
static void push_unready (lua_State *L, Connection *c, const First *first) {
  lua_settop(L, first->goes_on - 1);
  if (c->closed) errors_condition(L, "closed");
  else if (c->failed) outcome_push(L, c, FAILED, "handshake", 0);
  else {
    lua_pushnil(L);
    method_push_pending(L);
  }
  if (first->results > 2) first->push_partial(L);
}

static int call_once (lua_State *L, Connection *c, const Method *m);

#if COMPAT_CONTINUES

static int decide_first (lua_State *L, const Bound *b);

/* Behind that: the method once more, or why not. */
static int call_again (lua_State *L, const Bound *b) {
  const Method *m = b->method;
  if (lua_toboolean(L, -2)) {
    lua_settop(L, m->first->goes_on - 1);
    method_push_pending(L);
    return call_once(L, check(L, b->shared), m);
  }
  lua_replace(L, m->first->goes_on + 1);
  lua_settop(L, m->first->goes_on + m->first->results - 1);
  return m->first->results;
}

static int go_on (lua_State *L, int status, lua_KContext context) {
  const Bound *b = (const Bound *)context;
  int n = call_again(L, b);
  (void)status;
  return n == METHOD_UNREADY ? decide_first(L, b) : n;
}

/* Runs the handshake, or a hook, which may yield: a loop, as a peer can make
** a method stop many times. */
static int decide_first (lua_State *L, const Bound *b) {
  const First *first = b->method->first;
  int n = METHOD_UNREADY;
  while (n == METHOD_UNREADY) {
    if (!method_goes_on(L, first->goes_on + 1)) return first->results;
    lua_getfield(L, lua_upvalueindex(1), CONNECTION_FIRST);
    lua_pushvalue(L, 1);
    lua_pushboolean(L, first->native);
    lua_callk(L, 2, 2, (lua_KContext)b, go_on);
    n = call_again(L, b);
  }
  return n;
}

#else

/* hooks.lua does it, around the method. */
static int decide_first (lua_State *L, const Bound *b) {
  (void)L;
  return b->method->first->results;
}

#endif

/* ---- the one way in ---- */

/* Leaves the arguments, with nil for those that were not given, and behind them
** nil and the error at the top: `push_partial` looks for arguments by their
** indexes, where the method may have left something else. */
static void clear_arguments (lua_State *L, int given, int wanted) {
  lua_insert(L, given + 1);
  lua_settop(L, given + 1);
  for (; given < wanted; given++) {
    lua_pushnil(L);
    lua_insert(L, given + 1);
  }
  lua_pushnil(L);
  lua_insert(L, -2);
}

/* What waits for the functions of keylog, trace and on_session is theirs before
** anything else happens. */
static int deliver (lua_State *L, Connection *c, const Method *m,
                    int results, int given) {
  if (!log_lines_deliver(L, c, results)
      && !new_sessions_deliver(L, c, results)) return results;
  if (c->closed) return 2;
  if (c->decision.point != NOWHERE) decision_forget(L, c);
  outcome_keep_failure(L, c);
  if (m->first == NULL || m->first->results < 3) return 2;
  clear_arguments(L, given, m->first->goes_on - 1);
  m->first->push_partial(L);
  return m->first->results;
}

/* METHOD_UNREADY: what push_unready has pushed is the answer, or says that the
** handshake, or a hook, comes first. */
static int call_once (lua_State *L, Connection *c, const Method *m) {
  int results, unready, in_coroutine;
  int given = c->policy != NULL && c->policy->tells ? lua_gettop(L) : 0;
  if (c->call.L != NULL && method_is_running(L, c)) return nested(L, c, m);
  in_coroutine = L != c->main && !is_main(L, c);
  if (in_coroutine) hold(L, 1);
  c->call.L = L;
  if (c->call.closing) close_now(L, c);  /* the call it waited for raised */
  results = m->run(L, c);
  unready = results == METHOD_UNREADY;
  if (unready) push_unready(L, c, m->first);
  else if (c->lines != NULL || c->log_error != 0 || c->new_sessions != NULL)
    results = deliver(L, c, m, results, given);
  if (c->call.closing) close_now(L, c);
  c->call.L = NULL;
  if (in_coroutine) hold(L, 0);
  return results;
}

static int enter (lua_State *L) {
  const Bound *b = lua_touserdata(L, lua_upvalueindex(2));
  int n = call_once(L, check(L, b->shared), b->method);
  return n == METHOD_UNREADY ? decide_first(L, b) : n;
}

/* The handshake is no method's there but dohandshake's. */
static int enter_luasec (lua_State *L) {
  const Bound *b = lua_touserdata(L, lua_upvalueindex(2));
  Connection *c = check(L, b->shared);
  int n = call_once(L, c, b->method);
  if (n == METHOD_UNREADY) n = b->method->first->results;
  return luasec_words_results(L, c, n);
}

void method_speak_luasec (lua_State *L) {
  int i, methods = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, methods) != 0; ) {
    lua_pushvalue(L, -2);
    for (i = 1; i <= 3; i++) lua_getupvalue(L, -1 - i, i);
    lua_pushcclosure(L, enter_luasec, 3);
    lua_settable(L, methods);
    lua_pop(L, 1);
  }
}

void method_add (lua_State *L, const Method *methods, int metatable,
                 int shared) {
  for (; methods->name != NULL; methods++) {
    Bound *b;
    if (metatable != 0) lua_pushvalue(L, metatable);
    else lua_pushnil(L);
    b = lua_newuserdata(L, sizeof(*b));
    b->method = methods;
    b->shared = shared != 0 ? lua_touserdata(L, shared) : NULL;
    if (shared != 0) lua_pushvalue(L, shared);  /* holds it */
    else lua_pushnil(L);
    lua_pushcclosure(L, enter, 3);
    lua_setfield(L, -2, methods->name);
  }
}
