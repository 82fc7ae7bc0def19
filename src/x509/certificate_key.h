/*
** certificate_key.h -- the public key in a certificate.
*/
#ifndef LUASSL_CERTIFICATE_KEY_H
#define LUASSL_CERTIFICATE_KEY_H

#include <openssl/evp.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

extern const luaL_Reg certificate_key_methods[];

/* Pushes the key's SubjectPublicKeyInfo, in DER or PEM. [-0, +1, m] */
void certificate_key_push (lua_State *L, const EVP_PKEY *key, int pem);

#pragma GCC visibility pop

#endif
