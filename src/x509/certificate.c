/*
** certificate.c -- Certificate userdata: what others do with one.
*/

#include <string.h>

#include <openssl/x509.h>

#include "base/base64.h"
#include "x509/asn1_value.h"
#include "x509/certificate.h"

typedef struct Certificate {
  X509 *x509;  /* owned */
} Certificate;

X509 **certificate_new (lua_State *L) {
  Certificate *c = (Certificate *)lua_newuserdata(L, sizeof(*c));
  c->x509 = NULL;
  luaL_getmetatable(L, CERTIFICATE_T);
  lua_setmetatable(L, -2);
  return &c->x509;
}

void certificate_push (lua_State *L, X509 *x509) {
  X509 **slot = certificate_new(L);
  if (!X509_up_ref(x509)) luaL_error(L, "not enough memory");
  *slot = x509;
}

void certificate_push_list (lua_State *L, STACK_OF(X509) *chain) {
  int i, count = sk_X509_num(chain);
  lua_createtable(L, count > 0 ? count : 0, 0);
  for (i = 0; i < count; i++) {
    certificate_push(L, sk_X509_value(chain, i));
    lua_rawseti(L, -2, i + 1);
  }
}

X509 *certificate_check (lua_State *L, int index) {
  Certificate *c = (Certificate *)compat_checkudata(L, index, CERTIFICATE_T);
  if (c->x509 == NULL) luaL_argerror(L, index, "certificate is collected");
  return c->x509;
}

X509 *certificate_test (lua_State *L, int index) {
  Certificate *c = (Certificate *)compat_testudata(L, index, CERTIFICATE_T);
  return c == NULL ? NULL : c->x509;
}

int certificate_gc (lua_State *L) {
  Certificate *c = (Certificate *)compat_checkudata(L, 1, CERTIFICATE_T);
  X509 *x509 = c->x509;
  c->x509 = NULL;
  X509_free(x509);
  return 0;
}

int certificate_check_form (lua_State *L, int index,
                            const char *const *forms) {
  const char *form = luaL_optstring(L, index, forms[0]);
  int i;
  for (i = 0; forms[i] != NULL; i++)
    if (strcmp(forms[i], form) == 0) return i;
  lua_pushliteral(L, "expected");
  for (i = 0; forms[i] != NULL; i++) {
    const char *before = i == 0 ? "" : forms[i + 1] == NULL ? " or" : ",";
    lua_pushfstring(L, "%s%s \"%s\"", lua_tostring(L, -1), before, forms[i]);
    lua_remove(L, -2);
  }
  return luaL_argerror(L, index, lua_tostring(L, -1));
}

static int encode (const void *x509, unsigned char **out) {
  return i2d_X509(x509, out);
}

static int encode_trusted (const void *x509, unsigned char **out) {
  return i2d_X509_AUX(x509, out);
}

void certificate_push_der (lua_State *L, X509 *x509) {
  asn1_value_push_der(L, x509, encode);
}

static void add_label (luaL_Buffer *b, const char *edge, int trusted) {
  luaL_addstring(b, "-----");
  luaL_addstring(b, edge);
  luaL_addstring(b, trusted ? " TRUSTED CERTIFICATE" : " CERTIFICATE");
  luaL_addstring(b, "-----\n");
}

void certificate_push_pem (lua_State *L, X509 *x509, int trust) {
  const unsigned char *der;
  size_t length;
  luaL_Buffer b;
  trust = trust && i2d_X509_AUX(x509, NULL) != i2d_X509(x509, NULL);
  asn1_value_push_der(L, x509, trust ? encode_trusted : encode);
  der = (const unsigned char *)lua_tolstring(L, -1, &length);
  luaL_buffinit(L, &b);
  add_label(&b, "BEGIN", trust);
  base64_add(&b, der, length);
  add_label(&b, "END", trust);
  luaL_pushresult(&b);
  lua_remove(L, -2);
}
