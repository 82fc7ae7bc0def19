/*
** verify.c -- the verdict on the peer's certificate, and what becomes of it.
**
** OpenSSL builds and checks the chain; the verdict is taken here, before
** OpenSSL acts upon it. Where there are pins or a hook its verify mode is
** always SSL_VERIFY_PEER, as it would ignore a refusal otherwise, and
** cert_reqs is applied here.
*/

#include <string.h>

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "connection/decision.h"
#include "base/errors.h"
#include "context/context_policy.h"
#include "context/pins.h"
#include "context/session.h"
#include "context/tlsa.h"
#include "connection/handshake_usage.h"
#include "connection/raw_key.h"
#include "connection/rejudgement.h"
#include "connection/shared_key.h"
#include "connection/tickets.h"
#include "x509/judgement.h"
#include "connection/verify.h"

/* ---- taking the verdict ---- */

static SSL *ssl_of (X509_STORE_CTX *store) {
  return X509_STORE_CTX_get_ex_data(store,
                                    SSL_get_ex_data_X509_STORE_CTX_idx());
}

static int demands_of (const Connection *c) {
  if (c->tlsa != NULL) return CERT_REQUIRED;
  return c->request != NULL ? c->request->demands : c->policy->cert_reqs;
}

/* OpenSSL's checks, and ours: the leaf may do what it does here. A client is
** told all faults, a server where a hook decides: each goes on with signatures
** of a chain that anybody may send. libssl has told `store` of TLSA records. */
static int verifies (Connection *c, SSL *ssl, X509_STORE_CTX *store) {
  Verification *v = connection_verification(c);
  Judgement j;
  int good;
  memset(&j, 0, sizeof(j));
  j.name = connection_names(c, &j.more);
  j.usage = handshake_usage(ssl);
  j.goes_on = !c->options.server_side || c->policy->hooks & HOOK_VERIFY;
  j.faults = &v->faults;
  j.records = c->tlsa != NULL ? ssl : NULL;
  good = judgement_make(&j, store);
  v->by_record = j.by_record;
  return good;
}

/* A chain that is not verified is the peer's say-so, all but its leaf. */
static int is_pinned (Connection *c) {
  const Verification *v = connection_verification(c);
  STACK_OF(X509) *leaf;
  int found = 0;
  if (c->policy->pins == NULL) return 1;
  if (v->key != NULL) return pins_match_key(c->policy->pins, v->key);
  if (v->leaf == NULL) return 0;
  if (v->code == X509_V_OK && v->chain != NULL)
    return pins_match(c->policy->pins, v->chain);
  leaf = sk_X509_new_null();
  if (leaf != NULL && sk_X509_push(leaf, v->leaf) > 0)
    found = pins_match(c->policy->pins, leaf);
  sk_X509_free(leaf);
  return found;
}

/* The peer shows a certificate though it was told not to. */
static int refuse_type (Verification *v, X509_STORE_CTX *store) {
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  X509_STORE_CTX_set_error_depth(store, 0);
  memset(&v->faults, 0, sizeof(v->faults));
  judgement_note(&v->faults, X509_V_ERR_CERT_REJECTED, 0);
  return 0;
}

static void take_key (Connection *c, X509_STORE_CTX *store, EVP_PKEY *key) {
  Verification *v = connection_verification(c);
  int good = raw_key_judge(c, store, &v->faults);
  verification_set_key(v, key, good ? X509_V_OK
                                    : X509_STORE_CTX_get_error(store));
}

static void take (Connection *c, SSL *ssl, X509_STORE_CTX *store) {
  Verification *v = connection_verification(c);
  EVP_PKEY *key = compat_target_key(store);
  int good;
  verification_begin(v, demands_of(c));
  if (key != NULL) take_key(c, store, key);
  else {
    good = verifies(c, ssl, store);
    if (!c->policy->takes_certificates) good = refuse_type(v, store);
    verification_set(v, X509_STORE_CTX_get0_cert(store),
                     X509_STORE_CTX_get1_chain(store),
                     good ? X509_V_OK : X509_STORE_CTX_get_error(store),
                     good ? 0 : X509_STORE_CTX_get_error_depth(store));
  }
  v->unpinned = !is_pinned(c);
}

/* The peer shows what the verdict is about. */
static int is_about (const Verification *v, X509 *leaf, EVP_PKEY *key) {
  if (key != NULL) return v->key != NULL && EVP_PKEY_eq(v->key, key) == 1;
  return leaf != NULL && v->leaf != NULL && X509_cmp(leaf, v->leaf) == 0;
}

/* A client's handshake comes here once more after the hook has answered. */
static void replay (const Verification *v, X509_STORE_CTX *store) {
  X509_STORE_CTX_set_error(store, v->code);
  X509_STORE_CTX_set_error_depth(store, v->depth);
  if (v->code == X509_V_OK && v->chain != NULL && v->leaf != NULL)
    X509_STORE_CTX_set0_verified_chain(store, X509_chain_up_ref(v->chain));
}

/* ---- the decision ---- */

/* OpenSSL chooses the alert by the verdict (SSL_get_verify_result(3)). */
static int code_for_alert (int alert) {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE: return X509_V_ERR_APPLICATION_VERIFICATION;
    case SSL_AD_BAD_CERTIFICATE: return X509_V_ERR_CERT_REJECTED;
    case SSL_AD_UNSUPPORTED_CERTIFICATE: return X509_V_ERR_INVALID_PURPOSE;
    case SSL_AD_CERTIFICATE_REVOKED: return X509_V_ERR_CERT_REVOKED;
    case SSL_AD_CERTIFICATE_EXPIRED: return X509_V_ERR_CERT_HAS_EXPIRED;
    case SSL_AD_UNKNOWN_CA: return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
    case SSL_AD_DECRYPT_ERROR: return X509_V_ERR_CERT_SIGNATURE_FAILURE;
    case SSL_AD_INTERNAL_ERROR: return X509_V_ERR_UNSPECIFIED;
    default: return X509_V_ERR_PERMITTED_VIOLATION;  /* certificate_unknown */
  }
}

static int accepts (Connection *c) {
  const Verification *v = connection_verification(c);
  if (v->answer == REFUSED || v->unpinned) return 0;
  return v->code == X509_V_OK || v->answer == ACCEPTED
         || v->demands == CERT_NONE;
}

/* 1: goes on. The verdict itself stays what it was; OpenSSL forgets a
** certificate that is refused. */
static int decide (Connection *c, X509_STORE_CTX *store) {
  Verification *v = connection_verification(c);
  int named = v->answer == REFUSED && v->alert >= 0;
  STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
  if (accepts(c)) return 1;
  v->refused = 1;
  if (v->sent == NULL && sent != NULL) v->sent = X509_chain_up_ref(sent);
  if (v->unpinned) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  else if (named || v->code == X509_V_OK)
    X509_STORE_CTX_set_error(store, code_for_alert(v->alert));
  return 0;
}

/* Waits for the hook; 1: it has answered. A server's handshake waits on a
** stack of its own (ASYNC_start_job(3)), a client's is done again from the
** verification on. Where there are no such stacks the hook runs here; a client
** that cannot wait is refused. */
static int await_hook (Connection *c, SSL *ssl) {
  Verification *v = connection_verification(c);
  errors_clear();  /* of names, say: SSL_get_error would take it for the end */
  if (!c->options.server_side && SSL_set_retry_verify(ssl)) {
    v->stopped = 1;
    decision_stop(c, AT_VERIFY);
    return 0;
  }
  if (!(SSL_get_mode(ssl) & (long)SSL_MODE_ASYNC)) {
    decision_run_inside(c, AT_VERIFY);
    return 1;
  }
  decision_stop(c, AT_VERIFY);
  while (v->answer == UNANSWERED) ASYNC_pause_job();
  return 1;
}

/* OpenSSL wants a chain verified: one that it asked about before, or a new
** one. */
static int on_chain (X509_STORE_CTX *store, void *unused) {
  SSL *ssl = ssl_of(store);
  Connection *c = SSL_get_app_data(ssl);
  Verification *v = connection_verification(c);
  X509 *leaf = X509_STORE_CTX_get0_cert(store);
  (void)unused;
  if (v->stopped && is_about(v, leaf, compat_target_key(store)))
    replay(v, store);
  else take(c, ssl, store);
  v->stopped = 0;
  if (c->policy->hooks & HOOK_VERIFY && !v->unpinned
      && v->answer == UNANSWERED && !await_hook(c, ssl))
    return 1;  /* with SSL_set_retry_verify: no decision yet */
  return decide(c, store);
}

void verify_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  int mode = context_policy_verifies(policy) ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
  if (policy->defaults.server_side && policy->cert_reqs == CERT_REQUIRED)
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  if (policy->puts_off) mode |= SSL_VERIFY_POST_HANDSHAKE;
  SSL_CTX_set_verify(ctx, mode, NULL);
  SSL_CTX_set_cert_verify_callback(ctx, on_chain, NULL);
}

/* Not where OpenSSL has no stacks to switch, and not on somebody else's. */
int verify_can_suspend (void) {
  return ASYNC_is_capable() && ASYNC_get_current_job() == NULL;
}

void verify_prepare (SSL *ssl, const Policy *policy) {
  if (policy->defaults.server_side && policy->hooks & (HOOK_VERIFY | HOOK_PSK)
      && verify_can_suspend())
    SSL_set_mode(ssl, SSL_MODE_ASYNC);
}

/* OpenSSL ignores a refusal under SSL_VERIFY_NONE. */
int verify_by_tlsa (Connection *c, SSL *ssl) {
  SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  return tlsa_apply(c->tlsa, ssl, c->options.tlsa_check_hostname);
}

/* ---- threads ---- */

/* A number for each thread that ever came here: the system's ids are given
** again when a thread has ended. */
static unsigned long this_thread (void) {
  static unsigned long last;
  static __thread unsigned long number;
  if (number == 0) number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
  return number;
}

void verify_note_thread (Connection *c) {
  c->decision.thread = this_thread();
}

/* A job returns to the stack of the thread that began it, whichever resumes
** it: async_start_func in OpenSSL's crypto/async. */
int verify_is_elsewhere (const SSL *ssl, const Connection *c) {
  return ssl != NULL && SSL_waiting_for_async((SSL *)ssl)
         && c->decision.thread != this_thread();
}

/* ---- the end of a handshake ---- */

/* Nothing was asked of this client in the handshake, and no session tells who
** it is: all is decided when it is asked. */
static int puts_off (const Connection *c) {
  return c->policy->puts_off && c->request == NULL
         && SSL_version(c->ssl) >= TLS1_3_VERSION
         && SSL_get0_peer_certificate(c->ssl) == NULL
         && compat_peer_key(c->ssl) == NULL;
}

/* The peer has a pre-shared key, and that is all that is asked of it. */
static int key_suffices (Connection *c) {
  return connection_verification(c)->by_key && c->policy->psk_authenticates
         && c->tlsa == NULL;
}

/* The certificate is for the name, where that is asked for. OpenSSL keeps the
** name that it found in a full handshake, though not an address, nor what it
** was told in on_fault. */
static int is_named (Connection *c, X509 *leaf) {
  const Verification *v = connection_verification(c);
  const Hostname *names;
  int more;
  if (!c->options.check_hostname || c->options.server_side) return 1;
  if (v->by_record && !c->options.tlsa_check_hostname) return 1;
  if (!v->resumed && SSL_get0_peername(c->ssl) != NULL) return 1;
  names = connection_names(c, &more);
  return hostname_matches_any(names, more, leaf);
}

static int is_noted (const Faults *faults, int code) {
  int i;
  for (i = 0; i < faults->count; i++)
    if (faults->list[i].code == code) return 1;
  return 0;
}

/* What CRLs say by now, and all else; and which TLSA record stands. */
static void note_anew (Connection *c, X509 *leaf, STACK_OF(X509) **chain) {
  Verification *v = connection_verification(c);
  STACK_OF(X509) *built = NULL;
  Faults found;
  int i;
  if (rejudgement_make(c, c->ssl, leaf, *chain, &found, &built)) {
    sk_X509_pop_free(built, X509_free);
    v->by_record = c->tlsa != NULL && judgement_by_record(c->ssl);
    return;
  }
  for (i = 0; i < found.count; i++)
    if (!is_noted(&v->faults, found.list[i].code))
      judgement_note(&v->faults, found.list[i].code, found.list[i].depth);
  sk_X509_pop_free(*chain, X509_free);
  *chain = built;
}

/* The session's own verdict, and what may have become of it since: who accepted
** the one has not accepted the other. */
static void note_again (Connection *c, X509 *leaf, int code,
                        STACK_OF(X509) **chain) {
  Verification *v = connection_verification(c);
  if (code != X509_V_OK) judgement_note(&v->faults, code, 0);
  if (c->policy->revocation || c->tlsa != NULL) note_anew(c, leaf, chain);
  if (!v->by_record && !is_noted(&v->faults, X509_V_ERR_CERT_HAS_EXPIRED)
      && session_expired(SSL_get_session(c->ssl), c->policy))
    judgement_note(&v->faults, X509_V_ERR_CERT_HAS_EXPIRED, 0);
  if (!is_noted(&v->faults, X509_V_ERR_HOSTNAME_MISMATCH)
      && !is_named(c, leaf))
    judgement_note(&v->faults, X509_V_ERR_HOSTNAME_MISMATCH, 0);
}

/* A session holds the key that was shown, and no verdict that would last. */
static void note_key (Connection *c, EVP_PKEY *key) {
  Verification *v = connection_verification(c);
  int earlier = (int)SSL_get_verify_result(c->ssl);
  if (earlier != X509_V_OK) judgement_note(&v->faults, earlier, 0);
  raw_key_judge_again(c, key, &v->faults);
  verification_set_key(v, key, v->faults.count > 0 ? v->faults.list[0].code
                                                   : X509_V_OK);
  v->unpinned = !is_pinned(c);
}

void verify_again (Connection *c) {
  Verification *v = connection_verification(c);
  X509 *leaf = SSL_get0_peer_certificate(c->ssl);
  STACK_OF(X509) *bound, *chain = NULL;
  int code = (int)SSL_get_verify_result(c->ssl);
  int depth = 0;
  if (v->known) return;
  if (SSL_session_reused(c->ssl)) tickets_restore(c);
  bound = session_chain(SSL_get_session(c->ssl));
  verification_begin(v, puts_off(c) ? CERT_NONE : demands_of(c));
  if (compat_peer_key(c->ssl) != NULL) {
    v->resumed = c->request == NULL && SSL_session_reused(c->ssl);
    note_key(c, compat_peer_key(c->ssl));
    return;
  }
  v->by_key = c->request == NULL && leaf == NULL && shared_key_used(c);
  v->resumed = c->request == NULL && !v->by_key && SSL_session_reused(c->ssl);
  if (bound != NULL) chain = X509_chain_up_ref(bound);
  if (bound != NULL && chain == NULL) code = X509_V_ERR_OUT_OF_MEM;
  if (leaf != NULL) note_again(c, leaf, code, &chain);
  if (v->faults.count > 0) {
    code = v->faults.list[0].code;
    depth = v->faults.list[0].depth;
  }
  verification_set(v, leaf, chain, code, depth);
  v->unpinned = !puts_off(c) && !key_suffices(c) && !is_pinned(c);
}

/* A resumed session, or a client without a certificate: nothing was verified,
** and the hook is asked all the same. */
int verify_is_left (Connection *c) {
  const Verification *v = connection_verification(c);
  if (!(c->policy->hooks & HOOK_VERIFY) || puts_off(c)) return 0;
  if (v->answer == UNANSWERED) verify_again(c);
  if (key_suffices(c)) return 0;
  if (v->answer != UNANSWERED || v->unpinned) return 0;
  decision_stop(c, AT_VERIFY);
  return 1;
}

/* OpenSSL has verified what the verify mode told it to. A cipher without
** certificates asks it for nothing, and without memory to copy the name it
** checks none: the policy stands all the same. */
int verify_holds (Connection *c) {
  X509 *leaf = SSL_get0_peer_certificate(c->ssl);
  EVP_PKEY *key = compat_peer_key(c->ssl);
  const Policy *p = c->policy;
  const Verification *v = connection_verification(c);
  if (v->answer == REFUSED || v->unpinned) return 0;
  if (key_suffices(c)) return 1;
  if (p->hooks & HOOK_VERIFY && v->answer == UNANSWERED && !puts_off(c))
    return 0;
  if (v->demands == CERT_NONE) return 1;
  if (leaf == NULL && key == NULL)
    return v->demands == CERT_OPTIONAL && c->options.server_side;
  if (!is_about(v, leaf, key)) return 0;
  if (v->answer == ACCEPTED) return 1;
  return v->known && v->code == X509_V_OK
         && SSL_get_verify_result(c->ssl) == X509_V_OK
         && (v->resumed || key != NULL || is_named(c, leaf));
}

int verify_complain (Connection *c) {
  Verification *v = connection_verification(c);
  if ((v->leaf == NULL && v->key == NULL) || v->code == X509_V_OK) return 0;
  v->refused = 1;
  SSL_set_verify_result(c->ssl, v->code);
  ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
  return 1;
}

void verify_abandon (SSL *ssl, Connection *c) {
  if (ssl == NULL || !SSL_waiting_for_async(ssl)) return;
  if (verify_is_elsewhere(ssl, c)) return;  /* its 38 KiB are lost */
  connection_verification(c)->answer = REFUSED;
  connection_verification(c)->alert = SSL_AD_INTERNAL_ERROR;
  shared_key_settle(c, REFUSED, SSL_AD_INTERNAL_ERROR);
  c->bio.carrier = NULL;  /* its alert goes nowhere, but an SSLObject's */
  SSL_set_mode(ssl, SSL_MODE_ASYNC);  /* a read took it away */
  SSL_do_handshake(ssl);
  errors_clear();
}
