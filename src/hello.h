/*
** hello.h -- a server's ClientHello: what the client asks for, and who
** answers it.
*/
#ifndef LUASSL_HELLO_H
#define LUASSL_HELLO_H

#include "context.h"

typedef struct Hello Hello;

#pragma GCC visibility push(hidden)

/* What the ClientHello under way says; NULL without memory. */
Hello *hello_take (SSL *ssl);

void hello_free (Hello *hello);

/* Writes the name that the client asks for, in lower case and without a
** trailing dot, to `name`, HOSTNAME_MAX + 1 bytes; "" if there is none. */
void hello_name (SSL *ssl, char *name);

/* Pushes the facts for on_client_hello. [-0, +1, m] */
void hello_push (lua_State *L, const Hello *hello, SSL *ssl);

/* Pushes what the table at `names` has for the client's name, or nil: the
** name itself, else with "*" for its first label. [-0, +1, m] */
void hello_find (lua_State *L, const Hello *hello, int names);

/* 1: the client offered this application protocol, or none at all. */
int hello_offers (const Hello *hello, const char *protocol, size_t size);

/* Pushes a signature scheme's name, RFC 8446, 4.2.3. [-0, +1, m] */
void hello_push_scheme (lua_State *L, unsigned int scheme);

#pragma GCC visibility pop

#endif
