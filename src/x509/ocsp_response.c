/*
** ocsp_response.c -- what an OCSP response says of a certificate, RFC 6960.
*/

#include <limits.h>
#include <string.h>

#include "x509/certificate_times.h"
#include "x509/ocsp_response.h"

OCSP_RESPONSE *ocsp_response_read (const unsigned char *der, size_t size) {
  const unsigned char *p = der;
  OCSP_RESPONSE *response;
  if (der == NULL || size == 0 || size > INT_MAX) return NULL;
  response = d2i_OCSP_RESPONSE(NULL, &p, (long)size);
  if (response != NULL && p == der + size) return response;
  OCSP_RESPONSE_free(response);
  return NULL;
}

/* ---- whom a single response is about ---- */

/* RFC 6960, 4.1.1: whoever has made the id may choose the hash. */
static int is_named (OCSP_CERTID *id, const EVP_MD *md, X509 *leaf) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size;
  ASN1_OCTET_STRING *name = NULL;
  return OCSP_id_get0_info(&name, NULL, NULL, NULL, id) && name != NULL
         && X509_NAME_digest(X509_get_issuer_name(leaf), md, digest, &size)
         && (unsigned int)ASN1_STRING_length(name) == size
         && memcmp(ASN1_STRING_get0_data(name), digest, size) == 0;
}

int ocsp_response_is_about (OCSP_SINGLERESP *single, X509 *leaf,
                            X509 *issuer) {
  OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *own;
  ASN1_OBJECT *hash = NULL;
  ASN1_INTEGER *serial = NULL;
  const EVP_MD *md;
  int same;
  if (!OCSP_id_get0_info(NULL, &hash, NULL, &serial, id)
      || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) return 0;
  md = EVP_get_digestbyobj(hash);
  if (md == NULL) return 0;
  if (issuer == NULL) return is_named(id, md, leaf);
  own = OCSP_cert_to_id(md, leaf, issuer);
  same = own != NULL && OCSP_id_cmp(own, id) == 0;
  OCSP_CERTID_free(own);
  return same;
}

/* ---- what it says ---- */

static double seconds_of (const ASN1_GENERALIZEDTIME *t) {
  double seconds;
  return certificate_times_seconds(t, &seconds) ? seconds : OCSP_NO_TIME;
}

void ocsp_response_begin (OcspFacts *facts) {
  facts->answer = facts->status = -1;
  facts->reason = OCSP_REVOKED_STATUS_NOSTATUS;
  facts->produced_at = facts->this_update = OCSP_NO_TIME;
  facts->next_update = facts->revoked_at = OCSP_NO_TIME;
}

void ocsp_response_facts (OCSP_SINGLERESP *single, OcspFacts *facts) {
  ASN1_GENERALIZEDTIME *revoked = NULL, *first = NULL, *next = NULL;
  int reason = OCSP_REVOKED_STATUS_NOSTATUS;
  facts->status = OCSP_single_get0_status(single, &reason, &revoked, &first,
                                          &next);
  facts->reason = reason;
  facts->revoked_at = seconds_of(revoked);
  facts->this_update = seconds_of(first);
  facts->next_update = seconds_of(next);
  if (next != NULL && facts->next_update <= OCSP_NO_TIME)
    facts->next_update = facts->this_update;  /* none that can be read */
}

double ocsp_response_ends (const OcspFacts *facts) {
  return facts->next_update > OCSP_NO_TIME ? facts->next_update
                                           : facts->this_update + OCSP_DAY;
}

/* ---- names ---- */

const char *ocsp_response_status_name (const OcspFacts *facts) {
  switch (facts->status) {
    case V_OCSP_CERTSTATUS_GOOD: return "good";
    case V_OCSP_CERTSTATUS_REVOKED: return "revoked";
    case V_OCSP_CERTSTATUS_UNKNOWN: return "unknown";
    default: return NULL;
  }
}

const char *ocsp_response_answer_name (const OcspFacts *facts) {
  switch (facts->answer) {
    case OCSP_RESPONSE_STATUS_SUCCESSFUL: return "successful";
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST: return "malformed_request";
    case OCSP_RESPONSE_STATUS_INTERNALERROR: return "internal_error";
    case OCSP_RESPONSE_STATUS_TRYLATER: return "try_later";
    case OCSP_RESPONSE_STATUS_SIGREQUIRED: return "sig_required";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED: return "unauthorized";
    default: return NULL;
  }
}

const char *ocsp_response_reason_name (const OcspFacts *facts) {
  static const char *const names[] = {
    "unspecified", "key_compromise", "ca_compromise", "affiliation_changed",
    "superseded", "cessation_of_operation", "certificate_hold", NULL,
    "remove_from_crl", "privilege_withdrawn", "aa_compromise"
  };
  int count = (int)(sizeof(names) / sizeof(names[0]));
  if (facts->status != V_OCSP_CERTSTATUS_REVOKED || facts->reason < 0
      || facts->reason >= count) return NULL;
  return names[facts->reason];
}
