/*
** negotiation.c -- what a context offers and prefers, and how it writes
** records.
*/

#include <string.h>

#include "base/errors.h"
#include "base/quote.h"
#include "context/negotiation.h"
#include "context/options.h"
#include "context/policy.h"

/* ---- profiles ---- */

#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
  "TLS_CHACHA20_POLY1305_SHA256"
#define CURVES "X25519:prime256v1:secp384r1"
#define FORWARD_SECRET \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* Mozilla's guidelines "Server Side TLS": version 6.0, and 5.8 for "old", which
** the later ones have no more. Before OpenSSL 3.5 the hybrid group is left
** out. TLS before 1.2 needs security level 0: SSL_CTX_set_security_level(3). */
static const Profile profiles[] = {
  {"intermediate", TLS1_2_VERSION, 0, FORWARD_SECRET, SUITES, CURVES,
   "X25519MLKEM768:" CURVES},
  {"modern", TLS1_3_VERSION, 0, NULL, SUITES, CURVES,
   "X25519MLKEM768:" CURVES},
  {"old", TLS1_VERSION, 1, FORWARD_SECRET
   ":DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384"
   ":DHE-RSA-CHACHA20-POLY1305"
   ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"
   ":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
   ":ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"
   ":ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
   ":DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256"
   ":AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256"
   ":AES128-SHA:AES256-SHA:DES-CBC3-SHA:@SECLEVEL=0", SUITES, CURVES, NULL}
};

static const Profile *find_profile (lua_State *L, int options) {
  const char *name = options_string(L, options, "profile", NULL);
  size_t i;
  if (name == NULL) return NULL;
  for (i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
    if (strcmp(profiles[i].name, name) == 0) return &profiles[i];
  options_raise(L, "profile", "must be \"modern\", \"intermediate\" or "
                "\"old\"");
  return NULL;
}

/* ---- named options ---- */

typedef struct Name {
  const char *name;
  OptionSide side;
  uint64_t set, clear;
} Name;

/* Those that make sense here. What weakens (unsafe renegotiation, truncation
** as an end, compression) and what has an option of its own is not there. */
static const Name names[] = {
  {"allow_no_dhe_kex", EITHER_SIDE, SSL_OP_ALLOW_NO_DHE_KEX, 0},
  {"cryptopro_tlsext_bug", SERVER_SIDE, SSL_OP_CRYPTOPRO_TLSEXT_BUG, 0},
  {"dont_insert_empty_fragments", EITHER_SIDE,
   SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS, 0},
  {"legacy_server_connect", CLIENT_SIDE, SSL_OP_LEGACY_SERVER_CONNECT, 0},
  {"no_encrypt_then_mac", EITHER_SIDE, SSL_OP_NO_ENCRYPT_THEN_MAC, 0},
  {"no_extended_master_secret", EITHER_SIDE, SSL_OP_NO_EXTENDED_MASTER_SECRET,
   0},
  {"no_middlebox_compat", EITHER_SIDE, 0, SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
  {"no_ticket", EITHER_SIDE, SSL_OP_NO_TICKET, 0},
  {"prioritize_chacha", SERVER_SIDE,
   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CIPHER_SERVER_PREFERENCE, 0},
  {"tlsext_padding", CLIENT_SIDE, SSL_OP_TLSEXT_PADDING, 0},
  {NULL, EITHER_SIDE, 0, 0}
};

#define NAMES "allow_no_dhe_kex, cryptopro_tlsext_bug, " \
  "dont_insert_empty_fragments, legacy_server_connect, no_encrypt_then_mac, " \
  "no_extended_master_secret, no_middlebox_compat, no_ticket, " \
  "prioritize_chacha or tlsext_padding"

static const Name *find_name (const char *text, size_t size) {
  const Name *name;
  for (name = names; name->name != NULL; name++)
    if (strlen(name->name) == size && memcmp(name->name, text, size) == 0)
      return name;
  return NULL;
}

/* The text of a list's item, at the top; NULL: there is none. */
static const char *item (lua_State *L, int list, int i, size_t *size) {
  lua_rawgeti(L, list, i);
  return lua_tolstring(L, -1, size);
}

static void read_names (lua_State *L, int options, int server_side,
                        Negotiation *n) {
  OptionSide ours = server_side ? SERVER_SIDE : CLIENT_SIDE;
  int i, count = 0, list = lua_gettop(L) + 1;
  if (options_push(L, options, "options") == LUA_TTABLE)
    count = (int)compat_rawlen(L, list);
  for (i = 1; i <= count; i++) {
    size_t size;
    const char *text = item(L, list, i, &size);
    const Name *name = text != NULL ? find_name(text, size) : NULL;
    if (name == NULL)
      options_raise(L, "options", "must hold names of %s: number %d is none",
                    NAMES, i);
    else if (name->side != EITHER_SIDE && name->side != ours)
      options_raise(L, "options", "holds '%s', which is for %s", name->name,
                    server_side ? "clients" : "servers");
    else {
      n->set |= name->set;
      n->clear |= name->clear;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- the other options ---- */

static void read_preference (lua_State *L, int options, Negotiation *n) {
  int absent = n->profile != NULL && n->profile->server_preference;
  if (options_boolean(L, options, "cipher_server_preference", absent))
    n->set |= SSL_OP_CIPHER_SERVER_PREFERENCE;
}

/* RFC 6066, 4. */
static void read_fragment (lua_State *L, int options, Negotiation *n) {
  int i, size = options_integer(L, options, "max_fragment_length", 0);
  static const int sizes[] = {512, 1024, 2048, 4096};
  for (i = 0; i < 4; i++)
    if (sizes[i] == size) n->fragment = TLSEXT_max_fragment_length_512 + i;
  if (size != 0 && n->fragment == 0)
    options_raise(L, "max_fragment_length", "must be 512, 1024, 2048 or 4096, "
                  "not %d", size);
}

/* RFC 8879, 7.3. */
static void read_compression (lua_State *L, int options, Negotiation *n) {
  static const char *const known[] = {"zlib", "brotli", "zstd"};
  int i, j, count = 0, used = 0, list = lua_gettop(L) + 1;
  if (options_push(L, options, "certificate_compression") == LUA_TTABLE) {
    n->compresses = 1;
    count = (int)compat_rawlen(L, list);
  }
  for (i = 1; i <= count; i++) {
    size_t size;
    const char *text = item(L, list, i, &size);
    int algorithm = 0;
    for (j = 0; text != NULL && j < COMPAT_COMPRESSIONS; j++)
      if (strlen(known[j]) == size && strcmp(known[j], text) == 0)
        algorithm = j + 1;
    for (j = 0; j < used; j++)
      if (n->algorithms[j] == algorithm) algorithm = 0;
    if (algorithm == 0)
      options_raise(L, "certificate_compression", "must hold \"zlib\", "
                    "\"brotli\" or \"zstd\", each once: number %d is none", i);
    n->algorithms[used++] = algorithm;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void negotiation_read (lua_State *L, int options, int server_side,
                       Negotiation *n) {
  memset(n, 0, sizeof(*n));
  n->server_side = server_side;
  n->profile = find_profile(L, options);
  read_names(L, options, server_side, n);
  read_preference(L, options, n);
  read_fragment(L, options, n);
  read_compression(L, options, n);
  n->padding = (size_t)options_integer(L, options, "padding", 0);
}

int negotiation_record_size (lua_State *L, int options, int absent) {
  int type = options_push(L, options, "record_size");
  int size = type == LUA_TSTRING ? RECORD_DYNAMIC : absent;
  if (type == LUA_TNUMBER) size = (int)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return size;
}

/* ---- applying ---- */

static int fail_compression (lua_State *L) {
  errors_text(L, ERROR_T, "certificate_compression", "unsupported", "this "
              "OpenSSL cannot compress certificates so: it takes OpenSSL 3.2 "
              "or later, built with the algorithm");
  return 0;
}

int negotiation_apply (lua_State *L, SSL_CTX *ctx, const Negotiation *n) {
  if (n->clear != 0) SSL_CTX_clear_options(ctx, n->clear);
  if (n->set != 0) SSL_CTX_set_options(ctx, n->set);
  if ((n->fragment == 0
       || SSL_CTX_set_tlsext_max_fragment_length(ctx, (uint8_t)n->fragment))
      && (n->padding == 0 || SSL_CTX_set_block_padding(ctx, n->padding)))
    return !n->compresses || compat_set_compression(ctx, n->algorithms)
           || fail_compression(L);
  errors_fail(L, "SSLContext", NULL);
  return 0;
}

int negotiation_compress (lua_State *L, SSL_CTX *ctx, const Negotiation *n) {
  return !n->server_side || n->algorithms[0] == 0
         || SSL_CTX_get0_certificate(ctx) == NULL || compat_compress_own(ctx)
         || fail_compression(L);
}
