/*
** ocsp_judgement.h -- what an OCSP response about a certificate is worth.
*/
#ifndef LUASSL_OCSP_JUDGEMENT_H
#define LUASSL_OCSP_JUDGEMENT_H

#include "x509/ocsp_case.h"

#pragma GCC visibility push(hidden)

/* The verdict; `*facts` has what the response says, good or not. OpenSSL's
** error queue is empty then. */
OcspFault ocsp_judgement_make (const OcspCase *about, OcspFacts *facts);

/* 1: the certificate, or an authority in the chain (or NULL) between it and
** what is trusted, demands a response (RFC 7633, status_request); -1: without
** memory nobody can tell. The error queue is empty then. */
int ocsp_judgement_is_demanded (X509 *leaf, STACK_OF(X509) *chain);

#pragma GCC visibility pop

#endif
