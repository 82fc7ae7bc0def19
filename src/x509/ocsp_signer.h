/*
** ocsp_signer.h -- whether an OCSP response is signed by whom it may be.
*/
#ifndef LUASSL_OCSP_SIGNER_H
#define LUASSL_OCSP_SIGNER_H

#include "x509/ocsp_case.h"

#pragma GCC visibility push(hidden)

/* RFC 6960, 4.2.2.2: OCSP_GOOD if the issuer has signed it, or whom it has
** given that right. */
OcspFault ocsp_signer_check (OCSP_BASICRESP *basic, const OcspCase *about);

/* 1: the leaf is of that issuer, and its key has signed it. */
int ocsp_signer_has_signed (X509 *issuer, X509 *leaf);

/* The certificate of those in `list` (or NULL) that signed the leaf, or the
** leaf itself if it did; borrowed; NULL: none did. */
X509 *ocsp_signer_issuer (X509 *leaf, STACK_OF(X509) *list);

#pragma GCC visibility pop

#endif
