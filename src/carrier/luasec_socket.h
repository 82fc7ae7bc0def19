/*
** luasec_socket.h -- a connection over a descriptor under LuaSec's names.
*/
#ifndef LUASSL_LUASEC_SOCKET_H
#define LUASSL_LUASEC_SOCKET_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Registers the type; leaves a table with `methods` and the primitives of
** luasec_connection.lua. [-0, +1, m] */
void luasec_socket_open (lua_State *L);

#pragma GCC visibility pop

#endif
