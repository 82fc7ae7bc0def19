/*
** alpn.c -- application protocols, RFC 7301: the client offers, the server
** chooses.
*/

#include <string.h>

#include "context/alpn.h"
#include "base/errors.h"
#include "context/options.h"

/* Names as RFC 7301 writes them: each after its length. */
struct Protocols {
  int strict;  /* refuse who offers others only */
  size_t size;
  unsigned char names[1];
};

/* RFC 7301, 3.2. */
int alpn_is_offered (const unsigned char *wanted, const unsigned char *list,
                     unsigned int size) {
  unsigned int i;
  for (i = 0; i < size; i += (unsigned int)list[i] + 1)
    if (size - i > wanted[0] && list[i] == wanted[0]
        && memcmp(list + i, wanted, (size_t)wanted[0] + 1) == 0) return 1;
  return 0;
}

int alpn_select (const Protocols *ours, const unsigned char **selected,
                 unsigned char *length, const unsigned char *offered,
                 unsigned int size) {
  unsigned char *found;
  if (ours == NULL || ours->size == 0) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_select_next_proto(&found, length, ours->names,
                            (unsigned int)ours->size, offered, size)
      != OPENSSL_NPN_NEGOTIATED)
    return ours->strict ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
  *selected = found;
  return SSL_TLSEXT_ERR_OK;
}

/* The option is a copy of strings of the right sizes: context_options.c. */
static void fill (lua_State *L, int options, Protocols *protocols) {
  unsigned char *p = protocols->names;
  int i, n;
  options_push(L, options, "alpn_protocols");
  n = lua_istable(L, -1) ? (int)compat_rawlen(L, -1) : 0;
  for (i = 1; i <= n; i++) {
    size_t length;
    const char *name;
    lua_rawgeti(L, -1, i);
    name = lua_tolstring(L, -1, &length);
    *p++ = (unsigned char)length;
    memcpy(p, name, length);
    p += length;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

int alpn_apply (lua_State *L, SSL_CTX *ctx, int options, const Settings *s,
                Protocols **protocols) {
  Protocols *p;
  if (s->protocols_size == 0 && !s->policy.defaults.server_side) return 1;
  p = OPENSSL_zalloc(sizeof(*p) + s->protocols_size);
  *protocols = p;
  if (p == NULL) {
    errors_fail(L, "alpn_protocols", "memory");
    return 0;
  }
  p->strict = s->alpn_strict;
  p->size = s->protocols_size;
  fill(L, options, p);
  if (s->policy.defaults.server_side) return 1;
  if (SSL_CTX_set_alpn_protos(ctx, p->names, (unsigned int)p->size) != 0) {
    errors_fail(L, "alpn_protocols", NULL);
    return 0;
  }
  return 1;
}

void alpn_free (Protocols *protocols) {
  OPENSSL_free(protocols);
}
