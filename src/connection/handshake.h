/*
** handshake.h -- the handshake, step by step.
*/
#ifndef LUASSL_HANDSHAKE_H
#define LUASSL_HANDSHAKE_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Waits for an engine that computes elsewhere, or a moment; 0: the time is up,
** 1: try again. */
int handshake_await_engine (SSL *ssl, double deadline);

/* Adds the primitive `step` of hooks.lua to the table at the top.
** [-0, +0, m] */
void handshake_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
