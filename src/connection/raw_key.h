/*
** raw_key.h -- the verdict on a public key that a peer shows instead of a
** certificate (RFC 7250), and that key as a fact.
*/
#ifndef LUASSL_RAW_KEY_H
#define LUASSL_RAW_KEY_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Judges the key that OpenSSL asks `store` about: 1, it is good, by a TLSA
** record where there are some, or else by the option peer_public_keys. 0:
** `*faults` and X509_STORE_CTX_get_error(3) say why not. */
int raw_key_judge (const Connection *c, X509_STORE_CTX *store,
                   Faults *faults);

/* The same for the key of a session that was resumed. */
int raw_key_judge_again (const Connection *c, EVP_PKEY *key, Faults *faults);

/* The one that the peer has shown, a refused one too; borrowed, or NULL. */
EVP_PKEY *raw_key_of (const Connection *c);

/* peer_public_key(self [, form]): a method of a connection. */
int raw_key_peer_public_key (lua_State *L, Connection *c);

#pragma GCC visibility pop

#endif
