/*
** session.c -- SSLSession: what resumes a connection, bound to all that was
** checked when it was made.
**
** OpenSSL resumes any session that it is given, with nothing verified again.
** So each one carries a digest of whom it was made with and what was asked of
** them, and is offered only to the same, under the same conditions.
*/

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/sha.h>

#include "errors.h"
#include "options.h"
#include "session.h"
#include "settings.h"

#define CACHE_MAX 256   /* sessions in a context */
#define PER_PEER_MAX 4  /* of them for one peer */

/***
What resumes a connection: see the option `session`.
@classmod SSLSession
*/

/* ---- what a session is bound to: shared by a session and its copies ---- */

typedef struct Bound {
  int references;
  unsigned char digest[DIGEST_SIZE];
  STACK_OF(X509) *chain;  /* owned: what was verified; NULL: nothing */
  time_t expires;         /* the first of its certificates; 0: not known */
} Bound;

static void bound_release (Bound *b) {
  if (b == NULL || --b->references > 0) return;
  sk_X509_pop_free(b->chain, X509_free);
  OPENSSL_free(b);
}

static void on_session_free (void *session, void *data, CRYPTO_EX_DATA *all,
                             int index, long n, void *p) {
  (void)session;
  (void)all;
  (void)index;
  (void)n;
  (void)p;
  bound_release(data);
}

/* OpenSSL copies a session for each ticket of TLS 1.3. */
static int on_session_copy (CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from,
                            void **data, int index, long n, void *p) {
  Bound *b = *data;
  (void)to;
  (void)from;
  (void)index;
  (void)n;
  (void)p;
  if (b != NULL) b->references++;
  return 1;
}

/* One index for the process: the module stays in memory (core.c). */
static int bound_index = -1;
static CRYPTO_ONCE bound_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  bound_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, on_session_copy,
                                             on_session_free);
}

static Bound *bound_of (const SSL_SESSION *session) {
  return bound_index < 0 ? NULL : SSL_SESSION_get_ex_data(session, bound_index);
}

void session_bind (Connection *c) {
  const Verification *v = &c->verification;
  STACK_OF(X509) *chain = v->code == X509_V_OK ? v->chain : NULL;
  SSL_SESSION *session = SSL_get_session(c->ssl);
  Bound *b;
  if (session == NULL || SSL_session_reused(c->ssl) || !c->bound) return;
  /* With it this side has shown a certificate that the hook chose: it is asked
  ** again, each time. */
  if (c->own_choice) return;
  if (!CRYPTO_THREAD_run_once(&bound_once, make_index) || bound_index < 0)
    return;  /* unbound: never offered */
  b = OPENSSL_zalloc(sizeof(*b));
  if (b == NULL) return;
  b->references = 1;
  memcpy(b->digest, c->binding, sizeof(b->digest));
  if (chain != NULL) b->chain = X509_chain_up_ref(chain);
  if ((chain != NULL && b->chain == NULL)
      || !SSL_SESSION_set_ex_data(session, bound_index, b)) bound_release(b);
}

/* The time at which a certificate ends, if it is before `first`. */
static time_t sooner (const X509 *x509, time_t first) {
  int days = 0, seconds = 0;
  time_t end;
  if (x509 == NULL) return first;
  if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x509)))
    return 1;  /* none that can be read: long ago */
  end = time(NULL) + (time_t)days * 86400 + seconds;
  if (end < 1) end = 1;
  return first == 0 || end < first ? end : first;
}

static int has_expired (SSL_SESSION *session, Bound *b) {
  int i;
  if (b->expires == 0) {
    b->expires = sooner(SSL_SESSION_get0_peer(session), 0);
    for (i = 0; i < sk_X509_num(b->chain); i++)
      b->expires = sooner(sk_X509_value(b->chain, i), b->expires);
  }
  return b->expires != 0 && b->expires <= time(NULL);
}

int session_expired (const Connection *c) {
  SSL_SESSION *session = SSL_get_session(c->ssl);
  Bound *b = bound_of(session);
  X509 *leaf = SSL_SESSION_get0_peer(session);
  if (b != NULL) return has_expired(session, b);
  return leaf != NULL
         && ASN1_TIME_cmp_time_t(X509_get0_notAfter(leaf), time(NULL)) <= 0;
}

STACK_OF(X509) *session_chain (const Connection *c) {
  Bound *b = bound_of(SSL_get_session(c->ssl));
  return b != NULL ? b->chain : NULL;
}

/* ---- may it be offered? ---- */

/* time(2) may be a tick behind the clock by which OpenSSL dates a session, and
** so a second. */
static int is_fit (SSL_SESSION *session, const unsigned char *binding) {
  Bound *b = bound_of(session);
  long age = (long)(time(NULL) - compat_session_time(session));
  return b != NULL && memcmp(b->digest, binding, DIGEST_SIZE) == 0
         && SSL_SESSION_is_resumable(session)
         && age >= -1 && age < SSL_SESSION_get_timeout(session)
         && !has_expired(session, b);
}

/* ---- a context's sessions, last used first ---- */

struct SessionCache {
  int count;
  SSL_SESSION *sessions[CACHE_MAX];  /* owned */
};

SessionCache *session_cache_new (void) {
  return OPENSSL_zalloc(sizeof(SessionCache));
}

static SSL_SESSION *cache_remove (SessionCache *cache, int i) {
  SSL_SESSION *session = cache->sessions[i];
  cache->count--;
  memmove(&cache->sessions[i], &cache->sessions[i + 1],
          (size_t)(cache->count - i) * sizeof(session));
  return session;
}

void session_cache_free (SessionCache *cache) {
  if (cache == NULL) return;
  while (cache->count > 0)
    SSL_SESSION_free(cache_remove(cache, cache->count - 1));
  OPENSSL_free(cache);
}

static int is_for (SSL_SESSION *session, const unsigned char *binding) {
  const Bound *b = bound_of(session);
  return b != NULL && memcmp(b->digest, binding, DIGEST_SIZE) == 0;
}

/* RFC 8446, C.4: a ticket is used once; before TLS 1.3 one session serves. */
static int is_single_use (const SSL_SESSION *session) {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static void cache_insert (SessionCache *cache, SSL_SESSION *session) {
  if (cache->count == CACHE_MAX)
    SSL_SESSION_free(cache_remove(cache, CACHE_MAX - 1));
  memmove(&cache->sessions[1], &cache->sessions[0],
          (size_t)cache->count * sizeof(session));
  cache->sessions[0] = session;
  cache->count++;
}

static void cache_put (SessionCache *cache, const unsigned char *binding,
                       SSL_SESSION *session) {
  int i, same = 0, most = is_single_use(session) ? PER_PEER_MAX : 1;
  if (!is_for(session, binding) || !SSL_SESSION_up_ref(session)) return;
  for (i = 0; i < cache->count; i++)
    if (is_for(cache->sessions[i], binding) && ++same >= most)
      SSL_SESSION_free(cache_remove(cache, i--));
  cache_insert(cache, session);
}

/* The newest that is fit, the caller's; NULL: none. */
static SSL_SESSION *cache_take (SessionCache *cache,
                                const unsigned char *binding) {
  int i = 0;
  while (i < cache->count) {
    SSL_SESSION *session = cache->sessions[i];
    if (!is_for(session, binding)) i++;
    else if (!is_fit(session, binding))
      SSL_SESSION_free(cache_remove(cache, i));
    else {
      cache_remove(cache, i);
      if (is_single_use(session)) return session;
      if (SSL_SESSION_up_ref(session)) cache_insert(cache, session);
      return session;  /* if not, it is used for the last time */
    }
  }
  return NULL;
}

/* ---- a connection's session ---- */

/* OpenSSL got one: before TLS 1.3 at the end of the handshake, when nothing
** is decided yet (session_bind comes later), in TLS 1.3 with each ticket. */
static int on_session (SSL *ssl, SSL_SESSION *session) {
  Connection *c = SSL_get_app_data(ssl);
  SSL_SESSION_free(c->session);
  c->session = session;
  if (c->established && c->policy.cache != NULL)
    cache_put(c->policy.cache, c->binding, session);
  return 1;  /* it is ours now */
}

void session_watch (SSL_CTX *ctx) {
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                      SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
}

void session_keep (Connection *c) {
  if (c->session != NULL && c->policy.cache != NULL)
    cache_put(c->policy.cache, c->binding, c->session);
}

/* Of the context's digest, the name check, and the peer: its name, or else its
** address, and its port. */
static void bind_connection (Connection *c) {
  unsigned char bytes[DIGEST_SIZE + sizeof(c->name.text) + 4];
  Name peer;
  const char *name = c->name.text;
  memset(bytes, 0, sizeof(bytes));
  memset(&peer, 0, sizeof(peer));
  if (c->link != NULL && c->link->peer(c, &peer) == 0 && name[0] == '\0')
    name = peer.host;
  memcpy(bytes, c->policy.digest, DIGEST_SIZE);
  memcpy(bytes + DIGEST_SIZE, name, strlen(name));
  bytes[sizeof(bytes) - 4] = name == peer.host;
  bytes[sizeof(bytes) - 3] = (unsigned char)c->policy.check_hostname;
  bytes[sizeof(bytes) - 2] = (unsigned char)(peer.port >> 8);
  bytes[sizeof(bytes) - 1] = (unsigned char)peer.port;
  c->bound = SHA256(bytes, sizeof(bytes), c->binding) != NULL;
}

static SSL_SESSION **push_empty (lua_State *L) {
  SSL_SESSION **slot = lua_newuserdata(L, sizeof(*slot));
  *slot = NULL;
  luaL_getmetatable(L, SESSION_T);
  lua_setmetatable(L, -2);
  return slot;
}

static SSL_SESSION *check (lua_State *L, int index) {
  SSL_SESSION **slot = compat_checkudata(L, index, SESSION_T);
  if (*slot == NULL) luaL_argerror(L, index, "SSLSession was collected");
  return *slot;
}

void session_offer (lua_State *L, Connection *c) {
  SSL_SESSION *session = NULL, **given = NULL;
  bind_connection(c);
  if (!c->bound) return;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_OPTIONS);
  if (lua_istable(L, -1)) {
    options_push(L, lua_gettop(L), "session");
    given = compat_testudata(L, -1, SESSION_T);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  if (given != NULL && *given != NULL && is_fit(*given, c->binding)
      && SSL_SESSION_up_ref(*given)) session = *given;
  else if (c->policy.cache != NULL)
    session = cache_take(c->policy.cache, c->binding);
  if (session == NULL) return;
  SSL_set_session(c->ssl, session);  /* if it fails, nothing is resumed */
  SSL_SESSION_free(session);
}

int session_restrict (SSL *ssl, const Policy *policy, const char *name) {
  unsigned char bytes[DIGEST_SIZE + HOSTNAME_MAX + 1];
  unsigned char id[DIGEST_SIZE];
  size_t size = strlen(name);
  memcpy(bytes, policy->digest, DIGEST_SIZE);
  memcpy(bytes + DIGEST_SIZE, name, size);
  return SHA256(bytes, DIGEST_SIZE + size, id) != NULL
         && SSL_set_session_id_context(ssl, id, sizeof(id));
}

/* ---- a server's tickets ---- */

/* Sent behind the handshake they meet clients that never read: one that sends
** its data and closes answers them with a reset, and its kernel throws away
** what had not left. So they go with the server's first data, which the client
** has to read anyway. RFC 8446, 4.6.1 allows them at any time. */
void session_prepare (SSL *ssl, Connection *c, const Policy *policy) {
  if (!policy->server_side) return;
  c->tickets = SSL_get_num_tickets(ssl);
  SSL_set_num_tickets(ssl, 0);
}

/* One is enough for a client that has used one up. */
void session_count_tickets (Connection *c) {
  if (SSL_version(c->ssl) < TLS1_3_VERSION) c->tickets = 0;
  else if (SSL_session_reused(c->ssl) && c->tickets > 1) c->tickets = 1;
}

int session_issue_tickets (Connection *c) {
  int any = c->tickets > 0;
  for (; c->tickets > 0; c->tickets--)
    if (!SSL_new_session_ticket(c->ssl)) errors_clear();
  return any;
}

/* ---- methods of a connection, documented among its facts ---- */

int session_get (lua_State *L, Connection *c) {
  SSL_SESSION **slot = push_empty(L), *session = c->session;
  if (session == NULL && c->ssl != NULL && c->established
      && !c->policy.server_side && SSL_version(c->ssl) < TLS1_3_VERSION)
    session = SSL_get_session(c->ssl);  /* the resumed one */
  if (session != NULL && bound_of(session) != NULL
      && SSL_SESSION_up_ref(session)) {
    *slot = session;
    return 1;
  }
  if (c->closed) return errors_condition(L, "closed");
  lua_pushnil(L);
  return 1;
}

int session_reused (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established) lua_pushnil(L);
  else lua_pushboolean(L, SSL_session_reused(c->ssl));
  return 1;
}

/* ---- SSLSession ---- */

/***
Whether it can still be offered: TLS 1.3's tickets serve once.
@function is_resumable
@treturn boolean
@source SSL_SESSION_is_resumable(3)
*/
static int session_is_resumable (lua_State *L) {
  SSL_SESSION *session = check(L, 1);
  const Bound *b = bound_of(session);
  lua_pushboolean(L, b != NULL && is_fit(session, b->digest));
  return 1;
}

/***
How long it can be used from the time it was made.
@function lifetime
@treturn integer seconds
@source SSL_SESSION_get_timeout(3)
*/
static int session_lifetime (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)SSL_SESSION_get_timeout(check(L, 1)));
  return 1;
}

/***
The protocol version it was made in, the only one it can be used in.
@function version
@treturn string `"TLSv1.3"` ...
@source SSL_SESSION_get_protocol_version(3)
*/
static int session_version (lua_State *L) {
  lua_pushstring(L, settings_version_name(
                      SSL_SESSION_get_protocol_version(check(L, 1))));
  return 1;
}

static int session_gc (lua_State *L) {
  SSL_SESSION **slot = compat_checkudata(L, 1, SESSION_T);
  SSL_SESSION *session = *slot;
  *slot = NULL;
  SSL_SESSION_free(session);
  return 0;
}

static int session_tostring (lua_State *L) {
  lua_pushfstring(L, "%s: %p", compat_typename(SESSION_T),
                  compat_checkudata(L, 1, SESSION_T));
  return 1;
}

void session_open (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"is_resumable", session_is_resumable},
    {"lifetime", session_lifetime},
    {"version", session_version},
    {NULL, NULL}
  };
  static const luaL_Reg metamethods[] = {
    {"__gc", session_gc},
    {"__tostring", session_tostring},
    {NULL, NULL}
  };
  compat_newtype(L, SESSION_T);
  compat_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  compat_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
}
