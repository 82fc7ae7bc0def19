/*
** judgement.c -- the verdict on a chain: OpenSSL's checks and ours.
*/

#include <openssl/err.h>

#include "x509/chain_rules.h"
#include "x509/judgement.h"
#include "x509/key_usage.h"

void judgement_note (Faults *faults, int code, int depth) {
  if (faults->count == FAULTS_MAX) return;
  faults->list[faults->count].code = code;
  faults->list[faults->count++].depth = depth;
}

/* Our matcher of names takes more than OpenSSL's, which knows the first alone.
** SSL_get0_peername(3) stays NULL then. */
static int is_no_fault (const Judgement *j, X509_STORE_CTX *store, int code) {
  return (code == X509_V_ERR_HOSTNAME_MISMATCH
          || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
         && X509_STORE_CTX_get_error_depth(store) == 0
         && j->name != NULL
         && hostname_matches_any(j->name, j->more,
                                 X509_STORE_CTX_get0_cert(store));
}

/* There are issuers of that name, and none signed it. */
static int is_unsigned (const Judgement *j, X509_STORE_CTX *store, int code) {
  return j->choice.unsigned_ != NULL
         && X509_STORE_CTX_get_current_cert(store) == j->choice.unsigned_
         && (code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
             || code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
             || code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE);
}

/* OpenSSL finds fault with something, or, with `good`, does not. Where all is
** to be known it goes on, and the first is the verdict. */
static int on_fault (int good, X509_STORE_CTX *store) {
  Judgement *j = X509_STORE_CTX_get_app_data(store);
  int code = X509_STORE_CTX_get_error(store);
  if (good) return 1;
  if (is_unsigned(j, store, code)) {
    code = X509_V_ERR_CERT_SIGNATURE_FAILURE;
    X509_STORE_CTX_set_error(store, code);
  }
  if (code == X509_V_ERR_DANE_NO_MATCH)  /* that is of the whole chain */
    X509_STORE_CTX_set_error_depth(store, 0);
  if (!is_no_fault(j, store, code)) {
    judgement_note(j->faults, code, X509_STORE_CTX_get_error_depth(store));
    return j->goes_on;
  }
  X509_STORE_CTX_set_error(store, X509_V_OK);  /* it would be the verdict */
  return 1;
}

static void check_rules (Judgement *j, X509_STORE_CTX *store) {
  int depth;
  int code = chain_rules_check(X509_STORE_CTX_get0_chain(store), &depth);
  if (code != X509_V_OK) judgement_note(j->faults, code, depth);
}

/* RFC 7671, 5.1: such a record is for the key, and nothing else in the
** certificate counts. */
int judgement_by_record (SSL *ssl) {
  unsigned char usage = 0;
  return SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) == 0
         && usage == DANE_EE;
}

static int verifies (Judgement *j, X509_STORE_CTX *store) {
  X509_STORE_CTX_set_verify_cb(store, on_fault);
  if (X509_verify_cert(store) <= 0) return 0;
  j->by_record = j->records != NULL && judgement_by_record(j->records);
  if (!j->by_record) check_rules(j, store);
  if (!j->by_record
      && !key_usage_allows(X509_STORE_CTX_get0_cert(store), j->usage))
    judgement_note(j->faults, X509_V_ERR_INVALID_PURPOSE, 0);
  if (j->faults->count == 0) return 1;
  X509_STORE_CTX_set_error(store, j->faults->list[0].code);
  X509_STORE_CTX_set_error_depth(store, j->faults->list[0].depth);
  return 0;
}

int judgement_make (Judgement *j, X509_STORE_CTX *store) {
  int good;
  if (!X509_STORE_CTX_set_app_data(store, j)) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
    return 0;
  }
  good = verifies(j, store);
  X509_STORE_CTX_set_app_data(store, NULL);
  if (!good && X509_STORE_CTX_get_error(store) == X509_V_OK)
    X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
  return good;
}
