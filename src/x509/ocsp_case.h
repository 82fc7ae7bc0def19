/*
** ocsp_case.h -- an OCSP response, what it is to be about, and what may be wrong
** with it.
*/
#ifndef LUASSL_OCSP_CASE_H
#define LUASSL_OCSP_CASE_H

#include <time.h>

#include "x509/ocsp_response.h"

typedef enum OcspFault {
  OCSP_GOOD,            /* none: the certificate is good */
  OCSP_FAULT_MEMORY,
  OCSP_FAULT_MISSING,   /* there is no response */
  OCSP_FAULT_DAMAGED,   /* it cannot be read */
  OCSP_FAULT_NO_ANSWER, /* the responder had none */
  OCSP_FAULT_ISSUER,    /* whose word counts is not known */
  OCSP_FAULT_CRITICAL,  /* an extension that must be understood */
  OCSP_FAULT_STRANGER,  /* who signed it is not known */
  OCSP_FAULT_SIGNATURE,
  OCSP_FAULT_UNENTITLED, /* who signed it may not sign responses */
  OCSP_FAULT_DELEGATE,  /* whose certificate is not good */
  OCSP_FAULT_WEAK,      /* for the security level */
  OCSP_FAULT_OTHER,     /* it is about other certificates */
  OCSP_FAULT_EARLY,
  OCSP_FAULT_LATE,
  OCSP_FAULT_UNKNOWN,   /* the responder does not know the certificate */
  OCSP_FAULT_REVOKED
} OcspFault;

typedef struct OcspCase {
  X509 *leaf;                /* borrowed, as all of it is */
  X509 *issuer;              /* NULL: whoever in these lists has signed it */
  STACK_OF(X509) *built, *sent;
  const unsigned char *der;  /* NULL: there is none */
  size_t size;
  time_t now;
  int timeless;              /* nobody looks at dates */
  int level;                 /* of security, as OpenSSL counts it */
} OcspCase;

#endif
