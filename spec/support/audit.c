/*
** audit.c -- for the specs alone: counts what is alive in this process.
** OpenSSL tells of every new and freed object of the types that carry
** ex_data, so the counts are exact and the product needs no hook.
*/
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#define LINK_SIZE 512

typedef struct Kind {
  const char *name;
  int class_index;  /* CRYPTO_EX_INDEX_* */
  int registered;
  int live;
} Kind;

static Kind kinds[] = {
  {"SSL", CRYPTO_EX_INDEX_SSL, 0, 0},
  {"SSL_CTX", CRYPTO_EX_INDEX_SSL_CTX, 0, 0},
  {"X509", CRYPTO_EX_INDEX_X509, 0, 0},
  {NULL, 0, 0, 0},
};

static void on_new (void *parent, void *value, CRYPTO_EX_DATA *data,
                    int index, long number, void *kind) {
  (void)parent;
  (void)value;
  (void)number;
  if (CRYPTO_set_ex_data(data, index, kind)) {
    __atomic_add_fetch(&((Kind *)kind)->live, 1, __ATOMIC_RELAXED);
  }
}

/* Objects made before the registration carry no mark and do not count. */
static void on_free (void *parent, void *value, CRYPTO_EX_DATA *data,
                     int index, long number, void *kind) {
  (void)parent;
  (void)data;
  (void)index;
  (void)number;
  if (value == kind) {
    __atomic_sub_fetch(&((Kind *)kind)->live, 1, __ATOMIC_RELAXED);
  }
}

/* counts(): {SSL = n, SSL_CTX = n, X509 = n}, the live objects. */
static int audit_counts (lua_State *L) {
  Kind *kind;
  lua_newtable(L);
  for (kind = kinds; kind->name != NULL; kind++) {
    lua_pushinteger(L, __atomic_load_n(&kind->live, __ATOMIC_RELAXED));
    lua_setfield(L, -2, kind->name);
  }
  return 1;
}

/* descriptors(): {[fd] = what it leads to}, without the one that looks. */
static int audit_descriptors (lua_State *L) {
  DIR *directory;
  struct dirent *entry;
  lua_newtable(L);
  directory = opendir("/proc/self/fd");
  if (directory == NULL) return luaL_error(L, "no /proc/self/fd");
  while ((entry = readdir(directory)) != NULL) {
    char target[LINK_SIZE];
    ssize_t size;
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(directory)) continue;
    size = readlinkat(dirfd(directory), entry->d_name, target, LINK_SIZE);
    lua_pushlstring(L, target, size < 0 ? 0 : (size_t)size);
    lua_rawseti(L, -2, fd);
  }
  closedir(directory);
  return 1;
}

/* queue(): the newest entry of this thread's error queue, 0 when empty, and
** its text; the queue stays as it is. */
static int audit_queue (lua_State *L) {
  unsigned long code = ERR_peek_last_error();
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  lua_pushnumber(L, (lua_Number)code);
  lua_pushstring(L, text);
  return 2;
}

/* dirty([data]): leaves an entry in the queue, as another library might. */
static int audit_dirty (lua_State *L) {
  ERR_raise_data(ERR_LIB_USER, ERR_R_DISABLED, "%s", luaL_optstring(L, 1, ""));
  return 0;
}

/* clean(): empties the queue. */
static int audit_clean (lua_State *L) {
  (void)L;
  ERR_clear_error();
  return 0;
}

static const luaL_Reg functions[] = {
  {"clean", audit_clean},
  {"counts", audit_counts},
  {"descriptors", audit_descriptors},
  {"dirty", audit_dirty},
  {"queue", audit_queue},
  {NULL, NULL},
};

int luaopen_luassl_audit (lua_State *L);

int luaopen_luassl_audit (lua_State *L) {
  const luaL_Reg *function;
  Kind *kind;
  for (kind = kinds; kind->name != NULL; kind++) {
    if (kind->registered) continue;  /* an index is for ever */
    kind->registered = 1;
    if (CRYPTO_get_ex_new_index(kind->class_index, 0, kind, on_new, NULL,
                                on_free) < 0) {
      return luaL_error(L, "no ex_data index for %s", kind->name);
    }
  }
  lua_newtable(L);
  for (function = functions; function->name != NULL; function++) {
    lua_pushcfunction(L, function->func);
    lua_setfield(L, -2, function->name);
  }
  return 1;
}
