/*
** verify.h -- the verdict on the peer's certificate, and what becomes of it:
** cert_reqs, pins and the hook on_verify decide, at every handshake.
*/
#ifndef LUASSL_VERIFY_H
#define LUASSL_VERIFY_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Makes the context's connections ask us. */
void verify_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* Whether a server's handshake can stop inside OpenSSL's stack. */
int verify_can_suspend (void);

/* Before the handshake of `ssl`: lets the hook on_verify suspend it. */
void verify_prepare (SSL *ssl, const Policy *policy);

/* Before it, too: the server must match a TLSA record of the connection's. 0:
** see the error queue. */
int verify_by_tlsa (Connection *c, SSL *ssl);

/* A step of the handshake has stopped: notes where. Then 1 if it waits inside
** OpenSSL's stack and this is another thread, where it cannot go on. */
void verify_note_thread (Connection *c);
int verify_is_elsewhere (const SSL *ssl, const Connection *c);

/* At the end of a handshake in which OpenSSL verified nothing, a resumed one:
** the verdict from what was bound to the session. */
void verify_again (Connection *c);

/* 1: the handshake, complete otherwise, has a decision left to take. */
int verify_is_left (Connection *c);

/* The handshake is complete: 1 if all that was asked of the peer's
** certificate holds. */
int verify_holds (Connection *c);

/* Then, if there is a certificate: tells OpenSSL's error queue why not; 1. */
int verify_complain (Connection *c);

/* A handshake that waits inside OpenSSL's stack for the hook is told no and
** winds up, so that nothing of it is left. */
void verify_abandon (SSL *ssl, Connection *c);

#pragma GCC visibility pop

#endif
