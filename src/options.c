/*
** options.c -- option tables: known keys, types, clear complaints.
**
** Only what stands in the table itself counts. A table that inherits is
** refused: a `cert_reqs` put there must not be lost in silence, and a function
** that made up strings would leave C with ones that nobody holds.
*/

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "options.h"
#include "quote.h"

#define NAME_MAX_LENGTH 32  /* above every option's */
#define DISTANCE_MAX 3      /* of two names that could be meant to be one */

int options_push (lua_State *L, int index, const char *name) {
  if (!lua_istable(L, index)) lua_pushnil(L);
  else {
    lua_pushvalue(L, index);
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
  }
  return lua_type(L, -1);
}

/* ---- unknown names ---- */

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

static int is_known (const char *key, const char *const *names) {
  for (; names != NULL && *names != NULL; names++)
    if (strcmp(*names, key) == 0) return 1;
  return 0;
}

/* The nearest name so far. */
static void guess_name (const char *key, size_t size,
                        const char *const *names, Guess *guess) {
  for (; names != NULL && *names != NULL; names++) {
    size_t length = strlen(*names);
    int far;
    if (size > NAME_MAX_LENGTH || length > NAME_MAX_LENGTH) continue;
    far = distance(key, (int)size, *names, (int)length);
    if (far > (int)length / 3) continue;  /* "any" is no "key" */
    if (guess->name != NULL && guess->distance <= far) continue;
    guess->name = *names;
    guess->distance = far;
  }
}

static void check_key (lua_State *L, const char *const *known,
                       const char *const *more) {
  Guess guess = {NULL, 0};
  const char *key;
  size_t size;
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "options have names, this key is a %s",
               luaL_typename(L, -2));
  key = lua_tolstring(L, -2, &size);
  if (strlen(key) == size && (is_known(key, known) || is_known(key, more)))
    return;
  if (size > NAME_MAX_LENGTH)
    luaL_error(L, "unknown option with a name of %d bytes", (int)size);
  if (quote_hides(key, strlen(key)))
    luaL_error(L, "unknown option with a name that is not shown");
  guess_name(key, size, known, &guess);
  guess_name(key, size, more, &guess);
  if (guess.name == NULL || guess.distance > DISTANCE_MAX)
    luaL_error(L, "unknown option '%s'", key);
  luaL_error(L, "unknown option '%s' (did you mean '%s'?)", key, guess.name);
}

void options_check (lua_State *L, int index, const char *const *known,
                    const char *const *more) {
  if (lua_isnoneornil(L, index)) return;
  luaL_checktype(L, index, LUA_TTABLE);
  if (luaL_getmetafield(L, index, "__index"))
    luaL_error(L, "options must be in the table itself, not inherited through "
               "__index");
  lua_pushvalue(L, index);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    check_key(L, known, more);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- values ---- */

int options_raise (lua_State *L, const char *name, const char *format, ...) {
  va_list arguments;
  luaL_where(L, 1);
  lua_pushfstring(L, "option '%s' ", name);
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_concat(L, 3);
  return lua_error(L);
}

int options_choice (lua_State *L, int index, const char *absent,
                    const char *const *names) {
  const char *name = luaL_optstring(L, index, absent);
  char room[QUOTE_ROOM];
  int i;
  for (i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], name) == 0) return i;
  lua_pushfstring(L, "invalid option %s", quote_text(room, name));
  return luaL_argerror(L, index, lua_tostring(L, -1));
}

/* Pushes the value: 1 if it has the type, 0 if it is absent. */
static int push_typed (lua_State *L, int index, const char *name, int type) {
  int found = options_push(L, index, name);
  if (found == LUA_TNIL) return 0;
  if (found != type)
    options_raise(L, name, "must be a %s, not a %s", lua_typename(L, type),
                  lua_typename(L, found));
  return 1;
}

int options_boolean (lua_State *L, int index, const char *name, int absent) {
  int value = absent;
  if (push_typed(L, index, name, LUA_TBOOLEAN))
    value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

double options_number (lua_State *L, int index, const char *name,
                       double absent) {
  double value = absent;
  if (push_typed(L, index, name, LUA_TNUMBER)) {
    value = (double)lua_tonumber(L, -1);
    if (!(value >= 0) || isinf(value))
      options_raise(L, name, "must be a finite number from 0 on, not %s",
                    lua_tostring(L, -1));
  }
  lua_pop(L, 1);
  return value;
}

int options_integer (lua_State *L, int index, const char *name, int first,
                     int last, int absent) {
  int value = absent;
  if (push_typed(L, index, name, LUA_TNUMBER)) {
    lua_Number n = lua_tonumber(L, -1);
    if (!(n >= first && n <= last) || n != floor(n))
      options_raise(L, name, "must be an integer from %d to %d, not %s", first,
                    last, lua_tostring(L, -1));
    value = (int)n;
  }
  lua_pop(L, 1);
  return value;
}

const char *options_string (lua_State *L, int index, const char *name,
                            size_t *size) {
  const char *value = NULL;
  size_t length = 0;
  if (push_typed(L, index, name, LUA_TSTRING)) {
    value = lua_tolstring(L, -1, &length);
    if (size == NULL && strlen(value) != length)
      options_raise(L, name, "must not hold a NUL byte");
  }
  if (size != NULL) *size = length;
  lua_pop(L, 1);
  return value;
}
