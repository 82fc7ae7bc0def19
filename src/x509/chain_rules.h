/*
** chain_rules.h -- rules of RFC 5280 that OpenSSL does not apply by itself.
*/
#ifndef LUASSL_CHAIN_RULES_H
#define LUASSL_CHAIN_RULES_H

#include <openssl/x509.h>

#pragma GCC visibility push(hidden)

/* For a chain that OpenSSL has found good: X509_V_OK, or a verdict and the
** depth of the certificate that breaks a rule. */
int chain_rules_check (STACK_OF(X509) *chain, int *depth);

#pragma GCC visibility pop

#endif
