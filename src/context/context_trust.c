/*
** context_trust.c -- how a context judges its peers' chains, which of them were
** revoked, and what is known of whom it trusts.
*/

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "base/errors.h"
#include "context/context_trust.h"
#include "context/options.h"
#include "context/pem.h"
#include "context/verify_options.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/crl_list.h"
#include "x509/truststore.h"

#define TEXT_MAX 512

/* ---- the options ---- */

static int is_set (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* Who gives CRLs wants them looked at: where nothing is verified they would be
** for nothing. A server may ask for certificates later. */
static void check_crls (lua_State *L, const char *name, const Settings *s) {
  if (s->policy.cert_reqs == CERT_NONE && !(s->policy.hooks & HOOK_VERIFY)
      && !s->policy.defaults.server_side)
    options_raise(L, name, "needs a cert_reqs other than CERT_NONE");
}

void context_trust_read (lua_State *L, int options, Settings *s) {
  VerifyParameters *v = &s->verify;
  int file = is_set(L, options, "crl_file");
  int data = is_set(L, options, "crl_data");
  verify_options_read(L, options, "verify_time", v);
  if (file) check_crls(L, "crl_file", s);
  if (data) check_crls(L, "crl_data", s);
  s->crls = file || data;
  if (s->crls) v->set |= X509_V_FLAG_CRL_CHECK;
  s->policy.revocation = (v->set & X509_V_FLAG_CRL_CHECK) != 0;
  s->policy.timeless = (v->set & X509_V_FLAG_NO_CHECK_TIME) != 0;
  s->policy.timed = v->timed;
  s->policy.time = v->time;
}

void context_trust_apply_level (SSL_CTX *ctx, const Settings *s) {
  if (s->verify.security_level >= 0)
    SSL_CTX_set_security_level(ctx, s->verify.security_level);
}

/* libssl gives the chain the connection's level. */
int context_trust_apply (SSL_CTX *ctx, const Settings *s) {
  VerifyParameters verify = s->verify;
  verify.security_level = -1;
  return verify_parameters_apply(&verify, SSL_CTX_get0_param(ctx));
}

/* ---- CRLs ---- */

static int fail_crls (lua_State *L, const Material *m, CrlResult result,
                      int count) {
  const char *name = m->file != NULL ? m->name : "it";
  char text[TEXT_MAX];
  if (result == CRL_NO_MEMORY) {
    errors_fail(L, m->option, "memory");
    return 0;
  }
  if (result == CRL_DAMAGED)
    snprintf(text, sizeof(text), "CRL %d in %s is damaged, or of a kind that "
             "OpenSSL does not read", count + 1, name);
  else
    snprintf(text, sizeof(text), "there is no CRL in %s: it is neither PEM "
             "with -----BEGIN X509 CRL----- nor DER", name);
  if (m->file != NULL) errors_file(L, m->option, "pem", m->file, text);
  else errors_text(L, ERROR_T, m->option, "pem", "%s", text);
  return 0;
}

static int add_crls (lua_State *L, X509_STORE *store, Material *m) {
  STACK_OF(X509_CRL) *list = crl_list_new(L);
  CrlResult result;
  int i, count = 0;
  if (m->bytes == NULL) return 1;
  errors_clear();
  result = crl_read(list, m->bytes, m->size, &count);
  for (i = 0; result == CRL_READ && i < count; i++)
    if (!X509_STORE_add_crl(store, sk_X509_CRL_value(list, i)))
      result = CRL_NO_MEMORY;
  if (result != CRL_READ) return fail_crls(L, m, result, count);
  errors_clear();
  pem_clear(m);
  return 1;
}

int context_trust_add_crls (lua_State *L, SSL_CTX *ctx, int options) {
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  Material *file = pem_push(L);
  Material *string = pem_push(L);
  return pem_take_file(L, file, options, "crl_file")
         && add_crls(L, store, file)
         && pem_take_string(L, string, options, "crl_data")
         && add_crls(L, store, string);
}

/* Pushes one in PEM. */
static void push_crl (lua_State *L, X509_CRL *crl) {
  int size = i2d_X509_CRL(crl, NULL);
  unsigned char *der, *end;
  luaL_Buffer b;
  if (size <= 0) luaL_error(L, "not enough memory");
  end = der = lua_newuserdata(L, (size_t)size);
  if (i2d_X509_CRL(crl, &end) != size) luaL_error(L, "not enough memory");
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "-----BEGIN X509 CRL-----\n");
  base64_add(&b, der, (size_t)size);
  luaL_addstring(&b, "-----END X509 CRL-----\n");
  luaL_pushresult(&b);
  lua_remove(L, -2);
}

void context_trust_push_crls (lua_State *L, int options) {
  size_t size;
  const char *bytes = options_string(L, options, "crl_data", &size);
  STACK_OF(X509_CRL) *list = crl_list_new(L);
  int i, count;
  errors_clear();
  if (crl_read(list, (const unsigned char *)bytes, size, &count) != CRL_READ) {
    errors_clear();
    luaL_error(L, "not enough memory");  /* it was read before */
  }
  errors_clear();
  lua_pushliteral(L, "");
  for (i = 0; i < count; i++) {
    push_crl(L, sk_X509_CRL_value(list, i));
    lua_concat(L, 2);
  }
}

/***
@page SSLContext
@group Methods
*/

/* ---- what is in the store ---- */

typedef struct Counts {
  int x509, x509_ca, crl;
} Counts;

/* Counts what is in memory; the authorities go into `list`, if there is one:
** 1; 0: no memory for that. */
static int look (X509_STORE *store, Counts *n, STACK_OF(X509) *list) {
  STACK_OF(X509_OBJECT) *objects = compat_objects_take(store);
  int i, done = objects != NULL;
  memset(n, 0, sizeof(*n));
  for (i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {
    const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
    X509 *x509 = X509_OBJECT_get0_X509(object);
    n->crl += X509_OBJECT_get_type(object) == X509_LU_CRL;
    n->x509 += x509 != NULL;
    if (x509 == NULL || !X509_check_ca(x509)) continue;
    n->x509_ca++;
    if (list == NULL) continue;
    done = sk_X509_push(list, x509) > 0;
    if (done && !X509_up_ref(x509)) done = sk_X509_pop(list) == NULL;
  }
  compat_objects_leave(store, objects);
  return done;
}

/* The store of the context at index 1. The system's bundle is parsed when an
** issuer is missing, or now. */
static X509_STORE *store_of (lua_State *L, SSL_CTX *ctx) {
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  int options = lua_gettop(L) + 1;
  compat_getuservalue(L, 1);
  if (options_boolean(L, options, "system_trust", 0)) truststore_fill(store);
  lua_pop(L, 1);
  errors_clear();
  return store;
}

/***
The authorities that the context trusts and that are in memory: those of
`ca_certs` and `ca_data`, and of the system's file. What is in a directory comes
there when it is needed.
@function get_ca_certs
@tparam[opt=false] boolean binary_form DER strings instead of Certificates
@treturn[1] {Certificate|string,...}
@treturn[2] nil
@treturn[2] SSLError without memory
@source Python 3.4, ssl: SSLContext.get_ca_certs; X509_check_ca(3)
@usage for _, authority in ipairs(context:get_ca_certs()) do
  print(authority:not_after())
end
*/
int context_trust_get_ca_certs (lua_State *L, SSL_CTX *ctx) {
  int binary = lua_toboolean(L, 2);
  X509_STORE *store = store_of(L, ctx);
  Material *m = pem_push(L);  /* owns the list */
  Counts counts;
  int i;
  m->certificates = sk_X509_new_null();
  if (m->certificates == NULL || !look(store, &counts, m->certificates))
    return errors_text(L, ERROR_T, "get_ca_certs", "memory", "out of memory");
  lua_newtable(L);
  for (i = 0; i < sk_X509_num(m->certificates); i++) {
    X509 *x509 = sk_X509_value(m->certificates, i);
    if (binary) certificate_push_der(L, x509);
    else certificate_push(L, x509);
    lua_rawseti(L, -2, i + 1);
  }
  pem_clear(m);
  errors_clear();
  return 1;
}

static void set_count (lua_State *L, const char *name, int count) {
  lua_pushinteger(L, count);
  lua_setfield(L, -2, name);
}

/***
How much of what the context trusts is in memory: as `get_ca_certs`.
@function cert_store_stats
@treturn[1] table `x509`: certificates, `x509_ca`: authorities among them,
`crl`: CRLs
@treturn[2] nil
@treturn[2] SSLError without memory
@source Python 3.4, ssl: SSLContext.cert_store_stats
@usage print(context:cert_store_stats().crl)  --> 1
*/
int context_trust_store_stats (lua_State *L, SSL_CTX *ctx) {
  Counts counts;
  if (!look(store_of(L, ctx), &counts, NULL))
    return errors_text(L, ERROR_T, "cert_store_stats", "memory",
                       "out of memory");
  errors_clear();
  lua_createtable(L, 0, 3);
  set_count(L, "x509", counts.x509);
  set_count(L, "x509_ca", counts.x509_ca);
  set_count(L, "crl", counts.crl);
  return 1;
}

/* ---- where the system's is ---- */

static void set_place (lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* Of the directories the first that is there tells. */
static int is_there (const char *path, int directory) {
  struct stat status;
  if (stat(path, &status) != 0) return 0;
  return directory ? S_ISDIR(status.st_mode) : !S_ISDIR(status.st_mode);
}

static int any_is_there (lua_State *L, const char *list) {
  int found = 0;
  while (!found && *list != '\0') {
    size_t size = strcspn(list, ":");
    lua_pushlstring(L, list, size);
    found = size > 0 && is_there(lua_tostring(L, -1), 1);
    lua_pop(L, 1);
    list += size + (list[size] == ':');
  }
  return found;
}

/***
Where the system's trust is looked for: what `system_trust` reads.
@function get_default_verify_paths
@page ssl
@group Certificates and random numbers
@treturn table `cafile`: the file, nil if it is not there; `capath`: the
directory, or several with colons between them, nil if none is there;
`openssl_cafile_env` and `openssl_capath_env`: the names of the environment
variables that name others, SSL_CERT_FILE and SSL_CERT_DIR; `openssl_cafile` and
`openssl_capath`: those that OpenSSL was built with
@source Python 3.4, ssl.get_default_verify_paths; X509_get_default_cert_file(3)
@usage print(ssl.get_default_verify_paths().cafile)
*/
int context_trust_default_paths (lua_State *L) {
  const char *file, *directories;
  truststore_places(&file, &directories);
  lua_settop(L, 0);
  lua_createtable(L, 0, 6);
  if (*file != '\0' && is_there(file, 0)) set_place(L, "cafile", file);
  if (any_is_there(L, directories)) set_place(L, "capath", directories);
  set_place(L, "openssl_cafile_env", X509_get_default_cert_file_env());
  set_place(L, "openssl_cafile", X509_get_default_cert_file());
  set_place(L, "openssl_capath_env", X509_get_default_cert_dir_env());
  set_place(L, "openssl_capath", X509_get_default_cert_dir());
  return 1;
}
