/*
** general_name.c -- X.500 names and GeneralNames as Lua values. All of it
** comes from the peer: bytes are taken with their length, types are checked
** before they are read, and what cannot be read says so in its place.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/errors.h"
#include "x509/general_name.h"

#define DECODED_T "luassl.Decoded"
#define INVALID "<invalid>"

/* X.509 keeps an OID below 586 bytes of DER; converting a longer one takes
** quadratic time where OpenSSL lacks the fix of CVE-2023-2650. */
#define OID_MAX 586
#define OID_TEXT_MAX 2560

/* What OpenSSL allocated, while Lua calls that may raise read it. */
typedef struct Decoded {
  GENERAL_NAMES *names;  /* owned */
  unsigned char *text;   /* owned */
} Decoded;

static Decoded *decoded_new (lua_State *L) {
  Decoded *d = (Decoded *)lua_newuserdata(L, sizeof(*d));
  memset(d, 0, sizeof(*d));
  luaL_getmetatable(L, DECODED_T);
  lua_setmetatable(L, -2);
  return d;
}

static void decoded_free (Decoded *d) {
  GENERAL_NAMES *names = d->names;
  unsigned char *text = d->text;
  d->names = NULL;
  d->text = NULL;
  GENERAL_NAMES_free(names);
  OPENSSL_free(text);
}

static int decoded_gc (lua_State *L) {
  decoded_free((Decoded *)compat_checkudata(L, 1, DECODED_T));
  return 0;
}

/* What OpenSSL had no memory for is not malformed. Its queue was empty. From
** 3.2 on a failed realloc says nothing: then the layer above begins the queue,
** with the other layer's name for a reason. What is malformed has its own. */
static void check_memory (lua_State *L) {
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (reason != ERR_R_MALLOC_FAILURE && reason != ERR_R_ASN1_LIB
      && reason != ERR_R_CRYPTO_LIB) return;
  errors_clear();
  luaL_error(L, "not enough memory");
}

/* The string's bytes as they are. */
static void push_bytes (lua_State *L, const ASN1_STRING *s) {
  const unsigned char *data = ASN1_STRING_get0_data(s);
  int length = ASN1_STRING_length(s);
  if (data == NULL || length <= 0) lua_pushliteral(L, "");
  else lua_pushlstring(L, (const char *)data, (size_t)length);
}

/* The long name of an object, or its dotted number. */
static void push_object (lua_State *L, const ASN1_OBJECT *object) {
  char text[OID_TEXT_MAX];
  int length = 0;
  if (object != NULL && OBJ_length(object) <= OID_MAX)
    length = OBJ_obj2txt(text, sizeof(text), object, 0);
  if (length > 0 && length < OID_TEXT_MAX) lua_pushstring(L, text);
  else lua_pushliteral(L, INVALID);
}

/* An attribute's value in UTF-8; of what is no text (a bit string, say) the
** bytes. */
static void push_attribute (lua_State *L, Decoded *d, const ASN1_STRING *s) {
  int length = ASN1_STRING_to_UTF8(&d->text, s);
  if (length < 0) push_bytes(L, s);
  else lua_pushlstring(L, (const char *)d->text, (size_t)length);
  OPENSSL_free(d->text);
  d->text = NULL;
}

/* The list {first, second} from the two values on the top. [-2, +1, m] */
static void make_pair (lua_State *L) {
  lua_createtable(L, 2, 0);
  lua_insert(L, -3);
  lua_rawseti(L, -3, 2);
  lua_rawseti(L, -2, 1);
}

/* OpenSSL keeps a name flat: entries of one RDN share a set number. */
static void push_dn (lua_State *L, Decoded *d, const X509_NAME *dn) {
  int count = dn == NULL ? 0 : X509_NAME_entry_count(dn);
  int i, set = -1, rdns = 0, members = 0;
  lua_newtable(L);
  for (i = 0; i < count; i++) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(dn, i);
    if (i == 0 || X509_NAME_ENTRY_set(entry) != set) {
      set = X509_NAME_ENTRY_set(entry);
      members = 0;
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_rawseti(L, -3, ++rdns);
    }
    else lua_rawgeti(L, -1, rdns);
    push_object(L, X509_NAME_ENTRY_get_object(entry));
    push_attribute(L, d, X509_NAME_ENTRY_get_data(entry));
    make_pair(L);
    lua_rawseti(L, -2, ++members);
    lua_pop(L, 1);
  }
}

void general_name_push_dn (lua_State *L, const X509_NAME *dn) {
  Decoded *d;
  luaL_checkstack(L, 12, "certificate");
  d = decoded_new(L);
  push_dn(L, d, dn);
  lua_remove(L, -2);
  check_memory(L);
  errors_clear();  /* a value that is no text is no failure */
}

void general_name_address (const ASN1_OCTET_STRING *ip, char *text) {
  const unsigned char *b = NULL;
  int length = 0;
  if (ip != NULL && ASN1_STRING_type(ip) == V_ASN1_OCTET_STRING) {
    b = ASN1_STRING_get0_data(ip);
    length = ASN1_STRING_length(ip);
  }
  if (length == 4)
    snprintf(text, NAMES_ADDRESS_MAX, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
  else if (length == 16) {
    int i, used = 0;
    for (i = 0; i < 16; i += 2)
      used += snprintf(text + used, (size_t)(NAMES_ADDRESS_MAX - used),
                       i == 0 ? "%X" : ":%X",
                       (unsigned)(b[i] << 8 | b[i + 1]));
  }
  else snprintf(text, NAMES_ADDRESS_MAX, "%s", INVALID);
}

static void push_address (lua_State *L, const ASN1_OCTET_STRING *ip) {
  char text[NAMES_ADDRESS_MAX];
  general_name_address(ip, text);
  lua_pushstring(L, text);
}

static void push_kind (lua_State *L, int type) {
  static const char *const kinds[] = {  /* by the tags of RFC 5280, 4.2.1.6 */
    "othername", "email", "DNS", "X400Name", "DirName", "EdiPartyName", "URI",
    "IP Address", "Registered ID"
  };
  if (type < 0 || type > GEN_RID) lua_pushliteral(L, INVALID);
  else lua_pushstring(L, kinds[type]);
}

static void push_general_name (lua_State *L, Decoded *d,
                               const GENERAL_NAME *name) {
  push_kind(L, name->type);
  switch (name->type) {
    case GEN_EMAIL: case GEN_DNS: case GEN_URI:
      if (name->d.ia5 != NULL &&
          ASN1_STRING_type(name->d.ia5) == V_ASN1_IA5STRING)
        push_bytes(L, name->d.ia5);
      else lua_pushliteral(L, INVALID);
      break;
    case GEN_DIRNAME: push_dn(L, d, name->d.directoryName); break;
    case GEN_IPADD: push_address(L, name->d.iPAddress); break;
    case GEN_RID: push_object(L, name->d.registeredID); break;
    default: lua_pushliteral(L, "<unsupported>");  /* as Python says */
  }
  make_pair(L);
}

int general_name_push_alternative (lua_State *L, const X509 *x509) {
  Decoded *d;
  int i, count, critical;
  luaL_checkstack(L, 16, "certificate");
  d = decoded_new(L);
  d->names = X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, NULL);
  check_memory(L);
  if (d->names == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return critical == -1 ? 0 : -1;
  }
  count = sk_GENERAL_NAME_num(d->names);
  lua_createtable(L, count, 0);
  for (i = 0; i < count; i++) {
    push_general_name(L, d, sk_GENERAL_NAME_value(d->names, i));
    lua_rawseti(L, -2, i + 1);
  }
  decoded_free(d);
  check_memory(L);
  lua_remove(L, -2);
  errors_clear();
  return 1;
}

void general_name_open (lua_State *L) {
  compat_newmetatable(L, DECODED_T);
  lua_pushcfunction(L, decoded_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
