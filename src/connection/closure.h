/*
** closure.h -- the end of TLS: close_notify in one direction and in both.
*/
#ifndef LUASSL_CLOSURE_H
#define LUASSL_CLOSURE_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Says close_notify, once; 0 if it cannot be said, the connection has failed
** then and the reason may be in the error queue. */
int closure_send_close_notify (Connection *c);

/* Says close_notify and sends what waits, without waiting: 0 if bytes that
** counted as sent did not leave, `*error` says why, 0: no room. */
int closure_end (Connection *c, int *error);

/* Ends TLS in both directions: the bytes that came behind the peer's
** close_notify, or nil and an error; METHOD_UNREADY: a hook comes first.
** [-0, +1|2, m] */
int closure_unwrap (lua_State *L, Connection *c);

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void closure_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
