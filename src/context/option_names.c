/*
** option_names.c -- a name that is no option's: which one could be meant?
*/

#include <string.h>

#include "context/foreign_names.h"
#include "context/options.h"
#include "base/quote.h"

#define NAME_MAX_LENGTH 32  /* above every option's */
#define DISTANCE_MAX 3      /* of two names that could be meant to be one */

static int lower (char c) {
  return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '-' ? '_' : c;
}

static int least (int a, int b, int c) {
  if (b < a) a = b;
  return c < a ? c : a;
}

/* Edit distance, in which two neighbours that changed places count once
** (Damerau); names are not above NAME_MAX_LENGTH. */
static int distance (const char *a, int n, const char *b, int m) {
  int rows[3][NAME_MAX_LENGTH + 1];
  int *before = rows[0], *last = rows[1], *row = rows[2], *swap;
  int i, j;
  for (j = 0; j <= m; j++) last[j] = j;
  for (i = 1; i <= n; i++) {
    row[0] = i;
    for (j = 1; j <= m; j++) {
      int differ = lower(a[i - 1]) != lower(b[j - 1]);
      row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + differ);
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2])
          && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = least(row[j], before[j - 2] + 1, row[j]);
    }
    swap = before;
    before = last;
    last = row;
    row = swap;
  }
  return last[m];
}

typedef struct Guess {
  const char *name;  /* NULL: none */
  int distance;
} Guess;

/* The nearest name so far. */
static void guess_name (const char *key, size_t size, const char *name,
                        Guess *guess) {
  size_t length = strlen(name);
  int far;
  if (size > NAME_MAX_LENGTH || length > NAME_MAX_LENGTH) return;
  far = distance(key, (int)size, name, (int)length);
  if (far > (int)length / 3 || far > DISTANCE_MAX) return;  /* "any" no "key" */
  if (guess->name != NULL && guess->distance <= far) return;
  guess->name = name;
  guess->distance = far;
}

/* Whose an option is, where it cannot be given. */
static const char *place_of (const Option *o) {
  if (o->of & OF_CONTEXT) return "It belongs to the context";
  if (o->of & OF_CONNECTION)
    return "It belongs to the connection: wrap_socket, wrap_object, connect";
  return o->of & OF_WRAP ? "It is for wrap_socket and connect"
                         : "It is for connect and get_server_certificate";
}

/* An option that cannot be given here. */
static int raise_displaced (lua_State *L, const Option *o) {
  const char *place = place_of(o);
  return luaL_error(L, "unknown option '%s' here (%c%s)", o->name,
                    lower(*place), place + 1);
}

/* What other libraries call an option. */
static int raise_foreign (lua_State *L, const char *name,
                          const ForeignName *foreign, int of) {
  const Option *o = options_find(foreign->option);
  const char *hint = o->of & of ? foreign->hint : place_of(o);
  if (hint == NULL) hint = "";
  return luaL_error(L, "unknown option '%s' (did you mean '%s'?%s%s)", name,
                    o->name, *hint == '\0' ? "" : " ", hint);
}

int options_raise_unknown (lua_State *L, const char *name, size_t size,
                           int of) {
  Guess guess = {NULL, 0};
  const Option *row;
  const ForeignName *foreign;
  if (size > NAME_MAX_LENGTH)
    return luaL_error(L, "unknown option with a name of %d bytes", (int)size);
  if (quote_hides(name, strlen(name)))
    return luaL_error(L, "unknown option with a name that is not shown");
  if (strlen(name) == size && (row = options_find(name)) != NULL)
    return raise_displaced(L, row);
  if (strlen(name) == size && (foreign = foreign_names_find(name)) != NULL)
    return raise_foreign(L, name, foreign, of);
  for (row = option_table; row->name != NULL; row++)
    if (row->of & of) guess_name(name, size, row->name, &guess);
  if (guess.name == NULL) return luaL_error(L, "unknown option '%s'", name);
  return luaL_error(L, "unknown option '%s' (did you mean '%s'?)", name,
                    guess.name);
}
