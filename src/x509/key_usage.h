/*
** key_usage.h -- what a certificate lets its key be used for.
*/
#ifndef LUASSL_KEY_USAGE_H
#define LUASSL_KEY_USAGE_H

#include <openssl/x509.h>

/* Bits of KeyUsage, RFC 5280, 4.2.1.3; of those that TLS uses; or none. */
enum { DIGITAL_SIGNATURE = 0, KEY_ENCIPHERMENT = 2, KEY_USAGE_NONE = -1 };

#pragma GCC visibility push(hidden)

/* 1: the certificate lets its key be used so. */
int key_usage_allows (const X509 *x509, int usage);

/* The bit's name in RFC 5280; NULL: there is no such bit. */
const char *key_usage_name (int usage);

#pragma GCC visibility pop

#endif
