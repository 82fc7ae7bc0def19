/*
** certificate_list.c -- certificates from strings and lists.
*/

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/errors.h"
#include "context/certificate_list.h"
#include "context/der.h"
#include "context/pem_diagnosis.h"
#include "x509/certificate.h"
#include "x509/extension_cache.h"
#include "x509/scratch.h"

/***
@module luassl
@group Certificates and random numbers
*/

#define INPUT_MAX ((size_t)16 << 20)
#define TEXT_MAX 1024

/* A string of the caller's, and the method that it was given to. */
typedef struct Input {
  const char *operation;
  PemText text;
} Input;

static void free_list (void *list) {
  sk_X509_pop_free(list, X509_free);
}

STACK_OF(X509) *certificate_list_new (lua_State *L) {
  Scratch *s = scratch_new(L);
  STACK_OF(X509) *list = sk_X509_new_null();
  if (list == NULL) luaL_error(L, "not enough memory");
  s->value = list;
  s->free_value = free_list;
  return list;
}

/* One more, which the list owns then. */
static void append (lua_State *L, STACK_OF(X509) *list, X509 *x509) {
  if (extension_cache_fill(x509) && sk_X509_push(list, x509) > 0) return;
  X509_free(x509);
  errors_clear();
  luaL_error(L, "not enough memory");
}

static int fail_without (lua_State *L, const Input *input) {
  char sentence[TEXT_MAX];
  pem_diagnosis_tell(sentence, sizeof(sentence), &input->text, "certificate");
  errors_clear();
  return errors_text(L, ERROR_T, input->operation, "pem", "%s", sentence);
}

static int fail_damaged (lua_State *L, const Input *input, int number) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  const char *fault = pem_diagnosis_fault(&input->text);
  if (reason == NULL)
    fault = "there is nothing in it, or an empty line at its end";
  return errors_text(L, ERROR_T, input->operation, "pem", "certificate %d in "
                     "it is damaged (%s)", number,
                     fault != NULL ? fault : reason);
}

/* ---- DER ---- */

static int add_der (lua_State *L, STACK_OF(X509) *list, const Input *input) {
  int count = sk_X509_num(list);
  if (der_certificates(list, input->text.bytes, input->text.size)) {
    errors_clear();
    return 1;
  }
  scratch_check_memory(L);
  count = sk_X509_num(list) - count;
  if (count == 0) fail_without(L, input);
  else fail_damaged(L, input, count + 1);
  return 0;
}

/* ---- PEM ---- */

/* For blocks that are encrypted, which no certificate is; without this OpenSSL
** would ask the terminal. */
static int on_passphrase (char *room, int size, int writing, void *data) {
  (void)room;
  (void)size;
  (void)writing;
  (void)data;
  return -1;
}

/* Certificates, to the end; other blocks and text are passed over. */
static int add_pem (lua_State *L, STACK_OF(X509) *list, const Input *input) {
  Scratch *s = scratch_new(L);
  int count = 0;
  s->bio = BIO_new_mem_buf(input->text.bytes, (int)input->text.size);
  while (s->bio != NULL) {
    X509 *x509 = PEM_read_bio_X509_AUX(s->bio, NULL, on_passphrase, NULL);
    unsigned long error = ERR_peek_last_error();
    if (x509 == NULL) {
      if (ERR_GET_LIB(error) == ERR_LIB_PEM
          && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) break;
      scratch_check_memory(L);
      fail_damaged(L, input, count + 1);
      return 0;
    }
    append(L, list, x509);
    count++;
  }
  if (s->bio == NULL) luaL_error(L, "not enough memory");
  scratch_free(s);
  lua_pop(L, 1);
  errors_clear();
  if (count > 0) return 1;
  fail_without(L, input);
  return 0;
}

static int add_string (lua_State *L, STACK_OF(X509) *list, int index,
                       const char *operation) {
  size_t size;
  Input input;
  input.operation = operation;
  input.text.file = NULL;
  input.text.bytes = (const unsigned char *)lua_tolstring(L, index, &size);
  input.text.size = size;
  if (size == 0 || size > INPUT_MAX) {
    errors_text(L, ERROR_T, operation, "pem", size == 0
                ? "it is empty" : "it has more than 16 MiB");
    return 0;
  }
  errors_clear();
  return der_is(input.text.bytes, size) ? add_der(L, list, &input)
                                        : add_pem(L, list, &input);
}

/* ---- lists ---- */

static int is_one (lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING
         || certificate_test(L, index) != NULL;
}

const char *certificate_list_problem (lua_State *L, int index) {
  size_t i, n;
  index = compat_absindex(L, index);
  if (is_one(L, index)) return NULL;
  if (lua_type(L, index) != LUA_TTABLE)
    return "must be a string, a Certificate or a list of them";
  n = compat_rawlen(L, index);
  for (i = 1; i <= n; i++) {
    int good;
    lua_rawgeti(L, index, (int)i);
    good = is_one(L, -1);
    lua_pop(L, 1);
    if (!good) return "must hold strings and Certificates alone";
  }
  return NULL;
}

static int add_one (lua_State *L, STACK_OF(X509) *list, int index,
                    const char *operation) {
  X509 *x509 = certificate_test(L, index);
  if (x509 == NULL) return add_string(L, list, index, operation);
  if (!X509_up_ref(x509)) luaL_error(L, "not enough memory");
  append(L, list, x509);
  return 1;
}

int certificate_list_add (lua_State *L, STACK_OF(X509) *list, int index,
                          const char *operation) {
  size_t i, n;
  index = compat_absindex(L, index);
  luaL_checkstack(L, 16, "certificate");
  if (!lua_istable(L, index)) return add_one(L, list, index, operation);
  n = compat_rawlen(L, index);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, index, (int)i);
    if (!is_one(L, -1)) {  /* it changed since it was checked */
      lua_pop(L, 1);
      continue;
    }
    if (!add_one(L, list, lua_gettop(L), operation)) return 0;
    lua_pop(L, 1);
  }
  return 1;
}

/***
Certificates from a string, as objects that can be looked at.
@function load_certificates
@tparam string text certificates in PEM, one or many, with whatever text around
them, and other blocks, keys say, passed over; or in DER, one behind the other
@treturn[1] {Certificate,...} in their order, one at least
@treturn[2] nil
@treturn[2] SSLError there is none, or one is damaged: kind `"pem"`
@raise when `text` is not a string
@source RFC 7468, 2 and 5; PEM_read_bio_X509(3)
@usage for _, certificate in ipairs(assert(ssl.load_certificates(text))) do
  print(certificate:subject "oneline", certificate:days_left())
end
*/
int certificate_list_load (lua_State *L) {
  STACK_OF(X509) *list;
  luaL_checktype(L, 1, LUA_TSTRING);
  list = certificate_list_new(L);
  if (!certificate_list_add(L, list, 1, "load_certificates")) return 2;
  certificate_push_list(L, list);
  return 1;
}
