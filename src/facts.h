/*
** facts.h -- what a connection knows.
*/
#ifndef LUASSL_FACTS_H
#define LUASSL_FACTS_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Adds the shared methods to the table at the top; see entry_add.
** [-0, +0, m] */
void facts_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
