/*
** post_handshake_methods.c -- what a program sends behind the handshake: key
** updates, a server's request for a certificate.
*/

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/method_prologue.h"
#include "connection/post_handshake.h"
#include "connection/post_handshake_methods.h"
#include "connection/transfer.h"
#include "context/options.h"

/***
@page SSLSocket SSLObject
@group Handshake
*/

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
  lua_pushboolean(L, 1);
  return 1;
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
  if (demands == CERT_NONE || c->policy->trusts
      || !c->policy->takes_certificates) return 0;
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
certificate; `CERT_NONE`: any answer is taken, and authenticates nobody
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
