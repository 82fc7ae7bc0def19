/*
** opening.c -- how a connection gets its context, its name and, at the first
** step of the handshake, its SSL; and another one, where another context is
** chosen for it.
*/

#include <string.h>

#include <openssl/err.h>

#include "connection/callbacks.h"
#include "base/errors.h"
#include "connection/early_data.h"
#include "connection/limits.h"
#include "connection/opening.h"
#include "context/context_policy.h"
#include "context/options.h"
#include "connection/stored_sessions.h"
#include "connection/tickets.h"
#include "connection/trace.h"
#include "connection/verify.h"

/* ---- callbacks of OpenSSL: no Lua in them ---- */

static void on_info (const SSL *ssl, int where, int value) {
  Connection *c = SSL_get_app_data(ssl);
  trace_state(c, ssl, where);
  if (!(where & SSL_CB_ALERT)) return;
  if (c->established && where & SSL_CB_READ) limits_count(c);
  if ((value & 0xff) == SSL_AD_NO_RENEGOTIATION && where & SSL_CB_WRITE)
    c->renegotiation_refused = 1;
  if ((value & 0xff) == SSL_AD_CLOSE_NOTIFY) return;  /* no failure */
  if (value >> 8 == SSL3_AL_FATAL) stored_sessions_spoil((SSL *)ssl, c);
  c->alert = value & 0xff;
  c->alert_sent = (where & SSL_CB_WRITE) != 0;
}

/* ---- the SSL ---- */

static int prepare (Connection *c, SSL *ssl, const Policy *policy,
                    const ConnectionOptions *own) {
  BIO *bio = bio_new(&c->bio);
  int more;
  if (bio == NULL) return 0;
  SSL_set_bio(ssl, bio, bio);
  if (!SSL_set_app_data(ssl, c)) return 0;  /* the callbacks' */
  SSL_set_info_callback(ssl, on_info);
  trace_watch(ssl, policy);
  verify_prepare(ssl, policy);
  tickets_defer(ssl, c, policy);
  if (own->server_side) SSL_set_accept_state(ssl);
  else SSL_set_connect_state(ssl);
  if (c->tlsa != NULL && !verify_by_tlsa(c, ssl)) return 0;
  return own->server_side || c->name.text[0] == '\0'
         || (hostname_send(ssl, &c->name)
             && (!own->check_hostname
                 || hostname_ask(connection_names(c, &more),
                                 SSL_get0_param(ssl))));
}

static SSL *open_ssl (Connection *c, const ConnectionOptions *own) {
  const Policy *policy = context_policy_of(c->context);
  SSL *ssl;
  callbacks_set(c->context, policy);
  ssl = SSL_new(c->context);
  if (ssl != NULL && prepare(c, ssl, policy, own)) return ssl;
  SSL_free(ssl);
  return NULL;
}

/* Holds the context as it is at this moment, and leaves its options: `set`
** does not concern this connection any more. Nothing runs Lua in between, so
** that the two belong together. [-0, +1, m] */
static void hold_context (lua_State *L, Connection *c, int context) {
  SSL_CTX *ctx = context_check(L, context);
  if (!SSL_CTX_up_ref(ctx)) luaL_error(L, "not enough memory");
  SSL_CTX_free(c->context);
  c->context = ctx;
  compat_getuservalue(L, context);
}

/* Moves the options at the top, and the context at `context`, into the table
** of uservalues below them: no new indexes, this raises nothing. */
static void keep_context (lua_State *L, int context) {
  lua_rawseti(L, -2, UV_CHOICES);
  lua_pushvalue(L, context);
  lua_rawseti(L, -2, UV_CONTEXT);
  lua_pop(L, 1);
}

/* 0, or 2 with nil and an error: there is no name to look for in the peer's
** certificate. */
int opening_lacks_name (lua_State *L, const Connection *c) {
  if (!connection_needs_name(c) || c->name.text[0] != '\0') return 0;
  return errors_text(L, ERROR_T, "server_hostname", "name",
                     "check_hostname needs a server_hostname");
}

/* The new connection at the top, its table of uservalues filled but for what
** the context at index 1 brings, gets its policy and its name, and goes to
** index 1. 0, or 2 with nil and an error; misuse raises. */
int opening_wrap (lua_State *L, Connection *c, int options, int connected) {
  int self = lua_gettop(L);
  size_t size = 0;
  const char *name;
  compat_getuservalue(L, self);
  hold_context(L, c, 1);
  c->policy = context_policy_of(c->context);
  keep_context(L, 1);
  connection_options(L, &c->options, c->policy, options);
  lua_insert(L, 1);  /* the connection works on stack index 1 */
  name = options_string(L, options + 1, "server_hostname", &size);
  if (name != NULL && connection_read_name(L, &c->name, name, size) > 0)
    return 2;
  if (connection_read_names(L, c, options + 1) > 0) return 2;
  if (connection_read_tlsa(L, c, options + 1) > 0) return 2;
  if (connected && opening_lacks_name(L, c) > 0)
    return luaL_error(L, "check_hostname needs a server_hostname");
  lua_settop(L, 1);
  return 0;
}

/* Makes the SSL of the connection at index 1: 0, or 2 with nil and an
** error. From here on `c` must not move. */
int opening_start (lua_State *L, Connection *c) {
  if (opening_lacks_name(L, c) > 0) return 2;
  errors_clear();
  c->ssl = open_ssl(c, &c->options);
  if (c->ssl == NULL || !early_data_open(c)) {
    SSL_free(c->ssl);
    c->ssl = NULL;
    return errors_fail(L, "SSL_new", NULL);
  }
  errors_clear();
  SSL_CTX_free(c->context);  /* the SSL holds it */
  c->context = NULL;
  if (c->options.server_side
      && c->policy->hooks & (HOOK_CLIENT_HELLO | HOOK_SERVER_NAMES))
    c->bio.keeps_hello = 1;
  return 0;
}

/* Begins the handshake anew under the context at `context`: all of it is that
** context's then. SSL_set_SSL_CTX would leave groups, tickets, versions and
** the verify mode behind. 0, or 2 with nil and an error, and nothing is
** changed. */
int opening_replay (lua_State *L, Connection *c, int context) {
  SSL *ssl, *old;
  ConnectionOptions own;
  compat_getuservalue(L, 1);
  hold_context(L, c, context);
  lua_rawgeti(L, -2, UV_OPTIONS);
  connection_options(L, &own, context_policy_of(c->context), lua_gettop(L));
  lua_pop(L, 1);
  errors_clear();
  ssl = open_ssl(c, &own);
  if (ssl == NULL) return errors_fail(L, "SSL_new", NULL);
  if (!bio_replay_hello(&c->bio)) {
    SSL_free(ssl);
    return errors_text(L, ERROR_T, "handshake", "memory", "there was no "
                       "memory to keep the ClientHello");
  }
  keep_context(L, context);
  old = c->ssl;
  c->ssl = ssl;
  c->policy = context_policy_of(c->context);
  c->options = own;
  SSL_free(old);
  SSL_CTX_free(c->context);
  c->context = NULL;
  if (c->link != NULL) c->link->tune(c);
  early_data_open(c);  /* without memory it is refused */
  errors_clear();
  return 0;
}
