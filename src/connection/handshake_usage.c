/*
** handshake_usage.c -- what a handshake does with the peer's key. OpenSSL is
** content with any bit of key usage that some handshake could use, as it
** verifies a chain without knowing which handshake that is for.
*/

#include <openssl/objects.h>

#include "connection/handshake_usage.h"
#include "x509/key_usage.h"

/* A client's key only ever signs (RFC 8446, 4.4.3; RFC 5246, 7.4.8), as does a
** server's in TLS 1.3. Before that RSA key exchange encrypts to it: RFC 5246,
** 7.4.2. What GOST's ciphers do with it is their own (RFC 9189). */
int handshake_usage (const SSL *ssl) {
  const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
  if (SSL_is_server(ssl) || SSL_version(ssl) > TLS1_2_VERSION)
    return DIGITAL_SIGNATURE;
  if (cipher == NULL) return DIGITAL_SIGNATURE;
  switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_rsa: case NID_kx_rsa_psk: return KEY_ENCIPHERMENT;
    case NID_kx_gost: case NID_kx_gost18: return KEY_USAGE_NONE;
    default: return DIGITAL_SIGNATURE;
  }
}
