/*
** ocsp_verdict.c -- why an OCSP response is refused, and what to do about it.
*/

#include <stdio.h>
#include <time.h>

#include <openssl/x509_vfy.h>

#include "x509/ocsp_verdict.h"

#define DATE_SIZE 40
#define YEAR_9999_ENDS 253402300799.0

int ocsp_verdict_code (OcspFault fault) {
  switch (fault) {
    case OCSP_GOOD: return X509_V_OK;
    case OCSP_FAULT_MEMORY: return X509_V_ERR_OUT_OF_MEM;
    case OCSP_FAULT_MISSING: case OCSP_FAULT_NO_ANSWER: case OCSP_FAULT_ISSUER:
      return X509_V_ERR_OCSP_VERIFY_NEEDED;
    case OCSP_FAULT_REVOKED: return X509_V_ERR_CERT_REVOKED;
    case OCSP_FAULT_UNKNOWN: return X509_V_ERR_OCSP_CERT_UNKNOWN;
    default: return X509_V_ERR_OCSP_VERIFY_FAILED;
  }
}

static const char *date_of (double seconds, char *room) {
  double last = sizeof(time_t) > 4 ? YEAR_9999_ENDS : 2147483647.0;
  time_t t = seconds >= 0 && seconds <= last ? (time_t)seconds : -1;
  struct tm tm;
  if (t < 0 || gmtime_r(&t, &tm) == NULL
      || strftime(room, DATE_SIZE, "%Y-%m-%d %H:%M:%S GMT", &tm) == 0)
    return "a date that this system's clock cannot have";
  return room;
}

static void say_revoked (Failure *f, const OcspFacts *facts) {
  const char *reason = ocsp_response_reason_name(facts);
  char room[DATE_SIZE];
  failure_say(f, " says that the certificate was revoked");
  if (facts->revoked_at > OCSP_NO_TIME)
    failure_say(f, " at %s", date_of(facts->revoked_at, room));
  if (reason != NULL) failure_say(f, " (%s)", reason);
  failure_say(f, ": the server needs a new one");
}

static void say_late (Failure *f, const OcspFacts *facts) {
  char room[DATE_SIZE];
  failure_say(f, " is out of date: it was good until %s%s; the server has to "
              "fetch a newer one (or this machine's clock is wrong)",
              date_of(ocsp_response_ends(facts), room),
              facts->next_update > OCSP_NO_TIME ? ""
              : ", a day from its making, as it does not say until when");
}

static void say_answer (Failure *f, const OcspFacts *facts) {
  const char *name = ocsp_response_answer_name(facts);
  failure_say(f, " says only that the responder had no answer (%s)",
              name != NULL ? name : "for a reason that is not known");
}

static const char *text_of (OcspFault fault) {
  switch (fault) {
    case OCSP_FAULT_MEMORY: return " cannot be judged: out of memory";
    case OCSP_FAULT_MISSING: return " is missing";
    case OCSP_FAULT_DAMAGED: return " is damaged, or is none";
    case OCSP_FAULT_ISSUER:
      return " cannot be judged: the certificate's issuer, which signs such "
             "responses or names who does, is not in its chain";
    case OCSP_FAULT_CRITICAL:
      return " has a critical extension, and none is known here";
    case OCSP_FAULT_STRANGER:
      return " is signed by somebody else than the certificate's issuer and "
             "those whom it has entitled to";
    case OCSP_FAULT_SIGNATURE:
      return " has a signature that is not of the one whom it names";
    case OCSP_FAULT_UNENTITLED:
      return " is signed by somebody whose certificate does not entitle to "
             "that (extended key usage OCSPSigning)";
    case OCSP_FAULT_DELEGATE:
      return " is signed by a responder whose own certificate is not good: "
             "it is out of date, or malformed, or too weak";
    case OCSP_FAULT_WEAK:
      return " is signed with a digest too weak for this security level";
    case OCSP_FAULT_UNKNOWN:
      return " says that the responder does not know the certificate";
    default:
      return " is about other certificates: this one, by its serial number "
             "and issuer, is not in it";
  }
}

void ocsp_verdict_say (Failure *f, OcspFault fault, const OcspFacts *facts) {
  char room[DATE_SIZE];
  switch (fault) {
    case OCSP_FAULT_REVOKED: say_revoked(f, facts); break;
    case OCSP_FAULT_LATE: say_late(f, facts); break;
    case OCSP_FAULT_NO_ANSWER: say_answer(f, facts); break;
    case OCSP_FAULT_EARLY:
      failure_say(f, " is of a later time, %s (is this machine's clock "
                  "right?)", date_of(facts->this_update, room));
      break;
    default: failure_say(f, "%s", text_of(fault));
  }
}
