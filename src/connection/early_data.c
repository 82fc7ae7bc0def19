/*
** early_data.c -- data in a handshake's first flight (RFC 8446, 2.3). Whoever
** has recorded it can send it again: so it is never read for ordinary data
** before the handshake has shown that its sender is there now.
**
** OpenSSL has functions of their own for it, which a server has to call in the
** place of SSL_do_handshake: without them it refuses all of it. What they read
** waits in a buffer of its own.
*/

#include <string.h>

#include "base/errors.h"
#include "connection/early_data.h"
#include "context/early_guard.h"

#define RECORD ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)

/* ---- both sides ---- */

EarlyData *early_data_make (Connection *c) {
  if (c->early == NULL) c->early = OPENSSL_zalloc(sizeof(*c->early));
  return c->early;
}

void early_data_free (Connection *c) {
  EarlyData *e = c->early;
  c->early = NULL;
  if (e == NULL) return;
  buffer_free(&e->unread);
  OPENSSL_free(e);
}

int early_data_open (Connection *c) {
  early_data_free(c);
  return c->policy->early == NULL || early_data_make(c) != NULL;
}

/* ---- a server ---- */

/* OpenSSL has taken the session out of its cache: it serves once. But another
** process may have it too, and so may the context's successor. */
static int allows (SSL *ssl, void *unused) {
  const Connection *c = SSL_get_app_data(ssl);
  (void)unused;
  return c->policy->early != NULL
         && early_guard_allows(c->policy->early, SSL_get_session(ssl));
}

void early_data_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  if (policy->early != NULL) SSL_CTX_set_allow_early_data_cb(ctx, allows, NULL);
}

/* Reads what there is: 1 once no more comes, else as OpenSSL's functions. */
static int read_all (Connection *c, EarlyData *e) {
  while (!e->over) {
    size_t n = 0;
    unsigned char *room = buffer_reserve(&e->unread, RECORD);
    if (room == NULL) {
      c->bio.no_memory = c->failed = 1;
      return 0;
    }
    switch (SSL_read_early_data(c->ssl, room, RECORD, &n)) {
      case SSL_READ_EARLY_DATA_SUCCESS:
        e->unread.last += n;
        break;
      case SSL_READ_EARLY_DATA_FINISH:
        e->over = 1;
        break;
      default:
        return 0;
    }
  }
  if (buffer_length(&e->unread) == 0) buffer_free(&e->unread);
  return 1;
}

int early_data_step (Connection *c) {
  if (c->options.server_side) {
    if (!read_all(c, c->early)) return 0;
  }
  else c->early->over = 1;
  return SSL_do_handshake(c->ssl);
}

int early_data_comes (const Connection *c) {
  const EarlyData *e = c->early;
  return c->early_wanted && e != NULL
         && (e->over || buffer_length(&e->unread) > 0);
}

/* ---- the end of the handshake ---- */

int early_data_settle (lua_State *L, Connection *c) {
  EarlyData *e = c->early;
  size_t sent = e->sent;
  if (c->options.server_side && buffer_length(&e->unread) > 0) {
    buffer_free(&c->plain);
    c->plain = e->unread;  /* nothing else has been read */
    c->returns = -1;
    memset(&e->unread, 0, sizeof(e->unread));
  }
  early_data_free(c);
  if (sent == 0
      || SSL_get_early_data_status(c->ssl) == SSL_EARLY_DATA_ACCEPTED) return 0;
  return errors_text(L, ERROR_T, "handshake", "early_data_refused", "the "
                     "server has refused the early data: the connection goes "
                     "on without it, send it again if it is to be sent");
}
