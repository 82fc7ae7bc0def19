/*
** alpn.h -- application protocols, RFC 7301.
*/
#ifndef LUASSL_ALPN_H
#define LUASSL_ALPN_H

#include "settings.h"

typedef struct Protocols Protocols;

#pragma GCC visibility push(hidden)

/* Makes `ctx` offer, or choose among, the option alpn_protocols: `*protocols`
** is the caller's to free once `ctx` is. 0: pushed nil and an error.
** [-0, +0|2, m] */
int alpn_apply (lua_State *L, SSL_CTX *ctx, int options, const Settings *s,
                Protocols **protocols);

void alpn_free (Protocols *protocols);

#pragma GCC visibility pop

#endif
