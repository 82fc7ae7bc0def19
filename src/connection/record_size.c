/*
** record_size.c -- how many bytes of data go into a record.
*/

#include "connection/record_size.h"

/* With any cipher's overhead it fits in one segment: an MTU of 1492, IPv6,
** TCP's timestamps. */
#define SEGMENT ((size_t)1330)
#define BURST 65536  /* bytes in small records, then full ones */
#define PAUSE 1.0    /* seconds, then small ones again */

/* RFC 6066, 4: a length that was agreed upon. */
static size_t agreed_length (const SSL *ssl) {
  int code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
  if (code < TLSEXT_max_fragment_length_512
      || code > TLSEXT_max_fragment_length_4096)
    return SSL3_RT_MAX_PLAIN_LENGTH;
  return (size_t)512 << (code - TLSEXT_max_fragment_length_512);
}

void record_size_settle (Connection *c) {
  size_t most = agreed_length(c->ssl);
  if (c->options.record_size > 0 && (size_t)c->options.record_size < most)
    most = (size_t)c->options.record_size;
  c->record = most;
}

/* The peer can use what each segment brings, instead of waiting for the end of
** a record whose segments come one by one. */
size_t record_size_next (Connection *c) {
  double now = clock_now();
  if (now - c->sent_at > PAUSE) c->burst = 0;
  c->sent_at = now;
  return c->burst < BURST && SEGMENT < c->record ? SEGMENT : c->record;
}
