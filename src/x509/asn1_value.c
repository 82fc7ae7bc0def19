/*
** asn1_value.c -- what OpenSSL decoded, as Lua strings.
*/

#include <openssl/objects.h>

#include "x509/asn1_value.h"

/* X.509 keeps an OID below 586 bytes of DER; converting a longer one takes
** quadratic time where OpenSSL lacks the fix of CVE-2023-2650. */
#define OID_MAX 586
#define OID_TEXT_MAX 2560

void asn1_value_push_bytes (lua_State *L, const ASN1_STRING *s) {
  const unsigned char *data = ASN1_STRING_get0_data(s);
  int length = ASN1_STRING_length(s);
  if (data == NULL || length <= 0) lua_pushliteral(L, "");
  else lua_pushlstring(L, (const char *)data, (size_t)length);
}

void asn1_value_push_hex (lua_State *L, const ASN1_STRING *s) {
  static const char digits[] = "0123456789ABCDEF";
  const unsigned char *data = ASN1_STRING_get0_data(s);
  int i, length = ASN1_STRING_length(s);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (i = 0; i < length; i++) {
    luaL_addchar(&b, digits[data[i] >> 4]);
    luaL_addchar(&b, digits[data[i] & 15]);
  }
  luaL_pushresult(&b);
}

int asn1_value_push_text (lua_State *L, Scratch *scratch,
                          const ASN1_STRING *s) {
  int length = ASN1_STRING_to_UTF8(&scratch->bytes, s);
  if (length < 0) return 0;
  lua_pushlstring(L, (const char *)scratch->bytes, (size_t)length);
  OPENSSL_free(scratch->bytes);
  scratch->bytes = NULL;
  return 1;
}

int asn1_value_is_short (const ASN1_OBJECT *object) {
  return object != NULL && OBJ_length(object) <= OID_MAX;
}

static void push_number (lua_State *L, const ASN1_OBJECT *object, int dotted) {
  char text[OID_TEXT_MAX];
  int length = 0;
  if (asn1_value_is_short(object))
    length = OBJ_obj2txt(text, sizeof(text), object, dotted);
  if (length > 0 && length < OID_TEXT_MAX) lua_pushstring(L, text);
  else lua_pushliteral(L, INVALID_VALUE);
}

void asn1_value_push_object (lua_State *L, const ASN1_OBJECT *object) {
  push_number(L, object, 0);
}

void asn1_value_push_oid (lua_State *L, const ASN1_OBJECT *object) {
  push_number(L, object, 1);
}

void asn1_value_push_short_name (lua_State *L, const ASN1_OBJECT *object) {
  int nid = object == NULL ? NID_undef : OBJ_obj2nid(object);
  if (nid == NID_undef) lua_pushnil(L);
  else lua_pushstring(L, OBJ_nid2sn(nid));
}

void asn1_value_push_der (lua_State *L, const void *value,
                          int (*encode) (const void *, unsigned char **)) {
  int length = encode(value, NULL);
  unsigned char *der, *end;
  if (length <= 0) luaL_error(L, "not enough memory");
  end = der = (unsigned char *)lua_newuserdata(L, (size_t)length);
  length = encode(value, &end);
  if (length <= 0) luaL_error(L, "not enough memory");
  lua_pushlstring(L, (const char *)der, (size_t)length);
  lua_remove(L, -2);
}
