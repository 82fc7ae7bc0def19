/*
** ocsp_judgement.c -- what an OCSP response about a certificate is worth, by
** RFC 6960, 3.2: it is about this certificate, signed by who may, of the time
** that it is now. There is no nonce to compare: who staples a response has not
** asked for it on this connection's behalf, and its dates bound its age.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "x509/certificate_times.h"
#include "x509/ocsp_judgement.h"
#include "x509/ocsp_signer.h"

#define SKEW 300.0  /* seconds that clocks may differ */
#define STATUS_REQUEST 5  /* RFC 6066, 8 */

/* ---- one single response ---- */

static OcspFault check_dates (const OcspFacts *f, const OcspCase *about) {
  double now = (double)about->now;
  if (about->timeless) return OCSP_GOOD;
  if (f->this_update <= OCSP_NO_TIME) return OCSP_FAULT_DAMAGED;
  if (f->this_update > now + SKEW) return OCSP_FAULT_EARLY;
  if (ocsp_response_ends(f) < f->this_update) return OCSP_FAULT_LATE;
  return ocsp_response_ends(f) < now - SKEW ? OCSP_FAULT_LATE : OCSP_GOOD;
}

/* Once revoked, revoked for good: dates do not matter then. */
static OcspFault weigh (const OcspFacts *f, const OcspCase *about) {
  OcspFault fault;
  if (f->status == V_OCSP_CERTSTATUS_REVOKED) return OCSP_FAULT_REVOKED;
  fault = check_dates(f, about);
  if (fault != OCSP_GOOD) return fault;
  return f->status == V_OCSP_CERTSTATUS_GOOD ? OCSP_GOOD : OCSP_FAULT_UNKNOWN;
}

/* Which of two about the same certificate counts: bad news that are of now
** first, what is of another time last. */
static int rank (OcspFault fault) {
  switch (fault) {
    case OCSP_FAULT_REVOKED: return 4;
    case OCSP_FAULT_UNKNOWN: return 3;
    case OCSP_GOOD: return 2;
    default: return 1;
  }
}

/* RFC 5280, 4.2, for extensions of any kind; none has to be known here. */
static int is_critical (OCSP_SINGLERESP *single) {
  return OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0;
}

static OcspFault find (OCSP_BASICRESP *basic, const OcspCase *about,
                       OcspFacts *facts) {
  OcspFault fault = OCSP_FAULT_OTHER;
  int i, n = OCSP_resp_count(basic);
  for (i = 0; i < n; i++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
    OcspFacts these = *facts;
    OcspFault one;
    if (!ocsp_response_is_about(single, about->leaf, about->issuer)) continue;
    ocsp_response_facts(single, &these);
    one = is_critical(single) ? OCSP_FAULT_CRITICAL : weigh(&these, about);
    if (fault != OCSP_FAULT_OTHER && rank(one) <= rank(fault)) continue;
    fault = one;
    *facts = these;
  }
  return fault;
}

/* ---- the whole ---- */

static OcspFault judge_basic (OCSP_BASICRESP *basic, const OcspCase *about,
                              OcspFacts *facts) {
  OcspFault found, fault;
  if (!certificate_times_seconds(OCSP_resp_get0_produced_at(basic),
                                 &facts->produced_at))
    facts->produced_at = OCSP_NO_TIME;
  found = find(basic, about, facts);
  if (found == OCSP_FAULT_OTHER) return found;
  if (about->issuer == NULL) return OCSP_FAULT_ISSUER;
  if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0)
    return OCSP_FAULT_CRITICAL;
  fault = ocsp_signer_check(basic, about);
  return fault != OCSP_GOOD ? fault : found;
}

static OcspFault read (const OcspCase *about, OcspFacts *facts) {
  OCSP_RESPONSE *response = ocsp_response_read(about->der, about->size);
  OCSP_BASICRESP *basic;
  OcspFault fault = OCSP_FAULT_DAMAGED;
  if (response == NULL) return fault;
  facts->answer = OCSP_response_status(response);
  if (facts->answer != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    fault = OCSP_FAULT_NO_ANSWER;
  else {
    basic = OCSP_response_get1_basic(response);
    if (basic != NULL) fault = judge_basic(basic, about, facts);
    OCSP_BASICRESP_free(basic);
  }
  OCSP_RESPONSE_free(response);
  return fault;
}

static OcspFault judge (const OcspCase *given, OcspFacts *facts) {
  OcspCase about = *given;
  if (about.der == NULL || about.size == 0) return OCSP_FAULT_MISSING;
  if (about.issuer == NULL)
    about.issuer = ocsp_signer_issuer(about.leaf, about.built);
  if (about.issuer == NULL)
    about.issuer = ocsp_signer_issuer(about.leaf, about.sent);
  return read(&about, facts);
}

/* What is wrong for want of memory is not the responder's fault. */
OcspFault ocsp_judgement_make (const OcspCase *about, OcspFacts *facts) {
  OcspFault fault;
  int wanting;
  ocsp_response_begin(facts);
  errors_clear();
  fault = judge(about, facts);
  wanting = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
  errors_clear();
  return fault != OCSP_GOOD && wanting ? OCSP_FAULT_MEMORY : fault;
}

/* ---- who demands one ---- */

/* What cannot be read may demand it. */
static int demands (X509 *x509) {
  int i, critical, found = 0;
  TLS_FEATURE *list = X509_get_ext_d2i(x509, NID_tlsfeature, &critical, NULL);
  if (list == NULL) return critical != -1;
  for (i = 0; i < sk_ASN1_INTEGER_num(list); i++)
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(list, i)) == STATUS_REQUEST)
      found = 1;
  sk_ASN1_INTEGER_pop_free(list, ASN1_INTEGER_free);
  return found;
}

int ocsp_judgement_is_demanded (X509 *leaf, STACK_OF(X509) *chain) {
  int i, found;
  errors_clear();
  found = demands(leaf);
  for (i = 1; !found && i < sk_X509_num(chain) - 1; i++)
    found = demands(sk_X509_value(chain, i));
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) found = -1;
  errors_clear();
  return found;
}
