/*
** context.h -- SSLContext: an SSL_CTX and the policy of its connections.
*/
#ifndef LUASSL_CONTEXT_H
#define LUASSL_CONTEXT_H

#include "context/policy.h"

#define CONTEXT_T "luassl.SSLContext"

#pragma GCC visibility push(hidden)

/* The SSL_CTX of now of the context at `index`; anything else raises.
** Borrowed: `set` puts another in its place. */
SSL_CTX *context_check (lua_State *L, int index);

/* Registers the type; leaves a table with `new` (SSLContext(opts)) and
** `methods`, the method table itself. [-0, +1, m] */
int context_open (lua_State *L);

#pragma GCC visibility pop

#endif
