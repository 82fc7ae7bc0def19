/*
** renewal.c -- what a context keeps when `set` or `reload` renews it: the keys
** of a server's tickets, and sessions. What they are bound to decides who may
** resume them (session_binding.c).
*/

#include <string.h>

#include <openssl/lhash.h>

#include "context/counters.h"
#include "context/renewal.h"
#include "context/session_cache.h"

#define TICKET_KEYS 80  /* bytes: OpenSSL's name, HMAC key and AES key */

static int carry_ticket_keys (SSL_CTX *from, SSL_CTX *to) {
  unsigned char keys[TICKET_KEYS];
  int done = SSL_CTX_get_tlsext_ticket_keys(from, keys, sizeof(keys))
             && SSL_CTX_set_tlsext_ticket_keys(to, keys, sizeof(keys));
  OPENSSL_cleanse(keys, sizeof(keys));
  return done;
}

/* One session of a client without tickets. A session is in one cache at a
** time, so that the other gets a copy; without memory it gets none. */
static void on_session (void *session, void *to) {
  SSL_SESSION *copy = SSL_SESSION_dup(session);
  if (copy == NULL) return;
  SSL_SESSION_set_max_early_data(copy, 0);  /* that serves once: there */
  SSL_CTX_add_session(to, copy);
  SSL_SESSION_free(copy);
}

static void carry_sessions (SSL_CTX *from, SSL_CTX *to) {
  OPENSSL_LHASH *sessions = (OPENSSL_LHASH *)SSL_CTX_sessions(from);
  if (sessions != NULL) OPENSSL_LH_doall_arg(sessions, on_session, to);
}

int renewal_carry_over (SSL_CTX *from, const Policy *old, SSL_CTX *to,
                        Policy *fresh) {
  counters_free(fresh->counters);
  fresh->counters = counters_share(old->counters);
  if (old->cache != NULL && fresh->cache != NULL) {
    session_cache_free(fresh->cache);
    fresh->cache = session_cache_share(old->cache);
  }
  if (!old->defaults.server_side) return 1;
  /* Whatever session_id_context says: who was let in before has to be judged
  ** by those who are trusted now. */
  if (memcmp(old->trust, fresh->trust, DIGEST_SIZE) != 0) return 1;
  if (memcmp(old->digest, fresh->digest, DIGEST_SIZE) == 0)
    carry_sessions(from, to);
  return carry_ticket_keys(from, to);
}
