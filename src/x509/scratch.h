/*
** scratch.h -- what OpenSSL allocated, while Lua calls that may raise read it:
** it belongs to a userdata.
*/
#ifndef LUASSL_SCRATCH_H
#define LUASSL_SCRATCH_H

#include <openssl/bio.h>

#include "base/compat.h"

typedef struct Scratch {
  unsigned char *bytes;         /* owned, as all of it is */
  BIO *bio;
  void *value;
  void (*free_value) (void *);  /* frees `value` */
} Scratch;

#pragma GCC visibility push(hidden)

/* An empty one, as a userdata. [-0, +1, m] */
Scratch *scratch_new (lua_State *L);

/* Frees what it holds now; the collector would do it later. */
void scratch_free (Scratch *s);

/* Raises if OpenSSL's queue, which was empty before, says that there was no
** memory: what is not there for want of it is not malformed. [-0, +0, m] */
void scratch_check_memory (lua_State *L);

/* Registers the type. [-0, +0, m] */
void scratch_open (lua_State *L);

#pragma GCC visibility pop

#endif
