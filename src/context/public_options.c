/*
** public_options.c -- options of a context as they may be told: without keys
** and passphrases.
*/

#include <string.h>

#include "base/quote.h"
#include "context/context_trust.h"
#include "context/pem.h"
#include "context/public_options.h"

/* The list at the top, a copy, without what is secret in its tables. */
static void publish (lua_State *L) {
  int list = lua_gettop(L), i, n = (int)compat_rawlen(L, list);
  for (i = 1; i <= n; i++) {
    const Option *o;
    lua_rawgeti(L, list, i);
    for (o = option_table; o->name != NULL; o++) {
      if (!options_is_identity(o)) continue;
      if (o->flags & IS_SECRET) lua_pushnil(L);
      else public_options_push(L, list + 1, o);
      lua_setfield(L, list + 1, o->name);
      lua_settop(L, list + 1);
    }
    lua_settop(L, list);
  }
}

void public_options_push (lua_State *L, int options, const Option *o) {
  size_t size;
  const char *text;
  if (o->flags & IS_SECRET)
    options_raise(L, o->name, "is secret and cannot be read");
  if (options_push(L, options, o->name) == LUA_TTABLE
      && o->type == OPTION_CERTIFICATES) publish(L);
  if (lua_type(L, -1) != LUA_TSTRING) return;
  text = lua_tolstring(L, -1, &size);
  if (o->flags & IS_PEM) pem_push_certificates(L, options, o->name);
  else if (strcmp(o->name, "crl_data") == 0)
    context_trust_push_crls(L, options);
  else if (quote_is_key(text, size))
    options_raise(L, o->name, "holds what looks like a key and cannot be "
                  "read");
}
