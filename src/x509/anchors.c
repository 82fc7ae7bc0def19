/*
** anchors.c -- a digest of what is trusted, by what it is and not by where it
** lies: the same on each machine that trusts the same.
*/

#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/compat.h"
#include "x509/anchors.h"

/* ---- one more ---- */

static int reserve (Anchors *a) {
  size_t room = a->room > 0 ? a->room * 2 : 16;
  unsigned char *more;
  if (a->count < a->room) return 1;
  more = OPENSSL_realloc(a->digests, room * ANCHOR_SIZE);
  if (more == NULL) return 0;
  a->digests = more;
  a->room = room;
  return 1;
}

/* Takes the DER, of which `size` may tell that there is none. */
static int add_der (Anchors *a, unsigned char *der, int size) {
  int done = size > 0 && reserve(a)
             && SHA256(der, (size_t)size, a->digests + a->count * ANCHOR_SIZE)
                != NULL;
  if (done) a->count++;
  OPENSSL_free(der);
  return done;
}

/* With its trust settings, if it has any. */
int anchors_add (Anchors *a, X509 *x509) {
  unsigned char *der = NULL;
  int size = i2d_X509_AUX(x509, &der);
  return add_der(a, der, size);
}

static int add_crl (Anchors *a, X509_CRL *crl) {
  unsigned char *der = NULL;
  int size = i2d_X509_CRL(crl, &der);
  return add_der(a, der, size);
}

static int add_either (Anchors *a, X509 *x509, X509_CRL *crl) {
  return (x509 == NULL || anchors_add(a, x509))
         && (crl == NULL || !a->crls || add_crl(a, crl));
}

/* ---- stores ---- */

int anchors_add_store (Anchors *a, X509_STORE *store) {
  STACK_OF(X509_OBJECT) *objects = compat_objects_take(store);
  int i, done = objects != NULL;
  for (i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {
    X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
    done = add_either(a, X509_OBJECT_get0_X509(object),
                      X509_OBJECT_get0_X509_CRL(object));
  }
  compat_objects_leave(store, objects);
  return done;
}

/* ---- directories ---- */

/* As OpenSSL looks for them: "5ed36f99.0", a CRL's "5ed36f99.r0". */
static int is_hashed (const char *name) {
  if (strspn(name, "0123456789abcdef") != 8 || name[8] != '.') return 0;
  name += name[9] == 'r' ? 10 : 9;
  return *name != '\0' && strspn(name, "0123456789") == strlen(name);
}

static int add_file (Anchors *a, const char *path) {
  BIO *file = BIO_new_file(path, "r");
  STACK_OF(X509_INFO) *list = NULL;
  int i, done = 1;
  if (file == NULL) return 1;
  list = PEM_X509_INFO_read_bio(file, NULL, NULL, NULL);
  BIO_free(file);
  for (i = 0; done && i < sk_X509_INFO_num(list); i++) {
    const X509_INFO *info = sk_X509_INFO_value(list, i);
    done = add_either(a, info->x509, info->crl);
  }
  sk_X509_INFO_pop_free(list, X509_INFO_free);
  return done;
}

static int add_directory (Anchors *a, const char *directory) {
  DIR *stream = opendir(directory);
  struct dirent *entry;
  int done = 1;
  if (stream == NULL) return 1;
  while (done && (entry = readdir(stream)) != NULL) {
    char path[PATH_MAX];
    int size;
    if (!is_hashed(entry->d_name)) continue;
    size = snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
    if (size > 0 && size < (int)sizeof(path)) done = add_file(a, path);
  }
  closedir(stream);
  return done;
}

int anchors_add_directories (Anchors *a, const char *list) {
  int done = 1;
  ERR_set_mark();
  while (done && list != NULL && *list != '\0') {
    char path[PATH_MAX];
    size_t size = strcspn(list, ":");
    if (size > 0 && size < sizeof(path)) {
      memcpy(path, list, size);
      path[size] = '\0';
      done = add_directory(a, path);
    }
    list += size + (list[size] == ':');
  }
  ERR_pop_to_mark();
  return done;
}

/* ---- all of them ---- */

static int compare (const void *one, const void *other) {
  return memcmp(one, other, ANCHOR_SIZE);
}

int anchors_digest (Anchors *a, unsigned char *digest) {
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  const unsigned char *last = NULL;
  size_t i;
  int done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
  if (a->count > 1) qsort(a->digests, a->count, ANCHOR_SIZE, compare);
  for (i = 0; done && i < a->count; i++) {
    const unsigned char *one = a->digests + i * ANCHOR_SIZE;
    if (last == NULL || compare(last, one) != 0)
      done = EVP_DigestUpdate(md, one, ANCHOR_SIZE);
    last = one;
  }
  done = done && EVP_DigestFinal_ex(md, digest, NULL);
  EVP_MD_CTX_free(md);
  return done;
}

void anchors_free (Anchors *a) {
  OPENSSL_free(a->digests);
  memset(a, 0, sizeof(*a));
}
