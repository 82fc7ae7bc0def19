/*
** pem.h -- certificates and private keys, in PEM or DER, from a file or a
** string. What fails pushes nil and an error and returns 0.
*/
#ifndef LUASSL_PEM_H
#define LUASSL_PEM_H

#include "base/compat.h"
#include "context/material.h"

#define MATERIAL_PLACE 64

/* The longest passphrase: OpenSSL's buffers have 1024 bytes. */
#define PASSPHRASE_MAX 1023

#pragma GCC visibility push(hidden)

/* An empty one, as a userdata. [-0, +1, m] */
Material *pem_push (lua_State *L);

/* Frees, and cleanses, all that it owns. */
void pem_clear (Material *m);
/* The same, but for its certificates. */
void pem_forget_key (Material *m);

/* The option as errors call it, "certfile" or "certificates[2].certfile";
** `room` has MATERIAL_PLACE bytes. */
const char *pem_place (const Material *m, char *room);

/* The file's name, or "it" where the option's stands in front. */
const char *pem_name (const Material *m);

/* Pushes nil and an error about it, and returns 0. */
__attribute__((format(printf, 4, 5)))
int pem_fail (lua_State *L, const Material *m, const char *kind,
              const char *format, ...);

/* Asks the option password, whose text stays on the stack. [-0, +?, e] */
int pem_get_passphrase (lua_State *L, const Material *m, int options,
                        Passphrase *p);

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

/* The key is no certificate's. [-0, +2, m] */
int pem_fail_matching (lua_State *L, const Material *cert,
                       const Material *key);

/* Registers the type. [-0, +0, m] */
void pem_open (lua_State *L);

#pragma GCC visibility pop

#endif
