/*
** connection_info.c -- what a connection knows: version, cipher, certificates,
** what is buffered. Facts answer nil before the handshake and nil, "closed"
** after close; a failed connection still tells what it knows.
*/

#include <openssl/err.h>

#include "x509/certificate.h"
#include "x509/certificate_key.h"
#include "x509/certificate_names.h"
#include "connection/chains.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/connection_info.h"
#include "connection/negotiated.h"
#include "connection/ocsp_status.h"
#include "connection/raw_key.h"
#include "connection/resumption.h"
#include "connection/shared_key.h"

/***
Before the handshake these answer `nil`, and after `close` `nil, "closed"`.
@page SSLSocket SSLObject SSLStream
@group What is known
*/

/* 0, or the number of values with which a fact that is not known answers. */
static int push_unknown (lua_State *L, const Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (c->established) return 0;
  lua_pushnil(L);
  return 1;
}

/* Pushes it as a Certificate. NULL: pushes nil. */
static X509 *push_certificate (lua_State *L, const Connection *c) {
  X509 **slot = certificate_new(L);
  X509 *x509 = chains_leaf(c);
  if (x509 != NULL && X509_up_ref(x509)) return *slot = x509;
  lua_pop(L, 1);
  lua_pushnil(L);
  return NULL;
}

/* OpenSSL's verdict is good, and was asked for. */
static int is_verified (const Connection *c) {
  return c->established && verification_by(&c->verification) != NULL;
}

/***
What the peer was authenticated by. What a hook accepted although OpenSSL's
verdict was bad, and what nobody asked to be verified, was not.
@function authenticated_by
@treturn[1] string `"certificate"`, of the handshake or, since then, of a
client's answer to `verify_client_post_handshake`; `"public_key"`, shown without
a certificate: see the option `peer_public_keys`; `"session"`: by the
certificate or key of the connection whose session was resumed; or `"psk"`: by a
pre-shared key, whatever `cert_reqs` asks for
@treturn[2] nil by nothing, or before the handshake
@source RFC 8446, 4.4.2 and 2.2
@usage if conn:authenticated_by() == nil then conn:close() end
*/
static int info_authenticated_by (lua_State *L, Connection *c) {
  int n = push_unknown(L, c);
  if (n > 0) return n;
  lua_pushstring(L, is_verified(c) ? verification_by(&c->verification) : NULL);
  return 1;
}

/***
The cipher in use.
@function cipher
@treturn[1] string name, OpenSSL's
@treturn[1] string version of TLS that defined it
@treturn[1] integer secret bits
@treturn[2] nil before the handshake
@source SSL_CIPHER_get_name(3)
@usage local name, version, bits = conn:cipher()
*/
static int info_cipher (lua_State *L, Connection *c) {
  int bits, n = push_unknown(L, c);
  const SSL_CIPHER *cipher;
  if (n > 0) return n;
  cipher = SSL_get_current_cipher(c->ssl);
  bits = SSL_CIPHER_get_bits(cipher, NULL);
  lua_pushstring(L, SSL_CIPHER_get_name(cipher));
  lua_pushstring(L, SSL_CIPHER_get_version(cipher));
  lua_pushinteger(L, bits);
  return 3;
}

/***
Whether a read would find something without waiting for the network.
@function dirty
@page SSLSocket SSLObject
@group Waiting
@treturn boolean decrypted bytes or a whole record are buffered
@source LuaSocket, tcp
@usage while conn:dirty() do io.write(conn:read()) end
*/
static int info_dirty (lua_State *L, Connection *c) {
  int found = buffer_length(&c->plain) > 0;
  int ended = c->failed;
  if (c->ssl != NULL && !ended) {
    found = found || SSL_pending(c->ssl) > 0;
    ended = SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
  }
  if (c->decision.point != NOWHERE) ended = 1;  /* a read answers "timeout" */
  found = found || (!ended && bio_has_record(&c->bio));
  lua_pushboolean(L, found);
  return 1;
}

/***
The peer's certificate as Python's `getpeercert` gives it; `peer_certificate`
gives all that is in it. The table holds:

 - `subject`: list of relative distinguished names, each a list of
   `{name, value}`, such as `{"commonName", "example.com"}`
 - `notAfter`: when it expires, for `ssl.cert_time_to_seconds`
 - `subjectAltName`: list of `{kind, value}`, such as `{"DNS", "example.com"}`;
   absent if there are none

@function getpeercert
@tparam[opt=false] boolean binary_form the DER bytes instead of a table
@treturn[1] table empty if the certificate was not validated; or the DER as a
string, validated or not
@treturn[2] nil the peer sent none
@treturn[3] nil
@treturn[3] string|SSLError `"closed"`, or before the handshake a failure
@source Python 2.6, ssl; RFC 5280
@usage local certificate = conn:getpeercert()
print(certificate.notAfter)
local der = conn:getpeercert(true)
*/
static int info_getpeercert (lua_State *L, Connection *c) {
  int binary = lua_toboolean(L, 2);
  int verified = c->ssl != NULL && is_verified(c);
  X509 *x509;
  if (c->closed) return errors_condition(L, "closed");
  if (chains_leaf(c) == NULL && !c->established)
    return errors_text(L, ERROR_T, "getpeercert", "state",
                       "the handshake has not been done yet");
  x509 = push_certificate(L, c);
  if (x509 == NULL) return 1;
  if (binary) certificate_push_der(L, x509);
  else if (verified) certificate_names_push_reference(L, x509);
  else lua_newtable(L);
  return 1;
}

/***
The peer's certificate, whether or not it was verified: see `verify_result`.
@function peer_certificate
@treturn[1] Certificate
@treturn[2] nil the peer sent none, or before the handshake
@source SSL_get0_peer_certificate(3)
@usage print(conn:peer_certificate():not_after())
*/
static int info_peer_certificate (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  push_certificate(L, c);
  return 1;
}

/***
How many decrypted bytes a read would return without touching the network.
@function pending
@group Waiting
@treturn integer bytes
@source SSL_pending(3)
@usage local data = conn:read(math.max(conn:pending(), 1))
*/
static int info_pending (lua_State *L, Connection *c) {
  size_t n = buffer_length(&c->plain);
  if (c->closed) return errors_condition(L, "closed");
  if (c->ssl != NULL) n += (size_t)SSL_pending(c->ssl);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/***
The identity of the pre-shared key with which the connection was made: see the
option `psk`.
@function psk_identity
@treturn[1] string identity
@treturn[2] nil the connection was made without one, or before the handshake
@treturn[3] nil
@treturn[3] string `"closed"`
@source RFC 8446, 4.2.11; RFC 4279
@usage print(conn:authenticated_by(), conn:psk_identity())  --> psk	sensor-17
*/
static int info_psk_identity (lua_State *L, Connection *c) {
  const SharedKey *k = c->shared_key;
  if (c->closed) return errors_condition(L, "closed");
  if (!c->established || !shared_key_used(c)) lua_pushnil(L);
  else lua_pushlstring(L, (const char *)k->identity, k->identity_size);
  return 1;
}

/***
The application protocol that both sides agreed on.
@function selected_alpn_protocol
@treturn[1] string protocol, such as `"h2"`
@treturn[2] nil none
@source RFC 7301; SSL_get0_alpn_selected(3)
@usage if conn:selected_alpn_protocol() == "h2" then serve_http2(conn) end
*/
static int info_selected_alpn_protocol (lua_State *L, Connection *c) {
  const unsigned char *protocol = NULL;
  unsigned int size = 0;
  int n = push_unknown(L, c);
  if (n > 0) return n;
  SSL_get0_alpn_selected(c->ssl, &protocol, &size);
  if (size == 0) lua_pushnil(L);
  else lua_pushlstring(L, (const char *)protocol, size);
  return 1;
}

/***
The server's name: on a client the one it asks for, on a server the one that
the client asked for (SNI), in lower case.
@function server_hostname
@treturn[1] string host name or, on a client, address
@treturn[2] nil none
@source RFC 6066, 3
@usage local site = sites[conn:server_hostname()]
*/
static int info_server_hostname (lua_State *L, Connection *c) {
  const char *name = c->name.text;
  if (c->closed) return errors_condition(L, "closed");
  if (name[0] == '\0') lua_pushnil(L);
  else lua_pushstring(L, name);
  return 1;
}

/***
OpenSSL's verdict on the peer's certificate.
@function verify_result
@treturn[1] integer code, 0 is good
@treturn[1] string text
@treturn[1] integer depth in the chain of the certificate that failed; 0 is
the peer's own
@treturn[2] nil the peer sent none, or before the handshake
@source SSL_get_verify_result(3)
@usage local code, text, depth = conn:verify_result()
if code ~= 0 then print(text, depth) end
*/
static int info_verify_result (lua_State *L, Connection *c) {
  long code;
  if (c->closed) return errors_condition(L, "closed");
  if (chains_leaf(c) == NULL && raw_key_of(c) == NULL) {
    lua_pushnil(L);
    return 1;
  }
  code = c->verification.known ? c->verification.code
                               : SSL_get_verify_result(c->ssl);
  lua_pushinteger(L, (lua_Integer)code);
  lua_pushstring(L, X509_verify_cert_error_string(code));
  lua_pushinteger(L, c->verification.depth);
  return 3;
}

/***
The protocol version.
@function version
@treturn[1] string `"TLSv1.3"`, `"TLSv1.2"` ...
@treturn[2] nil before the handshake
@source SSL_get_version(3)
@usage print(conn:version())  --> TLSv1.3
*/
static int info_version (lua_State *L, Connection *c) {
  int n = push_unknown(L, c);
  if (n > 0) return n;
  lua_pushstring(L, SSL_get_version(c->ssl));
  return 1;
}

/* Its first result, if there is one, in the table at the top. */
static void set_fact (lua_State *L, Connection *c, const char *name,
                      int (*fact) (lua_State *L, Connection *c)) {
  int top = lua_gettop(L);
  fact(L, c);
  lua_settop(L, top + 1);
  lua_setfield(L, top, name);
}

static void set_verdict (lua_State *L, Connection *c) {
  int top = lua_gettop(L);
  if (info_verify_result(L, c) == 3) {
    lua_setfield(L, top, "verify_depth");
    lua_setfield(L, top, "verify_message");
    lua_setfield(L, top, "verify_code");
  }
  lua_settop(L, top);
}

static void set_negotiated (lua_State *L, Connection *c) {
  int top = lua_gettop(L);
  info_cipher(L, c);
  lua_setfield(L, top, "cipher_bits");
  lua_setfield(L, top, "cipher_version");
  lua_setfield(L, top, "cipher");
  negotiated_push_compression(L, c);
  lua_setfield(L, top, "compression");
  negotiated_push_group(L, c);
  lua_setfield(L, top, "group");
  negotiated_push_shared_ciphers(L, c);
  lua_setfield(L, top, "shared_ciphers");
  negotiated_push_signature(L, c, 1);
  lua_setfield(L, top, "own_signature_algorithm");
  negotiated_push_signature(L, c, 0);
  lua_setfield(L, top, "peer_signature_algorithm");
}

/***
All that is known, in one table, to be shown or logged; there is no secret in
it. It holds what the methods of the same names answer: `authenticated_by`,
`compression`, `group`, `peer_certificate`, `psk_identity`,
`selected_alpn_protocol`, `server_hostname`, `session_reused`, `shared_ciphers`
and `version`; and

 - `cipher`, `cipher_version`, `cipher_bits`: what `cipher` answers
 - `ocsp_status`: `"good"`, if a client asked for an OCSP response and it is; on
   a server what the one says that it has shown. See `ocsp_response`
 - `own_signature_algorithm`, `peer_signature_algorithm`
 - `server_side`: whether this is the server's end
 - `state`: `"no connection"`, `"handshake"`, `"connected"` or `"failed"`
 - `verify_code`, `verify_message`, `verify_depth`: what `verify_result` answers

What is not known is absent: before the handshake nearly all.
@function info
@treturn[1] table
@treturn[2] nil
@treturn[2] string `"closed"`
@usage for name, value in pairs(conn:info()) do print(name, value) end
*/
static int info_info (lua_State *L, Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  lua_newtable(L);
  lua_pushstring(L, connection_state(c));
  lua_setfield(L, -2, "state");
  lua_pushboolean(L, c->options.server_side);
  lua_setfield(L, -2, "server_side");
  set_fact(L, c, "server_hostname", info_server_hostname);
  set_fact(L, c, "peer_certificate", info_peer_certificate);
  if (raw_key_of(c) != NULL) {
    certificate_key_push(L, raw_key_of(c), 0);
    lua_setfield(L, -2, "peer_public_key");
  }
  set_verdict(L, c);
  if (!c->established) return 1;
  errors_clear();
  set_fact(L, c, "authenticated_by", info_authenticated_by);
  set_fact(L, c, "ocsp_status", ocsp_status_push_name);
  set_fact(L, c, "selected_alpn_protocol", info_selected_alpn_protocol);
  set_fact(L, c, "psk_identity", info_psk_identity);
  set_fact(L, c, "session_reused", resumption_reused);
  if (chains_push_match(L, c, &c->verification)) {
    lua_pop(L, 1);
    lua_setfield(L, -2, "tlsa_match");
  }
  set_fact(L, c, "version", info_version);
  set_negotiated(L, c);
  errors_clear();
  return 1;
}

/***
What the last operation that answered `"timeout"`, `"wantread"` or
`"wantwrite"` waits for.
@function want
@page SSLSocket SSLObject
@group Waiting
@treturn boolean poll for reading
@treturn boolean poll for writing (an SSLObject: `drain` has something)
@usage local done, err = conn:do_handshake()
if err == "wantread" or err == "wantwrite" then
  local reading, writing = conn:want()
end
*/
static int info_want (lua_State *L, Connection *c) {
  lua_pushboolean(L, c->want & WANT_READ);
  lua_pushboolean(L, c->want & WANT_WRITE
                     || buffer_length(&c->bio.out) > 0);
  return 2;
}

/* resumption.c */

/***
What resumes this connection later, on the client's side: the value of the
option `session`. In TLS 1.3 the server sends it after the handshake, ours with
its first data, so that it is there once something was read.
@function session
@treturn[1] SSLSession
@treturn[2] nil none came yet, a server's connection, or before the handshake
@source SSL_get1_session(3); RFC 8446, 4.6.1
@usage sessions["example.com"] = conn:session()
-- for the next connection: {session = sessions["example.com"]}
*/

/***
Whether the handshake resumed a session.
@function session_reused
@treturn[1] boolean
@treturn[2] nil before the handshake
@source SSL_session_reused(3)
@usage print(conn:session_reused())  --> true
*/

void connection_info_methods (lua_State *L, int metatable, int shared) {
  static const Method methods[] = {
    {"authenticated_by", info_authenticated_by, TELLS, NULL},
    {"cipher", info_cipher, TELLS, NULL},
    {"dirty", info_dirty, TELLS, NULL},
    {"getpeercert", info_getpeercert, TELLS, NULL},
    {"info", info_info, TELLS, NULL},
    {"peer_certificate", info_peer_certificate, TELLS, NULL},
    {"peer_public_key", raw_key_peer_public_key, TELLS, NULL},
    {"pending", info_pending, TELLS, NULL},
    {"psk_identity", info_psk_identity, TELLS, NULL},
    {"selected_alpn_protocol", info_selected_alpn_protocol, TELLS,
     NULL},
    {"server_hostname", info_server_hostname, TELLS, NULL},
    {"session", resumption_session, TELLS, NULL},
    {"session_reused", resumption_reused, TELLS, NULL},
    {"verify_result", info_verify_result, TELLS, NULL},
    {"version", info_version, TELLS, NULL},
    {"want", info_want, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, methods, metatable, shared);
}
