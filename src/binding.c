/*
** binding.c -- a digest of all that a context asks of a peer and shows it:
** sessions live within it. It is the same in each process and on each machine
** with the same configuration; hooks, whose code cannot be compared, are told
** apart by a random number for each function.
*/

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "binding.h"
#include "errors.h"
#include "options.h"
#include "pins.h"
#include "stamp.h"
#include "truststore.h"

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

static int add_number (EVP_MD_CTX *md, const char *name, int n) {
  unsigned char byte = (unsigned char)n;
  return add(md, name, &byte, 1);
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

static int add_text (EVP_MD_CTX *md, const char *name, const char *text) {
  return add(md, name, text, text != NULL ? strlen(text) : 0);
}

/* Servers on several machines have the system's trust at other times. */
static int add_trust (EVP_MD_CTX *md, const char *path, const Settings *s) {
  uint64_t stamp = 0;
  if (s->system_trust && !s->policy.server_side) stamp = truststore_stamp();
  if (path != NULL) stamp_path(&stamp, path);
  return add_number(md, "system_trust", s->system_trust)
         && add_text(md, "ca_path", path)
         && (s->policy.server_side || add(md, "stamp", &stamp, sizeof(stamp)));
}

/* What a full handshake refuses, beyond the chain. */
static int add_strength (EVP_MD_CTX *md, SSL_CTX *ctx, const Settings *s) {
  return add_number(md, "level", SSL_CTX_get_security_level(ctx))
         && add_text(md, "ciphers", s->ciphers)
         && add_text(md, "ciphersuites", s->ciphersuites)
         && add_text(md, "sigalgs", s->sigalgs)
         && add_text(md, "groups", s->groups);
}

static int add_policy (EVP_MD_CTX *md, const Policy *p) {
  size_t size = 0;
  const unsigned char *pins = NULL;
  if (p->pins != NULL) pins = pins_bytes(p->pins, &size);
  return add_number(md, "server_side", p->server_side)
         && add_number(md, "cert_reqs", p->cert_reqs)
         && add_number(md, "check_hostname", p->check_hostname)
         && add_number(md, "hooks", p->hooks)
         && add(md, "pins", pins, size);
}

/* The hook's identity, pushed by `push_hooks` at `index`. */
static int add_string (EVP_MD_CTX *md, lua_State *L, int index,
                       const char *name) {
  size_t size = 0;
  const char *text = lua_tolstring(L, index, &size);
  return !lua_isboolean(L, index) && add(md, name, text, size);
}

static int add_protocols (EVP_MD_CTX *md, lua_State *L, int list) {
  size_t i, n = lua_istable(L, list) ? compat_rawlen(L, list) : 0;
  for (i = 1; i <= n; i++) {
    int done;
    lua_rawgeti(L, list, (int)i);
    done = add_string(md, L, -1, "alpn");
    lua_pop(L, 1);
    if (!done) return 0;
  }
  return 1;
}

static const char *const hooks[] = {
  "on_client_hello", "on_certificate", "on_verify"
};

/* Pushes what only Lua has: three identities, ALPN, session_id_context and
** ca_path. */
static int push_values (lua_State *L, int options) {
  int i, first = lua_gettop(L) + 1;
  for (i = 0; i < 3; i++)
    if (options_push(L, options, hooks[i]) != LUA_TNIL) identify(L);
  options_push(L, options, "alpn_protocols");
  options_push(L, options, "session_id_context");
  options_push(L, options, "ca_path");
  return first;
}

static int add_all (EVP_MD_CTX *md, lua_State *L, SSL_CTX *ctx,
                    const Settings *s, const Policy *policy, int first) {
  if (!lua_isnil(L, first + 4))  /* overrides the rest */
    return add_string(md, L, first + 4, "session_id_context");
  return add_policy(md, policy)
         && add_strength(md, ctx, s)
         && add_certificates(md, ctx, s->own_trust)
         && add_trust(md, lua_tostring(L, first + 5), s)
         && add_string(md, L, first, hooks[0])
         && add_string(md, L, first + 1, hooks[1])
         && add_string(md, L, first + 2, hooks[2])
         && add_protocols(md, L, first + 3);
}

int binding_make (lua_State *L, SSL_CTX *ctx, int options, const Settings *s,
                  Policy *policy) {
  int first = push_values(L, options);
  EVP_MD_CTX *md = EVP_MD_CTX_new();  /* nothing raises from here */
  int done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
             && add_all(md, L, ctx, s, policy, first)
             && EVP_DigestFinal_ex(md, policy->digest, NULL);
  EVP_MD_CTX_free(md);
  if (done) {
    lua_settop(L, first - 1);
    return 1;
  }
  errors_fail(L, "SSLContext", NULL);
  return 0;
}
