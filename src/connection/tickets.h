/*
** tickets.h -- a server's tickets of TLS 1.3.
*/
#ifndef LUASSL_TICKETS_H
#define LUASSL_TICKETS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* What tickets carry, and whether one that comes is taken. */
void tickets_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* 1: by what the policy asks of its client now, the session may be resumed. */
int tickets_is_good (const Connection *c, SSL *ssl, SSL_SESSION *session);

/* A server has resumed a session: what was known of its client. */
void tickets_restore (const Connection *c);

/* Keeps OpenSSL from sending them at the end of the handshake. */
void tickets_defer (SSL *ssl, Connection *c, const Policy *policy);

/* At its end: how many there will be, and what they carry. */
void tickets_settle (Connection *c);

/* Who the client is has changed: there will be new ones. */
void tickets_renew (Connection *c);

/* Makes the next write send them in front; 1: there are any. */
int tickets_issue (Connection *c);

#pragma GCC visibility pop

#endif
