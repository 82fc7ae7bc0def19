/*
** diagnosis.h -- what a failure means to a user: a kind and a sentence.
*/
#ifndef LUASSL_DIAGNOSIS_H
#define LUASSL_DIAGNOSIS_H

#include "errors.h"
#include "trace.h"

#define SENTENCE_MAX 1024

/* All pointers are to static texts. */
typedef struct Diagnosis {
  const char *class_name;
  const char *kind;
  int cause;         /* the trace's entry that says most, -1: none */
  int alert;         /* -1: none */
  int alert_sent;
  long verify_code;  /* X509_V_OK: no verdict of OpenSSL's */
  int verify_depth;  /* -1: unknown */
  char sentence[SENTENCE_MAX];
} Diagnosis;

#pragma GCC visibility push(hidden)

/* From the trace alone. */
void diagnosis_read (Diagnosis *d, const Trace *trace);

/* From the trace and what the connection knows. May leave entries in
** OpenSSL's queue. */
void diagnosis_read_tls (Diagnosis *d, const Trace *trace, SSL *ssl,
                         const TlsFacts *facts);

#pragma GCC visibility pop

#endif
