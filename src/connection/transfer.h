/*
** transfer.h -- reading and writing application data.
*/
#ifndef LUASSL_TRANSFER_H
#define LUASSL_TRANSFER_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

Outcome transfer_fill (Connection *c);
Outcome transfer_flush (Connection *c);

/* nil and an error of an outcome behind which not all was sent. [-0, +2, m] */
int transfer_push_unsent (lua_State *L, Connection *c, Outcome outcome,
                          const char *operation, int native);

/* Adds what streams need to the table at the top. [-0, +0, m] */
void transfer_primitives (lua_State *L);

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void transfer_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
