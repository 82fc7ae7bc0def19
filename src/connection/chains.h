/*
** chains.h -- the certificates of a connection as facts: what the peer sent,
** what was verified of it and what was found wrong, and what this side showed.
*/
#ifndef LUASSL_CHAINS_H
#define LUASSL_CHAINS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* The peer's certificate, the refused one too, borrowed; or NULL. */
X509 *chains_leaf (const Connection *c);

/* Pushes a list of what was found wrong, a table each. [-0, +1, m] */
void chains_push_faults (lua_State *L, const Faults *faults);

/* The TLSA record that was matched in `v`, if its verdict is good, and where in
** the chain: 2 values, or 0 and none. [-0, +0|2, m] */
int chains_push_match (lua_State *L, const Connection *c,
                       const Verification *v);

/* Adds the methods to a type. [-0, +0, m] */
void chains_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
