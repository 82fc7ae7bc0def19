/*
** sslsocket.h -- SSLSocket: TLS over the descriptor of a LuaSocket object.
*/
#ifndef LUASSL_SSLSOCKET_H
#define LUASSL_SSLSOCKET_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Registers the type; leaves a table with `methods` and the primitives of
** socket.lua: wrap, open, attach, finish, detach. [-0, +1, m] */
int sslsocket_open (lua_State *L);

#pragma GCC visibility pop

#endif
