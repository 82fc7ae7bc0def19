/*
** sslsocket.h -- SSLSocket: TLS over the descriptor of a LuaSocket object.
*/
#ifndef LUASSL_SSLSOCKET_H
#define LUASSL_SSLSOCKET_H

#include "connection/method_prologue.h"

typedef struct Socket {
  Connection connection;  /* first: shared methods see only this */
  int fd;                 /* owned; -1 before `attach` and after close */
  int bare;               /* FD_CONNECTED, FD_LISTENS: no LuaSocket object
                          ** was there; else 0 */
  double block, total;    /* seconds, below 0: no limit */
  double birthday;
} Socket;

#pragma GCC visibility push(hidden)

/* A new connection of that type at the top, with the object (or nil) at index 2
** and the options at index 3; the context is at index 1. [-0, +1, m] */
Socket *sslsocket_push (lua_State *L, const char *type);

/* What all types over a Socket have, and the primitives of their Lua files. */
extern const Method sslsocket_methods[], sslsocket_primitives[];
int sslsocket_close (lua_State *L, Connection *c);
int sslsocket_end_scope (lua_State *L, Connection *c);

/* From here on it owns `fd`, which carries the connection. */
void sslsocket_carry (Socket *s, int fd);

/* Registers the type; leaves a table with `methods` and the primitives of
** socket.lua: wrap, open, attach, finish, detach. [-0, +1, m] */
int sslsocket_open (lua_State *L);

#pragma GCC visibility pop

#endif
