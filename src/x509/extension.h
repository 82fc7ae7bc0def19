/*
** extension.h -- a certificate's extensions, decoded.
*/
#ifndef LUASSL_EXTENSION_H
#define LUASSL_EXTENSION_H

#include <openssl/x509v3.h>

#include "base/compat.h"
#include "x509/scratch.h"

typedef enum Found {
  EXTENSION_DOUBLED = -2,    /* RFC 5280, 4.2 forbids that: neither counts */
  EXTENSION_MALFORMED = -1,
  EXTENSION_ABSENT = 0,
  EXTENSION_FOUND = 1
} Found;

#pragma GCC visibility push(hidden)

/* Decodes the extension into `s->value`. [-0, +0, m] */
Found extension_decode (lua_State *L, Scratch *s, const X509 *x509, int nid,
                        void (*free_value) (void *));

/* What a method answers without one: nil, or nil and an error about `what`,
** "key usage". The number of values. [-0, +1|2, m] */
int extension_fail (lua_State *L, Found found, const char *operation,
                    const char *what);

/* To free GENERAL_NAMES with. */
void extension_free_names (void *names);

#pragma GCC visibility pop

#endif
