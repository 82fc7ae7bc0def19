/*
** der.h -- certificates and private keys in DER.
*/
#ifndef LUASSL_DER_H
#define LUASSL_DER_H

#include "context/material.h"

#pragma GCC visibility push(hidden)

/* Whether it begins as DER does, and no text. */
int der_is (const unsigned char *bytes, size_t size);

/* Adds all certificates, one behind the other, to the list: 1; or 0: see the
** error queue. Those before are in the list. */
int der_certificates (STACK_OF(X509) *list, const unsigned char *bytes,
                      size_t size);

/* The private key, encrypted or not; NULL: see the error queue, and `p` whether
** a passphrase was asked for. */
EVP_PKEY *der_key (const Material *m, Passphrase *p);

#pragma GCC visibility pop

#endif
