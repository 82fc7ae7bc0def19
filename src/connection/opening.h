/*
** opening.h -- how a connection gets its context, its name and its SSL.
*/
#ifndef LUASSL_OPENING_H
#define LUASSL_OPENING_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* The new connection at the top, its table of uservalues filled but for what
** the context at index 1 brings, gets its policy and its name, and goes to
** index 1: the stack then. 0, or 2 with nil and an error; misuse raises, and a
** name that is missing though it is `connected`. */
int opening_wrap (lua_State *L, Connection *c, int options, int connected);

/* 0, or 2 with nil and an error: there is no name to look for in the peer's
** certificate. */
int opening_lacks_name (lua_State *L, const Connection *c);

/* Makes the SSL of the connection at index 1: 0, or 2 with nil and an
** error. From here on `c` must not move. */
int opening_start (lua_State *L, Connection *c);

/* Begins the handshake anew under the context at `context`: 0, or 2 with nil
** and an error, and nothing is changed. */
int opening_replay (lua_State *L, Connection *c, int context);

#pragma GCC visibility pop

#endif
