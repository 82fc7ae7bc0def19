/*
** crl.h -- certificate revocation lists from bytes, without Lua.
*/
#ifndef LUASSL_CRL_H
#define LUASSL_CRL_H

#include <stddef.h>

#include <openssl/x509.h>

#pragma GCC visibility push(hidden)

typedef enum CrlResult { CRL_READ, CRL_NONE, CRL_DAMAGED, CRL_NO_MEMORY }
  CrlResult;

/* Adds to `list`, which owns them then, all CRLs in the bytes: in PEM, between
** whatever else, or in DER, one behind the other. `*count` is how many those
** are. In anything but CRL_READ the error queue may tell more. */
CrlResult crl_read (STACK_OF(X509_CRL) *list, const unsigned char *bytes,
                    size_t size, int *count);

#pragma GCC visibility pop

#endif
