/*
** handshake.c -- the handshake, step by step: a step ends when the handshake
** does, when time is up, or when Lua has to decide something.
*/

#include <errno.h>

#include <openssl/err.h>

#include "connection/decision.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/channel_binding.h"
#include "connection/client_hello.h"
#include "connection/client_key.h"
#include "connection/early_data.h"
#include "connection/engine_wait.h"
#include "connection/handshake.h"
#include "connection/hooks.h"
#include "connection/limits.h"
#include "connection/ocsp_status.h"
#include "connection/opening.h"
#include "connection/outcome.h"
#include "connection/post_handshake.h"
#include "connection/record_size.h"
#include "connection/resumption.h"
#include "connection/shared_key.h"
#include "connection/stored_sessions.h"
#include "connection/tickets.h"
#include "connection/verify.h"

#define STACK_SLOTS 8       /* free, for a hook inside OpenSSL's call */

/* The chosen context's limit holds when one was chosen. */
static double limit_of (const Connection *c) {
  return c->handshake_began + c->options.handshake_timeout;
}

/* Where a hook can pause the handshake, an engine that computes elsewhere can
** too: that is computing time, and nobody's decision. */
static int do_handshake (Connection *c) {
  int result;
  for (;;) {
    result = c->early != NULL ? early_data_step(c) : SSL_do_handshake(c->ssl);
    if (result > 0 || !SSL_waiting_for_async(c->ssl)) return result;
    verify_note_thread(c);
    if (c->decision.point != NOWHERE
        || !engine_wait(c->ssl, limit_of(c))) return result;
  }
}

/* A flight leaves in one piece: the queue is corked meanwhile. */
static Outcome handshake_once (Connection *c) {
  Outcome outcome;
  errors_clear();
  c->bio.corked = 1;
  outcome = connection_outcome(c, do_handshake(c));
  c->bio.corked = 0;
  if (bio_flush(&c->bio) < 0 && outcome == WAIT) {
    /* Nothing can be sent; perhaps the peer said why. */
    outcome = connection_outcome(c, do_handshake(c));
    if (outcome == WAIT) {
      c->bio.read_error = c->bio.write_error;
      outcome = BROKEN;
    }
  }
  return outcome;
}

static int handshake_done (lua_State *L, Connection *c) {
  errors_clear();
  verify_again(c);
  if (!verify_holds(c)) {
    c->failed = 1;
    if (c->verification.answer == REFUSED || c->verification.unpinned
        || verify_complain(c))
      return outcome_push_failure(L, c, "handshake");
    errors_text(L, VERIFICATION_ERROR_T, "handshake", "verification",
                c->verification.by_key ? "the peer has a pre-shared key and "
                "showed no certificate: the option psk_authenticates lets the "
                "key do" : "the peer sent no certificate that could be "
                "verified");
    return outcome_keep_failure(L, c);
  }
  if (!ocsp_status_holds(c)) {
    ocsp_status_complain();
    return outcome_push_failure(L, c, "handshake");
  }
  channel_binding_note(c);
  if (c->options.server_side) {
    tickets_settle(c);
    stored_sessions_settle(c);
  }
  else resumption_bind(c);
  SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);  /* it makes each read a job */
  errors_clear();
  SSL_set_read_ahead(c->ssl, 1);  /* the queue knows how far */
  limits_watch(c->ssl);
  c->bio.by_record = 1;
  record_size_settle(c);
  c->established = 1;
  counters_done(&c->counted, SSL_session_reused(c->ssl)
                             && !shared_key_used(c));
  resumption_keep(c);
  verification_settle(&c->verification);
  if (c->early != NULL && early_data_settle(L, c) > 0) return 2;
  lua_pushboolean(L, 1);
  return 1;
}

static int handshake_failed (lua_State *L, Connection *c, Outcome outcome) {
  if (outcome == FAILED) return outcome_push_failure(L, c, "handshake");
  if (outcome == BROKEN) outcome_push_broken(L, c, "handshake");
  else errors_eof(L, "handshake");  /* suppressed only once TLS is on */
  return outcome_keep_failure(L, c);
}

static int handshake_late (lua_State *L, Connection *c) {
  const char *who = "the peer did not complete the handshake";
  if (c->decision.point != NOWHERE) who = "no hook's answer came";
  errors_text(L, ERROR_T, "handshake", "handshake_timeout", "%s within %.14g "
              "seconds (see the option handshake_timeout)", who,
              c->options.handshake_timeout);
  decision_forget(L, c);
  return outcome_keep_failure(L, c);
}

static int handshake_wait (Connection *c, int events) {
  double limit = limit_of(c);
  if (c->deadline >= 0 && c->deadline < limit) limit = c->deadline;
  return connection_wait(c, events, limit);
}

static int handshake_waits (lua_State *L, Connection *c, int native) {
  if (clock_now() < limit_of(c))
    return outcome_push(L, c, WAIT, "handshake", native);
  return handshake_late(L, c);
}

/* The option server_names chooses where no hook has. */
static void settle_client_hello (lua_State *L, Connection *c) {
  Decision *d = &c->decision;
  Choice *h = &c->choice;
  int top = lua_gettop(L);
  if (d->answer != REFUSED && !h->made) {
    d->answer = REFUSED;  /* should anything raise here */
    d->alert = SSL_AD_INTERNAL_ERROR;
    if (hooks_choose_by_name(L, c) > 0)
      hooks_refuse(L, c, SSL_AD_INTERNAL_ERROR);
    else d->answer = ALLOWED;
  }
  lua_settop(L, top);
  h->made = 1;
  bio_forget_hello(&c->bio);
  client_hello_free(h->hello);
  h->hello = NULL;
}

/* A client's function has answered, before the first step. One that has no key
** for this server may resume a session. */
static int key_chosen (lua_State *L, Connection *c) {
  int refused = c->decision.answer == REFUSED;
  decision_settle(c);
  if (refused) c->failed = 1;
  else if (!client_key_offer(c)) {
    shared_key_free(c);
    resumption_offer(L, c);
  }
  return refused ? outcome_push_failure(L, c, "handshake") : 0;
}

/* Where the handshake has stopped: asks Lua, or, with the answer known, goes
** on and returns 0. */
static int stop (lua_State *L, Connection *c) {
  const Decision *d = &c->decision;
  int known = d->answer != UNANSWERED;
  if (d->point == AT_CLIENT_HELLO && !(c->policy->hooks & HOOK_CLIENT_HELLO))
    known = 1;
  if (!known) return hooks_ask(L, c);
  if (d->point == AT_CLIENT_HELLO) settle_client_hello(L, c);
  if (d->point == AT_PSK && !c->options.server_side) return key_chosen(L, c);
  decision_settle(c);
  return 0;
}

/* 0, or what a handshake answers that is over. */
static int ended (lua_State *L, Connection *c) {
  if (c->closed || c->call.closing) return errors_condition(L, "closed");
  if (c->failed) return outcome_push_failure(L, c, "handshake");
  if (!c->established) return 0;
  lua_pushboolean(L, 1);
  return 1;
}

/* 0, or what the handshake answers without a step. */
static int begin (lua_State *L, Connection *c, int native) {
  int n = ended(L, c);
  if (n > 0) return n;
  if (!c->carried) return errors_syscall(L, "handshake", ENOTCONN);
  if (c->ssl == NULL && opening_start(L, c) > 0) return 2;
  if (c->handshake_began == 0) {
    if (!c->options.server_side && !client_key_begin(c))
      return errors_text(L, ERROR_T, "handshake", "memory", "out of memory");
    c->handshake_began = clock_now();
    counters_begin(c->policy->counters, &c->counted);
    if (!c->options.server_side && c->shared_key == NULL)
      resumption_offer(L, c);
  }
  if (verify_is_elsewhere(c->ssl, c))
    return errors_text(L, ERROR_T, "handshake", "state", "it waits in another "
                       "thread, and can go on there alone");
  if (c->decision.point == NOWHERE) return 0;
  if (clock_now() >= limit_of(c)) return handshake_late(L, c);
  if (c->decision.hook_running) return hooks_push_busy(L, c, native);
  if (c->decision.answer != UNANSWERED)
    c->deadline = c->decision.deadline;
  return 0;
}

int handshake_begin (lua_State *L, Connection *c) {
  return begin(L, c, 1);
}

/* Goes on until it ends, time is up or Lua has to decide. */
static int run (lua_State *L, Connection *c, int native) {
  int n = begin(L, c, native);
  for (;;) {
    Outcome outcome;
    int sent;
    if (n == 0) n = ended(L, c);
    if (n > 0) return n;
    outcome = c->decision.point != NOWHERE ? ASK : handshake_once(c);
    sent = outcome == DONE && bio_flush(&c->bio) != 0;
    if (sent && c->shared_key != NULL) shared_key_note(c);
    if (sent && verify_is_left(c)) outcome = ASK;
    if (c->early != NULL && outcome == WAIT && early_data_comes(c)) {
      lua_pushboolean(L, 1);
      return 1;
    }
    if (outcome == ASK) n = stop(L, c);
    else if (sent) return handshake_done(L, c);
    else if (outcome != DONE && outcome != WAIT)
      return handshake_failed(L, c, outcome);
    else if (!handshake_wait(c, outcome == WAIT ? WANT_READ : 0))
      return handshake_waits(L, c, native);
  }
}

/* Without ASYNC, a hook may have to run inside OpenSSL, of a context too that
** is chosen only then: all that this needs is on the stack. */
static int step_inside (lua_State *L, Connection *c, int native,
                        int behind) {
  int n;
  lua_pushcfunction(L, hooks_run);
  lua_pushnil(L);  /* what raises there */
  luaL_checkstack(L, STACK_SLOTS, "handshake");
  c->decision.inside = L;
  n = behind ? post_handshake_step(L, c, native) : run(L, c, native);
  c->decision.inside = NULL;
  if (!c->failed || lua_isnil(L, 3)
      || (c->verification.answer != REFUSED
          && (c->shared_key == NULL || c->shared_key->answer != REFUSED)))
    return n;
  lua_pushnil(L);
  lua_pushvalue(L, 3);
  n = outcome_keep_failure(L, c);
  if (!behind) return n;
  lua_pushboolean(L, 1);
  return 1;
}

/* The kind of the failure at the top; what a hook refused with may be
** anything. */
static void count_failure (lua_State *L, Connection *c) {
  const char *kind = "hook";
  int top = lua_gettop(L);
  if (c->counted.stage != BEGUN) return;
  if (lua_istable(L, top)) {
    lua_pushliteral(L, "kind");
    lua_rawget(L, top);
    if (lua_type(L, -1) == LUA_TSTRING) kind = lua_tostring(L, -1);
  }
  counters_fail(&c->counted, kind);
  lua_settop(L, top);
}

static int step (lua_State *L, Connection *c, int native, int behind) {
  if (c->options.server_side && !verify_can_suspend()) {
    if (c->ssl != NULL && !SSL_waiting_for_async(c->ssl))
      SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);
    return step_inside(L, c, native, behind);
  }
  return behind ? post_handshake_step(L, c, native) : run(L, c, native);
}

/* do_handshake_step(connection, native, behind); `behind`: for a method, which
** may have stopped behind the handshake. */
static int primitive_do_handshake_step (lua_State *L, Connection *c) {
  int native = lua_toboolean(L, 2);
  int behind = lua_toboolean(L, 3) && c->established;
  int results;
  c->decision.inside = NULL;  /* should the last step have raised */
  lua_settop(L, 1);
  results = step(L, c, native, behind);
  if (c->failed && !c->established) count_failure(L, c);
  return results;
}

/* handshake_left(connection): seconds that the handshake may still take. */
static int primitive_handshake_left (lua_State *L, Connection *c) {
  double left = c->options.handshake_timeout;
  if (c->handshake_began > 0) left = limit_of(c) - clock_now();
  lua_pushnumber(L, left > 0 ? left : 0);
  return 1;
}

void handshake_primitives (lua_State *L) {
  static const Method primitives[] = {
    {"do_handshake_step", primitive_do_handshake_step, CHANGES, NULL},
    {"handshake_left", primitive_handshake_left, TELLS, NULL},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, primitives, 0, 0);
}
