/*
** poll.h -- waiting for many descriptors, whatever their numbers.
*/
#ifndef LUASSL_POLL_H
#define LUASSL_POLL_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* wait(fds, events, timeout): the primitive of poll.lua. */
int poll_wait (lua_State *L);

#pragma GCC visibility pop

#endif
