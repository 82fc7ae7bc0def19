/*
** entry.h -- how the methods that carry application data begin: which
** connection, whether its handshake comes first, and whose buffers stay.
*/
#ifndef LUASSL_ENTRY_H
#define LUASSL_ENTRY_H

#include "connection.h"

/* A method that runs the handshake first, then starts again: the index of
** the argument that says so, and its results. */
typedef struct First {
  lua_CFunction method;
  int index;
  int results;
  int native;  /* at timeout 0 it tells what it waits for */
} First;

#pragma GCC visibility push(hidden)

/* The connection at index 1. Methods with upvalues of entry_upvalues. */
Connection *entry_check (lua_State *L);

/* 0, or why there is no TLS to work on: nil and the reason; the method puts
** its third result on them and returns what entry_first returns. */
int entry_unready (lua_State *L, Connection *c, const First *first);
int entry_first (lua_State *L, const First *first);

/* Pushes the second upvalue of the methods; the metatable is the first. */
void entry_push_shared (lua_State *L);

#pragma GCC visibility pop

#endif
