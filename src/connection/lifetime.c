/*
** lifetime.c -- how a connection ends and what frees it.
*/

#include <openssl/err.h>

#include "connection/closure.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/decision.h"
#include "connection/client_hello.h"
#include "connection/lifetime.h"
#include "connection/early_data.h"
#include "connection/log_lines.h"
#include "connection/shared_key.h"
#include "connection/new_sessions.h"
#include "connection/stored_sessions.h"
#include "connection/verify.h"
#include "context/tlsa.h"

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
  stored_sessions_free(c);
  OPENSSL_free(c->names);
  c->names = NULL;
  tlsa_free(c->tlsa);
  c->tlsa = NULL;
  shared_key_free(c);
  early_data_free(c);
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

/***
Leaves the connection to another process, which has it since a `fork`: closes
this process's descriptor and forgets the keys, without a byte on the wire and
without a look at what has arrived. What `send` had taken and could not send yet
is forgotten too: the other process sends it. Afterwards the connection is
closed here, and `close` and the garbage collector do nothing more. One process
alone may go on with a connection; see `doc/fork.md`. A socket that listens, or
is not connected, is closed.
@function detach
@page SSLSocket
@group Ending
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string|SSLError `"closed"`: it was before; or a failure of kind
`state`, in the middle of another call
@source fork(2); close(2)
@usage if posix.fork() == 0 then
  serve(conn)
  os.exit()
end
conn:detach()  -- the child's from now on
*/
int lifetime_detach (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (c->decision.hook_running) decision_forget(L, c);
  if (!c->carried) lifetime_close(L, c);
  else c->link->release(c);
  lua_pushboolean(L, 1);
  return 1;
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
  new_sessions_free(c);
  bio_free(&c->bio);
  buffer_drop_spares();
  return 0;
}
