/*
** session.c -- SSLSession: an SSL_SESSION and its scope.
**
** OpenSSL resumes any session that it is given, with nothing verified again.
** So each one carries a digest of whom it was made with and what was asked of
** them, and is offered only to the same, under the same conditions.
*/

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "context/session.h"
#include "context/context_options.h"
#include "context/used_tickets.h"

/***
What resumes a connection: the value of the option `session`. It comes from
`SSLSocket:session`.
@classmod SSLSession
@group Methods
*/

/* ---- what a session is bound to: shared by a session and its copies ---- */

typedef struct SessionScope {
  int references;
  unsigned char digest[DIGEST_SIZE];
  STACK_OF(X509) *chain;  /* owned: what was verified; NULL: nothing */
  int saved;              /* there may be copies of it elsewhere */
  int64_t expires;        /* the first of its certificates; 0: not known */
  double until;           /* an OCSP response was good; 0: there was none */
} SessionScope;

static void scope_release (SessionScope *s) {
  if (s == NULL || --s->references > 0) return;
  sk_X509_pop_free(s->chain, X509_free);
  OPENSSL_free(s);
}

static void on_session_free (void *session, void *data, CRYPTO_EX_DATA *all,
                             int index, long n, void *p) {
  (void)session;
  (void)all;
  (void)index;
  (void)n;
  (void)p;
  scope_release(data);
}

/* OpenSSL copies a session for each ticket of TLS 1.3. */
static int on_session_copy (CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from,
                            void **data, int index, long n, void *p) {
  SessionScope *s = *data;
  (void)to;
  (void)from;
  (void)index;
  (void)n;
  (void)p;
  if (s != NULL) s->references++;
  return 1;
}

/* The copy is another ticket's. */
static int on_used_copy (CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from,
                         void **data, int index, long n, void *p) {
  (void)to;
  (void)from;
  (void)index;
  (void)n;
  (void)p;
  *data = NULL;
  return 1;
}

/* Two indexes for the process: the module stays in memory (core.c). */
static int scope_index = -1, used_index = -1;
static CRYPTO_ONCE scope_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  used_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, on_used_copy, NULL);
  if (used_index < 0) return;
  scope_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, on_session_copy,
                                             on_session_free);
}

static SessionScope *scope_of (const SSL_SESSION *session) {
  return scope_index < 0 ? NULL : SSL_SESSION_get_ex_data(session, scope_index);
}

/* NULL without memory. */
static SessionScope *add_scope (SSL_SESSION *session, STACK_OF(X509) *chain) {
  SessionScope *s;
  if (!CRYPTO_THREAD_run_once(&scope_once, make_index) || scope_index < 0)
    return NULL;
  s = OPENSSL_zalloc(sizeof(*s));
  if (s == NULL) return NULL;
  s->references = 1;
  if (chain != NULL) s->chain = X509_chain_up_ref(chain);
  if ((chain == NULL || s->chain != NULL)
      && SSL_SESSION_set_ex_data(session, scope_index, s)) return s;
  scope_release(s);
  return NULL;
}

int session_set_scope (SSL_SESSION *session, const unsigned char *digest,
                       STACK_OF(X509) *chain, double until) {
  SessionScope *s = add_scope(session, chain);
  if (s == NULL) return 0;
  memcpy(s->digest, digest, sizeof(s->digest));
  s->until = until;
  return 1;
}

int session_restore (SSL_SESSION *session, STACK_OF(X509) *chain,
                     int64_t expires) {
  SessionScope *s = add_scope(session, chain);
  if (s == NULL) return 0;
  s->expires = expires;
  return 1;
}

/* The time at which a certificate ends, if it is before `first`. */
static int64_t sooner (const X509 *x509, int64_t first) {
  int days = 0, seconds = 0;
  int64_t end;
  if (x509 == NULL) return first;
  if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x509)))
    return 1;  /* none that can be read: long ago */
  end = (int64_t)time(NULL) + (int64_t)days * 86400 + seconds;
  if (end < 1) end = 1;
  return first == 0 || end < first ? end : first;
}

static int64_t first_end (STACK_OF(X509) *chain, int64_t first) {
  int i;
  for (i = 0; i < sk_X509_num(chain); i++)
    first = sooner(sk_X509_value(chain, i), first);
  return first;
}

int64_t session_chain_end (STACK_OF(X509) *chain) {
  return first_end(chain, 0);
}

static int has_expired (SSL_SESSION *session, SessionScope *s, time_t now) {
  if (s->expires == 0)
    s->expires = first_end(s->chain, sooner(SSL_SESSION_get0_peer(session), 0));
  return s->expires != 0 && s->expires <= (int64_t)now;
}

int session_expired (SSL_SESSION *session, const Policy *policy) {
  SessionScope *s = scope_of(session);
  X509 *leaf = SSL_SESSION_get0_peer(session);
  time_t now = policy->timed ? policy->time : time(NULL);
  if (policy->timeless) return 0;
  if (s != NULL) return has_expired(session, s, now);
  return leaf != NULL
         && ASN1_TIME_cmp_time_t(X509_get0_notAfter(leaf), now) <= 0;
}

/* What its OCSP response said is true no more. */
static int is_over (const SessionScope *s, time_t now) {
  return s->until != 0 && s->until <= (double)now;
}

STACK_OF(X509) *session_chain (const SSL_SESSION *session) {
  SessionScope *s = scope_of(session);
  return s != NULL ? s->chain : NULL;
}

int session_has_scope (const SSL_SESSION *session) {
  return scope_of(session) != NULL;
}

int session_same_scope (const SSL_SESSION *session,
                        const unsigned char *digest) {
  const SessionScope *s = scope_of(session);
  return s != NULL && memcmp(s->digest, digest, DIGEST_SIZE) == 0;
}

const unsigned char *session_digest (const SSL_SESSION *session) {
  return scope_of(session)->digest;
}

double session_until (const SSL_SESSION *session) {
  return scope_of(session)->until;
}

/* ---- once is enough ---- */

int session_single_use (const SSL_SESSION *session) {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

void session_note_saved (SSL_SESSION *session) {
  SessionScope *s = scope_of(session);
  if (s != NULL) s->saved = 1;
}

int session_note_offered (SSL_SESSION *session) {
  const SessionScope *s = scope_of(session);
  unsigned int size;
  const unsigned char *id = SSL_SESSION_get_id(session, &size);
  if (!session_single_use(session)) return 1;
  return s != NULL && SSL_SESSION_set_ex_data(session, used_index, session)
         && (!s->saved || used_tickets_add(id, size));
}

/* It, or a copy of it, was offered. */
static int is_used (const SSL_SESSION *session, const SessionScope *s) {
  unsigned int size;
  const unsigned char *id = SSL_SESSION_get_id(session, &size);
  if (!session_single_use(session)) return 0;
  return SSL_SESSION_get_ex_data(session, used_index) != NULL
         || (s->saved && used_tickets_has(id, size));
}

/* time(2) may be a tick behind the clock by which OpenSSL dates a session, and
** so a second. */
int session_usable (SSL_SESSION *session, const unsigned char *digest) {
  long age = (long)(time(NULL) - compat_session_time(session));
  return session_same_scope(session, digest)
         && SSL_SESSION_is_resumable(session)
         && age >= -1 && age < SSL_SESSION_get_timeout(session)
         && !is_over(scope_of(session), time(NULL))
         && !is_used(session, scope_of(session))
         && !has_expired(session, scope_of(session), time(NULL));
}

int session_is_offerable (SSL_SESSION *session) {
  const SessionScope *s = scope_of(session);
  return s != NULL && session_usable(session, s->digest);
}

/* ---- the userdata ---- */

SSL_SESSION **session_new (lua_State *L) {
  SSL_SESSION **slot = lua_newuserdata(L, sizeof(*slot));
  *slot = NULL;
  luaL_getmetatable(L, SESSION_T);
  lua_setmetatable(L, -2);
  return slot;
}

SSL_SESSION *session_test (lua_State *L, int index) {
  SSL_SESSION **slot = compat_testudata(L, index, SESSION_T);
  return slot != NULL ? *slot : NULL;
}

SSL_SESSION *session_check (lua_State *L, int index) {
  SSL_SESSION **slot = compat_checkudata(L, index, SESSION_T);
  if (*slot == NULL) luaL_argerror(L, index, "SSLSession was collected");
  return *slot;
}

/***
What tells it from others: the hash of its ticket, or the id that the server has
given it.
@function id
@treturn string bytes, 32 at most
@source SSL_SESSION_get_id(3); Python 3.6, SSLSession.id
@usage log((session:id():gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
*/
static int session_id (lua_State *L) {
  unsigned int size;
  const unsigned char *id = SSL_SESSION_get_id(session_check(L, 1), &size);
  lua_pushlstring(L, (const char *)id, size);
  return 1;
}

/***
Whether it can still be offered: in time, and in TLS 1.3 once. It has been from
the moment in which a connection begins with it, whatever comes of that.
@function is_resumable
@treturn boolean true: it can
@source SSL_SESSION_is_resumable(3)
@usage if session:is_resumable() then sessions[host] = session end
*/
static int session_is_resumable (lua_State *L) {
  lua_pushboolean(L, session_is_offerable(session_check(L, 1)));
  return 1;
}

/***
How long it can be used from the time it was made: as long as the server says,
and no longer than the OCSP response that it was made with is good (`ocsp`).
@function lifetime
@treturn integer seconds
@source SSL_SESSION_get_timeout(3)
@usage local expires = session:time() + session:lifetime()
*/
static int session_lifetime (lua_State *L) {
  SSL_SESSION *session = session_check(L, 1);
  const SessionScope *s = scope_of(session);
  double seconds = (double)SSL_SESSION_get_timeout(session), rest;
  if (s != NULL && s->until != 0) {
    rest = s->until - (double)compat_session_time(session);
    if (rest < seconds) seconds = rest > 0 ? rest : 0;
  }
  lua_pushinteger(L, (lua_Integer)seconds);
  return 1;
}

/***
How many bytes of early data the server takes with it: see
`SSLSocket:write_early_data`.
@function max_early_data
@treturn integer bytes; 0: none
@source RFC 8446, 4.6.1; SSL_SESSION_get_max_early_data(3)
@usage if #request <= session:max_early_data() then
  conn:write_early_data(request)
end
*/
static int session_max_early_data (lua_State *L) {
  uint32_t n = SSL_SESSION_get_max_early_data(session_check(L, 1));
  lua_pushinteger(L, n < INT_MAX ? (lua_Integer)n : INT_MAX);
  return 1;
}

/***
When it was made.
@function time
@treturn integer seconds since the epoch, as of `os.time`
@source SSL_SESSION_get_time(3); Python 3.6, SSLSession.time
@usage local left = session:time() + session:lifetime() - os.time()
*/
static int session_time (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)compat_session_time(session_check(L, 1)));
  return 1;
}

/***
The protocol version it was made in, the only one it can be used in.
@function version
@treturn string `"TLSv1.3"` ...
@source SSL_SESSION_get_protocol_version(3)
@usage print(session:version())  --> TLSv1.3
*/
static int session_version (lua_State *L) {
  lua_pushstring(L, context_options_version_name(
                      SSL_SESSION_get_protocol_version(session_check(L, 1))));
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
    {"id", session_id},
    {"is_resumable", session_is_resumable},
    {"lifetime", session_lifetime},
    {"max_early_data", session_max_early_data},
    {"time", session_time},
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
