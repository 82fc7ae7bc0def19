/*
** resumption.h -- which session a connection offers, keeps and tells, and what
** it is bound to.
*/
#ifndef LUASSL_RESUMPTION_H
#define LUASSL_RESUMPTION_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Makes the client context hand its connections the sessions they get. */
void resumption_set_callbacks (SSL_CTX *ctx);

/* Before a client's handshake: finds the scope of its sessions; offers the one
** it was given as an option, or one of the cache, if that is usable. */
void resumption_offer (lua_State *L, Connection *c);

/* After a client's full handshake: its session's scope, and what was verified
** in it. */
void resumption_bind (Connection *c);

/* Once that is done: keeps what came before it, if sessions are kept. */
void resumption_keep (Connection *c);

/* A server resumes sessions only for the same configuration and the same
** name; 0: see the error queue. */
int resumption_restrict (SSL *ssl, const Policy *policy, const char *name);

/* session(self), session_reused(self): methods of a connection. */
int resumption_session (lua_State *L, Connection *c);
int resumption_reused (lua_State *L, Connection *c);

#pragma GCC visibility pop

#endif
