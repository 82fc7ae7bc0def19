/*
** context_build.h -- what a context's options make of its SSL_CTX and its
** policy.
*/
#ifndef LUASSL_CONTEXT_BUILD_H
#define LUASSL_CONTEXT_BUILD_H

#include "context/context_options.h"

/* The userdata. */
typedef struct Context {
  SSL_CTX *ctx;    /* owned; NULL: not built yet, or collected */
  Policy *policy;  /* the SSL_CTX's */
} Context;

#pragma GCC visibility push(hidden)

/* 1; or 0, with nil and an error at the top, and what there is so far in `c`. */
int context_build (lua_State *L, Context *c, int options, const Settings *s);

#pragma GCC visibility pop

#endif
