/*
** truststore.h -- the system's trust anchors, shared by the whole process.
*/
#ifndef LUASSL_TRUSTSTORE_H
#define LUASSL_TRUSTSTORE_H

#include <stdint.h>

#include <openssl/x509_vfy.h>

#pragma GCC visibility push(hidden)

/* The shared store, its count raised; nothing may be added to it. NULL: the
** reason is in the error queue. */
X509_STORE *truststore_system (void);

/* Adds the system's anchors to a private store; 0: see the error queue. */
int truststore_add_system (X509_STORE *store);

/* Changes with the files and directories that hold the anchors. */
uint64_t truststore_stamp (void);

#pragma GCC visibility pop

#endif
