/*
** log_lines.h -- the lines of the options keylog and trace: how they leave.
*/
#ifndef LUASSL_LOG_LINES_H
#define LUASSL_LOG_LINES_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* From inside of OpenSSL, without Lua: a file has it then, a function when the
** call is over. `option` is "keylog" or "trace". */
void log_lines_add (Connection *c, const char *option, const char *line);

/* Hands what waits to the functions, under pcall. 0; or 1, with nil and what
** went wrong in the place of the call's results. [-results, +2, m] */
int log_lines_deliver (lua_State *L, Connection *c, int results);

/* What such a function raised, at the top, is told: it is no condition, and not
** nil. [-1, +1, m] */
void log_lines_explain (lua_State *L, const char *whose);

void log_lines_free (Connection *c);

#pragma GCC visibility pop

#endif
