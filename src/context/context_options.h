/*
** context_options.h -- the options of an SSLContext. `options` is an absolute
** index.
*/
#ifndef LUASSL_CONTEXT_OPTIONS_H
#define LUASSL_CONTEXT_OPTIONS_H

#include "context/certificate_types.h"
#include "context/negotiation.h"
#include "context/policy.h"
#include "x509/verify_parameters.h"

enum { SSLV2, SSLV3, SSLV23, TLSV1, TLSV1_1, TLSV1_2, TLSV1_3 };

/* What the options say, with the defaults. Strings are the options'. */
typedef struct Settings {
  Policy policy;
  int minimum, maximum;   /* TLS1_VERSION and so on; 0: OpenSSL's */
  int ssl_version;        /* the enum above; -1: not given */
  int has_minimum;        /* it was given, in one way or the other */
  int system_trust;
  int own_trust;          /* ca_certs, ca_path or ca_data */
  int crls;               /* crl_file or crl_data */
  VerifyParameters verify;
  const char *ca_path;
  const char *ciphers, *ciphersuites, *groups, *sigalgs;
  int alpn_strict;
  int session_cache;
  int post_handshake_auth;
  int max_early_data;     /* bytes; 0: none */
  int num_tickets;        /* -1: OpenSSL's default */
  CertificateTypes types;
  Negotiation negotiation;
  size_t protocols_size;  /* of alpn_protocols on the wire */
} Settings;

#pragma GCC visibility push(hidden)

/* The options, which were checked: sets the defaults in the table, and raises
** for what does not fit together. */
void context_options_read (lua_State *L, int options, Settings *settings);

/* The option linger, at most 5 seconds; `absent`: it is not given. */
double context_options_linger (lua_State *L, int options, double absent);

/* "TLSv1.2"; NULL: no version that has a name here. */
const char *context_options_version_name (int value);

#pragma GCC visibility pop

#endif
