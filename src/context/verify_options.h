/*
** verify_options.h -- the options that say how strictly a chain is judged.
*/
#ifndef LUASSL_VERIFY_OPTIONS_H
#define LUASSL_VERIFY_OPTIONS_H

#include "base/compat.h"
#include "x509/verify_parameters.h"

#pragma GCC visibility push(hidden)

/* Reads purpose, security_level, verify_depth, verify_flags, and the option
** called `time`, of options that were checked; raises for names that there are
** not. [-0, +0, v] */
void verify_options_read (lua_State *L, int options, const char *time,
                          VerifyParameters *p);

#pragma GCC visibility pop

#endif
