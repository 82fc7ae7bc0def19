/*
** post_handshake.h -- what a connection does with messages behind the
** handshake: where OpenSSL stops at one, so that Lua may decide, and where it
** cannot write before one has come whole.
*/
#ifndef LUASSL_POST_HANDSHAKE_H
#define LUASSL_POST_HANDSHAKE_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Before application data is read, where a decision is awaited or a request is
** under way: DONE, or why nothing can be read now. */
Outcome post_handshake_read (Connection *c);

/* Reads a message that has arrived in part to its end: DONE, or why nothing can
** be written now. */
Outcome post_handshake_settle (Connection *c);

/* A step for a method that was answered ASK: asks Lua, or passes its answer on.
** True: the method is to try again. [-0, +1..HOOKS_ASKED, m] */
int post_handshake_step (lua_State *L, Connection *c, int native);

#pragma GCC visibility pop

#endif
