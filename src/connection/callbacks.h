/*
** callbacks.h -- what OpenSSL asks in a handshake.
*/
#ifndef LUASSL_CALLBACKS_H
#define LUASSL_CALLBACKS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Has to be done before an SSL is made of the context, again each time. */
void callbacks_set (SSL_CTX *ctx, const Policy *policy);

#pragma GCC visibility pop

#endif
