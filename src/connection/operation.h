/*
** operation.h -- an operation of Lua's part.
*/
#ifndef LUASSL_OPERATION_H
#define LUASSL_OPERATION_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Adds what hooks.lua needs to the table at the top. [-0, +0, m] */
void operation_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
