/*
** channel_binding.h -- what only the two ends of one connection know of it.
*/
#ifndef LUASSL_CHANNEL_BINDING_H
#define LUASSL_CHANNEL_BINDING_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* The hash that stands for a server's certificate in tls-server-end-point, of
** EVP_MAX_MD_SIZE bytes at most; where there is none, of 0. 0: no memory. */
int channel_binding_hash (SSL *ssl, unsigned char *hash, size_t *size);

/* The handshake is done: what of it cannot be asked for later. */
void channel_binding_note (Connection *c);

/* Adds the shared methods to the table at the top; see method_add.
** [-0, +0, m] */
void channel_binding_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
