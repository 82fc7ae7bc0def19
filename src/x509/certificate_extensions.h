/*
** certificate_extensions.h -- what a certificate says besides names and key.
*/
#ifndef LUASSL_CERTIFICATE_EXTENSIONS_H
#define LUASSL_CERTIFICATE_EXTENSIONS_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

extern const luaL_Reg certificate_extensions_methods[];

#pragma GCC visibility pop

#endif
