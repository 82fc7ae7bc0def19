/*
** truststore.c -- threads that verify with the system's trust, all of which
** start when nothing is read yet. truststore_spec.lua builds and runs it.
**
** usage: truststore intermediate.crt leaf.crt...
** Each leaf must verify, by the intermediate if needed.
*/

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "x509/truststore.h"

#define THREADS 8
#define ROUNDS 10

static X509 **certificates;  /* the intermediate first; NULL ends them */

static void give_up (const char *what) {
  fprintf(stderr, "%s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static X509 *load (const char *name) {
  BIO *file = BIO_new_file(name, "r");
  X509 *x509 = PEM_read_bio_X509(file, NULL, NULL, NULL);
  BIO_free(file);
  if (x509 == NULL) give_up(name);
  return x509;
}

static void verify (X509_STORE *store, X509 *leaf, STACK_OF(X509) *others) {
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();
  if (!X509_STORE_CTX_init(ctx, store, leaf, others)) give_up("no context");
  if (X509_verify_cert(ctx) != 1)
    give_up(X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
  X509_STORE_CTX_free(ctx);
}

static void *run (void *unused) {
  STACK_OF(X509) *others = sk_X509_new_null();
  int round, i;
  sk_X509_push(others, certificates[0]);
  for (round = 0; round < ROUNDS; round++) {
    Trust trust;
    X509_STORE *shared = truststore_system(&trust);
    X509_STORE *own = X509_STORE_new();
    X509_STORE *again = truststore_system(&trust);
    if (again != shared) give_up("two stores of the same trust");
    X509_STORE_free(again);
    if (shared == NULL || !truststore_add_system(own, &trust))
      give_up("no store");
    for (i = 1; certificates[i] != NULL; i++) {
      verify(shared, certificates[i], others);
      verify(own, certificates[i], others);
    }
    X509_STORE_free(shared);
    X509_STORE_free(own);
  }
  sk_X509_free(others);
  if (ERR_peek_error() != 0) give_up("left in the error queue");
  return unused;
}

int main (int argc, char **argv) {
  pthread_t threads[THREADS];
  int i;
  certificates = calloc((size_t)argc, sizeof(*certificates));
  for (i = 1; i < argc; i++) certificates[i - 1] = load(argv[i]);
  for (i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, run, NULL) != 0) give_up("no thread");
  for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (i = 1; i < argc; i++) X509_free(certificates[i - 1]);
  free(certificates);
  puts("done");
  return 0;
}
