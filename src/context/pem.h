/*
** pem.h -- certificates and private keys from a file or a string. What
** fails pushes nil and an error and returns 0.
*/
#ifndef LUASSL_PEM_H
#define LUASSL_PEM_H

#include <openssl/x509.h>

#include "base/compat.h"
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
} Material;

#pragma GCC visibility push(hidden)

/* An empty one, as a userdata. [-0, +1, m] */
Material *pem_push (lua_State *L);

/* Frees, and cleanses, all that it owns. */
void pem_clear (Material *m);

/* Take what an option gives: a file's name, a string, a directory's name,
** whose real path is in `bytes` then. If it is absent, `bytes` and `file` stay
** NULL. [-0, +0|2, e] */
int pem_take_file (lua_State *L, Material *m, int options,
                   const char *option);
int pem_take_string (lua_State *L, Material *m, int options,
                     const char *option);
int pem_take_directory (lua_State *L, Material *m, int options,
                        const char *option);

/* Parses all certificates in order, one at least. [-0, +0|2, m] */
int pem_read_certificates (lua_State *L, Material *m);

/* Parses the private key, with the option password. [-0, +?, e] */
int pem_read_key (lua_State *L, Material *m, int options);

/* Pushes in PEM the certificates in the string of an option that a context
** was made of, and nothing else that is in it. [-0, +1, m] */
void pem_push_certificates (lua_State *L, int options,
                            const char *option);

/* The key is the first certificate's. [-0, +0|2, m] */
int pem_match (lua_State *L, const Material *cert, const Material *key);

/* Registers the type. [-0, +0, m] */
void pem_open (lua_State *L);

#pragma GCC visibility pop

#endif
