/*
** certificate_signature.h -- who signed a certificate, and its digests.
*/
#ifndef LUASSL_CERTIFICATE_SIGNATURE_H
#define LUASSL_CERTIFICATE_SIGNATURE_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

extern const luaL_Reg certificate_signature_methods[];

#pragma GCC visibility pop

#endif
