/*
** brief.h -- what a hook is told.
*/
#ifndef LUASSL_BRIEF_H
#define LUASSL_BRIEF_H

#include "connection.h"
#include "hello.h"

/* What is read while Lua allocates, and a finalizer may close the connection
** meanwhile. All owned; NULL: there is none. */
typedef struct Hold {
  SSL *ssl;
  Hello *hello;
  STACK_OF(X509) *chain;
} Hold;

#pragma GCC visibility push(hidden)

/* Pushes a userdata that shares what the connection has; `ssl` is NULL if it
** is closed. Raises when something that there is cannot be had. [-0, +1, m] */
Hold *hold_push (lua_State *L, Connection *c);
void hold_clear (Hold *hold);

/* Pushes the facts for the hook that the handshake stops for. [-0, +1, m] */
void brief_push (lua_State *L, Connection *c);

/* Registers the type. [-0, +0, m] */
void brief_open (lua_State *L);

#pragma GCC visibility pop

#endif
