/*
** certificate_types.h -- what each side shows of itself, a certificate or a
** public key alone (RFC 7250), and whose public keys are good.
*/
#ifndef LUASSL_CERTIFICATE_TYPES_H
#define LUASSL_CERTIFICATE_TYPES_H

#include "context/policy.h"

typedef struct PublicKeys PublicKeys;

/* By IANA's numbers, best first. */
typedef struct TypeList {
  size_t count;
  unsigned char numbers[2];
} TypeList;

typedef struct CertificateTypes {
  TypeList own, peer;
} CertificateTypes;

#pragma GCC visibility push(hidden)

/* The options, before defaults are set: raises for what does not fit together;
** fills in the policy who verifies what. */
void certificate_types_read (lua_State *L, int options, Policy *policy,
                             CertificateTypes *types);

/* Sets them in `ctx`, and makes `*keys`, owned by the caller, from the option
** peer_public_keys; NULL if it is absent. 0: pushed nil and an error.
** [-0, +0|2, e] */
int certificate_types_apply (lua_State *L, SSL_CTX *ctx, int options,
                             int server_side, const CertificateTypes *types,
                             PublicKeys **keys);

/* 1: it is one of them. */
int certificate_types_match (const PublicKeys *keys, const EVP_PKEY *key);

void certificate_types_free (PublicKeys *keys);

#pragma GCC visibility pop

#endif
