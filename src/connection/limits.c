/*
** limits.c -- what a peer may make us spend on messages without data: the
** budget of messages behind the handshake. doc/limits.md has all limits.
*/

#include "base/errors.h"
#include "base/clock.h"
#include "connection/limits.h"
#include "connection/trace.h"

void limits_count (Connection *c) {
  double now = clock_now();
  if (c->allowed_at == 0) c->allowance = LIMITS_BURST;
  else c->allowance += (now - c->allowed_at) * LIMITS_RATE;
  if (c->allowance > LIMITS_BURST) c->allowance = LIMITS_BURST;
  c->allowed_at = now;
  if (c->allowance < 1) c->bio.flooded = 1;
  else c->allowance -= 1;
}

/* A client's Finished is the end of what it answers to a server's request. */
static void on_message (int sent, int version, int type, const void *bytes,
                        size_t size, SSL *ssl, void *unused) {
  Connection *c;
  (void)version;
  (void)unused;
  if (type != SSL3_RT_HANDSHAKE || sent) return;  /* all but a few are records */
  c = SSL_get_app_data(ssl);
  limits_count(c);
  if (c->request != NULL && size > 0
      && *(const unsigned char *)bytes == SSL3_MT_FINISHED)
    c->request->answered = 1;
}

/* Apart, as it looks at each record: that is dear for who does not ask. */
static void on_traced_message (int sent, int version, int type,
                               const void *bytes, size_t size, SSL *ssl,
                               void *unused) {
  trace_message(SSL_get_app_data(ssl), sent, type, bytes, size);
  on_message(sent, version, type, bytes, size, ssl, unused);
}

void limits_watch (SSL *ssl) {
  const Connection *c = SSL_get_app_data(ssl);
  SSL_set_msg_callback(ssl, c->policy->trace != NULL ? on_traced_message
                                                     : on_message);
}

int limits_push_flood (lua_State *L, const Connection *c,
                       const char *operation) {
  if (c->bio.handshake > QUEUE_HANDSHAKE_MAX)
    return errors_text(L, ERROR_T, operation, "flood", "the peer sent more "
                       "than %d KiB in the handshake",
                       (int)(QUEUE_HANDSHAKE_MAX >> 10));
  return errors_text(L, ERROR_T, operation, "flood", "the peer sent more "
                     "messages without data (key updates, tickets, alerts) "
                     "than %d and %d a second", LIMITS_BURST, LIMITS_RATE);
}
