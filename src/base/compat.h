/*
** compat.h -- the only file that tests Lua and OpenSSL versions. With
** COMPAT_WITHOUT_LUA defined it is about OpenSSL alone.
*/
#ifndef LUASSL_COMPAT_H
#define LUASSL_COMPAT_H

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

/* SSL_set_retry_verify(3) came with it; core.c asks the library that runs. */
#define COMPAT_OPENSSL_LEAST 0x30000020L
#define COMPAT_OPENSSL_LEAST_TEXT "3.0.2"

#if OPENSSL_VERSION_NUMBER < COMPAT_OPENSSL_LEAST
#error "LuaSSL needs OpenSSL 3.0.2 or newer"
#endif

/* How many algorithms compress certificates: RFC 8879, 7.3. */
#define COMPAT_COMPRESSIONS 3

/* 1: RFC 7250 and RFC 8879 in the headers. */
#define COMPAT_CERTIFICATE_TYPES OPENSSL_VERSION_PREREQ(3, 2)

/* IANA, TLS Certificate Types; and the verdict on a key that nobody knows. */
#define COMPAT_X509 0
#define COMPAT_RAW_KEY 2
#if defined(X509_V_ERR_RPK_UNTRUSTED)
#define COMPAT_KEY_UNKNOWN X509_V_ERR_RPK_UNTRUSTED
#else
#define COMPAT_KEY_UNKNOWN 95
#endif

/* OpenSSL 3.4 deprecates the long. */
#if OPENSSL_VERSION_PREREQ(3, 3)
#define compat_session_time(session)  SSL_SESSION_get_time_ex(session)
#else
#define compat_session_time(session) \
  ((time_t)SSL_SESSION_get_time(session))
#endif

/* CompatIssued: the certificate whose issuer a store is asked for.
** compat_in_date: 1 if it is valid at the time that `param` names, or now.
** compat_hello_is_v2: 1 if the ClientHello is written as SSLv2 had it.
** compat_objects_take: what a store has in memory; NULL without memory. To be
** given back with `leave`: before 4.0 the store is locked until then. */
#if OPENSSL_VERSION_MAJOR >= 4
typedef const X509 CompatIssued;
#define compat_in_date(param, x509) \
  (X509_check_certificate_times(param, x509, NULL) == 1)
#define compat_hello_is_v2(ssl)  ((void)(ssl), 0)
#define compat_objects_take(store)  X509_STORE_get1_objects(store)
#define compat_objects_leave(store, objects) \
  ((void)(store), sk_X509_OBJECT_pop_free(objects, X509_OBJECT_free))
#else
typedef X509 CompatIssued;
#define compat_in_date(param, x509) \
  (X509_cmp_timeframe(param, X509_get0_notBefore(x509), \
                      X509_get0_notAfter(x509)) == 0)
#define compat_hello_is_v2(ssl)  SSL_client_hello_isv2(ssl)
#define compat_objects_take(store) \
  (X509_STORE_lock(store) ? X509_STORE_get0_objects(store) : NULL)
#define compat_objects_leave(store, objects) \
  ((void)((objects) != NULL && X509_STORE_unlock(store)))
#endif

#pragma GCC visibility push(hidden)

/* 1: the context can be told to compress certificates (RFC 8879), to take
** public keys without certificates (RFC 7250): OpenSSL 3.2, if built so. */
int compat_compresses_certificates (SSL_CTX *ctx);
int compat_takes_raw_keys (SSL_CTX *ctx);

/* Sets which types of certificates servers, or clients, may show; 0: OpenSSL
** cannot. */
int compat_set_certificate_types (SSL_CTX *ctx, int servers,
                                  const unsigned char *types, size_t n);

/* The public key that the peer showed instead of a certificate, borrowed; NULL:
** it did not. `target`: that which `store` is asked about. */
EVP_PKEY *compat_peer_key (const SSL *ssl);
EVP_PKEY *compat_target_key (X509_STORE_CTX *store);

/* Asks `store` about such a key. 0: no memory, or OpenSSL cannot. */
int compat_ask_for_key (X509_STORE_CTX *store, X509_STORE *trust,
                        EVP_PKEY *key);

/* 1: the certificate of a server, or of a client, is such a key. */
int compat_is_key (const SSL *ssl, int of_server);

/* The name of the key exchange's group; NULL: none. */
const char *compat_group_name (SSL *ssl);

/* The name of the signature algorithm, from OpenSSL 3.5 on; NULL: none, or
** not known. */
const char *compat_signature_name (SSL *ssl, int own);

/* Sets by which algorithms certificates are compressed in both directions, best
** first, 0 behind the last; none: not at all. 0: OpenSSL cannot. */
int compat_set_compression (SSL_CTX *ctx,
                            const int algorithms[COMPAT_COMPRESSIONS]);

/* Compresses the context's certificate; what a server sends compressed. */
int compat_compress_own (SSL_CTX *ctx);

#pragma GCC visibility pop

#ifndef COMPAT_WITHOUT_LUA

#include <lua.h>
#include <lauxlib.h>

#if LUA_VERSION_NUM < 501
#error "LuaSSL needs Lua 5.1 or newer"
#endif

#if LUA_VERSION_NUM == 501  /* LuaJIT too */
#define compat_setuservalue(L, i)  ((void)lua_setfenv(L, i))
#define compat_getuservalue(L, i)  lua_getfenv(L, i)
#define compat_rawlen(L, i)        ((size_t)lua_objlen(L, i))
#else
#define compat_setuservalue(L, i)  ((void)lua_setuservalue(L, i))
#define compat_getuservalue(L, i)  ((void)lua_getuservalue(L, i))
#define compat_rawlen(L, i)        ((size_t)lua_rawlen(L, i))
#endif

/* What is caught when nil was raised, where that is no nil. */
#if LUA_VERSION_NUM >= 505
#define COMPAT_NIL_RAISED "<no error object>"
#else
#define COMPAT_NIL_RAISED NULL
#endif

/* 1: C functions can go on behind a call that yielded. */
#define COMPAT_CONTINUES (LUA_VERSION_NUM >= 503)

/* Absolute form of a stack index. */
#define compat_absindex(L, i) \
  ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)

#pragma GCC visibility push(hidden)

/* The userdata at `index` if its metatable is registry[name], else NULL. */
void *compat_testudata (lua_State *L, int index, const char *name);
/* The same; raises for anything else, and tells the plain name. [-0, +0, v] */
void *compat_checkudata (lua_State *L, int index, const char *name);

/* The plain name of a type: "SSLSocket" of "luassl.SSLSocket". */
const char *compat_typename (const char *name);

/* Pushes registry[name], the metatable of a type of ours with the plain name
** in __name: a new one, or what an earlier try to load this module left, which
** had no memory. Raises if it is somebody else's. [-0, +1, v] */
void compat_newmetatable (lua_State *L, const char *name);

/* 1: the value, which was caught, stands for a nil that was raised. */
int compat_caught_nil (lua_State *L, int index);

/* Sets functions in the table below the `nup` upvalues. [-nup, +0, m] */
void compat_setfuncs (lua_State *L, const luaL_Reg *functions, int nup);

/* Makes the metatable of a userdata type, with its name, an empty method
** table in __index, and an empty __metatable.__index, which core.c fills with
** a copy for the eyes of others. Leaves metatable and method table.
** [-0, +2, m] */
void compat_newtype (lua_State *L, const char *name);

#pragma GCC visibility pop

#endif

#endif
