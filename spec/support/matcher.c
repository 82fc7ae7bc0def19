/*
** matcher.c -- for the specs alone: certificates with one DNS name of any
** bytes, and whether OpenSSL's matcher finds a name in a certificate.
*/
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <lauxlib.h>
#include <lua.h>

static EVP_PKEY *key_of (lua_State *L, int index) {
  size_t size;
  const char *text = luaL_checklstring(L, index, &size);
  BIO *bio = BIO_new_mem_buf(text, (int)size);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  BIO_free(bio);
  if (key == NULL) luaL_argerror(L, index, "no private key");
  return key;
}

static void name (X509 *x509, const char *bytes, size_t size) {
  GENERAL_NAMES *names = GENERAL_NAMES_new();
  GENERAL_NAME *one = GENERAL_NAME_new();
  ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
  ASN1_STRING_set(dns, bytes, (int)size);
  GENERAL_NAME_set0_value(one, GEN_DNS, dns);
  sk_GENERAL_NAME_push(names, one);
  X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0);
  GENERAL_NAMES_free(names);
}

/* certificate(key, name): self-signed; both in PEM. */
static int matcher_certificate (lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  EVP_PKEY *key = key_of(L, 1);
  X509 *x509 = X509_new();
  BIO *bio = BIO_new(BIO_s_mem());
  char *text;
  long length;
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -60);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
  X509_set_pubkey(x509, key);
  name(x509, bytes, size);
  X509_sign(x509, key, EVP_sha256());
  PEM_write_bio_X509(bio, x509);
  X509_free(x509);
  EVP_PKEY_free(key);
  length = BIO_get_mem_data(bio, &text);
  lua_pushlstring(L, text, (size_t)length);
  BIO_free(bio);
  return 1;
}

/* finds(der, name): as LuaSSL asks it. */
static int matcher_finds (lua_State *L) {
  size_t size;
  const unsigned char *der =
    (const unsigned char *)luaL_checklstring(L, 1, &size);
  const char *host = luaL_checkstring(L, 2);
  X509 *x509 = d2i_X509(NULL, &der, (long)size);
  int found;
  if (x509 == NULL) return luaL_argerror(L, 1, "no certificate");
  found = X509_check_host(x509, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
                          | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
  X509_free(x509);
  lua_pushboolean(L, found == 1);
  return 1;
}

int luaopen_luassl_matcher (lua_State *L);

int luaopen_luassl_matcher (lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, matcher_certificate);
  lua_setfield(L, -2, "certificate");
  lua_pushcfunction(L, matcher_finds);
  lua_setfield(L, -2, "finds");
  return 1;
}
