/*
** verify_parameters.c -- how strictly a chain is judged, by names and numbers.
*/

#include <math.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "x509/verify_parameters.h"

typedef struct Flag {
  const char *name;
  unsigned long set, clear;
} Flag;

/* OpenSSL's names. CRL_CHECK_ALL does nothing without CRL_CHECK, nor do deltas
** and CRLs of other issuers. No certificate's critical extension may be
** ignored: there is no name for that. */
static const Flag flags[] = {
  {"allow_proxy_certs", X509_V_FLAG_ALLOW_PROXY_CERTS, 0},
  {"check_ss_signature", X509_V_FLAG_CHECK_SS_SIGNATURE, 0},
  {"crl_check", X509_V_FLAG_CRL_CHECK, 0},
  {"crl_check_all", X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL, 0},
  {"explicit_policy", X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXPLICIT_POLICY,
   0},
  {"extended_crl_support",
   X509_V_FLAG_CRL_CHECK | X509_V_FLAG_EXTENDED_CRL_SUPPORT, 0},
  {"inhibit_any", X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_INHIBIT_ANY, 0},
  {"inhibit_map", X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_INHIBIT_MAP, 0},
  {"no_check_time", X509_V_FLAG_NO_CHECK_TIME, 0},
  {"no_partial_chain", 0, X509_V_FLAG_PARTIAL_CHAIN},
  {"partial_chain", X509_V_FLAG_PARTIAL_CHAIN, 0},
  {"policy_check", X509_V_FLAG_POLICY_CHECK, 0},
  {"suiteb_128", X509_V_FLAG_SUITEB_128_LOS, 0},
  {"suiteb_128_only", X509_V_FLAG_SUITEB_128_LOS_ONLY, 0},
  {"suiteb_192", X509_V_FLAG_SUITEB_192_LOS, 0},
  {"trusted_first", X509_V_FLAG_TRUSTED_FIRST, 0},
  {"use_deltas", X509_V_FLAG_CRL_CHECK | X509_V_FLAG_USE_DELTAS, 0},
  {"x509_strict", X509_V_FLAG_X509_STRICT, 0}
};

typedef struct Purpose {
  const char *name;
  int number;
} Purpose;

/* Those of X509_PURPOSE_get_by_sname(3) under which OpenSSL 3.0 looks at the
** extensions of every certificate. */
static const Purpose purposes[] = {
  {"any", X509_PURPOSE_ANY},
  {"smimeencrypt", X509_PURPOSE_SMIME_ENCRYPT},
  {"smimesign", X509_PURPOSE_SMIME_SIGN},
  {"sslclient", X509_PURPOSE_SSL_CLIENT},
  {"sslserver", X509_PURPOSE_SSL_SERVER},
  {"timestampsign", X509_PURPOSE_TIMESTAMP_SIGN}
};

void verify_parameters_begin (VerifyParameters *p) {
  memset(p, 0, sizeof(*p));
  p->depth = p->security_level = -1;
}

int verify_parameters_flag (VerifyParameters *p, const char *name) {
  size_t i;
  for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
    if (strcmp(flags[i].name, name) != 0) continue;
    p->set |= flags[i].set;
    p->clear |= flags[i].clear;
    return 1;
  }
  return 0;
}

int verify_parameters_purpose (VerifyParameters *p, const char *name) {
  size_t i;
  for (i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
    if (strcmp(purposes[i].name, name) != 0) continue;
    p->purpose = purposes[i].number;
    return 1;
  }
  return 0;
}

const char *verify_parameters_flags (void) {
  return "allow_proxy_certs, check_ss_signature, crl_check, crl_check_all, "
         "explicit_policy, extended_crl_support, inhibit_any, inhibit_map, "
         "no_check_time, no_partial_chain, partial_chain, policy_check, "
         "suiteb_128, suiteb_128_only, suiteb_192, trusted_first, use_deltas "
         "or x509_strict";
}

const char *verify_parameters_purposes (void) {
  return "any, smimeencrypt, smimesign, sslclient, sslserver or "
         "timestampsign";
}

/* A time_t has 32 bits on some systems, signed everywhere. */
int verify_parameters_time (VerifyParameters *p, double seconds) {
  double limit = ldexp(1.0, (int)sizeof(time_t) * 8 - 1);
  if (!(floor(seconds) >= -limit && floor(seconds) < limit)) return 0;
  p->time = (time_t)floor(seconds);
  p->timed = 1;
  return 1;
}

int verify_parameters_apply (const VerifyParameters *p,
                             X509_VERIFY_PARAM *param) {
  if (p->set != 0 && !X509_VERIFY_PARAM_set_flags(param, p->set)) return 0;
  if (p->clear != 0 && !X509_VERIFY_PARAM_clear_flags(param, p->clear))
    return 0;
  if (p->purpose != 0 && !X509_VERIFY_PARAM_set_purpose(param, p->purpose))
    return 0;
  if (p->depth >= 0) X509_VERIFY_PARAM_set_depth(param, p->depth);
  if (p->security_level >= 0)
    X509_VERIFY_PARAM_set_auth_level(param, p->security_level);
  if (p->timed) X509_VERIFY_PARAM_set_time(param, p->time);
  return 1;
}
