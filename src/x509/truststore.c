/*
** truststore.c -- the system's trust anchors, shared by the whole process.
**
** They are the union of a file and of hashed directories: OpenSSL's own, or
** what SSL_CERT_FILE and SSL_CERT_DIR name. OpenSSL parses the file once for
** each context, 20 to 35 ms and 850 KiB; here it is read once for all, and
** parsed once, not before an issuer is missing. The directories are asked
** first: they read one certificate at a time.
**
** What a context trusts is fixed when it is made: the file's content, and
** where the directories are, by their real paths. What the environment, the
** working directory and symbolic links say later is for later contexts.
**
** OpenSSL calls a store's lookups without holding the store's lock. Locks
** are taken in this order: shared, bundle, store.
*/

#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "x509/anchors.h"
#include "x509/bundle.h"
#include "x509/issuer_choice.h"
#include "base/compat.h"
#include "base/environment.h"
#include "base/files.h"
#include "base/file_identity.h"
#include "x509/truststore.h"

/* What one store's lookup knows. */
typedef struct Filling {
  Bundle *bundle;  /* shared, counted; NULL: there is no file */
  int filled;      /* the store has the anchors; the bundle's lock guards it */
} Filling;

/* Where anchors come from now. The strings are borrowed. */
typedef struct Sources {
  const char *file;         /* "": none */
  const char *directories;  /* with colons between them */
  int named;                /* the file, by the environment */
  uint64_t file_stamp;      /* changes when the file does */
  uint64_t stamp;           /* changes when the directories do */
} Sources;

/* What was made of them. */
typedef struct State {
  char *file, *directories;  /* owned; real paths with colons between them */
  uint64_t file_stamp, stamp;
  Bundle *bundle;            /* shared, counted; NULL: there is no file */
  int unread;                /* why not: an errno; 0: none is wanted */
  int bare;                  /* neither file nor directories hold any */
  X509_STORE *store;         /* shared, counted; NULL: nobody asked yet */
  int digested;              /* `digest` is known */
  unsigned char digest[ANCHOR_SIZE];
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

/* The lookup: a store's way to the bundle */

/* Fills the lookup's store from the bundle, once; 0: it could not. */
static int fill (X509_LOOKUP *lookup) {
  Filling *f = X509_LOOKUP_get_method_data(lookup);
  return f != NULL && f->bundle != NULL &&
         bundle_fill(f->bundle, X509_LOOKUP_get_store(lookup), &f->filled);
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

/* Takes the next of a list: 1, and `path` is it; 0: there is none. */
static int next_path (const char **list, char *path) {
  while (*list != NULL) {
    size_t length = strcspn(*list, ":");
    int fits = length > 0 && length < PATH_MAX;
    if (fits) memcpy(path, *list, length);
    path[fits ? length : 0] = '\0';
    *list = (*list)[length] == '\0' ? NULL : *list + length + 1;
    if (fits) return 1;
  }
  return 0;
}

/* Of those that are there: the same by other names, and by real ones. */
static uint64_t file_identity_directories (const char *list) {
  char path[PATH_MAX];
  uint64_t stamp = 0;
  while (next_path(&list, path)) {
    uint64_t next = stamp;
    if (file_identity_path(&next, path)) stamp = next;
  }
  return stamp;
}

static void sources_find (Sources *s) {
  s->file = environment_get(X509_get_default_cert_file_env());
  s->named = s->file != NULL;
  if (!s->named) s->file = X509_get_default_cert_file();
  s->directories = environment_get(X509_get_default_cert_dir_env());
  if (s->directories == NULL) s->directories = X509_get_default_cert_dir();
  s->file_stamp = 0;
  file_identity_path(&s->file_stamp, s->file);
  s->stamp = file_identity_directories(s->directories);
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
  if (bundle_share(bundle)) {
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

static int fail (Trust *trust, int error, const char *variable,
                 const char *path) {
  trust->error = error;
  trust->variable = variable;
  OPENSSL_strlcpy(trust->path, path, sizeof(trust->path));
  return 0;
}

/* Adds the real path of a directory to the list, unless it does not exist: 1;
** or 0, see `trust`. */
static int add_real (char **list, const char *path, Trust *trust) {
  char real[PATH_MAX];
  uint64_t unused = 0;
  size_t length = strlen(*list);
  int error = files_real(path, real);
  char *longer;
  if (error != 0 && !file_identity_path(&unused, path)) return 1;
  if (error == 0 && strchr(real, ':') != NULL) error = TRUST_COLON;
  if (error != 0)
    return fail(trust, error, X509_get_default_cert_dir_env(), path);
  longer = OPENSSL_realloc(*list, length + strlen(real) + 2);
  if (longer == NULL) return 0;
  *list = longer;
  if (length > 0) longer[length++] = ':';
  strcpy(longer + length, real);
  return 1;
}

static int state_find (State *state, const Sources *s, Trust *trust) {
  const char *list = s->directories;
  char path[PATH_MAX];
  state->directories = OPENSSL_strdup("");
  if (state->directories == NULL) return 0;
  while (next_path(&list, path))
    if (!add_real(&state->directories, path, trust)) return 0;
  return 1;
}

/* Whether a file that cannot be read is as good as none. A bundle that
** somebody has named is to be there; and want of descriptors passes. */
static int is_missing (const Sources *s, int error) {
  return !s->named && (error == ENOENT || error == ENOTDIR || error == EACCES
                       || error == EISDIR || error == ELOOP);
}

static int is_file_of (const State *state, const Sources *s) {
  return state->file_stamp == s->file_stamp && state->file != NULL
         && strcmp(state->file, s->file) == 0;
}

/* Whether no certificate has a hashed name there, "5ed36f99.0". Nobody knows
** when descriptors or memory are wanting. */
static int is_bare (const char *directory) {
  DIR *stream = opendir(directory);
  struct dirent *entry;
  int found = 0;
  if (stream == NULL)
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
  while (!found && (entry = readdir(stream)) != NULL) {
    const char *name = entry->d_name;
    found = strspn(name, "0123456789abcdef") == 8 && name[8] == '.'
            && name[9] >= '0' && name[9] <= '9';
  }
  closedir(stream);
  return !found;
}

static int are_bare (const char *directories) {
  char path[PATH_MAX];
  while (next_path(&directories, path))
    if (!is_bare(path)) return 0;
  return 1;
}

/* The file's bytes, or those of the state before if it is the same. */
static int state_read (State *state, const Sources *s, Trust *trust) {
  const State *before = &shared.state;
  int error;
  if (*s->file == '\0') return 1;
  if (before->bundle != NULL && is_file_of(before, s)) {
    if (!bundle_share(before->bundle)) return 0;
    state->bundle = before->bundle;
    return 1;
  }
  state->bundle = bundle_read(s->file, &error);
  if (state->bundle != NULL) return 1;
  if (is_missing(s, error)) {
    state->unread = error;
    return 1;
  }
  return fail(trust, error, X509_get_default_cert_file_env(), s->file);
}

static int state_make (State *state, const Sources *s, Trust *trust) {
  memset(state, 0, sizeof(*state));
  state->file_stamp = s->file_stamp;
  state->stamp = s->stamp;
  state->file = OPENSSL_strdup(s->file);
  state->store = X509_STORE_new();
  if (state->file != NULL && state->store != NULL &&
      state_find(state, s, trust) && state_read(state, s, trust) &&
      add_sources(state->store, state->directories, state->bundle)) {
    issuer_choice_install(state->store);
    state->bare = bundle_is_bare(state->bundle)
                  && are_bare(state->directories);
    return 1;
  }
  state_free(state);
  return 0;
}

/* The real paths may have come to name other directories. */
static int state_holds (const State *state, const Sources *s) {
  return state->store != NULL && is_file_of(state, s) &&
         !(s->named && state->unread != 0) && state->stamp == s->stamp &&
         state->stamp == file_identity_directories(state->directories);
}

/* Locks `shared`, whose state is then what the system says now. Contexts that
** have the store of a former state keep it alive. */
static int enter (Trust *trust) {
  Sources sources;
  State fresh;
  memset(trust, 0, sizeof(*trust));
  if (!CRYPTO_THREAD_run_once(&shared_once, shared_make) ||
      shared.lock == NULL || !CRYPTO_THREAD_write_lock(shared.lock)) {
    ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
    return 0;
  }
  sources_find(&sources);
  if (!state_holds(&shared.state, &sources)) {
    if (!state_make(&fresh, &sources, trust)) {
      CRYPTO_THREAD_unlock(shared.lock);
      return 0;
    }
    state_free(&shared.state);
    shared.state = fresh;
  }
  trust->unread = shared.state.unread;
  trust->bare = shared.state.bare;
  return 1;
}

X509_STORE *truststore_system (Trust *trust) {
  X509_STORE *store = NULL;
  if (!enter(trust)) return NULL;
  if (X509_STORE_up_ref(shared.state.store)) store = shared.state.store;
  CRYPTO_THREAD_unlock(shared.lock);
  return store;
}

int truststore_add_system (X509_STORE *store, Trust *trust) {
  int done;
  if (!enter(trust)) return 0;
  done = add_sources(store, shared.state.directories, shared.state.bundle);
  CRYPTO_THREAD_unlock(shared.lock);
  return done;
}

/* A store of its own: the shared one is filled when an issuer is missing. */
static int add_bundle (Anchors *anchors, Bundle *bundle) {
  X509_STORE *store;
  int filled = 0, done;
  if (bundle_is_bare(bundle)) return 1;
  store = X509_STORE_new();
  done = store != NULL && bundle_fill(bundle, store, &filled)
         && anchors_add_store(anchors, store);
  X509_STORE_free(store);
  return done;
}

/* `shared` is locked. */
static int state_digest (State *state) {
  Anchors anchors;
  memset(&anchors, 0, sizeof(anchors));
  state->digested = add_bundle(&anchors, state->bundle)
                    && anchors_add_directories(&anchors, state->directories)
                    && anchors_digest(&anchors, state->digest);
  anchors_free(&anchors);
  return state->digested;
}

int truststore_digest (unsigned char *digest, Trust *trust) {
  int done;
  if (!enter(trust)) return 0;
  done = shared.state.digested || state_digest(&shared.state);
  if (done) memcpy(digest, shared.state.digest, ANCHOR_SIZE);
  CRYPTO_THREAD_unlock(shared.lock);
  return done;
}

void truststore_fill (X509_STORE *store) {
  if (shared.method != NULL) fill(X509_STORE_add_lookup(store, shared.method));
}

void truststore_places (const char **file, const char **directories) {
  Sources sources;
  sources_find(&sources);
  *file = sources.file;
  *directories = sources.directories;
}

uint64_t truststore_stamp (void) {
  Sources sources;
  sources_find(&sources);
  return sources.file_stamp * 31 + sources.stamp;
}
