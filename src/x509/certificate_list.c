/*
** certificate_list.c -- certificates from strings and lists.
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/errors.h"
#include "x509/certificate.h"
#include "x509/certificate_list.h"
#include "x509/scratch.h"

/***
@module luassl
@group Certificates and random numbers
*/

#define INPUT_MAX ((size_t)16 << 20)
#define LABEL_MAX 48
#define BEGIN "-----BEGIN "

/* A string of the caller's, and the method that it was given to. */
typedef struct Input {
  const char *operation;
  const char *bytes, *end;
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
  if (sk_X509_push(list, x509) > 0) return;
  X509_free(x509);
  errors_clear();
  luaL_error(L, "not enough memory");
}

/* ---- what is in it? ---- */

/* The first line that begins a PEM block; NULL: there is none. */
static const char *find_block (const Input *input) {
  const char *p = input->bytes;
  size_t length = strlen(BEGIN);
  while (p != NULL && (size_t)(input->end - p) >= length) {
    if (memcmp(p, BEGIN, length) == 0) return p;
    p = memchr(p, '\n', (size_t)(input->end - p));
    if (p != NULL) p++;
  }
  return NULL;
}

/* Of the first block: "CERTIFICATE REQUEST". */
static void read_label (const Input *input, char *label) {
  const char *p = find_block(input) + strlen(BEGIN);
  size_t i = 0;
  for (; p < input->end && i + 1 < LABEL_MAX; p++) {
    if (*p != ' ' && (*p < 'A' || *p > 'Z') && (*p < '0' || *p > '9')) break;
    label[i++] = *p;
  }
  label[i] = '\0';
}

static int fail_without (lua_State *L, const Input *input) {
  char label[LABEL_MAX] = "";
  errors_clear();
  if (find_block(input) != NULL) read_label(input, label);
  if (label[0] != '\0')
    return errors_text(L, ERROR_T, input->operation, "pem", "there is no "
                       "certificate in the string, but a %s", label);
  return errors_text(L, ERROR_T, input->operation, "pem", "there is no "
                     "certificate in the string: it is neither DER nor PEM, "
                     "which has lines that begin with -----BEGIN");
}

/* ---- DER ---- */

/* 1: added. 0: pushes nil and an error. -1: it is no DER. */
static int add_der (lua_State *L, STACK_OF(X509) *list, const Input *input) {
  const unsigned char *p = (const unsigned char *)input->bytes;
  X509 *x509;
  if (*p != 0x30) return -1;  /* a SEQUENCE, or the digit 0 */
  x509 = d2i_X509(NULL, &p, (long)(input->end - input->bytes));
  if (x509 == NULL) {
    scratch_check_memory(L);
    errors_clear();
    return -1;
  }
  append(L, list, x509);
  errors_clear();
  if (p == (const unsigned char *)input->end) return 1;
  errors_text(L, ERROR_T, input->operation, "pem", "there are %ld bytes behind "
              "the certificate in DER: several go in PEM, or in a list",
              (long)((const unsigned char *)input->end - p));
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

static int fail_damaged (lua_State *L, const Input *input, int number) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  return errors_text(L, ERROR_T, input->operation, "pem", "certificate %d in "
                     "the string is damaged (%s)", number, reason != NULL
                     ? reason : "there is nothing in it, or an empty line at "
                     "its end");
}

/* Certificates, to the end; other blocks and text are passed over. */
static int add_pem (lua_State *L, STACK_OF(X509) *list, const Input *input) {
  Scratch *s = scratch_new(L);
  int count = 0;
  s->bio = BIO_new_mem_buf(input->bytes, (int)(input->end - input->bytes));
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
  int done;
  input.operation = operation;
  input.bytes = lua_tolstring(L, index, &size);
  input.end = input.bytes + size;
  if (size == 0 || size > INPUT_MAX) {
    errors_text(L, ERROR_T, operation, "pem", size == 0
                ? "the string is empty" : "the string has more than 16 MiB");
    return 0;
  }
  errors_clear();
  done = add_der(L, list, &input);
  return done >= 0 ? done : add_pem(L, list, &input);
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
them, and other blocks, keys say, passed over; or one in DER
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
