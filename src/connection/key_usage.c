/*
** key_usage.c -- what a certificate lets its key be used for, and what TLS does
** with it. OpenSSL is content with any bit that some handshake could use, as
** it verifies a chain without knowing which handshake that is for.
*/

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "connection/key_usage.h"

/* Bits of KeyUsage: RFC 5280, 4.2.1.3. */
enum { DIGITAL_SIGNATURE = 0, KEY_ENCIPHERMENT = 2, NONE = -1 };

/* A client's key only ever signs (RFC 8446, 4.4.3; RFC 5246, 7.4.8), as does a
** server's in TLS 1.3. Before that RSA key exchange encrypts to it: RFC 5246,
** 7.4.2. What GOST's ciphers do with it is their own (RFC 9189). */
static int usage_of (const SSL *ssl) {
  const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
  if (SSL_is_server(ssl) || SSL_version(ssl) > TLS1_2_VERSION)
    return DIGITAL_SIGNATURE;
  if (cipher == NULL) return DIGITAL_SIGNATURE;
  switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_rsa: case NID_kx_rsa_psk: return KEY_ENCIPHERMENT;
    case NID_kx_gost: case NID_kx_gost18: return NONE;
    default: return DIGITAL_SIGNATURE;
  }
}

/* A certificate without the extension may do everything; one whose extension
** cannot be read, nothing. X509_get_key_usage(3) says nothing where any other
** extension cannot be read. */
static int allows (const X509 *leaf, int usage) {
  int found, set;
  ASN1_BIT_STRING *bits;
  ERR_set_mark();  /* a verdict that is overruled leaves no complaint */
  bits = X509_get_ext_d2i(leaf, NID_key_usage, &found, NULL);
  ERR_pop_to_mark();
  set = bits != NULL ? ASN1_BIT_STRING_get_bit(bits, usage) : found == -1;
  ASN1_BIT_STRING_free(bits);
  return set;
}

const char *key_usage_missing (const SSL *ssl, const X509 *leaf) {
  int usage = usage_of(ssl);
  if (usage == NONE || allows(leaf, usage)) return NULL;
  return usage == KEY_ENCIPHERMENT ? "keyEncipherment" : "digitalSignature";
}
