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

/* What a connection may have otherwise than its context. */
typedef struct ConnectionOptions {
  int server_side;           /* this one not */
  int check_hostname;
  int suppress_ragged_eofs;
  int nodelay;
  double handshake_timeout;  /* seconds */
  double linger;             /* seconds */
} ConnectionOptions;

/* What OpenSSL has no place for. It belongs to the SSL_CTX, lives as long, and
** does not change once that has left its constructor. */
typedef struct Policy {
  ConnectionOptions defaults;
  int cert_reqs;                  /* CERT_* */
  int hooks;                      /* HOOK_* */
  int unread;                     /* errno of the system's bundle, 0: read */
  struct Protocols *protocols;    /* owned; or NULL */
  struct Pins *pins;              /* owned; NULL: none */
  struct SessionCache *cache;     /* a reference; NULL: not kept */
  unsigned char digest[DIGEST_SIZE];  /* of all that sessions depend on */
} Policy;

#pragma GCC visibility push(hidden)

/* The SSL_CTX of now of the context at `index`; anything else raises.
** Borrowed: `set` puts another in its place. */
SSL_CTX *context_check (lua_State *L, int index);

/* Borrowed from the SSL_CTX. */
const Policy *context_policy (const SSL_CTX *ctx);

/* Whether OpenSSL has to verify the peer, for cert_reqs, pins or a hook; a
** server asks for a certificate then. */
int context_verifies (const Policy *policy);

/* Registers the type; leaves a table with `new` (SSLContext(opts)) and
** `methods`, the method table itself. [-0, +1, m] */
int context_open (lua_State *L);

#pragma GCC visibility pop

#endif
