/*
** channel_binding.h -- what only the two ends of one connection know of it.
*/
#ifndef LUASSL_CHANNEL_BINDING_H
#define LUASSL_CHANNEL_BINDING_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* A server is about to make a ticket (SSL_CTX_set_session_ticket_cb(3)). */
int channel_binding_on_ticket (SSL *ssl, void *unused);

/* The handshake is done: what of it cannot be asked for later. */
void channel_binding_note (Connection *c);

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void channel_binding_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
