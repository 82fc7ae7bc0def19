/*
** alpn.h -- application protocols, RFC 7301.
*/
#ifndef LUASSL_ALPN_H
#define LUASSL_ALPN_H

#include "context/context_options.h"

typedef struct Protocols Protocols;

#pragma GCC visibility push(hidden)

/* Makes `*protocols` of the option alpn_protocols, the caller's to free once
** `ctx` is, and a client's `ctx` offer them. 0: pushed nil and an error.
** [-0, +0|2, m] */
int alpn_apply (lua_State *L, SSL_CTX *ctx, int options, const Settings *s,
                Protocols **protocols);

/* Whether one, after its length, is in a list of such. */
int alpn_is_offered (const unsigned char *wanted, const unsigned char *list,
                     unsigned int size);

/* A server chooses the first of its own that the client offers; as
** SSL_CTX_set_alpn_select_cb(3). NULL: it has none. */
int alpn_select (const Protocols *ours, const unsigned char **selected,
                 unsigned char *length, const unsigned char *offered,
                 unsigned int size);

void alpn_free (Protocols *protocols);

#pragma GCC visibility pop

#endif
