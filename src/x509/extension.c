/*
** extension.c -- a certificate's extensions, decoded.
*/

#include <openssl/asn1.h>

#include "base/errors.h"
#include "x509/extension.h"

/* OpenSSL's decoder does not look behind the value that it finds. */
static int is_whole (const ASN1_OCTET_STRING *bytes) {
  const unsigned char *start = ASN1_STRING_get0_data(bytes), *p = start;
  long length, size = ASN1_STRING_length(bytes);
  int tag, class, form;
  if (start == NULL || size <= 0) return 0;
  form = ASN1_get_object(&p, &length, &tag, &class, size);
  return !(form & 0x81) && length == size - (long)(p - start);
}

Found extension_decode (lua_State *L, Scratch *s, const X509 *x509, int nid,
                        void (*free_value) (void *)) {
  int at = X509_get_ext_by_NID(x509, nid, -1);
  if (at < 0) return EXTENSION_ABSENT;
  if (X509_get_ext_by_NID(x509, nid, at) >= 0) return EXTENSION_DOUBLED;
  errors_clear();
  s->free_value = free_value;
  s->value = X509V3_EXT_d2i(X509_get_ext(x509, at));
  scratch_check_memory(L);
  if (s->value != NULL
      && !is_whole(X509_EXTENSION_get_data(X509_get_ext(x509, at))))
    scratch_free(s);
  errors_clear();
  return s->value != NULL ? EXTENSION_FOUND : EXTENSION_MALFORMED;
}

int extension_fail (lua_State *L, Found found, const char *operation,
                    const char *what) {
  if (found == EXTENSION_ABSENT) {
    lua_pushnil(L);
    return 1;
  }
  return errors_text(L, ERROR_T, operation, "certificate",
                     found == EXTENSION_DOUBLED
                     ? "the certificate holds its %s twice, so neither counts"
                     : "the certificate's %s is malformed", what);
}

void extension_free_names (void *names) {
  GENERAL_NAMES_free(names);
}
