/*
** server_key.h -- which pre-shared key a server finds for its client.
*/
#ifndef LUASSL_SERVER_KEY_H
#define LUASSL_SERVER_KEY_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Makes the context's connections ask us. */
void server_key_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* In the ClientHello: 1 goes on, 0 stops for the option's function, -1 the
** handshake ends, with that alert. */
int server_key_on_hello (Connection *c, SSL *ssl, int *alert);

/* What the function is told, into the table at the top. [-0, +0, m] */
void server_key_push_offers (lua_State *L, const Connection *c);

/* The primitive for hooks.lua, into the table at the top. [-0, +0, m] */
void server_key_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
