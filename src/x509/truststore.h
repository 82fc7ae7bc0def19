/*
** truststore.h -- the system's trust anchors, shared by the whole process.
*/
#ifndef LUASSL_TRUSTSTORE_H
#define LUASSL_TRUSTSTORE_H

#include <limits.h>
#include <stdint.h>

#include <openssl/x509_vfy.h>

#define TRUST_COLON (-1)  /* a directory whose real path has one */

/* What became of the anchors. */
typedef struct Trust {
  int unread;           /* errno of the default bundle, which is not there; 0 */
  int bare;             /* there are none: no bundle, no hashed names */
  int error;            /* errno or TRUST_COLON; 0: see the error queue */
  const char *variable; /* that may name what the error is about; static */
  char path[PATH_MAX];  /* and which that is */
} Trust;

#pragma GCC visibility push(hidden)

/* The shared store, its count raised; nothing may be added to it. NULL: see
** `trust`. */
X509_STORE *truststore_system (Trust *trust);

/* Adds the system's anchors to a private store; 0: see `trust`. */
int truststore_add_system (X509_STORE *store, Trust *trust);

/* Brings what the bundle of a store of either holds into its memory. */
void truststore_fill (X509_STORE *store);

/* Where the system's anchors are looked for: a file, "" if none, and
** directories with colons between them; borrowed from the environment. */
void truststore_places (const char **file, const char **directories);

/* A digest of the anchors, the same wherever the same are trusted; it takes
** ANCHOR_SIZE bytes. 0: see `trust`. */
int truststore_digest (unsigned char *digest, Trust *trust);

/* Changes with the files and directories that hold the anchors. */
uint64_t truststore_stamp (void);

#pragma GCC visibility pop

#endif
