/*
** ocsp_facts.c -- what a connection tells of the OCSP response that came, or
** was shown, with the certificate.
*/

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/method_prologue.h"
#include "connection/ocsp_status.h"
#include "context/ocsp_staple.h"
#include "x509/ocsp_verdict.h"

/***
@page SSLSocket SSLObject SSLStream
@group What is known
*/

/* The bytes, borrowed; 0: there are none. */
static size_t bytes_of (const Connection *c, const unsigned char **der) {
  long size;
  if (c->ssl == NULL || SSL_session_reused(c->ssl)) return 0;
  size = SSL_get_tlsext_status_ocsp_resp(c->ssl, der);
  return size > 0 ? (size_t)size : 0;
}

/* A server's was read when it was loaded, and is its certificate's. */
static void find_facts (const Connection *c, OcspFacts *facts) {
  const Staple *staple = NULL;
  ocsp_response_begin(facts);
  if (c->ocsp != NULL) *facts = c->ocsp->facts;
  else if (c->options.server_side)
    staple = ocsp_staple_of(SSL_get_certificate(c->ssl));
  if (staple != NULL) *facts = staple->facts;
}

static void set_text (lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_time (lua_State *L, const char *name, double seconds) {
  if (seconds <= OCSP_NO_TIME) return;
  lua_pushnumber(L, (lua_Number)seconds);
  lua_setfield(L, -2, name);
}

/* Why it is not good, in a client's eyes. */
static void set_verdict (lua_State *L, const OcspStatus *status) {
  Failure f;
  lua_pushboolean(L, status->fault == OCSP_GOOD);
  lua_setfield(L, -2, "good");
  if (status->fault == OCSP_GOOD) return;
  f.sentence[0] = '\0';
  ocsp_verdict_say(&f, status->fault, &status->facts);
  lua_pushfstring(L, "it%s", f.sentence);
  lua_setfield(L, -2, "problem");
}

/***
The OCSP response about the server's certificate in this connection's handshake:
on a client what the server has sent, if the option `ocsp` asks for it; on a
server what it has sent (`ocsp_response`). A resumed connection has none. A
client that refused one tells it too, when the handshake has failed. The table
holds

 - `status`: `"good"`, `"revoked"` or `"unknown"`; nil if it says nothing about
   the certificate
 - `this_update`, `next_update`: seconds since the epoch, for which time it is;
   the latter may be absent
 - `produced_at`: seconds since the epoch
 - `revocation_time`: seconds since the epoch, and `revocation_reason`:
   `"key_compromise"`, `"superseded"` or the like, if it was revoked
 - `response_status`: `"successful"`; or, with nothing else, `"try_later"`,
   `"unauthorized"` or another, if the responder had no answer
 - `good`: boolean, on a client: whether all of it was checked and is good;
   `problem`: what is wrong with it. Nothing else in the table is to be trusted
   unless it is good

@function ocsp_response
@tparam[opt=false] boolean binary_form the DER bytes instead of a table
@treturn[1] table|string
@treturn[2] nil there is none, or before the handshake
@treturn[3] nil
@treturn[3] string `"closed"`
@source RFC 6960, 4.2.1; SSL_get_tlsext_status_ocsp_resp(3)
@usage local response = conn:ocsp_response()
if response then print(response.status, os.date("%c", response.next_update)) end
*/
static int facts_ocsp_response (lua_State *L, Connection *c) {
  const unsigned char *der = NULL;
  size_t size = bytes_of(c, &der);
  OcspFacts facts;
  if (c->closed) return errors_condition(L, "closed");
  if (size == 0) lua_pushnil(L);
  else if (lua_toboolean(L, 2)) lua_pushlstring(L, (const char *)der, size);
  else {
    find_facts(c, &facts);
    lua_newtable(L);
    set_text(L, "status", ocsp_response_status_name(&facts));
    set_text(L, "response_status", ocsp_response_answer_name(&facts));
    set_text(L, "revocation_reason", ocsp_response_reason_name(&facts));
    set_time(L, "produced_at", facts.produced_at);
    set_time(L, "this_update", facts.this_update);
    set_time(L, "next_update", facts.next_update);
    set_time(L, "revocation_time", facts.revoked_at);
    if (c->ocsp != NULL) set_verdict(L, c->ocsp);
  }
  return 1;
}

/* For `info`: the status, if a client found it good, or a server shows it. */
int ocsp_status_push_name (lua_State *L, Connection *c) {
  const unsigned char *der = NULL;
  size_t size = bytes_of(c, &der);
  OcspFacts facts;
  ocsp_response_begin(&facts);
  if (size > 0) find_facts(c, &facts);
  if (c->ocsp != NULL && c->ocsp->fault != OCSP_GOOD) lua_pushnil(L);
  else lua_pushstring(L, ocsp_response_status_name(&facts));
  return 1;
}

void ocsp_status_methods (lua_State *L, int metatable, int shared) {
  static const Method methods[] = {
    {"ocsp_response", facts_ocsp_response, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, methods, metatable, shared);
}
