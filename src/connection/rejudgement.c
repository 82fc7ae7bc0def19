/*
** rejudgement.c -- whether a session's certificate still stands, where CRLs are
** asked or TLSA records given. OpenSSL looks at nothing when it resumes.
**
** A client has the chain that it verified, a server's ticket carries it
** (ticket_data.c). Where an issuer is missing all the same, so that nothing can be
** said about it, the ticket is not accepted, and a full handshake follows.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "connection/rejudgement.h"
#include "context/session.h"
#include "x509/key_usage.h"

/* As libssl does it: ssl_verify_cert_chain in OpenSSL's ssl_cert.c. */
static int prepare (const Connection *c, SSL *ssl, X509_STORE_CTX *store) {
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
  if (c->tlsa != NULL) X509_STORE_CTX_set0_dane(store, SSL_get0_dane(ssl));
  X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
  return X509_STORE_CTX_set_default(store, c->options.server_side
                                           ? "ssl_client" : "ssl_server")
         && X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl));
}

/* What the key was used for was decided in the session's own handshake. */
static int judge (const Connection *c, SSL *ssl, X509_STORE_CTX *store,
                  Faults *faults) {
  Judgement j;
  memset(&j, 0, sizeof(j));
  j.name = connection_names(c, &j.more);
  j.usage = KEY_USAGE_NONE;
  j.goes_on = 1;
  j.faults = faults;
  j.records = c->tlsa != NULL ? ssl : NULL;
  return judgement_make(&j, store);
}

static int make (const Connection *c, SSL *ssl, X509 *leaf,
                 STACK_OF(X509) *chain, Faults *faults,
                 STACK_OF(X509) **built) {
  X509_STORE_CTX *store = X509_STORE_CTX_new();
  X509_STORE *trust = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  int good = store != NULL
             && X509_STORE_CTX_init(store, trust, leaf, chain)
             && prepare(c, ssl, store);
  int code = X509_V_ERR_OUT_OF_MEM;
  if (good) {
    good = judge(c, ssl, store, faults);
    code = X509_STORE_CTX_get_error(store);
    if (built != NULL) *built = X509_STORE_CTX_get1_chain(store);
  }
  if (!good && faults->count == 0) judgement_note(faults, code, 0);
  X509_STORE_CTX_free(store);
  return good;
}

int rejudgement_make (const Connection *c, SSL *ssl, X509 *leaf,
                      STACK_OF(X509) *chain, Faults *faults,
                      STACK_OF(X509) **built) {
  int good;
  memset(faults, 0, sizeof(*faults));
  ERR_set_mark();
  good = make(c, ssl, leaf, chain, faults, built);
  ERR_pop_to_mark();
  return good;
}

int rejudgement_allows (const Connection *c, SSL *ssl, SSL_SESSION *session) {
  X509 *leaf = SSL_SESSION_get0_peer(session);
  Faults faults;
  if ((!c->policy->revocation && c->tlsa == NULL) || leaf == NULL) return 1;
  return rejudgement_make(c, ssl, leaf, session_chain(session), &faults, NULL);
}
