/*
** bytes.c -- a growing buffer: bytes go in at one end, out at the other.
** Its memory is OpenSSL's: one allocator for all that is not Lua's.
*/

#include <string.h>

#include <openssl/crypto.h>

#include "bytes.h"

#define SMALLEST 512

/* The next size that holds `needed`: doubling keeps appending linear. */
static size_t grown (size_t size, size_t needed) {
  if (size < SMALLEST) size = SMALLEST;
  while (size < needed && size <= (size_t)-1 / 2) size *= 2;
  return size < needed ? needed : size;
}

static int enlarge (Bytes *b, size_t needed) {
  size_t size = grown(b->size, needed);
  unsigned char *data;
  if (b->first > 0) {
    memmove(b->data, bytes_start(b), bytes_length(b));
    b->last -= b->first;
    b->first = 0;
  }
  data = OPENSSL_realloc(b->data, size);
  if (data == NULL) return 0;
  b->data = data;
  b->size = size;
  return 1;
}

unsigned char *bytes_reserve (Bytes *b, size_t n) {
  size_t length = bytes_length(b);
  if (b->data != NULL && n <= b->size - b->last) return b->data + b->last;
  if (n > (size_t)-1 - length) return NULL;
  if (b->data != NULL && length + n <= b->size && length <= b->first) {
    memcpy(b->data, bytes_start(b), length);  /* no overlap */
    b->first = 0;
    b->last = length;
  }
  else if (!enlarge(b, length + n)) return NULL;
  return b->data + b->last;
}

int bytes_append (Bytes *b, const void *data, size_t n) {
  unsigned char *room = bytes_reserve(b, n);
  if (room == NULL) return 0;
  memcpy(room, data, n);
  b->last += n;
  return 1;
}

void bytes_consume (Bytes *b, size_t n) {
  b->first += n;
  if (b->first == b->last) b->first = b->last = 0;
}

void bytes_free (Bytes *b) {
  OPENSSL_free(b->data);
  memset(b, 0, sizeof(*b));
}
