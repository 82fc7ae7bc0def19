/*
** client_key.h -- which pre-shared key a client offers.
*/
#ifndef LUASSL_CLIENT_KEY_H
#define LUASSL_CLIENT_KEY_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Before the handshake: finds the key for the client's host and offers it, or
** stops for the option's function. 0 without memory. */
int client_key_begin (Connection *c);

/* Behind that stop: 1 if there is a key; it is offered then. */
int client_key_offer (Connection *c);

#pragma GCC visibility pop

#endif
