/*
** client_hello.c -- a server's ClientHello: what the client asks for, and who
** answers it. OpenSSL shows it during its callback only: it is copied there,
** and becomes Lua values later.
*/

#include <stdio.h>
#include <string.h>

#include "connection/client_hello.h"
#include "x509/hostname.h"
#include "context/context_options.h"

/* A vector of the ClientHello, in `bytes` of Hello. */
typedef struct Vector {
  size_t first, size;
} Vector;

struct ClientHello {
  char name[HOSTNAME_MAX + 1];
  unsigned int version;  /* the legacy one */
  Vector protocols, versions, ciphers, schemes;
  unsigned char bytes[1];
};

/* ---- taking ---- */

/* The vector inside an extension: `width` bytes of length, then that many. */
static size_t extension (SSL *ssl, unsigned int type, size_t width,
                         const unsigned char **data) {
  size_t size, length;
  if (!SSL_client_hello_get0_ext(ssl, type, data, &size) || size < width)
    return 0;
  length = (*data)[0];
  if (width == 2) length = length << 8 | (*data)[1];
  *data += width;
  return length == size - width ? length : 0;  /* OpenSSL refuses it later */
}

/* Whatever the locale. */
static char lower (unsigned char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* RFC 6066, 3. A name with other bytes than those of names is none. */
void client_hello_name (SSL *ssl, char *name) {
  const unsigned char *p;
  size_t i, n, size = extension(ssl, TLSEXT_TYPE_server_name, 2, &p);
  name[0] = '\0';
  if (size < 3 || p[0] != TLSEXT_NAMETYPE_host_name) return;
  n = (size_t)p[1] << 8 | p[2];
  p += 3;
  if (n != size - 3 || n == 0) return;
  if (p[n - 1] == '.') n--;
  if (n > HOSTNAME_MAX) return;
  for (i = 0; i < n; i++)
    if (p[i] <= ' ' || p[i] >= 127 || p[i] == '*') return;
  for (i = 0; i < n; i++) name[i] = lower(p[i]);
  name[n] = '\0';
}

static Vector append (ClientHello *h, size_t *used, const unsigned char *data,
                      size_t size) {
  Vector v;
  v.first = *used;
  v.size = size;
  if (size > 0) memcpy(h->bytes + *used, data, size);
  *used += size;
  return v;
}

ClientHello *client_hello_parse (SSL *ssl) {
  const unsigned char *protocols, *versions, *schemes, *ciphers = NULL;
  size_t a = extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                       2, &protocols);
  size_t b = extension(ssl, TLSEXT_TYPE_supported_versions, 1, &versions);
  size_t c = extension(ssl, TLSEXT_TYPE_signature_algorithms, 2, &schemes);
  size_t d = compat_hello_is_v2(ssl) ? 0  /* written otherwise there */
             : SSL_client_hello_get0_ciphers(ssl, &ciphers);
  size_t used = 0;
  ClientHello *h = OPENSSL_zalloc(sizeof(*h) + a + b + c + d);
  if (h == NULL) return NULL;
  client_hello_name(ssl, h->name);
  h->version = SSL_client_hello_get0_legacy_version(ssl);
  h->protocols = append(h, &used, protocols, a);
  h->versions = append(h, &used, versions, b);
  h->schemes = append(h, &used, schemes, c);
  h->ciphers = append(h, &used, ciphers, d);
  return h;
}

void client_hello_free (ClientHello *h) {
  OPENSSL_free(h);
}

/* ---- as Lua values ---- */

static void push_protocols (lua_State *L, const ClientHello *h) {
  const unsigned char *p = h->bytes + h->protocols.first;
  size_t left = h->protocols.size;
  int n = 0;
  lua_newtable(L);
  while (left > 0 && p[0] < left) {
    size_t size = p[0];
    lua_pushlstring(L, (const char *)p + 1, size);
    lua_rawseti(L, -2, ++n);
    p += size + 1;
    left -= size + 1;
  }
}

int client_hello_offers (const ClientHello *h, const char *protocol,
                         size_t size) {
  const unsigned char *p = h->bytes + h->protocols.first;
  size_t left = h->protocols.size;
  while (left > 0 && p[0] < left) {
    if (p[0] == size && memcmp(p + 1, protocol, size) == 0) return 1;
    left -= (size_t)p[0] + 1;
    p += p[0] + 1;
  }
  return 0;
}

/* What has no name here: "0x1a1a". */
static void push_number (lua_State *L, unsigned int code) {
  char text[8];
  snprintf(text, sizeof(text), "0x%04x", code & 0xffff);
  lua_pushstring(L, text);
}

typedef struct Scheme {
  unsigned int code;
  const char *name;
} Scheme;

/* RFC 8446, 4.2.3 */
static const Scheme schemes[] = {
  {0x0201, "rsa_pkcs1_sha1"}, {0x0203, "ecdsa_sha1"},
  {0x0401, "rsa_pkcs1_sha256"}, {0x0501, "rsa_pkcs1_sha384"},
  {0x0601, "rsa_pkcs1_sha512"}, {0x0403, "ecdsa_secp256r1_sha256"},
  {0x0503, "ecdsa_secp384r1_sha384"},
  {0x0603, "ecdsa_secp521r1_sha512"},
  {0x0804, "rsa_pss_rsae_sha256"}, {0x0805, "rsa_pss_rsae_sha384"},
  {0x0806, "rsa_pss_rsae_sha512"}, {0x0807, "ed25519"},
  {0x0808, "ed448"}, {0x0809, "rsa_pss_pss_sha256"},
  {0x080a, "rsa_pss_pss_sha384"}, {0x080b, "rsa_pss_pss_sha512"}
};

void client_hello_push_scheme (lua_State *L, unsigned int scheme) {
  size_t i;
  for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
    if (schemes[i].code == scheme) {
      lua_pushstring(L, schemes[i].name);
      return;
    }
  push_number(L, scheme);
}

static void push_cipher (lua_State *L, SSL *ssl, const unsigned char *code) {
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, code);
  if (cipher != NULL) lua_pushstring(L, SSL_CIPHER_get_name(cipher));
  else push_number(L, (unsigned int)code[0] << 8 | code[1]);
}

static void push_version (lua_State *L, unsigned int version) {
  const char *name = context_options_version_name((int)version);
  if (name != NULL) lua_pushstring(L, name);
  else push_number(L, version);
}

typedef enum Sort { CIPHERS, SCHEMES, VERSIONS } Sort;

/* A list of the vector's 16-bit numbers, as names. */
static void push_list (lua_State *L, const ClientHello *h, SSL *ssl, Vector v,
                       Sort sort) {
  size_t i;
  int n = 0;
  lua_newtable(L);
  for (i = 0; i + 1 < v.size; i += 2) {
    const unsigned char *p = h->bytes + v.first + i;
    unsigned int code = (unsigned int)p[0] << 8 | p[1];
    if (sort == CIPHERS) push_cipher(L, ssl, p);
    else if (sort == SCHEMES) client_hello_push_scheme(L, code);
    else push_version(L, code);
    lua_rawseti(L, -2, ++n);
  }
}

void client_hello_push (lua_State *L, const ClientHello *h, SSL *ssl) {
  lua_newtable(L);
  if (h->name[0] != '\0') {
    lua_pushstring(L, h->name);
    lua_setfield(L, -2, "server_name");
  }
  push_protocols(L, h);
  lua_setfield(L, -2, "alpn_protocols");
  push_list(L, h, ssl, h->versions, VERSIONS);
  if (h->versions.size == 0) {  /* before TLS 1.3 there is one */
    push_version(L, h->version);
    lua_rawseti(L, -2, 1);
  }
  lua_setfield(L, -2, "versions");
  push_list(L, h, ssl, h->ciphers, CIPHERS);
  lua_setfield(L, -2, "ciphers");
  push_list(L, h, ssl, h->schemes, SCHEMES);
  lua_setfield(L, -2, "signature_algorithms");
}

void client_hello_look_up (lua_State *L, const ClientHello *h, int names) {
  const char *rest = h->name[0] != '.' ? strchr(h->name, '.') : NULL;
  lua_pushstring(L, h->name);
  lua_rawget(L, names);
  if (!lua_isnil(L, -1) || rest == NULL) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "*%s", rest);
  lua_rawget(L, names);
}
