/*
** scratch.c -- what OpenSSL allocated, while Lua calls that may raise read it.
*/

#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "x509/scratch.h"

#define SCRATCH_T "luassl.Scratch"

Scratch *scratch_new (lua_State *L) {
  Scratch *s = (Scratch *)lua_newuserdata(L, sizeof(*s));
  memset(s, 0, sizeof(*s));
  luaL_getmetatable(L, SCRATCH_T);
  lua_setmetatable(L, -2);
  return s;
}

void scratch_free (Scratch *s) {
  Scratch all = *s;
  memset(s, 0, sizeof(*s));
  OPENSSL_free(all.bytes);
  BIO_free(all.bio);
  if (all.value != NULL) all.free_value(all.value);
}

static int scratch_gc (lua_State *L) {
  scratch_free((Scratch *)compat_checkudata(L, 1, SCRATCH_T));
  return 0;
}

/* From OpenSSL 3.2 on a failed realloc says nothing: then the layer above
** begins the queue, with the other layer's name for a reason. What is
** malformed has its own. */
void scratch_check_memory (lua_State *L) {
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (reason != ERR_R_MALLOC_FAILURE && reason != ERR_R_ASN1_LIB
      && reason != ERR_R_CRYPTO_LIB) return;
  errors_clear();
  luaL_error(L, "not enough memory");
}

void scratch_open (lua_State *L) {
  compat_newmetatable(L, SCRATCH_T);
  lua_pushcfunction(L, scratch_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
