/*
** resumption.c -- which session a connection offers, keeps and tells, and what
** it is bound to.
*/

#include <string.h>

#include <openssl/sha.h>

#include "base/errors.h"
#include "context/options.h"
#include "connection/new_sessions.h"
#include "context/tlsa.h"
#include "connection/ocsp_status.h"
#include "connection/rejudgement.h"
#include "connection/resumption.h"
#include "connection/shared_key.h"
#include "context/session.h"
#include "context/session_cache.h"
#include "base/fd_io.h"

/* ---- a client ---- */

/* OpenSSL got one: before TLS 1.3 at the end of the handshake, when nothing
** is decided yet (resumption_bind comes later), in TLS 1.3 with each ticket.
** With one from behind a certificate that the hook chose the server would know
** this side by it again, with nobody asked. */
static int on_session (SSL *ssl, SSL_SESSION *session) {
  Connection *c = SSL_get_app_data(ssl);
  if (c->established && c->own_choice) return 0;
  SSL_SESSION_free(c->session);
  c->session = session;
  if (c->established) resumption_keep(c);
  return 1;  /* it is ours now */
}

void resumption_set_callbacks (SSL_CTX *ctx) {
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                      SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
}

void resumption_keep (Connection *c) {
  if (c->session != NULL && c->policy->tells_sessions
      && session_has_scope(c->session)) new_sessions_add(c, c->session, 0);
  if (c->session != NULL && c->policy->cache != NULL && c->peer_known)
    session_cache_put(c->policy->cache, c->binding, c->session);
}

/* Before TLS 1.3 OpenSSL tells of no ticket that took the place of the one that
** was resumed: it is in another session, of the same scope. */
static void take_renewed (Connection *c, SSL_SESSION *session) {
  if (session == c->offered || c->session != NULL
      || SSL_version(c->ssl) >= TLS1_3_VERSION) return;
  if (SSL_SESSION_up_ref(session)) c->session = session;
}

void resumption_bind (Connection *c) {
  const Verification *v = &c->verification;
  SSL_SESSION *session = SSL_get_session(c->ssl);
  if (session == NULL || !c->bound || shared_key_used(c)) return;
  if (SSL_session_reused(c->ssl)) {
    take_renewed(c, session);
    return;
  }
  /* With it this side has shown a certificate that the hook chose: it is asked
  ** again, each time. */
  if (c->own_choice) return;
  session_set_scope(session, c->binding,
                    v->code == X509_V_OK ? v->chain : NULL,
                    ocsp_status_until(c));
}

/* A digest of the names of which the peer's certificate must have one, if they
** are given; 0: there is none. Texts are padded with NULs. */
static int add_names (const Connection *c, unsigned char *digest) {
  if (c->names == NULL) return 1;
  return SHA256((const unsigned char *)c->names,
                (size_t)(c->more_names + 1) * sizeof(*c->names), digest)
         != NULL;
}

/* Of the context's digest, the name check, and the peer: its names, or else its
** address, and its port; and its TLSA records. */
static void find_scope (Connection *c) {
  enum { NAMES = DIGEST_SIZE + sizeof(c->name.text),
         RECORDS = NAMES + DIGEST_SIZE, REST = RECORDS + DIGEST_SIZE };
  unsigned char bytes[REST + 5];
  Address peer;
  const char *name = c->name.text;
  memset(bytes, 0, sizeof(bytes));
  memset(&peer, 0, sizeof(peer));
  if (c->link != NULL && c->link->peer(c, &peer) == 0 && name[0] == '\0')
    name = peer.host;
  memcpy(bytes, c->policy->digest, DIGEST_SIZE);
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
  bytes[sizeof(bytes) - 5] = (unsigned char)c->options.tlsa_check_hostname;
  bytes[sizeof(bytes) - 4] = name == peer.host;
  bytes[sizeof(bytes) - 3] = (unsigned char)c->options.check_hostname;
  bytes[sizeof(bytes) - 2] = (unsigned char)(peer.port >> 8);
  bytes[sizeof(bytes) - 1] = (unsigned char)peer.port;
  c->peer_known = name[0] != '\0';
  c->bound = add_names(c, bytes + NAMES)
             && (c->tlsa == NULL || tlsa_digest(c->tlsa, bytes + RECORDS))
             && SHA256(bytes, sizeof(bytes), c->binding) != NULL;
}

void resumption_offer (lua_State *L, Connection *c) {
  SSL_SESSION *session = NULL, *given = NULL;
  find_scope(c);
  if (!c->bound) return;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_OPTIONS);
  if (lua_istable(L, -1)) {
    options_push(L, lua_gettop(L), "session");
    given = session_test(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  if (given != NULL && session_usable(given, c->binding)
      && SSL_SESSION_up_ref(given)) session = given;
  else if (c->policy->cache != NULL && c->peer_known)
    session = session_cache_take(c->policy->cache, c->binding);
  if (session == NULL) return;
  if (rejudgement_allows(c, c->ssl, session) && session_note_offered(session))
    SSL_set_session(c->ssl, session);  /* if it fails, nothing is resumed */
  c->offered = session;
  SSL_SESSION_free(session);
}

/* ---- a server ---- */

int resumption_restrict (SSL *ssl, const Policy *policy, const char *name) {
  unsigned char bytes[DIGEST_SIZE + HOSTNAME_MAX + 1];
  unsigned char id[DIGEST_SIZE];
  size_t size = strlen(name);
  memcpy(bytes, policy->digest, DIGEST_SIZE);
  memcpy(bytes + DIGEST_SIZE, name, size);
  return SHA256(bytes, DIGEST_SIZE + size, id) != NULL
         && SSL_set_session_id_context(ssl, id, sizeof(id));
}

/* ---- methods of a connection, documented among its facts ---- */

int resumption_session (lua_State *L, Connection *c) {
  SSL_SESSION **slot = session_new(L), *session = c->session;
  if (session == NULL && c->ssl != NULL && c->established
      && !c->options.server_side && SSL_version(c->ssl) < TLS1_3_VERSION)
    session = SSL_get_session(c->ssl);  /* the resumed one */
  if (session != NULL && session_has_scope(session)
      && SSL_SESSION_up_ref(session)) {
    *slot = session;
    return 1;
  }
  if (c->closed) return errors_condition(L, "closed");
  lua_pushnil(L);
  return 1;
}

int resumption_reused (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established) lua_pushnil(L);
  else lua_pushboolean(L, SSL_session_reused(c->ssl) && !shared_key_used(c));
  return 1;
}
