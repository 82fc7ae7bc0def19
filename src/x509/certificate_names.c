/*
** certificate_names.c -- whose certificate it is, and for what names.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "x509/certificate.h"
#include "x509/certificate_names.h"
#include "x509/certificate_times.h"
#include "x509/distinguished_name.h"
#include "x509/extension.h"
#include "x509/general_name.h"
#include "x509/hostname.h"

/***
@classmod Certificate
@group Names
*/

/* ---- as text, without Lua ---- */

/* The room that certificate_names writes to. */
typedef struct Text {
  char *at;
  size_t left;  /* its NUL not counted */
  int cut;
} Text;

static void put (Text *text, char c) {
  if (text->left == 0) text->cut = 1;
  else {
    *text->at++ = c;
    text->left--;
  }
}

/* The peer chose these bytes, terminals and logs show them: nothing that
** controls those, nor looks like two names. */
static void put_name (Text *text, const char *bytes, size_t length) {
  size_t i;
  for (i = 0; i < length && !text->cut; i++)
    put(text, (char)(bytes[i] > ' ' && bytes[i] < 127 && bytes[i] != ','
                     ? bytes[i] : '?'));
}

static void append_name (Text *text, const GENERAL_NAME *name, int first) {
  char address[NAMES_ADDRESS_MAX];
  const char *bytes = address;
  size_t length;
  const ASN1_IA5STRING *dns = general_name_text(name);
  if (name->type == GEN_IPADD) {
    general_name_address(name->d.iPAddress, address);
    length = strlen(address);
  }
  else if (name->type == GEN_DNS && dns != NULL) {
    bytes = (const char *)ASN1_STRING_get0_data(dns);
    length = (size_t)ASN1_STRING_length(dns);
  }
  else return;
  if (!first) {
    put(text, ',');
    put(text, ' ');
  }
  put_name(text, bytes, length);
}

void certificate_names (X509 *x509, char *text, size_t size) {
  GENERAL_NAMES *names;
  Text t;
  int i;
  if (size == 0) return;
  t.at = text;
  t.left = size - 1;
  t.cut = 0;
  ERR_set_mark();  /* the caller is explaining what else the queue holds */
  names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
  ERR_pop_to_mark();
  for (i = 0; i < sk_GENERAL_NAME_num(names) && !t.cut; i++)
    append_name(&t, sk_GENERAL_NAME_value(names, i), t.at == text);
  GENERAL_NAMES_free(names);
  *t.at = '\0';
  if (t.cut && size > 3) memcpy(text + size - 4, "...", 4);
}

/* ---- distinguished names ---- */

static int push_dn (lua_State *L, const X509_NAME *dn,
                    const char *operation) {
  static const char *const forms[] = {"list", "oneline", "rfc2253", "full",
                                      NULL};
  int form = certificate_check_form(L, 2, forms);
  errors_clear();
  if (form == 0) distinguished_name_push(L, dn);
  else if (form == 3) distinguished_name_push_tables(L, dn);
  else if (!distinguished_name_push_text(L, dn, form == 1 ? XN_FLAG_ONELINE
                                                          : XN_FLAG_RFC2253))
    return errors_text(L, ERROR_T, operation, "certificate",
                       "the name cannot be written as text");
  return 1;
}

/***
The subject's distinguished name.
@function subject
@tparam[opt="list"] string form `"list"`; or in one line of ASCII, others
escaped, so that no two names look alike: `"oneline"`,
`"C = DE, O = LuaSSL, CN = localhost"`, or `"rfc2253"`, the other way round,
`"CN=localhost,O=LuaSSL,C=DE"`; or `"full"`
@treturn[1] table|string list of relative distinguished names, each a list of
`{name, value}`: long names or dotted numbers, values in UTF-8 (the bytes of
one that is no text); or the line; with `"full"` a list of tables, one for each
attribute: `oid`, the dotted number of its type; `name`, the long name, or the
number again; `value`, in UTF-8, nil if it is no text; `bytes`, the value as the
certificate holds it; `rdn`, the number of its relative distinguished name
@treturn[2] nil
@treturn[2] SSLError the name cannot be written in a line
@raise when `form` is another
@source RFC 5280, 4.1.2.6; RFC 2253, 2; X509_NAME_print_ex(3)
@usage print(certificate:subject "oneline")
for _, rdn in ipairs(certificate:subject()) do print(rdn[1][1], rdn[1][2]) end
*/
static int names_subject (lua_State *L) {
  return push_dn(L, X509_get_subject_name(certificate_check(L, 1)), "subject");
}

/***
The issuer's distinguished name.
@function issuer
@tparam[opt="list"] string form as for `subject`
@treturn[1] table|string as from `subject`
@treturn[2] nil
@treturn[2] SSLError the name cannot be written in a line
@raise when `form` is another
@source RFC 5280, 4.1.2.4
@usage print(certificate:issuer "rfc2253")
*/
static int names_issuer (lua_State *L) {
  return push_dn(L, X509_get_issuer_name(certificate_check(L, 1)), "issuer");
}

/* ---- alternative names ---- */

static int push_alternative (lua_State *L, int nid, const char *operation,
                             const char *what) {
  static const char *const forms[] = {"pairs", "full", NULL};
  X509 *x509 = certificate_check(L, 1);
  int form = certificate_check_form(L, 2, forms);
  Scratch *s = scratch_new(L);
  Found found = extension_decode(L, s, x509, nid, extension_free_names);
  if (found != EXTENSION_FOUND)
    return extension_fail(L, found, operation, what);
  if (form == 0) general_name_push_pairs(L, s, s->value);
  else general_name_push_tables(L, s, s->value);
  scratch_check_memory(L);
  scratch_free(s);
  errors_clear();  /* of what is no text */
  return 1;
}

/***
The subject alternative names, in the certificate's order.
@function subject_alt_name
@tparam[opt="pairs"] string form `"pairs"` or `"full"`
@treturn[1] table list of `{kind, value}`; `DNS`, `email`, `URI`: the bytes,
`IP Address`: its text, `DirName`: a list as from `subject`, `Registered ID`:
a name or dotted number, `othername`, `X400Name`, `EdiPartyName`:
`"<unsupported>"`. What has a wrong form is `"<invalid>"`. With `"full"` a list
of tables: `kind`; `value`, nil where there would be such a text, but the text
of an `othername` that holds text; `oid`, the type of an `othername` and the
number of a `Registered ID`; `name`, OpenSSL's long name of that type, or the
number again; `bytes` of an `othername` that holds text or octets, as they are;
`address` of an `IP Address`, as inet_ntop(3) writes it (`"2001:db8::1"`);
`der`, the whole name, a string
@treturn[2] nil the certificate has no such extension
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@raise when `form` is another
@source RFC 5280, 4.2.1.6
@usage for _, name in ipairs(certificate:subject_alt_name() or {}) do
  if name[1] == "DNS" then print(name[2]) end
end
*/
static int names_subject_alt_name (lua_State *L) {
  return push_alternative(L, NID_subject_alt_name, "subject_alt_name",
                          "subject alternative names");
}

/***
The issuer alternative names.
@function issuer_alt_name
@tparam[opt="pairs"] string form as for `subject_alt_name`
@treturn[1] table as from `subject_alt_name`
@treturn[2] nil the certificate has no such extension
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@raise when `form` is another
@source RFC 5280, 4.2.1.7
@usage local names = certificate:issuer_alt_name()
*/
static int names_issuer_alt_name (lua_State *L) {
  return push_alternative(L, NID_issuer_alt_name, "issuer_alt_name",
                          "issuer alternative names");
}

/* ---- matching ---- */

/* 0: pushed nil and an error: the names cannot be read. */
static int check_names (lua_State *L, X509 *x509, const char *operation) {
  Scratch *s = scratch_new(L);
  Found found = extension_decode(L, s, x509, NID_subject_alt_name,
                                 extension_free_names);
  scratch_free(s);
  lua_pop(L, 1);
  if (found >= EXTENSION_ABSENT) return 1;
  extension_fail(L, found, operation, "subject alternative names");
  return 0;
}

static int push_match (lua_State *L, X509 *x509, const Hostname *hostname,
                       const char *operation) {
  int found;
  if (!check_names(L, x509, operation)) return 2;
  errors_clear();
  found = hostname_matches(hostname, x509);
  if (!found && ERR_peek_error() != 0)  /* memory for them */
    return errors_fail(L, operation, NULL);
  errors_clear();
  lua_pushboolean(L, found);
  return 1;
}

/***
Whether the certificate is valid for a host: what a client that asks for that
name would find, but for the rest of verification.
@function matches_host
@tparam string name as for the option `server_hostname`: a DNS name, or an
address, which the subject alternative names must hold as such
@treturn[1] boolean
@treturn[2] nil
@treturn[2] SSLError no host has such a name, or the certificate's names cannot
be read
@source RFC 9525, 6; X509_check_host(3), but that the label which a wildcard
stands for may hold underscores
@usage assert(certificate:matches_host "www.example.com")
*/
static int names_matches_host (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  size_t size;
  const char *why, *name = luaL_checklstring(L, 2, &size);
  Hostname hostname;
  if (!hostname_parse(name, size, &hostname, &why))
    return errors_text(L, ERROR_T, "matches_host", "name", "%s", why);
  return push_match(L, x509, &hostname, "matches_host");
}

/***
Whether the certificate is valid for an address, which its subject alternative
names must hold as such; a wildcard or a DNS name never matches one.
@function matches_ip
@tparam string address IPv4 or IPv6, as text; a zone ("%eth0") is passed over
@treturn[1] boolean
@treturn[2] nil
@treturn[2] SSLError it is no address, or the certificate's names cannot be read
@source RFC 9525, 6.5; X509_check_ip_asc(3)
@usage assert(certificate:matches_ip "192.0.2.1")
*/
static int names_matches_ip (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  size_t size;
  const char *why, *address = luaL_checklstring(L, 2, &size);
  Hostname hostname;
  if (!hostname_parse(address, size, &hostname, &why) || !hostname.is_address)
    return errors_text(L, ERROR_T, "matches_ip", "name",
                       "this is no IPv4 or IPv6 address");
  return push_match(L, x509, &hostname, "matches_ip");
}

/* ---- the reference's table ---- */

/* The list of pairs; nil: there is no such extension. One that is there
** but holds no name that may be trusted gives an empty list. */
static void push_reference_names (lua_State *L, X509 *x509) {
  Scratch *s = scratch_new(L);
  Found found = extension_decode(L, s, x509, NID_subject_alt_name,
                                 extension_free_names);
  if (found == EXTENSION_FOUND) general_name_push_pairs(L, s, s->value);
  else if (found == EXTENSION_ABSENT) lua_pushnil(L);
  else lua_newtable(L);
  scratch_check_memory(L);
  scratch_free(s);
  lua_remove(L, -2);
}

void certificate_names_push_reference (lua_State *L, X509 *x509) {
  char text[TIME_TEXT_MAX];
  lua_createtable(L, 0, 3);
  distinguished_name_push(L, X509_get_subject_name(x509));
  lua_setfield(L, -2, "subject");
  if (certificate_times_format(X509_get0_notAfter(x509), text))
    lua_pushstring(L, text);
  else lua_pushliteral(L, "Bad time value");  /* as Python says */
  lua_setfield(L, -2, "notAfter");
  push_reference_names(L, x509);
  lua_setfield(L, -2, "subjectAltName");
  errors_clear();
}

const luaL_Reg certificate_names_methods[] = {
  {"issuer", names_issuer},
  {"issuer_alt_name", names_issuer_alt_name},
  {"matches_host", names_matches_host},
  {"matches_ip", names_matches_ip},
  {"subject", names_subject},
  {"subject_alt_name", names_subject_alt_name},
  {NULL, NULL}
};
