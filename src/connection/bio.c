/*
** bio.c -- the engine's BIO: ciphertext in and ciphertext out, owned by the
** connection.
**
** Writes take every record whole, so that OpenSSL never sees WANT_WRITE and
** never has to repeat a write. Reads put what OpenSSL wants into its own
** buffer and what the kernel has beyond that into ours.
*/

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "connection/bio.h"

#define HEADER_SIZE 5                /* RFC 8446, 5.1: type, version, length */
#define RECORD_MAX ((size_t)160 << 10)  /* a ClientHello ends below 128 KiB */

/* What a read takes beyond what OpenSSL has room for, and room before it for
** what OpenSSL must not have yet: together a size that buffer.c keeps. */
#define GAP_SIZE ((size_t)17 << 10)
#define SURPLUS_SIZE (((size_t)64 << 10) - GAP_SIZE)

/* Remembers the very first bytes: they tell a peer that speaks no TLS. */
static void note_first (BioState *q, const void *bytes, size_t n) {
  size_t room = sizeof(q->first) - q->first_size;
  if (n > room) n = room;
  if (n == 0) return;
  memcpy(q->first + q->first_size, bytes, n);
  q->first_size += n;
}

/* A reset that a write was told of looks like a clean end to the next read:
** take_carried remembers. */
static void note_write_error (BioState *q, int error) {
  q->write_error = error;
  if (buffer_length(&q->out) > 0) q->lost = 1;
  buffer_free(&q->out);
}

/* How many of the bytes that OpenSSL reads next it may have: none behind the
** end of its record. What is behind that stays here, for unwrap and dirty.
**
** It is for speed alone. Without read-ahead OpenSSL keeps to its record by
** itself, but asks for the header first: that is a second read for each record,
** and the rest of it is copied out of `in`. 4,096 messages of 16 KiB took 8,199
** reads and 64 MiB copied, instead of 4,103 and none; a round trip of 64 bytes
** 1.2 % more instructions. OpenSSL checks the length, and fails if it is bad. */
static size_t of_record (BioState *q, const unsigned char *bytes, size_t n) {
  size_t used = 0, rest;
  if (!q->by_record) return n;
  if (q->header_size == 0 && n >= HEADER_SIZE) {
    q->body = (unsigned int)bytes[3] << 8 | bytes[4];
    used = q->header_size = HEADER_SIZE;
  }
  else if (q->header_size < HEADER_SIZE) {
    while (q->header_size < HEADER_SIZE && used < n)
      q->header[q->header_size++] = bytes[used++];
    if (q->header_size < HEADER_SIZE) return used;
    q->body = (unsigned int)q->header[3] << 8 | q->header[4];
  }
  rest = n - used < q->body ? n - used : q->body;
  q->body -= (unsigned int)rest;
  if (q->body == 0) q->header_size = 0;
  return used + rest;
}

/* What OpenSSL cannot do without. */
static size_t wanted (const BioState *q, size_t size) {
  size_t n = q->body;
  if (q->header_size < HEADER_SIZE)
    n = (size_t)HEADER_SIZE - q->header_size;
  return n < size ? n : size;
}

static size_t take_surplus (BioState *q, char *bytes, size_t size) {
  size_t n = buffer_length(&q->in);
  if (n > size) n = size;
  n = of_record(q, buffer_start(&q->in), n);
  memcpy(bytes, buffer_start(&q->in), n);
  buffer_consume(&q->in, n);
  return n;
}

/* Tries first: most often there is something. But not behind a request, whose
** answer is still on its way. */
static ptrdiff_t receive (BioState *q, char *bytes, size_t size, void *more,
                          size_t room) {
  ptrdiff_t n;
  if (q->asked && q->wait != NULL) q->wait(q->owner);
  q->asked = 0;
  do {
    n = q->carrier->receive(q->self, bytes, size, more, room);
  } while (n == -EAGAIN && q->wait != NULL && q->wait(q->owner));
  return n;
}

/* Asks the carrier; what it takes off the wire beyond the record waits in
** `in`. */
static size_t take_carried (BioState *q, char *bytes, size_t size) {
  unsigned char *more = NULL;
  size_t room = 0, taken, given;
  ptrdiff_t n;
  if (size > GAP_SIZE) size = GAP_SIZE;
  if (q->read_ahead) more = buffer_reserve_behind(&q->in, GAP_SIZE,
                                                 SURPLUS_SIZE);
  if (more != NULL) room = SURPLUS_SIZE;
  else if (q->by_record) size = wanted(q, size);
  n = receive(q, bytes, size, more, room);
  if (n == 0 && q->write_error == ECONNRESET) q->read_error = ECONNRESET;
  else if (n == 0) q->ended = 1;
  else if (n < 0 && n != -EAGAIN) q->read_error = (int)-n;
  if (n <= 0) return 0;
  taken = (size_t)n;
  q->idle += taken;
  if (taken > size) q->in.last += taken - size;
  else size = taken;
  given = of_record(q, (unsigned char *)bytes, size);
  if (given < size) buffer_prepend(&q->in, bytes + given, size - given);
  return given;
}

/* Without memory the recording is lost: bio_replay_hello tells. */
static void record (BioState *q, const void *bytes, size_t n) {
  if (q->keeps_hello < 0) return;
  if (buffer_length(&q->record) + n > RECORD_MAX
      || !buffer_append(&q->record, bytes, n)) {
    buffer_free(&q->record);
    q->keeps_hello = -1;
  }
}

/* Whether a peer that keeps us busy has to wait: for the next call, or until
** it takes what it was sent. What was read ahead is not held back by `idle`:
** nobody would be told to come again for it. A handshake has a limit of its
** own. */
static int must_wait (BioState *q) {
  if (q->flooded || buffer_length(&q->out) > QUEUE_OUT_BOUND) return 1;
  if (!q->by_record || buffer_length(&q->in) > 0 || q->idle < QUEUE_IDLE_MAX)
    return 0;
  q->paused = 1;
  return 1;
}

static void count_handshake (BioState *q, size_t n) {
  q->handshake += n;
  if (q->handshake > QUEUE_HANDSHAKE_MAX) q->flooded = 1;
}

/* A flight that has not left has no answer. */
static int awaits_flush (const BioState *q) {
  return q->corked && buffer_length(&q->out) > 0 && q->write_error == 0;
}

/* Nothing to read looks like "later" to OpenSSL, whatever the reason: the
** connection knows better, and OpenSSL's state stays whole. */
static int bio_read (BIO *bio, char *bytes, size_t size, size_t *n) {
  BioState *q = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *n = 0;
  if (size == 0) return 0;
  if (must_wait(q)) {
    BIO_set_retry_read(bio);
    return 0;
  }
  if (buffer_length(&q->in) > 0) *n = take_surplus(q, bytes, size);
  else if (q->carrier != NULL && !q->ended && q->read_error == 0
           && !awaits_flush(q))
    *n = take_carried(q, bytes, size);
  if (buffer_length(&q->in) == 0) buffer_free(&q->in);
  if (*n == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  if (q->first_size < sizeof(q->first)) note_first(q, bytes, *n);
  if (q->keeps_hello) record(q, bytes, *n);
  if (!q->by_record) count_handshake(q, *n);
  return 1;
}

static int bio_write (BIO *bio, const char *bytes, size_t size, size_t *n) {
  BioState *q = BIO_get_data(bio);
  size_t sent = 0;
  BIO_clear_retry_flags(bio);
  *n = size;
  q->accepted += size;
  if (q->write_error != 0 || q->silent) return 1;  /* nobody reads it */
  if (q->carrier != NULL && !q->corked && buffer_length(&q->out) == 0) {
    ptrdiff_t done = q->carrier->send(q->self, bytes, size);
    q->asked = done > 0;
    if (done > 0) q->taken += (uint64_t)done;
    if (done >= 0) sent = (size_t)done;
    else if (done != -EAGAIN) {
      note_write_error(q, (int)-done);
      return 1;
    }
  }
  if (sent == size || buffer_append(&q->out, bytes + sent, size - sent))
    return 1;
  q->no_memory = 1;
  q->accepted -= size;
  *n = 0;
  return 0;
}

static long bio_control (BIO *bio, int command, long n, void *p) {
  (void)bio;
  (void)n;
  (void)p;
  return command == BIO_CTRL_FLUSH;
}

static int bio_create (BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/* One method for the process: the module stays in memory (core.c). */
static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

static void method_make (void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "LuaSSL queue");
  if (m == NULL) return;
  if (BIO_meth_set_read_ex(m, bio_read) &&
      BIO_meth_set_write_ex(m, bio_write) &&
      BIO_meth_set_ctrl(m, bio_control) &&
      BIO_meth_set_create(m, bio_create))
    method = m;
  else BIO_meth_free(m);
}

BIO *bio_new (BioState *queue) {
  BIO *bio;
  if (!CRYPTO_THREAD_run_once(&method_once, method_make) || method == NULL)
    return NULL;
  bio = BIO_new(method);
  if (bio != NULL) BIO_set_data(bio, queue);
  return bio;
}

int bio_feed (BioState *q, const void *bytes, size_t n) {
  return n == 0 || buffer_append(&q->in, bytes, n);
}

size_t bio_room (const BioState *q) {
  size_t held = buffer_length(&q->in);
  return held < QUEUE_FED_MAX ? QUEUE_FED_MAX - held : 0;
}

int bio_flush (BioState *q) {
  while (buffer_length(&q->out) > 0) {
    ptrdiff_t n;
    if (q->carrier == NULL) return buffer_length(&q->out) < QUEUE_OUT_MAX;
    n = q->carrier->send(q->self, buffer_start(&q->out),
                         buffer_length(&q->out));
    if (n == -EAGAIN) return 0;
    if (n < 0) note_write_error(q, (int)-n);
    else {
      buffer_consume(&q->out, (size_t)n);
      q->taken += (uint64_t)n;
    }
    q->asked = n > 0;
  }
  if (q->carrier != NULL && q->out.data != NULL) buffer_free(&q->out);
  return q->write_error == 0 ? 1 : -1;
}

int bio_has_record (const BioState *q) {
  const unsigned char *record = buffer_start(&q->in);
  size_t n = buffer_length(&q->in);
  return n >= HEADER_SIZE &&
         n - HEADER_SIZE >= ((size_t)record[3] << 8 | record[4]);
}

int bio_replay_hello (BioState *q) {
  Buffer rest = q->in;
  int kept = q->keeps_hello > 0;
  q->keeps_hello = 0;
  if (!kept || !buffer_append(&q->record, buffer_start(&rest),
                             buffer_length(&rest))) {
    buffer_free(&q->record);
    return 0;
  }
  q->in = q->record;
  memset(&q->record, 0, sizeof(q->record));
  buffer_free(&rest);
  return 1;
}

void bio_forget_hello (BioState *q) {
  q->keeps_hello = 0;
  buffer_free(&q->record);
}

void bio_note_surplus (BioState *q) {
  note_first(q, buffer_start(&q->in), buffer_length(&q->in));
}

void bio_free (BioState *q) {
  buffer_free(&q->in);
  buffer_free(&q->record);
  buffer_free(&q->out);
}
