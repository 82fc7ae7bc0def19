/*
** pins.c -- public keys that a peer's chain must hold one of.
*/

#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/errors.h"
#include "context/options.h"
#include "context/pins.h"

#define PREFIX "sha256//"  /* as curl writes them */
#define PREFIX_SIZE (sizeof(PREFIX) - 1)
#define BASE64_SIZE 44     /* of 32 bytes */
#define PINS_MAX 1000
#define ALPHABET \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

struct Pins {
  size_t count;
  unsigned char digests[1][SHA256_DIGEST_LENGTH];
};

/* EVP_DecodeBlock gives a byte more for the padding. */
static int decode (const char *text, size_t size, unsigned char *digest) {
  unsigned char bytes[SHA256_DIGEST_LENGTH + 1];
  if (size != PREFIX_SIZE + BASE64_SIZE
      || memcmp(text, PREFIX, PREFIX_SIZE) != 0
      || text[size - 1] != '='
      || strspn(text + PREFIX_SIZE, ALPHABET) != BASE64_SIZE - 1) return 0;
  if (EVP_DecodeBlock(bytes, (const unsigned char *)text + PREFIX_SIZE,
                      BASE64_SIZE) != sizeof(bytes)) return 0;
  memcpy(digest, bytes, SHA256_DIGEST_LENGTH);
  return 1;
}

static int fail (lua_State *L, size_t i) {
  errors_text(L, ERROR_T, "pins", "pin", "number %d is not like "
              "\"sha256//\" and 44 characters of base64, the SHA-256 of a "
              "public key (SubjectPublicKeyInfo)", (int)i);
  return 0;
}

/* The table is a copy that nobody else changes, of strings. */
int pins_read (lua_State *L, int options, Pins **pins) {
  size_t i, n;
  Pins *p;
  if (options_push(L, options, "pins") == LUA_TNIL) {
    lua_pop(L, 1);
    return 1;
  }
  n = compat_rawlen(L, -1);
  p = OPENSSL_zalloc(sizeof(*p) + n * SHA256_DIGEST_LENGTH);
  *pins = p;
  if (p == NULL || n > PINS_MAX) {
    errors_text(L, ERROR_T, "pins", "memory", "too many");
    return 0;
  }
  p->count = n;
  for (i = 1; i <= n; i++) {
    size_t size;
    const char *text;
    lua_rawgeti(L, -1, (int)i);
    text = lua_tolstring(L, -1, &size);
    if (!decode(text, size, p->digests[i - 1])) return fail(L, i);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return 1;
}

/* By the key's `size` bytes of DER, which are freed. */
static int is_listed (const Pins *pins, unsigned char *der, int size) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  size_t i;
  if (size <= 0) return 0;
  if (SHA256(der, (size_t)size, digest) == NULL) size = 0;
  OPENSSL_free(der);
  if (size == 0) return 0;
  for (i = 0; i < pins->count; i++)
    if (memcmp(pins->digests[i], digest, sizeof(digest)) == 0) return 1;
  return 0;
}

static int is_pinned (const Pins *pins, X509 *x509) {
  unsigned char *der = NULL;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
  return is_listed(pins, der, size);
}

int pins_match_key (const Pins *pins, const EVP_PKEY *key) {
  unsigned char *der = NULL;
  int size = i2d_PUBKEY(key, &der);
  return is_listed(pins, der, size);
}

int pins_match (const Pins *pins, const STACK_OF(X509) *chain) {
  int i;
  for (i = 0; i < sk_X509_num(chain); i++)
    if (is_pinned(pins, sk_X509_value(chain, i))) return 1;
  return 0;
}

const unsigned char *pins_bytes (const Pins *pins, size_t *size) {
  *size = pins->count * SHA256_DIGEST_LENGTH;
  return pins->digests[0];
}

void pins_free (Pins *pins) {
  OPENSSL_free(pins);
}
