/*
** method_prologue.h -- how every call on a connection begins and ends. One
** call at a time works on a connection: what a finalizer calls in the middle
** of it is refused, or put off if it is `close`.
*/
#ifndef LUASSL_METHOD_PROLOGUE_H
#define LUASSL_METHOD_PROLOGUE_H

#include "connection/connection.h"

/* What becomes of a call in the middle of another one. */
typedef enum Rule {
  CHANGES,  /* changes nothing then: nil and an SSLError of kind "state" */
  TELLS,    /* facts and settings: done all the same */
  CLOSES,   /* 1, and takes effect when the other one leaves */
  ANSWERS   /* done if it is a hook's that runs inside OpenSSL */
} Rule;

/* A method that runs the handshake first. */
typedef struct First {
  int results;  /* how many, the third by `push_partial` */
  int goes_on;  /* index of the argument that says that it has been run */
  int native;   /* at timeout 0 it tells what it waits for */
  void (*push_partial) (lua_State *L);
} First;

/* A call of Lua's on the connection at index 1. */
typedef struct Method {
  const char *name;
  int (*run) (lua_State *L, Connection *c);  /* results, or METHOD_UNREADY */
  Rule rule;
  const First *first;  /* NULL: it does not */
} Method;

/* What `run` answers when there is no TLS to work on: the handshake comes
** first, or the connection is closed or has failed; and when a hook comes
** first, which decides about a message behind the handshake. */
#define METHOD_UNREADY (-1)

#pragma GCC visibility push(hidden)

/* Adds methods to the table at the top. `metatable` is the index of that of
** their type, 0: of either; `shared` that of what the type's connections
** share, 0: nothing. The list ends with a NULL name. [-0, +0, m] */
void method_add (lua_State *L, const Method *methods, int metatable,
                 int shared);

/* The methods in the table at the top, all of them of method_add, answer in
** LuaSec's words from now on. [-0, +0, m] */
void method_speak_luasec (lua_State *L);

/* Pushes what the connections of one type share. [-0, +1, m] */
void method_push_shared (lua_State *L);

/* 1 if a call works on the connection: `L` is in a finalizer of its. */
int method_is_running (lua_State *L, Connection *c);

/* `c` ends, and its memory may. */
void method_leave (Connection *c);

/* What hooks.lua puts behind the arguments of a call that goes on. */
void method_push_pending (lua_State *L);
int method_goes_on (lua_State *L, int index);

#pragma GCC visibility pop

#endif
