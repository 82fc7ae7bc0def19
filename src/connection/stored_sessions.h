/*
** stored_sessions.h -- a server's sessions that the program keeps elsewhere, by
** the options get_session, put_session and remove_session.
*/
#ifndef LUASSL_STORED_SESSIONS_H
#define LUASSL_STORED_SESSIONS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Makes the server's context hand its sessions out, and ask for them. */
void stored_sessions_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* A ClientHello is there, and nothing else is to be decided: 1, it has to wait
** until get_session has answered. */
int stored_sessions_ask (SSL *ssl, Connection *c);

/* What get_session has answered; what makes no sense is as good as nothing. */
void stored_sessions_take (Connection *c, const unsigned char *bytes,
                           size_t size);

/* The handshake is done. */
void stored_sessions_settle (Connection *c);

/* A fatal alert: the connection's session is none any more. */
void stored_sessions_spoil (SSL *ssl, Connection *c);

void stored_sessions_free (Connection *c);

#pragma GCC visibility pop

#endif
