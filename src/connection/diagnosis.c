/*
** diagnosis.c -- why a connection's TLS failed: a kind and a sentence that
** says what to do.
**
** All of it works on what the queue held and what the connection knows, without
** Lua: it runs before anything can raise.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "connection/connection.h"
#include "connection/diagnosis.h"
#include "base/errors.h"
#include "connection/handshake_usage.h"
#include "connection/ocsp_status.h"
#include "connection/shared_key.h"
#include "x509/verdict.h"

#define QUOTE_MAX 16  /* of what a peer without TLS said */
#define CHAIN_MAX 102400  /* SSL_CTX_set_max_cert_list(3) */

/* ---- verification ---- */

/* Of the certificate that failed, -1: none did. */
static int depth_of (const Connection *c) {
  return c->verification.refused ? c->verification.depth : -1;
}

/* Of the chain that was built, a refused one too. */
static X509 *refused_certificate (const Connection *c) {
  STACK_OF(X509) *chain = c->verification.chain;
  int depth = depth_of(c) < 0 ? 0 : depth_of(c);
  if (depth == 0 && c->verification.refused) return c->verification.leaf;
  return depth < sk_X509_num(chain) ? sk_X509_value(chain, depth) : NULL;
}

/* A public key without a certificate: by what it would be good. */
static void read_key (Failure *f, EVP_PKEY *key, const Connection *c) {
  char digest[2 * 32 + 1];
  f->verify_depth = 0;
  f->sentence[0] = '\0';
  failure_say(f, "the %s's public key, shown without a certificate, is "
              "refused: %s", c->options.server_side ? "client" : "server",
              X509_verify_cert_error_string(f->verify_code));
  if (f->verify_code == X509_V_ERR_DANE_NO_MATCH) {
    if (verdict_hash_key(key, digest))
      failure_say(f, "; {3, 1, 1, \"%s\"} would be a record for it (tlsa)",
                  digest);
  }
  else if (f->verify_code == COMPAT_KEY_UNKNOWN)
    failure_say(f, "; to accept it, give it in peer_public_keys, as "
                "peer_public_key(\"pem\") tells it");
}

static void read_verdict (Failure *f, const Connection *c) {
  Verdict v;
  v.code = SSL_get_verify_result(c->ssl);
  if (v.code == X509_V_OK) return;  /* not OpenSSL's verdict: nothing to add */
  if (c->verification.key != NULL) {
    f->verify_code = v.code;
    read_key(f, c->verification.key, c);
    return;
  }
  v.depth = depth_of(c);
  v.x509 = refused_certificate(c);
  v.of_client = c->options.server_side;
  v.name = connection_names(c, &v.more);
  if (!c->options.check_hostname) v.name = NULL;
  v.usage = handshake_usage(c->ssl);
  v.unread = c->policy->unread;
  v.bare = c->policy->bare;
  v.trust = "ca_certs";
  verdict_tell(&v, f);
  if (c->verification.leaf != NULL && !c->policy->takes_certificates)
    failure_say(f, ": this side takes public keys alone "
                "(peer_certificate_types)");
}

/* ---- peers that speak something else ---- */

#define CLEAR_TEXT "the peer speaks clear text, not TLS"

static const char *protocol_of (const char *text, int server_side) {
  static const char *const methods[] = {
    "CONNECT ", "DELETE ", "GET ", "HEAD ", "HTTP/", "OPTIONS ", "PATCH ",
    "POST ", "PRI * HTTP", "PUT "
  };
  size_t i;
  for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
    if (strncmp(text, methods[i], strlen(methods[i])) == 0)
      return "the peer speaks plain HTTP, not TLS";
  if (strncmp(text, "SSH-", 4) == 0) return "the peer speaks SSH, not TLS";
  if (strncmp(text, "PROXY ", 6) == 0)
    return "the peer sends a PROXY protocol line: read it before TLS begins";
  if (server_side) return CLEAR_TEXT;
  return CLEAR_TEXT ": ask it for TLS first (STARTTLS), or take the port that "
         "is for TLS";
}

/* The peer's first line, 0 if it is no text. TLS records begin with 20 to 24,
** which are control characters: RFC 8446, 5.1. */
static int first_line (const BioState *q, char *line) {
  size_t i, n = q->first_size < QUOTE_MAX ? q->first_size : QUOTE_MAX;
  for (i = 0; i < n; i++) {
    unsigned char c = q->first[i];
    if (c == '\r' || c == '\n') break;
    if (c < ' ' || c > '~') return 0;
    line[i] = (char)c;
  }
  line[i] = '\0';
  return i > 0;
}

static int read_plaintext (Failure *f, const Connection *c) {
  char line[QUOTE_MAX + 1];
  if (!first_line(&c->bio, line)) return 0;
  f->kind = "plaintext";
  f->class_name = ERROR_T;
  f->sentence[0] = '\0';
  failure_say(f, "%s (it began with \"%s\")",
              protocol_of(line, c->options.server_side), line);
  return 1;
}

static int is_record (const BioState *q) {
  return q->first_size > 1 && q->first[0] >= SSL3_RT_CHANGE_CIPHER_SPEC
         && q->first[0] <= SSL3_RT_APPLICATION_DATA
         && q->first[1] == SSL3_VERSION_MAJOR;
}

/* ---- alerts ---- */

typedef struct AlertText {
  int alert;
  const char *text;
} AlertText;

static const AlertText alert_texts[] = {
  {SSL_AD_HANDSHAKE_FAILURE, "it cannot go on with what this side offers"},
  {SSL_AD_BAD_CERTIFICATE, "it refuses the certificate of this side"},
  {SSL_AD_UNSUPPORTED_CERTIFICATE,
   "it cannot use this side's certificate for this purpose"},
  {SSL_AD_CERTIFICATE_REVOKED, "the certificate of this side is revoked"},
  {SSL_AD_CERTIFICATE_EXPIRED, "the certificate of this side has expired"},
  {SSL_AD_CERTIFICATE_UNKNOWN, "it refuses the certificate of this side"},
  {SSL_AD_UNKNOWN_CA, "it does not know the CA of this side's certificate; "
   "intermediate certificates belong in certfile"},
  {SSL_AD_ACCESS_DENIED, "the certificate is good, but gives no access"},
  {SSL_AD_INSUFFICIENT_SECURITY, "it asks for stronger ciphers"},
  {SSL_AD_INTERNAL_ERROR, "it has a problem of its own"},
  {SSL_AD_UNRECOGNIZED_NAME, "it serves no such name (server_hostname)"},
  {SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE, "it refuses the OCSP response of "
   "this side's certificate, or misses one (ocsp_response)"},
  {SSL_AD_UNKNOWN_PSK_IDENTITY, "it does not know the identity of this side's "
   "pre-shared key"}
};

static int received_alert (const Failure *f, const Connection *c) {
  int reason = SSL_AD_REASON_OFFSET + c->alert;
  return c->alert >= 0 && !c->alert_sent
         && failure_find(f, ERR_LIB_SSL, reason) >= 0;
}

/* A client that has a certificate sends none if it does not fit. */
static void say_wanted (Failure *f, const SSL *ssl) {
  if (SSL_get_certificate(ssl) == NULL)
    failure_say(f, "it asks for a client certificate: give one by certfile "
                "and keyfile");
  else
    failure_say(f, "it asks for a client certificate, and this side's "
                "(certfile) does not fit the algorithms it accepts");
}

/* What a server means depends on whether it had chosen a cipher yet. */
static void say_refusal (Failure *f, const SSL *ssl) {
  failure_say(f, ": mostly ");
  if (SSL_get_pending_cipher(ssl) != NULL) say_wanted(f, ssl);
  else {
    f->kind = "cipher";
    failure_say(f, "there is no cipher, group or signature algorithm that "
                "both sides accept (ciphers, ciphersuites)");
  }
}

/* Peers end the connection then. Servers that ask so for a certificate can do
** it in the first handshake, or in TLS 1.3 behind it. */
static void say_renegotiation (Failure *f, const Connection *c) {
  failure_say(f, ": it wanted a new handshake in this connection "
              "(renegotiation), which is refused here");
  if (!c->options.server_side)
    failure_say(f, "; if it asks so for a client certificate, it has to ask "
                "in the first handshake");
}

static size_t size_of (X509 *x509) {
  int size = x509 != NULL ? i2d_X509(x509, NULL) : 0;
  return size > 0 ? (size_t)size : 0;
}

/* The certificates that this side sends: RFC 8446, 4.4.2. */
static size_t chain_size (SSL *ssl) {
  STACK_OF(X509) *chain = NULL;
  size_t size = size_of(SSL_get_certificate(ssl));
  int i;
  SSL_get0_chain_certs(ssl, &chain);
  for (i = 0; i < sk_X509_num(chain); i++)
    size += size_of(sk_X509_value(chain, i));
  return size;
}

/* OpenSSL answers a chain that is too long for it by illegal_parameter. */
static void say_chain (Failure *f, SSL *ssl) {
  size_t size = chain_size(ssl);
  if (size > CHAIN_MAX)
    failure_say(f, ": perhaps for this side's certificate chain (certfile), "
                "whose %lu bytes are more than most accept, 100 KiB",
                (unsigned long)size);
}

/* What peers answer a key that is wrong, or that they do not have. */
static int is_about_key (const Connection *c) {
  return c->shared_key != NULL && !c->established
         && (c->alert == SSL_AD_ILLEGAL_PARAMETER
             || c->alert == SSL_AD_DECRYPT_ERROR
             || c->alert == SSL_AD_BAD_RECORD_MAC
             || c->alert == SSL_AD_DECODE_ERROR);
}

static void read_alert (Failure *f, const Connection *c) {
  const char *name = errors_alert_name(c->alert);
  size_t i;
  f->kind = "alert";
  f->sentence[0] = '\0';
  if (name != NULL) failure_say(f, "the peer sent the alert %s", name);
  else failure_say(f, "the peer sent an unknown alert, %d", c->alert);
  if (c->renegotiation_refused) {
    say_renegotiation(f, c);
    return;
  }
  for (i = 0; i < sizeof(alert_texts) / sizeof(alert_texts[0]); i++)
    if (alert_texts[i].alert == c->alert)
      failure_say(f, ": %s", alert_texts[i].text);
  if (is_about_key(c)) {
    failure_say(f, ": mostly the pre-shared key, or its identity, is not the "
                "one that it has (psk)");
    return;
  }
  if (c->alert == SSL_AD_ILLEGAL_PARAMETER) say_chain(f, c->ssl);
  if (c->options.server_side) return;
  if (c->alert == SSL_AD_HANDSHAKE_FAILURE) say_refusal(f, c->ssl);
  if (c->alert != SSL_AD_CERTIFICATE_REQUIRED) return;
  failure_say(f, ": ");
  say_wanted(f, c->ssl);
}

/* An alert of ours that says that the peer broke the rules: RFC 8446, 6.2. */
static int blames_peer (int alert) {
  switch (alert) {
    case SSL_AD_UNEXPECTED_MESSAGE: case SSL_AD_BAD_RECORD_MAC:
    case SSL_AD_RECORD_OVERFLOW: case SSL_AD_ILLEGAL_PARAMETER:
    case SSL_AD_DECODE_ERROR: case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_MISSING_EXTENSION: case SSL_AD_UNSUPPORTED_EXTENSION:
      return 1;
    default: return 0;
  }
}

/* ---- versions and ciphers ---- */

static const char *version_name (long version) {
  switch (version) {
    case TLS1_VERSION: return "TLSv1";
    case TLS1_1_VERSION: return "TLSv1.1";
    case TLS1_2_VERSION: return "TLSv1.2";
    case TLS1_3_VERSION: return "TLSv1.3";
    default: return "SSLv3";
  }
}

/* TLS 1.1 and older sign with SHA-1: SSL_CTX_set_security_level(3). Newer
** libraries do not even offer them then. */
static void say_level (Failure *f, SSL *ssl, int is_version) {
  long version = SSL_version(ssl), low = SSL_get_min_proto_version(ssl);
  if (is_version && low != 0 && low < version) version = low;
  if (version < TLS1_2_VERSION && SSL_get_security_level(ssl) > 0)
    failure_say(f, "; versions before TLSv1.2 also need "
                "ciphers=\"DEFAULT:@SECLEVEL=0\" here");
}

static void say_versions (Failure *f, SSL *ssl) {
  long low = SSL_get_min_proto_version(ssl);
  long high = SSL_get_max_proto_version(ssl);
  if (low == 0 && high == 0) return;
  failure_say(f, "; this side accepts");
  if (low != 0 && low == high) failure_say(f, " %s alone", version_name(low));
  else {
    if (low != 0) failure_say(f, " %s and later", version_name(low));
    if (low != 0 && high != 0) failure_say(f, ",");
    if (high != 0) failure_say(f, " up to %s", version_name(high));
  }
  failure_say(f, " (minimum_version, maximum_version)");
}

/* Without a certificate OpenSSL takes TLS 1.3 for a version that this server
** does not speak, and of TLS 1.2 no cipher. */
static int is_bare_server (const Failure *f, const Connection *c) {
  if (!c->options.server_side || SSL_get_certificate(c->ssl) != NULL) return 0;
  return failure_find(f, ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER) >= 0
         || (failure_find(f, ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL) >= 0
             && SSL_client_version(c->ssl) >= TLS1_2_VERSION);
}

/* A server never tells its client which of the two it was. */
static int is_wrong_key (const Failure *f, const Connection *c) {
  return c->options.server_side && c->shared_key != NULL && !c->established
         && (failure_find(f, ERR_LIB_SSL, SSL_R_BINDER_DOES_NOT_VERIFY) >= 0
             || failure_find(f, ERR_LIB_SSL, SSL_R_DIGEST_CHECK_FAILED) >= 0
             || failure_find(f, ERR_LIB_SSL,
                             SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC) >= 0);
}

static void read_local (Failure *f, const Connection *c) {
  int is_version = strcmp(f->kind, "version") == 0;
  if (is_wrong_key(f, c)) {
    f->kind = "psk";
    f->sentence[0] = '\0';
    failure_say(f, c->shared_key->random
                ? "the client's identity is not known (psk)"
                : "the client's pre-shared key is another (psk)");
    return;
  }
  if (is_bare_server(f, c)) {
    f->kind = "cipher";
    f->sentence[0] = '\0';
    if (c->policy->psk != NULL || c->policy->hooks & HOOK_PSK) {
      failure_say(f, "the client offers no pre-shared key (psk), and this "
                  "server has no certificate");
      return;
    }
    failure_say(f, "this server has no certificate: give its context one by "
                "certfile and keyfile (or cert and key)");
    return;
  }
  if (failure_find(f, ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER) >= 0
      && c->bio.first_size > 0 && !is_record(&c->bio)) {
    f->kind = "protocol";
    f->sentence[0] = '\0';
    failure_say(f, "the peer does not speak TLS");
    return;
  }
  if (failure_find(f, ERR_LIB_SSL, SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED)
      >= 0) {
    f->kind = "legacy_server";
    f->sentence[0] = '\0';
    failure_say(f, "the server does not know secure renegotiation (RFC 5746), "
                "and should be updated: options={\"legacy_server_connect\"} "
                "connects all the same");
    return;
  }
  if (is_version) say_versions(f, c->ssl);
  if (is_version || strcmp(f->kind, "cipher") == 0)
    say_level(f, c->ssl, is_version);
  if (strcmp(f->kind, "ssl") == 0 && c->alert_sent && blames_peer(c->alert))
    f->kind = "protocol";
}

void diagnosis_make (Failure *f, const Connection *c, const char *operation) {
  int received;
  failure_take(f, operation);
  received = received_alert(f, c);
  if (received || c->alert_sent) {
    f->alert = c->alert;
    f->alert_sent = c->alert_sent;
  }
  if (strcmp(f->kind, "verification") == 0) read_verdict(f, c);
  else if (ocsp_status_tell(f, c)) {}
  else if (received && strcmp(f->kind, "ssl") == 0) read_alert(f, c);
  else if (!read_plaintext(f, c)) read_local(f, c);
  errors_clear();  /* what reading the certificate left */
}
