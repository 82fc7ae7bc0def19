/*
** crl_list.c -- certificate revocation lists from strings.
*/

#include "base/errors.h"
#include "x509/crl.h"
#include "x509/crl_list.h"
#include "x509/scratch.h"

#define INPUT_MAX ((size_t)16 << 20)

static void free_list (void *list) {
  sk_X509_CRL_pop_free(list, X509_CRL_free);
}

STACK_OF(X509_CRL) *crl_list_new (lua_State *L) {
  Scratch *s = scratch_new(L);
  STACK_OF(X509_CRL) *list = sk_X509_CRL_new_null();
  if (list == NULL) luaL_error(L, "not enough memory");
  s->value = list;
  s->free_value = free_list;
  return list;
}

int crl_list_add (lua_State *L, STACK_OF(X509_CRL) *list, int index,
                  const char *operation) {
  size_t size;
  const char *bytes = lua_tolstring(L, index, &size);
  CrlResult result;
  int count;
  errors_clear();
  if (size == 0 || size > INPUT_MAX) {
    errors_text(L, ERROR_T, operation, "pem", size == 0
                ? "a CRL is empty" : "a CRL has more than 16 MiB");
    return 0;
  }
  result = crl_read(list, (const unsigned char *)bytes, size, &count);
  errors_clear();
  if (result == CRL_READ) return 1;
  if (result == CRL_NO_MEMORY) luaL_error(L, "not enough memory");
  errors_text(L, ERROR_T, operation, "pem", result == CRL_DAMAGED
              ? "a CRL is damaged"
              : "there is no CRL in a string: it is neither one in DER nor PEM "
              "with -----BEGIN X509 CRL-----");
  return 0;
}
