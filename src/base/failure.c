/*
** failure.c -- what failed and why, from OpenSSL's error queue, which nothing
** else reads but to see where a PEM file ends.
*/

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evperr.h>
#include <openssl/pemerr.h>
#include <openssl/pkcs12err.h>
#include <openssl/proverr.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509err.h>

#include "base/failure.h"

void failure_say (Failure *f, const char *format, ...) {
  size_t used = strlen(f->sentence);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(f->sentence + used, SENTENCE_MAX - used, format, arguments);
  va_end(arguments);
}

void failure_tell (Failure *f, const char *class_name, const char *kind,
                   const char *format, va_list arguments) {
  f->class_name = class_name;
  f->kind = kind;
  vsnprintf(f->sentence, SENTENCE_MAX, format, arguments);
}

/* ---- entries ---- */

const char *failure_system_reason (int code, char *room) {
  if (strerror_r(code, room, REASON_MAX) != 0)
    snprintf(room, REASON_MAX, "error %d", code);
  return room;
}

const char *failure_reason (const Complaint *entry, char *room) {
  const char *reason = ERR_reason_error_string(entry->code);
  int code = ERR_GET_REASON(entry->code);
  if (reason != NULL) return reason;
  if (ERR_SYSTEM_ERROR(entry->code)) return failure_system_reason(code, room);
  snprintf(room, REASON_MAX, "reason %d", code);
  return room;
}

/* "PEM lib": an entry that only points at an older one. */
static int is_pointer (unsigned long code) {
  int reason = ERR_GET_REASON(code);
  return !ERR_SYSTEM_ERROR(code) && reason & ERR_RFLAG_COMMON
         && ((reason & ~ERR_RFLAG_COMMON) < 128
             || reason == ERR_R_NESTED_ASN1_ERROR);
}

int failure_find (const Failure *f, int library, int reason) {
  int i;
  for (i = f->count - 1; i >= 0; i--) {
    unsigned long code = f->entries[i].code;
    if (library != 0 && ERR_GET_LIB(code) != library) continue;
    if (reason != 0 ? ERR_GET_REASON(code) == reason : !is_pointer(code))
      return i;
  }
  return -1;
}

/* ---- what entries mean by themselves ---- */

/* The first row that an entry of the queue fits tells its kind; 0 as in
** failure_find, text NULL: OpenSSL's own words. */
typedef struct Cause {
  int library, reason;
  const char *kind, *text;
} Cause;

#define WRONG_PASSPHRASE "the passphrase is wrong"
#define NO_PASSPHRASE \
  "the key is encrypted and no passphrase was given: see password"
#define DAMAGED "its content is damaged"

static const Cause causes[] = {
  {0, ERR_R_MALLOC_FAILURE, "memory", "out of memory"},
  {ERR_LIB_SYS, ENOMEM, "memory", "out of memory"},
  {ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ, "passphrase", NO_PASSPHRASE},
  {ERR_LIB_PEM, PEM_R_PROBLEMS_GETTING_PASSWORD, "passphrase", NO_PASSPHRASE},
  {ERR_LIB_PROV, PROV_R_UNABLE_TO_GET_PASSPHRASE, "passphrase", NO_PASSPHRASE},
  {ERR_LIB_PEM, PEM_R_BAD_DECRYPT, "passphrase", WRONG_PASSPHRASE},
  {ERR_LIB_PKCS12, PKCS12_R_PKCS12_CIPHERFINAL_ERROR, "passphrase",
   WRONG_PASSPHRASE},
  {ERR_LIB_PKCS12, PKCS12_R_MAC_VERIFY_FAILURE, "passphrase",
   WRONG_PASSPHRASE},
  {ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, "key_mismatch",
   "the private key does not belong to the certificate"},
  {ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH, "key_mismatch",
   "the private key is of another type than the certificate's"},
  {ERR_LIB_SSL, SSL_R_PRIVATE_KEY_MISMATCH, "key_mismatch",
   "the private key does not belong to the certificate"},
  {ERR_LIB_SYS, 0, "syscall", NULL},
  {ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, "verification",
   "the peer's certificate is refused"},
  {ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no_certificate",
   "the peer sent no certificate, and cert_reqs asks for one"},
  {ERR_LIB_SSL, SSL_R_HTTP_REQUEST, "plaintext",
   "the peer speaks plain HTTP, not TLS"},
  {ERR_LIB_SSL, SSL_R_HTTPS_PROXY_REQUEST, "plaintext",
   "the peer speaks plain HTTP, not TLS: it takes this for a proxy"},
  {ERR_LIB_SSL, SSL_R_NO_PROTOCOLS_AVAILABLE, "version",
   "this side has no TLS version left to offer"},
  {ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL, "version",
   "there is no TLS version that both sides accept"},
  {ERR_LIB_SSL, SSL_R_UNSUPPORTED_SSL_VERSION, "version",
   "there is no TLS version that both sides accept"},
  {ERR_LIB_SSL, SSL_R_UNKNOWN_PROTOCOL, "version",
   "there is no TLS version that both sides accept"},
  {ERR_LIB_SSL, SSL_R_WRONG_SSL_VERSION, "version",
   "the peer answered in a TLS version that this side does not accept"},
  {ERR_LIB_SSL, SSL_R_VERSION_TOO_LOW, "version",
   "the peer's TLS version is too old for this side"},
  {ERR_LIB_SSL, SSL_R_VERSION_TOO_HIGH, "version",
   "the peer's TLS version is too new for this side"},
  {ERR_LIB_SSL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "version",
   "the peer accepts none of the TLS versions that this side speaks"},
  {ERR_LIB_SSL, SSL_R_INAPPROPRIATE_FALLBACK, "version",
   "the client fell back to an older TLS version without need"},
  {ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER, "cipher",
   "there is no cipher that both sides accept and the server's certificate "
   "fits: see ciphers, ciphersuites"},
  {ERR_LIB_SSL, SSL_R_NO_CIPHERS_AVAILABLE, "cipher",
   "this side has no cipher for the TLS versions it speaks: see ciphers, "
   "ciphersuites"},
  {ERR_LIB_SSL, SSL_R_NO_CIPHER_MATCH, "cipher",
   "this OpenSSL has no cipher of that name"},
  {ERR_LIB_SSL, SSL_R_NO_SUITABLE_KEY_SHARE, "cipher",
   "there is no key exchange group that both sides accept"},
  {ERR_LIB_SSL, SSL_R_NO_SUITABLE_GROUPS, "cipher",
   "there is no key exchange group that both sides accept"},
  {ERR_LIB_SSL, SSL_R_NO_SHARED_GROUPS, "cipher",
   "there is no key exchange group that both sides accept"},
  {ERR_LIB_SSL, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "cipher",
   "there is no signature algorithm that both sides accept and the "
   "certificate fits"},
  {ERR_LIB_SSL, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "cipher",
   "there is no signature algorithm that both sides accept"},
  {ERR_LIB_SSL, SSL_R_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED, "cipher",
   "the peer signs as before TLSv1.2, which this side does not accept"},
  {ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL, "alpn",
   "there is no application protocol that both sides accept: see "
   "alpn_protocols"},
  {ERR_LIB_SSL, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "alpn",
   "the peer accepts none of the application protocols offered: see "
   "alpn_protocols"},
  {ERR_LIB_SSL, SSL_R_EE_KEY_TOO_SMALL, "weak",
   "the certificate's key is too short for this security level"},
  {ERR_LIB_SSL, SSL_R_CA_KEY_TOO_SMALL, "weak",
   "the key of a CA in the chain is too short for this security level"},
  {ERR_LIB_SSL, SSL_R_CA_MD_TOO_WEAK, "weak",
   "the chain is signed with a digest too weak for this security level"},
  {ERR_LIB_SSL, SSL_R_DH_KEY_TOO_SMALL, "weak",
   "the peer's Diffie-Hellman key is too short for this security level"},
  {ERR_LIB_SSL, SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "unsupported",
   "the peer does not know secure renegotiation (RFC 5746)"},
  {ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, "protocol",
   "the peer sent a record of another protocol or version"},
  {ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "protocol",
   "a record was damaged or forged on its way"},
  {ERR_LIB_SSL, SSL_R_EXCESSIVE_MESSAGE_SIZE, "protocol",
   "the peer sent a handshake message that is too long: of a certificate "
   "chain 100 KiB are accepted, so it has to send fewer certificates; of an OCSP "
   "response up to TLS 1.2 16 KiB"},
  {ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, "eof", NULL},
  {ERR_LIB_PEM, PEM_R_NO_START_LINE, "pem", "there is nothing in PEM in it"},
  {ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED, "pem",
   "there is no private key in it that OpenSSL can read"},
  {ERR_LIB_X509, X509_R_NO_CERTIFICATE_OR_CRL_FOUND, "pem",
   "there is no certificate in it"},
  {ERR_LIB_X509, X509_R_NO_CERTIFICATE_FOUND, "pem",
   "there is no certificate in it"},
  {ERR_LIB_PEM, 0, "pem", DAMAGED},
  {0, ERR_R_UNSUPPORTED, "unsupported", NULL},
  {0, ERR_R_FETCH_FAILED, "unsupported", NULL},
  {ERR_LIB_EVP, EVP_R_UNSUPPORTED_ALGORITHM, "unsupported", NULL},
  {ERR_LIB_ASN1, 0, "pem", DAMAGED},
  {ERR_LIB_RAND, 0, "random", NULL}
};

static const char *class_of (const char *kind) {
  if (strcmp(kind, "verification") == 0) return VERIFICATION_ERROR_T;
  if (strcmp(kind, "syscall") == 0) return SYSCALL_ERROR_T;
  if (strcmp(kind, "eof") == 0) return EOF_ERROR_T;
  return ERROR_T;
}

static void say_cause (Failure *f, const char *text) {
  char room[REASON_MAX];
  const Complaint *entry = &f->entries[f->cause];
  const char *reason = failure_reason(entry, room);
  if (text != NULL) failure_say(f, "%s (%s)", text, reason);
  else if (entry->data[0] == '\0' || ERR_SYSTEM_ERROR(entry->code))
    failure_say(f, "%s", reason);  /* not "calling fopen(...)" */
  else failure_say(f, "%s: %s", reason, entry->data);
}

static void explain (Failure *f) {
  const char *text = NULL;
  size_t i;
  f->kind = "ssl";
  f->cause = -1;
  for (i = 0; i < sizeof(causes) / sizeof(causes[0]) && f->cause < 0; i++) {
    f->cause = failure_find(f, causes[i].library, causes[i].reason);
    if (f->cause < 0) continue;
    f->kind = causes[i].kind;
    text = causes[i].text;
  }
  if (f->cause < 0) f->cause = failure_find(f, 0, 0);
  if (f->cause < 0) f->cause = f->count - 1;
  f->class_name = class_of(f->kind);
  if (f->cause >= 0) say_cause(f, text);
  else failure_say(f, "it failed, and OpenSSL does not say why");
}

/* ---- filling ---- */

void failure_take (Failure *f, const char *operation) {
  const char *data;
  int flags;
  unsigned long code;
  f->operation = operation;
  f->file = NULL;
  f->name[0] = f->sentence[0] = '\0';
  f->alert = f->verify_depth = -1;
  f->alert_sent = f->count = 0;
  f->verify_code = X509_V_OK;
  while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
    Complaint *entry = &f->entries[f->count];
    if (f->count == COMPLAINTS_MAX) continue;
    f->count++;
    entry->code = code;
    /* Peers and files choose some of these bytes; logs show them. */
    quote_clean(entry->data, COMPLAINT_MAX,
               flags & ERR_TXT_STRING && data != NULL ? data : "");
  }
  explain(f);
}

void failure_system (Failure *f, int code) {
  int i = f->count < COMPLAINTS_MAX ? f->count : COMPLAINTS_MAX - 1;
  f->entries[i].code = (unsigned long)ERR_SYSTEM_FLAG | (unsigned int)code;
  f->entries[i].data[0] = '\0';
  f->count = i + 1;
  f->cause = i;
  f->kind = "syscall";
  f->class_name = SYSCALL_ERROR_T;
  f->sentence[0] = '\0';
  say_cause(f, NULL);
}

/* OpenSSL reads a directory as if it were an empty file. */
static const char *odd_file (Failure *f) {
  struct stat status;
  if (strcmp(f->kind, "pem") != 0 || stat(f->file, &status) != 0) return NULL;
  if (S_ISREG(status.st_mode) && status.st_size == 0) return "it is empty";
  if (!S_ISDIR(status.st_mode)) return NULL;
  f->kind = "file";
  return "it is a directory";
}

void failure_file (Failure *f, const char *file, const char *text) {
  f->file = file;
  f->class_name = ERROR_T;
  if (text != NULL) {
    f->kind = "file";
    f->cause = -1;
  }
  else {
    quote_name(f->name, file);
    if (strcmp(f->kind, "syscall") == 0) f->kind = "file";
    text = odd_file(f);
  }
  if (text != NULL) snprintf(f->sentence, SENTENCE_MAX, "%s", text);
}
