/*
** post_handshake.c -- messages behind the handshake (RFC 8446, 4.6): a request
** for a certificate and its answer, key updates.
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
#include "connection/handshake.h"
#include "connection/hooks.h"
#include "connection/method_prologue.h"
#include "connection/outcome.h"
#include "connection/post_handshake.h"
#include "connection/tickets.h"
#include "connection/transfer.h"
#include "connection/verify.h"
#include "context/options.h"

/***
@page SSLSocket SSLObject
@group Handshake
*/

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
           && handshake_await_engine(c->ssl, limit));
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
  verification_settle(&c->verification);
  if (holds) tickets_renew(c);
  else c->failed = 1;
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

/* ---- methods ---- */

/* Before this side writes a message: 0, METHOD_UNREADY or the number of results
** that say why it cannot. The argument at index 3 says that it goes on. */
static int begin (lua_State *L, Connection *c, const char *name) {
  Outcome outcome = CLOSED;
  if (lua_gettop(L) < 3 || !method_goes_on(L, 3))
    connection_begin_operation(c);
  if (!c->established || c->ssl == NULL || c->failed) return METHOD_UNREADY;
  if (SSL_version(c->ssl) < TLS1_3_VERSION)
    return errors_text(L, ERROR_T, name, "unsupported", "that is of TLS 1.3, "
                       "and this connection speaks %s",
                       SSL_get_version(c->ssl));
  if (!c->write_shut) outcome = post_handshake_settle(c);
  if (outcome == DONE) outcome = transfer_flush(c);
  if (outcome == ASK) return METHOD_UNREADY;
  if (outcome == DONE) return 0;
  return transfer_push_unsent(L, c, outcome, name, 0);
}

/* OpenSSL has a message to write. */
static int deliver (lua_State *L, Connection *c, const char *name) {
  Outcome outcome;
  errors_clear();
  outcome = connection_outcome(c, SSL_do_handshake(c->ssl));
  if (bio_flush(&c->bio) < 0) outcome = BROKEN;
  if (outcome != DONE && outcome != WAIT)
    return transfer_push_unsent(L, c, outcome, name, 0);
  return try_again(L);
}

/***
Changes the key that this side encrypts with, from the next record on (TLS 1.3).
The key update is sent at once, or as soon as what waits to be sent has left.
OpenSSL sends none by itself. A key of AES-GCM is good for some 24 million full
records (RFC 8446, 5.5).
@function key_update
@tparam[opt=false] boolean request_peer asks the peer to change its key too,
which it does with its next data
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string|SSLError `"timeout"` (call again; on an SSLObject
`"wantread"` or `"wantwrite"`), `"closed"`, or a failure; of kind `unsupported`
before TLS 1.3
@raise when `request_peer` is no boolean
@source RFC 8446, 4.6.3; SSL_key_update(3)
@usage assert(conn:key_update())
*/
static int post_handshake_key_update (lua_State *L, Connection *c) {
  static const char name[] = "key_update";
  int n, type = SSL_KEY_UPDATE_NOT_REQUESTED;
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (lua_toboolean(L, 2)) type = SSL_KEY_UPDATE_REQUESTED;
  n = begin(L, c, name);
  if (n != 0) return n;
  errors_clear();
  if (!SSL_key_update(c->ssl, type)) return errors_fail(L, name, NULL);
  return deliver(L, c, name);
}

/* Certificates are asked of a client that has offered them. */
static int fail_request (lua_State *L, const char *name) {
  Failure f;
  failure_take(&f, name);
  if (failure_find(&f, ERR_LIB_SSL, SSL_R_EXTENSION_NOT_RECEIVED) < 0)
    return errors_push(L, &f);
  return errors_text(L, ERROR_T, name, "unsupported", "the client did not say "
                     "that it can be asked behind the handshake (its "
                     "post_handshake_auth)");
}

static int demands_of (lua_State *L, const Connection *c) {
  int absent = c->policy->cert_reqs;
  if (absent == CERT_NONE) absent = CERT_REQUIRED;
  return options_integer(L, 2, "cert_reqs", absent);
}

/* 0, or why nothing can be asked. */
static int refuse_request (lua_State *L, const Connection *c, int demands,
                           const char *name) {
  if (c->request != NULL)
    return errors_text(L, ERROR_T, name, "state", "the client has not "
                       "answered the last request yet");
  if (c->read_shut) return errors_condition(L, "closed");
  if (demands == CERT_NONE || c->policy->trusts) return 0;
  return errors_text(L, ERROR_T, name, "no_trust", "the context has nothing to "
                     "verify certificates with: give it ca_certs, ca_path, "
                     "ca_data or system_trust");
}

/***
Asks the client for a certificate after the handshake (TLS 1.3), when the server
knows what the client wants. The client must have allowed it: see the option
`post_handshake_auth`.

The method does not wait for the answer. The client's data that came before the
answer is read first; then a read (`receive`, `read`) meets the answer and
verifies it as in a handshake: `cert_reqs`, `pins` and the hook `on_verify`
decide, and the hook may suspend the read. `authenticated_by`,
`peer_certificate` and `verify_result` tell what was known before until a read
has met the whole answer. An answer without a certificate authenticates nobody.
One that is refused ends the connection with an SSLCertVerificationError, one
that lacks what was demanded with an SSLError of kind `no_certificate`, and the
client gets an alert.

New session tickets are sent with the next data, since the earlier ones do not
hold who the client is. A session from after the answer does: where the context
demands a certificate (`cert_reqs`), `authenticated_by` is `"session"` on a
connection that resumes it. Where it does not (`CERT_NONE`), it is nil then: ask
again.
@function verify_client_post_handshake
@tparam[opt] table options what is asked of the certificate
@tparam ?integer options.cert_reqs `CERT_REQUIRED` (the default, unless the
context has `CERT_OPTIONAL`); `CERT_OPTIONAL`: the client may answer without a
certificate; `CERT_NONE`: whatever it answers is taken, and nothing is verified
@treturn[1] boolean true: the request is on its way
@treturn[2] nil
@treturn[2] string|SSLError `"timeout"` (call again; on an SSLObject
`"wantread"` or `"wantwrite"`), `"closed"`, or a failure; of kind `unsupported`
before TLS 1.3 and where the client did not allow it, `state` while the last
request has no answer yet, `no_trust` where the context trusts nothing
@raise on a client, and on wrong options
@source RFC 8446, 4.6.2; SSL_verify_client_post_handshake(3)
@usage local line = assert(conn:receive())
if line:find "^GET /private/" and not conn:authenticated_by() then
  assert(conn:verify_client_post_handshake())
  local headers = assert(conn:receive())  -- what comes before and behind it
  if not conn:authenticated_by() then return forbid(conn) end
end
*/
static int post_handshake_request (lua_State *L, Connection *c) {
  static const char name[] = "verify_client_post_handshake";
  int n, demands, mode = SSL_VERIFY_PEER;
  luaL_argcheck(L, c->options.server_side || c->closed, 1,
                "a server's connection expected");
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  options_check(L, 2, OF_REQUEST);
  demands = demands_of(L, c);
  n = begin(L, c, name);
  if (n == 0) n = refuse_request(L, c, demands, name);
  if (n != 0) return n;
  if (demands == CERT_REQUIRED) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_set_verify(c->ssl, mode, NULL);
  errors_clear();
  c->request = OPENSSL_zalloc(sizeof(*c->request));
  if (c->request == NULL || !SSL_verify_client_post_handshake(c->ssl)) {
    OPENSSL_free(c->request);
    c->request = NULL;
    return fail_request(L, name);
  }
  c->request->demands = demands;
  c->request->verification.alert = -1;
  return deliver(L, c, name);
}

void post_handshake_methods (lua_State *L, int metatable, int shared) {
  static const First first = { 2, 3, 0, NULL };
  static const Method methods[] = {
    {"key_update", post_handshake_key_update, CHANGES, &first},
    {"verify_client_post_handshake", post_handshake_request, CHANGES, &first},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, methods, metatable, shared);
}
