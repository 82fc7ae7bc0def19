/*
** connection.c -- one TLS connection over an SSL*: its options, an operation's
** deadline, waiting. It knows no file descriptor: its BIO's carrier and its
** link's `wait` do. Methods have themselves at stack index 1.
*/

#include <string.h>

#include <openssl/err.h>

#include "connection/connection.h"
#include "base/errors.h"
#include "context/options.h"
#include "context/context_options.h"
#include "context/tlsa.h"

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
  if (p == NULL) p = compat_testudata(L, index, LUASEC_T);
  if (p == NULL) luaL_argerror(L, index, "SSLSocket or SSLObject expected");
  return p;
}

/* ---- options ---- */

/* That of a connection that has none yet, or no more. */
static const Policy no_policy;

void connection_init (Connection *c, const Link *link,
                      void (*close) (lua_State *L, Connection *c)) {
  memset(c, 0, sizeof(*c));
  c->policy = &no_policy;
  c->link = link;
  c->close = close;
  c->deadline = CLOCK_NEVER;
  c->alert = -1;
  c->verification.alert = -1;
}

void connection_leave_context (Connection *c) {
  c->policy = &no_policy;
  SSL_CTX_free(c->context);
  c->context = NULL;
}

static int is_set (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
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
  own->tlsa_check_hostname = options_boolean(L, options, "tlsa_check_hostname",
                                             0);
  if (own->check_hostname && policy->cert_reqs == CERT_NONE
      && !is_set(L, options, "tlsa"))
    options_raise(L, "check_hostname", "needs cert_reqs other than CERT_NONE");
  own->suppress_ragged_eofs = options_boolean(L, options,
                                              "suppress_ragged_eofs",
                                              own->suppress_ragged_eofs);
  own->nodelay = options_boolean(L, options, "nodelay", own->nodelay);
  own->handshake_timeout = options_number(L, options, "handshake_timeout",
                                          own->handshake_timeout);
  own->record_size = negotiation_record_size(L, options, own->record_size);
  own->linger = context_options_linger(L, options, own->linger);
}

/* The peer's name for SNI and the check: 0, or 2 with nil and an error. */
int connection_read_name (lua_State *L, Hostname *hostname, const char *name,
                          size_t size) {
  const char *why;
  if (hostname_parse(name, size, hostname, &why)) return 0;
  return errors_text(L, ERROR_T, "server_hostname", "name", "%s", why);
}

static int read_listed (lua_State *L, Hostname *hostname, int i) {
  const char *why, *name;
  size_t size;
  lua_rawgeti(L, -1, i);
  name = lua_tolstring(L, -1, &size);
  if (hostname_parse(name, size, hostname, &why)) {
    lua_pop(L, 1);
    return 0;
  }
  return errors_text(L, ERROR_T, "server_hostnames", "name", "number %d: %s", i,
                     why);
}

int connection_read_names (lua_State *L, Connection *c, int options) {
  int i, n;
  if (options_push(L, options, "server_hostnames") != LUA_TTABLE) {
    lua_pop(L, 1);
    return 0;
  }
  n = (int)compat_rawlen(L, -1);
  if (n == 0)
    options_raise(L, "server_hostnames", "is empty: no name would do");
  c->names = OPENSSL_zalloc((size_t)n * sizeof(*c->names));
  if (c->names == NULL) luaL_error(L, "not enough memory");
  c->more_names = n - 1;
  for (i = 1; i <= n; i++)
    if (read_listed(L, &c->names[i - 1], i) > 0) return 2;
  lua_pop(L, 1);
  if (c->name.text[0] == '\0') c->name = c->names[0];
  return 0;
}

int connection_read_tlsa (lua_State *L, Connection *c, int options) {
  if (options_push(L, options, "tlsa") == LUA_TNIL) {
    if (c->options.tlsa_check_hostname)
      options_raise(L, "tlsa_check_hostname", "needs option 'tlsa'");
    lua_pop(L, 1);
    return 0;
  }
  c->tlsa = tlsa_new(compat_rawlen(L, -1));
  if (c->tlsa == NULL) luaL_error(L, "not enough memory");
  if (tlsa_read(L, -1, c->context, c->tlsa) > 0) return 2;
  lua_pop(L, 1);
  if (!is_set(L, options, "check_hostname") && !c->policy->name_decided)
    c->options.check_hostname = 1;
  if (c->options.tlsa_check_hostname && !c->options.check_hostname)
    options_raise(L, "tlsa_check_hostname", "is true, and check_hostname "
                  "false");
  return 0;
}

int connection_needs_name (const Connection *c) {
  return c->options.check_hostname && !c->options.server_side
         && (c->tlsa == NULL || !tlsa_are_keys(c->tlsa)
             || c->options.tlsa_check_hostname);
}

const Hostname *connection_names (const Connection *c, int *more) {
  *more = c->names != NULL ? c->more_names : 0;
  return c->names != NULL ? c->names : &c->name;
}

/* ---- time ---- */

void connection_begin_operation (Connection *c) {
  c->want = 0;
  c->late = 0;
  c->early_wanted = 0;
  c->bio.paused = 0;
  c->bio.idle = 0;
  c->deadline = c->link != NULL ? c->link->deadline(c) : 0;
}

/* 0 is the deadline of what never waits: it takes all that is there. */
int connection_expired (const Connection *c) {
  return c->deadline > 0 && clock_now() >= c->deadline;
}

/* Waits for `events`, and to get rid of what is queued. 1: try again, 0: not
** before `deadline`. */
int connection_wait (Connection *c, int events, double deadline) {
  BioState *q = &c->bio;
  int ready;
  if (buffer_length(&q->out) > 0) events |= WANT_WRITE;
  if (buffer_length(&q->out) > QUEUE_OUT_BOUND) events = WANT_WRITE;
  c->want = events;
  if (c->link == NULL || deadline == 0) return 0;
  if (deadline > 0 && clock_now() >= deadline) return 0;
  if (q->paused) {  /* there is more, and time for it */
    q->paused = 0;
    q->idle = 0;
    return 1;
  }
  ready = c->link->wait(c, events, deadline);
  if (ready < 0) q->read_error = -ready;
  return ready != 0;
}

/* ---- the peer ---- */

Verification *connection_verification (Connection *c) {
  return c->request != NULL ? &c->request->verification : &c->verification;
}

void connection_take_answer (Connection *c) {
  verification_free(&c->verification);
  c->verification = c->request->verification;
  OPENSSL_free(c->request);
  c->request = NULL;
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
      return c->decision.point != NOWHERE ? ASK : WAIT;  /* an engine's */
    case SSL_ERROR_WANT_READ:
      if (c->bio.flooded) {
        c->failed = 1;
        return FAILED;
      }
      if (c->bio.read_error != 0) return BROKEN;
      if (!c->bio.ended || buffer_length(&c->bio.in) > 0) return WAIT;
      return c->broken ? BROKEN : TRUNCATED;
    default:
      c->failed = 1;  /* before anything can raise: no SSL_* I/O from here */
      if (c->request != NULL && c->request->verification.refused)
        connection_take_answer(c);
      return FAILED;
  }
}

/* For __tostring. */
const char *connection_state (const Connection *c) {
  if (c->closed) return "closed";
  if (c->failed) return "failed";
  if (c->established) return "connected";
  return c->carried ? "handshake" : "no connection";
}

