/*
** new_sessions.h -- sessions that a client has got, for the option on_session,
** and those that a server has made, or has done with, for put_session and
** remove_session.
*/
#ifndef LUASSL_NEW_SESSIONS_H
#define LUASSL_NEW_SESSIONS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* From inside of OpenSSL, without Lua: one more, for when the call is over. The
** newest are told, up to eight; one for which there is no memory is not. */
void new_sessions_add (Connection *c, SSL_SESSION *session, int removed);

/* Hands what waits to the function, under pcall. 0; or 1, with nil and what it
** raised in the place of the call's results. [-results, +2, m] */
int new_sessions_deliver (lua_State *L, Connection *c, int results);

void new_sessions_free (Connection *c);

#pragma GCC visibility pop

#endif
