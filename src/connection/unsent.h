/*
** unsent.h -- what was encrypted before its sender was told that it has left.
*/
#ifndef LUASSL_UNSENT_H
#define LUASSL_UNSENT_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Bytes `first` to `end` of the text, the string at index 2, are to be sent:
** from where on they are still to be encrypted. */
size_t unsent_match (lua_State *L, Connection *c, const char *text,
                     size_t first, size_t end);

/* Records are encrypted from here on; what was kept has left. */
void unsent_begin (lua_State *L, Connection *c, size_t position);

/* One more has been, up to `position`. */
void unsent_mark (Connection *c, size_t position);

/* That send ends: up to where its bytes have left. Unless all have, the text
** is kept for the next one to be compared with. */
size_t unsent_tell (lua_State *L, Connection *c, size_t first, size_t end,
                    int all);

#pragma GCC visibility pop

#endif
