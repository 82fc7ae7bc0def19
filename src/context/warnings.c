/*
** warnings.c -- what looks wrong with the certificates that a context shows,
** though it can be used: peers may think otherwise. They are judged when the
** caller asks, as dates pass and the system's trust changes.
*/

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/errors.h"
#include "context/identity.h"
#include "context/ocsp_staple.h"
#include "context/pem.h"
#include "context/warnings.h"
#include "x509/ocsp_judgement.h"
#include "x509/truststore.h"

#define NAME_SIZE 200
#define TIME_SIZE 64
#define TEXT_SIZE 1024

/* Adds a warning to the list at the top. */
static void add (lua_State *L, const Material *m, const char *kind,
                 const char *format, ...) {
  char text[TEXT_SIZE], room[MATERIAL_PLACE];
  const char *place = pem_place(m, room);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, place);
  lua_setfield(L, -2, "option");
  if (m->file != NULL && !quote_hides(m->file, strlen(m->file))) {
    lua_pushstring(L, m->file);
    lua_setfield(L, -2, "file");
  }
  lua_pushfstring(L, "%s: %s", place, text);
  lua_setfield(L, -2, "text");
  lua_rawseti(L, -2, (int)compat_rawlen(L, -2) + 1);
}

/* Copies what OpenSSL has printed. */
static const char *printed (BIO *bio, int done, char *room, size_t size) {
  char *text = NULL;
  long length = bio == NULL || !done ? 0 : BIO_get_mem_data(bio, &text);
  char bytes[TEXT_SIZE];
  if (length >= (long)sizeof(bytes)) length = (long)sizeof(bytes) - 1;
  if (length > 0) memcpy(bytes, text, (size_t)length);
  bytes[length > 0 ? length : 0] = '\0';
  quote_clean(room, size, length > 0 ? bytes : "?");
  BIO_free(bio);
  return room;
}

static const char *name_text (const X509_NAME *name, char *room) {
  BIO *bio = BIO_new(BIO_s_mem());
  int done = bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253
             & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0;
  return printed(bio, done, room, NAME_SIZE);
}

static const char *time_text (const ASN1_TIME *time, char *room) {
  BIO *bio = BIO_new(BIO_s_mem());
  int done = bio != NULL && ASN1_TIME_print(bio, time);
  return printed(bio, done, room, TIME_SIZE);
}

/* ---- one after the other ---- */

static void check_dates (lua_State *L, const Material *m) {
  char name[NAME_SIZE], date[TIME_SIZE];
  int i;
  for (i = 0; i < sk_X509_num(m->certificates); i++) {
    X509 *x509 = sk_X509_value(m->certificates, i);
    const ASN1_TIME *first = X509_get0_notBefore(x509);
    const ASN1_TIME *last = X509_get0_notAfter(x509);
    name_text(X509_get_subject_name(x509), name);
    if (X509_cmp_time(last, NULL) < 0)
      add(L, m, "expired", "certificate %d in %s (%s) expired on %s", i + 1,
          pem_name(m), name, time_text(last, date));
    if (X509_cmp_time(first, NULL) > 0)
      add(L, m, "not_yet_valid", "certificate %d in %s (%s) is not valid "
          "before %s", i + 1, pem_name(m), name, time_text(first, date));
  }
}

static void check_order (lua_State *L, const Material *m) {
  if (m->reordered)
    add(L, m, "order", "the certificates in %s are out of order: it should be "
        "the key's, then each one's issuer, and so they are sent",
        pem_name(m));
}

/* Whether the issuer is in the store; below 0: no memory. */
static int has_issuer (X509_STORE *store, X509 *x509) {
  X509_STORE_CTX *search = X509_STORE_CTX_new();
  X509 *issuer = NULL;
  int found = -1;
  if (search != NULL && X509_STORE_CTX_init(search, store, NULL, NULL))
    found = X509_STORE_CTX_get1_issuer(&issuer, search, x509);
  X509_free(issuer);
  X509_STORE_CTX_free(search);
  return found;
}

/* Whether this context, or else the system, trusts the issuer. */
static int is_known (SSL_CTX *ctx, X509 *x509) {
  Trust trust;
  X509_STORE *system;
  int found = has_issuer(SSL_CTX_get_cert_store(ctx), x509);
  if (found != 0) return found;
  system = truststore_system(&trust);
  if (system == NULL) return trust.error != 0 ? 0 : -1;
  found = has_issuer(system, x509);
  X509_STORE_free(system);
  return found;
}

/* The chain goes up to a root, or to where peers may have one. 0: no
** memory. */
static int check_end (lua_State *L, SSL_CTX *ctx, const Material *m) {
  STACK_OF(X509) *chain = m->certificates;
  char name[NAME_SIZE], issuer[NAME_SIZE];
  X509 *x509 = sk_X509_value(chain, 0);
  int i, known;
  for (i = 1; i < sk_X509_num(chain); i++) {
    if (X509_check_issued(sk_X509_value(chain, i), x509) != X509_V_OK) break;
    x509 = sk_X509_value(chain, i);
  }
  if (X509_NAME_cmp(X509_get_subject_name(x509),
                    X509_get_issuer_name(x509)) == 0) return 1;
  errors_clear();
  known = is_known(ctx, x509);
  /* A look-up without memory may have found nothing, without a word. */
  if (known == 0) known = is_known(ctx, x509);
  if (known != 0) return known > 0;
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) return 0;
  name_text(X509_get_subject_name(x509), name);
  name_text(X509_get_issuer_name(x509), issuer);
  add(L, m, "incomplete", "the chain in %s ends with %s: its issuer %s is "
      "neither there nor trusted here, and peers that do not have it cannot "
      "verify", pem_name(m), name, issuer);
  return 1;
}

/* Of the OCSP response that is shown with the certificate, or should be. */
static void check_staple (lua_State *L, const Material *m) {
  X509 *leaf = sk_X509_value(m->certificates, 0);
  const Staple *staple = ocsp_staple_of(leaf);
  time_t now = time(NULL);
  if (staple == NULL) {
    if (ocsp_judgement_is_demanded(leaf, NULL) > 0)
      add(L, m, "must_staple", "the certificate in %s demands an OCSP response "
          "(must-staple), and there is none for it: see ocsp_response",
          pem_name(m));
  }
  else if (staple->facts.status == V_OCSP_CERTSTATUS_REVOKED)
    add(L, m, "ocsp_revoked", "the OCSP response for the certificate in %s "
        "says that it was revoked", pem_name(m));
  else if (!ocsp_staple_is_of(staple, now))
    add(L, m, "ocsp_not_shown", "the OCSP response for the certificate in %s "
        "%s, and is not shown: a newer one is needed (reload)", pem_name(m),
        staple->facts.status == V_OCSP_CERTSTATUS_UNKNOWN
        ? "says that its responder does not know the certificate"
        : "is out of date or of a later time");
}

static const char *key_type (const Material *m) {
  EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(m->certificates, 0));
  return key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
}

/* The userdata in the list at `list`. */
static Material *get (lua_State *L, int list, int i) {
  Material *m;
  lua_rawgeti(L, list, i);
  m = lua_touserdata(L, -1);
  lua_pop(L, 1);  /* the list has it */
  return m;
}

/* One of a type of key is all that OpenSSL keeps. */
static void check_replaced (lua_State *L, int list, int i, int n) {
  const Material *m = get(L, list, i), *other;
  const char *type = key_type(m);
  char room[MATERIAL_PLACE];
  int j;
  for (j = i + 1; type != NULL && j <= n; j++) {
    other = get(L, list, j);
    if (key_type(other) == NULL || strcmp(type, key_type(other)) != 0) continue;
    add(L, m, "replaced", "it is not used: %s has a key of the same type (%s) "
        "and takes its place", pem_place(other, room), type);
    return;
  }
}

int warnings_push (lua_State *L, SSL_CTX *ctx, int options,
                   int server_side) {
  int list = lua_gettop(L) + 1, i, n = 0;
  identity_push_taken(L, options);
  if (lua_istable(L, list)) n = (int)compat_rawlen(L, list);
  lua_newtable(L);
  for (i = 1; i <= n; i++) {
    const Material *m = get(L, list, i);
    check_order(L, m);
    if (!check_end(L, ctx, m)) return errors_fail(L, "warnings", NULL);
    check_dates(L, m);
    if (server_side) check_staple(L, m);
    check_replaced(L, list, i, n);
    errors_clear();
  }
  lua_remove(L, list);
  return 1;
}
