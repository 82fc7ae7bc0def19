/*
** core.c -- luaopen_luassl_core: opens the parts of the C module.
*/

#define _GNU_SOURCE  /* dladdr(3) */

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "base/base64.h"
#include "x509/certificate.h"
#include "x509/certificate_type.h"
#include "base/compat.h"
#include "connection/connection.h"
#include "context/certificate_list.h"
#include "context/chain_verification.h"
#include "context/context.h"
#include "context/luasec_context.h"
#include "connection/handshake.h"
#include "connection/hooks.h"
#include "base/errors.h"
#include "base/features.h"
#include "carrier/bare_fd.h"
#include "carrier/luasec_socket.h"
#include "carrier/sslobject.h"
#include "connection/operation.h"
#include "connection/server_key.h"
#include "context/options.h"
#include "base/quote.h"
#include "carrier/poll.h"
#include "base/random.h"
#include "context/context_trust.h"
#include "context/saved_session.h"
#include "context/session.h"
#include "context/ticket_keys.h"
#include "carrier/sslsocket.h"
#include "connection/transfer.h"
#include "base/file_identity.h"
#include "x509/truststore.h"

static char opened;  /* registry key: the module's table */

/* A host may have linked an OpenSSL of its own that captures our symbols; and
** the system's may be older than the one LuaSSL was built with. */
static void check_openssl (lua_State *L) {
  if (OpenSSL_version_num() < COMPAT_OPENSSL_LEAST)
    luaL_error(L, "LuaSSL needs OpenSSL " COMPAT_OPENSSL_LEAST_TEXT
               " or newer, but this process runs %s",
               OpenSSL_version(OPENSSL_VERSION));
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
    luaL_error(L, "LuaSSL was built for OpenSSL %d, but this process runs %s: "
               "build LuaSSL against that one",
               OPENSSL_VERSION_MAJOR, OpenSSL_version(OPENSSL_VERSION));
}

/* OpenSSL keeps pointers to our functions (the BIO method, ex_data): the
** library stays in memory when a host closes its Lua state. */
static void stay_resident (void) {
  static const char anchor = 0;
  Dl_info info;
  if (dladdr(&anchor, &info) && info.dli_fname != NULL)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

/***
@page ssl
@group Versions and features
*/

/***
The OpenSSL that runs, in its words: `"OpenSSL 3.0.17 1 Jul 2025"`.
@constant OPENSSL_VERSION string
@source OpenSSL_version(3); Python 2.7, ssl
@usage print(ssl.OPENSSL_VERSION)
*/

/***
The OpenSSL that runs, as a number that grows with its version: 0x30000110.
@constant OPENSSL_VERSION_NUMBER integer
@source OpenSSL_version_num(3); Python 2.7, ssl
@usage local has_mlkem = ssl.OPENSSL_VERSION_NUMBER >= 0x30500000
*/

/***
The OpenSSL that runs: major, minor and patch level, a list.
@constant OPENSSL_VERSION_INFO {integer,integer,integer}
@source OPENSSL_version_major(3)
@usage local major = ssl.OPENSSL_VERSION_INFO[1]
*/
static void push_versions (lua_State *L) {
  lua_newtable(L);
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "OPENSSL_VERSION");
  lua_pushinteger(L, (lua_Integer)OpenSSL_version_num());
  lua_setfield(L, -2, "OPENSSL_VERSION_NUMBER");
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)OPENSSL_version_major());
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, (lua_Integer)OPENSSL_version_minor());
  lua_rawseti(L, -2, 2);
  lua_pushinteger(L, (lua_Integer)OPENSSL_version_patch());
  lua_rawseti(L, -2, 3);
  lua_setfield(L, -2, "OPENSSL_VERSION_INFO");
}

/* Copies the method table of the type to where getmetatable shows it:
** others may read it there, and change nothing of ours. */
static void publish_type (lua_State *L, const char *name) {
  luaL_getmetatable(L, name);
  lua_getfield(L, -1, "__metatable");
  lua_newtable(L);
  lua_getfield(L, -3, "__index");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_settable(L, -5);
  }
  lua_pop(L, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
}

/* publish([luasec]): after the Lua files have added their methods, or after
** luassl.luasec has. */
static int core_publish (lua_State *L) {
  if (lua_toboolean(L, 1)) {
    publish_type(L, LUASEC_T);
    publish_type(L, LUASEC_CONTEXT_T);
    return 0;
  }
  publish_type(L, SOCKET_T);
  publish_type(L, OBJECT_T);
  publish_type(L, CONTEXT_T);
  publish_type(L, CERTIFICATE_T);
  publish_type(L, SESSION_T);
  return 0;
}

/* stamp([path]): a string that changes when the file does, or what the
** system trusts. */
static int core_stamp (lua_State *L) {
  uint64_t stamp = 0;
  char text[24];
  if (lua_isnoneornil(L, 1)) stamp = truststore_stamp();
  else file_identity_path(&stamp, luaL_checkstring(L, 1));
  snprintf(text, sizeof(text), "%016" PRIx64, stamp);
  lua_pushstring(L, text);
  return 1;
}

/* hides(text): whether it is PEM or may be a key, and is not to be shown. */
static int core_hides (lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_pushboolean(L, quote_is_key(text, size));
  return 1;
}

typedef struct DigestKey {
  int made;
  unsigned char bytes[SHA256_DIGEST_LENGTH];
} DigestKey;

/* digest(text): what is another for another text, and tells nothing about it;
** nil without random numbers. The key, the upvalue, is of this Lua state. */
static int core_digest (lua_State *L) {
  DigestKey *key = lua_touserdata(L, lua_upvalueindex(1));
  unsigned char digest[SHA256_DIGEST_LENGTH];
  size_t size;
  const unsigned char *text = (const unsigned char *)luaL_checklstring(L, 1,
                                                                       &size);
  errors_clear();
  if (!key->made) key->made = RAND_bytes(key->bytes, sizeof(key->bytes)) == 1;
  if (key->made && HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), text,
                        size, digest, NULL) != NULL)
    lua_pushlstring(L, (const char *)digest, sizeof(digest));
  else lua_pushnil(L);
  errors_clear();
  return 1;
}

static void push_digest (lua_State *L) {
  DigestKey *key = lua_newuserdata(L, sizeof(*key));
  memset(key, 0, sizeof(*key));
  lua_pushcclosure(L, core_digest, 1);
}

/* check_options(options, name): raises for what the function of that name does
** not take. */
static int core_check_options (lua_State *L) {
  static const char *const names[] = {
    "connect", "create_default_context", "get_server_certificate",
    "verify_client_post_handshake", "wrap_socket", NULL
  };
  static const int of[] = {
    OF_CONTEXT | OF_CONNECTION | OF_CONNECT, OF_CONTEXT,
    OF_CONTEXT | OF_CONNECTION | OF_FETCH, OF_REQUEST,
    OF_CONTEXT | OF_CONNECTION | OF_WRAP
  };
  options_check(L, 1, of[luaL_checkoption(L, 2, NULL, names)]);
  return 0;
}

/* clock(): seconds; a monotonic time. */
static int core_clock (lua_State *L) {
  lua_pushnumber(L, clock_now());
  return 1;
}

static const luaL_Reg functions[] = {
  {"check_options", core_check_options},
  {"clock", core_clock},
  {"features", features_find},
  {"hides", core_hides},
  {"load_certificates", certificate_list_load},
  {"load_session", saved_session_load},
  {"new_ticket_key", ticket_keys_make},
  {"publish", core_publish},
  {"stamp", core_stamp},
  {"verify", chain_verification_verify},
  {"wait", poll_wait},
  {NULL, NULL}
};

__attribute__((visibility("default")))
int luaopen_luassl_core (lua_State *L);

/* Opened again in the same state, it is the same: types are made once. */
int luaopen_luassl_core (lua_State *L) {
  lua_pushlightuserdata(L, &opened);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_istable(L, -1)) return 1;
  lua_pop(L, 1);
  check_openssl(L);
  stay_resident();
  lua_newtable(L);
  errors_open(L);
  lua_setfield(L, -2, "errors");
  random_open(L);
  lua_setfield(L, -2, "random");
  base64_open(L);
  lua_setfield(L, -2, "base64");
  certificate_type_open(L);
  lua_setfield(L, -2, "certificate");
  context_open(L);
  lua_setfield(L, -2, "context");
  sslsocket_open(L);
  bare_fd_primitives(L);
  lua_setfield(L, -2, "socket");
  sslobject_open(L);
  lua_setfield(L, -2, "object");
  luasec_socket_open(L);
  luasec_context_open(L);
  lua_setfield(L, -2, "luasec");
  session_open(L);
  saved_session_open(L);
  lua_newtable(L);
  operation_primitives(L);
  handshake_primitives(L);
  hooks_primitives(L);
  transfer_primitives(L);
  server_key_primitives(L);
  lua_setfield(L, -2, "connection");
  push_versions(L);
  lua_setfield(L, -2, "versions");
  options_push_table(L);
  lua_setfield(L, -2, "options");
  compat_setfuncs(L, functions, 0);
  lua_pushcfunction(L, context_trust_default_paths);
  lua_setfield(L, -2, "get_default_verify_paths");
  push_digest(L);
  lua_setfield(L, -2, "digest");
  errors_clear();
  lua_pushlightuserdata(L, &opened);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return 1;
}
