/*
** ocsp_response.h -- what an OCSP response says of a certificate. Nothing of it
** is believed yet: ocsp_judgement.h.
*/
#ifndef LUASSL_OCSP_RESPONSE_H
#define LUASSL_OCSP_RESPONSE_H

#include <openssl/ocsp.h>

/* A time that is not there. */
#define OCSP_NO_TIME (-1e300)
#define OCSP_DAY 86400.0

typedef struct OcspFacts {
  int answer;          /* OCSP_RESPONSE_STATUS_*; -1: this is no response */
  int status;          /* V_OCSP_CERTSTATUS_*; -1: nothing about it */
  int reason;          /* OCSP_REVOKED_STATUS_* */
  double produced_at;  /* seconds since the epoch, as all four */
  double this_update, next_update, revoked_at;
} OcspFacts;

#pragma GCC visibility push(hidden)

/* Decodes all of the bytes; NULL: they are no OCSP response, or there is no
** memory. */
OCSP_RESPONSE *ocsp_response_read (const unsigned char *der, size_t size);

/* 1: the single response is about the leaf of that issuer; NULL: of an issuer
** that is only known by its name. */
int ocsp_response_is_about (OCSP_SINGLERESP *single, X509 *leaf,
                            X509 *issuer);

/* What it says, but for `answer` and `produced_at`. */
void ocsp_response_facts (OCSP_SINGLERESP *single, OcspFacts *facts);

/* The facts of a response of which nothing is known. */
void ocsp_response_begin (OcspFacts *facts);

/* Until when it may be relied upon: RFC 6960, 4.2.2.1. A response that does
** not say so is for a day. */
double ocsp_response_ends (const OcspFacts *facts);

/* "good", "revoked", "unknown"; NULL: nothing is known. */
const char *ocsp_response_status_name (const OcspFacts *facts);

/* "successful", "try_later" ...; NULL: unknown. */
const char *ocsp_response_answer_name (const OcspFacts *facts);

/* "key_compromise" ...; NULL: none is given. RFC 5280, 5.3.1. */
const char *ocsp_response_reason_name (const OcspFacts *facts);

#pragma GCC visibility pop

#endif
