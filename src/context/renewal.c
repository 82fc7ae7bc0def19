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
#include "context/ticket_keys.h"

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

/* Ticket keys pass on whatever has changed: what sessions are bound to tells
** those apart that may be resumed. */
int renewal_carry_over (SSL_CTX *from, const Policy *old, SSL_CTX *to,
                        Policy *fresh) {
  counters_free(fresh->counters);
  fresh->counters = counters_share(old->counters);
  if (old->cache != NULL && fresh->cache != NULL) {
    session_cache_free(fresh->cache);
    fresh->cache = session_cache_share(old->cache);
  }
  if (!old->defaults.server_side) return 1;
  ticket_keys_free(fresh->ticket_keys);
  fresh->ticket_keys = ticket_keys_share(old->ticket_keys);
  if (memcmp(old->digest, fresh->digest, DIGEST_SIZE) == 0)
    carry_sessions(from, to);
  return ticket_keys_install(to, fresh->ticket_keys);
}
