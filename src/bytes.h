/*
** bytes.h -- a growing buffer: bytes go in at one end, out at the other.
*/
#ifndef LUASSL_BYTES_H
#define LUASSL_BYTES_H

#include <stddef.h>

/* All zero is an empty buffer that holds no memory. */
typedef struct Bytes {
  unsigned char *data;  /* owned */
  size_t first, last;   /* what is in it: data[first] to data[last - 1] */
  size_t size;
} Bytes;

#define bytes_length(b) ((b)->last - (b)->first)
#define bytes_start(b) ((b)->data + (b)->first)

#pragma GCC visibility push(hidden)

/* Makes room for `n` more bytes; where they go, or NULL without memory. */
unsigned char *bytes_reserve (Bytes *b, size_t n);

/* The same in an empty buffer, with room before them for bytes_prepend. */
unsigned char *bytes_reserve_behind (Bytes *b, size_t gap, size_t n);
void bytes_prepend (Bytes *b, const void *data, size_t n);

/* 0 without memory: then nothing was added. */
int bytes_append (Bytes *b, const void *data, size_t n);

/* Takes `n` bytes away; an emptied buffer starts at its front again. */
void bytes_consume (Bytes *b, size_t n);

/* Frees the memory; the buffer is empty and usable. */
void bytes_free (Bytes *b);

/* Frees what memory waits for others. */
void bytes_drop_spares (void);

#pragma GCC visibility pop

#endif
