/*
** pins.h -- public keys that a peer's chain must hold one of.
*/
#ifndef LUASSL_PINS_H
#define LUASSL_PINS_H

#include <openssl/x509.h>

#include "base/compat.h"

typedef struct Pins Pins;

#pragma GCC visibility push(hidden)

/* Makes `*pins`, owned by the caller, from the option `pins`, a list of
** strings; NULL if it is absent. 0: pushed nil and an error. [-0, +0|2, e] */
int pins_read (lua_State *L, int options, Pins **pins);

/* 1: one of the chain's public keys is pinned. */
int pins_match (const Pins *pins, const STACK_OF(X509) *chain);

/* 1: this one is. */
int pins_match_key (const Pins *pins, const EVP_PKEY *key);

/* The bytes of all of them. */
const unsigned char *pins_bytes (const Pins *pins, size_t *size);

void pins_free (Pins *pins);

#pragma GCC visibility pop

#endif
