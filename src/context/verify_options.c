/*
** verify_options.c -- the options that say how strictly a chain is judged.
*/

#include <string.h>

#include "context/options.h"
#include "context/verify_options.h"

static void read_flags (lua_State *L, int options, VerifyParameters *p) {
  int i, n = 0;
  if (options_push(L, options, "verify_flags") == LUA_TTABLE)
    n = (int)compat_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    const char *name;
    size_t size = 0;
    lua_rawgeti(L, -1, i);
    name = lua_tolstring(L, -1, &size);
    if (name == NULL || strlen(name) != size
        || !verify_parameters_flag(p, name))
      options_raise(L, "verify_flags", "must hold names of %s: number %d is "
                    "none", verify_parameters_flags(), i);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void verify_options_read (lua_State *L, int options, const char *time,
                          VerifyParameters *p) {
  const char *purpose = options_string(L, options, "purpose", NULL);
  verify_parameters_begin(p);
  read_flags(L, options, p);
  if (purpose != NULL && !verify_parameters_purpose(p, purpose))
    options_raise(L, "purpose", "must be %s", verify_parameters_purposes());
  p->depth = options_integer(L, options, "verify_depth", -1);
  p->security_level = options_integer(L, options, "security_level", -1);
  if (options_push(L, options, time) != LUA_TNIL)
    verify_parameters_time(p, lua_tonumber(L, -1));
  lua_pop(L, 1);
}
