/*
** handshake_usage.h -- what a handshake does with the peer's key.
*/
#ifndef LUASSL_HANDSHAKE_USAGE_H
#define LUASSL_HANDSHAKE_USAGE_H

#include <openssl/ssl.h>

#pragma GCC visibility push(hidden)

/* The bit of key usage that the peer's certificate must have in this
** handshake; KEY_USAGE_NONE: none. */
int handshake_usage (const SSL *ssl);

#pragma GCC visibility pop

#endif
