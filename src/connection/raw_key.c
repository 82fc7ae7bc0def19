/*
** raw_key.c -- the verdict on a public key that a peer shows instead of a
** certificate (RFC 7250), and that key as a fact.
**
** OpenSSL looks at its strength and asks TLSA records. Some versions (3.2.0 to
** 3.4.0) go on with a handshake whose key was refused: verify.c decides once
** more at its end.
*/

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/errors.h"
#include "connection/chains.h"
#include "connection/raw_key.h"
#include "context/certificate_types.h"
#include "x509/certificate.h"
#include "x509/certificate_key.h"

typedef struct KeyJudgement {
  Faults *faults;  /* borrowed */
  int listed;      /* one of peer_public_keys */
} KeyJudgement;

/* Goes on, so that all is known. */
static int on_fault (int good, X509_STORE_CTX *store) {
  KeyJudgement *j = X509_STORE_CTX_get_app_data(store);
  int code = X509_STORE_CTX_get_error(store);
  if (good) return 1;
  if (code == COMPAT_KEY_UNKNOWN && j->listed)
    X509_STORE_CTX_set_error(store, X509_V_OK);
  else judgement_note(j->faults, code, 0);
  return 1;
}

/* Records are never replaced by other trust. A key has no name to look at. */
static int judge (const Connection *c, X509_STORE_CTX *store, EVP_PKEY *key,
                  Faults *faults) {
  KeyJudgement j;
  int good;
  j.faults = faults;
  j.listed = c->tlsa == NULL && certificate_types_match(c->policy->keys, key);
  if (!X509_STORE_CTX_set_app_data(store, &j)) return 0;
  X509_STORE_CTX_set_verify_cb(store, on_fault);
  good = X509_verify_cert(store) > 0;
  X509_STORE_CTX_set_app_data(store, NULL);
  if (c->tlsa != NULL && c->options.tlsa_check_hostname)
    judgement_note(faults, X509_V_ERR_HOSTNAME_MISMATCH, 0);
  return good && faults->count == 0
         && (j.listed || c->tlsa != NULL);
}

int raw_key_judge (const Connection *c, X509_STORE_CTX *store,
                   Faults *faults) {
  if (judge(c, store, compat_target_key(store), faults)) return 1;
  if (faults->count == 0) judgement_note(faults, COMPAT_KEY_UNKNOWN, 0);
  X509_STORE_CTX_set_error(store, faults->list[0].code);
  X509_STORE_CTX_set_error_depth(store, 0);
  return 0;
}

static int judge_again (const Connection *c, X509_STORE_CTX *store,
                        EVP_PKEY *key, Faults *faults) {
  X509_STORE *trust = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(c->ssl));
  X509_VERIFY_PARAM *param;
  if (store == NULL || !compat_ask_for_key(store, trust, key)) return 0;
  param = X509_STORE_CTX_get0_param(store);
  X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(c->ssl));
  if (c->tlsa != NULL) X509_STORE_CTX_set0_dane(store, SSL_get0_dane(c->ssl));
  return raw_key_judge(c, store, faults);
}

int raw_key_judge_again (const Connection *c, EVP_PKEY *key, Faults *faults) {
  X509_STORE_CTX *store = X509_STORE_CTX_new();
  int good;
  ERR_set_mark();
  good = judge_again(c, store, key, faults);
  ERR_pop_to_mark();
  X509_STORE_CTX_free(store);
  if (!good && faults->count == 0)
    judgement_note(faults, X509_V_ERR_OUT_OF_MEM, 0);
  return good;
}

/* ---- the fact ---- */

EVP_PKEY *raw_key_of (const Connection *c) {
  const Verification *v = &c->verification;
  return c->established || v->refused ? v->key : NULL;
}

/***
@page SSLSocket SSLObject SSLStream
@group What is known
*/

/***
The peer's public key, of its certificate or shown without one, whether or not
it was verified: see `authenticated_by`.
@function peer_public_key
@tparam[opt="der"] string form `"der"`, or `"pem"`: a `PUBLIC KEY`
@treturn[1] string its SubjectPublicKeyInfo, bytes or PEM
@treturn[1] string `"x509"` or `"raw_public_key"`: as what it was shown
@treturn[2] nil the peer showed none, or before the handshake
@raise when `form` is another
@source RFC 7250, 3; SSL_get0_peer_rpk(3)
@usage local key, type = conn:peer_public_key "pem"
*/
int raw_key_peer_public_key (lua_State *L, Connection *c) {
  static const char *const forms[] = {"der", "pem", NULL};
  int form = certificate_check_form(L, 2, forms);
  X509 *leaf = c->established || c->verification.refused ? chains_leaf(c)
                                                         : NULL;
  EVP_PKEY *key = raw_key_of(c);
  const char *type = key != NULL ? "raw_public_key" : "x509";
  if (c->closed) return errors_condition(L, "closed");
  if (key == NULL && leaf != NULL) key = X509_get0_pubkey(leaf);
  errors_clear();
  if (key == NULL) {
    lua_pushnil(L);
    return 1;
  }
  certificate_key_push(L, key, form == 1);
  lua_pushstring(L, type);
  return 2;
}
