/*
** chain_verification.c -- a chain judged without a connection, by what judges
** it in a handshake: x509/judgement.c, with OpenSSL's parameters set as libssl
** and context.c set them.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "context/chain_verification.h"
#include "context/context_certificates.h"
#include "context/options.h"
#include "context/tlsa.h"
#include "context/verify_options.h"
#include "x509/certificate.h"
#include "context/certificate_list.h"
#include "x509/crl_list.h"
#include "x509/issuer_choice.h"
#include "x509/judgement.h"
#include "x509/key_usage.h"
#include "x509/ocsp_judgement.h"
#include "x509/ocsp_verdict.h"
#include "x509/scratch.h"
#include "x509/truststore.h"
#include "x509/verdict.h"

/***
@module luassl
@group Certificates and random numbers
*/

#define OPERATION "verify"

/* What is judged and how. Userdata on the stack own what it points to. */
typedef struct Task {
  STACK_OF(X509) *chain;     /* the leaf and what else may be used */
  STACK_OF(X509_CRL) *crls;  /* NULL: none were given */
  X509_STORE *store;
  X509_STORE_CTX *ctx;
  int server_side;
  int unread;                /* see Trust */
  int bare;                  /* the system has no anchors */
  SSL *records;              /* has the TLSA records; NULL: none were given */
  int named;                 /* `name` is asked for */
  Hostname name;
  const char *staple;        /* the options'; NULL: none was given */
  size_t staple_size;
  VerifyParameters parameters;
  Faults faults;
} Task;

static void free_store (void *store) {
  X509_STORE_free(store);
}

static void free_ctx (void *ctx) {
  X509_STORE_CTX_free(ctx);
}

static void free_ssl (void *ssl) {
  SSL_free(ssl);
}

static void free_tlsa (void *tlsa) {
  tlsa_free(tlsa);
}

static int fail (lua_State *L, const char *kind, const char *text) {
  errors_text(L, ERROR_T, OPERATION, kind, "%s", text);
  return 0;
}

/* ---- what is given; each answers 1, or pushes nil and an error and answers
** 0 ---- */

static int read_name (lua_State *L, Task *t, int options) {
  size_t size;
  const char *why, *name = options_string(L, options, "name", &size);
  if (name == NULL) return 1;
  t->named = 1;
  return hostname_parse(name, size, &t->name, &why) || fail(L, "name", why);
}

static int read_chain (lua_State *L, Task *t, int options) {
  t->chain = certificate_list_new(L);
  if (!certificate_list_add(L, t->chain, 1, OPERATION)) return 0;
  if (sk_X509_num(t->chain) == 0)
    return fail(L, "no_certificate", "there is no certificate to judge");
  if (options_push(L, options, "intermediates") != LUA_TNIL
      && !certificate_list_add(L, t->chain, -1, "intermediates")) return 0;
  lua_pop(L, 1);
  return 1;
}

static int read_crls (lua_State *L, Task *t, int options) {
  int i, n, type = options_push(L, options, "crls");
  int at = lua_gettop(L);
  if (type == LUA_TNIL) return 1;
  t->crls = crl_list_new(L);
  if (type == LUA_TSTRING) return crl_list_add(L, t->crls, at, "crls");
  n = (int)compat_rawlen(L, at);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, at, i);
    if (!crl_list_add(L, t->crls, lua_gettop(L), "crls")) return 0;
    lua_pop(L, 1);
  }
  return 1;
}

/* The store is the caller's own. */
static int trust (lua_State *L, Task *t, STACK_OF(X509) *roots) {
  int i;
  if (sk_X509_num(roots) == 0)
    return fail(L, "no_trust", "there is nothing to verify certificates with: "
                "'roots' is empty");
  for (i = 0; i < sk_X509_num(roots); i++) {
    if (X509_STORE_add_cert(t->store, sk_X509_value(roots, i))) continue;
    errors_fail(L, "roots", NULL);
    return 0;
  }
  return 1;
}

static int read_trust (lua_State *L, Task *t, int options) {
  Scratch *s = scratch_new(L);
  STACK_OF(X509) *roots;
  Trust system;
  s->free_value = free_store;
  if (options_push(L, options, "roots") == LUA_TNIL) {
    s->value = t->store = truststore_system(&system);
    t->unread = system.unread;
    t->bare = system.bare;
    if (t->store != NULL) return 1;
    context_certificates_fail_system(L, &system);
    return 0;
  }
  s->value = t->store = X509_STORE_new();
  if (t->store == NULL) return fail(L, "memory", "out of memory");
  issuer_choice_install(t->store);
  roots = certificate_list_new(L);
  return certificate_list_add(L, roots, -2, "roots") && trust(L, t, roots);
}

/* An SSL has them, which does nothing else. */
static int read_tlsa (lua_State *L, Task *t, int options) {
  Scratch *ssl, *holder;
  SSL_CTX *ctx;
  Tlsa *tlsa;
  int list, names = options_boolean(L, options, "tlsa_check_hostname", 0);
  if (names && !t->named)
    options_raise(L, "tlsa_check_hostname", "needs option 'name'");
  if (options_push(L, options, "tlsa") == LUA_TNIL) {
    if (names) options_raise(L, "tlsa_check_hostname", "needs option 'tlsa'");
    return 1;
  }
  list = lua_gettop(L);
  ssl = scratch_new(L);
  ssl->free_value = free_ssl;
  holder = scratch_new(L);
  holder->free_value = free_tlsa;
  holder->value = tlsa = tlsa_new(compat_rawlen(L, list));
  ctx = SSL_CTX_new(TLS_client_method());
  ssl->value = t->records = ctx != NULL ? SSL_new(ctx) : NULL;
  SSL_CTX_free(ctx);
  if (tlsa == NULL || t->records == NULL)
    return fail(L, "memory", "out of memory");
  if (tlsa_read(L, list, SSL_get_SSL_CTX(t->records), tlsa) > 0) return 0;
  return tlsa_apply(tlsa, t->records, names)
         || fail(L, "memory", "out of memory");
}

/* The level that a context has, whose ciphers openssl.cnf may name; -1: no
** memory. */
static int usual_level (void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  int level = ctx == NULL ? -1 : SSL_CTX_get_security_level(ctx);
  SSL_CTX_free(ctx);
  return level;
}

/* ---- the verdict ---- */

/* As SSL_CTX and SSL have it in a handshake. */
static int prepare (Task *t) {
  VerifyParameters *p = &t->parameters;
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(t->ctx);
  if (p->security_level < 0) p->security_level = usual_level();
  if (p->security_level < 0) return 0;
  if (t->crls != NULL) verify_parameters_flag(p, "crl_check");
  if (!X509_STORE_CTX_set_default(t->ctx, t->server_side ? "ssl_client"
                                                         : "ssl_server"))
    return 0;
  X509_STORE_CTX_set0_crls(t->ctx, t->crls);
  if (t->records != NULL)
    X509_STORE_CTX_set0_dane(t->ctx, SSL_get0_dane(t->records));
  return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN)
         && (!t->named || hostname_ask(&t->name, param))
         && verify_parameters_apply(p, param);
}

/* TLS signs with the key, but for the key exchange that TLS 1.3 left out. */
static int usage_of (const Task *t) {
  switch (t->parameters.purpose) {
    case 0: case X509_PURPOSE_SSL_CLIENT: case X509_PURPOSE_SSL_SERVER:
      return DIGITAL_SIGNATURE;
    default: return KEY_USAGE_NONE;
  }
}

static int judge (Task *t) {
  Judgement j;
  memset(&j, 0, sizeof(j));
  j.name = t->named ? &t->name : NULL;
  j.usage = usage_of(t);
  j.goes_on = 0;
  j.faults = &t->faults;
  j.records = t->records;
  return judgement_make(&j, t->ctx);
}

/* Of the chain that was built, which ends where it failed. */
static X509 *refused_certificate (const Task *t, int depth) {
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(t->ctx);
  if (depth >= 0 && depth < sk_X509_num(chain))
    return sk_X509_value(chain, depth);
  return depth == 0 ? sk_X509_value(t->chain, 0) : NULL;
}

static int push_refusal (lua_State *L, const Task *t) {
  Failure f;
  Verdict v;
  v.code = X509_STORE_CTX_get_error(t->ctx);
  v.depth = X509_STORE_CTX_get_error_depth(t->ctx);
  v.x509 = refused_certificate(t, v.depth);
  v.of_client = t->server_side;
  v.name = t->named ? &t->name : NULL;
  v.more = 0;
  v.usage = usage_of(t);
  v.unread = t->unread;
  v.bare = t->bare;
  v.trust = "roots";
  failure_take(&f, OPERATION);
  f.class_name = VERIFICATION_ERROR_T;
  f.kind = "verification";
  f.cause = -1;
  verdict_tell(&v, &f);
  errors_clear();
  errors_push(L, &f);
  if (v.x509 != NULL) {
    certificate_push(L, v.x509);
    lua_setfield(L, -2, "certificate");
  }
  certificate_push_list(L, X509_STORE_CTX_get0_chain(t->ctx));
  lua_setfield(L, -2, "chain");
  return 2;
}

/* ---- the OCSP response ---- */

static OcspFault judge_staple (const Task *t, OcspFacts *facts) {
  const VerifyParameters *p = &t->parameters;
  OcspCase about;
  memset(&about, 0, sizeof(about));
  about.leaf = sk_X509_value(t->chain, 0);
  about.built = X509_STORE_CTX_get0_chain(t->ctx);
  about.sent = t->chain;
  about.der = (const unsigned char *)t->staple;
  about.size = t->staple_size;
  about.now = p->timed ? p->time : time(NULL);
  about.timeless = (p->set & X509_V_FLAG_NO_CHECK_TIME) != 0;
  about.level = p->security_level;
  return ocsp_judgement_make(&about, facts);
}

/* nil and why, of a response that is not good; 0: it is, or none was given. */
static int push_bad_staple (lua_State *L, const Task *t) {
  OcspFacts facts;
  OcspFault fault = OCSP_GOOD;
  Failure f;
  if (t->staple != NULL) fault = judge_staple(t, &facts);
  if (fault == OCSP_GOOD) return 0;
  if (fault == OCSP_FAULT_MEMORY)
    return errors_text(L, ERROR_T, OPERATION, "memory", "out of memory");
  failure_take(&f, OPERATION);
  f.class_name = VERIFICATION_ERROR_T;
  f.kind = "ocsp";
  f.cause = -1;
  f.verify_code = ocsp_verdict_code(fault);
  f.verify_depth = 0;
  f.sentence[0] = '\0';
  failure_say(&f, "the %s's certificate is refused: its OCSP response",
              t->server_side ? "client" : "server");
  ocsp_verdict_say(&f, fault, &facts);
  errors_push(L, &f);
  certificate_push(L, sk_X509_value(t->chain, 0));
  lua_setfield(L, -2, "certificate");
  certificate_push_list(L, X509_STORE_CTX_get0_chain(t->ctx));
  lua_setfield(L, -2, "chain");
  return 2;
}

static int push_verdict (lua_State *L, Task *t) {
  Scratch *s = scratch_new(L);
  int code, n;
  s->free_value = free_ctx;
  errors_clear();
  s->value = t->ctx = X509_STORE_CTX_new();
  if (t->ctx == NULL
      || !X509_STORE_CTX_init(t->ctx, t->store, sk_X509_value(t->chain, 0),
                              t->chain)
      || !prepare(t)) return errors_fail(L, OPERATION, NULL);
  if (judge(t)) {
    errors_clear();
    n = push_bad_staple(L, t);
    if (n > 0) return n;
    lua_pushboolean(L, 1);
    certificate_push_list(L, X509_STORE_CTX_get0_chain(t->ctx));
    return 2;
  }
  code = X509_STORE_CTX_get_error(t->ctx);
  if (code != X509_V_ERR_OUT_OF_MEM) return push_refusal(L, t);
  errors_clear();
  return errors_text(L, ERROR_T, OPERATION, "memory", "out of memory");
}

static void check_chain (lua_State *L) {
  const char *problem = certificate_list_problem(L, 1);
  if (problem == NULL) return;
  lua_pushfstring(L, "string, Certificate or list of them expected, got %s",
                  luaL_typename(L, 1));
  luaL_argerror(L, 1, lua_istable(L, 1) ? problem : lua_tostring(L, -1));
}

/***
Judges a certificate and its chain without a connection, as a handshake would:
by the same checks of signatures, dates, names, key usage and constraints.
Whether TLS has a signature algorithm for the key is no part of it.
@function verify
@tparam string|Certificate|table chain the certificate, then those of its
issuers, in any order: PEM or DER in a string, a Certificate, or a list of
strings and Certificates. What else is in it may be used and is not trusted
@tparam[opt] table options none of it needed:

 - `roots`: the certificates to trust, in the same forms; default the system's,
   as with `system_trust`. An intermediate one may be trusted too
 - `intermediates`: further certificates that are not trusted, in the same forms
 - `name`: string, the host name or address that the certificate must be for;
   default: names are not looked at
 - `server_side`: boolean, default false; true: it is a client's certificate,
   and a server judges it
 - `time`: seconds since the epoch, the time to judge by; default now
 - `crls`: string, or list of strings, CRLs in PEM or DER: the certificate must
   be in none, and the one of its issuer must be there. `verify_flags`
   `"crl_check_all"` asks for those of the whole chain
 - `purpose`: `"sslserver"` (default), `"sslclient"` (default with
   `server_side`), `"smimesign"`, `"smimeencrypt"`, `"timestampsign"` or `"any"`.
   Other than for TLS, key usage is OpenSSL's to judge
 - `staple`: string, an OCSP response in DER: it must say that the certificate
   is good, and be good itself, as in a handshake with the option `ocsp`.
   Whether the certificate demands one is not looked at
 - `security_level`: integer, 0 to 5, of keys and digests; default that of a
   context, as OpenSSL is configured
 - `verify_depth`: integer, 0 to 100: intermediate certificates, at most
 - `verify_flags`: list of OpenSSL's names: `"allow_proxy_certs"`,
   `"check_ss_signature"`, `"crl_check"`, `"crl_check_all"`,
   `"explicit_policy"`, `"extended_crl_support"`, `"inhibit_any"`,
   `"inhibit_map"`, `"no_check_time"` (without `time`), `"no_partial_chain"`:
   trust self-signed roots alone,
   `"partial_chain"`, `"policy_check"`, `"suiteb_128"`, `"suiteb_128_only"`,
   `"suiteb_192"`, `"trusted_first"`, `"use_deltas"`, `"x509_strict"`
 - `tlsa`: list of TLSA records, one of which the chain has to match: see the
   option of that name. A record of usage 3 that is for the certificate is all
   that it needs
 - `tlsa_check_hostname`: boolean, default false; true: it needs `name` all the
   same

@treturn[1] boolean true
@treturn[1] {Certificate,...} the chain as it was verified, from the certificate
to what is trusted
@treturn[2] nil
@treturn[2] SSLError an SSLCertVerificationError with `verify_code`,
`verify_message`, `verify_depth`, `certificate` (that one, if it is known) and
`chain` (as far as it was built), and of kind `"ocsp"` for the response; or
another SSLError, for what is malformed
@raise on wrong types, unknown options, flags and purposes
@source RFC 5280, 6; RFC 6698, 2.1; RFC 6960, 3.2; RFC 9525, 6;
X509_verify_cert(3)
@usage local ok, err = ssl.verify(pem, {name = "www.example.com"})
if not ok then print(err, err.verify_message) end
*/
int chain_verification_verify (lua_State *L) {
  Task task;
  int options;
  memset(&task, 0, sizeof(task));
  check_chain(L);
  options_check(L, 2, OF_VERIFY);
  lua_settop(L, 2);
  lua_newtable(L);
  options = lua_gettop(L);
  options_merge(L, 2, options, OF_VERIFY);
  options_check_values(L, options);
  task.server_side = options_boolean(L, options, "server_side", 0);
  options_check_side(L, options, OF_VERIFY, task.server_side);
  verify_options_read(L, options, "time", &task.parameters);
  task.staple = options_string(L, options, "staple", &task.staple_size);
  luaL_checkstack(L, 24, OPERATION);
  if (!read_name(L, &task, options) || !read_chain(L, &task, options) ||
      !read_crls(L, &task, options) || !read_tlsa(L, &task, options) ||
      !read_trust(L, &task, options))
    return 2;
  return push_verdict(L, &task);
}
