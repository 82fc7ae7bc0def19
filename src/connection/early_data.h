/*
** early_data.h -- data in a handshake's first flight (RFC 8446, 2.3).
*/
#ifndef LUASSL_EARLY_DATA_H
#define LUASSL_EARLY_DATA_H

#include "connection/connection.h"

struct EarlyData {
  int over;       /* no more comes, or goes */
  size_t sent;    /* a client: how much */
  Buffer unread;  /* a server's */
};

#pragma GCC visibility push(hidden)

/* Makes a server's connections ask us whether a session may bring any. */
void early_data_set_callbacks (SSL_CTX *ctx, const Policy *policy);

/* The connection has a new SSL, of its policy: 0 without memory. */
int early_data_open (Connection *c);

/* What it has, or has from now on; NULL without memory. */
EarlyData *early_data_make (Connection *c);
void early_data_free (Connection *c);

/* In the place of SSL_do_handshake, where the connection has any: its result.
** A server keeps what it reads. */
int early_data_step (Connection *c);

/* Somebody waits for it, and there is something, or there is no more. */
int early_data_comes (const Connection *c);

/* The handshake is complete: what nobody has read is ordinary data now. 0, or
** 2 with nil and an error: what this client has sent was refused. */
int early_data_settle (lua_State *L, Connection *c);

#pragma GCC visibility pop

#endif
