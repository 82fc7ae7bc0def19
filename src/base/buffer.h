/*
** buffer.h -- a growing buffer: bytes go in at one end, out at the other.
*/
#ifndef LUASSL_BUFFER_H
#define LUASSL_BUFFER_H

#include <stddef.h>

/* All zero is an empty buffer that holds no memory. */
typedef struct Buffer {
  unsigned char *data;  /* owned */
  size_t first, last;   /* what is in it: data[first] to data[last - 1] */
  size_t size;
} Buffer;

#define buffer_length(b) ((b)->last - (b)->first)
#define buffer_start(b) ((b)->data + (b)->first)

#pragma GCC visibility push(hidden)

/* Makes room for `n` more bytes; where they go, or NULL without memory. */
unsigned char *buffer_reserve (Buffer *b, size_t n);

/* The same in an empty buffer, with room before them for buffer_prepend. */
unsigned char *buffer_reserve_behind (Buffer *b, size_t gap, size_t n);
void buffer_prepend (Buffer *b, const void *data, size_t n);

/* 0 without memory: then nothing was added. */
int buffer_append (Buffer *b, const void *data, size_t n);

/* Takes `n` bytes away; an emptied buffer starts at its front again. */
void buffer_consume (Buffer *b, size_t n);

/* Frees the memory; the buffer is empty and usable. */
void buffer_free (Buffer *b);

/* Frees what memory waits for others. */
void buffer_drop_spares (void);

#pragma GCC visibility pop

#endif
