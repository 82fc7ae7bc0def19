/*
** counters.c -- what a context's connections have done, in numbers.
*/

#include <stdio.h>
#include <string.h>

#include "context/counters.h"

#define KINDS 32      /* that are told apart; what comes later is "other" */
#define KIND_ROOM 32  /* bytes, with the NUL */

struct Counters {
  int references;
  double begun, done, resumed;
  double received, sent;  /* by those that have ended */
  Counted *alive;
  int kinds;
  struct {
    char name[KIND_ROOM];
    double count;
  } failed[KINDS];
};

Counters *counters_new (void) {
  Counters *counters = OPENSSL_zalloc(sizeof(*counters));
  if (counters != NULL) counters->references = 1;
  return counters;
}

Counters *counters_share (Counters *counters) {
  if (counters != NULL) counters->references++;
  return counters;
}

void counters_free (Counters *counters) {
  if (counters != NULL && --counters->references == 0) OPENSSL_free(counters);
}

void counters_begin (Counters *counters, Counted *one) {
  if (counters == NULL || one->stage != UNCOUNTED) return;
  one->stage = BEGUN;
  one->counters = counters_share(counters);
  one->link = &counters->alive;
  one->next = counters->alive;
  if (one->next != NULL) one->next->link = &one->next;
  counters->alive = one;
  counters->begun++;
}

void counters_done (Counted *one, int resumed) {
  if (one->stage != BEGUN) return;
  one->stage = SETTLED;
  one->counters->done++;
  if (resumed) one->counters->resumed++;
}

/* The index of the kind's count. */
static int find_kind (Counters *counters, const char *kind) {
  int i;
  for (i = 0; i < counters->kinds; i++)
    if (strcmp(counters->failed[i].name, kind) == 0) return i;
  if (i == KINDS) return KINDS - 1;
  if (i == KINDS - 1 || strlen(kind) >= KIND_ROOM) kind = "other";
  snprintf(counters->failed[i].name, KIND_ROOM, "%s", kind);
  counters->kinds++;
  return i;
}

void counters_fail (Counted *one, const char *kind) {
  if (one->stage != BEGUN) return;
  one->stage = SETTLED;
  one->counters->failed[find_kind(one->counters, kind)].count++;
}

void counters_end (Counted *one) {
  Counters *counters = one->counters;
  if (counters == NULL) return;
  counters_fail(one, "abandoned");
  counters->received += one->received;
  counters->sent += one->sent;
  *one->link = one->next;
  if (one->next != NULL) one->next->link = one->link;
  one->counters = NULL;
  counters_free(counters);
}

void counters_restart (Counted *one, double received, double sent) {
  if (one->counters != NULL) {
    one->counters->received += one->received - received;
    one->counters->sent += one->sent - sent;
  }
  one->received = received;
  one->sent = sent;
}

static void set_count (lua_State *L, const char *name, double count) {
  if (sizeof(lua_Integer) >= 8) lua_pushinteger(L, (lua_Integer)count);
  else lua_pushnumber(L, (lua_Number)count);
  lua_setfield(L, -2, name);
}

void counters_push (lua_State *L, const Counters *counters) {
  double received, sent, alive = 0;
  const Counted *one;
  int i;
  lua_createtable(L, 0, 7);
  lua_createtable(L, 0, counters->kinds);
  for (i = 0; i < counters->kinds; i++)
    set_count(L, counters->failed[i].name, counters->failed[i].count);
  lua_setfield(L, -2, "failed");
  received = counters->received;
  sent = counters->sent;
  for (one = counters->alive; one != NULL; one = one->next) {
    received += one->received;
    sent += one->sent;
    alive++;
  }
  set_count(L, "begun", counters->begun);
  set_count(L, "done", counters->done);
  set_count(L, "resumed", counters->resumed);
  set_count(L, "received", received);
  set_count(L, "sent", sent);
  set_count(L, "alive", alive);
}
