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
#define DANE_EE 3     /* a usage: RFC 7218, 2.1 */

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
  SSL *records;          /* borrowed: has the TLSA records that the store was
                         ** told of; NULL: none */
  int by_record;         /* found: one is of usage 3, and the leaf is the one */
} Judgement;

#pragma GCC visibility push(hidden)

/* One more, unless there are FAULTS_MAX. */
void judgement_note (Faults *faults, int code, int depth);

/* 1: a TLSA record of usage 3 was for the leaf that was judged last by those of
** `ssl`. */
int judgement_by_record (SSL *ssl);

/* Builds the chain of `store`, which OpenSSL has been told all about, and
** judges it: 1, it is good. 0: X509_STORE_CTX_get_error(3) says why not. */
int judgement_make (Judgement *j, X509_STORE_CTX *store);

#pragma GCC visibility pop

#endif
