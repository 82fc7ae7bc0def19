/*
** random.h -- RAND_status, RAND_add, RAND_egd, RAND_bytes.
*/
#ifndef LUASSL_RANDOM_H
#define LUASSL_RANDOM_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Leaves a table of the four functions. [-0, +1, m] */
int random_open (lua_State *L);

#pragma GCC visibility pop

#endif
