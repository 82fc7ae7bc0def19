/*
** outcome.h -- what a method answers for an outcome that is none.
*/
#ifndef LUASSL_OUTCOME_H
#define LUASSL_OUTCOME_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* nil and the condition or failure of an outcome that is not DONE; `native`
** methods tell at timeout 0 what they wait for. [-0, +2, m] */
int outcome_push (lua_State *L, Connection *c, Outcome outcome,
                  const char *operation, int native);

/* nil and why TLS is over. [-0, +2, m] */
int outcome_push_failure (lua_State *L, Connection *c, const char *operation);

/* nil and what the transport failed with. [-0, +2, m] */
int outcome_push_broken (lua_State *L, Connection *c, const char *operation);

/* Makes the error at the top, above a nil, this connection's for good. */
int outcome_keep_failure (lua_State *L, Connection *c);

#pragma GCC visibility pop

#endif
