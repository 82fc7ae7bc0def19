/*
** key_store.c -- private keys by URI: OpenSSL's stores, of which providers
** bring more ("pkcs11:"). ENGINEs, which OpenSSL 4.0 no longer has, are not
** used.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "base/errors.h"
#include "context/key_store.h"
#include "context/options.h"

#define SCHEME_MAX 16
#define ALPHABET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The rest of a URI may hold a PIN (RFC 7512, 2.3): only this is told.
** RFC 3986, 3.1; NULL: there is none. */
static const char *scheme_of (const char *uri, char *scheme) {
  size_t size = strspn(uri, ALPHABET "0123456789+-.");
  if (size < 2 || size >= SCHEME_MAX || uri[size] != ':'
      || strspn(uri, ALPHABET) == 0) return NULL;
  memcpy(scheme, uri, size);
  scheme[size] = '\0';
  return scheme;
}

static int is_memory (void) {
  return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

/* The first private key there, or NULL. */
static EVP_PKEY *load (const char *uri, const UI_METHOD *ui, Passphrase *p) {
  OSSL_STORE_CTX *store = OSSL_STORE_open(uri, ui, p, NULL, NULL);
  EVP_PKEY *key = NULL;
  if (store == NULL) return NULL;
  OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
  while (key == NULL && !OSSL_STORE_eof(store)) {
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    if (info == NULL) break;  /* an error, which the next would repeat */
    if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
      key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
  }
  OSSL_STORE_close(store);
  return key;
}

/* A way to ask that fails. It lives on: other threads may have seen it. */
static UI_METHOD *silence;
static CRYPTO_ONCE silence_once = CRYPTO_ONCE_STATIC_INIT;

static int on_open (UI *ui) {
  (void)ui;
  return 0;
}

static void make_silence (void) {
  silence = UI_create_method("LuaSSL: nobody is asked");
  if (silence != NULL) UI_method_set_opener(silence, on_open);
}

/* Nothing in it raises. Where the callback has no answer, a provider may go on
** to ask the terminal by OpenSSL's default method. */
static EVP_PKEY *ask (const char *uri, Passphrase *p) {
  const UI_METHOD *usual = UI_get_default_method();
  UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(material_on_passphrase, 0);
  EVP_PKEY *key = NULL;
  if (ui != NULL && CRYPTO_THREAD_run_once(&silence_once, make_silence)
      && silence != NULL) {
    UI_set_default_method(silence);
    key = load(uri, ui, p);
    UI_set_default_method(usual);
  }
  UI_destroy_method(ui);
  return key;
}

/* Is there a store for this scheme at all? */
static int is_known (const char *scheme) {
  OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(NULL, scheme, NULL);
  OSSL_STORE_LOADER_free(loader);
  return loader != NULL;
}

static int fail (lua_State *L, const Material *m, const char *scheme,
                 const Passphrase *p) {
  if (is_memory()) return pem_fail(L, m, "memory", "out of memory");
  if (!is_known(scheme)) {
    errors_clear();
    return pem_fail(L, m, "unsupported", "this OpenSSL has no store for %s: "
                    "URIs: a provider in its configuration brings one",
                    scheme);
  }
  errors_clear();  /* they may quote the URI */
  if (p->text != NULL)
    return pem_fail(L, m, "passphrase", "there is no private key behind its "
                    "%s: URI that opens with that passphrase or PIN", scheme);
  return pem_fail(L, m, "file", "there is no private key that can be read "
                  "behind its %s: URI", scheme);
}

int key_store_read (lua_State *L, Material *m, int options) {
  const char *uri = options_string(L, options, "key_uri", NULL);
  char scheme[SCHEME_MAX];
  Passphrase p = {NULL, 0, 0};
  m->option = "key_uri";
  if (uri == NULL) return 1;
  if (scheme_of(uri, scheme) == NULL)
    return pem_fail(L, m, "file", "it wants a URI like \"pkcs11:object=name\" "
                    "or \"file:/path\"");
  errors_clear();
  m->key = ask(uri, &p);
  if (m->key == NULL && p.asked && !is_memory()) {
    if (!pem_get_passphrase(L, m, options, &p)) return 0;
    errors_clear();
    m->key = ask(uri, &p);
  }
  if (m->key == NULL) return fail(L, m, scheme, &p);
  errors_clear();
  return 1;
}
