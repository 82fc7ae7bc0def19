/*
** session_binding.c -- a digest of all that a context asks of a peer and shows
** it: sessions live within it. A server's is the same in each process and on
** each machine with the same configuration. Hooks, whose code cannot be compared,
** are told apart by the option hooks_id; without it by a random number for each
** function.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "context/session_binding.h"
#include "base/errors.h"
#include "context/options.h"
#include "base/file_identity.h"
#include "x509/anchors.h"
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

static int add_name (EVP_MD_CTX *md, const char *part,
                     const X509_NAME *name) {
  unsigned char *der = NULL;
  int size = i2d_X509_NAME(name, &der);
  int done = size >= 0 && add(md, part, der, (size_t)size);
  OPENSSL_free(der);
  return done;
}

static int compare_digests (const void *a, const void *b) {
  return memcmp(a, b, DIGEST_SIZE);
}

/* In whatever order they stand. */
static int add_names (EVP_MD_CTX *md, const GENERAL_NAMES *names) {
  int i, done, n = sk_GENERAL_NAME_num(names);
  unsigned char *digests = OPENSSL_zalloc((size_t)n * DIGEST_SIZE + 1);
  done = digests != NULL;
  for (i = 0; done && i < n; i++)
    done = ASN1_item_digest(ASN1_ITEM_rptr(GENERAL_NAME), EVP_sha256(),
                            sk_GENERAL_NAME_value(names, i),
                            digests + i * DIGEST_SIZE, NULL);
  if (done) qsort(digests, (size_t)n, DIGEST_SIZE, compare_digests);
  done = done && add(md, "names", digests, (size_t)n * DIGEST_SIZE);
  OPENSSL_free(digests);
  return done;
}

/* Its names cannot be read. */
static int add_whole (EVP_MD_CTX *md, X509 *x509) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size;
  return X509_digest(x509, EVP_sha256(), digest, &size)
         && add(md, "whole", digest, size);
}

/* Who it is for, and the type of its key: a renewed one is for the same. To a
** client's identity belongs who vouches for it, while a server's issuers may
** come in turns. */
static int add_certificate (EVP_MD_CTX *md, X509 *x509, int server_side) {
  int found;
  GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, &found,
                                          NULL);
  EVP_PKEY *key = X509_get0_pubkey(x509);
  const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
  int done = type != NULL && add(md, "certificate", type, strlen(type))
             && add_name(md, "subject", X509_get_subject_name(x509))
             && (names != NULL ? add_names(md, names)
                               : found == -1 || add_whole(md, x509))
             && (server_side
                 || add_name(md, "issuer", X509_get_issuer_name(x509)));
  GENERAL_NAMES_free(names);
  return done;
}

static int add_own (EVP_MD_CTX *md, SSL_CTX *ctx, const Settings *s) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  int done = 1;
  for (; done && more == 1;
       more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
    done = add_certificate(md, SSL_CTX_get0_certificate(ctx),
                           s->policy.defaults.server_side);
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  return done;
}

/* Who is trusted, by what they are. A server's directory may be another on each
** machine; what a client trusts it is asked about more closely: add_stamp. A
** server asks its CRLs of now about each session (rejudgement.c): they may be
** renewed. */
static int add_anchors (EVP_MD_CTX *md, SSL_CTX *ctx, const Settings *s) {
  unsigned char digest[ANCHOR_SIZE], directory = s->ca_path != NULL;
  unsigned char crls = s->crls != 0;
  Anchors anchors;
  int done = 1;
  memset(&anchors, 0, sizeof(anchors));
  anchors.crls = !s->policy.defaults.server_side;
  if (s->own_trust || s->crls)
    done = anchors_add_store(&anchors, SSL_CTX_get_cert_store(ctx));
  if (directory && s->policy.defaults.server_side)
    done = done && anchors_add_directories(&anchors, s->ca_path);
  done = done && anchors_digest(&anchors, digest)
         && add(md, "anchors", digest, sizeof(digest))
         && add(md, "directory", &directory, 1)
         && add(md, "crls", &crls, 1);
  anchors_free(&anchors);
  return done;
}

/* The system's, where a server may have to do with them: to list them takes
** some milliseconds, once. */
static int add_system (EVP_MD_CTX *md, const Settings *s,
                       const Policy *policy) {
  unsigned char digest[ANCHOR_SIZE];
  Trust trust;
  int asks = policy->cert_reqs != CERT_NONE || policy->pins != NULL
             || policy->hooks & HOOK_VERIFY || policy->puts_off;
  if (!s->system_trust || !asks) return 1;
  return truststore_digest(digest, &trust)
         && add(md, "system", digest, sizeof(digest));
}

/* What the handshake refuses beyond the chain, openssl.cnf's say included. */
static int add_level (EVP_MD_CTX *md, SSL_CTX *ctx) {
  unsigned char level = (unsigned char)SSL_CTX_get_security_level(ctx);
  return add(md, "level", &level, 1);
}

/* Where a client's anchors come from, and when that was changed. */
static int add_stamp (EVP_MD_CTX *md, const char *path, const Settings *s) {
  uint64_t stamp = 0;
  if (s->system_trust) stamp = truststore_stamp();
  if (path != NULL) file_identity_path(&stamp, path);
  return add(md, "stamp", &stamp, sizeof(stamp));
}

/* ---- the options' values ---- */

/* Those that a digest is made of; the other rows are bound otherwise. A
** server's places are told by what lies there. */
static int is_added (const Option *o, int server_side) {
  return o->of & OF_CONTEXT
         && (o->binding == BOUND_VALUE || o->binding == BOUND_FUNCTION
             || o->binding == BOUND_BY_NAME
             || (o->binding == BOUND_PLACE
                 && !(server_side && o->type == OPTION_STRING)));
}

/* Replaces the function at the top by what tells it from others: the caller's
** word, or else an identity within this process. */
static void name_function (lua_State *L, int named) {
  if (!named) {
    identify(L);
    return;
  }
  lua_pop(L, 1);
  lua_pushliteral(L, "hooks_id");
}

/* Pushes a list of them all, as nothing may raise while a digest is made. */
static void push_values (lua_State *L, int options, int server_side) {
  const Option *o;
  int n = 0, named = options_string(L, options, "hooks_id", NULL) != NULL;
  lua_newtable(L);
  for (o = option_table; o->name != NULL; o++) {
    if (!is_added(o, server_side)) continue;
    if (options_push(L, options, o->name) == LUA_TFUNCTION)
      name_function(L, named);
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

static int add_values (EVP_MD_CTX *md, lua_State *L, int values,
                       int server_side) {
  const Option *o;
  int n = 0, done = 1;
  for (o = option_table; done && o->name != NULL; o++) {
    if (!is_added(o, server_side)) continue;
    lua_rawgeti(L, values, ++n);
    done = add_value(md, L, o);
    lua_pop(L, 1);
  }
  return done;
}

/* Who is believed, and whether anybody has to be: of a server the same on each
** machine, whatever files it has that from and when they were written. */
static int add_trust (EVP_MD_CTX *md, SSL_CTX *ctx, const Settings *s,
                      const Policy *policy) {
  unsigned char reqs = (unsigned char)s->policy.cert_reqs;
  return add(md, "cert_reqs", &reqs, 1)
         && add_anchors(md, ctx, s)
         && (s->policy.defaults.server_side ? add_system(md, s, policy)
                                            : add_stamp(md, s->ca_path, s));
}

/* The trust goes in always: no name that a caller gives to the rest stands for
** it. */
static int add_all (EVP_MD_CTX *md, lua_State *L, SSL_CTX *ctx,
                    const Settings *s, int values, const Policy *policy) {
  return add(md, "trust", policy->trust, sizeof(policy->trust))
         && add_level(md, ctx)
         && add_own(md, ctx, s)
         && add_values(md, L, values, s->policy.defaults.server_side);
}

static int add_named (EVP_MD_CTX *md, const char *name, size_t size,
                      const Policy *policy) {
  return add(md, "trust", policy->trust, sizeof(policy->trust))
         && add(md, "session_id_context", name, size);
}

int session_binding_make (lua_State *L, SSL_CTX *ctx, int options,
                          const Settings *s, Policy *policy) {
  int values = lua_gettop(L) + 1;
  const char *instead;
  size_t size;
  EVP_MD_CTX *md;
  int done;
  push_values(L, options, s->policy.defaults.server_side);
  instead = options_string(L, options, "session_id_context", &size);
  md = EVP_MD_CTX_new();  /* nothing raises from here */
  done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && add_trust(md, ctx, s, policy)
         && EVP_DigestFinal_ex(md, policy->trust, NULL)
         && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && (instead != NULL ? add_named(md, instead, size, policy)
                             : add_all(md, L, ctx, s, values, policy))
         && EVP_DigestFinal_ex(md, policy->digest, NULL);
  EVP_MD_CTX_free(md);
  if (done) {
    lua_settop(L, values - 1);
    return 1;
  }
  errors_fail(L, "SSLContext", NULL);
  return 0;
}
