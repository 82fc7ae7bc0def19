/*
** handshake.h -- the handshake, step by step.
*/
#ifndef LUASSL_HANDSHAKE_H
#define LUASSL_HANDSHAKE_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Before its first step: 0, or what the handshake answers without one. */
int handshake_begin (lua_State *L, Connection *c);

/* Adds the primitive `step` of hooks.lua to the table at the top.
** [-0, +0, m] */
void handshake_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
