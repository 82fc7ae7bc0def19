/*
** anchors.h -- a digest of what is trusted, by what it is and not by where it
** lies: the same on each machine that trusts the same.
*/
#ifndef LUASSL_ANCHORS_H
#define LUASSL_ANCHORS_H

#include <stddef.h>

#include <openssl/x509_vfy.h>

#define ANCHOR_SIZE 32  /* SHA-256 */

/* Digests of certificates, with their trust settings, and of CRLs if these are
** wanted. All zero: none. */
typedef struct Anchors {
  unsigned char *digests;  /* owned */
  size_t count, room;
  int crls;                /* they count */
} Anchors;

#pragma GCC visibility push(hidden)

/* 0: no memory; what was added stays. */
int anchors_add (Anchors *anchors, X509 *x509);

/* What the store has in memory. */
int anchors_add_store (Anchors *anchors, X509_STORE *store);

/* What lies in the directories of the list, with colons between them, under
** hashed names. What cannot be read is not there. */
int anchors_add_directories (Anchors *anchors, const char *list);

/* Their digest, whatever their order and however often each is there. */
int anchors_digest (Anchors *anchors, unsigned char *digest);

void anchors_free (Anchors *anchors);

#pragma GCC visibility pop

#endif
