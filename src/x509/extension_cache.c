/*
** extension_cache.c -- the extensions that OpenSSL keeps parsed.
**
** It parses those of a certificate when it is first asked for one, and
** remembers for good that one could not be parsed: without memory it takes a
** sound authority for a malformed certificate as long as that lives.
*/

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/extension_cache.h"

static int is_malformed (X509 *x509) {
  return (X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0;
}

/* Of a malformed certificate a copy is malformed too. */
int extension_cache_fill (X509 *x509) {
  X509 *copy = NULL;
  int lost;
  ERR_set_mark();
  lost = is_malformed(x509)
         && ((copy = X509_dup(x509)) == NULL || !is_malformed(copy));
  X509_free(copy);
  ERR_pop_to_mark();
  if (lost) ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
  return !lost;
}
