/*
** ocsp_staple.c -- the OCSP responses that a server shows with its
** certificates. Each is tied to the certificate itself, so that it goes
** wherever that is used: chosen of several, or by a hook of another context.
*/

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "base/files.h"
#include "context/ocsp_staple.h"
#include "context/options.h"
#include "context/pem.h"
#include "x509/certificate.h"
#include "x509/ocsp_judgement.h"
#include "x509/ocsp_signer.h"
#include "x509/ocsp_verdict.h"

#define OPTION "ocsp_response"
#define RESPONSE_MAX 16380  /* what OpenSSL's clients take in TLS 1.2 */
#define RESPONSES_MAX 64

/* ---- a certificate's ---- */

static void on_free (void *x509, void *data, CRYPTO_EX_DATA *all, int index,
                     long n, void *p) {
  (void)x509;
  (void)all;
  (void)index;
  (void)n;
  (void)p;
  OPENSSL_free(data);
}

/* One index for the process: the module stays in memory (core.c). */
static int staple_index = -1;
static CRYPTO_ONCE staple_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  staple_index = X509_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

const Staple *ocsp_staple_of (const X509 *x509) {
  if (staple_index < 0 || x509 == NULL) return NULL;
  return X509_get_ex_data(x509, staple_index);
}

/* 0: no memory. */
static int attach (X509 *x509, const Material *m, const OcspFacts *facts) {
  Staple *staple, *old;
  if (!CRYPTO_THREAD_run_once(&staple_once, make_index) || staple_index < 0)
    return 0;
  staple = OPENSSL_malloc(sizeof(*staple) + m->size);
  if (staple == NULL) return 0;
  staple->facts = *facts;
  staple->size = m->size;
  memcpy(staple->der, m->bytes, m->size);
  old = X509_get_ex_data(x509, staple_index);
  if (X509_set_ex_data(x509, staple_index, staple)) OPENSSL_free(old);
  else OPENSSL_free(staple);
  return X509_get_ex_data(x509, staple_index) == staple;
}

/* A peer would refuse it otherwise: none at all is better. */
int ocsp_staple_is_of (const Staple *staple, time_t now) {
  const OcspFacts *f = &staple->facts;
  return f->status != V_OCSP_CERTSTATUS_UNKNOWN
         && f->this_update <= (double)now
         && (double)now < ocsp_response_ends(f);
}

/* ---- what an option gives ---- */

static Material *push (lua_State *L) {
  Material *m = pem_push(L);
  m->option = OPTION;
  return m;
}

/* An OCSP response is a SEQUENCE: of three bytes, or with a long length. No
** file's name in UTF-8 begins so. */
static int is_der (const char *text, size_t size) {
  unsigned char second = size > 1 ? (unsigned char)text[1] : 0;
  return size > 1 && text[0] == 0x30
         && (second == 3 || (second >= 0x81 && second <= 0x84));
}

static int read_file (lua_State *L, Material *m) {
  char room[REASON_MAX];
  int error = files_read(m->file, &m->contents, &m->size);
  m->bytes = m->contents;
  errors_clear();
  if (error == ENOENT)
    return pem_fail(L, m, "file", "%s does not exist", m->name);
  if (error != 0)
    return pem_fail(L, m, "file", "cannot read %s: %s", m->name,
                    failure_system_reason(error, room));
  return m->size > 0 || pem_fail(L, m, "ocsp", "%s is empty", m->name);
}

/* The string at `index`, which stays there. */
static int take (lua_State *L, Material *m, int index) {
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (is_der(text, size)) {
    m->bytes = (const unsigned char *)text;
    m->size = size;
    return 1;
  }
  if (quote_hides(text, size) || strlen(text) != size || size == 0)
    return pem_fail(L, m, "ocsp", "it must be an OCSP response in DER, or the "
                    "name of a file with one");
  m->file = text;
  quote_name(m->name, text);
  return read_file(L, m);
}

/* ---- whose it is ---- */

/* An issuer that is trusted here, if the chain does not have it; owned. */
static X509 *look_up (SSL_CTX *ctx, X509 *leaf) {
  X509_STORE_CTX *search = X509_STORE_CTX_new();
  X509 *issuer = NULL;
  if (search != NULL
      && X509_STORE_CTX_init(search, SSL_CTX_get_cert_store(ctx), NULL, NULL))
    X509_STORE_CTX_get1_issuer(&issuer, search, leaf);
  X509_STORE_CTX_free(search);
  if (issuer == NULL || ocsp_signer_has_signed(issuer, leaf)) return issuer;
  X509_free(issuer);  /* of the same name */
  return NULL;
}

/* That of the context's current certificate; owned; NULL: not known here, or
** the error queue tells that there was no memory. */
static X509 *issuer_of (SSL_CTX *ctx) {
  X509 *leaf = SSL_CTX_get0_certificate(ctx), *issuer;
  STACK_OF(X509) *chain = NULL;
  SSL_CTX_get0_chain_certs(ctx, &chain);
  issuer = ocsp_signer_issuer(leaf, chain);
  if (issuer == NULL) return look_up(ctx, leaf);
  return X509_up_ref(issuer) ? issuer : NULL;
}

static int is_wanting (void) {
  return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

/* Though it may not be one to show now; or nobody can tell who should have
** signed it. */
static int is_kept (OcspFault fault) {
  switch (fault) {
    case OCSP_GOOD: case OCSP_FAULT_EARLY: case OCSP_FAULT_LATE:
    case OCSP_FAULT_UNKNOWN: case OCSP_FAULT_REVOKED:
    case OCSP_FAULT_ISSUER: return 1;
    default: return 0;
  }
}

/* The response about the context's current certificate. */
static OcspFault judge (SSL_CTX *ctx, const Material *m, OcspFacts *facts) {
  OcspCase about;
  X509 *issuer;
  OcspFault fault;
  errors_clear();
  memset(&about, 0, sizeof(about));
  about.leaf = SSL_CTX_get0_certificate(ctx);
  about.issuer = issuer = issuer_of(ctx);
  if (issuer == NULL && is_wanting()) return OCSP_FAULT_MEMORY;
  about.der = m->bytes;
  about.size = m->size;
  about.now = time(NULL);
  about.level = SSL_CTX_get_security_level(ctx);
  fault = ocsp_judgement_make(&about, facts);
  X509_free(issuer);
  return fault;
}

static int fail (lua_State *L, const Material *m, OcspFault fault,
                 const OcspFacts *facts) {
  Failure f;
  if (fault == OCSP_FAULT_MEMORY)
    return pem_fail(L, m, "memory", "out of memory");
  f.sentence[0] = '\0';
  ocsp_verdict_say(&f, fault, facts);
  if (fault == OCSP_FAULT_OTHER)
    failure_say(&f, ": renew certificate and response together");
  return pem_fail(L, m, "ocsp", "the OCSP response%s%s%s", m->file == NULL ? ""
                  : " in ", m->file == NULL ? "" : pem_name(m), f.sentence);
}

static int fail_long (lua_State *L, const Material *m) {
  return pem_fail(L, m, "ocsp", "%s has more than %d bytes, which clients do "
                  "not take for an OCSP response", pem_name(m), RESPONSE_MAX);
}

/* To each certificate that it is about, one at least. */
static int give (lua_State *L, SSL_CTX *ctx, const Material *m,
                 Policy *policy) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  OcspFault fault = OCSP_FAULT_OTHER, one;
  OcspFacts facts, last;
  int given = 0;
  ocsp_response_begin(&last);
  if (m->size > RESPONSE_MAX) return fail_long(L, m);
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
    one = judge(ctx, m, &facts);
    if (one == OCSP_FAULT_OTHER) continue;
    fault = one;
    last = facts;
    if (!is_kept(one)) break;
    if (!attach(SSL_CTX_get0_certificate(ctx), m, &facts)) {
      fault = OCSP_FAULT_MEMORY;
      break;
    }
    given = policy->staples = 1;
  }
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  if (more == 1 || !given) return fail(L, m, fault, &last);
  errors_clear();
  return 1;
}

static int use_string (lua_State *L, SSL_CTX *ctx, int index,
                       Policy *policy) {
  Material *m = push(L);
  if (!take(L, m, index) || !give(L, ctx, m, policy)) return 0;
  pem_clear(m);
  lua_pop(L, 1);
  return 1;
}

/* ---- asking a function ---- */

/* Calls the function at `index` about the current certificate. Its result, or
** nil and what it raised, is at the top; 0: the latter. */
static int call (lua_State *L, SSL_CTX *ctx, int index) {
  X509 **leaf, **issuer;
  int type;
  lua_pushvalue(L, index);
  leaf = certificate_new(L);
  issuer = certificate_new(L);
  *leaf = SSL_CTX_get0_certificate(ctx);
  if (!X509_up_ref(*leaf)) *leaf = NULL;
  errors_clear();
  *issuer = issuer_of(ctx);
  if (*leaf == NULL || (*issuer == NULL && is_wanting())) {
    errors_clear();
    return luaL_error(L, "not enough memory");
  }
  errors_clear();
  if (*issuer == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  if (lua_pcall(L, 2, 1, 0) == 0) {
    errors_clear();
    type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TNIL)
      options_raise(L, OPTION, "is a function that returned a %s, not a "
                    "string", lua_typename(L, type));
    return 1;
  }
  errors_clear();
  if (compat_caught_nil(L, -1)) {
    errors_text(L, ERROR_T, OPTION, "ocsp", "the function raised nil");
    return 0;
  }
  lua_pushnil(L);
  lua_insert(L, -2);
  return 0;
}

/* The answer at the top, for the current certificate alone. */
static int use_answer (lua_State *L, SSL_CTX *ctx, Policy *policy) {
  int index = lua_gettop(L);
  OcspFacts facts;
  OcspFault fault;
  Material *m;
  if (lua_isnil(L, index)) return 1;
  m = push(L);
  m->bytes = (const unsigned char *)lua_tolstring(L, index, &m->size);
  if (m->size > RESPONSE_MAX) return fail_long(L, m);
  fault = judge(ctx, m, &facts);
  if (!is_kept(fault)) return fail(L, m, fault, &facts);
  if (!attach(SSL_CTX_get0_certificate(ctx), m, &facts))
    return fail(L, m, OCSP_FAULT_MEMORY, &facts);
  policy->staples = 1;
  return 1;
}

static int use_function (lua_State *L, SSL_CTX *ctx, int index,
                         Policy *policy) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  int top = lua_gettop(L);
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
    if (!call(L, ctx, index) || !use_answer(L, ctx, policy)) return 0;
    lua_settop(L, top);
  }
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  return 1;
}

/* ---- the options ---- */

static int use_list (lua_State *L, SSL_CTX *ctx, int list, Policy *policy) {
  int i, n = (int)compat_rawlen(L, list);
  if (n > RESPONSES_MAX)
    options_raise(L, OPTION, "has more than %d responses", RESPONSES_MAX);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    if (!use_string(L, ctx, lua_gettop(L), policy)) return 0;
    lua_pop(L, 1);
  }
  return 1;
}

int ocsp_staple_use (lua_State *L, SSL_CTX *ctx, int options,
                     Policy *policy) {
  int index = lua_gettop(L) + 1, done;
  if (!lua_checkstack(L, LUA_MINSTACK)) luaL_error(L, "not enough memory");
  switch (options_push(L, options, OPTION)) {
    case LUA_TSTRING: done = use_string(L, ctx, index, policy); break;
    case LUA_TTABLE: done = use_list(L, ctx, index, policy); break;
    case LUA_TFUNCTION: done = use_function(L, ctx, index, policy); break;
    default: done = 1;
  }
  if (done) lua_settop(L, index - 1);
  return done;
}

/* Where nothing is verified a response says nothing: who has made up the
** certificate makes up the response. */
static void check_verifies (lua_State *L, const Policy *policy) {
  if (policy->cert_reqs == CERT_NONE && !(policy->hooks & HOOK_VERIFY))
    options_raise(L, "ocsp", "needs a cert_reqs other than CERT_NONE");
}

void ocsp_staple_read (lua_State *L, int options, Settings *s) {
  static const char *const names[] = {"off", "request", "require"};
  const char *text = options_string(L, options, "ocsp", NULL);
  int i;
  if (s->policy.defaults.server_side) return;
  for (i = STAPLE_OFF; text != NULL && i <= STAPLE_REQUIRED; i++)
    if (strcmp(names[i], text) == 0) break;
  if (i > STAPLE_REQUIRED)
    options_raise(L, "ocsp", "must be \"off\", \"request\" or \"require\"");
  s->policy.ocsp = i;
  if (i != STAPLE_OFF) check_verifies(L, &s->policy);
  lua_pushstring(L, names[i]);
  lua_setfield(L, options, "ocsp");
}
