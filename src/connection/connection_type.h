/*
** connection_type.h -- what makes a userdata type one of connections.
*/
#ifndef LUASSL_CONNECTION_TYPE_H
#define LUASSL_CONNECTION_TYPE_H

#include "connection/method_prologue.h"

#pragma GCC visibility push(hidden)

/* Makes a type of connections with these methods and all that both types
** have. Leaves its method table. [-0, +1, m] */
void connection_type_open (lua_State *L, const char *name,
                           const Method *methods, const Method *metamethods);

#pragma GCC visibility pop

#endif
