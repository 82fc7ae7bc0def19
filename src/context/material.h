/*
** material.h -- what an option gives of certificates and keys, in whatever
** format.
*/
#ifndef LUASSL_MATERIAL_H
#define LUASSL_MATERIAL_H

#include <stddef.h>

#include <openssl/x509.h>

#include "base/quote.h"

/* What one option gives: it belongs to a userdata before Lua may raise. */
typedef struct Material {
  const char *option;            /* its name, static */
  const char *file;              /* borrowed from the options; NULL: none */
  char name[QUOTE_ROOM];         /* the file's, as texts may show it */
  const unsigned char *bytes;    /* borrowed: contents, or the option's */
  size_t size;
  unsigned char *contents;       /* owned: the file's, perhaps secret */
  STACK_OF(X509) *certificates;  /* owned */
  EVP_PKEY *key;                 /* owned */
  int number;                    /* in the option certificates; 0: not there */
  int reordered;                 /* the certificates: identity.c */
} Material;

/* What opens an encrypted key. */
typedef struct Passphrase {
  const char *text;  /* borrowed from the Lua stack; NULL: not known yet */
  size_t size;
  int asked;         /* something is encrypted */
} Passphrase;

#pragma GCC visibility push(hidden)

/* OpenSSL asks for a passphrase; `data` is a Passphrase. It asks only for what
** is encrypted; without this it would ask the terminal. */
int material_on_passphrase (char *room, int size, int writing, void *data);

#pragma GCC visibility pop

#endif
