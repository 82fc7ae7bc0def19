/*
** counters.h -- what a context's connections have done, in numbers. They
** outlive `set`: all policies of one context share them, and so does each
** connection until it ends. All of them are of one Lua state.
*/
#ifndef LUASSL_COUNTERS_H
#define LUASSL_COUNTERS_H

#include "base/compat.h"

typedef struct Counters Counters;

/* How far a connection has been counted. */
typedef enum Stage { UNCOUNTED, BEGUN, SETTLED } Stage;

/* A connection's part. What it has received and sent it counts itself: the
** sum is made when it ends, or when it is asked for. */
typedef struct Counted {
  double received, sent;   /* bytes of application data */
  Counters *counters;      /* a reference while it is alive; or NULL */
  struct Counted *next, **link;  /* in the list of those alive */
  Stage stage;
} Counted;

#pragma GCC visibility push(hidden)

/* NULL without memory. */
Counters *counters_new (void);
Counters *counters_share (Counters *counters);
void counters_free (Counters *counters);

/* A handshake begins, is done, fails (once). `kind` is copied. */
void counters_begin (Counters *counters, Counted *one);
void counters_done (Counted *one, int resumed);
void counters_fail (Counted *one, const char *kind);

/* The connection ends. */
void counters_end (Counted *one);

/* Sets what the connection itself tells; the sum stays as it is. */
void counters_restart (Counted *one, double received, double sent);

/* Pushes the table of numbers. [-0, +1, m] */
void counters_push (lua_State *L, const Counters *counters);

#pragma GCC visibility pop

#endif
