/*
** engine_wait.h -- waiting for an OpenSSL engine that computes elsewhere.
*/
#ifndef LUASSL_ENGINE_WAIT_H
#define LUASSL_ENGINE_WAIT_H

#include <openssl/ssl.h>

#pragma GCC visibility push(hidden)

/* Waits until it tells that it is done, or for a moment. 1: try again, 0: not
** beyond `deadline`. */
int engine_wait (SSL *ssl, double deadline);

#pragma GCC visibility pop

#endif
