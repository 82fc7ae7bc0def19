/*
** trace.h -- what OpenSSL's error queue held, and what that says by itself.
*/
#ifndef LUASSL_TRACE_H
#define LUASSL_TRACE_H

#include <stddef.h>

#define TRACE_MAX 16      /* OpenSSL's queue holds no more */
#define COMPLAINT_MAX 96  /* of an entry's extra text */
#define REASON_MAX 128    /* of the system's reasons */

/* One entry of OpenSSL's queue. */
typedef struct Complaint {
  unsigned long code;
  char data[COMPLAINT_MAX];
} Complaint;

/* Oldest first. */
typedef struct Trace {
  Complaint entries[TRACE_MAX];
  int count;
} Trace;

#pragma GCC visibility push(hidden)

/* Empties OpenSSL's queue into `trace`. */
void trace_take (Trace *trace);

/* Adds an errno as OpenSSL's queue has them; its index. */
int trace_add_system (Trace *trace, int code);

/* The newest entry that fits, -1: none; 0: any library, any reason that is
** no mere pointer to an older entry. */
int trace_find (const Trace *trace, int library, int reason);

/* What an errno means, as strerror(3), which threads share, tells it. */
const char *trace_system_reason (int code, char *room);

/* What an entry complains of; `room`, REASON_MAX, is for the system's. */
const char *trace_reason (const Complaint *entry, char *room);

/* The entry that says most, -1: none; its kind and a text for users, static,
** NULL: OpenSSL's own words do. */
int trace_explain (const Trace *trace, const char **kind, const char **text);

#pragma GCC visibility pop

#endif
