/*
** luasec_words.h -- what a connection under LuaSec's names answers.
*/
#ifndef LUASSL_LUASEC_WORDS_H
#define LUASSL_LUASEC_WORDS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Makes LuaSec's string of the error at the top; "timeout" becomes what the
** connection waits for. [-1, +1, m] */
void luasec_words_error (lua_State *L, const Connection *c);

/* The same for the second of the `n` results at the top, where the first one
** is nil or false. Returns `n`. */
int luasec_words_results (lua_State *L, const Connection *c, int n);

#pragma GCC visibility pop

#endif
