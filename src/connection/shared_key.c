/*
** shared_key.c -- the pre-shared key of a connection (RFC 8446, 4.2.11; RFC
** 4279), once it is chosen, and whether the handshake was made with it. Who
** chooses: client_key.c and server_key.c.
*/

#include <string.h>

#include <openssl/rand.h>

#include "connection/shared_key.h"

#define RANDOM_SIZE 32

/* ---- the key ---- */

SharedKey *shared_key_open (Connection *c) {
  if (c->shared_key == NULL)
    c->shared_key = OPENSSL_zalloc(sizeof(*c->shared_key));
  if (c->shared_key != NULL) c->shared_key->alert = -1;
  return c->shared_key;
}

void shared_key_free (Connection *c) {
  SharedKey *k = c->shared_key;
  c->shared_key = NULL;
  if (k == NULL) return;
  OPENSSL_free(k->identity);
  OPENSSL_free(k->hello);
  OPENSSL_clear_free(k, sizeof(*k));
}

/* 0 without memory. */
int shared_key_choose (SharedKey *k, const Psk *psk) {
  unsigned char *copy = OPENSSL_memdup(psk->identity, psk->identity_size);
  if (copy == NULL) return 0;
  OPENSSL_free(k->identity);
  k->identity = copy;
  k->identity_size = psk->identity_size;
  memcpy(k->key, psk->key, psk->key_size);
  k->key_size = psk->key_size;
  k->hash = psk->hash;
  k->chosen = 1;
  return 1;
}

/* Nobody has the key to this identity. */
int shared_key_choose_random (SharedKey *k, const unsigned char *identity,
                              size_t size, int hash) {
  unsigned char key[RANDOM_SIZE];
  Psk psk;
  psk.identity = identity;
  psk.identity_size = size;
  psk.key = key;
  psk.key_size = sizeof(key);
  psk.hash = hash;
  if (RAND_bytes(key, sizeof(key)) != 1) return 0;
  k->random = shared_key_choose(k, &psk);
  OPENSSL_cleanse(key, sizeof(key));
  return k->random;
}

/* What stands for it in OpenSSL is known again by this mark. */
static char mark;
static int mark_index = -1;
static CRYPTO_ONCE mark_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  mark_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* NULL without memory. */
SSL_SESSION *shared_key_as_session (const SharedKey *k, SSL *ssl) {
  static const unsigned char sha256[] = {0x13, 0x01}, sha384[] = {0x13, 0x02};
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, k->hash == PSK_SHA384
                                                  ? sha384 : sha256);
  SSL_SESSION *session = SSL_SESSION_new();
  if (session != NULL && cipher != NULL
      && CRYPTO_THREAD_run_once(&mark_once, make_index) && mark_index >= 0
      && SSL_SESSION_set_ex_data(session, mark_index, &mark)
      && SSL_SESSION_set1_master_key(session, k->key, k->key_size)
      && SSL_SESSION_set_cipher(session, cipher)
      && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
    return session;
  SSL_SESSION_free(session);
  return NULL;
}

/* RSA_PSK shows a server's certificate too, which is verified as ever. */
int shared_key_rank (const SSL_CIPHER *cipher) {
  switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_ecdhe_psk: return 0;
    case NID_kx_dhe_psk: return 1;  /* a hundred times as dear */
    case NID_kx_psk: return 2;
    case NID_kx_rsa_psk: return 3;
    default: return 4;
  }
}

/* ---- what was decided ---- */

void shared_key_settle (Connection *c, Answer answer, int alert) {
  if (c->shared_key == NULL) return;
  c->shared_key->answer = answer;
  c->shared_key->alert = alert;
}

static int was_made_with (SSL *ssl) {
  const SSL_SESSION *session = SSL_get_session(ssl);
  if (SSL_version(ssl) >= TLS1_3_VERSION)
    return session != NULL && SSL_session_reused(ssl) && mark_index >= 0
           && SSL_SESSION_get_ex_data(session, mark_index) == &mark;
  return !SSL_session_reused(ssl)
         && shared_key_rank(SSL_get_current_cipher(ssl)) < 4;
}

void shared_key_note (Connection *c) {
  SharedKey *k = c->shared_key;
  if (k == NULL || !k->chosen) return;
  k->used = !k->random && was_made_with(c->ssl);
  OPENSSL_cleanse(k->key, sizeof(k->key));
  k->key_size = 0;
  k->chosen = 0;
}

int shared_key_alone (const Connection *c) {
  return shared_key_used(c)
         && (SSL_version(c->ssl) >= TLS1_3_VERSION
             || shared_key_rank(SSL_get_current_cipher(c->ssl)) < 3);
}

int shared_key_used (const Connection *c) {
  return c->shared_key != NULL && c->shared_key->used;
}
