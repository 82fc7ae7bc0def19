/*
** seal.h -- bytes that nobody reads or changes without the key: authenticated
** encryption.
*/
#ifndef LUASSL_SEAL_H
#define LUASSL_SEAL_H

#include <stddef.h>

#define SEAL_KEY_SIZE 32
#define SEAL_EXTRA 48        /* bytes that a sealed text is longer */
#define SEAL_MAX (1 << 20)   /* bytes of a text */

#pragma GCC visibility push(hidden)

/* `label` says what the text is: under another it does not open. `out` has room
** for the text and SEAL_EXTRA. 0: see the error queue. */
int seal_close (const unsigned char *key, const char *label,
                const unsigned char *text, size_t size, unsigned char *out);

/* `out` has room for as many bytes as are sealed. *size: of the text. 0: it is
** not what was sealed with this key and label, or see the error queue. */
int seal_open (const unsigned char *key, const char *label,
               const unsigned char *sealed, size_t sealed_size,
               unsigned char *out, size_t *size);

#pragma GCC visibility pop

#endif
