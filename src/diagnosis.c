/*
** diagnosis.c -- what OpenSSL's complaints mean to a user: a kind and a
** sentence that says what to do.
**
** All of it works on what the queue held and what the connection knows, without
** Lua: it runs before anything can raise.
*/

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certificate.h"
#include "diagnosis.h"
#include "usage.h"

#define NAMES_MAX 400   /* of the names that a certificate is valid for */
#define SUBJECT_MAX 160
#define QUOTE_MAX 16    /* of what a peer without TLS said */

static void say (Diagnosis *d, const char *format, ...) {
  size_t used = strlen(d->sentence);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(d->sentence + used, sizeof(d->sentence) - used, format, arguments);
  va_end(arguments);
}

static void say_reason (Diagnosis *d, const Trace *trace, const char *text) {
  char room[REASON_MAX];
  const Complaint *entry = &trace->entries[d->cause];
  const char *reason = trace_reason(entry, room);
  if (text != NULL) say(d, "%s (%s)", text, reason);
  else if (entry->data[0] == '\0' || ERR_SYSTEM_ERROR(entry->code))
    say(d, "%s", reason);  /* not "calling fopen(...)" */
  else say(d, "%s: %s", reason, entry->data);
}

static const char *class_of (const char *kind) {
  if (strcmp(kind, "verification") == 0) return VERIFICATION_ERROR_T;
  if (strcmp(kind, "syscall") == 0) return SYSCALL_ERROR_T;
  if (strcmp(kind, "eof") == 0) return EOF_ERROR_T;
  return ERROR_T;
}

void diagnosis_read (Diagnosis *d, const Trace *trace) {
  const char *text;
  memset(d, 0, sizeof(*d));
  d->cause = trace_explain(trace, &d->kind, &text);
  d->class_name = class_of(d->kind);
  d->alert = d->verify_depth = -1;
  if (d->cause >= 0) say_reason(d, trace, text);
  else say(d, "it failed, and OpenSSL does not say why");
}

/* ---- verification ---- */

/* OpenSSL keeps the chain that it built, a refused one too. */
static X509 *refused_certificate (SSL *ssl, const TlsFacts *facts) {
  STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
  int depth = facts->verify_depth < 0 ? 0 : facts->verify_depth;
  if (depth == 0 && facts->certificate != NULL) return facts->certificate;
  return depth < sk_X509_num(chain) ? sk_X509_value(chain, depth) : NULL;
}

static void say_time (Diagnosis *d, const char *before, const ASN1_TIME *t) {
  struct tm tm;
  if (!ASN1_TIME_to_tm(t, &tm)) return;
  say(d, "%s%04d-%02d-%02d %02d:%02d:%02d GMT", before, tm.tm_year + 1900,
      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void say_names (Diagnosis *d, X509 *x509, const char *name) {
  char names[NAMES_MAX] = "";
  certificate_names(x509, names, sizeof(names));
  say(d, ": the name asked for is %s", name != NULL ? name : "another");
  if (names[0] != '\0') say(d, ", the certificate is valid for %s", names);
  else say(d, ", the certificate holds no names (a common name does not "
              "count)");
}

static void say_issuer (Diagnosis *d, X509 *x509, const TlsFacts *facts) {
  char issuer[SUBJECT_MAX];
  X509_NAME_oneline(X509_get_issuer_name(x509), issuer, sizeof(issuer));
  say(d, ": its issuer %s is not known here; give that CA's certificate as "
      "ca_certs, unless the %s should have sent an intermediate certificate",
      issuer, facts->server_side ? "client" : "server");
}

/* Perhaps it would be known, if the system's certificates were there. */
static void say_bundle (Diagnosis *d, const TlsFacts *facts) {
  if (facts->unread != 0)
    say(d, "; the system's certificates, %s, cannot be read: %s",
        X509_get_default_cert_file(), strerror(facts->unread));
}

static void say_purpose (Diagnosis *d, SSL *ssl, X509 *x509) {
  const char *usage = d->verify_depth > 0 ? NULL : usage_missing(ssl, x509);
  if (usage == NULL) say(d, ": its extensions do not allow it for this use");
  else say(d, ": its key usage lacks %s, and the key is used for that here; "
           "the %s needs a new certificate", usage,
           SSL_is_server(ssl) ? "client" : "server");
}

/* What to do about a certificate that is refused. */
static void say_advice (Diagnosis *d, SSL *ssl, X509 *x509,
                        const TlsFacts *facts) {
  switch (d->verify_code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      say_time(d, ": it was valid until ", X509_get0_notAfter(x509));
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      say_time(d, ": it is valid from ", X509_get0_notBefore(x509));
      say(d, " (is this machine's clock right?)");
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      say_names(d, x509, facts->name);
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      say(d, ": to trust this very certificate, give it as ca_certs");
      break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      say(d, ": this CA is not trusted here; to trust it, give its "
          "certificate as ca_certs");
      say_bundle(d, facts);
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      say_issuer(d, x509, facts);
      say_bundle(d, facts);
      break;
    case X509_V_ERR_INVALID_PURPOSE:
      say_purpose(d, ssl, x509);
      break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      say(d, ": it is too weak for this security level");
      break;
    default: break;
  }
}

static void read_verdict (Diagnosis *d, SSL *ssl, const TlsFacts *facts) {
  X509 *x509 = refused_certificate(ssl, facts);
  char subject[SUBJECT_MAX];
  long code = SSL_get_verify_result(ssl);
  if (code == X509_V_OK) return;  /* not OpenSSL's verdict: nothing to add */
  d->verify_code = code;
  d->verify_depth = facts->verify_depth;
  d->sentence[0] = '\0';
  say(d, "the %s's certificate is refused: %s",
      facts->server_side ? "client" : "server",
      X509_verify_cert_error_string(code));
  if (x509 == NULL) return;
  if (facts->verify_depth > 0) {
    X509_NAME_oneline(X509_get_subject_name(x509), subject, sizeof(subject));
    say(d, ", in its chain at depth %d, %s", facts->verify_depth, subject);
  }
  say_advice(d, ssl, x509, facts);
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
static int first_line (const TlsFacts *facts, char *line) {
  size_t i, n = facts->first_size < QUOTE_MAX ? facts->first_size : QUOTE_MAX;
  for (i = 0; i < n; i++) {
    unsigned char c = facts->first[i];
    if (c == '\r' || c == '\n') break;
    if (c < ' ' || c > '~') return 0;
    line[i] = (char)c;
  }
  line[i] = '\0';
  return i > 0;
}

static int read_plaintext (Diagnosis *d, const TlsFacts *facts) {
  char line[QUOTE_MAX + 1];
  if (!first_line(facts, line)) return 0;
  d->kind = "plaintext";
  d->class_name = ERROR_T;
  d->sentence[0] = '\0';
  say(d, "%s", protocol_of(line, facts->server_side));
  say(d, " (it began with \"%s\")", line);
  return 1;
}

static int is_record (const TlsFacts *facts) {
  return facts->first_size > 1 && facts->first[0] >= SSL3_RT_CHANGE_CIPHER_SPEC
         && facts->first[0] <= SSL3_RT_APPLICATION_DATA
         && facts->first[1] == SSL3_VERSION_MAJOR;
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
  {SSL_AD_UNKNOWN_PSK_IDENTITY, "it does not know the identity of this side's "
   "pre-shared key"},
  {SSL_AD_CERTIFICATE_REQUIRED,
   "it asks for a client certificate (certfile, keyfile)"}
};

static int received_alert (const Trace *trace, const TlsFacts *facts) {
  int reason = SSL_AD_REASON_OFFSET + facts->alert;
  return facts->alert >= 0 && !facts->alert_sent
         && trace_find(trace, ERR_LIB_SSL, reason) >= 0;
}

/* What a server means depends on whether it had chosen a cipher yet. */
static void say_refusal (Diagnosis *d, const SSL *ssl) {
  if (SSL_get_pending_cipher(ssl) == NULL) {
    d->kind = "cipher";
    say(d, ": mostly there is no cipher, group or signature algorithm that "
        "both sides accept (ciphers, ciphersuites)");
  }
  else say(d, ": mostly it asks for a client certificate (certfile, keyfile)");
}

static void read_alert (Diagnosis *d, const SSL *ssl, const TlsFacts *facts) {
  const char *name = errors_alert_name(facts->alert);
  size_t i;
  d->kind = "alert";
  d->sentence[0] = '\0';
  if (name != NULL) say(d, "the peer sent the alert %s", name);
  else say(d, "the peer sent an unknown alert, %d", facts->alert);
  for (i = 0; i < sizeof(alert_texts) / sizeof(alert_texts[0]); i++)
    if (alert_texts[i].alert == facts->alert)
      say(d, ": %s", alert_texts[i].text);
  if (facts->alert == SSL_AD_HANDSHAKE_FAILURE && !facts->server_side)
    say_refusal(d, ssl);
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

static void say_versions (Diagnosis *d, SSL *ssl) {
  long low = SSL_get_min_proto_version(ssl);
  long high = SSL_get_max_proto_version(ssl);
  if (low != 0 && low == high)
    say(d, "; this side accepts %s alone", version_name(low));
  else {
    if (low != 0) say(d, "; this side accepts %s and later",
                      version_name(low));
    if (high != 0) say(d, "%s up to %s", low != 0 ? "," : "; this side accepts",
                       version_name(high));
  }
  if (low != 0 || high != 0) say(d, " (minimum_version, maximum_version)");
}

/* TLS 1.1 and older sign with SHA-1: SSL_CTX_set_security_level(3). */
static void say_level (Diagnosis *d, const SSL *ssl) {
  if (SSL_version(ssl) < TLS1_2_VERSION && SSL_get_security_level(ssl) > 0)
    say(d, "; versions before TLSv1.2 also need "
        "ciphers=\"DEFAULT:@SECLEVEL=0\" here");
}

static void read_local (Diagnosis *d, SSL *ssl, const Trace *trace,
                        const TlsFacts *facts) {
  if (trace_find(trace, ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER) >= 0
      && facts->first_size > 0 && !is_record(facts)) {
    d->kind = "protocol";
    d->sentence[0] = '\0';
    say(d, "the peer does not speak TLS");
    return;
  }
  if (strcmp(d->kind, "version") == 0) say_versions(d, ssl);
  if (strcmp(d->kind, "version") == 0 || strcmp(d->kind, "cipher") == 0)
    say_level(d, ssl);
  if (trace_find(trace, ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER) >= 0
      && facts->server_side && SSL_get_certificate(ssl) == NULL)
    say(d, "; this server has no certificate (certfile, keyfile)");
  if (strcmp(d->kind, "ssl") == 0 && facts->alert_sent
      && blames_peer(facts->alert))
    d->kind = "protocol";
}

void diagnosis_read_tls (Diagnosis *d, const Trace *trace, SSL *ssl,
                         const TlsFacts *facts) {
  int received = received_alert(trace, facts);
  diagnosis_read(d, trace);
  if (received || facts->alert_sent) {
    d->alert = facts->alert;
    d->alert_sent = facts->alert_sent;
  }
  if (strcmp(d->kind, "verification") == 0) read_verdict(d, ssl, facts);
  else if (received && strcmp(d->kind, "ssl") == 0) read_alert(d, ssl, facts);
  else if (!read_plaintext(d, facts)) read_local(d, ssl, trace, facts);
}
