/*
** identity.c -- who this side is: certificates with their keys and chains, one
** or several, from the options to the SSL_CTX.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "context/identity.h"
#include "context/key_store.h"
#include "context/options.h"
#include "context/pem.h"
#include "context/pkcs12.h"

/* ---- from the options ---- */

static int take (lua_State *L, Material *m, int options, const char *file,
                 const char *string) {
  if (!pem_take_file(L, m, options, file)) return 0;
  return m->bytes != NULL || pem_take_string(L, m, options, string);
}

static Material *push (lua_State *L, int number) {
  Material *m = pem_push(L);
  m->number = number;
  return m;
}

/* The key of `cert`, in an option of its own or in the same as `cert`. */
static Material *take_key (lua_State *L, Material *cert, int options) {
  Material *key = push(L, cert->number);
  if (!key_store_read(L, key, options)) return NULL;
  if (key->key != NULL) return key;
  if (!take(L, key, options, "keyfile", "key")) return NULL;
  if (key->bytes == NULL) key = cert;
  return pem_read_key(L, key, options) ? key : NULL;
}

/* ---- in order ---- */

/* Moves certificate `from` to `to`, before it. 0: no memory. */
static int move (STACK_OF(X509) *chain, int from, int to) {
  X509 *x509 = sk_X509_delete(chain, from);
  if (sk_X509_insert(chain, x509, to)) return 1;
  X509_free(x509);
  return 0;
}

/* Each is followed by its issuer, if that is there; what is no part of the
** chain stays behind it. 0: no memory. */
static int sort (Material *m) {
  STACK_OF(X509) *chain = m->certificates;
  int i, j, n = sk_X509_num(chain);
  for (i = 0; i + 1 < n; i++) {
    X509 *x509 = sk_X509_value(chain, i);
    if (X509_check_issued(x509, x509) == X509_V_OK) break;
    for (j = i + 1; j < n; j++)
      if (X509_check_issued(sk_X509_value(chain, j), x509) == X509_V_OK) break;
    if (j == n) break;
    if (j == i + 1) continue;
    if (!move(chain, j, i + 1)) return 0;
    m->reordered = 1;
  }
  return 1;
}

/* RFC 8446, 4.4.2: the certificate of the key first, then the issuers. */
static int arrange (lua_State *L, Material *cert, const Material *key) {
  int i, n = sk_X509_num(cert->certificates);
  errors_clear();
  for (i = 0; i < n; i++) {
    if (X509_check_private_key(sk_X509_value(cert->certificates, i), key->key)
        == 1) break;
    if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
      return pem_fail(L, cert, "memory", "out of memory");
    errors_clear();
  }
  if (i == n) return pem_fail_matching(L, cert, key);
  cert->reordered = i > 0;
  if ((i == 0 || move(cert->certificates, i, 0)) && sort(cert)) return 1;
  ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
  return pem_fail(L, cert, "memory", "out of memory");
}

/* ---- into the context ---- */

static int use (lua_State *L, SSL_CTX *ctx, Material *cert,
                const Material *key) {
  STACK_OF(X509) *chain = cert->certificates;
  char room[MATERIAL_PLACE];
  X509 *leaf;
  int done;
  if (!arrange(L, cert, key)) return 0;
  leaf = sk_X509_shift(chain);
  done = SSL_CTX_use_cert_and_key(ctx, leaf, key->key, chain, 1);
  sk_X509_unshift(chain, leaf);
  if (done == 1) return 1;
  if (cert->file == NULL) errors_fail(L, pem_place(cert, room), NULL);
  else errors_file(L, pem_place(cert, room), NULL, cert->file, NULL);
  return 0;
}

static char taken;  /* key in the options' table, of no option */

void identity_push_taken (lua_State *L, int options) {
  lua_pushlightuserdata(L, &taken);
  lua_rawget(L, options);
}

/* Adds the userdata at `index`, of which certificates alone are left. */
static void remember (lua_State *L, Material *m, int options, int index) {
  pem_forget_key(m);
  identity_push_taken(L, options);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushlightuserdata(L, &taken);
    lua_pushvalue(L, -2);
    lua_rawset(L, options);
  }
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, (int)compat_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/* One certificate, by the options at `from`. */
static int use_one (lua_State *L, SSL_CTX *ctx, int options, int from,
                    int number) {
  Material *cert = push(L, number), *key;
  int index = lua_gettop(L);
  if (!take(L, cert, from, "pkcs12_file", "pkcs12")) return 0;
  if (cert->bytes != NULL) {
    if (!pkcs12_read(L, cert, from) || !use(L, ctx, cert, cert)) return 0;
    remember(L, cert, options, index);
    return 1;
  }
  if (!take(L, cert, from, "certfile", "cert")) return 0;
  if (cert->bytes == NULL) return 1;
  if (!pem_read_certificates(L, cert)) return 0;
  key = take_key(L, cert, from);
  if (key == NULL || !use(L, ctx, cert, key)) return 0;
  if (key != cert) pem_clear(key);
  remember(L, cert, options, index);
  return 1;
}

/* Replaces the table at the top by a copy in which the option password stands
** in for one that is missing. */
static void complete (lua_State *L, int options) {
  int from = lua_gettop(L);
  lua_newtable(L);
  options_merge(L, from, from + 1, OF_CONTEXT);
  if (options_push(L, from, "password") == LUA_TNIL) {
    options_push(L, options, "password");
    lua_setfield(L, from + 1, "password");
  }
  lua_settop(L, from + 1);
  lua_replace(L, from);
}

int identity_use (lua_State *L, SSL_CTX *ctx, int options) {
  int list = lua_gettop(L) + 1, i, n;
  if (options_push(L, options, "certificates") == LUA_TNIL)
    return use_one(L, ctx, options, options, 0);
  n = (int)compat_rawlen(L, list);
  for (i = 1; i <= n; i++) {
    lua_settop(L, list);
    luaL_checkstack(L, LUA_MINSTACK, "certificates");
    lua_rawgeti(L, list, i);
    complete(L, options);
    if (!use_one(L, ctx, options, list + 1, i)) return 0;
  }
  lua_settop(L, list - 1);
  return 1;
}

/* ---- from one to the other ---- */

int identity_hand_over (SSL_CTX *ctx, SSL *ssl) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  int done = 1;
  SSL_certs_clear(ssl);
  for (; done && more == 1;
       more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(ctx, &chain);
    done = SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(ctx),
                                SSL_CTX_get0_privatekey(ctx), chain, 1);
  }
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  return done;
}

int identity_count (SSL_CTX *ctx) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  int n = 0;
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
    n++;
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  return n;
}

/* ---- a client's choice ---- */

/* Whether the server takes this type of key at all: RFC 5246, 7.4.4; RFC 8422,
** 5.5. */
static int is_type (SSL *ssl, int id) {
  int wanted = id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS
               ? TLS_CT_RSA_SIGN : TLS_CT_ECDSA_SIGN;
  const unsigned char *types;
  size_t i, n = (size_t)SSL_get0_certificate_types(ssl, &types);
  for (i = 0; i < n; i++)
    if (types[i] == wanted) return 1;
  return 0;
}

/* Makes the certificate whose key signs like that the current one; 0: there is
** none. */
static int take_current (SSL *ssl, int sign) {
  long more = SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST);
  for (; more == 1; more = SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
    int id = EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get_certificate(ssl)));
    if ((id == sign || (sign == EVP_PKEY_RSA_PSS && id == EVP_PKEY_RSA))
        && is_type(ssl, id)) return 1;
  }
  return 0;
}

/* Up to TLS 1.2 OpenSSL looks at the current one alone. */
void identity_choose (SSL *ssl) {
  int i, n, sign;
  if (SSL_is_server(ssl) || SSL_version(ssl) >= TLS1_3_VERSION) return;
  n = SSL_get_shared_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);
  for (i = 0; i < n; i++) {
    SSL_get_shared_sigalgs(ssl, i, &sign, NULL, NULL, NULL, NULL);
    if (take_current(ssl, sign)) return;
  }
  SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST);
}
