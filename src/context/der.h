/*
** der.h -- certificates and private keys in DER.
*/
#ifndef LUASSL_DER_H
#define LUASSL_DER_H

#include "context/material.h"

#pragma GCC visibility push(hidden)

/* Whether it begins as DER does, and no text. */
int der_is (const Material *m);

/* All certificates, one behind the other: 1, or 0: what they are up to there is
** in `m`. */
int der_certificates (Material *m);

/* The private key, encrypted or not; NULL: see the error queue, and `p` whether
** a passphrase was asked for. */
EVP_PKEY *der_key (const Material *m, Passphrase *p);

#pragma GCC visibility pop

#endif
