/*
** limits.h -- what a peer may make us spend on messages without data.
*/
#ifndef LUASSL_LIMITS_H
#define LUASSL_LIMITS_H

#include "connection/connection.h"

#define LIMITS_BURST 256  /* messages behind the handshake, and alerts */
#define LIMITS_RATE 64    /* more of them each second */

#pragma GCC visibility push(hidden)

/* Counts one; above the budget the queue lets nothing more through. */
void limits_count (Connection *c);

/* Counts what comes from now on: the handshake is over. Alerts are counted by
** who hears of them. */
void limits_watch (SSL *ssl);

/* nil and the SSLError of a peer above its budget. [-0, +2, m] */
int limits_push_flood (lua_State *L, const Connection *c,
                       const char *operation);

#pragma GCC visibility pop

#endif
