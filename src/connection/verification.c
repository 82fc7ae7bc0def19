/*
** verification.c -- what was found out about the peer, without a connection.
*/

#include <string.h>

#include "connection/verification.h"
#include "context/policy.h"

void verification_begin (Verification *v, int demands) {
  verification_free(v);
  memset(v, 0, sizeof(*v));
  v->demands = demands;
  v->alert = -1;
}

/* A chain of one; NULL without memory. */
static STACK_OF(X509) *alone (X509 *leaf) {
  STACK_OF(X509) *chain = sk_X509_new_null();
  if (chain == NULL || leaf == NULL) return chain;
  if (X509_up_ref(leaf)) {
    if (sk_X509_push(chain, leaf) > 0) return chain;
    X509_free(leaf);
  }
  sk_X509_free(chain);
  return NULL;
}

void verification_set (Verification *v, X509 *leaf, STACK_OF(X509) *chain,
                       int code, int depth) {
  if (leaf != NULL && X509_up_ref(leaf)) v->leaf = leaf;
  v->code = code;
  v->depth = depth;
  v->chain = chain != NULL ? chain : alone(leaf);
  v->known = 1;
  if (leaf != NULL && code != X509_V_OK && v->faults.count == 0)
    judgement_note(&v->faults, code, depth);  /* the list never lacks it */
  if (v->chain != NULL) return;
  v->code = X509_V_ERR_OUT_OF_MEM;
  v->answer = REFUSED;
  v->alert = SSL_AD_INTERNAL_ERROR;
}

void verification_set_key (Verification *v, EVP_PKEY *key, int code) {
  if (EVP_PKEY_up_ref(key)) v->key = key;
  verification_set(v, NULL, NULL, code, 0);
}

void verification_settle (Verification *v) {
  sk_X509_pop_free(v->chain, X509_free);
  v->chain = NULL;
}

void verification_free (Verification *v) {
  verification_settle(v);
  sk_X509_pop_free(v->sent, X509_free);
  v->sent = NULL;
  X509_free(v->leaf);
  v->leaf = NULL;
  EVP_PKEY_free(v->key);
  v->key = NULL;
}

const char *verification_by (const Verification *v) {
  if (v->known && v->by_key)
    return v->answer == REFUSED || v->unpinned ? NULL : "psk";
  if (!v->known || (v->leaf == NULL && v->key == NULL)
      || v->code != X509_V_OK) return NULL;
  if (v->demands == CERT_NONE || v->answer == REFUSED || v->unpinned)
    return NULL;
  if (v->resumed) return "session";
  return v->key != NULL ? "public_key" : "certificate";
}
