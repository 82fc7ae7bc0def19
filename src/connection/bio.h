/*
** bio.h -- the engine's BIO: ciphertext in and ciphertext out. OpenSSL sees
** a peer that is never busy and never fails: what the transport refuses waits
** here, what goes wrong there is noted here, for the connection to tell.
*/
#ifndef LUASSL_BIO_H
#define LUASSL_BIO_H

#include <stdint.h>

#include <openssl/bio.h>

#include "base/buffer.h"

/* Of plaintext in one go: 7 records, which fit in 128 KiB with their headers
** and stay in the processor's cache. */
#define QUEUE_OUT_MAX ((size_t)112 << 10)

/* Limits against hostile peers (doc/limits.md), in bytes of ciphertext. Above
** the first nothing is read until some has left: two goes of plaintext fit. */
#define QUEUE_OUT_BOUND ((size_t)256 << 10)
#define QUEUE_IDLE_MAX ((size_t)64 << 10)        /* without data, in a call */
#define QUEUE_HANDSHAKE_MAX ((size_t)512 << 10)  /* in all of a handshake */
#define QUEUE_FED_MAX ((size_t)128 << 10)        /* fed and not consumed */

/* Where ciphertext comes from and goes to. Both answer a count, or -errno,
** -EAGAIN for "not now"; receive 0 at the end, and what comes beyond `size`
** goes to `more`. A NULL carrier: the queue is fed and drained by hand. */
typedef struct Carrier {
  ptrdiff_t (*receive) (void *self, void *bytes, size_t size, void *more,
                        size_t room);
  ptrdiff_t (*send) (void *self, const void *bytes, size_t size);
} Carrier;

typedef struct BioState {
  const Carrier *carrier;  /* shared */
  void *self;              /* borrowed: the carrier's */
  int (*wait) (void *owner);  /* for more to read, NULL: OpenSSL is told */
  void *owner;             /* borrowed: wait's */
  Buffer in, out;
  Buffer record;            /* what was read, for bio_replay_hello */
  int keeps_hello;           /* keep it */
  unsigned char by_record; /* OpenSSL asks for all it has room for */
  unsigned char asked;     /* sent, and nothing read since */
  unsigned char header_size;  /* how much it has of its record's header */
  unsigned char header[5];
  unsigned int body;       /* how much it still lacks behind that */
  int corked;              /* gather records, the flush sends them */
  int read_ahead;          /* take more than OpenSSL asks for */
  uint64_t accepted, taken;  /* bytes: of OpenSSL's, by the carrier */
  size_t idle;             /* bytes from the carrier since the last data */
  size_t handshake;        /* bytes read before by_record */
  int paused;              /* `idle` is at its limit */
  int flooded;             /* the peer has exceeded its budget: no more */
  int ended;               /* the transport ended */
  int read_error;          /* errno, 0: none */
  int write_error;
  int silent;              /* close_notify is out: nothing comes behind it */
  int lost;                /* what waited when write_error came */
  int no_memory;           /* a record could not be kept */
  unsigned char first[16]; /* what the peer said first */
  size_t first_size;
} BioState;

#pragma GCC visibility push(hidden)

/* A BIO over `queue`, which must outlive it; NULL: see the error queue. */
BIO *bio_new (BioState *queue);

/* Ciphertext that has arrived some other way; 0 without memory. */
int bio_feed (BioState *queue, const void *bytes, size_t n);

/* How much of it may still come. A record is much smaller than the bound: what
** is there when nothing fits in any more, OpenSSL can go on with. */
size_t bio_room (const BioState *queue);

/* Sends what waits: 1 all left, 0 not yet, -1 write_error is set. */
int bio_flush (BioState *queue);

/* Puts all that was recorded back to be read again by another SSL; 0: there
** was no memory to keep it. Ends the recording. */
int bio_replay_hello (BioState *queue);

/* Ends the recording and forgets it. */
void bio_forget_hello (BioState *queue);

/* 1 if the bytes read ahead hold a whole record. */
int bio_has_record (const BioState *queue);

/* Completes `first` from what was read ahead. */
void bio_note_surplus (BioState *queue);

void bio_free (BioState *queue);

#pragma GCC visibility pop

#endif
