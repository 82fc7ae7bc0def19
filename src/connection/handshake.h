/*
** handshake.h -- the handshake, step by step.
*/
#ifndef LUASSL_HANDSHAKE_H
#define LUASSL_HANDSHAKE_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Adds the primitive `step` of hooks.lua to the table at the top.
** [-0, +0, m] */
void handshake_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
