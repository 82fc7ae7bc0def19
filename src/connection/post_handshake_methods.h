/*
** post_handshake_methods.h -- what a program sends behind the handshake.
*/
#ifndef LUASSL_POST_HANDSHAKE_METHODS_H
#define LUASSL_POST_HANDSHAKE_METHODS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void post_handshake_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
