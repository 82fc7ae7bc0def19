/*
** connection.c -- one TLS connection over an SSL*: options, waiting,
** outcomes, what frees it. It knows no file descriptor: its queue's carrier
** and its link's `wait` do. Methods have themselves at stack index 1.
*/

#include <string.h>

#include <openssl/err.h>

#include "closure.h"
#include "connection.h"
#include "entry.h"
#include "diagnosis.h"
#include "errors.h"
#include "hello.h"
#include "hooks.h"
#include "limits.h"
#include "object.h"
#include "options.h"
#include "tickets.h"
#include "settings.h"
#include "socket.h"
#include "transport.h"
#include "verify.h"

/* ---- which connection ---- */

Connection *connection_check (lua_State *L) {
  void *p = lua_touserdata(L, 1);
  if (p != NULL && lua_getmetatable(L, 1)) {
    int ours = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (ours) return p;
  }
  lua_getfield(L, lua_upvalueindex(1), "__name");
  lua_pushfstring(L, "%s expected, got %s", lua_tostring(L, -1),
                  luaL_typename(L, 1));
  luaL_argerror(L, 1, lua_tostring(L, -1));
  return NULL;
}

Connection *connection_any (lua_State *L, int index) {
  void *p = compat_testudata(L, index, SOCKET_T);
  if (p == NULL) p = compat_testudata(L, index, OBJECT_T);
  if (p == NULL) luaL_argerror(L, index, "SSLSocket or SSLObject expected");
  return p;
}

/* ---- options ---- */

/* That of a connection that has none yet, or no more. */
static const Policy no_policy;

void connection_init (Connection *c, const Link *link) {
  memset(c, 0, sizeof(*c));
  c->policy = &no_policy;
  c->link = link;
  c->deadline = TRANSPORT_NEVER;
  c->alert = -1;
  c->verification.alert = -1;
}

/* The connection's own options, where it has none those of its context. */
void connection_options (lua_State *L, ConnectionOptions *own,
                         const Policy *policy, int options) {
  *own = policy->defaults;
  options_check(L, options, OF_CONNECTION | OF_STATED);
  if (options_boolean(L, options, "server_side", own->server_side)
      != own->server_side)
    options_raise(L, "server_side", "does not fit this context, which is for "
                  "the %s side", own->server_side ? "server" : "client");
  options_check_side(L, options, OF_CONNECTION, own->server_side);
  own->check_hostname = options_boolean(L, options, "check_hostname",
                                        own->check_hostname);
  if (own->check_hostname && policy->cert_reqs == CERT_NONE)
    options_raise(L, "check_hostname", "needs cert_reqs other than CERT_NONE");
  own->suppress_ragged_eofs = options_boolean(L, options,
                                              "suppress_ragged_eofs",
                                              own->suppress_ragged_eofs);
  own->nodelay = options_boolean(L, options, "nodelay", own->nodelay);
  own->handshake_timeout = options_number(L, options, "handshake_timeout",
                                          own->handshake_timeout);
  own->linger = settings_linger(L, options, own->linger);
}

/* The peer's name for SNI and the check: 0, or 2 with nil and an error. */
int connection_read_name (lua_State *L, Hostname *hostname, const char *name,
                          size_t size) {
  const char *why;
  if (hostname_parse(name, size, hostname, &why)) return 0;
  return errors_text(L, ERROR_T, "server_hostname", "name", "%s", why);
}

/* ---- time ---- */

void connection_begin (Connection *c) {
  c->want = 0;
  c->late = 0;
  c->queue.paused = 0;
  c->queue.idle = 0;
  c->deadline = c->link != NULL ? c->link->deadline(c) : 0;
}

/* 0 is the deadline of what never waits: it takes all that is there. */
int connection_expired (const Connection *c) {
  return c->deadline > 0 && transport_now() >= c->deadline;
}

/* Waits for `events`, and to get rid of what is queued. 1: try again, 0: not
** before `deadline`. */
int connection_wait (Connection *c, int events, double deadline) {
  Queue *q = &c->queue;
  int ready;
  if (bytes_length(&q->out) > 0) events |= TRANSPORT_WRITE;
  if (bytes_length(&q->out) > QUEUE_OUT_BOUND) events = TRANSPORT_WRITE;
  c->want = events;
  if (c->link == NULL || deadline == 0) return 0;
  if (deadline > 0 && transport_now() >= deadline) return 0;
  if (q->paused) {  /* there is more, and time for it */
    q->paused = 0;
    q->idle = 0;
    return 1;
  }
  ready = c->link->wait(c, events, deadline);
  if (ready < 0) q->read_error = -ready;
  return ready != 0;
}

/* ---- outcomes ---- */

/* What OpenSSL's `result`, just returned, means. */
Outcome connection_outcome (Connection *c, int result) {
  if (result > 0) return DONE;
  switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_ZERO_RETURN: return CLOSED;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
    case SSL_ERROR_WANT_X509_LOOKUP:
    case SSL_ERROR_WANT_RETRY_VERIFY:
    case SSL_ERROR_WANT_ASYNC:
      return c->decision.point != NOWHERE ? ASK : WAIT;  /* an engine's business */
    case SSL_ERROR_WANT_READ:
      if (c->queue.flooded) {
        c->failed = 1;
        return FAILED;
      }
      if (c->queue.read_error != 0) return BROKEN;
      if (!c->queue.ended || bytes_length(&c->queue.in) > 0) return WAIT;
      return c->broken ? BROKEN : TRUNCATED;
    default:
      c->failed = 1;  /* before anything can raise: no SSL_* I/O from here */
      return FAILED;
  }
}

static int make_failure (lua_State *L, Connection *c, const char *operation) {
  const Verification *v = &c->verification;
  Failure own, *f = c->failure;
  if (c->queue.no_memory)
    return errors_text(L, ERROR_T, operation, "memory", "out of memory");
  if (c->queue.flooded) return limits_push_flood(L, c, operation);
  if (v->unpinned)
    return errors_text(L, VERIFICATION_ERROR_T, operation, "pin", "none of "
                       "the public keys in the peer's chain is one of the "
                       "pins (see option pins)");
  if (f == NULL) {
    queue_note_surplus(&c->queue);
    diagnosis_make(&own, c, operation);
    f = c->failure = OPENSSL_memdup(&own, sizeof(own));
    errors_clear();
  }
  if (f == NULL) f = &own;
  f->operation = operation;
  return errors_push(L, f);
}

/* Makes the SSLError at the top, above a nil, this connection's for good. */
int connection_keep_failure (lua_State *L, Connection *c) {
  c->failed = 1;
  compat_getuservalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, UV_FAILURE);
  lua_pop(L, 1);
  OPENSSL_free(c->failure);
  c->failure = NULL;
  return 2;
}

int connection_push_failure (lua_State *L, Connection *c,
                             const char *operation) {
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_FAILURE);
  if (!lua_isnil(L, -1)) {
    queue_flush(&c->queue);
    errors_clear();  /* what a hook refused, OpenSSL complains of too */
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  queue_flush(&c->queue);  /* OpenSSL left an alert there */
  make_failure(L, c, operation);
  return connection_keep_failure(L, c);
}

/* nil and what the transport failed with; what `feed` was told as it is. */
int connection_push_broken (lua_State *L, Connection *c,
                            const char *operation) {
  if (!c->broken) return errors_syscall(L, operation, c->queue.read_error);
  lua_pushnil(L);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_BROKEN);
  lua_remove(L, -2);
  return 2;
}

static const char *wait_condition (const Connection *c, int native) {
  if (c->link != NULL && !(native && c->deadline == 0)) return "timeout";
  return c->want & TRANSPORT_READ ? "wantread" : "wantwrite";
}

/* nil and the condition or failure of an outcome that is not DONE; `native`
** methods tell at timeout 0 what they wait for. */
int connection_push (lua_State *L, Connection *c, Outcome outcome,
                     const char *operation, int native) {
  switch (outcome) {
    case WAIT:
      c->late = 1;
      return errors_condition(L, wait_condition(c, native));
    case BROKEN: return connection_push_broken(L, c, operation);
    case FAILED: return connection_push_failure(L, c, operation);
    case TRUNCATED:
      if (!c->options.suppress_ragged_eofs) return errors_eof(L, operation);
      break;
    default: break;
  }
  return errors_condition(L, "closed");
}

/* ---- the end ---- */

/* For __tostring. */
const char *connection_state (const Connection *c) {
  if (c->closed) return "closed";
  if (c->failed) return "failed";
  if (c->established) return "connected";
  return c->carried ? "handshake" : "no connection";
}

/* Frees all but what is queued to be sent. */
void connection_release (Connection *c) {
  SSL *ssl = c->ssl;
  entry_leave(c);
  c->ssl = NULL;  /* first: a second call finds nothing to free */
  verify_abandon(ssl, c);
  if (ssl != NULL && c->established && !c->failed)
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);  /* its session stays usable */
  SSL_free(ssl);
  c->policy = &no_policy;
  SSL_CTX_free(c->context);
  c->context = NULL;
  SSL_SESSION_free(c->session);
  c->session = NULL;
  verification_free(&c->verification);
  hello_free(c->choice.hello);
  c->choice.hello = NULL;
  OPENSSL_free(c->choice.protocol);
  c->choice.protocol = NULL;
  OPENSSL_free(c->failure);
  c->failure = NULL;
  bytes_free(&c->plain);
  bytes_free(&c->queue.in);
  queue_forget(&c->queue);
}

/* Ends the connection as `close` does, without waiting. */
void connection_close (lua_State *L, Connection *c) {
  if (c->closed) return;
  if (c->link != NULL) {
    c->link->close(L, c);
    return;
  }
  closure_notify(c);
  errors_clear();
  c->closed = 1;
  connection_release(c);
}

/* __gc of both types: no method is under way, unless the debug library has
** called this one. */
int connection_gc (lua_State *L) {
  Connection *c = connection_check(L);
  if (entry_is_running(L, c)) {
    c->call.closing = 1;
    return 0;
  }
  if (c->link != NULL) c->link->release(c);
  c->closed = 1;
  connection_release(c);
  queue_free(&c->queue);
  bytes_drop_spares();
  return 0;
}

/* ---- primitives of handshake.lua ---- */

/* begin(connection [, deadline]) starts an operation, whose deadline it
** returns; with `deadline` it is that of an operation that goes on. */
static int primitive_begin (lua_State *L, Connection *c) {
  connection_begin(c);
  if (!lua_isnoneornil(L, 2)) c->deadline = luaL_checknumber(L, 2);
  lua_pushnumber(L, c->deadline);
  return 1;
}

/* remaining(connection): seconds until the deadline, nil for ever. */
static int primitive_remaining (lua_State *L, Connection *c) {
  double deadline = c->deadline;
  double left = deadline > 0 ? deadline - transport_now() : 0;
  if (deadline < 0) lua_pushnil(L);
  else lua_pushnumber(L, left > 0 ? left : 0);
  return 1;
}

/* connecting(connection): what `want` tells while TCP connects. */
static int primitive_connecting (lua_State *L, Connection *c) {
  (void)L;
  c->want = TRANSPORT_WRITE;
  return 0;
}

#if COMPAT_CONTINUES
/* first(run): what methods run before the handshake is done. */
static int primitive_first (lua_State *L) {
  luaL_getmetatable(L, SOCKET_T);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, CONNECTION_FIRST);
  luaL_getmetatable(L, OBJECT_T);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, CONNECTION_FIRST);
  return 0;
}
#endif

/* Adds what handshake.lua needs to the table at the top. [-0, +0, m] */
void connection_primitives (lua_State *L) {
  static const luaL_Reg functions[] = {
#if COMPAT_CONTINUES
    {"first", primitive_first},
#endif
    {NULL, NULL}
  };
  static const Method primitives[] = {
    {"begin", primitive_begin, CHANGES, NULL},
    {"connecting", primitive_connecting, CHANGES, NULL},
    {"remaining", primitive_remaining, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  compat_setfuncs(L, functions, 0);
  entry_add(L, primitives, 0, 0);
  entry_push_pending(L);
  lua_setfield(L, -2, "PENDING");
}
