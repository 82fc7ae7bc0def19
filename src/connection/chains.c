/*
** chains.c -- the certificates of a connection as facts. After a resumption
** there is what the session holds: all of it on a client, on a server that was
** given a ticket the client's own certificate alone. What is not known is nil.
*/

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/errors.h"
#include "context/session.h"
#include "connection/chains.h"
#include "connection/method_prologue.h"
#include "x509/certificate.h"
#include "x509/verdict_names.h"

/***
@page SSLSocket SSLObject SSLStream
@group What is known
*/

/* OpenSSL has a new one before the peer has proved that it is his. */
X509 *chains_leaf (const Connection *c) {
  X509 *x509 = c->ssl != NULL ? SSL_get0_peer_certificate(c->ssl) : NULL;
  if (c->established) return c->verification.leaf;
  if (x509 != NULL) return x509;
  return c->verification.refused ? c->verification.leaf : NULL;
}

/* OpenSSL's chains are about that leaf, and not one that was asked for since. */
static int is_newest (const Connection *c, X509 *leaf) {
  X509 *x509 = SSL_get0_peer_certificate(c->ssl);
  return x509 != NULL && X509_cmp(x509, leaf) == 0;
}

/* ---- pushing ---- */

/* A server's chain is without the leaf. */
static void push_sent (lua_State *L, X509 *leaf, STACK_OF(X509) *chain) {
  int i;
  lua_newtable(L);
  certificate_push(L, leaf);
  lua_rawseti(L, -2, 1);
  for (i = 0; i < sk_X509_num(chain); i++) {
    certificate_push(L, sk_X509_value(chain, i));
    lua_rawseti(L, -2, i + 2);
  }
}

void chains_push_faults (lua_State *L, const Faults *faults) {
  int i;
  lua_createtable(L, faults->count, 0);
  for (i = 0; i < faults->count; i++) {
    int code = faults->list[i].code;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, verdict_name(code));
    lua_setfield(L, -2, "name");
    lua_pushstring(L, X509_verify_cert_error_string(code));
    lua_setfield(L, -2, "message");
    lua_pushinteger(L, faults->list[i].depth);
    lua_setfield(L, -2, "depth");
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_byte (lua_State *L, int byte, int i) {
  lua_pushinteger(L, byte);
  lua_rawseti(L, -2, i);
}

/* OpenSSL has what matched last, and tells it where the verdict is good. */
int chains_push_match (lua_State *L, const Connection *c,
                       const Verification *v) {
  unsigned char usage = 0, selector = 0, matching = 0;
  const unsigned char *data = NULL;
  size_t size = 0;
  int depth = -1;
  if (c->tlsa != NULL && c->ssl != NULL && v->known && v->code == X509_V_OK)
    depth = SSL_get0_dane_tlsa(c->ssl, &usage, &selector, &matching, &data,
                               &size);
  if (depth < 0) return 0;
  lua_createtable(L, 4, 0);
  push_byte(L, usage, 1);
  push_byte(L, selector, 2);
  push_byte(L, matching, 3);
  lua_pushlstring(L, (const char *)data, size);
  lua_rawseti(L, -2, 4);
  lua_pushinteger(L, depth);
  return 2;
}

static int push_nil (lua_State *L) {
  lua_pushnil(L);
  return 1;
}

/* ---- the methods ---- */

/***
The certificate that this side showed in this handshake.
@function local_certificate
@treturn[1] Certificate
@treturn[2] nil none: a client was not asked for one or has none that fits; a
session was resumed, where nobody shows any; its public key alone was shown; or
before the handshake
@source SSL_get_certificate(3); RFC 8446, 4.4.2
@usage local shown = conn:local_certificate()
if shown then print(shown:not_after()) end
*/
static int chains_local_certificate (lua_State *L, Connection *c) {
  X509 *x509;
  int nid;
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established) return push_nil(L);
  if (c->options.server_side && SSL_session_reused(c->ssl))
    return push_nil(L);
  /* A client's that it was not asked for is there too, and signed nothing. */
  if (!c->options.server_side && !SSL_get_signature_type_nid(c->ssl, &nid))
    return push_nil(L);
  x509 = SSL_get_certificate(c->ssl);
  if (x509 == NULL || compat_is_key(c->ssl, c->options.server_side)
      || SSL_CIPHER_get_auth_nid(SSL_get_current_cipher(c->ssl))
                      == NID_auth_null) return push_nil(L);
  certificate_push(L, x509);
  return 1;
}

/***
The certificates as the peer sent them, its own first. Nothing about them is
verified: see `verified_chain`. After a resumption they are those of the
connection that the session was made in.
@function peer_chain
@treturn[1] {Certificate,...}
@treturn[2] nil the peer sent none; or it is not known: before the handshake,
and on a server after a resumption, as a ticket holds the client's own
certificate alone
@source SSL_get_peer_cert_chain(3); RFC 8446, 4.4.2
@usage for i, certificate in ipairs(conn:peer_chain() or {}) do
  print(i, certificate:pem())
end
*/
static int chains_peer_chain (lua_State *L, Connection *c) {
  const Verification *v = &c->verification;
  X509 *leaf = chains_leaf(c);
  STACK_OF(X509) *chain;
  if (c->closed) return errors_condition(L, "closed");
  if (leaf == NULL) return push_nil(L);
  if (v->refused && v->sent != NULL) {
    certificate_push_list(L, v->sent);
    return 1;
  }
  chain = SSL_get_peer_cert_chain(c->ssl);
  if (chain == NULL || v->refused || !is_newest(c, leaf)) return push_nil(L);
  if (c->options.server_side) push_sent(L, leaf, chain);
  else certificate_push_list(L, chain);
  return 1;
}

/***
The chain that was verified, from the peer's certificate to the one that is
trusted. After a resumption it is the one of the connection that the session
was made in.
@function verified_chain
@treturn[1] {Certificate,...}
@treturn[2] nil OpenSSL's verdict was not good, whatever was accepted (see
`verify_result`); or it is not known: before the handshake, and on a server
after a resumption where neither `pins`, CRLs nor `on_verify` ask for it
@source SSL_get0_verified_chain(3)
@usage local chain = conn:verified_chain()
if chain then print(chain[#chain]:subject()) end
*/
static int chains_verified_chain (lua_State *L, Connection *c) {
  const Verification *v = &c->verification;
  STACK_OF(X509) *chain;
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established || !v->known || v->leaf == NULL
      || v->code != X509_V_OK) return push_nil(L);
  chain = v->resumed ? session_chain(SSL_get_session(c->ssl))
                     : SSL_get0_verified_chain(c->ssl);
  if (chain == NULL || X509_cmp(sk_X509_value(chain, 0), v->leaf) != 0)
    return push_nil(L);
  certificate_push_list(L, chain);
  return 1;
}

/***
All that was found wrong with the peer's certificate and its chain, also where
the handshake went on: with `CERT_NONE`, or because `on_verify` accepted it. On
a server that refuses it is the first alone, unless there is an `on_verify`.
@function verify_errors
@treturn[1] {table,...} empty: nothing was; else one table each, in the order
found: `depth` in the chain (0 is the peer's own), `code`, `name` (OpenSSL's
symbol in lower case, `"cert_has_expired"`; nil for one that came after this
version of LuaSSL) and `message`
@treturn[2] nil the peer sent none, or before the handshake
@source X509_STORE_CTX_get_error(3)
@usage for _, fault in ipairs(conn:verify_errors() or {}) do
  print(fault.depth, fault.name, fault.message)
end
*/
static int chains_verify_errors (lua_State *L, Connection *c) {
  const Verification *v = &c->verification;
  if (c->closed) return errors_condition(L, "closed");
  if (!v->known || (v->leaf == NULL && v->key == NULL)) return push_nil(L);
  chains_push_faults(L, &v->faults);
  return 1;
}

/***
The TLSA record that the server was verified by: see the option `tlsa`. After a
resumption it is the one that its certificate matches by now.
@function tlsa_match
@treturn[1] table `{usage, selector, matching type, data}`, the data as bytes
@treturn[1] integer where in the chain what it is for stands: 0, the server's
own certificate, or one of its issuers; with an issuer's key in full
(`{2, 1, 0}`), what that has signed
@treturn[2] nil no record matched: the option was not given, or `on_verify`
accepted the server all the same; or before the handshake
@source SSL_get0_dane_tlsa(3); RFC 6698, 2.1
@usage local record = conn:tlsa_match()
if record then print("DANE, usage " .. record[1]) end
*/
static int chains_tlsa_match (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (c->established && chains_push_match(L, c, &c->verification)) return 2;
  return push_nil(L);
}

void chains_methods (lua_State *L, int metatable, int shared) {
  static const Method methods[] = {
    {"local_certificate", chains_local_certificate, TELLS, NULL},
    {"peer_chain", chains_peer_chain, TELLS, NULL},
    {"tlsa_match", chains_tlsa_match, TELLS, NULL},
    {"verified_chain", chains_verified_chain, TELLS, NULL},
    {"verify_errors", chains_verify_errors, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, methods, metatable, shared);
}
