/*
** certificate_types.c -- what each side shows of itself, a certificate or a
** public key alone (RFC 7250), and whose public keys are good.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/errors.h"
#include "context/certificate_types.h"
#include "context/options.h"

#define KEYS_MAX 1000

/* IANA, TLS Certificate Types. */
static const struct {
  const char *name;
  unsigned char number;
} types[] = {
  {"x509", COMPAT_X509}, {"raw_public_key", COMPAT_RAW_KEY}
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

struct PublicKeys {
  size_t count;
  EVP_PKEY *keys[1];  /* owned */
};

void certificate_types_free (PublicKeys *keys) {
  size_t i;
  for (i = 0; keys != NULL && i < keys->count; i++)
    EVP_PKEY_free(keys->keys[i]);
  OPENSSL_free(keys);
}

int certificate_types_match (const PublicKeys *keys, const EVP_PKEY *key) {
  size_t i;
  for (i = 0; keys != NULL && i < keys->count; i++)
    if (EVP_PKEY_eq(keys->keys[i], key) == 1) return 1;
  return 0;
}

/* ---- the options ---- */

static int is_set (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* The number of the type at the top; raises for a name that is none. */
static unsigned char read_type (lua_State *L, const char *option, int i) {
  size_t size, j;
  const char *name = lua_tolstring(L, -1, &size);
  for (j = 0; j < TYPES; j++)
    if (strlen(types[j].name) == size && strcmp(types[j].name, name) == 0)
      return types[j].number;
  options_raise(L, option, "must hold \"x509\" and \"raw_public_key\": number "
                "%d is neither", i);
  return 0;
}

/* Those of a list, in order; `absent` is what holds without it. */
static TypeList read_types (lua_State *L, int options, const char *option,
                            unsigned char absent) {
  TypeList list = {0, {0}};
  int i, n = 0;
  if (options_push(L, options, option) == LUA_TTABLE) {
    n = (int)compat_rawlen(L, -1);
    if (n == 0) options_raise(L, option, "is empty: nothing would do");
  }
  else list.numbers[list.count++] = absent;
  for (i = 1; i <= n; i++) {
    unsigned char number;
    lua_rawgeti(L, -1, i);
    number = read_type(L, option, i);
    if (list.count == TYPES || memchr(list.numbers, number, list.count) != NULL)
      options_raise(L, option, "holds number %d twice", i);
    list.numbers[list.count++] = number;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return list;
}

static int holds (const TypeList *list, unsigned char number) {
  return memchr(list->numbers, number, list->count) != NULL;
}

/* Who names keys wants them looked at. */
static void demand (lua_State *L, int options) {
  if (is_set(L, options, "cert_reqs")) {
    if (options_integer(L, options, "cert_reqs", CERT_NONE) == CERT_NONE)
      options_raise(L, "peer_public_keys", "needs a cert_reqs other than "
                    "CERT_NONE");
    return;
  }
  lua_pushinteger(L, CERT_REQUIRED);
  lua_setfield(L, options, "cert_reqs");
}

void certificate_types_read (lua_State *L, int options, Policy *policy,
                             CertificateTypes *t) {
  int keys = is_set(L, options, "peer_public_keys");
  t->own = read_types(L, options, "certificate_types", COMPAT_X509);
  t->peer = read_types(L, options, "peer_certificate_types",
                       keys ? COMPAT_RAW_KEY : COMPAT_X509);
  policy->takes_keys = holds(&t->peer, COMPAT_RAW_KEY);
  policy->takes_certificates = holds(&t->peer, COMPAT_X509);
  if (!keys) return;
  if (!policy->takes_keys)
    options_raise(L, "peer_certificate_types", "has no \"raw_public_key\", "
                  "which option 'peer_public_keys' is for");
  demand(L, options);
}

/* ---- keys ---- */

/* A SubjectPublicKeyInfo in PEM or DER; NULL: it is none. */
static EVP_PKEY *read_key (const char *text, size_t size) {
  const unsigned char *der = (const unsigned char *)text;
  EVP_PKEY *key;
  BIO *bio;
  if (size == 0 || size > 65535) return NULL;
  if (text[0] == 0x30) {  /* a SEQUENCE */
    key = d2i_PUBKEY(NULL, &der, (long)size);
    if (key == NULL || der == (const unsigned char *)text + size) return key;
    EVP_PKEY_free(key);
    return NULL;
  }
  bio = BIO_new_mem_buf(text, (int)size);
  key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  return key;
}

static int lacked_memory (void) {
  Failure f;
  failure_take(&f, "peer_public_keys");
  return failure_find(&f, 0, ERR_R_MALLOC_FAILURE) >= 0;
}

static int fail_key (lua_State *L, int i) {
  if (lacked_memory())
    errors_text(L, ERROR_T, "peer_public_keys", "memory", "out of memory");
  else errors_text(L, ERROR_T, "peer_public_keys", "public_key", "number %d is "
                   "no public key in PEM (PUBLIC KEY) or DER "
                   "(SubjectPublicKeyInfo), as certificate:spki() gives it", i);
  errors_clear();
  return 0;
}

/* The list at the top, of strings. */
static int read_keys (lua_State *L, PublicKeys **keys) {
  int i, n = (int)compat_rawlen(L, -1);
  PublicKeys *list;
  if (n == 0)
    options_raise(L, "peer_public_keys", "is empty: nobody would be good");
  if (n > KEYS_MAX)
    options_raise(L, "peer_public_keys", "has more than %d keys", KEYS_MAX);
  *keys = list = OPENSSL_zalloc(sizeof(*list)
                                + (size_t)n * sizeof(list->keys[0]));
  if (list == NULL) return fail_key(L, 0);
  for (i = 1; i <= n; i++) {
    size_t size;
    const char *text;
    lua_rawgeti(L, -1, i);
    text = lua_tolstring(L, -1, &size);
    errors_clear();
    list->keys[list->count] = read_key(text, size);
    if (list->keys[list->count] == NULL) return fail_key(L, i);
    list->count++;
    lua_pop(L, 1);
  }
  return 1;
}

/* ---- into the context ---- */

static int set (SSL_CTX *ctx, int servers, const TypeList *list) {
  if (list->count == 1 && list->numbers[0] == COMPAT_X509) return 1;
  return compat_set_certificate_types(ctx, servers, list->numbers,
                                      list->count);
}

int certificate_types_apply (lua_State *L, SSL_CTX *ctx, int options,
                             int server_side, const CertificateTypes *t,
                             PublicKeys **keys) {
  if (options_push(L, options, "peer_public_keys") != LUA_TNIL
      && !read_keys(L, keys)) return 0;
  lua_pop(L, 1);
  errors_clear();
  if (set(ctx, server_side, &t->own) && set(ctx, !server_side, &t->peer))
    return 1;
  if (lacked_memory())
    errors_text(L, ERROR_T, "certificate_types", "memory", "out of memory");
  else errors_text(L, ERROR_T, "certificate_types", "unsupported", "public "
                   "keys without certificates need OpenSSL 3.2 or later, both "
                   "where LuaSSL is built and where it runs; this is %s (see "
                   "ssl.HAS.RAW_PUBLIC_KEYS)",
                   OpenSSL_version(OPENSSL_VERSION_STRING));
  return 0;
}
