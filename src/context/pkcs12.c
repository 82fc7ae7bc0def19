/*
** pkcs12.c -- certificate, chain and key in one PKCS#12 file or string
** (RFC 7292).
*/

#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include "base/errors.h"
#include "context/options.h"
#include "context/pkcs12.h"
#include "x509/extension_cache.h"

#define NAME_SIZE 64

/* What is parsed; it belongs to a userdata before Lua may raise. */
#define PKCS12_T "luassl.pkcs12"

static int box_gc (lua_State *L) {
  PKCS12 **box = compat_checkudata(L, 1, PKCS12_T);
  PKCS12_free(*box);
  *box = NULL;
  return 0;
}

static PKCS12 **box_push (lua_State *L) {
  PKCS12 **box = lua_newuserdata(L, sizeof(*box));
  *box = NULL;
  luaL_getmetatable(L, PKCS12_T);
  lua_setmetatable(L, -2);
  return box;
}

/* ---- why it fails ---- */

static int is_memory (void) {
  return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

/* The algorithm that the certificates are encrypted with, if it is older than
** PBES2 (RFC 8018): 1 and its name. */
static int old_algorithm (PKCS12 *p12, char *name) {
  STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
  int i, found = 0;
  for (i = 0; !found && i < sk_PKCS7_num(safes); i++) {
    PKCS7 *safe = sk_PKCS7_value(safes, i);
    const ASN1_OBJECT *algorithm;
    if (!PKCS7_type_is_encrypted(safe)) continue;
    X509_ALGOR_get0(&algorithm, NULL, NULL,
                    safe->d.encrypted->enc_data->algorithm);
    found = OBJ_obj2nid(algorithm) != NID_pbes2;
    if (found) OBJ_obj2txt(name, NAME_SIZE, algorithm, 0);
  }
  sk_PKCS7_pop_free(safes, PKCS7_free);
  return found;
}

/* What neither needs a passphrase nor is readable with the right one. */
static int fail_decrypting (lua_State *L, const Material *m, PKCS12 *p12) {
  char name[NAME_SIZE];
  if (is_memory()) return pem_fail(L, m, "memory", "out of memory");
  if (!old_algorithm(p12, name))
    return pem_fail(L, m, "unsupported", "%s is PKCS#12 that this OpenSSL "
                    "cannot read", pem_name(m));
  return pem_fail(L, m, "unsupported", "%s is encrypted in an old way (%s) "
                  "that this OpenSSL does not support: \"openssl pkcs12 "
                  "-legacy -in %s -out new.pem\" makes a file for option "
                  "certfile of it", pem_name(m), name,
                  m->file != NULL ? pem_name(m) : "old.p12");
}

static int fail_passphrase (lua_State *L, const Material *m, int given) {
  errors_clear();
  if (given)
    return pem_fail(L, m, "passphrase", "wrong passphrase for %s",
                    pem_name(m));
  return pem_fail(L, m, "passphrase", "%s is encrypted: its passphrase goes in "
                  "option password", pem_name(m));
}

/* ---- the passphrase ---- */

/* 1: it fits, or there is nothing to check it by; 0: it does not; -1: it
** cannot be told, see the error queue. */
static int fits (PKCS12 *p12, const char *text, size_t size) {
  if (!PKCS12_mac_present(p12)) return 1;
  errors_clear();
  if (PKCS12_verify_mac(p12, text, (int)size)) return 1;
  return ERR_peek_error() == 0 ? 0 : -1;
}

/* An empty passphrase is written in two ways. */
static int fits_empty (PKCS12 *p12) {
  int found = fits(p12, NULL, 0);
  return found != 0 ? found : fits(p12, "", 0);
}

/* Leaves the passphrase in `p`. `p12` stays the userdata's. */
static int find_passphrase (lua_State *L, const Material *m, int options,
                            PKCS12 *p12, Passphrase *p) {
  int found = fits_empty(p12), given = options_push(L, options, "password");
  lua_pop(L, 1);
  if (found < 0) return fail_decrypting(L, m, p12);
  if (found > 0 && (PKCS12_mac_present(p12) || given == LUA_TNIL)) return 1;
  if (given == LUA_TNIL) return fail_passphrase(L, m, 0);
  if (!pem_get_passphrase(L, m, options, p)) return 0;
  if (strlen(p->text) != p->size)
    return pem_fail(L, m, "passphrase", "the passphrase for %s has a NUL byte",
                    pem_name(m));
  found = fits(p12, p->text, p->size);
  if (found < 0) return fail_decrypting(L, m, p12);
  if (found > 0) return 1;
  return fail_passphrase(L, m, 1);
}

/* ---- what is in it ---- */

/* Puts the leaf before the others. 0: no memory. */
static int join (Material *m, X509 *leaf, STACK_OF(X509) *others) {
  int i, done;
  m->certificates = others != NULL ? others : sk_X509_new_null();
  done = m->certificates != NULL;
  if (done && leaf != NULL) done = sk_X509_unshift(m->certificates, leaf) > 0;
  if (!done) X509_free(leaf);
  for (i = 0; done && i < sk_X509_num(m->certificates); i++)
    done = extension_cache_fill(sk_X509_value(m->certificates, i));
  return done;
}

/* It has no MAC, by which a passphrase can be checked. */
static int fail_without_mac (lua_State *L, const Material *m, PKCS12 *p12,
                             const Passphrase *p) {
  if (is_memory() || ERR_GET_REASON(ERR_peek_error()) == ERR_R_UNSUPPORTED)
    return fail_decrypting(L, m, p12);
  return fail_passphrase(L, m, p->text != NULL);
}

static int take_out (lua_State *L, Material *m, PKCS12 *p12,
                     const Passphrase *p) {
  STACK_OF(X509) *others = NULL;
  X509 *leaf = NULL;
  int has_mac = PKCS12_mac_present(p12);
  errors_clear();
  /* OpenSSL 3.0 takes no passphrase where there is no MAC. */
  if (!has_mac && p->text != NULL &&
      !PKCS12_set_mac(p12, p->text, (int)p->size, NULL, 0, 1, EVP_sha256()))
    return fail_decrypting(L, m, p12);
  if (!PKCS12_parse(p12, p->text, &m->key, &leaf, &others))
    return has_mac ? fail_decrypting(L, m, p12)
                   : fail_without_mac(L, m, p12, p);
  if (!join(m, leaf, others))
    return pem_fail(L, m, "memory", "out of memory");
  errors_clear();
  if (m->key == NULL)
    return pem_fail(L, m, "pem", "no private key in %s", pem_name(m));
  if (leaf == NULL)
    return pem_fail(L, m, "pem", "no certificate for the private key in %s",
                    pem_name(m));
  return 1;
}

/* Not PKCS#12: what is it? */
static int fail_parsing (lua_State *L, const Material *m) {
  int is_string = m->file == NULL;
  if (is_memory()) return pem_fail(L, m, "memory", "out of memory");
  errors_clear();
  return pem_fail(L, m, "pem", "%s is not PKCS#12: PEM and DER go in options "
                  "%s%s", pem_name(m), is_string ? "cert and key" :
                  "certfile and keyfile", is_string ?
                  ", a file's name in option pkcs12_file" : "");
}

int pkcs12_read (lua_State *L, Material *m, int options) {
  const unsigned char *p = m->bytes;
  Passphrase passphrase = {NULL, 0, 0};
  PKCS12 **box = box_push(L);
  errors_clear();
  *box = d2i_PKCS12(NULL, &p, (long)m->size);
  if (*box == NULL) return fail_parsing(L, m);
  if (!find_passphrase(L, m, options, *box, &passphrase)) return 0;
  if (!take_out(L, m, *box, &passphrase)) return 0;
  PKCS12_free(*box);
  *box = NULL;
  return 1;
}

void pkcs12_open (lua_State *L) {
  compat_newmetatable(L, PKCS12_T);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
