/*
** options.h -- option tables: known keys, types, clear complaints.
** All raise "option 'certfile' must be a string, not a number" and the like;
** `index` is the table's, nil or none counts as an empty one. Options that it
** would inherit through __index are refused.
*/
#ifndef LUASSL_OPTIONS_H
#define LUASSL_OPTIONS_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Raises for keys that none of the NULL-ended lists knows and names the
** nearest: "unknown option 'cerfile' (did you mean 'certfile'?)". `more` may
** be NULL. */
void options_check (lua_State *L, int index, const char *const *known,
                    const char *const *more);

/* Pushes the option's value and returns its Lua type. [-0, +1, m] */
int options_push (lua_State *L, int index, const char *name);

int options_boolean (lua_State *L, int index, const char *name, int absent);

/* Seconds or another finite number >= 0. */
double options_number (lua_State *L, int index, const char *name,
                       double absent);

/* One of `first`..`last`. */
int options_integer (lua_State *L, int index, const char *name, int first,
                     int last, int absent);

/* NULL when absent. The string lives as long as the table holds it; one with
** a NUL in it raises unless `size` is given. */
const char *options_string (lua_State *L, int index, const char *name,
                            size_t *size);

/* The index in `names`, NULL-ended, of the string that is an argument; raises
** for any other, and quotes it only if it is short. */
int options_choice (lua_State *L, int index, const char *absent,
                    const char *const *names);

/* "option 'name' " and the message, as a Lua error. */
int options_raise (lua_State *L, const char *name, const char *format, ...);

#pragma GCC visibility pop

#endif
