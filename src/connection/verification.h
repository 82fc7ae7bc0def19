/*
** verification.h -- what was found out about the peer in one handshake,
** resumption or request for a certificate. Each makes a new one: no verdict
** holds for another certificate.
*/
#ifndef LUASSL_VERIFICATION_H
#define LUASSL_VERIFICATION_H

#include <openssl/ssl.h>

#include "x509/judgement.h"

/* A hook's. */
typedef enum Answer { UNANSWERED, ALLOWED, ACCEPTED, REFUSED } Answer;

typedef struct Verification {
  int known;              /* the rest holds */
  int demands;            /* CERT_*: what was asked for */
  int resumed;            /* told from the session */
  int by_key;             /* a pre-shared key, in a certificate's place */
  int unpinned;           /* no public key is one of the pins */
  int stopped;            /* OpenSSL will ask once more, about the same */
  int refused;            /* the leaf was */
  int by_record;          /* a TLSA record tells the leaf: of its own names and
                          ** dates none counts */
  X509 *leaf;             /* owned; NULL: no certificate */
  EVP_PKEY *key;          /* owned; shown instead of one; or NULL */
  STACK_OF(X509) *chain;  /* owned; verified if the code is good; or NULL */
  STACK_OF(X509) *sent;   /* owned; as the refused peer sent it; or NULL */
  int code;               /* X509_V_OK: good; before cert_reqs and hooks */
  int depth;              /* of the certificate that failed */
  Faults faults;          /* all; on a server only if a hook is to be told */
  Answer answer;          /* on_verify's */
  int alert;              /* of its refusal; -1: OpenSSL's choice */
} Verification;

#pragma GCC visibility push(hidden)

/* A new one, in the place of the old. */
void verification_begin (Verification *v, int demands);

/* The verdict and whom it is about. Without memory for a chain it is a
** refusal, so that no hook takes it for "no certificate". */
void verification_set (Verification *v, X509 *leaf, STACK_OF(X509) *chain,
                       int code, int depth);

/* The same for a public key without a certificate. */
void verification_set_key (Verification *v, EVP_PKEY *key, int code);

/* Lets go of what only the handshake needs. */
void verification_settle (Verification *v);
void verification_free (Verification *v);

/* "certificate", "public_key", "session", "psk": what the peer was authenticated
** by; NULL: it was not, as nothing was asked for, or whatever a hook
** accepted. */
const char *verification_by (const Verification *v);

#pragma GCC visibility pop

#endif
