/*
** session.h -- SSLSession: an SSL_SESSION and its scope, which is what it was
** made with and all that was checked then.
*/
#ifndef LUASSL_SESSION_H
#define LUASSL_SESSION_H

#include <stdint.h>

#include "context/policy.h"

#define SESSION_T "luassl.SSLSession"

#pragma GCC visibility push(hidden)

/* Binds the session to the scope of that digest, and to the chain that was
** verified; NULL: none was. `until`: when it ends at the latest, in seconds
** since the epoch; 0: nothing is known. A session without a scope is never
** offered. 0: no memory. */
int session_set_scope (SSL_SESSION *session, const unsigned char *digest,
                       STACK_OF(X509) *chain, double until);

/* The same on a server, of what came with a ticket: the chain that was verified,
** or NULL, and when the first of it ends; 0: not known. 0: no memory. */
int session_restore (SSL_SESSION *session, STACK_OF(X509) *chain,
                     int64_t expires);

/* When the first of these certificates ends, in seconds since the epoch; 0: there
** is none. */
int64_t session_chain_end (STACK_OF(X509) *chain);

int session_has_scope (const SSL_SESSION *session);

/* 1: it is of that scope. */
int session_same_scope (const SSL_SESSION *session,
                        const unsigned char *digest);

/* 1: it is, and can still be offered. */
int session_usable (SSL_SESSION *session, const unsigned char *digest);

/* The digest of its scope, which it has; borrowed. */
const unsigned char *session_digest (const SSL_SESSION *session);

/* When that ends at the latest; 0: nothing is known. */
double session_until (const SSL_SESSION *session);

/* 1: it can be offered in that scope. */
int session_is_offerable (SSL_SESSION *session);

/* There may be copies of it from now on, or it is one. */
void session_note_saved (SSL_SESSION *session);

/* It is about to be offered: of TLS 1.3 neither it nor a copy will be again. 0:
** there was no memory to note that. */
int session_note_offered (SSL_SESSION *session);

/* RFC 8446, C.4: a ticket is used once; before TLS 1.3 one session serves. */
int session_single_use (const SSL_SESSION *session);

/* What was verified when it was made, borrowed; or NULL. */
STACK_OF(X509) *session_chain (const SSL_SESSION *session);

/* 1: of the certificates that it rests upon one is out of date, by the time
** that the policy names; a server's session holds the client's own alone. */
int session_expired (SSL_SESSION *session, const Policy *policy);

/* Pushes an SSLSession that waits for the reference it will own. [-0, +1, m] */
SSL_SESSION **session_new (lua_State *L);

/* The SSLSession at `index`, borrowed; anything else raises. */
SSL_SESSION *session_check (lua_State *L, int index);

/* The SSLSession at `index`, borrowed; NULL: it is none. */
SSL_SESSION *session_test (lua_State *L, int index);

/* Registers the type. [-0, +0, m] */
void session_open (lua_State *L);

#pragma GCC visibility pop

#endif
