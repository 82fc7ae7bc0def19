/*
** features.h -- what this LuaSSL can with the OpenSSL that runs.
*/
#ifndef LUASSL_FEATURES_H
#define LUASSL_FEATURES_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* features(): a new table of booleans by name, for features.lua; raises
** without memory. */
int features_find (lua_State *L);

#pragma GCC visibility pop

#endif
