/*
** verdict.c -- why a certificate is refused, and what to do about it.
*/

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>
#include <openssl/x509_vfy.h>

#include "base/quote.h"
#include "x509/certificate_names.h"
#include "x509/key_usage.h"
#include "x509/truststore.h"
#include "x509/verdict.h"
#include "x509/verdict_details.h"

#define WANTED_MAX 8    /* names asked for, in a sentence */
#define NAMES_MAX 400   /* of the names that a certificate is valid for */
#define SUBJECT_MAX 160

static const char *peer_of (const Verdict *v) {
  return v->of_client ? "client" : "server";
}

static void say_time (Failure *f, const char *before, const ASN1_TIME *t) {
  struct tm tm;
  if (!ASN1_TIME_to_tm(t, &tm)) return;
  failure_say(f, "%s%04d-%02d-%02d %02d:%02d:%02d GMT", before,
              tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
              tm.tm_min, tm.tm_sec);
}

/* Several: any of them. */
static void say_wanted (const Verdict *v, Failure *f) {
  int i;
  if (v->name == NULL || v->more == 0) {
    failure_say(f, ": the name asked for is %s",
                v->name != NULL ? v->name->text : "another");
    return;
  }
  failure_say(f, ": the names asked for are %s", v->name->text);
  for (i = 1; i <= v->more && i < WANTED_MAX; i++)
    failure_say(f, "%s %s", i < v->more ? "," : " and", v->name[i].text);
  if (i <= v->more) failure_say(f, " and %d more", v->more - i + 1);
}

static void say_names (const Verdict *v, Failure *f) {
  char names[NAMES_MAX] = "";
  int i;
  certificate_names(v->x509, names, sizeof(names));
  say_wanted(v, f);
  failure_say(f, ", the certificate ");
  if (names[0] != '\0') failure_say(f, "is valid for %s", names);
  else failure_say(f, "holds no names (a common name does not count)");
  for (i = 0; v->name != NULL && i <= v->more && i < WANTED_MAX; i++)
    verdict_say_misplaced(f, v->x509, &v->name[i]);
}

/* Where the system should have some. */
static void say_places (const Verdict *v, Failure *f) {
  char room[QUOTE_ROOM], reason[REASON_MAX];
  const char *file, *directories;
  truststore_places(&file, &directories);
  if (*file != '\0') failure_say(f, "the file %s", quote_name(room, file));
  if (*file != '\0' && v->unread != 0)
    failure_say(f, " (%s)", failure_system_reason(v->unread, reason));
  failure_say(f, "%s%s %s", *file != '\0' ? " and " : "",
              strchr(directories, ':') == NULL ? "the directory"
              : "the directories", quote_name(room, directories));
}

/* Perhaps it would be known, if the system's certificates were there. */
static void say_system (const Verdict *v, Failure *f) {
  char room[REASON_MAX];
  if (v->bare) {
    failure_say(f, "; this system has no trusted certificates, which were "
                "looked for in ");
    say_places(v, f);
    failure_say(f, ": install the package ca-certificates, or name others by "
                "%s, SSL_CERT_FILE or SSL_CERT_DIR", v->trust);
  }
  else if (v->unread != 0 && v->unread != ENOENT && v->unread != ENOTDIR)
    failure_say(f, "; the system's certificates, %s, cannot be read: %s",
                X509_get_default_cert_file(),
                failure_system_reason(v->unread, room));
}

static void say_issuer (const Verdict *v, Failure *f) {
  char issuer[SUBJECT_MAX];
  if (verdict_say_extension(f, v->x509)) return;
  X509_NAME_oneline(X509_get_issuer_name(v->x509), issuer, sizeof(issuer));
  failure_say(f, ": its issuer %s is not known here", issuer);
  if (!v->bare)
    failure_say(f, "; give that CA's certificate as %s, unless the %s should "
                "have sent an intermediate certificate", v->trust, peer_of(v));
  say_system(v, f);
}

static void say_purpose (const Verdict *v, Failure *f) {
  if (v->depth > 0 || key_usage_allows(v->x509, v->usage))
    failure_say(f, ": its extensions do not allow it for this use");
  else
    failure_say(f, ": its key usage lacks %s, and the key is used for that "
                "here; the %s needs a new certificate",
                key_usage_name(v->usage), peer_of(v));
}

/* About the CRL that has to tell whether it was revoked; "" if nothing is known
** to be wrong with that. */
static const char *crl_fault (long code) {
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return "is not known here, so that nobody can tell whether it was "
             "revoked";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "is out of date: a newer one is needed";
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "is of a later time (is this machine's clock right?)";
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
      return "was not signed by that issuer";
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
      return "cannot be verified: who signed it is not known here";
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
      return "is signed by a key that is not for signing CRLs";
    default: return "";
  }
}

/* 1: it was about a CRL, and that was said. */
static int say_crl (const Verdict *v, Failure *f) {
  const char *fault = crl_fault(v->code);
  char issuer[SUBJECT_MAX];
  if (*fault == '\0' && v->code != X509_V_ERR_CERT_REVOKED) return 0;
  X509_NAME_oneline(X509_get_issuer_name(v->x509), issuer, sizeof(issuer));
  if (*fault == '\0') failure_say(f, ": its issuer %s has revoked it", issuer);
  else
    failure_say(f, ": the CRL of its issuer %s %s (%s)", issuer, fault,
                strcmp(v->trust, "ca_certs") == 0 ? "crl_file, crl_data"
                                                  : "crls");
  return 1;
}

/* Of `size` bytes of DER, which are freed. */
static int hash (unsigned char *der, int size, char *text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  size_t i;
  int done = size > 0 && SHA256(der, (size_t)size, digest) != NULL;
  OPENSSL_free(der);
  for (i = 0; done && i < sizeof(digest); i++)
    snprintf(text + 2 * i, 3, "%02x", digest[i]);
  return done;
}

int verdict_hash_key (const EVP_PKEY *key, char text[2 * 32 + 1]) {
  unsigned char *der = NULL;
  int size = i2d_PUBKEY(key, &der);
  return hash(der, size, text);
}

/* What a record would look like that fits. */
static void say_record (const Verdict *v, Failure *f) {
  char text[2 * SHA256_DIGEST_LENGTH + 1];
  unsigned char *der = NULL;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(v->x509), &der);
  failure_say(f, ": none of the TLSA records (tlsa) is for it or for an issuer "
              "whose certificate came with it");
  if (hash(der, size, text))
    failure_say(f, ", as {3, 1, 1, \"%s\"} would be; if the server has a new "
                "key, the records are out of date", text);
}

/* What to do about a certificate that is refused. */
static void say_advice (const Verdict *v, Failure *f) {
  switch (v->code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      say_time(f, ": it was valid until ", X509_get0_notAfter(v->x509));
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      say_time(f, ": it is valid from ", X509_get0_notBefore(v->x509));
      failure_say(f, " (is this machine's clock right?)");
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      say_names(v, f);
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      if (verdict_say_extension(f, v->x509)) break;
      failure_say(f, ": to trust this very certificate, give it as %s",
                  v->trust);
      break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      failure_say(f, ": this CA is not trusted here; to trust it, give its "
                  "certificate as %s", v->trust);
      say_system(v, f);
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      say_issuer(v, f);
      break;
    case X509_V_ERR_INVALID_PURPOSE:
      say_purpose(v, f);
      break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      failure_say(f, ": it is too weak for this security level");
      break;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      verdict_say_critical(f, v->x509);
      break;
    case X509_V_ERR_NO_EXPLICIT_POLICY:
      failure_say(f, ": an authority above it asks for a certificate policy "
                  "that not all below have");
      break;
    case X509_V_ERR_DANE_NO_MATCH:
      say_record(v, f);
      break;
    default:
      if (!say_crl(v, f)) verdict_say_extension(f, v->x509);
  }
}

void verdict_tell (const Verdict *v, Failure *f) {
  char subject[SUBJECT_MAX];
  f->verify_code = v->code;
  f->verify_depth = v->depth;
  f->sentence[0] = '\0';
  failure_say(f, "the %s's certificate is refused: %s", peer_of(v),
              X509_verify_cert_error_string(v->code));
  if (v->x509 == NULL) return;
  if (v->depth > 0) {
    X509_NAME_oneline(X509_get_subject_name(v->x509), subject,
                      sizeof(subject));
    failure_say(f, ", in its chain at depth %d, %s", v->depth, subject);
  }
  say_advice(v, f);
}
