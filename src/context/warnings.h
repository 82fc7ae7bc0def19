/*
** warnings.h -- what looks wrong with the certificates of a context, though
** it can be used.
*/
#ifndef LUASSL_WARNINGS_H
#define LUASSL_WARNINGS_H

#include <openssl/ssl.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Pushes a list of tables with `kind`, `option`, `file` and `text`; or nil and
** an error. Their number. [-0, +1|2, m] */
int warnings_push (lua_State *L, SSL_CTX *ctx, int options,
                   int server_side);

#pragma GCC visibility pop

#endif
