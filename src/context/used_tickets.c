/*
** used_tickets.c -- which tickets of saved sessions this process has offered:
** of one that was loaded several times there are copies, and a ticket serves
** once (RFC 8446, C.4). A client's session has the hash of its ticket for an id.
** The threads of a process share the list; it has room for the newest 8192.
*/

#include <string.h>

#include <openssl/crypto.h>

#include "context/used_tickets.h"

#define ID_SIZE 32
#define BUCKETS 256
#define BUCKET_SIZE 32

typedef struct Bucket {
  unsigned int count;  /* ever; the newest are there */
  unsigned char ids[BUCKET_SIZE][ID_SIZE];
} Bucket;

static CRYPTO_RWLOCK *lock;
static Bucket *buckets[BUCKETS];  /* owned by the process */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void make_lock (void) {
  lock = CRYPTO_THREAD_lock_new();
}

static int enter (void) {
  return CRYPTO_THREAD_run_once(&once, make_lock) && lock != NULL
         && CRYPTO_THREAD_write_lock(lock);
}

static void pad (unsigned char *padded, const unsigned char *id, size_t size) {
  memset(padded, 0, ID_SIZE);
  memcpy(padded, id, size < ID_SIZE ? size : ID_SIZE);
}

int used_tickets_add (const unsigned char *id, size_t size) {
  unsigned char padded[ID_SIZE];
  Bucket *b;
  pad(padded, id, size);
  if (!enter()) return 0;
  b = buckets[padded[0]];
  if (b == NULL) b = buckets[padded[0]] = OPENSSL_zalloc(sizeof(*b));
  if (b != NULL) memcpy(b->ids[b->count++ % BUCKET_SIZE], padded, ID_SIZE);
  CRYPTO_THREAD_unlock(lock);
  return b != NULL;
}

static int holds (const Bucket *b, const unsigned char *padded) {
  unsigned int i;
  for (i = 0; b != NULL && i < b->count && i < BUCKET_SIZE; i++)
    if (memcmp(b->ids[i], padded, ID_SIZE) == 0) return 1;
  return 0;
}

int used_tickets_has (const unsigned char *id, size_t size) {
  unsigned char padded[ID_SIZE];
  int found;
  pad(padded, id, size);
  if (!enter()) return 1;
  found = holds(buckets[padded[0]], padded);
  CRYPTO_THREAD_unlock(lock);
  return found;
}
