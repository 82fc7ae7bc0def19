/*
** hook_args.h -- what a hook is told.
*/
#ifndef LUASSL_HOOK_ARGS_H
#define LUASSL_HOOK_ARGS_H

#include "connection/connection.h"
#include "connection/client_hello.h"

#pragma GCC visibility push(hidden)

/* Pushes the facts for the hook that the handshake stops for. [-0, +1, m] */
void hook_args_push (lua_State *L, Connection *c);

#pragma GCC visibility pop

#endif
