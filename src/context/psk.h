/*
** psk.h -- the option psk: pre-shared keys, on a server by identity, on a
** client by host.
*/
#ifndef LUASSL_PSK_H
#define LUASSL_PSK_H

#include <stddef.h>

#include "base/compat.h"

/* Of a key, in bytes. RFC 9257, 4: 128 bits at least. */
#define PSK_KEY_MIN 16
#define PSK_KEY_MAX 512

/* Of an identity: several fit in a ClientHello. Before TLS 1.3 OpenSSL takes
** PSK_MAX_IDENTITY_LEN, and no NULs. */
#define PSK_IDENTITY_MAX 16384

enum { PSK_SHA256 = 32, PSK_SHA384 = 48 };  /* by their size */

/* Borrowed from a table. */
typedef struct Psk {
  const unsigned char *identity;
  size_t identity_size;
  const unsigned char *key;
  size_t key_size;
  int hash;  /* PSK_SHA*: TLS 1.3's */
} Psk;

typedef struct PskTable PskTable;

#pragma GCC visibility push(hidden)

/* Raises for what the option may not hold. */
void psk_check (lua_State *L, int options, int server_side);

/* Takes the option, which was checked: 1; NULL if it is none or a function.
** 0 without memory. */
int psk_read (lua_State *L, int options, int server_side, PskTable **table);

void psk_free (PskTable *table);

/* The key for a name, which is an identity or, in lower case, a host; 0: there
** is none. */
int psk_find (const PskTable *table, const void *name, size_t size, Psk *psk);

/* The number of a hash's name; 0: none that there is. */
int psk_hash (const char *name);

#pragma GCC visibility pop

#endif
