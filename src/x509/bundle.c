/*
** bundle.c -- a file of trust anchors, read once and shared by many stores.
**
** Its bytes are read when it is made, so that what is trusted does not depend
** on what happens to the file, its name or the working directory later, and
** no descriptor is kept. They are parsed, which takes some hundred times as
** long, when the first issuer is missing.
*/

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "x509/bundle.h"
#include "x509/extension_cache.h"
#include "base/files.h"

struct Bundle {
  CRYPTO_RWLOCK *lock;      /* owned; guards what follows */
  int count;                /* users */
  int bare;                 /* there is no PEM in it; never changes */
  unsigned char *bytes;     /* owned; NULL: they are parsed */
  size_t size;
  STACK_OF(X509) *anchors;  /* owned; NULL: not parsed yet */
};

static void drop_bytes (Bundle *bundle) {
  OPENSSL_clear_free(bundle->bytes, bundle->size);
  bundle->bytes = NULL;
  bundle->size = 0;
}

void bundle_release (Bundle *bundle) {
  int count = 0;
  if (bundle == NULL) return;
  if (bundle->lock != NULL) {
    if (!CRYPTO_THREAD_write_lock(bundle->lock)) return;
    count = --bundle->count;
    CRYPTO_THREAD_unlock(bundle->lock);
  }
  if (count > 0) return;
  sk_X509_pop_free(bundle->anchors, X509_free);
  CRYPTO_THREAD_lock_free(bundle->lock);
  drop_bytes(bundle);
  OPENSSL_free(bundle);
}

static int holds (const Bundle *bundle, const char *text) {
  const unsigned char *p = bundle->bytes;
  size_t size = strlen(text), left = bundle->size;
  while (left >= size) {
    if (memcmp(p, text, size) == 0) return 1;
    p++;
    left--;
  }
  return 0;
}

Bundle *bundle_read (const char *file, int *error) {
  Bundle *bundle = OPENSSL_zalloc(sizeof(*bundle));
  *error = 0;
  if (bundle == NULL) return NULL;
  bundle->count = 1;
  bundle->lock = CRYPTO_THREAD_lock_new();
  if (bundle->lock != NULL) {
    *error = files_read(file, &bundle->bytes, &bundle->size);
    bundle->bare = !holds(bundle, "-----BEGIN");
    if (*error == 0) return bundle;
  }
  bundle_release(bundle);
  return NULL;
}

int bundle_is_bare (const Bundle *bundle) {
  return bundle == NULL || bundle->bare;
}

int bundle_share (Bundle *bundle) {
  if (bundle == NULL) return 1;
  if (!CRYPTO_THREAD_write_lock(bundle->lock)) return 0;
  bundle->count++;
  CRYPTO_THREAD_unlock(bundle->lock);
  return 1;
}

/* The certificate behind the first `from` bytes. */
static X509 *read_again (const Bundle *bundle, size_t from) {
  BIO *bytes = BIO_new_mem_buf(bundle->bytes + from,
                               (int)(bundle->size - from));
  X509 *x509 = bytes == NULL ? NULL
                             : PEM_read_bio_X509_AUX(bytes, NULL, NULL, NULL);
  BIO_free(bytes);
  return x509;
}

/* Certificates up to the end. One that is damaged is left out and takes no
** other with it; 0: no memory, and half a list is none. The error does not
** always tell which it was: what is damaged cannot be read the second time. */
static int read_anchors (const Bundle *bundle, BIO *bytes,
                         STACK_OF(X509) *anchors) {
  for (;;) {
    size_t from = bundle->size - (size_t)BIO_pending(bytes);
    unsigned long error;
    X509 *x509, *sound = NULL;
    int ends;
    ERR_set_mark();
    x509 = PEM_read_bio_X509_AUX(bytes, NULL, NULL, NULL);
    error = x509 == NULL ? ERR_peek_last_error() : 0;
    ends = ERR_GET_LIB(error) == ERR_LIB_PEM
           && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (x509 == NULL && !ends) sound = read_again(bundle, from);
    ERR_pop_to_mark();
    if (ends) return 1;
    if (x509 == NULL) {
      X509_free(sound);
      if (sound != NULL || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return 0;
    }
    else if (!extension_cache_fill(x509) || !sk_X509_push(anchors, x509)) {
      X509_free(x509);
      return 0;
    }
  }
}

/* A failure is not remembered: want of memory passes. The bundle is locked. */
static int parse (Bundle *bundle) {
  STACK_OF(X509) *anchors = sk_X509_new_null();
  BIO *bytes;
  int done;
  ERR_set_mark();
  bytes = BIO_new_mem_buf(bundle->bytes, (int)bundle->size);
  done = bytes != NULL && anchors != NULL
         && read_anchors(bundle, bytes, anchors);
  BIO_free(bytes);
  ERR_pop_to_mark();
  if (!done) {
    sk_X509_pop_free(anchors, X509_free);
    return 0;
  }
  bundle->anchors = anchors;
  drop_bytes(bundle);
  return 1;
}

static int add_anchors (X509_STORE *store, STACK_OF(X509) *anchors) {
  int i;
  for (i = 0; i < sk_X509_num(anchors); i++)
    if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i))) return 0;
  return 1;
}

int bundle_fill (Bundle *bundle, X509_STORE *store, int *filled) {
  int done;
  if (!CRYPTO_THREAD_write_lock(bundle->lock)) return 0;
  if (!*filled && (bundle->anchors != NULL || parse(bundle)))
    *filled = add_anchors(store, bundle->anchors);
  done = *filled;
  CRYPTO_THREAD_unlock(bundle->lock);
  return done;
}
