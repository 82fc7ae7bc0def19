/*
** unsent.c -- what was encrypted before its sender was told that it has left.
**
** A record is encrypted whole and once. When the system has taken a part of
** it, its sender is told of the records before it, and sends the rest, or all,
** once more: so the text is kept, and what the next send has in common with it
** is not encrypted again.
*/

#include <string.h>

#include "connection/unsent.h"

/* Of more records than fit the last ones count as one. */
void unsent_mark (Connection *c, size_t position) {
  Unsent *u = &c->unsent;
  if (u->count == UNSENT_MARKS) u->count--;
  u->marks[u->count].position = position;
  u->marks[u->count].accepted = c->bio.accepted;
  u->count++;
  u->end = position;
}

/* Up to where whole records have left. */
static size_t gone (const Connection *c) {
  const Unsent *u = &c->unsent;
  size_t position = u->base;
  int i;
  for (i = 0; i < u->count && u->marks[i].accepted <= c->bio.taken; i++)
    position = u->marks[i].position;
  return position;
}

/* Replaces the kept text by the value at the top. [-1, +0, -] */
static void set_text (lua_State *L, Connection *c) {
  c->unsent.kept = !lua_isnil(L, -1);
  compat_getuservalue(L, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, UV_UNSENT);
  lua_pop(L, 1);
}

static void forget (lua_State *L, Connection *c) {
  lua_pushnil(L);
  set_text(L, c);
}

void unsent_begin (lua_State *L, Connection *c, size_t position) {
  Unsent *u = &c->unsent;
  if (u->kept) forget(L, c);
  u->count = 0;
  u->base = u->end = position;
}

/* Where in the kept text the new one begins: behind what was told, if it goes
** on there; where the earlier send began, if it is that one again; -1: it is
** something else. */
static ptrdiff_t place (const Unsent *u, const char *kept, int same,
                        const char *text, size_t first, size_t end) {
  size_t size = end - first, overlap;
  if (same && first == u->told) return (ptrdiff_t)first;
  if (same && first == u->start) return (ptrdiff_t)first;
  overlap = u->end - u->told < size ? u->end - u->told : size;
  if (memcmp(kept + u->told, text + first, overlap) == 0)
    return (ptrdiff_t)u->told;
  overlap = u->end - u->start < size ? u->end - u->start : size;
  if (memcmp(kept + u->start, text + first, overlap) == 0)
    return (ptrdiff_t)u->start;
  return -1;
}

size_t unsent_match (lua_State *L, Connection *c, const char *text,
                     size_t first, size_t end) {
  Unsent *u = &c->unsent;
  ptrdiff_t at = -1;
  size_t known;
  if (u->kept) {
    compat_getuservalue(L, 1);
    lua_rawgeti(L, -1, UV_UNSENT);
    at = place(u, lua_tostring(L, -1), lua_rawequal(L, -1, 2), text, first,
               end);
    lua_pop(L, 2);
  }
  if (at < 0) {
    unsent_begin(L, c, first);
    return first;
  }
  u->shift = (ptrdiff_t)first - at;
  known = (size_t)((ptrdiff_t)u->end + u->shift);
  return known < end ? known : end;
}

/* The kept text's own send goes on: how far the new one has come. */
static size_t tell_kept (Connection *c, size_t first, size_t end) {
  Unsent *u = &c->unsent;
  size_t left = gone(c), most = (size_t)((ptrdiff_t)end - u->shift);
  if (left > most) left = most;
  if (left > u->told) u->told = left;
  left = (size_t)((ptrdiff_t)u->told + u->shift);
  if (left < first) left = first;
  return left < end ? left : end;
}

size_t unsent_tell (lua_State *L, Connection *c, size_t first, size_t end,
                    int all) {
  Unsent *u = &c->unsent;
  size_t left;
  if (u->kept) {
    left = tell_kept(c, first, end);
    if (all && u->told == u->end) forget(L, c);
    return left;
  }
  if (all) return end;
  left = gone(c);
  if (left < first) left = first;
  u->start = first;
  u->told = left;
  lua_pushvalue(L, 2);
  set_text(L, c);
  return left;
}
