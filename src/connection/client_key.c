/*
** client_key.c -- which pre-shared key a client offers. The identity goes to
** the host that it is for, and to no other.
*/

#include <string.h>

#include "base/errors.h"
#include "connection/client_key.h"
#include "connection/decision.h"
#include "connection/shared_key.h"

/* Before TLS 1.3 OpenSSL takes identities for C's strings. */
static int fits_before (const SharedKey *k) {
  return k->identity_size < PSK_MAX_IDENTITY_LEN
         && memchr(k->identity, '\0', k->identity_size) == NULL;
}

static unsigned int on_key_asked (SSL *ssl, const char *hint, char *identity,
                                  unsigned int identity_room,
                                  unsigned char *key, unsigned int room) {
  const Connection *c = SSL_get_app_data(ssl);
  const SharedKey *k = c->shared_key;
  (void)hint;
  if (k == NULL || !k->chosen || SSL_version(ssl) >= TLS1_3_VERSION
      || k->identity_size >= identity_room || k->key_size > room) return 0;
  memcpy(identity, k->identity, k->identity_size);
  identity[k->identity_size] = '\0';
  memcpy(key, k->key, k->key_size);
  return (unsigned int)k->key_size;
}

/* After a HelloRetryRequest `md` is what the server has chosen. */
static int on_session_asked (SSL *ssl, const EVP_MD *md,
                             const unsigned char **identity, size_t *size,
                             SSL_SESSION **session) {
  const Connection *c = SSL_get_app_data(ssl);
  const SharedKey *k = c->shared_key;
  *session = NULL;
  *identity = NULL;
  *size = 0;
  if (k == NULL || !k->chosen
      || (md != NULL && EVP_MD_get_size(md) != k->hash)) return 1;
  *session = shared_key_as_session(k, ssl);
  if (*session == NULL) return 0;
  *identity = k->identity;
  *size = k->identity_size;
  return 1;
}

/* Where both sides have a key it is what shall be used: suites with it come
** first, before TLS 1.3. */
static int prefer_suites (SSL *ssl) {
  const STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(ssl);
  int i, wanted, n = sk_SSL_CIPHER_num(all), done;
  size_t size = 1;
  char *list, *end;
  for (i = 0; i < n; i++)
    size += strlen(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i))) + 1;
  list = end = OPENSSL_malloc(size);
  if (list == NULL) return 0;
  for (wanted = 0; wanted <= 4; wanted++)
    for (i = 0; i < n; i++) {
      const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
      const char *name = SSL_CIPHER_get_name(cipher);
      if (shared_key_rank(cipher) != wanted
          || SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any) continue;
      if (end > list) *end++ = ':';
      memcpy(end, name, strlen(name));
      end += strlen(name);
    }
  *end = '\0';
  done = end == list || SSL_set_cipher_list(ssl, list);
  OPENSSL_free(list);
  return done;
}

/* One that offers the key has no use for a ticket: the handshake is as short,
** and the key's owner is asked each time. */
int client_key_offer (Connection *c) {
  const SharedKey *k = c->shared_key;
  if (k == NULL || !k->chosen) return 0;
  SSL_set_psk_use_session_callback(c->ssl, on_session_asked);
  if (!fits_before(k)) return 1;
  if (prefer_suites(c->ssl)) SSL_set_psk_client_callback(c->ssl, on_key_asked);
  errors_clear();
  return 1;
}

int client_key_begin (Connection *c) {
  const Policy *p = c->policy;
  char host[HOSTNAME_MAX + 1];
  size_t i;
  Psk psk;
  if (p->hooks & HOOK_PSK) {
    if (shared_key_open(c) == NULL) return 0;
    decision_stop(c, AT_PSK);
    return 1;
  }
  if (p->psk == NULL) return 1;
  for (i = 0; c->name.text[i] != '\0'; i++) {
    char byte = c->name.text[i];
    host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
  }
  if (!psk_find(p->psk, host, i, &psk)) return 1;
  if (shared_key_open(c) == NULL
      || !shared_key_choose(c->shared_key, &psk)) return 0;
  return client_key_offer(c);
}
