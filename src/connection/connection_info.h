/*
** connection_info.h -- what a connection knows.
*/
#ifndef LUASSL_CONNECTION_INFO_H
#define LUASSL_CONNECTION_INFO_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void connection_info_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
