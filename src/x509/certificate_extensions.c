/*
** certificate_extensions.c -- what a certificate says besides names and key.
*/

#include <openssl/x509v3.h>

#include "base/errors.h"
#include "x509/asn1_value.h"
#include "x509/certificate.h"
#include "x509/certificate_extensions.h"
#include "x509/extension.h"
#include "x509/general_name.h"
#include "x509/key_usage.h"

/***
@classmod Certificate
@group Extensions
*/

/* An extension's decoded value, which a scratch at the top owns; NULL: pushed
** what the method answers then, `*n` values. */
static void *decode (lua_State *L, int nid, void (*free_value) (void *),
                     const char *operation, const char *what, int *n) {
  X509 *x509 = certificate_check(L, 1);
  Scratch *s;
  Found found;
  luaL_checkstack(L, 16, "certificate");
  s = scratch_new(L);
  found = extension_decode(L, s, x509, nid, free_value);
  if (found == EXTENSION_FOUND) return s->value;
  *n = extension_fail(L, found, operation, what);
  return NULL;
}

static void free_bits (void *bits) {
  ASN1_BIT_STRING_free(bits);
}

static void free_octets (void *octets) {
  ASN1_OCTET_STRING_free(octets);
}

static void free_constraints (void *constraints) {
  BASIC_CONSTRAINTS_free(constraints);
}

static void free_usages (void *usages) {
  EXTENDED_KEY_USAGE_free(usages);
}

static void free_key_id (void *id) {
  AUTHORITY_KEYID_free(id);
}

static void free_access (void *access) {
  AUTHORITY_INFO_ACCESS_free(access);
}

static void free_points (void *points) {
  CRL_DIST_POINTS_free(points);
}

/***
What the key may be used for.
@function key_usage
@treturn[1] {string,...} RFC 5280's names: `"digitalSignature"`,
`"keyEncipherment"`, `"keyCertSign"` ...
@treturn[2] nil the certificate has no such extension: for everything
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.3
@usage print(table.concat(certificate:key_usage() or {}, ", "))
*/
static int extensions_key_usage (lua_State *L) {
  int i, n, count = 0;
  ASN1_BIT_STRING *bits = decode(L, NID_key_usage, free_bits, "key_usage",
                                 "key usage", &n);
  if (bits == NULL) return n;
  lua_newtable(L);
  for (i = 0; key_usage_name(i) != NULL; i++) {
    if (!ASN1_BIT_STRING_get_bit(bits, i)) continue;
    lua_pushstring(L, key_usage_name(i));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/***
What the certificate is for.
@function extended_key_usage
@treturn[1] {string,...} OpenSSL's short names, `"serverAuth"`,
`"clientAuth"`, `"anyExtendedKeyUsage"`; dotted numbers of others
@treturn[2] nil the certificate has no such extension: for everything
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.12
@usage for _, usage in ipairs(certificate:extended_key_usage() or {}) do
  print(usage)
end
*/
static int extensions_extended_key_usage (lua_State *L) {
  int i, n;
  EXTENDED_KEY_USAGE *usages = decode(L, NID_ext_key_usage, free_usages,
                                      "extended_key_usage",
                                      "extended key usage", &n);
  if (usages == NULL) return n;
  lua_newtable(L);
  for (i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
    const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(usages, i);
    asn1_value_push_short_name(L, usage);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      asn1_value_push_oid(L, usage);
    }
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/***
Whether the certificate is a CA's, and how many intermediate ones may follow.
@function basic_constraints
@treturn[1] table `ca`, a boolean; `path_length`, an integer, or nil: any number
@treturn[2] nil the certificate has no such extension: it is no CA's
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.9
@usage local constraints = certificate:basic_constraints()
print(constraints and constraints.ca)
*/
static int extensions_basic_constraints (lua_State *L) {
  static const char operation[] = "basic_constraints";
  static const char what[] = "basic constraints";
  int n;
  int64_t length = -1;
  BASIC_CONSTRAINTS *constraints = decode(L, NID_basic_constraints,
                                          free_constraints, operation, what,
                                          &n);
  if (constraints == NULL) return n;
  if (constraints->pathlen != NULL
      && (!ASN1_INTEGER_get_int64(&length, constraints->pathlen)
          || length < 0 || length > 0x7fffffff))
    return extension_fail(L, EXTENSION_MALFORMED, operation, what);
  lua_createtable(L, 0, 2);
  lua_pushboolean(L, constraints->ca);
  lua_setfield(L, -2, "ca");
  if (constraints->pathlen == NULL) return 1;
  lua_pushinteger(L, (lua_Integer)length);
  lua_setfield(L, -2, "path_length");
  return 1;
}

/***
The identifier of the key that signed the certificate.
@function authority_key_id
@treturn[1] string upper-case hexadecimal
@treturn[2] nil the certificate does not tell one
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.1
@usage assert(leaf:authority_key_id() == ca:subject_key_id())
*/
static int extensions_authority_key_id (lua_State *L) {
  int n;
  AUTHORITY_KEYID *id = decode(L, NID_authority_key_identifier, free_key_id,
                               "authority_key_id",
                               "authority key identifier", &n);
  if (id == NULL) return n;
  if (id->keyid != NULL) asn1_value_push_hex(L, id->keyid);
  else lua_pushnil(L);
  return 1;
}

/***
The identifier of the certificate's own key.
@function subject_key_id
@treturn[1] string upper-case hexadecimal
@treturn[2] nil the certificate does not tell one
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.2
@usage print(certificate:subject_key_id())
*/
static int extensions_subject_key_id (lua_State *L) {
  int n;
  ASN1_OCTET_STRING *id = decode(L, NID_subject_key_identifier, free_octets,
                                 "subject_key_id", "subject key identifier",
                                 &n);
  if (id == NULL) return n;
  asn1_value_push_hex(L, id);
  return 1;
}

/* ---- where to find more ---- */

/* Appends to the list at the top a name that is a URI. */
static void append_uri (lua_State *L, const GENERAL_NAME *name) {
  const ASN1_IA5STRING *text = general_name_text(name);
  if (name->type != GEN_URI || text == NULL) return;
  asn1_value_push_bytes(L, text);
  lua_rawseti(L, -2, (int)compat_rawlen(L, -2) + 1);
}

static int push_access (lua_State *L, int method, const char *operation) {
  int i, n;
  AUTHORITY_INFO_ACCESS *access = decode(L, NID_info_access, free_access,
                                         operation,
                                         "authority information access", &n);
  if (access == NULL) return n;
  lua_newtable(L);
  for (i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++) {
    const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);
    if (OBJ_obj2nid(one->method) == method) append_uri(L, one->location);
  }
  return 1;
}

/***
Where OCSP responders can be asked about the certificate.
@function ocsp_urls
@treturn[1] {string,...} the URIs' bytes; empty: the extension tells none
@treturn[2] nil the certificate has no authority information access
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.2.1
@usage local url = (certificate:ocsp_urls() or {})[1]
*/
static int extensions_ocsp_urls (lua_State *L) {
  return push_access(L, NID_ad_OCSP, "ocsp_urls");
}

/***
Where the issuer's certificate is to be had.
@function ca_issuers_urls
@treturn[1] {string,...} the URIs' bytes; empty: the extension tells none
@treturn[2] nil the certificate has no authority information access
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.2.1
@usage local url = (certificate:ca_issuers_urls() or {})[1]
*/
static int extensions_ca_issuers_urls (lua_State *L) {
  return push_access(L, NID_ad_ca_issuers, "ca_issuers_urls");
}

/***
Where the CRL that would hold the certificate is to be had.
@function crl_urls
@treturn[1] {string,...} the URIs' bytes; empty: the extension tells none
@treturn[2] nil the certificate has no CRL distribution points
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.13
@usage for _, url in ipairs(certificate:crl_urls() or {}) do print(url) end
*/
static int extensions_crl_urls (lua_State *L) {
  int i, j, n;
  CRL_DIST_POINTS *points = decode(L, NID_crl_distribution_points, free_points,
                                   "crl_urls", "CRL distribution points", &n);
  if (points == NULL) return n;
  lua_newtable(L);
  for (i = 0; i < sk_DIST_POINT_num(points); i++) {
    const DIST_POINT *point = sk_DIST_POINT_value(points, i);
    if (point->distpoint == NULL || point->distpoint->type != 0) continue;
    for (j = 0; j < sk_GENERAL_NAME_num(point->distpoint->name.fullname); j++)
      append_uri(L, sk_GENERAL_NAME_value(point->distpoint->name.fullname, j));
  }
  return 1;
}

/* ---- signed certificate timestamps ---- */

/* A number of two bytes that says how many follow, at most `left` - 2; -1: so
** many do not follow. */
static long read_length (const unsigned char *p, long left) {
  long length = left < 2 ? -1 : (long)p[0] << 8 | p[1];
  return length <= left - 2 ? length : -1;
}

/* Pushes a list of the bytes of each; 0: they are malformed. */
static int push_scts (lua_State *L, const unsigned char *p, long left) {
  int count = 0;
  if (left < 2 || read_length(p, left) != left - 2) return 0;
  lua_newtable(L);
  for (p += 2, left -= 2; left > 0;) {
    long length = read_length(p, left);
    if (length <= 0) return 0;
    lua_pushlstring(L, (const char *)p + 2, (size_t)length);
    lua_rawseti(L, -2, ++count);
    p += 2 + length;
    left -= 2 + length;
  }
  return 1;
}

/* The octets that stand in the extension's octets. */
static const unsigned char *unwrap (const ASN1_OCTET_STRING *outer,
                                    long *size) {
  const unsigned char *start = ASN1_STRING_get0_data(outer), *p = start;
  long length, total = ASN1_STRING_length(outer);
  int tag, class;
  if (start == NULL || total <= 0
      || ASN1_get_object(&p, &length, &tag, &class, total) != 0
      || tag != V_ASN1_OCTET_STRING || class != V_ASN1_UNIVERSAL
      || length != total - (long)(p - start)) return NULL;
  *size = length;
  return p;
}

/***
The signed certificate timestamps in the certificate.
@function scts
@treturn[1] {string,...} each a SignedCertificateTimestamp's bytes, in order;
nothing of them is verified
@treturn[2] nil the certificate has no such extension
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 6962, 3.3
@usage print(#(certificate:scts() or {}) .. " logs have seen it")
*/
static int extensions_scts (lua_State *L) {
  static const char what[] = "list of signed certificate timestamps";
  X509 *x509 = certificate_check(L, 1);
  int at = X509_get_ext_by_NID(x509, NID_ct_precert_scts, -1);
  const unsigned char *p;
  long size;
  if (at < 0) return extension_fail(L, EXTENSION_ABSENT, "scts", what);
  if (X509_get_ext_by_NID(x509, NID_ct_precert_scts, at) >= 0)
    return extension_fail(L, EXTENSION_DOUBLED, "scts", what);
  p = unwrap(X509_EXTENSION_get_data(X509_get_ext(x509, at)), &size);
  if (p != NULL && push_scts(L, p, size)) return 1;
  errors_clear();
  return extension_fail(L, EXTENSION_MALFORMED, "scts", what);
}

/* ---- all of them ---- */

static void push_extension (lua_State *L, const X509 *x509, int i) {
  const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(x509,
                                                                     i));
  lua_createtable(L, 0, 4);
  asn1_value_push_oid(L, object);
  lua_setfield(L, -2, "oid");
  asn1_value_push_short_name(L, object);
  lua_setfield(L, -2, "name");
  lua_pushboolean(L, X509_EXTENSION_get_critical(X509_get_ext(x509, i)));
  lua_setfield(L, -2, "critical");
  asn1_value_push_bytes(L, X509_EXTENSION_get_data(X509_get_ext(x509, i)));
  lua_setfield(L, -2, "value");
}

/***
All extensions as they are, in the certificate's order.
@function extensions
@treturn {table,...} of each `oid`, a dotted number; `name`, OpenSSL's short
name (`"subjectAltName"`) or nil; `critical`, a boolean; `value`, its DER. Not
decoded, so that what is there twice or malformed is in it
@source RFC 5280, 4.2
@usage for _, extension in ipairs(certificate:extensions()) do
  print(extension.oid, extension.name, extension.critical)
end
*/
static int extensions_all (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  int i, count = X509_get_ext_count(x509);
  lua_createtable(L, count, 0);
  for (i = 0; i < count; i++) {
    push_extension(L, x509, i);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

const luaL_Reg certificate_extensions_methods[] = {
  {"authority_key_id", extensions_authority_key_id},
  {"basic_constraints", extensions_basic_constraints},
  {"ca_issuers_urls", extensions_ca_issuers_urls},
  {"crl_urls", extensions_crl_urls},
  {"extended_key_usage", extensions_extended_key_usage},
  {"extensions", extensions_all},
  {"key_usage", extensions_key_usage},
  {"ocsp_urls", extensions_ocsp_urls},
  {"scts", extensions_scts},
  {"subject_key_id", extensions_subject_key_id},
  {NULL, NULL}
};
