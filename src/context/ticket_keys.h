/*
** ticket_keys.h -- the keys of a server's session tickets. All policies of one
** context share them, so that those set later hold for connections of before.
*/
#ifndef LUASSL_TICKET_KEYS_H
#define LUASSL_TICKET_KEYS_H

#include "base/compat.h"

#include "base/seal.h"

#define TICKET_SEAL_EXTRA (16 + SEAL_EXTRA)  /* of ticket_keys_seal */
#define TICKET_KEY_SIZE 80  /* bytes: a name, a key for HMAC, one for AES */

typedef struct TicketKeys TicketKeys;

#pragma GCC visibility push(hidden)

/* One key, a random one. NULL: see the error queue. */
TicketKeys *ticket_keys_new (void);
TicketKeys *ticket_keys_share (TicketKeys *keys);
void ticket_keys_free (TicketKeys *keys);

/* The context's tickets are made and read with these keys, borrowed, from now on:
** its policy holds them. 0: see the error queue. */
int ticket_keys_install (SSL_CTX *ctx, TicketKeys *keys);

/* 1: they are the caller's, and others may have them. */
int ticket_keys_are_given (const TicketKeys *keys);

/* Seals a text under the first key (seal.h); `out` has room for it and
** TICKET_SEAL_EXTRA. 0: see the error queue. */
int ticket_keys_seal (TicketKeys *keys, const char *label,
                      const unsigned char *text, size_t size,
                      unsigned char *out);

/* Opens it, if one of the keys does; `out` has room for as much as is sealed. */
int ticket_keys_open (TicketKeys *keys, const char *label,
                      const unsigned char *sealed, size_t sealed_size,
                      unsigned char *out, size_t *size);

/* Takes the list of strings at `index` in the place of what it has: true, or
** nil and an error; raises for what is no list of keys. [-0, +1|2, m] */
int ticket_keys_set (lua_State *L, TicketKeys *keys, int index);

/* new_ticket_key() */
int ticket_keys_make (lua_State *L);

#pragma GCC visibility pop

#endif
