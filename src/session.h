/*
** session.h -- SSLSession: what resumes a connection, bound to all that was
** checked when it was made.
*/
#ifndef LUASSL_SESSION_H
#define LUASSL_SESSION_H

#include "connection.h"

#define SESSION_T "luassl.SSLSession"

typedef struct SessionCache SessionCache;

#pragma GCC visibility push(hidden)

/* A client's sessions by what they are bound to; NULL without memory. */
SessionCache *session_cache_new (void);
void session_cache_free (SessionCache *cache);

/* Makes the client context hand its connections the sessions they get. */
void session_watch (SSL_CTX *ctx);

/* A server's tickets of TLS 1.3: `prepare` keeps OpenSSL from sending them at
** the end of the handshake, `count` says then how many there will be, and
** `issue` makes the next write send them in front; 1 if there are any. */
void session_prepare (SSL *ssl, Connection *c, const Policy *policy);
void session_count_tickets (Connection *c);
int session_issue_tickets (Connection *c);

/* Before a client's handshake: what its sessions are bound to; offers the one
** it was given as an option, or one of the cache, if that is bound to the
** same. */
void session_offer (lua_State *L, Connection *c);

/* After a client's full handshake: binds its session, to what was verified
** too. */
void session_bind (Connection *c);

/* Once that is done: keeps what came before it, if sessions are kept. */
void session_keep (Connection *c);

/* What was verified when the resumed session was made, borrowed; or NULL. */
STACK_OF(X509) *session_chain (const Connection *c);

/* 1: of the certificates that the resumed session rests upon one is out of
** date; a server's holds the client's own alone. */
int session_expired (const Connection *c);

/* A server resumes sessions only for the same configuration and the same
** name; 0: see the error queue. */
int session_restrict (SSL *ssl, const Policy *policy, const char *name);

/* session(self), session_reused(self): methods of a connection. */
int session_get (lua_State *L, Connection *c);
int session_reused (lua_State *L, Connection *c);

/* Registers the type. [-0, +0, m] */
void session_open (lua_State *L);

#pragma GCC visibility pop

#endif
