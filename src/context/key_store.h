/*
** key_store.h -- private keys by URI.
*/
#ifndef LUASSL_KEY_STORE_H
#define LUASSL_KEY_STORE_H

#include "context/pem.h"

#pragma GCC visibility push(hidden)

/* Takes the private key of the option key_uri, with the option password;
** absent: `key` stays NULL. What fails pushes nil and an error and returns 0.
** [-0, +?, e] */
int key_store_read (lua_State *L, Material *m, int options);

#pragma GCC visibility pop

#endif
