/*
** certificate_type.c -- the type Certificate: a certificate as a whole, and
** where the methods about its parts come together.
*/

#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "x509/asn1_value.h"
#include "x509/certificate.h"
#include "x509/certificate_extensions.h"
#include "x509/certificate_key.h"
#include "x509/certificate_names.h"
#include "x509/certificate_ocsp.h"
#include "x509/certificate_signature.h"
#include "x509/certificate_times.h"
#include "x509/certificate_type.h"
#include "x509/scratch.h"

/***
A certificate, the peer's or one that was loaded; it does not change and needs
no closing. What is in it may come from anybody: bytes are given with their
length, NULs too, and what is malformed is an error or says so in its place.
Two are equal (`==`) if their DER is the same.
@classmod Certificate
@group What it holds
*/

#define TITLE_MAX 128

/***
The serial number.
@function serial
@treturn string upper-case hexadecimal, two digits a byte; a negative one,
which RFC 5280 forbids, begins with "-"
@source RFC 5280, 4.1.2.2
@usage print(certificate:serial())
*/
static int certificate_serial (lua_State *L) {
  const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate_check(L, 1));
  int negative = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;
  lua_pushstring(L, negative ? "-" : "");
  if (ASN1_STRING_length(serial) == 0) lua_pushliteral(L, "00");
  else asn1_value_push_hex(L, serial);
  lua_concat(L, 2);
  return 1;
}

/***
The version of the certificate's format.
@function version
@treturn[1] integer 1 to 3 as a rule: only 3 has extensions
@treturn[2] nil
@treturn[2] SSLError it is no number from 1 on
@source RFC 5280, 4.1.2.1
@usage assert(certificate:version() == 3)
*/
static int certificate_version (lua_State *L) {
  long version = X509_get_version(certificate_check(L, 1));
  errors_clear();
  if (version < 0 || version >= 0x7fffffff)
    return errors_text(L, ERROR_T, "version", "certificate",
                       "the certificate's version is malformed");
  lua_pushinteger(L, (lua_Integer)version + 1);
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

/* Whoever made the certificate chose some of it, and terminals show it. */
static void make_printable (char *text, long size) {
  long i;
  for (i = 0; i < size; i++)
    if ((text[i] < ' ' && text[i] != '\n') || text[i] > '~') text[i] = '.';
}

/* What OpenSSL's printers have no memory for they may leave out, and say
** nothing: it is printed twice, and has to be the same. */
static int print (Scratch *s, X509 *x509) {
  s->bio = BIO_new(BIO_s_mem());
  return s->bio != NULL
         && X509_print_ex(s->bio, x509, XN_FLAG_ONELINE, X509_FLAG_COMPAT);
}

/***
All of the certificate in words, for people.
@function text
@group Forms
@treturn[1] string lines of printable ASCII, as `openssl x509 -text` prints
them; what changes with OpenSSL's version is not to be parsed
@treturn[2] nil
@treturn[2] SSLError OpenSSL cannot print it
@source X509_print_ex(3)
@usage print(certificate:text())
*/
static int certificate_text (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  Scratch *s = scratch_new(L), *again = scratch_new(L);
  char *text, *other;
  long size;
  errors_clear();
  if (!print(s, x509) || !print(again, x509)) {
    scratch_check_memory(L);
    return errors_text(L, ERROR_T, "text", "certificate", "OpenSSL cannot "
                       "print the certificate");
  }
  size = BIO_get_mem_data(s->bio, &text);
  if (size != BIO_get_mem_data(again->bio, &other)
      || memcmp(text, other, (size_t)size) != 0)
    return errors_fail(L, "text", "memory");
  make_printable(text, size);
  lua_pushlstring(L, text, (size_t)size);
  scratch_free(s);
  scratch_free(again);
  errors_clear();
  return 1;
}

/* From Lua 5.3 on, one of the two may be another userdata. */
static int certificate_eq (lua_State *L) {
  X509 *one = certificate_test(L, 1), *other = certificate_test(L, 2);
  if (one == NULL && other == NULL) certificate_check(L, 1);
  if (one == NULL || other == NULL) lua_pushboolean(L, 0);
  else if (one == other) lua_pushboolean(L, 1);
  else {
    certificate_push_der(L, one);
    certificate_push_der(L, other);
    lua_pushboolean(L, lua_rawequal(L, -1, -2));
  }
  return 1;
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
  {"__eq", certificate_eq},
  {"__gc", certificate_gc},
  {"__tostring", certificate_tostring},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"der", certificate_der},
  {"pem", certificate_pem},
  {"serial", certificate_serial},
  {"text", certificate_text},
  {"version", certificate_version},
  {NULL, NULL}
};

int certificate_type_open (lua_State *L) {
  scratch_open(L);
  lua_newtable(L);
  compat_newtype(L, CERTIFICATE_T);
  compat_setfuncs(L, methods, 0);
  compat_setfuncs(L, certificate_extensions_methods, 0);
  compat_setfuncs(L, certificate_key_methods, 0);
  compat_setfuncs(L, certificate_names_methods, 0);
  compat_setfuncs(L, certificate_ocsp_methods, 0);
  compat_setfuncs(L, certificate_signature_methods, 0);
  compat_setfuncs(L, certificate_times_methods, 0);
  lua_setfield(L, -3, "methods");
  compat_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
  return 1;
}
