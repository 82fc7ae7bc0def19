/*
** certificate_key.c -- the public key in a certificate.
*/

#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/errors.h"
#include "x509/asn1_value.h"
#include "x509/certificate.h"
#include "x509/certificate_key.h"

/***
@classmod Certificate
@group Key and signature
*/

#define NAME_MAX_SIZE 80
#define PIN_SIZE 45  /* base64 of 32 bytes, and a NUL */

/* The key; NULL: pushed nil and an error. */
static EVP_PKEY *check_key (lua_State *L, const char *operation) {
  X509 *x509 = certificate_check(L, 1);
  EVP_PKEY *key;
  ASN1_OBJECT *algorithm = NULL;
  errors_clear();
  key = X509_get0_pubkey(x509);
  errors_clear();
  if (key != NULL) return key;
  X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL,
                         X509_get_X509_PUBKEY(x509));
  asn1_value_push_object(L, algorithm);
  errors_text(L, ERROR_T, operation, "unsupported", "the certificate's key is "
              "damaged, or of a kind that this OpenSSL does not know (%s)",
              lua_tostring(L, -1));
  return NULL;
}

/* Of a key that OpenSSL has read: for want of memory, say. */
static int fail (lua_State *L, const char *operation) {
  errors_clear();
  return errors_text(L, ERROR_T, operation, "unsupported", "OpenSSL does not "
                     "tell that of the certificate's key");
}

/***
The kind of public key.
@function key_type
@treturn[1] string `"RSA"`, `"RSA-PSS"`, `"EC"`, `"Ed25519"`, `"Ed448"`,
`"DSA"`, `"ML-DSA-65"`, or another that OpenSSL names
@treturn[2] nil
@treturn[2] SSLError the key cannot be read: `spki` gives its bytes
@source EVP_PKEY_get0_type_name(3)
@usage print(certificate:key_type(), certificate:key_bits())  --> RSA 2048
*/
static int key_type (lua_State *L) {
  EVP_PKEY *key = check_key(L, "key_type");
  const char *name = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
  if (key == NULL) return 2;
  if (name == NULL) return fail(L, "key_type");
  if (strcmp(name, "ED25519") == 0) name = "Ed25519";
  if (strcmp(name, "ED448") == 0) name = "Ed448";
  lua_pushstring(L, name);
  return 1;
}

/***
The size of the public key.
@function key_bits
@treturn[1] integer of RSA the modulus's, of EC the field's, of others what
OpenSSL says
@treturn[2] nil
@treturn[2] SSLError the key cannot be read
@source EVP_PKEY_get_bits(3)
@usage assert(certificate:key_bits() >= 2048)
*/
static int key_bits (lua_State *L) {
  EVP_PKEY *key = check_key(L, "key_bits");
  int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
  if (key == NULL) return 2;
  if (bits <= 0) return fail(L, "key_bits");
  lua_pushinteger(L, bits);
  return 1;
}

/***
The curve of an EC key.
@function key_curve
@treturn[1] string OpenSSL's name, `"prime256v1"` (P-256), `"secp384r1"`
@treturn[2] nil the key is no EC key
@treturn[3] nil
@treturn[3] SSLError the key cannot be read, or its curve has no name
@source EVP_PKEY_get_group_name(3)
@usage print(certificate:key_curve())
*/
static int key_curve (lua_State *L) {
  EVP_PKEY *key = check_key(L, "key_curve");
  const char *type = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
  char name[NAME_MAX_SIZE];
  size_t size;
  int found;
  if (key == NULL) return 2;
  if (type == NULL) return fail(L, "key_curve");
  if (strcmp(type, "EC") != 0 && strcmp(type, "SM2") != 0) {
    lua_pushnil(L);
    return 1;
  }
  found = EVP_PKEY_get_group_name(key, name, sizeof(name), &size);
  errors_clear();
  if (!found)
    return errors_text(L, ERROR_T, "key_curve", "unsupported", "the key's "
                       "curve has no name: its parameters stand in the "
                       "certificate");
  lua_pushstring(L, name);
  return 1;
}

static int encode (const void *key, unsigned char **out) {
  return i2d_X509_PUBKEY(key, out);
}

static void push_spki (lua_State *L) {
  asn1_value_push_der(L, X509_get_X509_PUBKEY(certificate_check(L, 1)),
                      encode);
}

/* Replaces the DER at the top. */
static void armor (lua_State *L) {
  size_t size;
  const char *der = lua_tolstring(L, -1, &size);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "-----BEGIN PUBLIC KEY-----\n");
  base64_add(&b, (const unsigned char *)der, size);
  luaL_addstring(&b, "-----END PUBLIC KEY-----\n");
  luaL_pushresult(&b);
  lua_remove(L, -2);
}

static int encode_key (const void *key, unsigned char **out) {
  return i2d_PUBKEY(key, out);
}

void certificate_key_push (lua_State *L, const EVP_PKEY *key, int pem) {
  asn1_value_push_der(L, key, encode_key);
  if (pem) armor(L);
}

/***
The public key as the certificate holds it: SubjectPublicKeyInfo.
@function spki
@tparam[opt="der"] string form `"der"`, or `"pem"`: a `PUBLIC KEY`
@treturn string bytes, or PEM
@raise when `form` is another
@source RFC 5280, 4.1.2.7; RFC 7468, 13
@usage io.write(certificate:spki "pem")
*/
static int key_spki (lua_State *L) {
  static const char *const forms[] = {"der", "pem", NULL};
  int form;
  certificate_check(L, 1);
  form = certificate_check_form(L, 2, forms);
  push_spki(L);
  if (form == 1) armor(L);
  return 1;
}

/***
The public key's pin, ready for the option `pins` and for curl's
`--pinnedpubkey`.
@function pin
@treturn[1] string `"sha256//"` and base64 of the SHA-256 of `spki`
@treturn[2] nil
@treturn[2] SSLError there was no memory for a digest
@source RFC 7469, 2.4
@usage local context = ssl.create_default_context {pins = {certificate:pin()}}
*/
static int key_pin (lua_State *L) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned char text[PIN_SIZE];
  const char *der;
  size_t size;
  push_spki(L);
  der = lua_tolstring(L, -1, &size);
  errors_clear();
  if (!EVP_Digest(der, size, digest, NULL, EVP_sha256(), NULL))
    return errors_fail(L, "pin", NULL);
  EVP_EncodeBlock(text, digest, sizeof(digest));
  lua_pushfstring(L, "sha256//%s", (const char *)text);
  return 1;
}

const luaL_Reg certificate_key_methods[] = {
  {"key_bits", key_bits},
  {"key_curve", key_curve},
  {"key_type", key_type},
  {"pin", key_pin},
  {"spki", key_spki},
  {NULL, NULL}
};
