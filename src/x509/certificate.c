/*
** certificate.c -- Certificate userdata, and the reference's getpeercert.
*/

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "x509/certificate.h"
#include "base/errors.h"
#include "x509/hostname.h"
#include "x509/general_name.h"

/***
A certificate, the peer's as a rule; it does not change and needs no closing. It
comes from `SSLSocket:peer_certificate`, and hooks are given it.
@classmod Certificate
@group What it holds
*/

#define TIME_MAX 64
#define TITLE_MAX 128

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

X509 *certificate_check (lua_State *L, int index) {
  Certificate *c = (Certificate *)compat_checkudata(L, index, CERTIFICATE_T);
  if (c->x509 == NULL) luaL_argerror(L, index, "certificate is collected");
  return c->x509;
}

/* "May  8 23:59:59 2009 GMT", in no locale but C's; 0 if `t` is no time.
** A fraction of a second, which RFC 5280, 4.1.2.5.2 forbids, is dropped. */
static int format_time (const ASN1_TIME *t, char *text) {
  static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
  };
  struct tm tm;
  if (t == NULL || !ASN1_TIME_to_tm(t, &tm)) return 0;
  snprintf(text, TIME_MAX, "%s %2d %02d:%02d:%02d %04d GMT",
           months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
           tm.tm_year + 1900);
  return 1;
}

/* DER, as a function of OpenSSL's encodes it. */
static void push_encoded (lua_State *L, X509 *x509,
                          int (*encode) (const X509 *, unsigned char **)) {
  int length = encode(x509, NULL);
  unsigned char *der, *end;
  if (length <= 0) luaL_error(L, "not enough memory");
  end = der = (unsigned char *)lua_newuserdata(L, (size_t)length);
  length = encode(x509, &end);
  if (length <= 0) luaL_error(L, "not enough memory");
  lua_pushlstring(L, (const char *)der, (size_t)length);
  lua_remove(L, -2);
}

void certificate_push_der (lua_State *L, X509 *x509) {
  push_encoded(L, x509, i2d_X509);
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
  push_encoded(L, x509, trust ? i2d_X509_AUX : i2d_X509);
  der = (const unsigned char *)lua_tolstring(L, -1, &length);
  luaL_buffinit(L, &b);
  add_label(&b, "BEGIN", trust);
  base64_add(&b, der, length);
  add_label(&b, "END", trust);
  luaL_pushresult(&b);
  lua_remove(L, -2);
}

void certificate_push_reference (lua_State *L, X509 *x509) {
  char text[TIME_MAX];
  int found;
  lua_createtable(L, 0, 3);
  general_name_push_dn(L, X509_get_subject_name(x509));
  lua_setfield(L, -2, "subject");
  if (format_time(X509_get0_notAfter(x509), text)) lua_pushstring(L, text);
  else lua_pushliteral(L, "Bad time value");  /* as Python says */
  lua_setfield(L, -2, "notAfter");
  found = general_name_push_alternative(L, x509);
  if (found < 0) {  /* it is there, but holds no name that one may trust */
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lua_setfield(L, -2, "subjectAltName");
  errors_clear();
}

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
  if (name->type == GEN_IPADD) {
    general_name_address(name->d.iPAddress, address);
    length = strlen(address);
  }
  else if (name->type == GEN_DNS && name->d.dNSName != NULL &&
           ASN1_STRING_type(name->d.dNSName) == V_ASN1_IA5STRING) {
    bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
    length = (size_t)ASN1_STRING_length(name->d.dNSName);
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

/***
The subject's distinguished name.
@function subject
@treturn table list of relative distinguished names, each a list of
`{name, value}`: long names or dotted numbers, values in UTF-8 (the bytes of
one that is no text)
@source RFC 5280, 4.1.2.6
@usage for _, rdn in ipairs(certificate:subject()) do
  for _, pair in ipairs(rdn) do print(pair[1], pair[2]) end
end
*/
static int certificate_subject (lua_State *L) {
  general_name_push_dn(L, X509_get_subject_name(certificate_check(L, 1)));
  return 1;
}

/***
The issuer's distinguished name.
@function issuer
@treturn table as from `subject`
@source RFC 5280, 4.1.2.4
@usage local first = certificate:issuer()[1][1]  --> {"countryName", "GB"}
*/
static int certificate_issuer (lua_State *L) {
  general_name_push_dn(L, X509_get_issuer_name(certificate_check(L, 1)));
  return 1;
}

/***
The serial number.
@function serial
@treturn string upper-case hexadecimal, two digits a byte; a negative one,
which RFC 5280 forbids, begins with "-"
@source RFC 5280, 4.1.2.2
@usage print(certificate:serial())  --> 03A1F2
*/
static int certificate_serial (lua_State *L) {
  static const char digits[] = "0123456789ABCDEF";
  const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate_check(L, 1));
  const unsigned char *data = ASN1_STRING_get0_data(serial);
  int i, length = ASN1_STRING_length(serial);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) luaL_addchar(&b, '-');
  if (length == 0) luaL_addstring(&b, "00");
  for (i = 0; i < length; i++) {
    luaL_addchar(&b, digits[data[i] >> 4]);
    luaL_addchar(&b, digits[data[i] & 15]);
  }
  luaL_pushresult(&b);
  return 1;
}

static int push_time (lua_State *L, const ASN1_TIME *t,
                      const char *operation) {
  char text[TIME_MAX];
  if (!format_time(t, text))
    return errors_text(L, ERROR_T, operation, "certificate",
                       "the certificate holds a malformed time");
  lua_pushstring(L, text);
  return 1;
}

/***
The time before which the certificate is not valid.
@function not_before
@treturn[1] string `"May  8 00:00:00 2007 GMT"`, for `cert_time_to_seconds`
@treturn[2] nil
@treturn[2] SSLError the certificate's time is malformed
@source RFC 5280, 4.1.2.5
@usage local from = ssl.cert_time_to_seconds(certificate:not_before())
*/
static int certificate_not_before (lua_State *L) {
  return push_time(L, X509_get0_notBefore(certificate_check(L, 1)),
                   "not_before");
}

/***
The time after which the certificate is not valid.
@function not_after
@treturn[1] string `"May  8 23:59:59 2009 GMT"`, for `cert_time_to_seconds`
@treturn[2] nil
@treturn[2] SSLError the certificate's time is malformed
@source RFC 5280, 4.1.2.5
@usage local expires = ssl.cert_time_to_seconds(certificate:not_after())
print(math.floor((expires - os.time()) / 86400) .. " days left")
*/
static int certificate_not_after (lua_State *L) {
  return push_time(L, X509_get0_notAfter(certificate_check(L, 1)),
                   "not_after");
}

/***
The subject alternative names, in the certificate's order.
@function subject_alt_name
@group Names
@treturn[1] table list of `{kind, value}`; `DNS`, `email`, `URI`: the bytes,
`IP Address`: its text, `DirName`: a list as from `subject`, `Registered ID`:
a name or dotted number, `othername`, `X400Name`, `EdiPartyName`:
`"<unsupported>"`. What has a wrong form is `"<invalid>"`
@treturn[2] nil the certificate has no such extension
@treturn[3] nil
@treturn[3] SSLError the extension is malformed, or there twice
@source RFC 5280, 4.2.1.6
@usage for _, pair in ipairs(certificate:subject_alt_name() or {}) do
  print(pair[1], pair[2])  --> DNS  example.com
end
*/
static int certificate_subject_alt_name (lua_State *L) {
  if (general_name_push_alternative(L, certificate_check(L, 1)) >= 0) return 1;
  return errors_text(L, ERROR_T, "subject_alt_name", "certificate",
                     "the certificate's subject alternative names are "
                     "malformed");
}

/***
Whether the certificate is valid for a host: what a client that asks for that
name would find, but for the rest of verification.
@function matches_host
@group Names
@tparam string name as for the option `server_hostname`: a DNS name, or an
address, which the subject alternative names must hold as such
@treturn[1] boolean
@treturn[2] nil
@treturn[2] SSLError no host has such a name, or the certificate's names cannot
be read
@source RFC 9525, 6; X509_check_host(3), but that the label which a wildcard
stands for may hold underscores
@usage print(certificate:matches_host("www.example.com"))
*/
static int certificate_matches_host (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  size_t size;
  const char *why, *name = luaL_checklstring(L, 2, &size);
  Hostname hostname;
  int found;
  if (!hostname_parse(name, size, &hostname, &why))
    return errors_text(L, ERROR_T, "matches_host", "name", "%s", why);
  errors_clear();
  found = hostname_matches(&hostname, x509);
  if (!found && ERR_peek_error() != 0)  /* the names, or memory for them */
    return errors_fail(L, "matches_host", NULL);
  errors_clear();
  lua_pushboolean(L, found);
  return 1;
}

/***
The certificate in PEM.
@function pem
@group Forms
@treturn string with header and footer, lines of 64 characters
@source RFC 7468, section 5
@usage io.write(certificate:pem())
*/
static int certificate_pem (lua_State *L) {
  certificate_push_pem(L, certificate_check(L, 1), 0);
  return 1;
}

/***
The certificate in DER.
@function der
@group Forms
@treturn string bytes
@source RFC 5280, 4.1
@usage local der = certificate:der()
*/
static int certificate_der (lua_State *L) {
  certificate_push_der(L, certificate_check(L, 1));
  return 1;
}

static int certificate_gc (lua_State *L) {
  Certificate *c = (Certificate *)compat_checkudata(L, 1, CERTIFICATE_T);
  X509 *x509 = c->x509;
  c->x509 = NULL;
  X509_free(x509);
  return 0;
}

/* X509_NAME_oneline escapes what does not print, and cuts. */
static int certificate_tostring (lua_State *L) {
  char title[TITLE_MAX];
  X509 *x509 = certificate_check(L, 1);
  title[0] = '\0';
  X509_NAME_oneline(X509_get_subject_name(x509), title, TITLE_MAX);
  errors_clear();
  if (title[0] == '\0') certificate_names(x509, title, TITLE_MAX);
  lua_pushfstring(L, "Certificate: %s",
                  title[0] == '\0' ? "no subject" : title);
  return 1;
}

static const luaL_Reg metamethods[] = {
  {"__gc", certificate_gc},
  {"__tostring", certificate_tostring},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"der", certificate_der},
  {"issuer", certificate_issuer},
  {"matches_host", certificate_matches_host},
  {"not_after", certificate_not_after},
  {"not_before", certificate_not_before},
  {"pem", certificate_pem},
  {"serial", certificate_serial},
  {"subject", certificate_subject},
  {"subject_alt_name", certificate_subject_alt_name},
  {NULL, NULL}
};

int certificate_open (lua_State *L) {
  general_name_open(L);
  lua_newtable(L);
  compat_newtype(L, CERTIFICATE_T);
  compat_setfuncs(L, methods, 0);
  lua_setfield(L, -3, "methods");
  compat_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
  return 1;
}
