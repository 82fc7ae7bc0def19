/*
** chain_verification.h -- a chain judged without a connection.
*/
#ifndef LUASSL_CHAIN_VERIFICATION_H
#define LUASSL_CHAIN_VERIFICATION_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* verify, for Lua. */
int chain_verification_verify (lua_State *L);

#pragma GCC visibility pop

#endif
