/*
** features.c -- what this LuaSSL can with the OpenSSL that runs: asked of the
** library itself, as its version tells neither how it was built nor which
** providers are loaded.
*/

#include <openssl/async.h>
#include <openssl/err.h>

#include "base/errors.h"
#include "base/features.h"

/* Each is asked of a fresh context. */
typedef int (*Probe) (SSL_CTX *ctx);

static int always (SSL_CTX *ctx) {
  (void)ctx;
  return 1;
}

/* Even where OpenSSL has it: LuaSSL has the name alone. */
static int never (SSL_CTX *ctx) {
  (void)ctx;
  return 0;
}

/* A range without any version that was built in is refused. */
static int speaks (SSL_CTX *ctx, int version) {
  return SSL_CTX_set_min_proto_version(ctx, 0)
         && SSL_CTX_set_max_proto_version(ctx, version)
         && SSL_CTX_set_min_proto_version(ctx, version);
}

static int speaks_1_0 (SSL_CTX *ctx) { return speaks(ctx, TLS1_VERSION); }
static int speaks_1_1 (SSL_CTX *ctx) { return speaks(ctx, TLS1_1_VERSION); }
static int speaks_1_2 (SSL_CTX *ctx) { return speaks(ctx, TLS1_2_VERSION); }
static int speaks_1_3 (SSL_CTX *ctx) { return speaks(ctx, TLS1_3_VERSION); }

static int has_stacks (SSL_CTX *ctx) {
  (void)ctx;
  return ASYNC_is_capable();
}

static int has_mlkem (SSL_CTX *ctx) {
  return SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768") == 1;
}

static int has_mldsa (SSL_CTX *ctx) {
  return SSL_CTX_set1_sigalgs_list(ctx, "mldsa65") == 1;
}

static const struct {
  const char *name;
  Probe probe;
} features[] = {
  {"ALPN", always},
  {"ASYNC", has_stacks},
  {"CERTIFICATE_COMPRESSION", compat_compresses_certificates},
  {"MLDSA", has_mldsa},
  {"MLKEM", has_mlkem},
  {"RAW_PUBLIC_KEYS", compat_takes_raw_keys},
  {"SNI", always},
  {"SSLv2", never},
  {"SSLv3", never},
  {"TLSv1", speaks_1_0},
  {"TLSv1_1", speaks_1_1},
  {"TLSv1_2", speaks_1_2},
  {"TLSv1_3", speaks_1_3}
};

#define COUNT (sizeof(features) / sizeof(features[0]))

/* Empties the queue; 1: there was no memory. */
static int lacked_memory (void) {
  Failure f;
  failure_take(&f, "ssl.HAS");
  return failure_find(&f, 0, ERR_R_MALLOC_FAILURE) >= 0;
}

/* 0: no memory, and what was found is none. */
static int ask (int found[]) {
  SSL_CTX *ctx;
  size_t i;
  for (i = 0; i < COUNT; i++) {
    errors_clear();
    ctx = SSL_CTX_new(TLS_method());
    found[i] = ctx != NULL && features[i].probe(ctx);
    SSL_CTX_free(ctx);
    if (ctx == NULL || (!found[i] && lacked_memory())) break;
  }
  errors_clear();
  return i == COUNT;
}

int features_find (lua_State *L) {
  int found[COUNT];
  size_t i;
  if (!ask(found)) return luaL_error(L, "ssl.HAS: OpenSSL has no memory");
  lua_newtable(L);
  for (i = 0; i < COUNT; i++) {
    lua_pushboolean(L, found[i]);
    lua_setfield(L, -2, features[i].name);
  }
  return 1;
}
