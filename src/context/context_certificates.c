/*
** context_certificates.c -- whom a context trusts.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "context/context_certificates.h"
#include "base/errors.h"
#include "context/pem.h"
#include "base/quote.h"
#include "x509/truststore.h"

#define NAMES_MAX 60000  /* of 65535 bytes in a CertificateRequest */
#define TEXT_MAX 512

static int add_certificates (lua_State *L, X509_STORE *store, Material *m) {
  int i;
  if (!pem_read_certificates(L, m)) return 0;
  for (i = 0; i < sk_X509_num(m->certificates); i++) {
    if (X509_STORE_add_cert(store, sk_X509_value(m->certificates, i))) continue;
    errors_fail(L, m->option, NULL);
    return 0;
  }
  pem_clear(m);
  return 1;
}

int context_certificates_trust (lua_State *L, SSL_CTX *ctx, int options) {
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  Material *file = pem_push(L);
  Material *string = pem_push(L);
  Material *directory = pem_push(L);
  if (!pem_take_file(L, file, options, "ca_certs")) return 0;
  if (file->bytes != NULL && !add_certificates(L, store, file)) return 0;
  if (!pem_take_string(L, string, options, "ca_data")) return 0;
  if (string->bytes != NULL && !add_certificates(L, store, string)) return 0;
  if (!pem_take_directory(L, directory, options, "ca_path")) return 0;
  if (directory->file == NULL ||
      X509_STORE_load_path(store, (const char *)directory->bytes)) return 1;
  errors_file(L, directory->option, NULL, directory->file, NULL);
  return 0;
}

int context_certificates_fail_system (lua_State *L, const Trust *trust) {
  char name[QUOTE_ROOM], text[TEXT_MAX], room[REASON_MAX];
  if (trust->error == 0) errors_fail(L, "system_trust", NULL);
  else {
    quote_name(name, trust->path);
    if (trust->error == TRUST_COLON)
      snprintf(text, sizeof(text), "the real path of %s (%s) has a colon, "
               "where OpenSSL would take it apart", name, trust->variable);
    else
      snprintf(text, sizeof(text), "cannot read %s (%s): %s", name,
               trust->variable, failure_system_reason(trust->error, room));
    errors_file(L, "system_trust", "file", trust->path, text);
  }
  return 0;
}

int context_certificates_trust_system (lua_State *L, SSL_CTX *ctx, int own,
                                       Policy *policy) {
  Trust trust;
  X509_STORE *shared = NULL;
  int done;
  if (own) done = truststore_add_system(SSL_CTX_get_cert_store(ctx), &trust);
  else done = (shared = truststore_system(&trust)) != NULL;
  if (!done) return context_certificates_fail_system(L, &trust);
  if (shared != NULL) SSL_CTX_set_cert_store(ctx, shared);
  policy->unread = trust.unread;
  policy->bare = trust.bare;
  return 1;
}

static int is_announced (SSL_CTX *ctx, const X509_NAME *name) {
  const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
  int i;
  for (i = 0; i < sk_X509_NAME_num(names); i++)
    if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0) return 1;
  return 0;
}

/* One more name; 0: see the error queue. `*total` is the list's size. */
static int announce (SSL_CTX *ctx, X509 *x509, int *total) {
  if (x509 == NULL || is_announced(ctx, X509_get_subject_name(x509))) return 1;
  *total += i2d_X509_NAME(X509_get_subject_name(x509), NULL) + 2;
  return *total > NAMES_MAX || SSL_CTX_add_client_CA(ctx, x509);
}

/* RFC 8446, 4.2.4. A list that its message cannot hold is left out, as clients
** send nothing for a list that lacks their CA, and try with none. */
int context_certificates_announce (SSL_CTX *ctx) {
  X509_STORE *store = SSL_CTX_get_cert_store(ctx);
  STACK_OF(X509_OBJECT) *objects = compat_objects_take(store);
  int i, done = objects != NULL, total = 0;
  for (i = 0; done && total <= NAMES_MAX && i < sk_X509_OBJECT_num(objects);
       i++)
    done = announce(ctx, X509_OBJECT_get0_X509(
                           sk_X509_OBJECT_value(objects, i)), &total);
  compat_objects_leave(store, objects);
  if (total > NAMES_MAX) SSL_CTX_set_client_CA_list(ctx, NULL);
  return done;
}

void context_certificates_complete (SSL_CTX *ctx) {
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(ctx, &chain);
    if (sk_X509_num(chain) <= 0)
      SSL_CTX_build_cert_chain(ctx, SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                                    SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
                                    SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR);
  }
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
}
