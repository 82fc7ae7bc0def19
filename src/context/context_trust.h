/*
** context_trust.h -- how a context judges its peers' chains, which of them were
** revoked, and what is known of whom it trusts.
*/
#ifndef LUASSL_CONTEXT_TRUST_H
#define LUASSL_CONTEXT_TRUST_H

#include <openssl/ssl.h>

#include "base/compat.h"
#include "context/context_options.h"

#pragma GCC visibility push(hidden)

/* Reads crl_file, crl_data and what says how strictly a chain is judged.
** [-0, +0, v] */
void context_trust_read (lua_State *L, int options, Settings *settings);

/* The security level, before anything is judged by it. */
void context_trust_apply_level (SSL_CTX *ctx, const Settings *settings);

/* Flags, purpose, depth and time; 0: see the error queue. */
int context_trust_apply (SSL_CTX *ctx, const Settings *settings);

/* Adds the CRLs of crl_file and crl_data to the trust store of `ctx`, which is
** its own: 1, or 0 with nil and an error. [-0, +?, e] */
int context_trust_add_crls (lua_State *L, SSL_CTX *ctx, int options);

/* Pushes in PEM the CRLs in crl_data, which a context was made of, and nothing
** else that is in it. [-0, +?, e] */
void context_trust_push_crls (lua_State *L, int options);

/* Methods of the SSLContext at index 1, whose SSL_CTX it is, and
** ssl.get_default_verify_paths. */
int context_trust_get_ca_certs (lua_State *L, SSL_CTX *ctx);
int context_trust_store_stats (lua_State *L, SSL_CTX *ctx);
int context_trust_default_paths (lua_State *L);

#pragma GCC visibility pop

#endif
