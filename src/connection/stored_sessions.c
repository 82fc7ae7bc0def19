/*
** stored_sessions.c -- a server's sessions that the program keeps elsewhere.
**
** OpenSSL cannot wait for one: so it is fetched before OpenSSL asks, at the
** ClientHello.
*/

#include <string.h>

#include "base/errors.h"
#include "connection/decision.h"
#include "connection/new_sessions.h"
#include "connection/stored_sessions.h"
#include "connection/tickets.h"
#include "context/stored_form.h"

/***
@page Hooks
@group Hooks
*/

/***
Asked on a server for a session that the program keeps: when the ClientHello is
there and what `on_client_hello` and `server_names` decide is decided. It runs as
`on_client_hello` does, and may yield. With it, `put_session` and `remove_session`
the server has neither tickets nor sessions of its own.
@function get_session
@tparam SSLSocket|SSLObject connection what the program holds
@tparam string id 32 bytes
@treturn[1] string what `put_session` was given with this id. What was altered, is
another session's or under a ticket key that the context does not have is as good
as nothing
@treturn[2] nil there is none, or the store does not answer: a full handshake
follows
@raise ends the handshake with the very value
@source SSL_CTX_sess_set_get_cb(3); RFC 8446, 4.2.11
@usage get_session = function(conn, id) return redis:get("session:" .. id) end
*/

/***
Given a server's new session, to keep: a client has its id. It is called when the
method in which the session was made is done, before that returns; it cannot yield.
Several servers need the same ticket keys: `SSLContext:set_ticket_keys`.
@function put_session
@tparam SSLSocket|SSLObject connection what the program holds
@tparam string id 32 bytes
@tparam string bytes the session, encrypted under the first ticket key
@tparam integer lifetime seconds after which it is of no use
@treturn nil
@raise ends the connection with the very value
@source SSL_CTX_sess_set_new_cb(3)
@usage put_session = function(conn, id, bytes, lifetime)
  redis:setex("session:" .. id, lifetime, bytes)
end
*/

/***
Told that a server's session has come to its end: in TLS 1.3 when it was resumed,
before when its connection has ended by a fatal alert. It is called as
`put_session` is.
@function remove_session
@tparam SSLSocket|SSLObject connection what the program holds
@tparam string id 32 bytes
@treturn nil
@raise ends the connection with the very value
@source RFC 5246, 7.2; SSL_CTX_sess_set_remove_cb(3)
@usage remove_session = function(conn, id) redis:del("session:" .. id) end
*/

/* ---- which one the client has ---- */

/* RFC 8446, 4.2.1 */
static int offers_tls13 (SSL *ssl) {
  const unsigned char *p;
  size_t size, i;
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &p,
                                 &size)) return 0;
  for (i = 1; i + 1 < size; i += 2)
    if (p[i] == 3 && p[i + 1] == 4) return 1;
  return 0;
}

static int speaks_tls13 (SSL *ssl) {
  int maximum = (int)SSL_get_max_proto_version(ssl);
  return maximum == 0 || maximum >= TLS1_3_VERSION;
}

/* RFC 8446, 4.2.11: the first identity. */
static const unsigned char *find_identity (SSL *ssl) {
  const unsigned char *p;
  size_t size;
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &p, &size)
      || size < 4 + SESSION_ID_SIZE) return NULL;
  return p[2] == 0 && p[3] == SESSION_ID_SIZE ? p + 4 : NULL;
}

/* The id of a ClientHello of TLS 1.3 is of no session. */
static const unsigned char *find_id (SSL *ssl) {
  const unsigned char *id;
  if (speaks_tls13(ssl) && offers_tls13(ssl)) return find_identity(ssl);
  return SSL_client_hello_get0_session_id(ssl, &id) == SESSION_ID_SIZE
         ? id : NULL;
}

int stored_sessions_ask (SSL *ssl, Connection *c) {
  const unsigned char *id;
  if (!c->policy->stores || c->choice.sought) return 0;
  id = find_id(ssl);
  if (id == NULL) return 0;
  memcpy(c->choice.id, id, SESSION_ID_SIZE);
  decision_stop(c, AT_SESSION);
  return 1;
}

/* ---- what the store has ---- */

void stored_sessions_take (Connection *c, const unsigned char *bytes,
                           size_t size) {
  SSL_SESSION *session;
  errors_clear();
  session = stored_form_read(c->policy->ticket_keys, c->choice.id, bytes, size);
  if (session != NULL && !tickets_is_good(c, c->ssl, session)) {
    SSL_SESSION_free(session);
    session = NULL;
  }
  SSL_SESSION_free(c->choice.stored);
  c->choice.stored = session;
  errors_clear();
}

/* OpenSSL asks for it; after a second ClientHello once more. */
static SSL_SESSION *on_get (SSL *ssl, const unsigned char *id, int size,
                            int *copy) {
  const Connection *c = SSL_get_app_data(ssl);
  *copy = 1;
  if (size != SESSION_ID_SIZE || c->choice.stored == NULL
      || memcmp(id, c->choice.id, SESSION_ID_SIZE) != 0) return NULL;
  return c->choice.stored;
}

static int on_new (SSL *ssl, SSL_SESSION *session) {
  new_sessions_add(SSL_get_app_data(ssl), session, 0);
  return 0;  /* OpenSSL's reference stays its own */
}

void stored_sessions_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  if (!policy->stores) return;
  SSL_CTX_sess_set_new_cb(ctx, on_new);
  SSL_CTX_sess_set_get_cb(ctx, on_get);
}

/* ---- what becomes of it ---- */

void stored_sessions_free (Connection *c) {
  SSL_SESSION_free(c->choice.stored);
  c->choice.stored = NULL;
}

void stored_sessions_settle (Connection *c) {
  if (c->choice.stored != NULL && SSL_session_reused(c->ssl)
      && SSL_version(c->ssl) >= TLS1_3_VERSION)
    new_sessions_add(c, c->choice.stored, 1);
  stored_sessions_free(c);
}

void stored_sessions_spoil (SSL *ssl, Connection *c) {
  SSL_SESSION *session = SSL_get_session(ssl);
  if (c->policy->stores && c->established && session != NULL
      && SSL_version(ssl) < TLS1_3_VERSION) new_sessions_add(c, session, 1);
}
