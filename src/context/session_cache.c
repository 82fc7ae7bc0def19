/*
** session_cache.c -- a client context's sessions, last used first.
*/

#include <string.h>

#include "context/session.h"
#include "context/session_cache.h"

#define CACHE_MAX 256   /* sessions in a context */
#define PER_PEER_MAX 4  /* of them for one peer */

struct SessionCache {
  int references;
  int count;
  SSL_SESSION *sessions[CACHE_MAX];  /* owned */
};

SessionCache *session_cache_new (void) {
  SessionCache *cache = OPENSSL_zalloc(sizeof(*cache));
  if (cache != NULL) cache->references = 1;
  return cache;
}

SessionCache *session_cache_share (SessionCache *cache) {
  cache->references++;
  return cache;
}

static SSL_SESSION *cache_remove (SessionCache *cache, int i) {
  SSL_SESSION *session = cache->sessions[i];
  cache->count--;
  memmove(&cache->sessions[i], &cache->sessions[i + 1],
          (size_t)(cache->count - i) * sizeof(session));
  return session;
}

void session_cache_free (SessionCache *cache) {
  if (cache == NULL || --cache->references > 0) return;
  while (cache->count > 0)
    SSL_SESSION_free(cache_remove(cache, cache->count - 1));
  OPENSSL_free(cache);
}

static void cache_insert (SessionCache *cache, SSL_SESSION *session) {
  if (cache->count == CACHE_MAX)
    SSL_SESSION_free(cache_remove(cache, CACHE_MAX - 1));
  memmove(&cache->sessions[1], &cache->sessions[0],
          (size_t)cache->count * sizeof(session));
  cache->sessions[0] = session;
  cache->count++;
}

void session_cache_put (SessionCache *cache, const unsigned char *digest,
                        SSL_SESSION *session) {
  int i, same = 0, most = session_single_use(session) ? PER_PEER_MAX : 1;
  if (!session_same_scope(session, digest) || !SSL_SESSION_up_ref(session))
    return;
  for (i = 0; i < cache->count; i++)
    if (session_same_scope(cache->sessions[i], digest) && ++same >= most)
      SSL_SESSION_free(cache_remove(cache, i--));
  cache_insert(cache, session);
}

SSL_SESSION *session_cache_take (SessionCache *cache,
                                 const unsigned char *digest) {
  int i = 0;
  while (i < cache->count) {
    SSL_SESSION *session = cache->sessions[i];
    if (!session_same_scope(session, digest)) i++;
    else if (!session_usable(session, digest))
      SSL_SESSION_free(cache_remove(cache, i));
    else {
      cache_remove(cache, i);
      if (session_single_use(session)) return session;
      if (SSL_SESSION_up_ref(session)) cache_insert(cache, session);
      return session;  /* if not, it is used for the last time */
    }
  }
  return NULL;
}
