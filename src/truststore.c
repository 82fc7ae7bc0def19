/*
** truststore.c -- the system's trust anchors, shared by the whole process.
**
** They are the union of a file and of hashed directories: OpenSSL's own, or
** what SSL_CERT_FILE and SSL_CERT_DIR name. OpenSSL reads the file once for
** each context, 20 to 35 ms and 850 KiB; here it is read once for all, and
** not before an issuer is missing. The directories are asked first: they
** read one certificate at a time.
**
** OpenSSL calls a store's lookups without holding the store's lock. Locks
** are taken in this order: shared, bundle, store.
*/

/* secure_getenv: a setuid program does not let its caller choose whom it
** trusts. */
#define _GNU_SOURCE 1

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "compat.h"
#include "stamp.h"
#include "truststore.h"

/* A file of anchors. */
typedef struct Bundle {
  char *file;               /* owned */
  CRYPTO_RWLOCK *lock;      /* owned; guards what follows */
  int count;                /* users */
  STACK_OF(X509) *anchors;  /* owned; NULL: not read yet */
} Bundle;

/* What one store's lookup knows. */
typedef struct Filling {
  Bundle *bundle;  /* shared, counted; NULL: there is no file */
  int filled;      /* the store has the anchors; the bundle's lock guards it */
} Filling;

/* Where anchors come from now. The strings are borrowed. */
typedef struct Sources {
  const char *file;
  const char *directories;  /* with colons between them */
  int has_file;
  uint64_t stamp;           /* changes when one of them does */
} Sources;

/* What was made of them. */
typedef struct State {
  char *file, *directories;  /* owned */
  uint64_t stamp;
  Bundle *bundle;            /* shared, counted; NULL: there is no file */
  X509_STORE *store;         /* shared, counted; NULL: nobody asked yet */
} State;

/* What the whole process shares. */
static struct {
  CRYPTO_RWLOCK *lock;         /* guards what follows */
  X509_LOOKUP_METHOD *method;  /* of the lookup that fills stores */
  State state;
} shared;

static CRYPTO_ONCE shared_once = CRYPTO_ONCE_STATIC_INIT;

static void shared_make (void) {
  shared.lock = CRYPTO_THREAD_lock_new();
}

/* Bundle */

static void bundle_release (Bundle *bundle) {
  int count = 0;
  if (bundle == NULL) return;
  if (bundle->lock != NULL) {
    if (!CRYPTO_THREAD_write_lock(bundle->lock)) return;
    count = --bundle->count;
    CRYPTO_THREAD_unlock(bundle->lock);
  }
  if (count > 0) return;
  sk_X509_pop_free(bundle->anchors, X509_free);
  CRYPTO_THREAD_lock_free(bundle->lock);
  OPENSSL_free(bundle->file);
  OPENSSL_free(bundle);
}

static Bundle *bundle_new (const char *file) {
  Bundle *bundle = OPENSSL_zalloc(sizeof(*bundle));
  if (bundle == NULL) return NULL;
  bundle->count = 1;
  bundle->lock = CRYPTO_THREAD_lock_new();
  bundle->file = OPENSSL_strdup(file);
  if (bundle->lock != NULL && bundle->file != NULL) return bundle;
  bundle_release(bundle);
  return NULL;
}

static int bundle_share (Bundle *bundle) {
  if (!CRYPTO_THREAD_write_lock(bundle->lock)) return 0;
  bundle->count++;
  CRYPTO_THREAD_unlock(bundle->lock);
  return 1;
}

/* Certificates up to the file's end. One that is damaged is left out and
** takes no other with it; 0: no memory, and half a list is none. */
static int read_anchors (BIO *file, STACK_OF(X509) *anchors) {
  for (;;) {
    unsigned long error;
    X509 *x509;
    ERR_set_mark();
    x509 = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    error = x509 == NULL ? ERR_peek_last_error() : 0;
    ERR_pop_to_mark();
    if (x509 == NULL) {
      if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) return 0;
      if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
          ERR_GET_REASON(error) == PEM_R_NO_START_LINE) return 1;
    }
    else if (!sk_X509_push(anchors, x509)) {
      X509_free(x509);
      return 0;
    }
  }
}

/* Reads the file; a failure is not remembered: want of descriptors or memory
** passes. The bundle is locked. */
static int bundle_read (Bundle *bundle) {
  STACK_OF(X509) *anchors = sk_X509_new_null();
  BIO *file;
  int done;
  ERR_set_mark();
  file = BIO_new_file(bundle->file, "r");
  done = file != NULL && anchors != NULL && read_anchors(file, anchors);
  BIO_free(file);
  ERR_pop_to_mark();
  if (done) bundle->anchors = anchors;
  else sk_X509_pop_free(anchors, X509_free);
  return done;
}

/* The lookup: a store's way to the bundle */

static int add_anchors (X509_STORE *store, STACK_OF(X509) *anchors) {
  int i;
  for (i = 0; i < sk_X509_num(anchors); i++)
    if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i))) return 0;
  return 1;
}

/* Fills the lookup's store from the bundle, once; 0: it could not. */
static int fill (X509_LOOKUP *lookup) {
  Filling *f = X509_LOOKUP_get_method_data(lookup);
  Bundle *bundle;
  int filled;
  if (f == NULL || f->bundle == NULL) return 0;
  bundle = f->bundle;
  if (!CRYPTO_THREAD_write_lock(bundle->lock)) return 0;
  if (!f->filled && (bundle->anchors != NULL || bundle_read(bundle)))
    f->filled = add_anchors(X509_LOOKUP_get_store(lookup), bundle->anchors);
  filled = f->filled;
  CRYPTO_THREAD_unlock(bundle->lock);
  return filled;
}

/* The certificate of that name in the store's memory, borrowed from the
** store, which never gives one up; or NULL. */
static X509 *remembered (X509_STORE *store, const X509_NAME *name) {
  STACK_OF(X509_OBJECT) *objects = compat_objects_take(store);
  X509_OBJECT *object;
  X509 *x509 = NULL;
  if (objects == NULL) return NULL;
  object = X509_OBJECT_retrieve_by_subject(objects, X509_LU_X509, name);
  if (object != NULL) x509 = X509_OBJECT_get0_X509(object);
  compat_objects_leave(store, objects);
  return x509;
}

static int on_subject (X509_LOOKUP *lookup, X509_LOOKUP_TYPE type,
                       const X509_NAME *name, X509_OBJECT *found) {
  X509 *x509;
  if (type != X509_LU_X509 || !fill(lookup)) return 0;
  x509 = remembered(X509_LOOKUP_get_store(lookup), name);
  if (x509 == NULL || !X509_OBJECT_set1_X509(found, x509)) return 0;
  X509_free(x509);  /* the caller counts this reference itself */
  return 1;
}

static void on_free (X509_LOOKUP *lookup) {
  Filling *f = X509_LOOKUP_get_method_data(lookup);
  if (f == NULL) return;
  bundle_release(f->bundle);
  OPENSSL_free(f);
}

/* `shared` is locked. */
static X509_LOOKUP_METHOD *method_get (void) {
  X509_LOOKUP_METHOD *method = shared.method;
  if (method != NULL) return method;
  method = X509_LOOKUP_meth_new("LuaSSL: anchors of a shared file");
  if (method == NULL) return NULL;
  if (X509_LOOKUP_meth_set_get_by_subject(method, on_subject) &&
      X509_LOOKUP_meth_set_free(method, on_free))
    return shared.method = method;
  X509_LOOKUP_meth_free(method);
  return NULL;
}

/* OpenSSL asks no lookup about a name it has in memory, so that a certificate
** in the file would hide its namesake in a directory, or the other way round:
** the renewed CA behind the expired one. */

/* Brings all certificates of that name into memory; 0: they were. */
static int gather (X509_STORE *store, const X509_NAME *name) {
  X509_LOOKUP *directory = X509_STORE_add_lookup(store,
                                                 X509_LOOKUP_hash_dir());
  X509_OBJECT *object;
  if (remembered(store, name) == NULL) return 0;  /* all were asked */
  fill(X509_STORE_add_lookup(store, shared.method));
  object = X509_OBJECT_new();
  if (object == NULL) return 1;
  if (X509_LOOKUP_by_subject(directory, X509_LU_X509, name, object) > 0)
    X509_OBJECT_up_ref_count(object);  /* the result was not counted */
  X509_OBJECT_free(object);
  return 1;
}

static int on_issuer (X509 **issuer, X509_STORE_CTX *ctx,
                      CompatIssued *x509) {
  const X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
  int found = X509_STORE_CTX_get1_issuer(issuer, ctx, x509);
  if (found < 0) return found;
  if (found > 0 && compat_in_date(param, *issuer)) return found;
  if (!gather(X509_STORE_CTX_get0_store(ctx), X509_get_issuer_name(x509)))
    return found;
  if (found > 0) X509_free(*issuer);
  return X509_STORE_CTX_get1_issuer(issuer, ctx, x509);
}

/* Sources */

static const char *from_environment (const char *name, const char *standard) {
#if defined(__linux__)
  const char *value = secure_getenv(name);
#else
  const char *value = getuid() == geteuid() && getgid() == getegid()
                      ? getenv(name) : NULL;
#endif
  return value != NULL ? value : standard;
}

static void stamp_directories (uint64_t *stamp, const char *list) {
  char path[4096];
  for (;;) {
    size_t length = strcspn(list, ":");
    if (length < sizeof(path)) {
      memcpy(path, list, length);
      path[length] = '\0';
      stamp_path(stamp, path);
    }
    if (list[length] == '\0') return;
    list += length + 1;
  }
}

static void sources_find (Sources *s) {
  s->file = from_environment(X509_get_default_cert_file_env(),
                             X509_get_default_cert_file());
  s->directories = from_environment(X509_get_default_cert_dir_env(),
                                    X509_get_default_cert_dir());
  s->stamp = 0;
  s->has_file = stamp_path(&s->stamp, s->file);
  stamp_directories(&s->stamp, s->directories);
}

/* The shared store. In what follows, `shared` is locked. */

static int add_lookup (X509_STORE *store, Bundle *bundle) {
  X509_LOOKUP_METHOD *method = method_get();
  X509_LOOKUP *lookup = method == NULL ? NULL
                                       : X509_STORE_add_lookup(store, method);
  Filling *f;
  if (lookup == NULL) return 0;
  if (X509_LOOKUP_get_method_data(lookup) != NULL) return 1;  /* has one */
  f = OPENSSL_zalloc(sizeof(*f));
  if (f == NULL) return 0;
  if (bundle == NULL || bundle_share(bundle)) {
    f->bundle = bundle;
    return X509_LOOKUP_set_method_data(lookup, f);
  }
  OPENSSL_free(f);
  return 0;
}

/* Directories first: lookups are asked in the order they came. */
static int add_sources (X509_STORE *store, const char *directories,
                        Bundle *bundle) {
  X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
  if (lookup == NULL) return 0;
  if (*directories != '\0' &&
      X509_LOOKUP_add_dir(lookup, directories, X509_FILETYPE_PEM) <= 0)
    return 0;
  X509_STORE_set_get_issuer(store, on_issuer);
  return add_lookup(store, bundle);
}

static void state_free (State *state) {
  X509_STORE_free(state->store);
  bundle_release(state->bundle);
  OPENSSL_free(state->file);
  OPENSSL_free(state->directories);
}

static int state_make (State *state, const Sources *sources) {
  memset(state, 0, sizeof(*state));
  state->stamp = sources->stamp;
  state->file = OPENSSL_strdup(sources->file);
  state->directories = OPENSSL_strdup(sources->directories);
  state->store = X509_STORE_new();
  if (sources->has_file) state->bundle = bundle_new(sources->file);
  if (state->file != NULL && state->directories != NULL &&
      state->store != NULL && (state->bundle != NULL || !sources->has_file) &&
      add_sources(state->store, state->directories, state->bundle))
    return 1;
  state_free(state);
  return 0;
}

static int state_holds (const State *state, const Sources *sources) {
  return state->store != NULL && state->stamp == sources->stamp &&
         strcmp(state->file, sources->file) == 0 &&
         strcmp(state->directories, sources->directories) == 0;
}

/* Locks `shared`, whose state is then what the system says now. Contexts that
** have the store of a former state keep it alive. */
static int enter (void) {
  Sources sources;
  State fresh;
  if (!CRYPTO_THREAD_run_once(&shared_once, shared_make) ||
      shared.lock == NULL || !CRYPTO_THREAD_write_lock(shared.lock)) {
    ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
    return 0;
  }
  sources_find(&sources);
  if (state_holds(&shared.state, &sources)) return 1;
  if (state_make(&fresh, &sources)) {
    state_free(&shared.state);
    shared.state = fresh;
    return 1;
  }
  CRYPTO_THREAD_unlock(shared.lock);
  return 0;
}

X509_STORE *truststore_system (void) {
  X509_STORE *store = NULL;
  if (!enter()) return NULL;
  if (X509_STORE_up_ref(shared.state.store)) store = shared.state.store;
  CRYPTO_THREAD_unlock(shared.lock);
  return store;
}

int truststore_add_system (X509_STORE *store) {
  int done;
  if (!enter()) return 0;
  done = add_sources(store, shared.state.directories, shared.state.bundle);
  CRYPTO_THREAD_unlock(shared.lock);
  return done;
}

uint64_t truststore_stamp (void) {
  Sources sources;
  sources_find(&sources);
  return sources.stamp;
}
