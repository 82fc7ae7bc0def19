/*
** certificate_key.h -- the public key in a certificate.
*/
#ifndef LUASSL_CERTIFICATE_KEY_H
#define LUASSL_CERTIFICATE_KEY_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

extern const luaL_Reg certificate_key_methods[];

#pragma GCC visibility pop

#endif
