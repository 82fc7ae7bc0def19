/*
** log.h -- where the lines of the options keylog and trace go.
*/
#ifndef LUASSL_LOG_H
#define LUASSL_LOG_H

#include "base/compat.h"

typedef struct Log Log;

#pragma GCC visibility push(hidden)

/* Reads the option of that name; none: `*log` stays NULL. A file is made now,
** if it is not there. 1, or 0 with nil and an error. [-0, +0|2, m] */
int log_read (lua_State *L, int options, const char *name, Log **log);
void log_free (Log *log);

/* The file, whose name goes with `log`; NULL: it is a function, in the
** options. */
const char *log_file (const Log *log);

#pragma GCC visibility pop

#endif
