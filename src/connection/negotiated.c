/*
** negotiated.c -- what both sides of a handshake agreed on, besides version and
** cipher: key exchange, signatures, and what a server chose among.
*/

#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/method_prologue.h"
#include "connection/negotiated.h"
#include "context/options.h"

/***
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

/* ---- signatures ---- */

/* RFC 8446, 4.2.3, and its registry; by OpenSSL's numbers. */
static const struct {
  int type, digest;
  const char *name;
} signatures[] = {
  {EVP_PKEY_RSA, NID_sha256, "rsa_pkcs1_sha256"},
  {EVP_PKEY_RSA, NID_sha384, "rsa_pkcs1_sha384"},
  {EVP_PKEY_RSA, NID_sha512, "rsa_pkcs1_sha512"},
  {EVP_PKEY_RSA, NID_sha224, "rsa_pkcs1_sha224"},
  {EVP_PKEY_RSA, NID_sha1, "rsa_pkcs1_sha1"},
  {EVP_PKEY_RSA, NID_md5_sha1, "rsa_pkcs1_md5_sha1"},
  {EVP_PKEY_EC, NID_sha256, "ecdsa_secp256r1_sha256"},
  {EVP_PKEY_EC, NID_sha384, "ecdsa_secp384r1_sha384"},
  {EVP_PKEY_EC, NID_sha512, "ecdsa_secp521r1_sha512"},
  {EVP_PKEY_EC, NID_sha224, "ecdsa_sha224"},
  {EVP_PKEY_EC, NID_sha1, "ecdsa_sha1"},
  {EVP_PKEY_DSA, NID_sha256, "dsa_sha256"},
  {EVP_PKEY_DSA, NID_sha384, "dsa_sha384"},
  {EVP_PKEY_DSA, NID_sha512, "dsa_sha512"},
  {EVP_PKEY_DSA, NID_sha224, "dsa_sha224"},
  {EVP_PKEY_DSA, NID_sha1, "dsa_sha1"},
  {EVP_PKEY_ED25519, NID_undef, "ed25519"},
  {EVP_PKEY_ED448, NID_undef, "ed448"}
};

/* By the key: both kinds of RSA-PSS have one number. */
static const char *pss_name (int digest, const X509 *x509) {
  const EVP_PKEY *key = x509 != NULL ? X509_get0_pubkey(x509) : NULL;
  int only = key != NULL && EVP_PKEY_is_a(key, "RSA-PSS");
  switch (digest) {
    case NID_sha256:
      return only ? "rsa_pss_pss_sha256" : "rsa_pss_rsae_sha256";
    case NID_sha384:
      return only ? "rsa_pss_pss_sha384" : "rsa_pss_rsae_sha384";
    case NID_sha512:
      return only ? "rsa_pss_pss_sha512" : "rsa_pss_rsae_sha512";
    default: return NULL;
  }
}

static const char *name_of (int type, int digest, const X509 *x509) {
  size_t i;
  if (type == EVP_PKEY_RSA_PSS) return pss_name(digest, x509);
  for (i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
    if (signatures[i].type == type && signatures[i].digest == digest)
      return signatures[i].name;
  return NULL;
}

/* A server signs in full handshakes, unless its key enciphers; what it would
** have signed with, OpenSSL tells even then. */
static int server_signed (const Connection *c) {
  const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
  int exchange = SSL_CIPHER_get_kx_nid(cipher);
  int authentication = SSL_CIPHER_get_auth_nid(cipher);
  return !SSL_session_reused(c->ssl) && exchange != NID_kx_rsa
         && exchange != NID_kx_rsa_psk && exchange != NID_kx_psk
         && authentication != NID_auth_null && authentication != NID_auth_psk;
}

static const char *signature_of (const Connection *c, int own) {
  const char *name = compat_signature_name(c->ssl, own);
  int type = NID_undef, digest = NID_undef;
  if (own == c->options.server_side && !server_signed(c)) return NULL;
  if (name != NULL) return name;
  if (own) {
    if (!SSL_get_signature_type_nid(c->ssl, &type)) return NULL;
    (void)SSL_get_signature_nid(c->ssl, &digest);
    return name_of(type, digest, SSL_get_certificate(c->ssl));
  }
  if (!SSL_get_peer_signature_type_nid(c->ssl, &type)) return NULL;
  (void)SSL_get_peer_signature_nid(c->ssl, &digest);
  return name_of(type, digest, SSL_get0_peer_certificate(c->ssl));
}

void negotiated_push_signature (lua_State *L, Connection *c, int own) {
  lua_pushstring(L, signature_of(c, own));
}

/***
The signature algorithm with which one side has proved in this handshake that
it has its certificate's key.
@function signature_algorithm
@tparam string whose `"own"` or `"peer"`
@treturn[1] string RFC 8446's name, such as `"ecdsa_secp256r1_sha256"`; in
TLS 1.2 it says nothing about the curve
@treturn[2] nil nothing was signed: no certificate, a resumption, a key that
enciphers; or before the handshake
@raise for anything else
@source RFC 8446, 4.2.3; SSL_get_peer_signature_type_nid(3)
@usage print(conn:signature_algorithm "peer")  --> rsa_pss_rsae_sha256
*/
static int negotiated_signature (lua_State *L, Connection *c) {
  static const char *const sides[] = {"peer", "own", NULL};
  int own, n;
  luaL_checkstring(L, 2);
  own = options_choice(L, 2, NULL, sides);
  n = push_unknown(L, c);
  if (n > 0) return n;
  negotiated_push_signature(L, c, own);
  return 1;
}

/* ---- compression ---- */

void negotiated_push_compression (lua_State *L, Connection *c) {
  const COMP_METHOD *method = SSL_get_current_compression(c->ssl);
  lua_pushstring(L, method != NULL ? SSL_COMP_get_name(method) : NULL);
}

/***
The compression of TLS, which is off: it gives secrets away (CRIME).
@function compression
@treturn[1] nil always
@treturn[2] nil
@treturn[2] string `"closed"`
@source RFC 3749; Python 3.3, SSLSocket.compression
@usage assert(conn:compression() == nil)
*/
static int negotiated_compression (lua_State *L, Connection *c) {
  int n = push_unknown(L, c);
  if (n > 0) return n;
  negotiated_push_compression(L, c);
  return 1;
}

/* ---- key exchange ---- */

void negotiated_push_group (lua_State *L, Connection *c) {
  lua_pushstring(L, compat_group_name(c->ssl));
}

/***
The group of the key exchange. In TLS 1.2 a resumption exchanges no keys: it is
the group of the full handshake, if the session tells.
@function group
@treturn[1] string its name in TLS, such as `"x25519"` or `"secp256r1"`;
OpenSSL 3.5 may spell names otherwise
@treturn[2] nil none (RSA key exchange), or before the handshake
@source SSL_get0_group_name(3); SSL_group_to_name(3)
@usage print(conn:group())  --> x25519
*/
static int negotiated_group (lua_State *L, Connection *c) {
  int n = push_unknown(L, c);
  if (n > 0) return n;
  errors_clear();
  negotiated_push_group(L, c);
  errors_clear();
  return 1;
}

/* ---- what a server chose among ---- */

/* The version that was negotiated has it. */
static int is_usable (const SSL *ssl, const SSL_CIPHER *cipher) {
  const char *version = SSL_CIPHER_get_version(cipher);
  int of_1_3 = strcmp(version, "TLSv1.3") == 0;
  if (SSL_version(ssl) < TLS1_2_VERSION && strcmp(version, "TLSv1.2") == 0)
    return 0;
  return of_1_3 == (SSL_version(ssl) >= TLS1_3_VERSION);
}

/* {name=, version=, bits=} */
static void push_cipher (lua_State *L, const SSL_CIPHER *cipher) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, SSL_CIPHER_get_name(cipher));
  lua_setfield(L, -2, "name");
  lua_pushstring(L, SSL_CIPHER_get_version(cipher));
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, SSL_CIPHER_get_bits(cipher, NULL));
  lua_setfield(L, -2, "bits");
}

void negotiated_push_shared_ciphers (lua_State *L, Connection *c) {
  STACK_OF(SSL_CIPHER) *theirs = SSL_get_client_ciphers(c->ssl);
  STACK_OF(SSL_CIPHER) *ours = SSL_get_ciphers(c->ssl);
  int i, n = 0;
  if (theirs == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  for (i = 0; i < sk_SSL_CIPHER_num(theirs); i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(theirs, i);
    if (sk_SSL_CIPHER_find(ours, cipher) < 0 || !is_usable(c->ssl, cipher))
      continue;
    push_cipher(L, cipher);
    lua_rawseti(L, -2, ++n);
  }
}

/***
The ciphers that the client offered and this server has too, in the version
that was negotiated, in the client's order.
@function shared_ciphers
@treturn[1] {table,...} each `{name=, version=, bits=}`, as `cipher` has them
@treturn[2] nil on a client, which is not told, or before the handshake
@source Python 3.5, SSLSocket.shared_ciphers; SSL_get_client_ciphers(3)
@usage for _, cipher in ipairs(conn:shared_ciphers() or {}) do
  print(cipher.name, cipher.bits)
end
*/
static int negotiated_shared_ciphers (lua_State *L, Connection *c) {
  int n = push_unknown(L, c);
  if (n > 0) return n;
  negotiated_push_shared_ciphers(L, c);
  return 1;
}

void negotiated_methods (lua_State *L, int metatable, int shared) {
  static const Method methods[] = {
    {"compression", negotiated_compression, TELLS, NULL},
    {"group", negotiated_group, TELLS, NULL},
    {"shared_ciphers", negotiated_shared_ciphers, TELLS, NULL},
    {"signature_algorithm", negotiated_signature, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, methods, metatable, shared);
}
