/*
** luasec_context.h -- a context under LuaSec's names: settings, and the
** SSLContext that was made of them.
*/
#ifndef LUASSL_LUASEC_CONTEXT_H
#define LUASSL_LUASEC_CONTEXT_H

#include "base/compat.h"

#define LUASEC_CONTEXT_T "luassl.LuaSecContext"

#pragma GCC visibility push(hidden)

/* Registers the type; adds new_context, settings and context_methods to the
** table at the top. [-0, +0, m] */
void luasec_context_open (lua_State *L);

#pragma GCC visibility pop

#endif
