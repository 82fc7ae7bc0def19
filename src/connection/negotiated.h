/*
** negotiated.h -- what both sides of a handshake agreed on.
*/
#ifndef LUASSL_NEGOTIATED_H
#define LUASSL_NEGOTIATED_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Pushes the name, or nil, of an established connection: [-0, +1, m] */
void negotiated_push_compression (lua_State *L, Connection *c);
void negotiated_push_group (lua_State *L, Connection *c);
void negotiated_push_signature (lua_State *L, Connection *c, int own);

/* Pushes the list, nil on a client. [-0, +1, m] */
void negotiated_push_shared_ciphers (lua_State *L, Connection *c);

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void negotiated_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
