/*
** bundle.h -- a file of trust anchors, read once and shared by many stores.
*/
#ifndef LUASSL_BUNDLE_H
#define LUASSL_BUNDLE_H

#include <openssl/x509_vfy.h>

typedef struct Bundle Bundle;

#pragma GCC visibility push(hidden)

/* What the file holds now, which is not looked at yet, with one user. NULL:
** `*error` is an errno, or 0: see the error queue. */
Bundle *bundle_read (const char *file, int *error);

/* Whether it is NULL, or a file without any PEM. */
int bundle_is_bare (const Bundle *bundle);

/* One more user, 0: not; and one less. NULL has none. */
int bundle_share (Bundle *bundle);
void bundle_release (Bundle *bundle);

/* Adds the certificates to `store` unless `*filled`, which this sets and the
** bundle's lock guards. 0: it could not this time. */
int bundle_fill (Bundle *bundle, X509_STORE *store, int *filled);

#pragma GCC visibility pop

#endif
