/*
** seal.c -- authenticated encryption: AES-256-GCM (SP 800-38D), under a key that
** is made anew for each text, of the caller's key and 32 random bytes in front
** of it. So no pair of key and nonce comes twice, however much is sealed.
*/

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/seal.h"

#define SALT_SIZE 32
#define TAG_SIZE 16
#define LABEL_MAX 128

static const unsigned char nonce[12];  /* the key is this text's alone */

/* HMAC-SHA256(key, label || salt) */
static int derive (const unsigned char *key, const char *label,
                   const unsigned char *salt, unsigned char *derived) {
  unsigned char text[LABEL_MAX + SALT_SIZE];
  size_t size = strlen(label);
  unsigned int length = 0;
  if (size > LABEL_MAX) return 0;
  memcpy(text, label, size);
  memcpy(text + size, salt, SALT_SIZE);
  return HMAC(EVP_sha256(), key, SEAL_KEY_SIZE, text, size + SALT_SIZE,
              derived, &length) != NULL && length == SEAL_KEY_SIZE;
}

static int start (EVP_CIPHER_CTX *cipher, const unsigned char *key,
                  const char *label, const unsigned char *salt, int encrypts) {
  unsigned char derived[EVP_MAX_MD_SIZE];
  int length;
  int done = derive(key, label, salt, derived)
             && EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, derived,
                                  nonce, encrypts)
             && EVP_CipherUpdate(cipher, NULL, &length,
                                 (const unsigned char *)label,
                                 (int)strlen(label));
  OPENSSL_cleanse(derived, sizeof(derived));
  return done;
}

int seal_close (const unsigned char *key, const char *label,
                const unsigned char *text, size_t size, unsigned char *out) {
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  unsigned char *body = out + SALT_SIZE;
  int length = 0, rest = 0;
  int done = cipher != NULL && size <= SEAL_MAX
             && RAND_bytes(out, SALT_SIZE) == 1
             && start(cipher, key, label, out, 1)
             && EVP_EncryptUpdate(cipher, body, &length, text, (int)size)
             && EVP_EncryptFinal_ex(cipher, body + length, &rest)
             && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE,
                                    body + size);
  EVP_CIPHER_CTX_free(cipher);
  return done;
}

int seal_open (const unsigned char *key, const char *label,
               const unsigned char *sealed, size_t sealed_size,
               unsigned char *out, size_t *size) {
  EVP_CIPHER_CTX *cipher;
  const unsigned char *body = sealed + SALT_SIZE;
  int length = 0, rest = 0, done;
  if (sealed_size < SEAL_EXTRA || sealed_size > SEAL_MAX + SEAL_EXTRA) return 0;
  *size = sealed_size - SEAL_EXTRA;
  cipher = EVP_CIPHER_CTX_new();
  done = cipher != NULL && start(cipher, key, label, sealed, 0)
         && EVP_DecryptUpdate(cipher, out, &length, body, (int)*size)
         && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
                                (void *)(body + *size))
         && EVP_DecryptFinal_ex(cipher, out + length, &rest) > 0;
  EVP_CIPHER_CTX_free(cipher);
  if (!done) OPENSSL_cleanse(out, *size);
  return done;
}
