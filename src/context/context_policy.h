/*
** context_policy.h -- the policy that belongs to an SSL_CTX.
*/
#ifndef LUASSL_CONTEXT_POLICY_H
#define LUASSL_CONTEXT_POLICY_H

#include "context/policy.h"

#pragma GCC visibility push(hidden)

/* Gives the SSL_CTX a copy, which ends with it. NULL: without memory. */
Policy *context_policy_add (SSL_CTX *ctx, const Policy *policy);

/* Borrowed from the SSL_CTX. */
const Policy *context_policy_of (const SSL_CTX *ctx);

/* Whether OpenSSL has to verify the peer, for cert_reqs, pins or a hook; a
** server asks for a certificate then. */
int context_policy_verifies (const Policy *policy);

#pragma GCC visibility pop

#endif
