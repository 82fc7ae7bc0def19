/*
** object.h -- SSLObject: TLS over byte strings.
*/
#ifndef LUASSL_OBJECT_H
#define LUASSL_OBJECT_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Registers the type; leaves a table with `methods` and `wrap`, which is
** SSLContext:wrap_object. [-0, +1, m] */
int object_open (lua_State *L);

#pragma GCC visibility pop

#endif
