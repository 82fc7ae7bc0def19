/*
** pem.c -- certificates and private keys from a file or a string.
**
** Files are read here and parsed from memory, so that an error can name the
** file, what is in it and what to do.
*/

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "x509/certificate.h"
#include "x509/extension_cache.h"
#include "base/errors.h"
#include "base/files.h"
#include "context/der.h"
#include "context/pem.h"
#include "context/pem_diagnosis.h"
#include "context/options.h"
#include "base/failure.h"

#define MATERIAL_T "luassl.material"

#define INPUT_MAX ((size_t)16 << 20)
#define TEXT_MAX 1024

/* Material */

void pem_forget_key (Material *m) {
  OPENSSL_clear_free(m->contents, m->size);
  EVP_PKEY_free(m->key);
  m->bytes = m->contents = NULL;
  m->size = 0;
  m->key = NULL;
}

void pem_clear (Material *m) {
  pem_forget_key(m);
  sk_X509_pop_free(m->certificates, X509_free);
  memset(m, 0, sizeof(*m));
}

static int pem_gc (lua_State *L) {
  pem_clear((Material *)compat_checkudata(L, 1, MATERIAL_T));
  return 0;
}

Material *pem_push (lua_State *L) {
  Material *m = (Material *)lua_newuserdata(L, sizeof(*m));
  memset(m, 0, sizeof(*m));
  luaL_getmetatable(L, MATERIAL_T);
  lua_setmetatable(L, -2);
  return m;
}

/* As texts call it: what they say of a string follows the option's name. */
static const char *name_of (const Material *m) {
  return m->file != NULL ? m->name : "it";
}

const char *pem_name (const Material *m) {
  return name_of(m);
}

const char *pem_place (const Material *m, char *room) {
  if (m->number == 0) return m->option;
  snprintf(room, MATERIAL_PLACE, "certificates[%d].%s", m->number, m->option);
  return room;
}

static int vfail (lua_State *L, const Material *m, const char *kind,
                  const char *format, va_list arguments) {
  char text[TEXT_MAX], room[MATERIAL_PLACE];
  const char *place = pem_place(m, room);
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) {
    errors_fail(L, place, NULL);  /* whatever it looks like */
    return 0;
  }
  vsnprintf(text, sizeof(text), format, arguments);
  if (m->file != NULL) errors_file(L, place, kind, m->file, text);
  else errors_text(L, ERROR_T, place, kind, "%s", text);
  return 0;
}

int pem_fail (lua_State *L, const Material *m, const char *kind,
              const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfail(L, m, kind, format, arguments);
  va_end(arguments);
  return 0;
}

static int fail (lua_State *L, const Material *m, const char *kind,
                 const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfail(L, m, kind, format, arguments);
  va_end(arguments);
  return 0;
}

/* Input */

/* Takes the option's file or directory: 1, or 0: PEM stands there instead of
** a name. */
static int take_name (lua_State *L, Material *m, int options,
                      const char *option) {
  const char *wanted = "ca_data";
  m->option = option;
  m->file = options_string(L, options, option, NULL);
  if (m->file == NULL) return 1;
  quote_name(m->name, m->file);
  if (strstr(m->file, "-----BEGIN") == NULL) return 1;
  if (strcmp(option, "certfile") == 0) wanted = "cert";
  if (strcmp(option, "keyfile") == 0) wanted = "key";
  if (strcmp(option, "pkcs12_file") == 0) wanted = "cert";
  if (strcmp(option, "crl_file") == 0) wanted = "crl_data";
  m->file = NULL;
  return fail(L, m, "pem", "option %s wants a file name; PEM text goes in "
              "option %s", option, wanted);
}

static int fail_reading (lua_State *L, const Material *m, int error) {
  const char *file = name_of(m);
  char room[REASON_MAX];
  errors_clear();
  if (error == ENOENT) return fail(L, m, "file", "%s does not exist", file);
  if (error == EISDIR && strcmp(m->option, "ca_certs") == 0)
    return fail(L, m, "file", "%s is a directory, not a PEM file; one with "
                "hashed names goes in option ca_path", file);
  if (error == EISDIR)
    return fail(L, m, "file", "%s is a directory, not a PEM file", file);
  if (error == EFBIG)
    return fail(L, m, "file", "%s has more than 16 MiB", file);
  return fail(L, m, "file", "cannot read %s: %s", file,
              failure_system_reason(error, room));
}

int pem_take_file (lua_State *L, Material *m, int options,
                   const char *option) {
  int error;
  if (!take_name(L, m, options, option)) return 0;
  if (m->file == NULL) return 1;
  if (*m->file == '\0')
    return fail(L, m, "file", "the file's name is empty: give one, or leave "
                "the option out");
  error = files_read(m->file, &m->contents, &m->size);
  m->bytes = m->contents;
  if (error != 0) return fail_reading(L, m, error);
  if (m->size > 0) return 1;
  return fail(L, m, "pem", "%s is empty", name_of(m));
}

int pem_take_string (lua_State *L, Material *m, int options,
                     const char *option) {
  m->option = option;
  m->bytes = (const unsigned char *)options_string(L, options, option,
                                                   &m->size);
  if (m->bytes == NULL) return 1;
  if (m->size == 0) return fail(L, m, "pem", "it is empty");
  if (m->size > INPUT_MAX) return fail(L, m, "pem", "it has more than 16 MiB");
  return 1;
}

int pem_take_directory (lua_State *L, Material *m, int options,
                        const char *option) {
  char real[PATH_MAX];
  struct stat status;
  int error;
  if (!take_name(L, m, options, option)) return 0;
  if (m->file == NULL) return 1;
  if (*m->file == '\0')
    return fail(L, m, "file", "the directory's name is empty: give one, or "
                "leave the option out");
  if (stat(m->file, &status) != 0) return fail_reading(L, m, errno);
  if (!S_ISDIR(status.st_mode))
    return fail(L, m, "file", "%s is not a directory: a file goes in option "
                "ca_certs", name_of(m));
  error = files_real(m->file, real);
  if (error != 0) return fail_reading(L, m, error);
  if (strchr(real, ':') != NULL)
    return fail(L, m, "file", "the real path of %s has a colon, where OpenSSL "
                "would take it apart", name_of(m));
  m->bytes = m->contents = (unsigned char *)OPENSSL_strdup(real);
  m->size = strlen(real);
  return m->bytes != NULL || fail_reading(L, m, ENOMEM);
}

/* What is in it? */

static PemText text_of (const Material *m) {
  PemText t;
  t.file = m->file != NULL ? m->name : NULL;
  t.bytes = m->bytes;
  t.size = m->size;
  return t;
}

/* Whether an option that takes PEM or DER was given what looks like a file's
** name. */
static int is_name (const Material *m) {
  const char *p = (const char *)m->bytes;
  size_t i;
  int dots = 0;
  if (m->file != NULL || m->size > QUOTE_ROOM) return 0;
  for (i = 0; i < m->size; i++) {
    if (p[i] <= ' ' || p[i] > '~') return 0;
    dots += p[i] == '.';
  }
  return dots > 0;
}

static int fail_name (lua_State *L, const Material *m) {
  const char *option = "ca_certs";
  if (strcmp(m->option, "cert") == 0) option = "certfile";
  if (strcmp(m->option, "key") == 0) option = "keyfile";
  return fail(L, m, "pem", "it is neither DER nor PEM: a file's name goes in "
              "option %s", option);
}

/* No `wanted` was found: what is there instead? */
static int fail_without (lua_State *L, const Material *m, const char *wanted) {
  char sentence[TEXT_MAX];
  PemText t = text_of(m);
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
    return fail(L, m, "memory", "out of memory");
  if (is_name(m)) return fail_name(L, m);
  pem_diagnosis_tell(sentence, sizeof(sentence), &t, wanted);
  errors_clear();
  return fail(L, m, "pem", "%s", sentence);
}

/* Certificates */

/* All certificates, in order. 1, or 0: see the error queue, the number of
** those read before tells which. Trusted certificates (X509_AUX) too. */
static int parse_certificates (Material *m) {
  BIO *bio = BIO_new_mem_buf(m->bytes, (int)m->size);
  while (bio != NULL) {
    Passphrase none = {NULL, 0, 0};
    X509 *x509 = PEM_read_bio_X509_AUX(bio, NULL, material_on_passphrase,
                                       &none);
    unsigned long error = ERR_peek_last_error();
    if (x509 != NULL && extension_cache_fill(x509)
        && sk_X509_push(m->certificates, x509)) continue;
    BIO_free(bio);
    X509_free(x509);
    return x509 == NULL && ERR_GET_LIB(error) == ERR_LIB_PEM &&
           ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  }
  BIO_free(bio);
  return 0;
}

static int fail_parsing (lua_State *L, const Material *m) {
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  int n = sk_X509_num(m->certificates);
  PemText t = text_of(m);
  const char *fault = pem_diagnosis_fault(&t);
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
    return fail(L, m, "memory", "out of memory");
  if (reason == NULL)
    fault = "there is nothing in it, or an empty line at its end";
  return fail(L, m, "pem", "certificate %d in %s is damaged (%s)", n + 1,
              name_of(m), fault != NULL ? fault : reason);
}

int pem_read_certificates (lua_State *L, Material *m) {
  int is_der = der_is(m->bytes, m->size);
  errors_clear();
  m->certificates = sk_X509_new_null();
  if (m->certificates == NULL)
    return fail(L, m, "memory", "out of memory");
  if (!(is_der ? der_certificates(m->certificates, m->bytes, m->size)
               : parse_certificates(m))) {
    if (is_der && sk_X509_num(m->certificates) == 0)
      return fail_without(L, m, "certificate");
    return fail_parsing(L, m);
  }
  if (sk_X509_num(m->certificates) == 0)
    return fail_without(L, m, "certificate");
  errors_clear();
  return 1;
}

void pem_push_certificates (lua_State *L, int options,
                            const char *option) {
  Material *m = pem_push(L);
  luaL_Buffer b;
  int i;
  if (!pem_take_string(L, m, options, option)
      || !pem_read_certificates(L, m))
    luaL_error(L, "not enough memory");  /* it was read before */
  luaL_buffinit(L, &b);
  for (i = 0; i < sk_X509_num(m->certificates); i++) {
    certificate_push_pem(L, sk_X509_value(m->certificates, i), 1);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  pem_clear(m);
}

/* Private keys */

static void parse_key (Material *m, Passphrase *p) {
  BIO *bio;
  if (der_is(m->bytes, m->size)) {
    m->key = der_key(m, p);
    return;
  }
  bio = BIO_new_mem_buf(m->bytes, (int)m->size);
  if (bio == NULL) return;
  m->key = PEM_read_bio_PrivateKey(bio, NULL, material_on_passphrase, p);
  BIO_free(bio);
}

/* Calls the function at the top with the key's name. Its result, or nil and
** what it raised, is at the top; 0: the latter. */
static int call_password (lua_State *L, const Material *m) {
  errors_clear();  /* the function may call into OpenSSL too */
  lua_pushstring(L, m->file != NULL ? m->file
                    : strcmp(m->option, "cert") == 0 ? "key" : m->option);
  if (lua_pcall(L, 1, 1, 0) == 0) {
    int type = lua_type(L, -1);
    errors_clear();
    if (type != LUA_TSTRING && type != LUA_TNIL)
      options_raise(L, "password", "is a function that returned a %s, not a "
                    "string", lua_typename(L, type));
    return 1;
  }
  errors_clear();
  if (compat_caught_nil(L, -1))
    return fail(L, m, "passphrase", "the password function for %s raised nil",
                name_of(m));
  lua_pushnil(L);
  lua_insert(L, -2);
  return 0;
}

/* Asks the option password; the text stays on the stack. */
int pem_get_passphrase (lua_State *L, const Material *m, int options,
                        Passphrase *p) {
  int type = options_push(L, options, "password");
  if (type == LUA_TNIL)
    return fail(L, m, "passphrase", "the private key in %s is encrypted: its "
                "passphrase goes in option password", name_of(m));
  if (type == LUA_TFUNCTION && !call_password(L, m)) return 0;
  if (lua_isnil(L, -1))
    return fail(L, m, "passphrase", "the password function gave no passphrase "
                "for %s", name_of(m));
  p->text = lua_tolstring(L, -1, &p->size);
  if (p->size > PASSPHRASE_MAX)
    return fail(L, m, "passphrase", "the passphrase for %s has more than %d "
                "bytes", name_of(m), PASSPHRASE_MAX);
  return 1;
}

/* Asked for a passphrase and given one, OpenSSL still made no key. What a
** wrong one decrypts is garbage, which no decoder supports. */
static int fail_decrypting (lua_State *L, const Material *m) {
  unsigned long code = ERR_peek_error();
  if (ERR_GET_REASON(code) == ERR_R_UNSUPPORTED
      && ERR_GET_LIB(code) != ERR_LIB_OSSL_DECODER)
    return fail(L, m, "unsupported", "the private key in %s is encrypted in a "
                "way that this OpenSSL does not support", name_of(m));
  return fail(L, m, "passphrase", "wrong passphrase for %s", name_of(m));
}

static int fail_finding (lua_State *L, const Material *m) {
  PemText t = text_of(m);
  const char *fault = pem_diagnosis_fault(&t);
  int is_key = pem_diagnosis_keys(&t) > 0;
  if (is_key && fault != NULL)
    return fail(L, m, "pem", "the private key in %s is damaged (%s)",
                name_of(m), fault);
  if (is_key)
    return fail(L, m, "pem", "the private key in %s is damaged, or of a type "
                "that this OpenSSL does not know", name_of(m));
  if (strcmp(m->option, "certfile") == 0)
    return fail(L, m, "pem", "no private key in %s, nor an option keyfile",
                name_of(m));
  return fail_without(L, m, "private key");
}

/* Beside a certificate: which of several would be its key? */
static int fail_choosing (lua_State *L, const Material *m, int keys) {
  return fail(L, m, "pem", "%s has %d private keys, of which one is to be the "
              "certificate's: put each with its own certificate into a %s of "
              "its own", name_of(m), keys,
              m->file != NULL ? "file" : "string");
}

int pem_read_key (lua_State *L, Material *m, int options) {
  Passphrase p = {NULL, 0, 0};
  PemText t = text_of(m);
  int keys = m->certificates != NULL ? pem_diagnosis_keys(&t) : 1;
  if (keys > 1) return fail_choosing(L, m, keys);
  errors_clear();
  parse_key(m, &p);
  if (m->key == NULL && p.asked) {
    if (!pem_get_passphrase(L, m, options, &p)) return 0;
    errors_clear();
    parse_key(m, &p);
    if (m->key == NULL) return fail_decrypting(L, m);
  }
  if (m->key == NULL) return fail_finding(L, m);
  errors_clear();
  return 1;
}

/* Both together */

int pem_fail_matching (lua_State *L, const Material *cert,
                       const Material *key) {
  char room[MATERIAL_PLACE], named[MATERIAL_PLACE + 8];
  if (key == cert)
    return fail(L, cert, "key_mismatch", "the private key and the certificate "
                "in %s do not belong together", name_of(cert));
  snprintf(named, sizeof(named), "option %s", pem_place(cert, room));
  return fail(L, key, "key_mismatch", "the private key in %s does not belong "
              "to the certificate in %s", name_of(key),
              cert->file != NULL ? name_of(cert) : named);
}

void pem_open (lua_State *L) {
  compat_newmetatable(L, MATERIAL_T);
  lua_pushcfunction(L, pem_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
