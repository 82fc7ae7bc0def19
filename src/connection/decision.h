/*
** decision.h -- a stop at which Lua decides.
*/
#ifndef LUASSL_DECISION_H
#define LUASSL_DECISION_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* OpenSSL has to stop until Lua has decided. */
void decision_stop (Connection *c, Point point);

/* What was decided goes where OpenSSL's callbacks look for it. */
void decision_settle (Connection *c);

/* Nobody is asked any more: lets go of the coroutine in which a hook ran. */
void decision_forget (lua_State *L, Connection *c);

/* Runs a hook inside OpenSSL's call, where it cannot be suspended. */
void decision_run_inside (Connection *c, Point point);

#pragma GCC visibility pop

#endif
