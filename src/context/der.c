/*
** der.c -- certificates and private keys in DER: what Java, Windows and
** hardware hand out where others have PEM.
*/

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/errors.h"
#include "context/der.h"
#include "x509/extension_cache.h"

#define SEQUENCE 0x30     /* X.690, 8.9; in ASCII the digit 0 */
#define LONG_LENGTH 0x80  /* X.690, 8.1.3; no ASCII from here on */

int der_is (const unsigned char *bytes, size_t size) {
  return size > 2 && bytes[0] == SEQUENCE
         && (bytes[1] >= LONG_LENGTH || size == 2U + bytes[1]);
}

int der_certificates (STACK_OF(X509) *list, const unsigned char *bytes,
                      size_t size) {
  const unsigned char *p = bytes, *end = bytes + size;
  while (p < end) {
    X509 *x509 = d2i_X509(NULL, &p, (long)(end - p));
    if (x509 == NULL) return 0;
    if (extension_cache_fill(x509) && sk_X509_push(list, x509)) continue;
    X509_free(x509);
    ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
    return 0;
  }
  return 1;
}

EVP_PKEY *der_key (const Material *m, Passphrase *p) {
  const unsigned char *bytes = m->bytes;
  EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &bytes, (long)m->size);
  BIO *bio;
  if (key != NULL
      || ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) return key;
  errors_clear();
  bio = BIO_new_mem_buf(m->bytes, (int)m->size);
  if (bio == NULL) return NULL;
  key = d2i_PKCS8PrivateKey_bio(bio, NULL, material_on_passphrase, p);
  BIO_free(bio);
  return key;
}
