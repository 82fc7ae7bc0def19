/*
** lifetime.c -- how a connection ends and what frees it.
*/

#include <openssl/err.h>

#include "connection/closure.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/client_hello.h"
#include "connection/lifetime.h"
#include "connection/log_lines.h"
#include "connection/verify.h"

/* Frees all but what is queued to be sent. */
void lifetime_release (Connection *c) {
  SSL *ssl = c->ssl;
  method_leave(c);
  counters_end(&c->counted);
  c->ssl = NULL;  /* first: a second call finds nothing to free */
  verify_abandon(ssl, c);
  if (ssl != NULL && c->established && !c->failed)
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);  /* its session stays usable */
  SSL_free(ssl);
  connection_leave_context(c);
  SSL_SESSION_free(c->session);
  c->session = NULL;
  if (c->request != NULL) connection_take_answer(c);
  verification_free(&c->verification);
  client_hello_free(c->choice.hello);
  c->choice.hello = NULL;
  OPENSSL_free(c->ocsp);
  c->ocsp = NULL;
  OPENSSL_free(c->names);
  c->names = NULL;
  OPENSSL_free(c->choice.protocol);
  c->choice.protocol = NULL;
  OPENSSL_free(c->failure);
  c->failure = NULL;
  buffer_free(&c->plain);
  buffer_free(&c->bio.in);
  bio_forget_hello(&c->bio);
}

/* Ends the connection as `close` does, without waiting. */
void lifetime_close (lua_State *L, Connection *c) {
  if (c->closed) return;
  if (c->link != NULL) {
    c->link->close(L, c);
    return;
  }
  closure_send_close_notify(c);
  errors_clear();
  c->closed = 1;
  lifetime_release(c);
}

/* __gc of both types: no method is under way, unless the debug library has
** called this one. */
int lifetime_gc (lua_State *L) {
  Connection *c = connection_check(L);
  if (method_is_running(L, c)) {
    c->call.closing = 1;
    return 0;
  }
  if (c->link != NULL) c->link->release(c);
  c->closed = 1;
  lifetime_release(c);
  log_lines_free(c);
  bio_free(&c->bio);
  buffer_drop_spares();
  return 0;
}
