/*
** verify_parameters.h -- how strictly a chain is judged, by names and numbers:
** what a context and ssl.verify take, and OpenSSL's X509_VERIFY_PARAM.
*/
#ifndef LUASSL_VERIFY_PARAMETERS_H
#define LUASSL_VERIFY_PARAMETERS_H

#include <time.h>

#include <openssl/x509_vfy.h>

#define VERIFY_DEPTH_MAX 100  /* OpenSSL's own default */
#define SECURITY_LEVEL_MAX 5  /* SSL_CTX_set_security_level(3) */

typedef struct VerifyParameters {
  unsigned long set, clear;  /* X509_V_FLAG_... */
  int depth;                 /* intermediates at most; -1: OpenSSL's default */
  int purpose;               /* X509_PURPOSE_...; 0: by the connection's side */
  int security_level;        /* -1: as it is */
  int timed;                 /* `time` instead of now */
  time_t time;
} VerifyParameters;

#pragma GCC visibility push(hidden)

/* Those that change nothing. */
void verify_parameters_begin (VerifyParameters *p);

/* 1: adds the flag of that name, "crl_check"; 0: there is none. */
int verify_parameters_flag (VerifyParameters *p, const char *name);

/* 1: sets the purpose of that name, "sslserver"; 0: there is none. */
int verify_parameters_purpose (VerifyParameters *p, const char *name);

/* The names, "a, b or c", for texts. */
const char *verify_parameters_flags (void);
const char *verify_parameters_purposes (void);

/* 1: sets the time, in seconds since the epoch, fractions dropped; 0: a
** time_t of this system cannot hold it. */
int verify_parameters_time (VerifyParameters *p, double seconds);

/* 1: `param` has what is not left as it is; 0: see the error queue. A
** connection's security level is the SSL_CTX's to set. */
int verify_parameters_apply (const VerifyParameters *p,
                             X509_VERIFY_PARAM *param);

#pragma GCC visibility pop

#endif
