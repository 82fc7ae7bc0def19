/*
** trace.h -- readable lines of what a handshake does, and of its secrets for
** others to read the connection: options trace and keylog.
*/
#ifndef LUASSL_TRACE_H
#define LUASSL_TRACE_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Before a context's first connection. */
void trace_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* Before a connection's first step. */
void trace_watch (SSL *ssl, const Policy *policy);

/* A message or an alert, with or without option trace. */
void trace_message (Connection *c, int sent, int type, const void *bytes,
                    size_t size);

/* A step of the handshake. */
void trace_state (Connection *c, const SSL *ssl, int where);

#pragma GCC visibility pop

#endif
