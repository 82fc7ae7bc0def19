/*
** brief.h -- what a hook is told.
*/
#ifndef LUASSL_BRIEF_H
#define LUASSL_BRIEF_H

#include "connection.h"
#include "hello.h"

#pragma GCC visibility push(hidden)

/* Pushes the facts for the hook that the handshake stops for. [-0, +1, m] */
void brief_push (lua_State *L, const Connection *c);

#pragma GCC visibility pop

#endif
