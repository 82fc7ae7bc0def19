/*
** key_usage.h -- what a certificate lets its key be used for, and what TLS does
** with it.
*/
#ifndef LUASSL_KEY_USAGE_H
#define LUASSL_KEY_USAGE_H

#include <openssl/ssl.h>

#pragma GCC visibility push(hidden)

/* The bit that the key usage of the peer's leaf lacks in this handshake, by
** its name in RFC 5280; NULL: none. */
const char *key_usage_missing (const SSL *ssl, const X509 *leaf);

#pragma GCC visibility pop

#endif
