/*
** options.c -- option tables: what the rows say of them is checked, merged and
** read here.
**
** Only what stands in the table itself counts. A table that inherits is
** refused: a `cert_reqs` put there must not be lost in silence, and a function
** that made up strings would leave C with ones that nobody holds.
*/

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "context/options.h"
#include "base/quote.h"
#include "context/certificate_list.h"
#include "context/tlsa.h"
#include "x509/hostname.h"
#include "x509/verify_parameters.h"

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

static int is_set (lua_State *L, int index, const char *name) {
  int type = options_push(L, index, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

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

/* ---- the value at the top, by its row ---- */

static void check_seconds (lua_State *L, const Option *o) {
  lua_Number n = lua_tonumber(L, -1);
  if (!(n >= 0) || isinf(n))
    options_raise(L, o->name, "must be a finite number from 0 on, not %s",
                  lua_tostring(L, -1));
  if (n <= 0 && o->flags & ABOVE_ZERO)
    options_raise(L, o->name, "must be above 0 seconds");
}

static void check_integer (lua_State *L, const Option *o) {
  lua_Number n = lua_tonumber(L, -1);
  if (!(n >= o->first && n <= o->last) || n != floor(n))
    options_raise(L, o->name, "must be an integer from %d to %d, not %s",
                  o->first, o->last, lua_tostring(L, -1));
}

static void check_string (lua_State *L, const Option *o) {
  size_t size;
  if (strlen(lua_tolstring(L, -1, &size)) != size)
    options_raise(L, o->name, "must not hold a NUL byte");
}

/* No file gets a key for its name. */
static void check_log (lua_State *L, const Option *o) {
  size_t size;
  const char *text;
  if (lua_type(L, -1) != LUA_TSTRING) return;
  check_string(L, o);
  text = lua_tolstring(L, -1, &size);
  if (size == 0) options_raise(L, o->name, "must not be empty");
  if (quote_hides(text, size))
    options_raise(L, o->name, "must be a file's name, and does not look like "
                  "one");
}

static void check_version (lua_State *L, const Option *o) {
  const char *text = lua_tostring(L, -1);
  char room[QUOTE_ROOM];
  int i;
  check_string(L, o);
  for (i = 0; i < OPTION_VERSIONS; i++)
    if (strcmp(option_versions[i], text) == 0) return;
  options_raise(L, o->name, "must be \"TLSv1\", \"TLSv1.1\", \"TLSv1.2\" or "
                "\"TLSv1.3\", not %s", quote_text(room, text));
}

/* One string of a list, at the top. */
static void check_listed (lua_State *L, const Option *o, int i) {
  size_t size = 0;
  const char *text = NULL;
  if (lua_type(L, -1) == LUA_TSTRING) text = lua_tolstring(L, -1, &size);
  if (o->last == 0 && text == NULL)
    options_raise(L, o->name, "must hold strings: number %d is a %s", i,
                  luaL_typename(L, -1));
  if (o->last == 0) return;
  if (text == NULL || size < (size_t)o->first || size > (size_t)o->last)
    options_raise(L, o->name, "must hold strings of %d to %d bytes: number %d "
                  "is not one", o->first, o->last, i);
  if (quote_is_key(text, size))  /* it would be sent in clear */
    options_raise(L, o->name, "must hold names: number %d looks like a key",
                  i);
}

static void check_list (lua_State *L, const Option *o) {
  int i, n = (int)compat_rawlen(L, -1), pairs = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) pairs++;
  if (pairs != n) options_raise(L, o->name, "must be a list");
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    check_listed(L, o, i);
    lua_pop(L, 1);
  }
}

/* Why no client's name is looked up as this key of server_names; NULL: one may
** be. See client_hello_look_up. */
static const char *useless_name (const char *key, size_t size) {
  Hostname hostname;
  const char *why;
  if (size == 0) return NULL;  /* for clients that ask for none */
  if (strcmp(key, "*") == 0)
    return "this context itself is for all other names";
  if (strpbrk(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
    return "write it in lower case, whatever clients write";
  if (key[size - 1] == '.') return "write it without the dot at its end";
  if (key[0] == '.') return "write \"*.example.com\" for subdomains";
  if (strncmp(key, "*.", 2) == 0) {
    key += 2;
    size -= 2;
  }
  if (memchr(key, '*', size) != NULL)
    return "\"*\" stands for one whole label, the first: \"*.example.com\"";
  return hostname_parse(key, size, &hostname, &why) ? NULL : why;
}

static void check_server_names (lua_State *L, const Option *o) {
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    char room[QUOTE_ROOM] = "a name";
    const char *key, *why;
    size_t size;
    if (lua_type(L, -2) != LUA_TSTRING)
      options_raise(L, o->name, "must have names for keys, not a %s",
                    lua_typename(L, lua_type(L, -2)));
    key = lua_tolstring(L, -2, &size);
    why = useless_name(key, size);
    if (why == NULL) continue;
    if (strcspn(key, " ") == size) quote_text(room, key);
    options_raise(L, o->name, "holds %s, which no client can ask for: %s",
                  room, why);
  }
}

static void check_certificates (lua_State *L, const Option *o);

static void check_record_size (lua_State *L, const Option *o) {
  if (lua_type(L, -1) == LUA_TNUMBER) check_integer(L, o);
  else if (strcmp(lua_tostring(L, -1), "dynamic") != 0
           || compat_rawlen(L, -1) != strlen("dynamic"))
    options_raise(L, o->name, "must be \"dynamic\" or a number of bytes");
}

static void check_object (lua_State *L, const Option *o) {
  if (compat_testudata(L, -1, o->object) == NULL)
    options_raise(L, o->name, "must be an %s, not a %s",
                  compat_typename(o->object), luaL_typename(L, -1));
}

static void check_responses (lua_State *L, const Option *o) {
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: case LUA_TFUNCTION: return;
    case LUA_TTABLE:
      check_list(L, o);
      if (compat_rawlen(L, -1) > 0) return;
      options_raise(L, o->name, "is empty: leave it out");
      return;
    default:
      options_raise(L, o->name, "must be a string, a list of strings or a "
                    "function, not a %s", luaL_typename(L, -1));
  }
}

static void check_texts (lua_State *L, const Option *o) {
  if (lua_istable(L, -1)) check_list(L, o);
}

static void check_time (lua_State *L, const Option *o) {
  VerifyParameters unused;
  if (!verify_parameters_time(&unused, lua_tonumber(L, -1)))
    options_raise(L, o->name, "must be seconds since the epoch that this "
                  "system's clock can have, not %s", lua_tostring(L, -1));
}

static void check_tlsa (lua_State *L, const Option *o) {
  int number;
  const char *problem = tlsa_problem(L, lua_gettop(L), &number);
  if (problem == NULL) return;
  if (number == 0) options_raise(L, o->name, "%s", problem);
  options_raise(L, o->name, "must hold records {usage, selector, matching "
                "type, data}: number %d %s", number, problem);
}

static void check_x509 (lua_State *L, const Option *o) {
  const char *problem = certificate_list_problem(L, -1);
  if (problem != NULL) options_raise(L, o->name, "%s", problem);
}

typedef struct Kind {
  int type, other;  /* Lua's */
  const char *wanted;
  void (*check) (lua_State *L, const Option *o);
} Kind;

static const Kind kinds[] = {  /* in the order of OptionType */
  {LUA_TBOOLEAN, LUA_TBOOLEAN, "boolean", NULL},
  {LUA_TSTRING, LUA_TSTRING, "string", NULL},
  {LUA_TTABLE, LUA_TTABLE, "list of tables", check_certificates},
  {LUA_TFUNCTION, LUA_TFUNCTION, "function", NULL},
  {LUA_TNUMBER, LUA_TNUMBER, "number", check_integer},
  {LUA_TTABLE, LUA_TTABLE, "list of strings", check_list},
  {LUA_TSTRING, LUA_TFUNCTION, "string or a function", check_log},
  {LUA_TNONE, LUA_TNONE, NULL, check_object},
  {LUA_TSTRING, LUA_TFUNCTION, "string or a function", NULL},
  {LUA_TTABLE, LUA_TFUNCTION, "table or a function", NULL},  /* psk_check */
  {LUA_TSTRING, LUA_TNUMBER, "string or a number", check_record_size},
  {LUA_TNONE, LUA_TNONE, NULL, check_responses},
  {LUA_TNUMBER, LUA_TNUMBER, "number", check_seconds},
  {LUA_TSTRING, LUA_TSTRING, "string", check_string},
  {LUA_TTABLE, LUA_TTABLE, "table", check_server_names},
  {LUA_TSTRING, LUA_TTABLE, "string or a list of strings", check_texts},
  {LUA_TNUMBER, LUA_TNUMBER, "number", check_time},
  {LUA_TTABLE, LUA_TTABLE, "list of records", check_tlsa},
  {LUA_TSTRING, LUA_TSTRING, "string", check_version},
  {LUA_TNONE, LUA_TNONE, NULL, check_x509}
};

static void check_value (lua_State *L, const Option *o) {
  const Kind *kind = &kinds[o->type];
  int type = lua_type(L, -1);
  if (kind->wanted != NULL && type != kind->type && type != kind->other)
    options_raise(L, o->name, "must be a %s, not a %s", kind->wanted,
                  lua_typename(L, type));
  if (kind->check != NULL) kind->check(L, o);
}

/* ---- the tables in a list ---- */

int options_is_identity (const Option *o) {
  return o->group == IDENTITY && o->type != OPTION_CERTIFICATES;
}

/* The value at the top, the name below it, in table `i` of the list. */
static void check_part (lua_State *L, const Option *o, int i) {
  const Option *row = NULL;
  char name[64];
  Option part;
  if (lua_type(L, -2) == LUA_TSTRING) row = options_find(lua_tostring(L, -2));
  if (row == NULL || !options_is_identity(row)
      || strlen(row->name) != compat_rawlen(L, -2)) {
    options_raise(L, o->name, "number %d has a key that is no option of a "
                  "certificate", i);
    return;  /* it has raised */
  }
  part = *row;
  snprintf(name, sizeof(name), "%s[%d].%s", o->name, i, row->name);
  part.name = name;
  check_value(L, &part);
}

static void check_certificates (lua_State *L, const Option *o) {
  int i, n = (int)compat_rawlen(L, -1), pairs = 0;
  luaL_checkstack(L, 8, o->name);
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) pairs++;
  if (pairs != n || n == 0)
    options_raise(L, o->name, "must be a list of tables, one at least");
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    if (!lua_istable(L, -1) || luaL_getmetafield(L, -1, "__index"))
      options_raise(L, o->name, "must hold plain tables: number %d is none",
                    i);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
      check_part(L, o, i);
    lua_pop(L, 1);
  }
}

/* ---- a whole table ---- */

static void check_key (lua_State *L, int of) {
  const Option *row;
  const char *key;
  size_t size;
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "options have names, this key is a %s",
               luaL_typename(L, -2));
  key = lua_tolstring(L, -2, &size);
  row = strlen(key) == size ? options_find(key) : NULL;
  if (row == NULL || !(row->of & of)) options_raise_unknown(L, key, size, of);
}

/* Names first: whatever the order in the table, it is one that complains. */
void options_check (lua_State *L, int index, int of) {
  if (lua_isnoneornil(L, index)) return;
  luaL_checktype(L, index, LUA_TTABLE);
  if (luaL_getmetafield(L, index, "__index"))
    luaL_error(L, "options must be in the table itself, not inherited through "
               "__index");
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    check_key(L, of);
  options_check_values(L, index);
}

void options_check_values (lua_State *L, int index) {
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    check_value(L, options_find(lua_tostring(L, -2)));
}

/* What is the default, false, may be said on both sides. */
void options_check_side (lua_State *L, int index, int of, int server_side) {
  const Option *o;
  for (o = option_table; o->name != NULL; o++) {
    int off;
    if (!(o->of & of) || o->side == EITHER_SIDE) continue;
    if (o->side == (server_side ? SERVER_SIDE : CLIENT_SIDE)) continue;
    off = options_push(L, index, o->name) == LUA_TNIL
          || (o->has_default && !o->absent && !lua_toboolean(L, -1));
    lua_pop(L, 1);
    if (off) continue;
    if (of & OF_CONNECTION) options_raise(L, o->name, "is for the %s side",
                                          server_side ? "client" : "server");
    options_raise(L, o->name, server_side ? "is for clients, not with "
                  "server_side" : "is for servers: set server_side");
  }
}

void options_check_renewed (lua_State *L, int index) {
  const Option *o;
  for (o = option_table; o->name != NULL; o++)
    if (!(o->flags & IS_RENEWED) && is_set(L, index, o->name))
      options_raise(L, o->name, "is not for reload, which takes certificates, "
                    "keys and what is trusted: see set");
}

void options_check_exclusion (lua_State *L, int index) {
  const Option *o;
  for (o = option_table; o->name != NULL; o++)
    if (o->excludes != NULL && is_set(L, index, o->name)
        && is_set(L, index, o->excludes))
      options_raise(L, o->name, "and option '%s' exclude each other",
                    o->excludes);
}

/* Drops from `to` what the options at `from` replace. */
static void make_way (lua_State *L, int from, int to) {
  const Option *o;
  int groups = 0;
  for (o = option_table; o->name != NULL; o++)
    if (o->replaces != 0 && is_set(L, from, o->name)) groups |= o->replaces;
  for (o = option_table; groups != 0 && o->name != NULL; o++) {
    if (!(o->group & groups)) continue;
    lua_pushnil(L);
    lua_setfield(L, to, o->name);
  }
}

/* Replaces the table at the top by a copy. */
static void copy_table (lua_State *L) {
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, -3) != 0; lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  lua_replace(L, -2);
}

/* Replaces the list at the top by a copy: nobody shall change ours. */
static void copy_list (lua_State *L) {
  int i, n = (int)compat_rawlen(L, -1);
  lua_createtable(L, n, 0);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -2, i);
    if (lua_istable(L, -1)) copy_table(L);
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, -2);
}

/* The same for a table with names, and for the tables in it. A metatable is
** kept: it is refused later. */
static void copy_map (lua_State *L) {
  int from = lua_gettop(L);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, from) != 0; lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    if (lua_istable(L, -1)) copy_table(L);
    lua_rawset(L, from + 1);
  }
  if (lua_getmetatable(L, from)) lua_setmetatable(L, from + 1);
  lua_replace(L, from);
}

void options_merge (lua_State *L, int from, int to, int of) {
  const Option *o;
  make_way(L, from, to);
  for (o = option_table; o->name != NULL; o++) {
    if (!(o->of & of)) continue;
    if (options_push(L, from, o->name) == LUA_TNIL) lua_pop(L, 1);
    else {
      if (o->type == OPTION_PSK && lua_istable(L, -1)) copy_map(L);
      else if (!(o->flags & IS_LIVE) && lua_istable(L, -1)) copy_list(L);
      lua_setfield(L, to, o->name);
    }
  }
}

void options_complete (lua_State *L, int index, int of) {
  const Option *o;
  for (o = option_table; o->name != NULL; o++) {
    if (!(o->of & of) || !o->has_default || is_set(L, index, o->name))
      continue;
    if (o->type == OPTION_BOOLEAN) lua_pushboolean(L, o->absent);
    else lua_pushinteger(L, o->absent);
    lua_setfield(L, index, o->name);
  }
}

/* ---- for Lua ---- */

static void set_flag (lua_State *L, const char *name, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void set_name (lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_number (lua_State *L, const char *name, int value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void push_row (lua_State *L, const Option *o) {
  static const char *const types[] = {
    "boolean", "bytes", "certificates", "function", "integer", "list", "log",
    "object", "password", "psk", "record_size", "responses", "seconds",
    "string", "table", "texts", "time", "tlsa", "version", "x509"
  };
  static const char *const sides[] = {NULL, "client", "server"};
  lua_newtable(L);
  set_name(L, "name", o->name);
  set_name(L, "type", types[o->type]);
  set_name(L, "side", sides[o->side]);
  set_name(L, "object", o->object != NULL ? compat_typename(o->object) : NULL);
  set_flag(L, "context", o->of & OF_CONTEXT);
  set_flag(L, "connection", o->of & OF_CONNECTION);
  set_flag(L, "wrap", o->of & OF_WRAP);
  set_flag(L, "connect", o->of & OF_CONNECT);
  set_flag(L, "fetch", o->of & OF_FETCH);
  set_flag(L, "verify", o->of & OF_VERIFY);
  set_flag(L, "file", o->flags & IS_FILE);
  set_flag(L, "secret", o->flags & IS_SECRET);
  set_flag(L, "above_zero", o->flags & ABOVE_ZERO);
  if (o->type == OPTION_INTEGER || o->type == OPTION_RECORD_SIZE) {
    set_number(L, "first", o->first);
    set_number(L, "last", o->last);
  }
  if (o->binding != UNDECIDED) set_flag(L, "bound", o->binding != NOT_BOUND);
  if (!o->has_default) return;
  if (o->type == OPTION_BOOLEAN) set_flag(L, "default", o->absent);
  else set_number(L, "default", o->absent);
}

void options_push_table (lua_State *L) {
  const Option *o;
  int n = 0;
  lua_newtable(L);
  for (o = option_table; o->name != NULL; o++) {
    push_row(L, o);
    lua_rawseti(L, -2, ++n);
  }
}

/* ---- values that were checked ---- */

int options_boolean (lua_State *L, int index, const char *name, int absent) {
  int set = options_push(L, index, name) != LUA_TNIL;
  int value = set ? lua_toboolean(L, -1) : absent;
  lua_pop(L, 1);
  return value;
}

double options_number (lua_State *L, int index, const char *name,
                       double absent) {
  int set = options_push(L, index, name) != LUA_TNIL;
  double value = set ? (double)lua_tonumber(L, -1) : absent;
  lua_pop(L, 1);
  return value;
}

int options_integer (lua_State *L, int index, const char *name, int absent) {
  return (int)options_number(L, index, name, absent);
}

const char *options_string (lua_State *L, int index, const char *name,
                            size_t *size) {
  const char *value = NULL;
  size_t length = 0;
  if (options_push(L, index, name) == LUA_TSTRING)
    value = lua_tolstring(L, -1, &length);
  if (size != NULL) *size = length;
  lua_pop(L, 1);
  return value;
}

/* ---- an argument that is one of a few words ---- */

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
