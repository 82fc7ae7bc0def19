/*
** server_key.c -- which pre-shared key a server finds for its client.
**
** It answers a wrong key and an unknown identity alike: for the one that it
** does not know it goes on with a random key, so that the client's proof fails
** as any wrong one does (RFC 8446, E.6). Tickets come in the same place of TLS
** 1.3's ClientHello. They are told apart by their age, which is 0 for the
** identities of keys from elsewhere (4.2.11) and random for tickets.
*/

#include <string.h>

#include <openssl/async.h>

#include "base/errors.h"
#include "connection/decision.h"
#include "connection/method_prologue.h"
#include "connection/server_key.h"
#include "connection/shared_key.h"

#define OFFERS_MAX 8    /* identities of a client that are looked at */
#define AGE_SIZE 4
#define SUITES_MAX 256  /* bytes of their names */

/* ---- a server, in TLS 1.3's ClientHello ---- */

/* An identity that is no ticket's. */
typedef struct Offer {
  const unsigned char *identity;
  size_t size;
  int hash;  /* PSK_SHA*: of its proof */
} Offer;

static size_t number (const unsigned char *p) {
  return (size_t)p[0] << 8 | p[1];
}

/* The extension's two lists go in step. OpenSSL refuses what is malformed. */
static int read_offers (const unsigned char *p, size_t size,
                        Offer offers[OFFERS_MAX]) {
  static const unsigned char none[AGE_SIZE];
  const unsigned char *end, *proof, *last = p + size;
  int n = 0;
  if (size < 2 || number(p) > size - 2) return 0;
  end = p + 2 + number(p);
  p += 2;
  if (last - end < 2 || number(end) != (size_t)(last - end) - 2) return 0;
  proof = end + 2;
  while (p < end && proof < last && n < OFFERS_MAX) {
    size_t length, proved = *proof;
    if (end - p < 2 + AGE_SIZE) return 0;
    length = number(p);
    if (length > (size_t)(end - p) - 2 - AGE_SIZE
        || proved > (size_t)(last - proof) - 1) return 0;
    p += 2;
    if (memcmp(p + length, none, AGE_SIZE) == 0 && length > 0
        && (proved == PSK_SHA256 || proved == PSK_SHA384)) {
      offers[n].identity = p;
      offers[n].size = length;
      offers[n++].hash = (int)proved;
    }
    p += length + AGE_SIZE;
    proof += proved + 1;
  }
  return n;
}

/* RFC 8446, 4.2.11: a key goes with one hash, and so with the suites that have
** it. Those of the server's that the client offers too, if there are any. */
static int restrict_suites (SSL *ssl, int hash) {
  const STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(ssl);
  int i, nid = hash == PSK_SHA384 ? NID_sha384 : NID_sha256, shared = 0;
  const unsigned char *offered;
  char list[SUITES_MAX] = "";
  size_t j, size = SSL_client_hello_get0_ciphers(ssl, &offered);
  for (i = 0; i < sk_SSL_CIPHER_num(all); i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
    const char *name = SSL_CIPHER_get_name(cipher);
    const EVP_MD *md = SSL_CIPHER_get_handshake_digest(cipher);
    if (SSL_CIPHER_get_kx_nid(cipher) != NID_kx_any || md == NULL
        || EVP_MD_get_type(md) != nid
        || strlen(list) + strlen(name) + 2 > sizeof(list)) continue;
    if (list[0] != '\0') strcat(list, ":");
    strcat(list, name);
    for (j = 0; j + 1 < size; j += 2)
      shared |= number(offered + j) == SSL_CIPHER_get_protocol_id(cipher);
  }
  return !shared || SSL_set_ciphersuites(ssl, list);
}

/* The first that is known; else a random key for the first of all. */
static int choose_listed (const Connection *c, SharedKey *k,
                          const Offer *offers, int n) {
  Psk psk;
  int i;
  for (i = 0; i < n; i++)
    if (psk_find(c->policy->psk, offers[i].identity, offers[i].size, &psk)
        && psk.hash == offers[i].hash) return shared_key_choose(k, &psk);
  return shared_key_choose_random(k, offers[0].identity, offers[0].size,
                                  offers[0].hash);
}

static int is_tls13 (SSL *ssl) {
  int most = (int)SSL_get_max_proto_version(ssl);
  return most == 0 || most >= TLS1_3_VERSION;
}

/* Behind the function's answer, or without one. */
static int take_hello (Connection *c, SSL *ssl, const Offer *offers, int n) {
  SharedKey *k = c->shared_key;
  int done = 1;
  if (!k->chosen)
    done = c->policy->psk != NULL ? choose_listed(c, k, offers, n)
           : shared_key_choose_random(k, offers[0].identity, offers[0].size,
                           offers[0].hash);
  OPENSSL_free(k->hello);
  k->hello = NULL;
  return done && restrict_suites(ssl, k->hash) ? 1 : -1;
}

int server_key_on_hello (Connection *c, SSL *ssl, int *alert) {
  const unsigned char *extension;
  Offer offers[OFFERS_MAX];
  SharedKey *k = c->shared_key;
  size_t size;
  int n;
  if (c->policy->psk == NULL && !(c->policy->hooks & HOOK_PSK)) return 1;
  if (k != NULL && k->answer == REFUSED) {
    *alert = k->alert >= 0 ? k->alert : SSL_AD_HANDSHAKE_FAILURE;
    return -1;
  }
  if ((k != NULL && k->chosen && k->hello == NULL) || !is_tls13(ssl)
      || !SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &extension, &size))
    return 1;
  n = read_offers(extension, size, offers);
  if (n == 0) return 1;
  k = shared_key_open(c);
  if (k == NULL) return -1;
  if (c->policy->psk != NULL || k->answer != UNANSWERED)
    return take_hello(c, ssl, offers, n);
  k->hello = OPENSSL_memdup(extension, size);
  k->hello_size = size;
  if (k->hello == NULL) return -1;
  decision_stop(c, AT_PSK);
  return 0;
}

/* Called for tickets too, which are nobody's identity here. */
static int on_identity (SSL *ssl, const unsigned char *identity, size_t size,
                        SSL_SESSION **session) {
  const Connection *c = SSL_get_app_data(ssl);
  const SharedKey *k = c->shared_key;
  *session = NULL;
  if (k == NULL || !k->chosen || size != k->identity_size
      || memcmp(identity, k->identity, size) != 0) return 1;
  *session = shared_key_as_session(k, ssl);
  return *session != NULL;
}

/* ---- a server, before TLS 1.3 ---- */

/* OpenSSL can suspend on a stack of its own, as for on_verify. */
static void await_function (Connection *c, SSL *ssl) {
  const SharedKey *k = c->shared_key;
  errors_clear();
  if (!(SSL_get_mode(ssl) & (long)SSL_MODE_ASYNC)) {
    decision_run_inside(c, AT_PSK);
    return;
  }
  decision_stop(c, AT_PSK);
  while (k->answer == UNANSWERED) ASYNC_pause_job();
}

/* No session goes on with a key that its owner may have taken back: this is
** the context of none. */
static int forbid_resumption (SSL *ssl) {
  static const unsigned char nobody[] = "psk";
  return SSL_SESSION_set1_id_context(SSL_get_session(ssl), nobody,
                                     sizeof(nobody));
}

static int find_before (Connection *c, SSL *ssl, const char *identity) {
  const unsigned char *name = (const unsigned char *)identity;
  size_t size = strlen(identity);
  SharedKey *k;
  Psk psk;
  shared_key_free(c);  /* what a ClientHello for TLS 1.3 has left */
  k = shared_key_open(c);
  if (k == NULL || !forbid_resumption(ssl)) return 0;
  if (c->policy->psk != NULL) {
    if (psk_find(c->policy->psk, name, size, &psk))
      return shared_key_choose(k, &psk);
    return shared_key_choose_random(k, name, size, PSK_SHA256);
  }
  k->identity = OPENSSL_memdup(name, size + 1);
  k->identity_size = size;
  if (k->identity == NULL) return 0;
  await_function(c, ssl);
  if (k->answer == REFUSED) return 0;
  if (k->chosen) return 1;
  return shared_key_choose_random(k, name, size, PSK_SHA256);
}

static unsigned int on_identity_before (SSL *ssl, const char *identity,
                                        unsigned char *key,
                                        unsigned int room) {
  Connection *c = SSL_get_app_data(ssl);
  const SharedKey *k;
  if (SSL_version(ssl) >= TLS1_3_VERSION || !find_before(c, ssl, identity))
    return 0;
  k = c->shared_key;
  if (k->key_size > room) return 0;
  memcpy(key, k->key, k->key_size);
  return (unsigned int)k->key_size;
}

void server_key_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  if (!policy->defaults.server_side
      || (policy->psk == NULL && !(policy->hooks & HOOK_PSK))) return;
  SSL_CTX_set_psk_find_session_callback(ctx, on_identity);
  SSL_CTX_set_psk_server_callback(ctx, on_identity_before);
}

/* ---- for Lua ---- */

void server_key_push_offers (lua_State *L, const Connection *c) {
  const SharedKey *k = c->shared_key;
  Offer offers[OFFERS_MAX];
  int i, n;
  if (!c->options.server_side) return;
  if (k->hello != NULL) n = read_offers(k->hello, k->hello_size, offers);
  else {
    offers[0].identity = k->identity;
    offers[0].size = k->identity_size;
    n = 1;
  }
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    lua_pushlstring(L, (const char *)offers[i].identity, offers[i].size);
    lua_rawseti(L, -2, i + 1);
  }
  lua_rawgeti(L, -1, 1);
  lua_setfield(L, -3, "identity");
  lua_setfield(L, -2, "identities");
}

/* A string of that many bytes, as an argument; it is in no error. */
static const unsigned char *check_bytes (lua_State *L, int index, size_t low,
                                         size_t high, const char *wanted,
                                         size_t *size) {
  luaL_checktype(L, index, LUA_TSTRING);
  lua_tolstring(L, index, size);
  luaL_argcheck(L, *size >= low && *size <= high, index, wanted);
  return (const unsigned char *)lua_tostring(L, index);
}

/* The offer that a server's function has chosen, or the first. */
static void check_offer (lua_State *L, const SharedKey *k, Psk *psk) {
  Offer offers[OFFERS_MAX];
  int i, n = 0;
  if (k->hello != NULL) n = read_offers(k->hello, k->hello_size, offers);
  else if (k->identity != NULL) {
    offers[0].identity = k->identity;
    offers[0].size = k->identity_size;
    offers[0].hash = psk->hash;
    n = 1;
  }
  for (i = 0; i < n; i++)
    if (psk->identity == NULL
        || (offers[i].size == psk->identity_size
            && memcmp(offers[i].identity, psk->identity,
                      psk->identity_size) == 0)) break;
  if (i == n) luaL_error(L, "psk: it chose an identity that the client does "
                         "not offer");
  psk->identity = offers[i].identity;
  psk->identity_size = offers[i].size;
  if (psk->hash != offers[i].hash) psk->key = NULL;  /* the client's is for
                                                     ** another hash */
}

/* use_key(connection, identity, key, hash): what the option's function has
** decided on; true. */
static int primitive_use_key (lua_State *L, Connection *c) {
  SharedKey *k = c->shared_key;
  size_t size;
  Psk psk;
  lua_settop(L, 4);
  memset(&psk, 0, sizeof(psk));
  psk.key = check_bytes(L, 3, PSK_KEY_MIN, PSK_KEY_MAX,
                        "a key has 16 to 512 bytes", &psk.key_size);
  if (!c->options.server_side || !lua_isnil(L, 2))
    psk.identity = check_bytes(L, 2, 1, PSK_IDENTITY_MAX, "an identity has 1 "
                               "to 16384 bytes", &psk.identity_size);
  psk.hash = PSK_SHA256;
  if (!lua_isnil(L, 4)) {
    const char *hash = (const char *)check_bytes(L, 4, 1, 16, "no hash",
                                                 &size);
    psk.hash = strlen(hash) == size ? psk_hash(hash) : 0;
    luaL_argcheck(L, psk.hash != 0, 4, "\"sha256\" or \"sha384\" expected");
  }
  if (!c->decision.hook_running || c->decision.point != AT_PSK || k == NULL
      || c->closed || c->failed) return 0;
  if (c->options.server_side) check_offer(L, k, &psk);
  if (psk.key != NULL && !shared_key_choose(k, &psk))
    return luaL_error(L, "not enough memory");
  lua_pushboolean(L, 1);
  return 1;
}

void server_key_primitives (lua_State *L) {
  static const Method primitives[] = {
    {"use_key", primitive_use_key, ANSWERS, NULL},
    {NULL, NULL, ANSWERS, NULL}
  };
  method_add(L, primitives, 0, 0);
}
