/*
** sslobject.h -- SSLObject: TLS over byte strings.
*/
#ifndef LUASSL_SSLOBJECT_H
#define LUASSL_SSLOBJECT_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Registers the type; leaves a table with `methods` and `wrap`, which is
** SSLContext:wrap_object. [-0, +1, m] */
int sslobject_open (lua_State *L);

#pragma GCC visibility pop

#endif
