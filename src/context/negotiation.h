/*
** negotiation.h -- what a context offers and prefers, and how it writes
** records, beyond versions and ciphers: the options profile, options,
** cipher_server_preference, certificate_compression, max_fragment_length,
** padding.
*/
#ifndef LUASSL_NEGOTIATION_H
#define LUASSL_NEGOTIATION_H

#include "base/compat.h"

typedef struct Profile {
  const char *name;
  int minimum;             /* TLS1_VERSION and so on */
  int server_preference;
  const char *ciphers;     /* NULL: none is used */
  const char *ciphersuites;
  const char *groups, *hybrid;  /* the second where OpenSSL has ML-KEM */
} Profile;

typedef struct Negotiation {
  const Profile *profile;  /* NULL: none */
  uint64_t set, clear;     /* SSL_OP_* */
  int compresses;          /* certificate_compression was given */
  int server_side;
  int algorithms[COMPAT_COMPRESSIONS];  /* its, best first; then 0 */
  int fragment;            /* TLSEXT_max_fragment_length_*; 0: not asked */
  size_t padding;
} Negotiation;

#pragma GCC visibility push(hidden)

/* The options, which were checked; raises for names that there are not and
** for those of the other side. */
void negotiation_read (lua_State *L, int options, int server_side,
                       Negotiation *n);

/* 1, or 0 with nil and an error. */
int negotiation_apply (lua_State *L, SSL_CTX *ctx, const Negotiation *n);

/* Compresses a server's certificate, which is there by now. The same. */
int negotiation_compress (lua_State *L, SSL_CTX *ctx, const Negotiation *n);

/* The option record_size; `absent`: it is not given. */
int negotiation_record_size (lua_State *L, int options, int absent);

#pragma GCC visibility pop

#endif
