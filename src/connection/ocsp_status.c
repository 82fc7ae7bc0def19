/*
** ocsp_status.c -- OCSP responses in a handshake (RFC 6066, 8): a server shows
** one, a client decides about it.
**
** Up to TLS 1.2 the response comes behind the certificate, when on_verify has
** been asked already. So a client decides in OpenSSL's own callback for it, in
** every version, without Lua and whatever a hook has accepted.
*/

#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/ocsp_status.h"
#include "connection/shared_key.h"
#include "context/ocsp_staple.h"
#include "x509/ocsp_verdict.h"

/* ---- a server ---- */

/* OpenSSL has chosen the certificate by now; and frees the copy. */
static int on_request (SSL *ssl, void *unused) {
  const Staple *staple = ocsp_staple_of(SSL_get_certificate(ssl));
  unsigned char *copy;
  (void)unused;
  if (staple == NULL || !ocsp_staple_is_of(staple, time(NULL)))
    return SSL_TLSEXT_ERR_NOACK;
  copy = OPENSSL_memdup(staple->der, staple->size);
  if (copy == NULL) return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->size))
    return SSL_TLSEXT_ERR_OK;
  OPENSSL_free(copy);
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- a client ---- */

static void judge (const Connection *c, SSL *ssl, OcspStatus *status) {
  X509 *leaf = SSL_get0_peer_certificate(ssl);
  const unsigned char *der = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
  OcspCase about;
  memset(&about, 0, sizeof(about));
  about.leaf = leaf;
  about.built = c->verification.chain;
  about.sent = SSL_get_peer_cert_chain(ssl);
  about.der = size > 0 ? der : NULL;
  about.size = size > 0 ? (size_t)size : 0;
  about.now = c->policy->timed ? c->policy->time : time(NULL);
  about.timeless = c->policy->timeless;
  about.level = SSL_get_security_level(ssl);
  status->fault = ocsp_judgement_make(&about, &status->facts);
  status->demanded = ocsp_judgement_is_demanded(leaf, c->verification.chain);
  if (status->demanded < 0) status->fault = OCSP_FAULT_MEMORY;
}

/* RFC 6066, 8: what is not satisfactory ends the handshake. A server that says
** nothing, or that its responder had nothing to say, may do so. */
static int accepts (const Connection *c, const OcspStatus *status) {
  switch (status->fault) {
    case OCSP_GOOD: return 1;
    case OCSP_FAULT_MISSING: case OCSP_FAULT_NO_ANSWER: case OCSP_FAULT_ISSUER:
      return c->policy->ocsp != STAPLE_REQUIRED && !status->demanded;
    default: return 0;
  }
}

static void refuse (Connection *c, OcspStatus *status) {
  Verification *v = &c->verification;
  status->refused = v->refused = 1;
  v->code = ocsp_verdict_code(status->fault);
  v->depth = 0;
  judgement_note(&v->faults, v->code, 0);
}

static int no_memory (void) {
  ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
  return -1;
}

/* It shows no certificate, so that there is nothing to respond to: whether the
** key will do is decided at the end. */
static int is_by_key (const SSL *ssl) {
  const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
  return cipher != NULL && shared_key_rank(cipher) < 3;
}

/* The server's part of the handshake is there, up to TLS 1.2 its
** ServerHelloDone. A session that is resumed was judged when it was made, and
** has not outlived that. */
static int on_response (SSL *ssl, void *unused) {
  Connection *c = SSL_get_app_data(ssl);
  OcspStatus *status;
  (void)unused;
  if (SSL_session_reused(ssl)) return 1;
  if (SSL_get0_peer_certificate(ssl) == NULL) return is_by_key(ssl);
  status = OPENSSL_zalloc(sizeof(*status));
  OPENSSL_free(c->ocsp);
  c->ocsp = status;
  if (status == NULL) return no_memory();
  judge(c, ssl, status);
  if (status->fault == OCSP_FAULT_MEMORY) return no_memory();
  if (accepts(c, status)) return 1;
  refuse(c, status);
  return 0;
}

void ocsp_status_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  if (policy->staples
      || (policy->defaults.server_side
          && policy->hooks & (HOOK_CERTIFICATE | HOOK_CLIENT_HELLO)))
    SSL_CTX_set_tlsext_status_cb(ctx, on_request);
  if (policy->ocsp == STAPLE_OFF) return;
  SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
  SSL_CTX_set_tlsext_status_cb(ctx, on_response);
}

/* Should OpenSSL not have asked. Without a certificate, by a pre-shared key,
** there is nothing to be asked about. */
int ocsp_status_holds (const Connection *c) {
  if (c->policy->ocsp != STAPLE_REQUIRED || SSL_session_reused(c->ssl)
      || shared_key_alone(c)) return 1;
  return c->ocsp != NULL && c->ocsp->fault == OCSP_GOOD;
}

void ocsp_status_complain (void) {
  ERR_raise(ERR_LIB_SSL, SSL_R_INVALID_STATUS_RESPONSE);
}

double ocsp_status_until (const Connection *c) {
  if (c->ocsp == NULL || c->ocsp->fault != OCSP_GOOD) return 0;
  return ocsp_response_ends(&c->ocsp->facts);
}

/* ---- why not ---- */

static void say_missing (Failure *f, const OcspStatus *status) {
  failure_say(f, "the server sent no OCSP response, and %s: it has to be told "
              "to (stapling)", status != NULL && status->demanded
              ? "its certificate demands one (must-staple)"
              : "the option ocsp requires one");
}

int ocsp_status_tell (Failure *f, const Connection *c) {
  const OcspStatus *status = c->ocsp;
  OcspFault fault = status != NULL ? status->fault : OCSP_FAULT_MISSING;
  if (c->policy->ocsp == STAPLE_OFF
      || failure_find(f, ERR_LIB_SSL, SSL_R_INVALID_STATUS_RESPONSE) < 0)
    return 0;
  f->class_name = VERIFICATION_ERROR_T;
  f->kind = "ocsp";
  f->verify_code = ocsp_verdict_code(fault);
  f->verify_depth = 0;
  f->sentence[0] = '\0';
  if (fault == OCSP_FAULT_MISSING) {
    say_missing(f, status);
    return 1;
  }
  failure_say(f, "the server's certificate is refused: its OCSP response");
  ocsp_verdict_say(f, fault, &status->facts);
  return 1;
}
