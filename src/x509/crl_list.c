/*
** crl_list.c -- certificate revocation lists from strings.
*/

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/errors.h"
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

/* One more, which the list owns then. */
static void append (lua_State *L, STACK_OF(X509_CRL) *list, X509_CRL *crl) {
  if (sk_X509_CRL_push(list, crl) > 0) return;
  X509_CRL_free(crl);
  errors_clear();
  luaL_error(L, "not enough memory");
}

/* 1: the string is one CRL in DER and nothing else, and was added. */
static int add_der (lua_State *L, STACK_OF(X509_CRL) *list, const char *bytes,
                    size_t size) {
  const unsigned char *p = (const unsigned char *)bytes;
  X509_CRL *crl = *p == 0x30 ? d2i_X509_CRL(NULL, &p, (long)size) : NULL;
  if (crl == NULL) scratch_check_memory(L);
  errors_clear();
  if (crl != NULL && p == (const unsigned char *)bytes + size) {
    append(L, list, crl);
    return 1;
  }
  X509_CRL_free(crl);
  return 0;
}

/* For blocks that are encrypted; without this OpenSSL would ask the
** terminal. */
static int on_passphrase (char *room, int size, int writing, void *data) {
  (void)room;
  (void)size;
  (void)writing;
  (void)data;
  return -1;
}

/* How many the PEM holds; -1: one is damaged. */
static int add_pem (lua_State *L, STACK_OF(X509_CRL) *list, const char *bytes,
                    size_t size) {
  Scratch *s = scratch_new(L);
  int count = 0;
  s->bio = BIO_new_mem_buf(bytes, (int)size);
  if (s->bio == NULL) luaL_error(L, "not enough memory");
  for (;;) {
    X509_CRL *crl = PEM_read_bio_X509_CRL(s->bio, NULL, on_passphrase, NULL);
    unsigned long error = ERR_peek_last_error();
    if (crl == NULL) {
      scratch_check_memory(L);
      if (ERR_GET_LIB(error) != ERR_LIB_PEM
          || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) count = -1;
      break;
    }
    append(L, list, crl);
    count++;
  }
  errors_clear();
  scratch_free(s);
  lua_pop(L, 1);
  return count;
}

int crl_list_add (lua_State *L, STACK_OF(X509_CRL) *list, int index,
                  const char *operation) {
  size_t size;
  const char *bytes = lua_tolstring(L, index, &size);
  int count;
  errors_clear();
  if (size == 0 || size > INPUT_MAX) {
    errors_text(L, ERROR_T, operation, "pem", size == 0
                ? "a CRL is empty" : "a CRL has more than 16 MiB");
    return 0;
  }
  if (add_der(L, list, bytes, size)) return 1;
  count = add_pem(L, list, bytes, size);
  if (count > 0) return 1;
  errors_text(L, ERROR_T, operation, "pem", count < 0 ? "a CRL is damaged"
              : "there is no CRL in a string: it is neither one in DER nor PEM "
              "with -----BEGIN X509 CRL-----");
  return 0;
}
