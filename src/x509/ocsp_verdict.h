/*
** ocsp_verdict.h -- why an OCSP response is refused, and what to do about it.
*/
#ifndef LUASSL_OCSP_VERDICT_H
#define LUASSL_OCSP_VERDICT_H

#include "base/failure.h"
#include "x509/ocsp_case.h"

#pragma GCC visibility push(hidden)

/* The X509_V_ERR_* that comes nearest. */
int ocsp_verdict_code (OcspFault fault);

/* Adds to the failure's sentence what is wrong, behind "the OCSP response":
** " is out of date: ...". */
void ocsp_verdict_say (Failure *f, OcspFault fault, const OcspFacts *facts);

#pragma GCC visibility pop

#endif
