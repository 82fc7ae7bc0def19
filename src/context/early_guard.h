/*
** early_guard.h -- which sessions may bring early data to a server.
*/
#ifndef LUASSL_EARLY_GUARD_H
#define LUASSL_EARLY_GUARD_H

#include "context/context_options.h"

typedef struct EarlyGuard EarlyGuard;

#pragma GCC visibility push(hidden)

/* Raises where single use cannot be kept. */
void early_guard_check (lua_State *L, int options, const Settings *s);

/* nil and an error: each server with shared ticket keys would take the same early
** data once more. [-0, +2, m] */
int early_guard_refuse (lua_State *L, const char *operation);

/* Has the context's connections take `most` bytes early: 1, and a guard to be
** freed; NULL: none, as `most` is 0. 0: see the error queue. */
int early_guard_apply (SSL_CTX *ctx, int most, EarlyGuard **guard);
void early_guard_free (EarlyGuard *guard);

/* 1: the session was made for it, by this process. */
int early_guard_allows (EarlyGuard *guard, const SSL_SESSION *session);

#pragma GCC visibility pop

#endif
