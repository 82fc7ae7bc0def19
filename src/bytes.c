/*
** bytes.c -- a growing buffer: bytes go in at one end, out at the other.
** Its memory is OpenSSL's: one allocator for all that is not Lua's.
**
** Any Lua call that allocates may run finalizers, and those may use or close
** the connection whose method is under way: hence the loans.
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

/* Memory begins with a link, for the list of what was given up while lent. */
typedef struct Block {
  struct Block *next;
} Block;

static Block *block_of (unsigned char *data) {
  return data != NULL ? (Block *)(void *)(data - sizeof(Block)) : NULL;
}

static unsigned char *resize (unsigned char *data, size_t size) {
  Block *block;
  if (size > (size_t)-1 - sizeof(*block)) return NULL;
  block = OPENSSL_realloc(block_of(data), sizeof(*block) + size);
  return block != NULL ? (unsigned char *)(block + 1) : NULL;
}

static int enlarge (Bytes *b, size_t needed) {
  size_t size = grown(b->size, needed);
  unsigned char *data;
  if (b->first > 0) {
    memmove(b->data, bytes_start(b), bytes_length(b));
    b->last -= b->first;
    b->first = 0;
  }
  data = resize(b->data, size);
  if (data == NULL) return 0;
  b->data = data;
  b->size = size;
  return 1;
}

/* Leaves the memory to who reads it. */
static void give_up (Bytes *b) {
  Block *block = block_of(b->data);
  block->next = b->left;
  b->left = block;
  b->data = NULL;
  b->first = b->last = b->size = 0;
  b->lent = 0;
}

/* Goes on with the same bytes in other memory. */
static int copy_lent (Bytes *b) {
  size_t length = bytes_length(b), size = grown(0, length);
  unsigned char *data = resize(NULL, size);
  if (data == NULL) return 0;
  memcpy(data, bytes_start(b), length);
  give_up(b);
  b->data = data;
  b->last = length;
  b->size = size;
  return 1;
}

unsigned char *bytes_reserve (Bytes *b, size_t n) {
  size_t length = bytes_length(b);
  if (b->lent && !copy_lent(b)) return NULL;
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
  unsigned char *room;
  if (n == 0) return 1;
  room = bytes_reserve(b, n);
  if (room == NULL) return 0;
  memcpy(room, data, n);
  b->last += n;
  return 1;
}

void bytes_consume (Bytes *b, size_t n) {
  b->first += n;
  if (b->first == b->last) b->first = b->last = 0;
}

int bytes_lend (Bytes *b) {
  if (b->lent && !copy_lent(b)) return 0;
  b->lent = b->data != NULL;
  return 1;
}

int bytes_settle (Bytes *b, size_t n) {
  if (!b->lent) return n == 0;
  b->lent = 0;
  bytes_consume(b, n);
  return 1;
}

void bytes_free (Bytes *b) {
  if (b->lent) give_up(b);
  OPENSSL_free(block_of(b->data));
  b->data = NULL;
  b->first = b->last = b->size = 0;
}

void bytes_finish (Bytes *b) {
  Block *block = b->left;
  b->left = NULL;
  b->lent = 0;
  while (block != NULL) {
    Block *next = block->next;
    OPENSSL_free(block);
    block = next;
  }
  bytes_free(b);
}
