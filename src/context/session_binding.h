/*
** session_binding.h -- a digest of all that a context asks of a peer and shows
** it: sessions live within it.
*/
#ifndef LUASSL_SESSION_BINDING_H
#define LUASSL_SESSION_BINDING_H

#include "context/context_options.h"

#pragma GCC visibility push(hidden)

/* Fills policy->digest for a context that is built; 0: pushed nil and an
** error. [-0, +0|2, m] */
int session_binding_make (lua_State *L, SSL_CTX *ctx, int options,
                          const Settings *settings, Policy *policy);

#pragma GCC visibility pop

#endif
