/*
** session_binding.c -- a digest of all that a context asks of a peer and shows
** it: sessions live within it. It is the same in each process and on each
** machine with the same configuration; hooks, whose code cannot be compared,
** are told apart by a random number for each function.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "context/session_binding.h"
#include "base/errors.h"
#include "context/options.h"
#include "base/file_identity.h"
#include "x509/truststore.h"

#define IDENTITY_SIZE 16

/* ---- the identity of a Lua function ---- */

static char identities;  /* registry key: functions -> strings, weak keys */

static void push_identities (lua_State *L) {
  lua_pushlightuserdata(L, &identities);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushlightuserdata(L, &identities);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

/* Replaces the function at the top by its identity; false without random
** numbers. [-1, +1, m] */
static void identify (lua_State *L) {
  unsigned char bytes[IDENTITY_SIZE];
  push_identities(L);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    if (RAND_bytes(bytes, sizeof(bytes)) == 1)
      lua_pushlstring(L, (const char *)bytes, sizeof(bytes));
    else lua_pushboolean(L, 0);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* ---- what goes in: each with its name and size in front ---- */

static int add (EVP_MD_CTX *md, const char *name, const void *data,
                size_t size) {
  unsigned char length[4];
  length[0] = (unsigned char)(size >> 24);
  length[1] = (unsigned char)(size >> 16);
  length[2] = (unsigned char)(size >> 8);
  length[3] = (unsigned char)size;
  return EVP_DigestUpdate(md, name, strlen(name) + 1)
         && EVP_DigestUpdate(md, length, sizeof(length))
         && EVP_DigestUpdate(md, data, size);
}

/* With its trust settings, if it has any. */
static int add_anchor (EVP_MD_CTX *md, X509 *x509) {
  unsigned char *der = NULL;
  int size, done;
  if (x509 == NULL) return 1;
  size = i2d_X509_AUX(x509, &der);
  done = size > 0 && add(md, "anchor", der, (size_t)size);
  OPENSSL_free(der);
  return done;
}

static int add_certificate (EVP_MD_CTX *md, X509 *x509) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size;
  if (x509 == NULL) return 1;
  return X509_digest(x509, EVP_sha256(), digest, &size)
         && add(md, "certificate", digest, size);
}

static int add_certificates (EVP_MD_CTX *md, SSL_CTX *ctx, int anchors) {
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  STACK_OF(X509_OBJECT) *objects;
  int i, done;
  if (!add_certificate(md, SSL_CTX_get0_certificate(ctx)))
    return 0;
  if (!anchors) return 1;
  objects = compat_objects_take(store);
  done = objects != NULL;
  for (i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {
    X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
    done = add_anchor(md, X509_OBJECT_get0_X509(object));
  }
  compat_objects_leave(store, objects);
  return done;
}

/* What the handshake refuses beyond the chain, openssl.cnf's say included. */
static int add_level (EVP_MD_CTX *md, SSL_CTX *ctx) {
  unsigned char level = (unsigned char)SSL_CTX_get_security_level(ctx);
  return add(md, "level", &level, 1);
}

/* Servers on several machines have the system's trust at other times. */
static int add_stamp (EVP_MD_CTX *md, const char *path, const Settings *s) {
  uint64_t stamp = 0;
  if (s->policy.defaults.server_side) return 1;
  if (s->system_trust) stamp = truststore_stamp();
  if (path != NULL) file_identity_path(&stamp, path);
  return add(md, "stamp", &stamp, sizeof(stamp));
}

/* ---- the options' values ---- */

/* Those that a digest is made of; the other rows are bound otherwise. */
static int is_added (const Option *o) {
  return o->of & OF_CONTEXT
         && (o->binding == BOUND_VALUE || o->binding == BOUND_FUNCTION
             || o->binding == BOUND_PLACE || o->binding == BOUND_BY_NAME);
}

/* Pushes a list of them all, as nothing may raise while a digest is made. */
static void push_values (lua_State *L, int options) {
  const Option *o;
  int n = 0;
  lua_newtable(L);
  for (o = option_table; o->name != NULL; o++) {
    if (!is_added(o)) continue;
    if (options_push(L, options, o->name) == LUA_TFUNCTION) identify(L);
    lua_rawseti(L, -2, ++n);
  }
}

/* The value at the top. */
static int add_item (EVP_MD_CTX *md, lua_State *L, const char *name) {
  char number[32];
  size_t size = 0;
  const char *text = number;
  switch (lua_type(L, -1)) {
    case LUA_TNIL: text = ""; break;
    case LUA_TBOOLEAN: text = lua_toboolean(L, -1) ? "1" : "0"; break;
    case LUA_TSTRING: text = lua_tolstring(L, -1, &size); break;
    default:
      snprintf(number, sizeof(number), "%.14g", (double)lua_tonumber(L, -1));
  }
  return add(md, name, text, size != 0 ? size : strlen(text));
}

static int add_value (EVP_MD_CTX *md, lua_State *L, const Option *o) {
  size_t i, n;
  int done = 1;
  if (o->type == OPTION_FUNCTION && lua_isboolean(L, -1)) return 0;
  if (!lua_istable(L, -1)) return add_item(md, L, o->name);
  n = compat_rawlen(L, -1);
  for (i = 1; done && i <= n; i++) {
    lua_rawgeti(L, -1, (int)i);
    done = add_item(md, L, o->name);
    lua_pop(L, 1);
  }
  return done;
}

static int add_values (EVP_MD_CTX *md, lua_State *L, int values) {
  const Option *o;
  int n = 0, done = 1;
  for (o = option_table; done && o->name != NULL; o++) {
    if (!is_added(o)) continue;
    lua_rawgeti(L, values, ++n);
    done = add_value(md, L, o);
    lua_pop(L, 1);
  }
  return done;
}

static int add_all (EVP_MD_CTX *md, lua_State *L, SSL_CTX *ctx,
                    const Settings *s, int values) {
  return add_level(md, ctx)
         && add_certificates(md, ctx, s->own_trust)
         && add_stamp(md, s->ca_path, s)
         && add_values(md, L, values);
}

int session_binding_make (lua_State *L, SSL_CTX *ctx, int options,
                          const Settings *s, Policy *policy) {
  int values = lua_gettop(L) + 1;
  const char *instead;
  size_t size;
  EVP_MD_CTX *md;
  int done;
  push_values(L, options);
  instead = options_string(L, options, "session_id_context", &size);
  md = EVP_MD_CTX_new();  /* nothing raises from here */
  done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && (instead != NULL ? add(md, "session_id_context", instead, size)
                             : add_all(md, L, ctx, s, values))
         && EVP_DigestFinal_ex(md, policy->digest, NULL);
  EVP_MD_CTX_free(md);
  if (done) {
    lua_settop(L, values - 1);
    return 1;
  }
  errors_fail(L, "SSLContext", NULL);
  return 0;
}
