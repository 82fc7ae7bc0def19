/*
** client_hello.h -- a server's ClientHello: what the client asks for, and who
** answers it.
*/
#ifndef LUASSL_CLIENT_HELLO_H
#define LUASSL_CLIENT_HELLO_H

#include "context/context.h"

typedef struct ClientHello ClientHello;

#pragma GCC visibility push(hidden)

/* What the ClientHello under way says; NULL without memory. */
ClientHello *client_hello_parse (SSL *ssl);

void client_hello_free (ClientHello *hello);

/* Writes the name that the client asks for, in lower case and without a
** trailing dot, to `name`, HOSTNAME_MAX + 1 bytes; "" if there is none. */
void client_hello_name (SSL *ssl, char *name);

/* Pushes the facts for on_client_hello. [-0, +1, m] */
void client_hello_push (lua_State *L, const ClientHello *hello, SSL *ssl);

/* Pushes what the table at `names` has for the client's name, or nil: the
** name itself, else with "*" for its first label. [-0, +1, m] */
void client_hello_look_up (lua_State *L, const ClientHello *hello, int names);

/* 1: the client offered this application protocol. */
int client_hello_offers (const ClientHello *hello, const char *protocol,
                         size_t size);

/* Pushes a signature scheme's name, RFC 8446, 4.2.3. [-0, +1, m] */
void client_hello_push_scheme (lua_State *L, unsigned int scheme);

#pragma GCC visibility pop

#endif
