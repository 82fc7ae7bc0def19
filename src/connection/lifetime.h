/*
** lifetime.h -- how a connection ends and what frees it.
*/
#ifndef LUASSL_LIFETIME_H
#define LUASSL_LIFETIME_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Frees all but what is queued to be sent. */
void lifetime_release (Connection *c);

/* Ends the connection as `close` does, without waiting. */
void lifetime_close (lua_State *L, Connection *c);

/* detach(self): an SSLSocket's method. */
int lifetime_detach (lua_State *L, Connection *c);

/* __gc of both types. */
int lifetime_gc (lua_State *L);

#pragma GCC visibility pop

#endif
