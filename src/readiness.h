/*
** readiness.h -- waiting for many descriptors, whatever their numbers.
*/
#ifndef LUASSL_READINESS_H
#define LUASSL_READINESS_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* wait(fds, events, timeout): the primitive of poll.lua. */
int readiness_wait (lua_State *L);

#pragma GCC visibility pop

#endif
