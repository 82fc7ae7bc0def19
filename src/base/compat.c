/*
** compat.c -- what some of the supported Luas and OpenSSLs lack.
** Names are our own: LuaJIT defines some of Lua 5.2's although its
** LUA_VERSION_NUM is 501.
*/

#include <string.h>

#include "base/compat.h"

#define PREFIX "luassl."  /* of all our names in the registry */

static char ours;  /* registry key: set of the metatables that we made */

void *compat_testudata (lua_State *L, int index, const char *name) {
  void *p = lua_touserdata(L, index);
  if (p == NULL || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  if (!lua_rawequal(L, -1, -2)) p = NULL;
  lua_pop(L, 2);
  return p;
}

const char *compat_typename (const char *name) {
  return name + sizeof(PREFIX) - 1;
}

void *compat_checkudata (lua_State *L, int index, const char *name) {
  void *p = compat_testudata(L, index, name);
  const char *found = luaL_typename(L, index);
  if (p != NULL) return p;
  if (luaL_getmetafield(L, index, "__name") && lua_type(L, -1) == LUA_TSTRING)
    found = lua_tostring(L, -1);
  lua_pushfstring(L, "%s expected, got %s", compat_typename(name), found);
  luaL_argerror(L, index, lua_tostring(L, -1));
  return NULL;
}

/* Pushes the set of the metatables that we made. */
static void push_ours (lua_State *L) {
  lua_pushlightuserdata(L, &ours);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_istable(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushlightuserdata(L, &ours);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

/* Leaves the metatable that is registered, 0: and nil, if there is none. */
static int find_metatable (lua_State *L, const char *name) {
  int found;
  push_ours(L);
  luaL_getmetatable(L, name);
  lua_pushvalue(L, -1);
  found = !lua_isnil(L, -1);
  if (found) lua_rawget(L, -3);
  if (found && !lua_toboolean(L, -1))
    luaL_error(L, "the registry holds a \"%s\" that is not of this LuaSSL: "
               "another library or another copy of LuaSSL has made it", name);
  lua_pop(L, 1);
  lua_remove(L, -2);
  return found;
}

void compat_newmetatable (lua_State *L, const char *name) {
  if (find_metatable(L, name)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushstring(L, compat_typename(name));  /* 5.1 and 5.2 do not set it */
  lua_setfield(L, -2, "__name");
  push_ours(L);
  lua_pushvalue(L, -2);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);  /* the last that may fail */
}

int compat_caught_nil (lua_State *L, int index) {
  const char *text = COMPAT_NIL_RAISED;
  return lua_isnil(L, index)
         || (text != NULL && lua_type(L, index) == LUA_TSTRING
             && strcmp(lua_tostring(L, index), text) == 0);
}

void compat_setfuncs (lua_State *L, const luaL_Reg *functions, int nup) {
  for (; functions->name != NULL; functions++) {
    int i;
    for (i = 0; i < nup; i++) lua_pushvalue(L, -nup);
    lua_pushcclosure(L, functions->func, nup);
    lua_setfield(L, -nup - 2, functions->name);
  }
  lua_pop(L, nup);
}

void compat_newtype (lua_State *L, const char *name) {
  compat_newmetatable(L, name);
  lua_newtable(L);
  lua_newtable(L);
  lua_setfield(L, -2, "__index");
  lua_setfield(L, -2, "__metatable");
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__index");
}

int compat_compresses_certificates (SSL_CTX *ctx) {
#if COMPAT_CERTIFICATE_TYPES
  int algorithms[] = {
    TLSEXT_comp_cert_zlib, TLSEXT_comp_cert_brotli, TLSEXT_comp_cert_zstd
  };
  return SSL_CTX_set1_cert_comp_preference(ctx, algorithms, 3) == 1;
#else
  (void)ctx;
  return 0;
#endif
}

/* An algorithm that was not built in is dropped by OpenSSL without a word. */
int compat_set_compression (SSL_CTX *ctx,
                            const int algorithms[COMPAT_COMPRESSIONS]) {
#if COMPAT_CERTIFICATE_TYPES
  int list[COMPAT_COMPRESSIONS];
  size_t n = 0;
  while (n < COMPAT_COMPRESSIONS && algorithms[n] != 0) {
    list[n] = algorithms[n];
    if (!SSL_CTX_set1_cert_comp_preference(ctx, &list[n], 1)) return 0;
    n++;
  }
  if (n > 0) return SSL_CTX_set1_cert_comp_preference(ctx, list, n) == 1;
  SSL_CTX_set_options(ctx, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
                           | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
  return 1;
#else
  (void)ctx;
  return algorithms[0] == 0;
#endif
}

int compat_compress_own (SSL_CTX *ctx) {
#if COMPAT_CERTIFICATE_TYPES
  return SSL_CTX_compress_certs(ctx, 0) == 1;
#else
  (void)ctx;
  return 0;
#endif
}

int compat_takes_raw_keys (SSL_CTX *ctx) {
#if COMPAT_CERTIFICATE_TYPES
  static const unsigned char types[] = {TLSEXT_cert_type_rpk};
  return SSL_CTX_set1_server_cert_type(ctx, types, sizeof(types)) == 1;
#else
  (void)ctx;
  return 0;
#endif
}

int compat_set_certificate_types (SSL_CTX *ctx, int servers,
                                  const unsigned char *types, size_t n) {
#if COMPAT_CERTIFICATE_TYPES
  return (servers ? SSL_CTX_set1_server_cert_type(ctx, types, n)
                  : SSL_CTX_set1_client_cert_type(ctx, types, n)) == 1;
#else
  (void)ctx;
  (void)servers;
  (void)types;
  (void)n;
  return 0;
#endif
}

EVP_PKEY *compat_peer_key (const SSL *ssl) {
#if COMPAT_CERTIFICATE_TYPES
  return SSL_get0_peer_rpk(ssl);
#else
  (void)ssl;
  return NULL;
#endif
}

EVP_PKEY *compat_target_key (X509_STORE_CTX *store) {
#if COMPAT_CERTIFICATE_TYPES
  return X509_STORE_CTX_get0_rpk(store);
#else
  (void)store;
  return NULL;
#endif
}

int compat_ask_for_key (X509_STORE_CTX *store, X509_STORE *trust,
                        EVP_PKEY *key) {
#if COMPAT_CERTIFICATE_TYPES
  return X509_STORE_CTX_init_rpk(store, trust, key) == 1;
#else
  (void)store;
  (void)trust;
  (void)key;
  return 0;
#endif
}

int compat_is_key (const SSL *ssl, int of_server) {
#if COMPAT_CERTIFICATE_TYPES
  return (of_server ? SSL_get_negotiated_server_cert_type(ssl)
                    : SSL_get_negotiated_client_cert_type(ssl))
         == TLSEXT_cert_type_rpk;
#else
  (void)ssl;
  (void)of_server;
  return 0;
#endif
}

const char *compat_group_name (SSL *ssl) {
#if OPENSSL_VERSION_PREREQ(3, 2)
  return SSL_get0_group_name(ssl);
#else
  int nid = (int)SSL_get_negotiated_group(ssl);
  return nid != NID_undef ? SSL_group_to_name(ssl, nid) : NULL;
#endif
}

const char *compat_signature_name (SSL *ssl, int own) {
#if OPENSSL_VERSION_PREREQ(3, 5)
  const char *name = NULL;
  long found = own ? SSL_get0_signature_name(ssl, &name)
                   : SSL_get0_peer_signature_name(ssl, &name);
  return found ? name : NULL;
#else
  (void)ssl;
  (void)own;
  return NULL;
#endif
}
