/*
** tlsa.h -- TLSA records (RFC 6698): which keys and certificates are a
** server's, by its DNS. The program has them from there; nothing is asked here.
*/
#ifndef LUASSL_TLSA_H
#define LUASSL_TLSA_H

#include <openssl/ssl.h>

#include "base/compat.h"

typedef struct Tlsa Tlsa;

#pragma GCC visibility push(hidden)

/* NULL: it is a list of records, {usage, selector, matching, data}; else what
** is wrong, static, and `*number` says with which, 0: with the list. */
const char *tlsa_problem (lua_State *L, int index, int *number);

/* Room for that many; NULL: no memory. */
Tlsa *tlsa_new (size_t count);

/* Fills it from the list at `index`, which was checked. `ctx` is asked which
** records can be used. 0, or 2 with nil and an error: none can.
** [-0, +0|2, e] */
int tlsa_read (lua_State *L, int index, SSL_CTX *ctx, Tlsa *tlsa);

/* Tells `ssl` those that can be used; `names`: they do not replace the check of
** names either. 0: see the error queue. */
int tlsa_apply (const Tlsa *tlsa, SSL *ssl, int names);

/* 1: each of them tells the server's own key or certificate (usage 3). */
int tlsa_are_keys (const Tlsa *tlsa);

/* Of those that can be used, in whatever order they came; 0: no memory. */
int tlsa_digest (const Tlsa *tlsa, unsigned char *digest);

void tlsa_free (Tlsa *tlsa);

#pragma GCC visibility pop

#endif
