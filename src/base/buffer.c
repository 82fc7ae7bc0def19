/*
** buffer.c -- a growing buffer: bytes go in at one end, out at the other.
** Its memory is OpenSSL's: one allocator for all that is not Lua's.
*/

#include <string.h>

#include <openssl/crypto.h>

#include "base/buffer.h"

#define SMALLEST 512

/* ---- memory ---- */

/* What memory begins with; aligned for what comes behind it. */
typedef union Block {
  size_t size;  /* of a spare that is larger than the others */
  void *alignment;
} Block;

/* Connections that carry data free and take these sizes all the time: one
** block of each waits for whoever comes next, in whatever thread. malloc(3)
** takes thousands of instructions for them when much else was freed, and the
** system more for the pages of a large one. */
#define SPARE_MIN ((size_t)16 << 10)
#define SPARE_MAX ((size_t)128 << 10)
#define LARGE_MAX ((size_t)2 << 20)

static Block *spares[4], *large;

/* The place of a spare block of this size; NULL: none is kept. */
static Block **spare_place (size_t size) {
#if !defined(__SANITIZE_ADDRESS__)  /* which is to see what is freed */
  switch (size) {
    case SPARE_MIN: return &spares[0];
    case SPARE_MIN << 1: return &spares[1];
    case SPARE_MIN << 2: return &spares[2];
    case SPARE_MAX: return &spares[3];
  }
#endif
  (void)size;
  return NULL;
}

static Block *block_of (unsigned char *data) {
  return data != NULL ? (Block *)(void *)(data - sizeof(Block)) : NULL;
}

static unsigned char *obtain (size_t size) {
  Block **place = spare_place(size), *block = NULL;
  if (size > (size_t)-1 - sizeof(*block)) return NULL;
  if (place != NULL) block = __atomic_exchange_n(place, NULL, __ATOMIC_ACQUIRE);
  if (block == NULL) block = OPENSSL_malloc(sizeof(*block) + size);
  return block != NULL ? (unsigned char *)(block + 1) : NULL;
}

static void release (unsigned char *data, size_t size) {
  Block **place = spare_place(size), *block = block_of(data);
  if (size > SPARE_MAX && size <= LARGE_MAX) {
    place = &large;
    block->size = size;
  }
  if (block != NULL && place != NULL)
    block = __atomic_exchange_n(place, block, __ATOMIC_ACQ_REL);
  OPENSSL_free(block);
}

/* The large spare, if it has `*size` bytes; how many then. */
static unsigned char *obtain_large (size_t *size) {
  Block *block = __atomic_exchange_n(&large, NULL, __ATOMIC_ACQUIRE);
  if (block == NULL) return NULL;
  if (block->size >= *size) {
    *size = block->size;
    return (unsigned char *)(block + 1);
  }
  OPENSSL_free(block);
  return NULL;
}

/* The next size that holds `needed`: growing by a factor keeps appending
** linear; by a large one where memory is cheap. */
static size_t grown (size_t size, size_t needed) {
  size_t factor = size > 0 && size < SPARE_MAX ? 4 : 2;
  if (size == 0 && spare_place(needed) != NULL) return needed;
  if (size < SMALLEST) size = SMALLEST;
  while (size < needed && size <= (size_t)-1 / 4) size *= factor;
  return size < needed ? needed : size;
}

/* ---- the buffer ---- */

/* Large memory moves without being copied: realloc(3) knows how. */
static unsigned char *resize (Buffer *b, size_t size) {
  Block *block = block_of(b->data);
  if (size > (size_t)-1 - sizeof(*block)) return NULL;
  memmove(b->data, buffer_start(b), buffer_length(b));
  b->last -= b->first;
  b->first = 0;
  block = OPENSSL_realloc(block, sizeof(*block) + size);
  return block != NULL ? (unsigned char *)(block + 1) : NULL;
}

/* Without memory all bytes stay where they can be read, and no block has two
** owners: a spare is taken out of its place before it is anybody's. */
static int enlarge (Buffer *b, size_t needed) {
  size_t size = grown(b->size, needed), length = buffer_length(b);
  unsigned char *data = NULL;
  if (b->size > SPARE_MAX) data = resize(b, size);
  else {
    if (size > SPARE_MAX) data = obtain_large(&size);
    if (data == NULL) data = obtain(size);
    if (data == NULL) return 0;
    if (length > 0) memcpy(data, buffer_start(b), length);
    release(b->data, b->size);
  }
  if (data == NULL) return 0;
  b->data = data;
  b->first = 0;
  b->last = length;
  b->size = size;
  return 1;
}

unsigned char *buffer_reserve (Buffer *b, size_t n) {
  size_t length = buffer_length(b);
  if (b->data != NULL && n <= b->size - b->last) return b->data + b->last;
  if (n > (size_t)-1 - length) return NULL;
  if (b->data != NULL && length + n <= b->size && length <= b->first) {
    memcpy(b->data, buffer_start(b), length);  /* no overlap */
    b->first = 0;
    b->last = length;
  }
  else if (!enlarge(b, length + n)) return NULL;
  return b->data + b->last;
}

unsigned char *buffer_reserve_behind (Buffer *b, size_t gap, size_t n) {
  unsigned char *room = buffer_reserve(b, gap + n);
  if (room == NULL) return NULL;
  b->first = b->last = gap;
  return b->data + gap;
}

void buffer_prepend (Buffer *b, const void *data, size_t n) {
  b->first -= n;
  memcpy(buffer_start(b), data, n);
}

int buffer_append (Buffer *b, const void *data, size_t n) {
  unsigned char *room;
  if (n == 0) return 1;
  room = buffer_reserve(b, n);
  if (room == NULL) return 0;
  memcpy(room, data, n);
  b->last += n;
  return 1;
}

void buffer_consume (Buffer *b, size_t n) {
  b->first += n;
  if (b->first == b->last) b->first = b->last = 0;
}

void buffer_free (Buffer *b) {
  release(b->data, b->size);
  b->data = NULL;
  b->first = b->last = b->size = 0;
}

/* The end of a connection is the end of what was kept for it. */
void buffer_drop_spares (void) {
  size_t i;
  for (i = 0; i < sizeof(spares) / sizeof(spares[0]); i++)
    OPENSSL_free(__atomic_exchange_n(&spares[i], NULL, __ATOMIC_ACQUIRE));
  OPENSSL_free(__atomic_exchange_n(&large, NULL, __ATOMIC_ACQUIRE));
}
