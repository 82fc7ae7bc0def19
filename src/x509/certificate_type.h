/*
** certificate_type.h -- the type Certificate, with all its methods.
*/
#ifndef LUASSL_CERTIFICATE_TYPE_H
#define LUASSL_CERTIFICATE_TYPE_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Registers the type; leaves a table with `methods`. [-0, +1, m] */
int certificate_type_open (lua_State *L);

#pragma GCC visibility pop

#endif
