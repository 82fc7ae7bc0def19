/*
** verdict.h -- why a certificate is refused, and what to do about it.
*/
#ifndef LUASSL_VERDICT_H
#define LUASSL_VERDICT_H

#include <openssl/x509.h>

#include "base/failure.h"
#include "x509/hostname.h"

typedef struct Verdict {
  long code;             /* X509_V_ERR_... */
  int depth;             /* of the certificate that failed; -1: not known */
  X509 *x509;            /* borrowed: that certificate; NULL: not known */
  int of_client;         /* a client's certificate was judged */
  const Hostname *name;  /* borrowed: that was asked for; NULL: none */
  int more;              /* names behind it that would have done */
  int usage;             /* bit of key usage that the leaf had to have */
  int unread;            /* why the system's bundle was not: errno, 0: it was */
  int bare;              /* nor did the system have any certificate at all */
  const char *trust;     /* the option that says whom to trust, static */
} Verdict;

#pragma GCC visibility push(hidden)

/* Writes the SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal digits;
** 0: no memory. */
int verdict_hash_key (const EVP_PKEY *key, char text[2 * 32 + 1]);

/* Makes it the sentence of the failure. Needs no Lua. May leave entries in the
** error queue. */
void verdict_tell (const Verdict *v, Failure *f);

#pragma GCC visibility pop

#endif
