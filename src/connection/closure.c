/*
** closure.c -- the end of TLS: close_notify (RFC 8446, 6.1) in one direction
** and in both. What frees the connection then is in connection.c.
*/

#include <errno.h>

#include "connection/closure.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "context/options.h"
#include "connection/outcome.h"
#include "connection/post_handshake.h"
#include "connection/transfer.h"

/***
@page SSLSocket SSLObject
@group Ending
*/

/* ---- saying it ---- */

/* Says close_notify, once; 0 if it cannot be said, the connection has failed
** then and the reason may be in the error queue. Behind a part of a message it
** is left out (see post_handshake_settle), as it is while a hook decides. */
int closure_send_close_notify (Connection *c) {
  c->write_shut = 1;
  if (c->ssl == NULL || !c->established || c->failed) return 1;
  if (SSL_get_shutdown(c->ssl) & SSL_SENT_SHUTDOWN) return 1;
  errors_clear();
  if (c->decision.point != NOWHERE || (c->request != NULL
      && SSL_in_init(c->ssl))) return 1;
  if (SSL_in_init(c->ssl) && SSL_do_handshake(c->ssl) <= 0) {
    errors_clear();
    return 1;
  }
  c->failed = SSL_shutdown(c->ssl) < 0;  /* only writes: RFC 8446, 6.1 */
  c->bio.silent = 1;  /* OpenSSL would still answer a key update */
  return !c->failed;
}

/* Says close_notify and sends what waits, without waiting: 0 if bytes that
** counted as sent did not leave, `*error` says why, 0: no room. A close_notify
** that finds no room is no such loss. */
int closure_end (Connection *c, int *error) {
  BioState *bio = &c->bio;
  size_t counted = c->established ? buffer_length(&bio->out) : 0;
  int lost = c->established && bio->lost;
  size_t all;
  int flushed;
  closure_send_close_notify(c);
  errors_clear();
  all = buffer_length(&bio->out);
  flushed = bio_flush(bio);
  *error = flushed < 0 ? bio->write_error : 0;
  if (flushed < 0) return !lost && counted == 0;
  return buffer_length(&bio->out) <= all - counted;
}

/* ---- ending directions ---- */

/* Says close_notify, then reads on to the peer's. */
static Outcome finish (Connection *c) {
  Outcome outcome = post_handshake_settle(c);
  if (outcome != DONE) return outcome;
  if (!closure_send_close_notify(c) || c->failed) return FAILED;
  outcome = transfer_flush(c);
  if (outcome != DONE) return outcome;
  do {
    outcome = transfer_fill(c);
  } while (outcome == WAIT
           && connection_wait(c, WANT_READ, c->deadline));
  return outcome;
}

int closure_unwrap (lua_State *L, Connection *c) {
  Outcome outcome = FAILED;
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established && !c->failed)
    return errors_text(L, ERROR_T, "unwrap", "state",
                       "the handshake has not been done yet");
  if (lua_gettop(L) < 3 || !method_goes_on(L, 3))
    connection_begin_operation(c);
  c->read_shut = 0;  /* records must not pass for clear text */
  if (buffer_length(&c->plain) == 0) outcome = finish(c);
  if (outcome == ASK) return METHOD_UNREADY;
  if (buffer_length(&c->plain) > 0)
    return errors_text(L, ERROR_T, "unwrap", "unread_data",
                       "unread data: receive it before unwrap");
  if (outcome == BROKEN && c->bio.write_error != 0)
    return errors_syscall(L, "unwrap", c->bio.write_error);
  if (outcome != CLOSED) return outcome_push(L, c, outcome, "unwrap", 1);
  lua_pushlstring(L, (const char *)buffer_start(&c->bio.in),
                  buffer_length(&c->bio.in));
  return 1;
}

/***
Ends one direction of the connection or both. `"send"` says close_notify, so
that the peer sees a clean end; reading goes on. `"receive"` stops reading.
@function shutdown
@tparam[opt="both"] string mode `"send"`, `"receive"` or `"both"`
@treturn[1] integer 1
@treturn[2] nil
@treturn[2] string|SSLError `"timeout"` (call again), or a failure
@raise when `mode` is none of these
@source LuaSocket, tcp; RFC 8446, 6.1
@usage conn:shutdown("send")
local rest = conn:receive("*a")
*/
static int closure_shutdown (lua_State *L, Connection *c) {
  static const char *const modes[] = {"receive", "send", "both", NULL};
  int mode;
  luaL_optstring(L, 2, NULL);  /* LuaJIT lets other types pass below */
  mode = options_choice(L, 2, "both", modes);
  if (lua_gettop(L) < 3 || !method_goes_on(L, 3))
    connection_begin_operation(c);
  if (!c->carried && !c->closed)
    return errors_syscall(L, "shutdown", ENOTCONN);
  if (mode != 1) c->read_shut = 1;
  if (mode != 0 && !c->closed) {
    Outcome outcome;
    c->write_shut = 1;
    outcome = post_handshake_settle(c);
    if (outcome == ASK) return METHOD_UNREADY;
    if (outcome == DONE) outcome = closure_send_close_notify(c) && !c->failed
                                   ? transfer_flush(c) : FAILED;
    if (outcome != DONE)
      return transfer_push_unsent(L, c, outcome, "shutdown", 0);
  }
  lua_pushinteger(L, 1);
  return 1;
}

void closure_methods (lua_State *L, int metatable, int shared) {
  static const First first = { 2, 3, 0, NULL };
  static const Method methods[] = {
    {"shutdown", closure_shutdown, CHANGES, &first},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, methods, metatable, shared);
}
