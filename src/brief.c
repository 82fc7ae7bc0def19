/*
** brief.c -- what a hook is told.
*/

#include <string.h>

#include "brief.h"
#include "certificate.h"
#include "names.h"

#define HOLD_T "luassl.hold"

/* ---- holding on to what is read ---- */

void hold_clear (Hold *h) {
  SSL_free(h->ssl);
  hello_free(h->hello);
  sk_X509_pop_free(h->chain, X509_free);
  memset(h, 0, sizeof(*h));
}

static int hold_gc (lua_State *L) {
  hold_clear(compat_checkudata(L, 1, HOLD_T));
  return 0;
}

Hold *hold_push (lua_State *L, Connection *c) {
  Hold *h = lua_newuserdata(L, sizeof(*h));
  memset(h, 0, sizeof(*h));
  luaL_getmetatable(L, HOLD_T);
  lua_setmetatable(L, -2);
  if (c->ssl == NULL) return h;  /* a finalizer has closed it */
  if (!SSL_up_ref(c->ssl)) luaL_error(L, "not enough memory");
  h->ssl = c->ssl;
  h->hello = hello_share(c->hook.hello);
  if (c->verdict.chain != NULL)
    h->chain = X509_chain_up_ref(c->verdict.chain);
  if (c->hook.point == AT_CLIENT_HELLO ? h->hello == NULL
      : c->verdict.chain != NULL && h->chain == NULL)
    luaL_error(L, "not enough memory");  /* facts that lack something lie */
  return h;
}

static void push_issuers (lua_State *L, SSL *ssl) {
  const STACK_OF(X509_NAME) *list = SSL_get0_peer_CA_list(ssl);
  int i;
  lua_newtable(L);
  for (i = 0; i < sk_X509_NAME_num(list); i++) {
    names_push_dn(L, sk_X509_NAME_value(list, i));
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_schemes (lua_State *L, SSL *ssl) {
  int i, n = SSL_get_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    unsigned char sign, hash;
    SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &sign, &hash);
    hello_push_scheme(L, (unsigned int)hash << 8 | sign);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_name (lua_State *L, const Connection *c) {
  if (c->name.text[0] == '\0') return;
  lua_pushstring(L, c->name.text);
  lua_setfield(L, -2, c->policy.server_side ? "server_name"
                                            : "server_hostname");
}

static void push_chain (lua_State *L, const Hold *h) {
  X509 *leaf = SSL_get0_peer_certificate(h->ssl);
  int i, n = h->chain != NULL ? sk_X509_num(h->chain) : leaf != NULL;
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    X509 **slot = certificate_new(L);
    X509 *x509 = h->chain != NULL ? sk_X509_value(h->chain, i) : leaf;
    if (!X509_up_ref(x509)) luaL_error(L, "not enough memory");
    *slot = x509;
    lua_rawseti(L, -2, i + 1);
  }
  lua_rawgeti(L, -1, 1);
  lua_setfield(L, -3, "certificate");
  lua_setfield(L, -2, "chain");
}

static void push_verdict (lua_State *L, const Connection *c, const Hold *h) {
  const Verdict *v = &c->verdict;
  lua_newtable(L);
  push_chain(L, h);
  lua_getfield(L, -1, "certificate");
  if (!lua_isnil(L, -1)) {
    lua_pushinteger(L, (lua_Integer)v->code);
    lua_setfield(L, -3, "verify_code");
    lua_pushstring(L, X509_verify_cert_error_string(v->code));
    lua_setfield(L, -3, "verify_message");
    lua_pushinteger(L, v->depth);
    lua_setfield(L, -3, "verify_depth");
  }
  lua_pushboolean(L, !lua_isnil(L, -1) && v->code == X509_V_OK);
  lua_setfield(L, -3, "verified");
  lua_pop(L, 1);
  lua_pushboolean(L, v->resumed);
  lua_setfield(L, -2, "resumed");
}

void brief_push (lua_State *L, Connection *c) {
  Hold *h = hold_push(L, c);
  if (h->ssl == NULL) lua_newtable(L);
  else if (c->hook.point == AT_CLIENT_HELLO) hello_push(L, h->hello, h->ssl);
  else if (c->hook.point == AT_VERIFY) push_verdict(L, c, h);
  else {
    lua_newtable(L);
    push_issuers(L, h->ssl);
    lua_setfield(L, -2, "issuers");
    push_schemes(L, h->ssl);
    lua_setfield(L, -2, "signature_algorithms");
  }
  if (h->ssl != NULL && c->hook.point != AT_CLIENT_HELLO)
    push_name(L, c);
  hold_clear(h);
  lua_remove(L, -2);
}

void brief_open (lua_State *L) {
  compat_newmetatable(L, HOLD_T);
  lua_pushcfunction(L, hold_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
