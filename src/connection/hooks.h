/*
** hooks.h -- decisions that Lua takes in a handshake, between two calls into
** OpenSSL.
*/
#ifndef LUASSL_HOOKS_H
#define LUASSL_HOOKS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Asks Lua for what the handshake has stopped for: nil, a mark, the hook's
** name, the hook, and what it is called with: the connection as the program
** holds it, and facts. 0: a finalizer has closed the connection.
** [-0, +HOOKS_ASKED, m] */
#define HOOKS_ASKED 6
int hooks_ask (lua_State *L, Connection *c);

/* A ClientHello has come, and no Lua is to be asked about it (any more): the
** option server_names chooses. 0, or 2 with nil and an error. */
int hooks_choose_by_name (lua_State *L, Connection *c);

/* What a handshake answers whose hook has not answered yet: nil, a mark, the
** coroutine in which it runs, its name, and the condition for other
** coroutines' calls. [-0, +5, m] */
int hooks_push_busy (lua_State *L, Connection *c, int native);

/* Refuses; the values at the top of the stack are kept as what the handshake
** answers. [-1, +0, m] */
void hooks_refuse (lua_State *L, Connection *c, int alert);

/* What runs a hook inside OpenSSL's call: a C function for the stack. */
int hooks_run (lua_State *L);

/* The primitives for hooks.lua, into the table at the top. */
void hooks_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
