/*
** extension_cache.c -- what OpenSSL keeps of a certificate parsed: its
** extensions and its public key.
**
** It parses them when it is first asked for an extension, and when it reads the
** certificate, and remembers for good that one could not be parsed: without
** memory it takes a sound authority for a malformed certificate, or for one
** with a key of an unknown kind, as long as that lives.
*/

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/extension_cache.h"

static int is_malformed (X509 *x509) {
  return (X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0;
}

static int has_key (X509 *x509) {
  return X509_get0_pubkey(x509) != NULL;
}

/* Of a malformed certificate a copy is malformed too, and of one whose key is of
** an unknown kind the key is so. */
int extension_cache_fill (X509 *x509) {
  X509 *copy = NULL;
  int malformed, keyed, lost;
  ERR_set_mark();
  malformed = is_malformed(x509);
  keyed = has_key(x509);
  lost = (malformed || !keyed)
         && ((copy = X509_dup(x509)) == NULL || is_malformed(copy) != malformed
             || has_key(copy) != keyed);
  X509_free(copy);
  ERR_pop_to_mark();
  if (lost) ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
  return !lost;
}
