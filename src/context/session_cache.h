/*
** session_cache.h -- a client context's sessions, by their scope.
*/
#ifndef LUASSL_SESSION_CACHE_H
#define LUASSL_SESSION_CACHE_H

#include <openssl/ssl.h>

typedef struct SessionCache SessionCache;

#pragma GCC visibility push(hidden)

/* NULL without memory. */
SessionCache *session_cache_new (void);
/* One more owner; each frees it. */
SessionCache *session_cache_share (SessionCache *cache);
void session_cache_free (SessionCache *cache);

/* Keeps one more, if it is of that scope. */
void session_cache_put (SessionCache *cache, const unsigned char *digest,
                        SSL_SESSION *session);

/* The newest that is usable in that scope, the caller's; NULL: none. */
SSL_SESSION *session_cache_take (SessionCache *cache,
                                 const unsigned char *digest);

#pragma GCC visibility pop

#endif
