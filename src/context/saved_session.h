/*
** saved_session.h -- SSLSessions as bytes, for another process.
*/
#ifndef LUASSL_SAVED_SESSION_H
#define LUASSL_SAVED_SESSION_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Adds the method `save` to SSLSession, which is registered. [-0, +0, m] */
void saved_session_open (lua_State *L);

/* load_session(bytes, key) */
int saved_session_load (lua_State *L);

#pragma GCC visibility pop

#endif
