/*
** issuer_choice.c -- which of several authorities of one name signed a
** certificate.
**
** OpenSSL takes the first whose name and key identifier fit, and never another
** (X509_STORE_CTX_get_check_issued(3)). Identifiers are optional, and two
** authorities may have one name: an old and a new key, most often. Where there
** is nothing but the name, the signature has to fit too (RFC 4158, 3.5.14).
*/

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/issuer_choice.h"

/* A peer may send any number of authorities of one name. */
#define TRIES_MAX 32

static int is_identified (X509 *x509, X509 *issuer) {
  return X509_get0_authority_key_id(x509) != NULL
         && X509_get0_subject_key_id(issuer) != NULL;
}

static int is_signed (X509 *x509, X509 *issuer) {
  EVP_PKEY *key = X509_get0_pubkey(issuer);
  int good;
  ERR_set_mark();
  good = key != NULL && X509_verify(x509, key) > 0;
  ERR_pop_to_mark();
  return good;
}

/* What OpenSSL's own function does, and the signature. An authority that may
** not sign is one all the same: the verdict says so. */
static int on_candidate (X509_STORE_CTX *store, X509 *x509, X509 *issuer) {
  IssuerChoice *choice = X509_STORE_CTX_get_app_data(store);
  int code = X509_check_issued(issuer, x509);
  if (code != X509_V_OK && code != X509_V_ERR_KEYUSAGE_NO_CERTSIGN) return 0;
  if (choice == NULL || is_identified(x509, issuer)) return 1;
  if (choice->tries++ >= TRIES_MAX || is_signed(x509, issuer)) return 1;
  choice->unsigned_ = x509;
  return 0;
}

void issuer_choice_install (X509_STORE *store) {
  X509_STORE_set_check_issued(store, on_candidate);
}
