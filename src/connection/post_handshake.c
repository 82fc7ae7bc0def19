/*
** post_handshake.c -- messages behind the handshake (RFC 8446, 4.6): a request
** for a certificate, and its answer.
**
** A read may meet one at which Lua has to decide. The method stops then as a
** handshake does, with what it has read so far left in the connection's
** buffer, and goes on with the answer. What a server's client answers to a
** request is read by looking ahead, into memory of the connection's own: a job
** that waits for on_verify holds no buffer that could end before it does, and
** everything is decided before a byte behind it is given out.
*/

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/decision.h"
#include "connection/engine_wait.h"
#include "connection/hooks.h"
#include "connection/outcome.h"
#include "connection/post_handshake.h"
#include "connection/tickets.h"
#include "connection/verify.h"

/* ---- decisions ---- */

static int is_late (const Connection *c) {
  return clock_now() >= c->decision.since + c->options.handshake_timeout;
}

/* The hook is suspended, in another coroutine than this call's. */
static int is_suspended (lua_State *L) {
  const lua_State *asked;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_ASKED);
  asked = lua_tothread(L, -1);
  lua_pop(L, 2);
  return asked != NULL && lua_status((lua_State *)asked) == LUA_YIELD;
}

/* DONE: there is none to wait for. */
static Outcome await_decision (Connection *c) {
  const Decision *d = &c->decision;
  if (d->point == NOWHERE) return DONE;
  if (!d->hook_running || is_late(c) || !is_suspended(c->call.L)) return ASK;
  c->want = WANT_READ;
  return HELD;
}

/* ---- what a client answers ---- */

static int asks_hook (const Connection *c) {
  return c->request != NULL && c->policy->hooks & HOOK_VERIFY;
}

/* Has OpenSSL read what comes: what is under way to its end, or up to
** application data. */
static int advance (Connection *c) {
  double limit = clock_now() + c->options.handshake_timeout;
  int result;
  size_t n;
  do {
    errors_clear();
    if (c->request == NULL || c->request->answered)
      result = SSL_do_handshake(c->ssl);
    else result = SSL_peek_ex(c->ssl, &c->request->byte, 1, &n);
  } while (result <= 0 && SSL_waiting_for_async(c->ssl)
           && c->decision.point == NOWHERE
           && engine_wait(c->ssl, limit));
  return result;
}

/* Where on_verify has to run inside OpenSSL's call a step does it, which has
** put on the stack what that needs. */
static Outcome look (Connection *c) {
  Request *r = c->request;
  int (*wait) (void *owner) = c->bio.wait;
  Outcome outcome;
  if (asks_hook(c) && !verify_can_suspend() && c->decision.inside == NULL) {
    if (!r->tried) return ASK;
    r->tried = 0;
    return r->found;
  }
  c->bio.wait = NULL;
  c->busy = 1;
  if (asks_hook(c) && c->decision.inside == NULL)
    SSL_set_mode(c->ssl, SSL_MODE_ASYNC);
  outcome = connection_outcome(c, advance(c));
  SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);
  if (outcome == ASK) verify_note_thread(c);
  c->busy = 0;
  c->bio.wait = wait;
  return outcome;
}

/* The answer is whole: what it says holds, or the connection ends. Without a
** certificate OpenSSL has asked nobody. */
static Outcome conclude (Connection *c) {
  int holds;
  if (verify_is_left(c)) return ASK;
  verify_again(c);
  holds = verify_holds(c);
  if (!holds && !verify_complain(c))
    ERR_raise(ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  connection_take_answer(c);
  if (holds) tickets_renew(c);
  else c->failed = 1;
  verification_settle(&c->verification);
  return holds ? DONE : FAILED;
}

/* As far as application data, or nothing more for now. */
Outcome post_handshake_read (Connection *c) {
  Outcome outcome = await_decision(c);
  if (outcome != DONE || c->request == NULL) return outcome;
  if (!c->request->answered) outcome = look(c);
  if (c->request == NULL || !c->request->answered || outcome == FAILED
      || outcome == ASK) return outcome;
  return conclude(c);
}

/* ---- in the way of writing ---- */

/* RFC 8446, 5.1: nothing may come between the records of a message. So while
** one has arrived in part OpenSSL writes nothing, and it is read to its end
** first. */
Outcome post_handshake_settle (Connection *c) {
  for (;;) {
    Outcome outcome;
    if (!c->established || c->failed) return DONE;
    outcome = await_decision(c);
    if (outcome != DONE) return outcome;
    if (c->request != NULL && c->request->answered) {
      outcome = conclude(c);
      if (outcome != DONE) return outcome;
    }
    if (!SSL_in_init(c->ssl)) return DONE;
    outcome = look(c);
    if (outcome == FAILED || outcome == ASK) return outcome;
    if (!SSL_in_init(c->ssl)) continue;  /* whatever came behind it */
    if (outcome != WAIT && outcome != DONE) return outcome;
    if (outcome == WAIT && !connection_wait(c, WANT_READ, c->deadline))
      return WAIT;
  }
}

/* ---- a step ---- */

static void give_up (lua_State *L, Connection *c) {
  errors_text(L, ERROR_T, "handshake", "handshake_timeout", "no hook's answer "
              "came within %.14g seconds (see the option handshake_timeout)",
              c->options.handshake_timeout);
  decision_forget(L, c);
  outcome_keep_failure(L, c);
}

static int try_again (lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

/* A connection that has failed or was closed says so itself, behind what it
** has read. */
int post_handshake_step (lua_State *L, Connection *c, int native) {
  Decision *d = &c->decision;
  int n;
  if (c->closed || c->failed || c->call.closing) return try_again(L);
  if (verify_is_elsewhere(c->ssl, c))
    return errors_text(L, ERROR_T, "handshake", "state", "it waits in another "
                       "thread, and can go on there alone");
  if (d->point == NOWHERE) {
    if (d->inside != NULL && c->request != NULL && !c->request->answered) {
      Outcome found = look(c);
      if (c->request != NULL) c->request->found = found;
      if (c->request != NULL) c->request->tried = 1;
    }
    return try_again(L);
  }
  if (is_late(c)) {
    give_up(L, c);
    return try_again(L);
  }
  if (d->hook_running) return hooks_push_busy(L, c, native);
  if (d->answer == UNANSWERED) {
    n = hooks_ask(L, c);
    return n > 0 ? n : try_again(L);
  }
  c->deadline = d->deadline;
  decision_settle(c);
  return try_again(L);
}
