/*
** distinguished_name.c -- X.500 names as Lua values.
*/

#include "base/errors.h"
#include "x509/asn1_value.h"
#include "x509/distinguished_name.h"

/* An attribute's value in UTF-8; of what is no text (a bit string, say) the
** bytes. */
static void push_attribute (lua_State *L, Scratch *s,
                            const X509_NAME_ENTRY *entry) {
  const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
  if (!asn1_value_push_text(L, s, value)) asn1_value_push_bytes(L, value);
}

/* The pair {type, value}. */
static void push_entry (lua_State *L, Scratch *s,
                        const X509_NAME_ENTRY *entry) {
  lua_createtable(L, 2, 0);
  asn1_value_push_object(L, X509_NAME_ENTRY_get_object(entry));
  lua_rawseti(L, -2, 1);
  push_attribute(L, s, entry);
  lua_rawseti(L, -2, 2);
}

/* OpenSSL keeps a name flat: entries of one RDN share a set number. */
void distinguished_name_push_with (lua_State *L, Scratch *s,
                                   const X509_NAME *dn) {
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
    push_entry(L, s, entry);
    lua_rawseti(L, -2, ++members);
    lua_pop(L, 1);
  }
}

void distinguished_name_push (lua_State *L, const X509_NAME *dn) {
  Scratch *s;
  luaL_checkstack(L, 12, "certificate");
  s = scratch_new(L);
  distinguished_name_push_with(L, s, dn);
  lua_remove(L, -2);
  scratch_check_memory(L);
  errors_clear();  /* a value that is no text is no failure */
}

/* ---- in full ---- */

static void push_table (lua_State *L, Scratch *s, const X509_NAME_ENTRY *entry,
                        int rdn) {
  const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
  const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
  lua_createtable(L, 0, 5);
  asn1_value_push_oid(L, type);
  lua_setfield(L, -2, "oid");
  asn1_value_push_object(L, type);
  lua_setfield(L, -2, "name");
  if (asn1_value_push_text(L, s, value)) lua_setfield(L, -2, "value");
  asn1_value_push_bytes(L, value);
  lua_setfield(L, -2, "bytes");
  lua_pushinteger(L, rdn);
  lua_setfield(L, -2, "rdn");
}

void distinguished_name_push_tables (lua_State *L, const X509_NAME *dn) {
  int i, set = -1, rdn = 0, count = X509_NAME_entry_count(dn);
  Scratch *s = scratch_new(L);
  lua_createtable(L, count > 0 ? count : 0, 0);
  for (i = 0; i < count; i++) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(dn, i);
    if (i == 0 || X509_NAME_ENTRY_set(entry) != set) rdn++;
    set = X509_NAME_ENTRY_set(entry);
    push_table(L, s, entry, rdn);
    lua_rawseti(L, -2, i + 1);
  }
  lua_remove(L, -2);
  scratch_check_memory(L);
  errors_clear();  /* a value that is no text is no failure */
}

/* ---- in a line ---- */

static int is_printable (const X509_NAME *dn) {
  int i, count = X509_NAME_entry_count(dn);
  for (i = 0; i < count; i++) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(dn, i);
    if (!asn1_value_is_short(X509_NAME_ENTRY_get_object(entry))) return 0;
  }
  return 1;
}

int distinguished_name_push_text (lua_State *L, const X509_NAME *dn,
                                  unsigned long flags) {
  Scratch *s;
  char *text;
  long size;
  if (!is_printable(dn)) return 0;
  s = scratch_new(L);
  errors_clear();
  s->bio = BIO_new(BIO_s_mem());
  if (s->bio == NULL || X509_NAME_print_ex(s->bio, dn, 0, flags) < 0) {
    scratch_check_memory(L);
    errors_clear();
    lua_pop(L, 1);
    return 0;
  }
  size = BIO_get_mem_data(s->bio, &text);
  lua_pushlstring(L, size > 0 ? text : "", (size_t)size);
  scratch_free(s);
  lua_remove(L, -2);
  errors_clear();
  return 1;
}
