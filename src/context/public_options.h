/*
** public_options.h -- options of a context as they may be told.
*/
#ifndef LUASSL_PUBLIC_OPTIONS_H
#define LUASSL_PUBLIC_OPTIONS_H

#include "context/options.h"

#pragma GCC visibility push(hidden)

/* Pushes the option's value, above what else it needs; raises for what is
** secret. The table at `options` must be a copy that the caller may have.
** [-0, +?, e] */
void public_options_push (lua_State *L, int options, const Option *o);

#pragma GCC visibility pop

#endif
