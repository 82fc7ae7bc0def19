/*
** ticket_keys.c -- the keys of a server's session tickets.
**
** A ticket is OpenSSL's: the key's name, an IV, the session under AES-256 in CBC
** mode, and an HMAC-SHA256 of all that (RFC 5077, 4). A key is the three of them
** in one string, in that order.
*/

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/errors.h"
#include "context/ticket_keys.h"

#define KEYS_MAX 64  /* a ticket of no key is compared with each */
#define NAME_SIZE 16
#define HMAC_SIZE 32
#define IV_SIZE 16

typedef struct TicketKey {
  unsigned char name[NAME_SIZE];
  unsigned char hmac[HMAC_SIZE];
  unsigned char aes[TICKET_KEY_SIZE - NAME_SIZE - HMAC_SIZE];
} TicketKey;

struct TicketKeys {
  int references;
  int count, given;     /* by the caller */
  TicketKey *list;      /* owned: the first encrypts */
  EVP_CIPHER *cipher;   /* owned */
};

static void forget (TicketKeys *keys) {
  OPENSSL_clear_free(keys->list, (size_t)keys->count * sizeof(*keys->list));
  keys->list = NULL;
  keys->count = 0;
}

void ticket_keys_free (TicketKeys *keys) {
  if (keys == NULL || --keys->references > 0) return;
  forget(keys);
  EVP_CIPHER_free(keys->cipher);
  OPENSSL_free(keys);
}

TicketKeys *ticket_keys_share (TicketKeys *keys) {
  keys->references++;
  return keys;
}

int ticket_keys_are_given (const TicketKeys *keys) {
  return keys != NULL && keys->given;
}

TicketKeys *ticket_keys_new (void) {
  TicketKeys *keys = OPENSSL_zalloc(sizeof(*keys));
  if (keys == NULL) return NULL;
  keys->references = 1;
  keys->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
  keys->list = OPENSSL_zalloc(sizeof(*keys->list));
  if (keys->cipher != NULL && keys->list != NULL) {
    keys->count = 1;
    if (RAND_priv_bytes((unsigned char *)keys->list,
                        sizeof(*keys->list)) == 1) return keys;
  }
  ticket_keys_free(keys);
  return NULL;
}

/* ---- OpenSSL makes a ticket, or reads one ---- */

static int set_hmac_key (EVP_MAC_CTX *mac, TicketKey *key) {
  OSSL_PARAM params[3];
  params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac,
                                                sizeof(key->hmac));
  params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                               (char *)"SHA256", 0);
  params[2] = OSSL_PARAM_construct_end();
  return EVP_MAC_CTX_set_params(mac, params);
}

static int start_ticket (TicketKeys *keys, unsigned char *name,
                         unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac) {
  TicketKey *key = keys->list;
  if (RAND_bytes(iv, IV_SIZE) != 1
      || !EVP_EncryptInit_ex2(cipher, keys->cipher, key->aes, iv, NULL)
      || !set_hmac_key(mac, key)) return -1;
  memcpy(name, key->name, NAME_SIZE);
  return 1;
}

/* 2: it is renewed, as its key is on the way out. */
static int read_ticket (TicketKeys *keys, const unsigned char *name,
                        const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac) {
  int i;
  for (i = 0; i < keys->count; i++) {
    TicketKey *key = &keys->list[i];
    if (memcmp(name, key->name, NAME_SIZE) != 0) continue;
    if (!set_hmac_key(mac, key)
        || !EVP_DecryptInit_ex2(cipher, keys->cipher, key->aes, iv, NULL))
      return -1;
    return i == 0 ? 1 : 2;
  }
  return 0;  /* a full handshake follows */
}

/* One index for the process: the module stays in memory (core.c). */
static int keys_index = -1;
static CRYPTO_ONCE keys_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3) */
static int on_ticket (SSL *ssl, unsigned char *name, unsigned char *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts) {
  TicketKeys *keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index);
  return encrypts ? start_ticket(keys, name, iv, cipher, mac)
                  : read_ticket(keys, name, iv, cipher, mac);
}

int ticket_keys_install (SSL_CTX *ctx, TicketKeys *keys) {
  if (!CRYPTO_THREAD_run_once(&keys_once, make_index) || keys_index < 0
      || !SSL_CTX_set_ex_data(ctx, keys_index, keys)) return 0;
  return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;
}

/* ---- what is kept elsewhere ---- */

int ticket_keys_seal (TicketKeys *keys, const char *label,
                      const unsigned char *text, size_t size,
                      unsigned char *out) {
  const TicketKey *key = keys->list;
  memcpy(out, key->name, NAME_SIZE);
  return seal_close(key->hmac, label, text, size, out + NAME_SIZE);
}

int ticket_keys_open (TicketKeys *keys, const char *label,
                      const unsigned char *sealed, size_t sealed_size,
                      unsigned char *out, size_t *size) {
  int i;
  if (sealed_size < NAME_SIZE) return 0;
  for (i = 0; i < keys->count; i++)
    if (memcmp(sealed, keys->list[i].name, NAME_SIZE) == 0)
      return seal_open(keys->list[i].hmac, label, sealed + NAME_SIZE,
                       sealed_size - NAME_SIZE, out, size);
  return 0;
}

/* ---- keys that are given ---- */

/* The string at the top, one of the list's. */
static const char *key_at (lua_State *L, int list, int i) {
  size_t size = 0;
  const char *text = NULL;
  lua_rawgeti(L, list, i);
  if (lua_type(L, -1) == LUA_TSTRING) text = lua_tolstring(L, -1, &size);
  return size == TICKET_KEY_SIZE ? text : NULL;
}

/* Two keys of one name are none that were made for this. */
static void check_names (lua_State *L, int index, int n) {
  int i, j;
  for (i = 1; i <= n; i++) {
    const char *key = key_at(L, index, i);
    for (j = 1; j < i; j++) {
      const char *other = key_at(L, index, j);
      if (memcmp(key, other, NAME_SIZE) == 0
          && memcmp(key, other, TICKET_KEY_SIZE) != 0)
        luaL_argerror(L, index, lua_pushfstring(L, "keys %d and %d begin with "
                                                "the same 16 bytes", j, i));
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

static int check_list (lua_State *L, int index) {
  size_t n, i;
  luaL_checktype(L, index, LUA_TTABLE);
  n = compat_rawlen(L, index);
  if (n < 1 || n > KEYS_MAX)
    luaL_argerror(L, index, lua_pushfstring(L, "list of 1 to %d keys expected",
                                            KEYS_MAX));
  for (i = 1; i <= n; i++) {
    if (key_at(L, index, (int)i) == NULL)
      luaL_argerror(L, index, lua_pushfstring(L, "key %d is no string of %d "
                                              "bytes (see ssl.new_ticket_key)",
                                              (int)i, TICKET_KEY_SIZE));
    lua_pop(L, 1);
  }
  check_names(L, index, (int)n);
  return (int)n;
}

/* From the check on nothing allocates in Lua: the list stays as it is. */
int ticket_keys_set (lua_State *L, TicketKeys *keys, int index) {
  int i, n = check_list(L, index);
  TicketKey *list;
  errors_clear();
  list = OPENSSL_zalloc((size_t)n * sizeof(*list));
  if (list == NULL) return errors_fail(L, "set_ticket_keys", "memory");
  for (i = 0; i < n; i++) {
    memcpy(&list[i], key_at(L, index, i + 1), TICKET_KEY_SIZE);
    lua_pop(L, 1);
  }
  forget(keys);
  keys->list = list;
  keys->count = n;
  keys->given = 1;
  lua_pushboolean(L, 1);
  return 1;
}

/***
Makes a key for `SSLContext:set_ticket_keys`. **Who has it reads the sessions that
it protects, and can pass for any client in a resumption.** Keep it as you keep a
private key, and for no longer than sessions are to be resumed.
@function new_ticket_key
@page ssl
@group Contexts
@treturn[1] string 80 random bytes
@treturn[2] nil
@treturn[2] SSLError the generator has failed
@source RFC 5077, 5.5; RFC 8446, 4.6.1
@usage context:set_ticket_keys {assert(ssl.new_ticket_key()), last_key}
*/
int ticket_keys_make (lua_State *L) {
  unsigned char bytes[TICKET_KEY_SIZE];
  int done;
  errors_clear();
  done = RAND_priv_bytes(bytes, sizeof(bytes)) == 1;
  if (done) lua_pushlstring(L, (const char *)bytes, sizeof(bytes));
  OPENSSL_cleanse(bytes, sizeof(bytes));
  return done ? 1 : errors_fail(L, "new_ticket_key", "random");
}
