/*
** crl.c -- certificate revocation lists from bytes, without Lua.
*/

#include <openssl/err.h>
#include <openssl/pem.h>

#include "x509/crl.h"

#define DER_SEQUENCE 0x30

static int is_memory (void) {
  return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

static CrlResult add (STACK_OF(X509_CRL) *list, X509_CRL *crl, int *count) {
  if (sk_X509_CRL_push(list, crl) > 0) {
    ++*count;
    return CRL_READ;
  }
  X509_CRL_free(crl);
  return CRL_NO_MEMORY;
}

static CrlResult read_der (STACK_OF(X509_CRL) *list, const unsigned char *p,
                           size_t size, int *count) {
  const unsigned char *end = p + size;
  CrlResult result = CRL_READ;
  while (result == CRL_READ && p < end) {
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)(end - p));
    if (crl == NULL) return is_memory() ? CRL_NO_MEMORY : CRL_DAMAGED;
    result = add(list, crl, count);
  }
  return result;
}

/* For what is encrypted; without this OpenSSL would ask the terminal. */
static int on_passphrase (char *room, int size, int writing, void *data) {
  (void)room;
  (void)size;
  (void)writing;
  (void)data;
  return -1;
}

/* What ended PEM_read_bio: there is no further CRL, or one cannot be read. */
static CrlResult pem_end (int count) {
  unsigned long error = ERR_peek_last_error();
  if (is_memory()) return CRL_NO_MEMORY;
  if (ERR_GET_LIB(error) != ERR_LIB_PEM
      || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) return CRL_DAMAGED;
  return count > 0 ? CRL_READ : CRL_NONE;
}

static CrlResult read_pem (STACK_OF(X509_CRL) *list, BIO *bio, int *count) {
  CrlResult result = CRL_READ;
  while (result == CRL_READ) {
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, on_passphrase, NULL);
    if (crl == NULL) return pem_end(*count);
    result = add(list, crl, count);
  }
  return result;
}

CrlResult crl_read (STACK_OF(X509_CRL) *list, const unsigned char *bytes,
                    size_t size, int *count) {
  CrlResult result;
  BIO *bio;
  *count = 0;
  if (size > 0 && bytes[0] == DER_SEQUENCE)
    return read_der(list, bytes, size, count);
  bio = BIO_new_mem_buf(bytes, (int)size);
  if (bio == NULL) return CRL_NO_MEMORY;
  result = read_pem(list, bio, count);
  BIO_free(bio);
  return result;
}
