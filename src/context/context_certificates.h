/*
** context_certificates.h -- whom a context trusts. `options` is the index of a
** table that nobody else can change, with its types checked. What fails pushes
** nil and an error and returns 0.
*/
#ifndef LUASSL_CONTEXT_CERTIFICATES_H
#define LUASSL_CONTEXT_CERTIFICATES_H

#include <openssl/ssl.h>

#include "base/compat.h"
#include "context/policy.h"
#include "x509/truststore.h"

#pragma GCC visibility push(hidden)

/* Adds the certificates of ca_certs, ca_data and ca_path to the trust store
** of `ctx`, which is its own. [-0, +?, e] */
int context_certificates_trust (lua_State *L, SSL_CTX *ctx, int options);

/* Adds the system's trust to that, or (not `own`) makes it the trust store of
** `ctx`, and notes in its policy what became of it. [-0, +?, e] */
int context_certificates_trust_system (lua_State *L, SSL_CTX *ctx, int own,
                                       Policy *policy);

/* What became of the system's trust, as an error. [-0, +2, m] */
int context_certificates_fail_system (lua_State *L, const Trust *trust);

/* Makes a server tell its clients whom it trusts; 0: see the error queue. */
int context_certificates_announce (SSL_CTX *ctx);

/* Completes the chains of lone certificates from the context's own trust. */
void context_certificates_complete (SSL_CTX *ctx);

#pragma GCC visibility pop

#endif
