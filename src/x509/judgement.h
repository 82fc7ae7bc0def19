/*
** judgement.h -- the verdict on a chain: OpenSSL's checks and ours, the same
** for a handshake and without a connection.
*/
#ifndef LUASSL_JUDGEMENT_H
#define LUASSL_JUDGEMENT_H

#include <openssl/x509_vfy.h>

#include "x509/hostname.h"
#include "x509/issuer_choice.h"

#define FAULTS_MAX 16

typedef struct Faults {
  int count;
  struct {
    int code, depth;
  } list[FAULTS_MAX];  /* in the order in which they were found */
} Faults;

typedef struct Judgement {
  IssuerChoice choice;   /* first: issuer_choice.c knows no more of it */
  const Hostname *name;  /* borrowed: the name that OpenSSL was told, if any */
  int more;              /* names behind it that would do as well */
  int usage;             /* bit of key usage that the leaf must have */
  int goes_on;           /* behind a fault, so that all are known */
  Faults *faults;        /* borrowed: where they go */
} Judgement;

#pragma GCC visibility push(hidden)

/* One more, unless there are FAULTS_MAX. */
void judgement_note (Faults *faults, int code, int depth);

/* Builds the chain of `store`, which OpenSSL has been told all about, and
** judges it: 1, it is good. 0: X509_STORE_CTX_get_error(3) says why not. */
int judgement_make (Judgement *j, X509_STORE_CTX *store);

#pragma GCC visibility pop

#endif
