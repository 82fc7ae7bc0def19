/*
** extension_cache.h -- what OpenSSL keeps of a certificate parsed.
*/

#ifndef LUASSL_X509_EXTENSION_CACHE_H
#define LUASSL_X509_EXTENSION_CACHE_H

#include <openssl/x509.h>

#pragma GCC visibility push(hidden)

/* Has a certificate's extensions and its key parsed; 0: no memory, as the error
** queue says then. To be called for each certificate that is kept. */
int extension_cache_fill (X509 *x509);

#pragma GCC visibility pop

#endif
