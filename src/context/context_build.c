/*
** context_build.c -- what a context's options make of its SSL_CTX and its
** policy, step by step.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "context/context_build.h"
#include "base/errors.h"
#include "base/quote.h"
#include "context/alpn.h"
#include "context/certificate_types.h"
#include "context/context_certificates.h"
#include "context/context_policy.h"
#include "context/context_trust.h"
#include "context/counters.h"
#include "context/early_guard.h"
#include "context/identity.h"
#include "context/log.h"
#include "context/ocsp_staple.h"
#include "context/options.h"
#include "context/pins.h"
#include "context/psk.h"
#include "context/session_binding.h"
#include "context/session_cache.h"
#include "context/ticket_keys.h"
#include "x509/issuer_choice.h"

#define OPERATION "SSLContext"

/* Each step answers 1, or pushes nil and an error and answers 0. */

static int fail (lua_State *L, const char *operation, const char *kind) {
  errors_fail(L, operation, kind);
  return 0;
}

static int open_ctx (lua_State *L, Context *c, const Settings *s) {
  const Policy *policy = &s->policy;
  SSL_CTX *ctx;
  X509_VERIFY_PARAM *param;
  c->ctx = ctx = SSL_CTX_new(policy->defaults.server_side
                             ? TLS_server_method() : TLS_client_method());
  if (ctx == NULL) return fail(L, OPERATION, NULL);
  c->policy = context_policy_add(ctx, policy);
  if (c->policy == NULL) return fail(L, OPERATION, NULL);
  c->policy->counters = counters_new();
  if (c->policy->counters == NULL) return fail(L, OPERATION, "memory");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  /* Whatever openssl.cnf says: it would take a truncation for an end. */
  SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY |
                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_clear_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(ctx, 0);
  issuer_choice_install(SSL_CTX_get_cert_store(ctx));
  if (!policy->defaults.server_side)
    SSL_CTX_set_post_handshake_auth(ctx, s->post_handshake_auth);
  param = SSL_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(param,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return 1;
}

/* OpenSSL's complaint may quote the list too. */
static int fail_list (lua_State *L, const char *option, const char *list,
                      const char *format) {
  char room[QUOTE_ROOM];
  if (quote_hides(list, strlen(list))) errors_clear();
  errors_text(L, ERROR_T, option, "cipher", format, quote_text(room, list));
  return 0;
}

/* A profile's, the hybrid one where OpenSSL has it. */
static int apply_profile_groups (SSL_CTX *ctx, const Profile *profile) {
  if (profile == NULL
      || (profile->hybrid != NULL
          && SSL_CTX_set1_groups_list(ctx, profile->hybrid))) return 1;
  errors_clear();
  return SSL_CTX_set1_groups_list(ctx, profile->groups) == 1;
}

static int apply_groups (lua_State *L, SSL_CTX *ctx, const Settings *s) {
  if (s->groups == NULL)
    return apply_profile_groups(ctx, s->negotiation.profile)
           || fail(L, OPERATION, NULL);
  if (SSL_CTX_set1_groups_list(ctx, s->groups)) return 1;
  return fail_list(L, "groups", s->groups, strstr(s->groups, "MLKEM") != NULL
                   ? "OpenSSL has no list of key exchange groups like %s "
                     "(hybrid groups take OpenSSL 3.5 or later: ssl.HAS.MLKEM)"
                   : "OpenSSL has no list of key exchange groups like %s "
                     "(\"X25519:P-256\")");
}

/* Before certificates: the security level in it judges them. */
static int apply_ciphers (lua_State *L, SSL_CTX *ctx, const Settings *s) {
  if (s->ciphers != NULL && !SSL_CTX_set_cipher_list(ctx, s->ciphers))
    return fail_list(L, "ciphers", s->ciphers, "OpenSSL has no cipher up to "
                     "TLS 1.2 for %s (those of TLS 1.3 go in option "
                     "ciphersuites)");
  if (s->ciphersuites != NULL &&
      !SSL_CTX_set_ciphersuites(ctx, s->ciphersuites))
    return fail_list(L, "ciphersuites", s->ciphersuites, "OpenSSL has no "
                     "TLS 1.3 cipher suite for %s");
  if (!apply_groups(L, ctx, s)) return 0;
  if (s->sigalgs != NULL && !SSL_CTX_set1_sigalgs_list(ctx, s->sigalgs))
    return fail_list(L, "sigalgs", s->sigalgs, "OpenSSL has no list of "
                     "signature algorithms like %s "
                     "(\"ECDSA+SHA256:ed25519\")");
  return 1;
}

/* Behind the ciphers, whose list may name a level too. */
static int apply_strictness (lua_State *L, SSL_CTX *ctx, const Settings *s) {
  context_trust_apply_level(ctx, s);
  return context_trust_apply(ctx, s) || fail(L, OPERATION, NULL);
}

/* What nobody asked for here remains as openssl.cnf has it, if that is
** stricter. */
static int set_versions (SSL_CTX *ctx, const Settings *s) {
  int minimum = s->minimum;
  int configured = (int)SSL_CTX_get_min_proto_version(ctx);
  if (!s->has_minimum && configured > minimum &&
      (s->maximum == 0 || configured <= s->maximum)) minimum = configured;
  if (!SSL_CTX_set_min_proto_version(ctx, 0)) return 0;
  if ((s->maximum != 0 || s->ssl_version >= 0) &&
      !SSL_CTX_set_max_proto_version(ctx, s->maximum)) return 0;
  return SSL_CTX_set_min_proto_version(ctx, minimum) == 1;
}

static int apply_versions (lua_State *L, SSL_CTX *ctx, const Settings *s) {
  int level = SSL_CTX_get_security_level(ctx);
  if (s->ssl_version == SSLV2 || s->ssl_version == SSLV3) {
    errors_text(L, ERROR_T, "ssl_version", "unsupported", "%s is not supported "
                "by this OpenSSL", s->ssl_version == SSLV2 ? "SSLv2" : "SSLv3");
    return 0;
  }
  if (s->maximum != 0 && s->maximum < TLS1_2_VERSION && level > 0) {
    errors_text(L, ERROR_T, OPERATION, "unsupported", "%s is impossible at "
                "security level %d: ciphers=\"DEFAULT:@SECLEVEL=0\" makes it "
                "possible", context_options_version_name(s->maximum), level);
    return 0;
  }
  if (set_versions(ctx, s)) return 1;
  errors_text(L, ERROR_T, OPERATION, "unsupported", "this OpenSSL supports no "
              "TLS version from %s to %s",
              context_options_version_name(s->minimum), s->maximum == 0
              ? "its best" : context_options_version_name(s->maximum));
  return 0;
}

/* With CRLs the system's trust too is in a store of the context's own. */
static int use_trust (lua_State *L, Context *c, int options,
                      const Settings *s) {
  if (s->crls && !context_trust_add_crls(L, c->ctx, options)) return 0;
  if (s->own_trust) {
    if (!context_certificates_trust(L, c->ctx, options)) return 0;
    if (s->policy.defaults.server_side &&
        !context_certificates_announce(c->ctx)) return fail(L, OPERATION, NULL);
    context_certificates_complete(c->ctx);
  }
  return !s->system_trust
         || context_certificates_trust_system(L, c->ctx,
                                              s->own_trust || s->crls,
                                              c->policy);
}

static int apply_trust (lua_State *L, Context *c, int options,
                        const Settings *s) {
  if (s->policy.cert_reqs != CERT_NONE && !s->own_trust && !s->system_trust
      && !s->policy.psk_authenticates && s->policy.takes_certificates) {
    errors_text(L, ERROR_T, "cert_reqs", "no_trust", "there is nothing to "
                "verify certificates with: give ca_certs, ca_path, ca_data or "
                "system_trust");
    return 0;
  }
  return use_trust(L, c, options, s);
}

/* With CRLs or pins a server asks them about the client's chain before it takes
** a ticket (tickets.c), which it could not do of a session in its memory. */
static int apply_server_sessions (lua_State *L, Context *c,
                                  const Settings *s) {
  SSL_CTX *ctx = c->ctx;
  size_t tickets = s->num_tickets >= 0 ? (size_t)s->num_tickets
                                       : SSL_CTX_get_num_tickets(ctx);
  if (!s->session_cache) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    tickets = 0;
  }
  if (c->policy->revocation || c->policy->pins != NULL)
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (c->policy->stores) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER
                                        | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  }
  c->policy->ticket_keys = ticket_keys_new();
  if (c->policy->ticket_keys == NULL
      || !ticket_keys_install(ctx, c->policy->ticket_keys))
    return fail(L, OPERATION, NULL);
  if (early_guard_apply(ctx, s->max_early_data, &c->policy->early) &&
      SSL_CTX_set_num_tickets(ctx, tickets) &&
      SSL_CTX_set_session_id_context(ctx, c->policy->digest, DIGEST_SIZE) &&
      SSL_CTX_set_dh_auto(ctx, 1)) return 1;
  return fail(L, OPERATION, NULL);
}

static int apply_sessions (lua_State *L, Context *c, int options,
                           const Settings *s) {
  if (!session_binding_make(L, c->ctx, options, s, c->policy)) return 0;
  if (s->policy.defaults.server_side) return apply_server_sessions(L, c, s);
  if (!s->session_cache) return 1;
  c->policy->cache = session_cache_new();
  return c->policy->cache != NULL || fail(L, OPERATION, "memory");
}

/* OpenSSL compresses a certificate beforehand, and leaves out what belongs to
** it in the handshake. */
static int compress (lua_State *L, Context *c, const Settings *s) {
  return c->policy->staples
         || negotiation_compress(L, c->ctx, &s->negotiation);
}

static int take_psk (lua_State *L, Context *c, int options) {
  return psk_read(L, options, c->policy->defaults.server_side,
                  &c->policy->psk) || fail(L, OPERATION, "memory");
}

/* A context that this one's connections are given instead may tell too. */
static int tells (const Policy *p) {
  return p->keylog != NULL || p->trace != NULL || p->tells_sessions
         || p->stores || (p->hooks & (HOOK_CLIENT_HELLO | HOOK_SERVER_NAMES));
}

int context_build (lua_State *L, Context *c, int options, const Settings *s) {
  if (!open_ctx(L, c, s) ||
      !negotiation_apply(L, c->ctx, &s->negotiation) ||
      !apply_ciphers(L, c->ctx, s) || !apply_strictness(L, c->ctx, s) ||
      !apply_versions(L, c->ctx, s) ||
      !alpn_apply(L, c->ctx, options, s, &c->policy->protocols) ||
      !pins_read(L, options, &c->policy->pins) ||
      !certificate_types_apply(L, c->ctx, options,
                               s->policy.defaults.server_side, &s->types,
                               &c->policy->keys) ||
      !take_psk(L, c, options) ||
      !log_read(L, options, "keylog", &c->policy->keylog) ||
      !log_read(L, options, "trace", &c->policy->trace) ||
      !identity_use(L, c->ctx, options)) return 0;
  c->policy->tells = tells(c->policy);
  c->policy->certificates = identity_count(c->ctx);
  return apply_trust(L, c, options, s) &&
         ocsp_staple_use(L, c->ctx, options, c->policy) &&
         compress(L, c, s) &&
         apply_sessions(L, c, options, s);
}
