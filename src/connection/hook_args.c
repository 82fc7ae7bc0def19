/*
** hook_args.c -- what a hook is told.
*/

#include <string.h>

#include "connection/chains.h"
#include "connection/hook_args.h"
#include "connection/server_key.h"
#include "x509/certificate.h"
#include "x509/certificate_key.h"
#include "x509/distinguished_name.h"

static void push_issuers (lua_State *L, SSL *ssl) {
  const STACK_OF(X509_NAME) *list = SSL_get0_peer_CA_list(ssl);
  int i;
  lua_newtable(L);
  for (i = 0; i < sk_X509_NAME_num(list); i++) {
    distinguished_name_push(L, sk_X509_NAME_value(list, i));
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_schemes (lua_State *L, SSL *ssl) {
  int i, n = SSL_get_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    unsigned char sign, hash;
    SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &sign, &hash);
    client_hello_push_scheme(L, (unsigned int)hash << 8 | sign);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_name (lua_State *L, const Connection *c) {
  if (c->name.text[0] == '\0') return;
  lua_pushstring(L, c->name.text);
  lua_setfield(L, -2, c->options.server_side ? "server_name"
                                            : "server_hostname");
}

static void push_chain (lua_State *L, Connection *c) {
  const STACK_OF(X509) *chain = connection_verification(c)->chain;
  X509 *leaf = SSL_get0_peer_certificate(c->ssl);
  int i, n = chain != NULL ? sk_X509_num(chain) : leaf != NULL;
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    X509 **slot = certificate_new(L);
    X509 *x509 = chain != NULL ? sk_X509_value(chain, i) : leaf;
    if (!X509_up_ref(x509)) luaL_error(L, "not enough memory");
    *slot = x509;
    lua_rawseti(L, -2, i + 1);
  }
  lua_rawgeti(L, -1, 1);
  lua_setfield(L, -3, "certificate");
  lua_setfield(L, -2, "chain");
}

/* What the peer shows instead of a certificate; 1: it does. */
static int push_key (lua_State *L, const Verification *v) {
  if (v->key == NULL) return 0;
  certificate_key_push(L, v->key, 0);
  lua_setfield(L, -2, "public_key");
  return 1;
}

static void push_verdict (lua_State *L, Connection *c) {
  const Verification *v = connection_verification(c);
  int shown;
  lua_newtable(L);
  push_chain(L, c);
  lua_getfield(L, -1, "certificate");
  shown = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (push_key(L, v)) shown = 1;
  if (shown) {
    lua_pushinteger(L, (lua_Integer)v->code);
    lua_setfield(L, -2, "verify_code");
    lua_pushstring(L, X509_verify_cert_error_string(v->code));
    lua_setfield(L, -2, "verify_message");
    lua_pushinteger(L, v->depth);
    lua_setfield(L, -2, "verify_depth");
    chains_push_faults(L, &v->faults);
    lua_setfield(L, -2, "errors");
  }
  lua_pushboolean(L, shown && v->code == X509_V_OK);
  lua_setfield(L, -2, "verified");
  if (chains_push_match(L, c, v)) {
    lua_pop(L, 1);
    lua_setfield(L, -2, "tlsa_match");
  }
  lua_pushboolean(L, v->resumed);
  lua_setfield(L, -2, "resumed");
}

static void push_request (lua_State *L, SSL *ssl) {
  lua_newtable(L);
  push_issuers(L, ssl);
  lua_setfield(L, -2, "issuers");
  push_schemes(L, ssl);
  lua_setfield(L, -2, "signature_algorithms");
}

void hook_args_push (lua_State *L, Connection *c) {
  if (c->decision.point == AT_CLIENT_HELLO) {
    client_hello_push(L, c->choice.hello, c->ssl);
    return;
  }
  if (c->decision.point == AT_SESSION) {
    lua_pushlstring(L, (const char *)c->choice.id, sizeof(c->choice.id));
    return;
  }
  if (c->decision.point == AT_PSK) {
    lua_newtable(L);
    server_key_push_offers(L, c);
  }
  else if (c->decision.point == AT_VERIFY) push_verdict(L, c);
  else push_request(L, c->ssl);
  push_name(L, c);
}
