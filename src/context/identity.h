/*
** identity.h -- who this side is: certificates with their keys and chains.
*/
#ifndef LUASSL_IDENTITY_H
#define LUASSL_IDENTITY_H

#include <openssl/ssl.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Gives `ctx` the certificates, chains and private keys of the options; without
** them it does nothing. A function as password is called. `options` is the
** index of a table that nobody else can change, with its types checked; what
** warnings are made of goes into it. What fails pushes nil and an error and
** returns 0. [-0, +?, e] */
int identity_use (lua_State *L, SSL_CTX *ctx, int options);

/* Pushes the list of what identity_use has taken, a userdata of type Material
** (pem.h) each, with certificates alone in it; nil: nothing. [-0, +1, m] */
void identity_push_taken (lua_State *L, int options);

/* Gives `ssl` all certificates of `ctx`, and no others; 0: see the error
** queue. */
int identity_hand_over (SSL_CTX *ctx, SSL *ssl);

/* How many `ctx` has. */
int identity_count (SSL_CTX *ctx);

/* A client's connection is asked for a certificate: makes the one that the
** server can verify the current one, where OpenSSL does not. */
void identity_choose (SSL *ssl);

#pragma GCC visibility pop

#endif
