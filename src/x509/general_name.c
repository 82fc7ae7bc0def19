/*
** general_name.c -- GeneralNames as Lua values. Types are checked before they
** are read, and what cannot be read says so in its place.
*/

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "x509/asn1_value.h"
#include "x509/distinguished_name.h"
#include "x509/general_name.h"

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
  else snprintf(text, NAMES_ADDRESS_MAX, "%s", INVALID_VALUE);
}

const ASN1_IA5STRING *general_name_text (const GENERAL_NAME *name) {
  if (name->type != GEN_EMAIL && name->type != GEN_DNS
      && name->type != GEN_URI) return NULL;
  if (name->d.ia5 == NULL ||
      ASN1_STRING_type(name->d.ia5) != V_ASN1_IA5STRING) return NULL;
  return name->d.ia5;
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
  if (type < 0 || type > GEN_RID) lua_pushliteral(L, INVALID_VALUE);
  else lua_pushstring(L, kinds[type]);
}

static void push_value (lua_State *L, Scratch *s, const GENERAL_NAME *name) {
  const ASN1_IA5STRING *text = general_name_text(name);
  switch (name->type) {
    case GEN_EMAIL: case GEN_DNS: case GEN_URI:
      if (text != NULL) asn1_value_push_bytes(L, text);
      else lua_pushliteral(L, INVALID_VALUE);
      break;
    case GEN_DIRNAME:
      distinguished_name_push_with(L, s, name->d.directoryName);
      break;
    case GEN_IPADD: push_address(L, name->d.iPAddress); break;
    case GEN_RID: asn1_value_push_object(L, name->d.registeredID); break;
    default: lua_pushliteral(L, "<unsupported>");  /* as Python says */
  }
}

void general_name_push_pairs (lua_State *L, Scratch *s,
                              const GENERAL_NAMES *names) {
  int i, count = sk_GENERAL_NAME_num(names);
  luaL_checkstack(L, 16, "certificate");
  lua_createtable(L, count > 0 ? count : 0, 0);
  for (i = 0; i < count; i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    lua_createtable(L, 2, 0);
    push_kind(L, name->type);
    lua_rawseti(L, -2, 1);
    push_value(L, s, name);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
}

/* ---- in full ---- */

static int is_string (int type) {
  switch (type) {
    case V_ASN1_UTF8STRING: case V_ASN1_IA5STRING: case V_ASN1_T61STRING:
    case V_ASN1_PRINTABLESTRING: case V_ASN1_NUMERICSTRING:
    case V_ASN1_VISIBLESTRING: case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING: return 1;
    default: return 0;
  }
}

/* Sets the fields of an otherName in the table at the top: its type, and its
** value if that is text, its bytes if they are octets. */
static void set_other (lua_State *L, Scratch *s, const OTHERNAME *other) {
  const ASN1_TYPE *value = other == NULL ? NULL : other->value;
  if (other == NULL) return;
  asn1_value_push_oid(L, other->type_id);
  lua_setfield(L, -2, "oid");
  asn1_value_push_object(L, other->type_id);
  lua_setfield(L, -2, "name");
  if (value == NULL) return;
  if (is_string(value->type) || value->type == V_ASN1_OCTET_STRING) {
    asn1_value_push_bytes(L, value->value.asn1_string);
    lua_setfield(L, -2, "bytes");
  }
  if (is_string(value->type)
      && asn1_value_push_text(L, s, value->value.asn1_string))
    lua_setfield(L, -2, "value");
}

static void set_address (lua_State *L, const ASN1_OCTET_STRING *ip) {
  int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(family, ASN1_STRING_get0_data(ip), text, sizeof(text)) == NULL)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, "address");
}

/* Whether `value` says more than "<invalid>" and "<unsupported>". */
static int has_value (const GENERAL_NAME *name) {
  int length;
  switch (name->type) {
    case GEN_EMAIL: case GEN_DNS: case GEN_URI:
      return general_name_text(name) != NULL;
    case GEN_IPADD:
      length = ASN1_STRING_length(name->d.iPAddress);
      return length == 4 || length == 16;
    case GEN_DIRNAME: return 1;
    case GEN_RID: return asn1_value_is_short(name->d.registeredID);
    default: return 0;
  }
}

static int encode_name (const void *name, unsigned char **out) {
  return i2d_GENERAL_NAME(name, out);
}

static void push_table (lua_State *L, Scratch *s, const GENERAL_NAME *name) {
  lua_createtable(L, 0, 4);
  push_kind(L, name->type);
  lua_setfield(L, -2, "kind");
  asn1_value_push_der(L, name, encode_name);
  lua_setfield(L, -2, "der");
  if (name->type == GEN_OTHERNAME) set_other(L, s, name->d.otherName);
  if (!has_value(name)) return;
  push_value(L, s, name);
  lua_setfield(L, -2, "value");
  if (name->type == GEN_IPADD) set_address(L, name->d.iPAddress);
  if (name->type != GEN_RID) return;
  asn1_value_push_oid(L, name->d.registeredID);
  lua_setfield(L, -2, "oid");
}

void general_name_push_tables (lua_State *L, Scratch *s,
                               const GENERAL_NAMES *names) {
  int i, count = sk_GENERAL_NAME_num(names);
  luaL_checkstack(L, 16, "certificate");
  lua_createtable(L, count > 0 ? count : 0, 0);
  for (i = 0; i < count; i++) {
    push_table(L, s, sk_GENERAL_NAME_value(names, i));
    lua_rawseti(L, -2, i + 1);
  }
}
