/*
** context.h -- SSLContext: an SSL_CTX and the policy of its connections.
*/
#ifndef LUASSL_CONTEXT_H
#define LUASSL_CONTEXT_H

#include <openssl/ssl.h>

#include "compat.h"

#define CONTEXT_T "luassl.SSLContext"

enum { CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED };

/* Policy.hooks: who decides in a handshake besides OpenSSL. */
enum {
  HOOK_CLIENT_HELLO = 1,
  HOOK_CERTIFICATE = 2,
  HOOK_VERIFY = 4,
  HOOK_SERVER_NAMES = 8
};

#define DIGEST_SIZE 32  /* SHA-256; SSL_MAX_SID_CTX_LENGTH too */

struct Pins;
struct Protocols;
struct SessionCache;

/* What OpenSSL has no place for. */
typedef struct Policy {
  int server_side;
  int cert_reqs;             /* CERT_* */
  int check_hostname;
  int suppress_ragged_eofs;
  int nodelay;
  double handshake_timeout;  /* seconds */
  double linger;             /* seconds */
  int hooks;                 /* HOOK_* */
  int unread;                /* errno of the system's bundle, 0: it was read */
  const struct Protocols *protocols;  /* borrowed from the SSL_CTX; or NULL */
  const struct Pins *pins;            /* the same; NULL: none */
  struct SessionCache *cache;         /* the same; NULL: not kept */
  unsigned char digest[DIGEST_SIZE];  /* of all that sessions depend on */
} Policy;

#pragma GCC visibility push(hidden)

/* The context at `index`; anything else raises. Borrowed: lives as long as
** the userdata. `policy` is filled. */
SSL_CTX *context_check (lua_State *L, int index, Policy *policy);

/* Whether OpenSSL has to verify the peer, for cert_reqs, pins or a hook; a
** server asks for a certificate then. */
int context_verifies (const Policy *policy);

/* A connection was made: from now on `set` is refused. */
void context_used (lua_State *L, int index);

/* Registers the type; leaves a table with `new` (SSLContext(opts)) and
** `methods`, the method table itself. [-0, +1, m] */
int context_open (lua_State *L);

#pragma GCC visibility pop

#endif
